//! Everything that differs between operating systems: guard pages, what a
//! crash was, how worker processes end, interrupts, how many threads there are, the CPU time of
//! a thread, and following a process instruction by instruction. Nothing outside this folder asks which system it runs on.
//!
//! Guard pages come from the `region` crate (Unix, macOS, Windows). Where they
//! cannot be had, a [`GuardedBuffer`] carries sentinels instead: bytes around
//! the buffer that must still be there afterwards.

mod access;
pub mod faults;
mod guard;
pub mod heap;
pub mod interrupt;
mod process;
pub mod steps;
mod threads;
mod time;

pub use guard::{Guard, GuardedBuffer};
pub use process::{apart_from_terminal, describe_exit, keep_freed_memory, tie_to_parent};
pub use threads::threads;
pub use time::thread_time_ns;
