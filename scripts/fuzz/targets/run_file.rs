//! Run files, whole, broken and cut; and tables of known faults of upstream.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use qassay_fuzz::{Bounded, folder};
use qassay_golden::captures::Known;
use qassay_reports::input;
use qassay_suites::runner::{Kept, Run};

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| folder().join("run.jsonl"));

fuzz_target!(|bytes: &[u8]| {
    std::fs::write(&*PLACE, bytes).expect("room for the input");
    let whole = Run::read(&PLACE);
    let _ = Kept::read(&PLACE);
    let read = input::read(&[&*PLACE]);
    if whole.is_ok() {
        assert_eq!(read.runs.len(), 1, "{:?}", read.notes);
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = Known::parse(text);
    }
});
