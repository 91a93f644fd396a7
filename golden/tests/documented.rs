//! Captures in the documented form (SCHEMA.md, "Captures"), written as a user would.

use std::fs::{self, File};
use std::path::Path;

use ndarray::{arr1, arr2};
use ndarray_npy::NpzWriter;
use qassay_golden::captures::{CaptureError, Known, Row, UNKNOWN_PROFILE, solved};
use serde_json::json;

fn check(dir: &Path) -> Result<Vec<Row>, CaptureError> {
    let checked = qassay_golden::captures::check(dir, Known::built_in()?, |_| ())?;
    Ok(checked.rows)
}

/// A linear of two products a row: x [2, 2], w [1, 2], scales 1, output zero point 3.
fn spec() -> serde_json::Value {
    let steps = |zero_point: i32| json!({"scale": 1.0, "zero_point": zero_point});
    json!({"linear": {
        "m": 2, "n": 1, "k": 2,
        "activation": {"quantized": {"dtype": "u8", "qparams": steps(0)}},
        "weights": {"per_tensor": steps(0)},
        "bias": "none",
        "output": {"quantized": {"dtype": "u8", "qparams": steps(3)}},
        "relu": false,
    }})
}

fn write(dir: &Path, entry: serde_json::Value, outputs: [u8; 2]) {
    let mut npz = NpzWriter::new(File::create(dir.join("a.npz")).unwrap());
    npz.add_array("input0", &arr2(&[[1u8, 2], [3, 4]])).unwrap();
    npz.add_array("weights", &arr2(&[[5i8, 6]])).unwrap();
    npz.add_array("output0", &arr2(&[[outputs[0]], [outputs[1]]]))
        .unwrap();
    npz.finish().unwrap();
    let manifest = json!({"system": "mine", "version": "7", "files": [entry]});
    fs::write(dir.join("manifest.json"), manifest.to_string()).unwrap();
}

#[test]
fn a_named_profile_is_held_to() {
    let dir = tempfile::tempdir().unwrap();
    let entry = json!({"file": "a.npz", "engine": "fast", "spec": spec(), "profile": "exact"});
    write(dir.path(), entry.clone(), [20, 42]);
    let rows = check(dir.path()).unwrap();
    assert_eq!((rows.len(), rows[0].values, rows[0].mismatches), (1, 2, 0));
    assert_eq!((&*rows[0].engine, rows[0].profile), ("fast", Some("exact")));
    write(dir.path(), entry, [20, 43]);
    let rows = check(dir.path()).unwrap();
    assert_eq!(rows[0].mismatches, 1);
    assert!(rows[0].differs());
}

#[test]
fn without_a_profile_it_is_a_problem_to_identify() {
    let dir = tempfile::tempdir().unwrap();
    write(
        dir.path(),
        json!({"file": "a.npz", "spec": spec()}),
        [20, 42],
    );
    let found = solved(dir.path()).unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((&*found[0].system, &*found[0].op), ("mine", "linear"));
    assert_eq!(found[0].outputs[0].profile, UNKNOWN_PROFILE);
    assert_eq!(found[0].outputs[0].engine, "-");
    let rows = check(dir.path()).unwrap();
    assert!(!rows[0].covered());
    assert!(rows[0].note.as_ref().unwrap().contains("qassay identify"));
}

#[test]
fn mistakes_name_the_file_and_the_array() {
    let dir = tempfile::tempdir().unwrap();
    let error = |entry| {
        write(dir.path(), entry, [20, 42]);
        check(dir.path()).unwrap_err().to_string()
    };
    let wrong = error(json!({"file": "a.npz", "spec": spec(), "profile": "exakt"}));
    assert!(
        wrong.contains("a.npz") && wrong.contains("exakt"),
        "{wrong}"
    );
    let mut with_bias = spec();
    with_bias["linear"]["bias"] = json!("f32");
    let wrong = error(json!({"file": "a.npz", "spec": with_bias}));
    assert!(
        wrong.contains("a.npz") && wrong.contains("`bias`"),
        "{wrong}"
    );
    let mut wide = spec();
    wide["linear"]["m"] = json!(3);
    let wrong = error(json!({"file": "a.npz", "spec": wide}));
    assert!(wrong.contains("a.npz") && wrong.contains('3'), "{wrong}");
}

#[test]
fn outputs_may_be_left_out_but_not_all() {
    let dir = tempfile::tempdir().unwrap();
    let spec = json!({"choose_qparams": {
        "len": 2,
        "request": {"dtype": "u8", "range": null, "symmetric": false, "reduce_range": false},
    }});
    let entry = json!({"file": "a.npz", "spec": spec, "profile": "pytorch-observer"});
    let write = |zero_point: Option<i32>| {
        let mut npz = NpzWriter::new(File::create(dir.path().join("a.npz")).unwrap());
        npz.add_array("input0", &arr1(&[0f32, 255.0])).unwrap();
        if let Some(zero_point) = zero_point {
            npz.add_array("output1", &arr1(&[zero_point])).unwrap();
        }
        npz.finish().unwrap();
        let manifest = json!({"system": "mine", "version": "7", "files": [entry]});
        fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
        check(dir.path())
    };
    let rows = write(Some(0)).unwrap();
    assert_eq!((rows.len(), rows[0].values, rows[0].mismatches), (1, 1, 0));
    assert_eq!(write(Some(1)).unwrap()[0].mismatches, 1);
    let error = write(None).unwrap_err().to_string();
    assert!(
        error.contains("a.npz") && error.contains("no output"),
        "{error}"
    );
}
