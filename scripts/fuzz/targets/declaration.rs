//! Declarations of backends that are not of this build.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qassay_backends::external;
use qassay_fuzz::Bounded;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fuzz_target!(|text: &str| {
    // What is right lives as long as the process: it describes itself and is read as the same.
    if let Ok(declaration) = external::parse("plugin:mine", text) {
        let described = external::describe(declaration);
        let again = external::parse("plugin:mine", &described).expect("what was described");
        assert_eq!(external::describe(again), described);
    }
});
