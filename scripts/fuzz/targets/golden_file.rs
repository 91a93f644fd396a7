//! Golden files: read, and every case of them turned into a problem.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use qassay_fuzz::{Bounded, folder};
use qassay_golden::vectors;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| folder().join("golden.json"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*PLACE, bytes).expect("room for the input");
    if let Ok(file) = vectors::read_file(&PLACE) {
        for case in &file.cases {
            let _ = case.problem();
        }
    }
});
