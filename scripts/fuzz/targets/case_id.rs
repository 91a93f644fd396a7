//! Case ids, shards and names of profiles: what users type. What is read prints as text that
//! is read as the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use qassay_backends::profile_name;
use qassay_fuzz::Bounded;
use qassay_suites::case::CaseId;
use qassay_suites::runner::Shard;

#[global_allocator]
static ALLOCATOR: Bounded = Bounded;

fuzz_target!(|text: &str| {
    if let Ok(case) = text.parse::<CaseId>() {
        let printed = case.to_string();
        assert_eq!(printed.parse::<CaseId>().expect("what was printed"), case);
    }
    if let Ok(shard) = text.parse::<Shard>() {
        assert_eq!(shard.to_string().parse::<Shard>().expect("as printed"), shard);
    }
    // What is found lives as long as the process.
    if text.len() < 64 {
        let _ = profile_name::resolve(text);
    }
});
