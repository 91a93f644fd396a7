//! How many threads this process has.

/// Threads of this process; `None` where the system does not tell.
#[cfg(target_os = "linux")]
pub fn threads() -> Option<u64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in parentheses, may hold anything; the count is the 18th behind it.
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(17)?.parse().ok()
}

/// Not known on this system.
#[cfg(not(target_os = "linux"))]
pub fn threads() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_thread_more_is_counted() {
        // Other tests start and end threads meanwhile: many more are started here.
        const MANY: u64 = 200;
        let before = threads().unwrap();
        let (hold, held) = mpsc::channel::<()>();
        let held = std::sync::Arc::new(std::sync::Mutex::new(held));
        let started: Vec<_> = (0..MANY)
            .map(|_| {
                let held = std::sync::Arc::clone(&held);
                std::thread::spawn(move || held.lock().unwrap().recv().is_err())
            })
            .collect();
        let with = threads().unwrap();
        assert!(with >= before + MANY / 2, "{before} and {with}");
        drop(hold);
        for thread in started {
            thread.join().unwrap();
        }
    }
}
