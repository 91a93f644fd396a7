//! A program behind the worker protocol (`workers subject FAULT`): it answers with
//! the reference under `exact`, and does what its fault's name says in the case
//! with 3 rows, or when it is greeted.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use qassay_golden::ops::reference;
use qassay_golden::profile::named;
use qassay_golden::spec::{Constants, OpSpec, Problem};
use qassay_golden::tensor::{Data, Tensor};
use qassay_golden::witness::Witness;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde_json::{Value, json};

/// Serves until standard input ends.
pub fn main(fault: &str) -> ExitCode {
    let mut kernels: HashMap<u64, (OpSpec, Constants)> = HashMap::new();
    while let Some((message, tensors)) = read() {
        let mut outputs = Vec::new();
        let answer = if message.get("hello").is_some() {
            match fault {
                "ends-at-once" => {
                    eprintln!("a reason");
                    return ExitCode::from(3);
                }
                "will-not" => json!({"refuse": {"why": "no such instructions here"}}),
                "speaks-another" => json!({"declare": {"protocol": 7, "backend": {}}}),
                "mumbles" => json!({"declare": {"protocol": 1, "backend": {"name": "x", "isa": "x",
                    "profile": "exakt", "ops": ["linear"]}}}),
                _ => json!({"declare": {"protocol": 1, "backend": {"name": "subject", "isa": "any",
                    "profile": "exact", "ops": ["linear"], "preconditions": []}}}),
            }
        } else if let Some(cases) = message.pointer("/prepare/cases") {
            let case = &cases[0];
            let op: OpSpec = serde_json::from_value(case["op"].clone()).expect("an op");
            let here = rows(&op) == 3;
            let entry = match fault {
                "has-no-3" if here => json!({"unsupported": "3\nrows"}),
                "wants-no-3" if here => json!({"precondition": "rows must not be 3"}),
                "cannot-pack" if here => json!({"error": "no memory"}),
                _ => json!({"ready": {"chosen": "plain"}}),
            };
            let tensor = |name: &str| tensors.get(&format!("0.{name}")).cloned();
            let constants = Constants {
                weights: tensor("weights"),
                bias: tensor("bias"),
            };
            kernels.insert(case["kernel"].as_u64().expect("a number"), (op, constants));
            json!({"prepared": {"cases": [entry]}})
        } else if let Some(cases) = message.pointer("/run/cases") {
            let (op, constants) = &kernels[&cases[0]["kernel"].as_u64().expect("a number")];
            let here = rows(op) == 3;
            if here {
                misbehave(fault);
            }
            let problem = Problem {
                op: op.clone(),
                constants: constants.clone(),
                inputs: vec![tensors["0.input.0"].clone()],
            };
            let exact = &named::find("exact").expect("a profile").profile;
            let given = reference(&problem, exact, &mut Witness::default()).expect("defined");
            outputs.push(given[0].clone());
            if here && fault == "flips" {
                let Data::U8(codes) = given[0].data() else {
                    panic!("codes of u8");
                };
                let mut codes = codes.clone();
                codes[5] ^= 1;
                outputs[0] = Tensor::new(given[0].shape(), Data::U8(codes)).expect("as many");
            }
            if here && fault == "gives-less" {
                outputs[0] = Tensor::new([1], Data::U8(vec![0])).expect("one");
            }
            if here && fault == "errs" {
                json!({"ran": {"cases": [{"error": "cannot:\n 3 rows"}]}})
            } else {
                json!({"ran": {"cases": [{"done": {}}]}})
            }
        } else if let Some(released) = message.pointer("/release/kernels") {
            for number in released.as_array().expect("numbers") {
                kernels.remove(&number.as_u64().expect("a number"));
            }
            continue;
        } else {
            return ExitCode::SUCCESS;
        };
        write(&answer, &outputs);
    }
    ExitCode::SUCCESS
}

fn misbehave(fault: &str) {
    match fault {
        "ends" => {
            eprintln!("first words\n\nno more");
            std::process::exit(7);
        }
        "aborts" => std::process::abort(),
        "prints" => {
            print!("hello, this is text");
            let _ = std::io::stdout().flush();
        }
        "claims" => {
            let _ = std::io::stdout().write_all(&(u64::MAX / 2).to_le_bytes());
            let _ = std::io::stdout().flush();
            std::thread::sleep(Duration::from_secs(1));
        }
        "stops-short" => {
            let _ = std::io::stdout().write_all(&1000u64.to_le_bytes());
            let _ = std::io::stdout().write_all(b"{}");
            std::process::exit(0);
        }
        _ if fault.starts_with("hangs:") => {
            let file = &fault["hangs:".len()..];
            std::fs::write(file, std::process::id().to_string()).expect("a file");
            loop {
                std::thread::sleep(Duration::from_secs(1));
            }
        }
        _ => {}
    }
}

fn rows(op: &OpSpec) -> usize {
    match op {
        OpSpec::Linear(spec) => spec.m,
        _ => 0,
    }
}

fn read() -> Option<(Value, HashMap<String, Tensor>)> {
    let mut length = [0; 8];
    std::io::stdin().read_exact(&mut length).ok()?;
    let mut file = vec![0; u64::from_le_bytes(length) as usize];
    std::io::stdin().read_exact(&mut file).ok()?;
    let (_, metadata) = SafeTensors::read_metadata(&file).expect("a file");
    let message = &metadata.metadata().as_ref().expect("metadata")["qassay"];
    let message = serde_json::from_str(message).expect("JSON");
    let tensors = SafeTensors::deserialize(&file).expect("tensors");
    let tensors = (tensors.iter())
        .map(|(name, view)| (name.to_owned(), tensor(&view)))
        .collect();
    Some((message, tensors))
}

fn tensor(view: &TensorView<'_>) -> Tensor {
    let bytes = view.data();
    let words = || bytes.chunks_exact(4).map(|b| [b[0], b[1], b[2], b[3]]);
    let data = match view.dtype() {
        Dtype::U8 => Data::U8(bytes.to_vec()),
        Dtype::I8 => Data::I8(bytes.iter().map(|&b| b as i8).collect()),
        Dtype::I32 => Data::I32(words().map(i32::from_le_bytes).collect()),
        Dtype::F32 => Data::F32(words().map(f32::from_le_bytes).collect()),
        other => panic!("{other:?} is not sent"),
    };
    Tensor::new(view.shape(), data).expect("as many values as the shape says")
}

fn write(message: &Value, outputs: &[Tensor]) {
    let bytes: Vec<Vec<u8>> = outputs.iter().map(|t| t.data().to_le_bytes()).collect();
    let views = outputs
        .iter()
        .zip(&bytes)
        .enumerate()
        .map(|(number, (tensor, bytes))| {
            let view = TensorView::new(Dtype::U8, tensor.shape().to_vec(), bytes).expect("codes");
            (format!("0.output.{number}"), view)
        });
    let metadata = HashMap::from([("qassay".to_owned(), message.to_string())]);
    let file = serialize(views, Some(metadata)).expect("a file");
    let mut out = std::io::stdout().lock();
    // The other side may be gone; standard input then ends, too.
    let _ = out.write_all(&(file.len() as u64).to_le_bytes());
    let _ = out.write_all(&file);
    let _ = out.flush();
}
