//! The reference against the committed captures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use qassay_golden::captures::{self, Checked, Known, Row, layers};

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("captures")
}

fn checked(dir: &Path) -> Checked {
    let known = Known::built_in().unwrap();
    captures::check(dir, known, |_| ()).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn the_reference_gives_every_committed_value() {
    let checked = checked(&committed());
    assert_eq!(checked.changes, []);
    let rows = checked.rows;
    let shown: BTreeSet<String> = (rows.iter())
        .filter(|row| row.source.is_some())
        .map(|row| format!("{} {} {} {}", row.system, row.version, row.op, row.engine))
        .collect();
    let known = &Known::built_in().unwrap().faults;
    let listed: BTreeSet<String> = known.iter().map(|fault| fault.place()).collect();
    assert_eq!(shown, listed, "every known fault is one that is committed");
    let differing: Vec<&Row> = rows.iter().filter(|row| row.differs()).collect();
    assert!(differing.is_empty(), "{differing:#?}");
    let mut values: BTreeMap<(&str, &str, &str), u64> = BTreeMap::new();
    for row in rows.iter().filter(|row| row.covered()) {
        assert_eq!(
            row.open, 0,
            "the profile of a real engine leaves nothing open: {row:?}"
        );
        *values
            .entry((&row.system, &row.engine, &row.op))
            .or_default() += row.values;
    }
    let covered = |system, engine, ops: &[&'static str]| {
        for op in ops {
            let count = values.get(&(system, engine, *op)).copied().unwrap_or(0);
            assert!(count > 0, "{system}: {engine} {op} is not covered");
        }
    };
    let products = [
        "linear",
        "linear_dynamic",
        "conv1d",
        "conv2d",
        "conv3d",
        "depthwise2d",
        "depthwise3d",
        "add",
        "mul",
        "relu",
        "avg_pool",
        "max_pool",
        "clamp",
        "sigmoid",
        "tanh",
        "hardswish",
        "hardsigmoid",
    ];
    let real_ops = [
        "leaky_relu",
        "elu",
        "softmax",
        "concat",
        "add_scalar",
        "mul_scalar",
        "resize_nearest",
        "resize_bilinear",
        "layer_norm",
        "batch_norm",
        "conv_transpose2d",
    ];
    for engine in ["fbgemm", "x86", "onednn", "qnnpack"] {
        covered("torch-2.15", engine, &products);
        covered("torch-2.15", engine, &real_ops);
        covered(
            "minilm-l6-torch",
            engine,
            &["softmax", "layer_norm", "gelu", "batch_matmul"],
        );
    }
    for engine in ["onednn", "qnnpack"] {
        covered("torch-debian-1.13", engine, &products);
        covered("torch-debian-1.13", engine, &real_ops);
    }
    covered("torch-2.15", "fbgemm", &["mean", "linear_half"]);
    covered("torch-2.15", "native", &["quantize_rows"]);
    covered("torch-debian-1.13", "observer", &["observe"]);
    for (system, engine) in [
        ("torch-2.15", "native"),
        ("torch-2.15", "observer"),
        ("torch-debian-1.13", "native"),
        ("nvidia-pytorch-quantization", "torch"),
        ("nni-3.0", "torch"),
        ("distiller", "torch"),
        ("distiller-d859fc8", "torch"),
        ("tensorflow", "tensorflow"),
        ("tensorflow", "tfmot"),
        ("coremltools", "coremltools"),
        ("qkeras-0.9.0", "tensorflow"),
        ("qkeras-git-78ea90f", "tensorflow"),
        ("paddleslim-2.6.0", "paddle"),
    ] {
        covered(system, engine, &["fake_quantize"]);
    }
    covered("qkeras-0.9.0", "tensorflow", &["power_of_two"]);
    let layers = ["conv2d", "linear", "approximate_scale"];
    covered("distiller-d859fc8", "torch", &layers);
    covered(
        "nni-3.0",
        "torch",
        &["choose_qparams", "fake_quantize_gradient"],
    );
    covered("torch-2.15", "native", &["quantize", "dequantize"]);
    covered("torch-2.15", "observer", &["observe", "choose_qparams"]);
    covered("torch-2.15", "dynamic", &["choose_qparams"]);
    covered("torch-2.15", "native", &["cast", "quantize_blocks"]);
    covered("torch-2.15", "observer", &["choose_real_qparams"]);
    let nodes = ["cast", "quantize_blocks", "dequantize_blocks", "linear"];
    covered("onnx-node-tests", "node-test", &nodes);
    covered("onnx-node-tests", "node-test", &["conv2d", "quantize"]);
    covered(
        "torchao",
        "torchao",
        &[
            "choose_qparams",
            "quantize_blocks",
            "dequantize_blocks",
            "round_trip",
            "linear_blocks",
        ],
    );
    covered("onnxruntime", "ort", &["quantize_blocks", "linear_blocks"]);
    covered(
        "onnxruntime-tools-1.32.0",
        "tools",
        &["choose_qparams", "quantize", "quantize_blocks"],
    );
    covered(
        "torch-2.15",
        "decomposed",
        &["quantize", "dequantize", "choose_qparams"],
    );
    let ort = [
        "quantize",
        "dequantize",
        "choose_qparams",
        "linear",
        "conv2d",
        "depthwise2d",
        "add",
        "mul",
        "avg_pool",
        "sigmoid",
        "leaky_relu",
        "softmax",
        "concat",
    ];
    covered("onnxruntime", "ort", &ort);
    covered("ppocr-cls-onnxruntime", "ort_default", &["softmax"]);
    covered("ppocr-rec-onnxruntime", "ort_precise", &["softmax"]);
    covered("ppocr-det-onnxruntime", "ort_default", &["resize_nearest"]);
    covered(
        "onnxruntime",
        "ort_x64precise",
        &["linear", "linear_dynamic", "conv2d", "conv3d"],
    );
    covered(
        "onnxruntime",
        "onnx_ref",
        &[
            "quantize",
            "dequantize",
            "choose_qparams",
            "linear",
            "conv2d",
        ],
    );
    covered(
        "litert-2.3.0",
        "xnnpack",
        &[
            "quantize",
            "dequantize",
            "linear",
            "conv2d",
            "depthwise2d",
            "add",
            "mul",
            "sigmoid",
            "tanh",
            "relu",
            "leaky_relu",
            "mean",
            "linear_rows",
        ],
    );
    covered("tf-2.21-lite", "xnnpack", &["batch_matmul"]);
    for engine in ["reference", "optimized"] {
        covered(
            "litert-2.3.0",
            engine,
            &[
                "quantize",
                "dequantize",
                "recode",
                "linear",
                "conv2d",
                "depthwise2d",
                "add",
                "sub",
                "mul",
                "clamp",
                "avg_pool",
                "max_pool",
                "sigmoid",
                "tanh",
                "softmax",
                "l2_normalize",
                "mean",
                "sum",
                "reduce_max",
                "leaky_relu",
                "maximum",
                "squared_difference",
                "abs",
                "exp",
                "rsqrt",
                "hardswish",
                "batch_matmul",
                "linear_rows",
            ],
        );
    }
    covered("litert-2.3.0", "optimized", &["elu"]);
    let of_weights = ["quantize", "choose_qparams"];
    covered("tf-2.21-converter", "converter", &of_weights);
    covered(
        "mxnet",
        "onednn",
        &["quantize", "dequantize", "requantize", "linear"],
    );
    covered("paddle-3.3.1-ops", "paddle", &["quantize", "dequantize"]);
    covered("paddle-3.3.1-ops", "calibrator", &["calibrate"]);
    covered(
        "tosa-tools-2026.8.0",
        "reference_model",
        &["conv2d", "linear"],
    );
    covered(
        "tosa-ref",
        "reference_model",
        &["rescale", "avg_pool", "conv2d", "depthwise2d", "linear"],
    );
    covered(
        "onnxruntime-tools-1.32.0",
        "tools",
        &["quantize", "choose_qparams"],
    );
    for system in [
        "ppocr-det-onnxruntime",
        "ppocr-rec-onnxruntime",
        "ppocr-cls-onnxruntime",
    ] {
        for engine in [
            "ort_default",
            "ort_precise",
            "torch_fbgemm",
            "torch_onednn",
            "torch_qnnpack",
        ] {
            covered(system, engine, &["conv2d", "depthwise2d", "add", "mul"]);
        }
    }
    covered(
        "digits-cnn-torch",
        "decomposed",
        &[
            "quantize",
            "dequantize",
            "avg_pool_f32",
            "flatten_f32",
            "linear_weight_only",
        ],
    );
    // On a CPU with AVX-512 VNNI, by scripts/upstream.
    for engine in ["fbgemm", "x86", "onednn", "qnnpack"] {
        covered(
            "pytorch",
            engine,
            &["linear", "linear_dynamic", "conv2d", "depthwise2d"],
        );
    }
    covered("pytorch", "aten", &["add", "mul", "relu", "sigmoid"]);
    covered("onnxruntime", "ort_qdq", &["add", "mul"]);
    covered("litert", "xnnpack", &["linear", "conv2d", "add", "mul"]);
    covered("torchao", "affine", &["quantize", "choose_qparams"]);
    for engine in ["fbgemm", "onednn", "qnnpack"] {
        covered("minilm-l6-torch", engine, &["linear", "linear_dynamic"]);
        covered(
            "digits-cnn-torch",
            engine,
            &[
                "quantize",
                "conv2d",
                "depthwise2d",
                "add",
                "avg_pool",
                "linear",
            ],
        );
    }
}

#[test]
fn layers_have_the_engines_outputs() {
    let layers: Vec<_> = layers(&committed().join("models")).unwrap().collect();
    for op in ["linear", "linear_dynamic", "conv2d", "depthwise2d"] {
        for profile in ["fbgemm", "onednn-jit-avx2"] {
            let with = layers
                .iter()
                .filter(|l| l.op == op && l.output_of(profile).is_some());
            assert!(with.count() >= 6, "{op} under {profile}");
        }
    }
    let (shape, dtype) = layers[0].problem.op.outputs().remove(0);
    let output = &layers[0].outputs[0].output;
    assert_eq!((output.shape(), output.dtype()), (shape.as_slice(), dtype));
}

#[test]
fn calibrators_choose_what_each_system_chose() {
    for system in [
        "nvidia-pytorch-quantization",
        "onnxruntime",
        "mxnet",
        "caffe-int8-convert-tools",
        "paddle",
        "paddleslim-2.6.0",
    ] {
        let rows = checked(&committed().join(system)).rows;
        let calibrated: Vec<&Row> = rows.iter().filter(|row| row.op == "calibrate").collect();
        let checked = calibrated
            .iter()
            .filter(|row| row.covered() && row.note.is_none());
        let (values, wrong) = checked.fold((0, 0), |(values, wrong), row| {
            (values + row.values, wrong + row.mismatches)
        });
        assert!(values >= 16, "{system}: {values} thresholds");
        assert_eq!(wrong, 0, "{system}: {calibrated:#?}");
    }
}
