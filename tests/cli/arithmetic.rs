//! Profiles side by side, and whose arithmetic captured outputs are.

use crate::program::{ends_with, one_line_error};

#[test]
fn profiles_are_listed_and_compared() {
    let parted = ends_with(
        &[
            "profiles",
            "diff",
            "pytorch-observer",
            "pytorch-fused-observer",
            "--suite",
            "choose-qparams",
        ],
        1,
        &[
            "qparams.symmetric: half-range → preserve-sparsity",
            "gives both values too",
        ],
    );
    assert!(!parted.contains("unseen"), "{parted}");
    ends_with(
        &["profiles", "diff", "fbgemm", "fbgemm"],
        0,
        &["the same choice on every axis"],
    );
    ends_with(
        &["profiles", "--stage", "requantize"],
        0,
        &["zero_", "gemm"],
    );
    ends_with(
        &["profiles", "exact", "--format", "csv"],
        0,
        &["profile,", "\nexact,"],
    );
    one_line_error(
        &["profiles", "--stage", "requantise"],
        &["requantise", "requantize"],
    );
    one_line_error(
        &["profiles", "diff", "onedn", "exact"],
        &["onedn", "onednn"],
    );
}

#[test]
fn captured_engines_are_identified() {
    ends_with(
        &[
            "identify",
            "golden/captures/torch-2.15",
            "--engine",
            "onednn",
        ],
        0,
        &[
            "linear",
            "onednn-jit-avx2",
            "one way here, another there",
            "pytorch-contiguous",
        ],
    );
    for (system, engine, profile) in [
        ("pytorch", "fbgemm", "fbgemm-vnni"),
        ("pytorch", "onednn", "onednn-brgemm"),
        ("pytorch", "qnnpack", "qnnpack, "),
        ("onnxruntime", "ort", "onnxruntime"),
        ("onnxruntime", "onnx_ref", "onnx-reference"),
    ] {
        let folder = format!("golden/captures/avx512-vnni/{system}");
        let line = format!("\n  profile  {profile}");
        ends_with(&["identify", &folder, "--engine", engine], 0, &[&line]);
    }
    one_line_error(
        &[
            "identify",
            "golden/captures/torch-2.15",
            "--engine",
            "ondnn",
        ],
        &["ondnn", "onednn"],
    );
    one_line_error(&["identify", "/nowhere"], &["/nowhere"]);
}

#[test]
fn model_shows_where_engines_part_and_that_each_is_itself() {
    let networks = "golden/captures/models/digits-cnn-torch";
    let parts = [
        "precondition not met: fbgemm sums pairs",
        "conv1    conv2d            16 384     854       854",
        "onednn (profile onednn-jit-avx2): every bit is the engine's",
        "onednn/avx2 ",
        "16 of 16 inputs classified right",
    ];
    let out = ends_with(&["model", &format!("{networks}/eager_onednn")], 0, &parts);
    let first = out.lines().nth(1).unwrap_or_default();
    assert!(first.starts_with("precondition not met"), "{out}");
}

#[test]
fn model_runs_networks_of_the_export_path() {
    let networks = "golden/captures/models/digits-cnn-torch";
    let parts = [
        "pt2e_x86inductor: PT2E X86InductorQuantizer 2.15.0",
        "not captured, the reference's values stand for them:",
        "decomposed (profile pytorch-decomposed-avx2): every bit is the engine's",
        "fbgemm (profile fbgemm): by the reference alone, nothing was captured",
        "fbgemm/avx2 ",
        "16 of 16 inputs classified right",
    ];
    ends_with(
        &["model", &format!("{networks}/pt2e_x86inductor")],
        0,
        &parts,
    );
    let parts = [
        "precondition not met: onednn sums pairs",
        "onednn (profile onednn-pt2e-jit-avx2): every bit is the engine's",
        "onednn/avx2 ",
        "not of its arithmetic: quantize_per_tensor,",
    ];
    let lowered = format!("{networks}/pt2e_x86inductor_lowered");
    ends_with(&["model", &lowered], 0, &parts);
}

#[test]
fn model_says_what_is_wrong_with_its_arguments() {
    let networks = "golden/captures/models/digits-cnn-torch";
    one_line_error(&["model", "golden"], &["golden", "holds no graph.json"]);
    one_line_error(
        &["model", "golden/captures/models/minilm-l6-torch/linear"],
        &["linear", "holds no graph.json"],
    );
    one_line_error(
        &[
            "model",
            &format!("{networks}/pt2e_xnnpack"),
            "--engine",
            "x86",
        ],
        &["no engine 'x86'", "there are decomposed, fbgemm"],
    );
    one_line_error(
        &["model", &format!("{networks}/eager_x86"), "--engine", "mkl"],
        &["no engine 'mkl'", "there are fbgemm, x86, onednn, qnnpack"],
    );
}
