//! What times are read from.

use std::time::Instant;

use crate::os::thread_time_ns;
use crate::record;

/// Something that tells the time.
pub trait Clock {
    /// Nanoseconds since some moment.
    fn now_ns(&mut self) -> u64;
    /// Which one it is.
    fn kind(&self) -> record::Clock;
}

/// CPU time of the calling thread: what else the machine does, and waiting for it, is left out.
struct ThreadTime;

impl Clock for ThreadTime {
    fn now_ns(&mut self) -> u64 {
        thread_time_ns().unwrap_or(0)
    }
    fn kind(&self) -> record::Clock {
        record::Clock::Thread
    }
}

/// Time that passes.
struct WallTime(Instant);

impl Clock for WallTime {
    fn now_ns(&mut self) -> u64 {
        self.0.elapsed().as_nanos() as u64
    }
    fn kind(&self) -> record::Clock {
        record::Clock::Wall
    }
}

/// The clock for kernels that may use this many threads: CPU time of the thread for one, where
/// the system has it, else the time that passes. CPU time of one thread says nothing about work
/// that others do.
pub fn clock(threads: usize) -> Box<dyn Clock + Send> {
    if threads == 1 && thread_time_ns().is_some() {
        Box::new(ThreadTime)
    } else {
        Box::new(WallTime(Instant::now()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_threads_are_timed_by_the_wall_clock() {
        assert_eq!(clock(2).kind(), record::Clock::Wall);
        if cfg!(unix) {
            assert_eq!(clock(1).kind(), record::Clock::Thread);
        }
        for threads in [1, 2] {
            let mut clock = clock(threads);
            let start = clock.now_ns();
            while clock.now_ns() == start {}
            assert!(clock.now_ns() > start);
        }
    }
}
