//! Frames of the worker protocol, as a worker sends them: one after the other in a stream.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qassay_backends::external;
use qassay_fuzz::Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fuzz_target!(|bytes: &[u8]| {
    let mut stream = bytes;
    while !stream.is_empty() {
        let before = stream.len();
        if external::read_answer(&mut stream).is_err() && stream.len() == before {
            break;
        }
    }
});
