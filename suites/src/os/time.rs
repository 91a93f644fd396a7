//! CPU time of one thread.

/// Nanoseconds of CPU time that this thread has had (POSIX `clock_gettime` with
/// `CLOCK_THREAD_CPUTIME_ID`); `None` where the system cannot say.
pub fn thread_time_ns() -> Option<u64> {
    #[cfg(unix)]
    {
        // SAFETY: an all-zero timespec is valid, and the call writes to it alone.
        let (result, time) = unsafe {
            let mut time: libc::timespec = std::mem::zeroed();
            let result = libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &mut time);
            (result, time)
        };
        (result == 0).then_some(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
    }
    #[cfg(not(unix))]
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_works_has_had_more_time_and_one_that_sleeps_has_not() {
        let Some(start) = thread_time_ns() else {
            return;
        };
        let mut sum = 0u64;
        while thread_time_ns() == Some(start) {
            sum = std::hint::black_box(sum + 1);
        }
        let before = thread_time_ns().unwrap();
        assert!(before > start);
        std::thread::sleep(std::time::Duration::from_millis(30));
        let slept = thread_time_ns().unwrap() - before;
        assert!(
            slept < 25_000_000,
            "{slept} ns of CPU time in a sleep of 30 ms"
        );
    }
}
