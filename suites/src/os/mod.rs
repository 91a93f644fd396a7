//! Everything that differs between operating systems: guard pages, what a
//! crash was, and how worker processes end. Nothing outside this folder asks
//! which system it runs on.
//!
//! Guard pages come from the `region` crate (Unix, macOS, Windows). Where they
//! cannot be had, a [`GuardedBuffer`] carries sentinels instead: bytes around
//! the buffer that must still be there afterwards.

mod access;
pub mod faults;
mod guard;
pub mod heap;
mod process;

pub use guard::{Guard, GuardedBuffer};
pub use process::{describe_exit, keep_freed_memory, tie_to_parent};
