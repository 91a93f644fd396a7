//! Specs that somebody wrote by hand, with a size of 0, a list that is too short, an axis that
//! does not exist: each is refused with a message or computed, and nothing panics.

use std::panic::{AssertUnwindSafe, catch_unwind};

use qassay_golden::ops::reference;
use qassay_golden::profile::named;
use qassay_golden::spec::{OpSpec, Problem};
use qassay_golden::vectors::{GoldenCase, default_dir, read_file};
use qassay_golden::witness::Witness;
use serde_json::{Value, json};

/// Cases of each golden file that are changed.
const CASES: usize = 3;

/// Every value below `spec` that can be changed, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, below) in fields {
                places(below, &format!("{at}/{name}"), found);
            }
        }
        Value::Array(entries) => {
            found.push(at.to_owned());
            for (index, below) in entries.iter().enumerate() {
                places(below, &format!("{at}/{index}"), found);
            }
        }
        Value::Number(_) => found.push(at.to_owned()),
        _ => {}
    }
}

/// What may be written instead of `value`.
fn changes(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(entries) => {
            let shorter = entries.len().saturating_sub(1);
            let longer = entries.iter().chain(entries.first()).cloned().collect();
            vec![
                json!([]),
                Value::Array(entries[..shorter].to_vec()),
                Value::Array(longer),
            ]
        }
        Value::Number(n) if n.is_f64() => vec![
            json!(0.0),
            json!(-1.0),
            json!(1e300),
            json!(3e38),
            json!(1e-300),
        ],
        _ => vec![
            json!(0),
            json!(-1),
            json!(1000),
            json!(1u64 << 40),
            json!(u64::MAX),
        ],
    }
}

/// What becomes of `case` with another spec; the message where it panics.
fn panics(case: &GoldenCase, spec: Value) -> Option<String> {
    let run = || {
        let Ok(op) = serde_json::from_value::<OpSpec>(spec) else {
            return;
        };
        let problem = Problem {
            op,
            ..case.problem()
        };
        for group in &case.expected {
            let profile = named::find(&group.profiles[0]).expect("a profile of the file");
            let _ = reference(&problem, &profile.profile, &mut Witness::default());
        }
    };
    let panic = catch_unwind(AssertUnwindSafe(run)).err()?;
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
}

#[test]
fn no_spec_panics() {
    let mut found = Vec::new();
    let folder = default_dir().join("vectors");
    let mut tried = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        for case in read_file(&path).unwrap().cases.iter().take(CASES) {
            let spec = serde_json::to_value(&case.spec).unwrap();
            let mut at = Vec::new();
            places(&spec, "", &mut at);
            for place in at {
                for change in changes(spec.pointer(&place).unwrap()) {
                    let mut changed = spec.clone();
                    *changed.pointer_mut(&place).unwrap() = change.clone();
                    tried += 1;
                    if let Some(why) = panics(case, changed) {
                        found.push(format!("{} {place} = {change}: {why}", case.name));
                    }
                }
            }
        }
    }
    assert!(tried > 5_000, "only {tried} specs were tried");
    assert!(
        found.is_empty(),
        "{} panic:\n{}",
        found.len(),
        found.join("\n")
    );
}

fn error(spec: Value) -> String {
    serde_json::from_value::<OpSpec>(spec)
        .unwrap_err()
        .to_string()
}

#[test]
fn messages_name_the_list() {
    let conv = |stride: Value, groups: usize| {
        let steps = json!({"scale": 1.0, "zero_point": 0});
        let codes = json!({"dtype": "u8", "qparams": steps});
        json!({"conv": {
            "batch": 1, "input": [4, 4], "in_channels": 2, "out_channels": 2, "kernel": [3, 3],
            "stride": stride, "pad_begin": [1, 1], "pad_end": [1, 1], "dilation": [1, 1],
            "groups": groups, "activation": codes, "weights": {"per_tensor": steps},
            "bias": "none", "output": {"quantized": codes}, "relu": false,
        }})
    };
    assert!(serde_json::from_value::<OpSpec>(conv(json!([1, 1]), 1)).is_ok());
    assert_eq!(
        error(conv(json!([0, 1]), 1)),
        "stride must be at least 1 in each dimension"
    );
    assert_eq!(
        error(conv(json!([1]), 1)),
        "stride has 1 dimensions, the kernel has 2"
    );
    assert_eq!(
        error(conv(json!([1, 1]), 0)),
        "0 groups do not divide 2 input and 2 output channels"
    );
    let pool = json!({"float": {"avg_pool": {
        "batch": 1, "input": [4, 4], "channels": 1, "kernel": [2, 2], "stride": [2],
    }}});
    assert_eq!(error(pool), "stride has 1 dimensions, the kernel has 2");
    let observe = json!({"observe": {
        "kind": "per_channel_min_max", "shape": [4], "batches": 1, "axis": 1,
    }});
    assert_eq!(error(observe), "axis 1 does not exist in shape [4]");
}
