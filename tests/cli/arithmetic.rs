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
