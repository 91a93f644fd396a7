//! Captures: a manifest and an archive of arrays, in one input: the length of the manifest in
//! its first four bytes, then the manifest, then `a.npz`.

#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use qassay_fuzz::{Bounded, folder};
use qassay_golden::captures::{Known, check, graph, solved};

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

static PLACE: LazyLock<PathBuf> = LazyLock::new(folder);

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk::<4>() else {
        return;
    };
    let length = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let (manifest, archive) = rest.split_at(length);
    std::fs::write(PLACE.join("manifest.json"), manifest).expect("room for the input");
    std::fs::write(PLACE.join("a.npz"), archive).expect("room for the input");
    let known = Known::built_in().expect("the known faults");
    let _ = check(&PLACE, known, |_| ());
    let _ = solved(&PLACE);
    let _ = graph(&PLACE);
});
