//! How a worker process ended, in words.

use std::process::{Command, ExitStatus};

/// What ended a process, e.g. `SIGSEGV` or `exit code 101`.
pub fn describe_exit(status: ExitStatus) -> String {
    #[cfg(unix)]
    {
        use std::os::unix::process::ExitStatusExt;
        if let Some(signal) = status.signal() {
            return signal_name(signal).map_or_else(|| format!("signal {signal}"), str::to_owned);
        }
    }
    match status.code() {
        // Windows reports exceptions as exit codes.
        #[cfg(windows)]
        Some(code) if code as u32 == 0xc000_0005 => "access violation".into(),
        #[cfg(windows)]
        Some(code) if code as u32 == 0xc000_001d => "illegal instruction".into(),
        Some(code) => format!("exit code {code}"),
        None => "unknown end".into(),
    }
}

#[cfg(unix)]
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        libc::SIGSEGV => "SIGSEGV",
        libc::SIGBUS => "SIGBUS",
        libc::SIGILL => "SIGILL",
        libc::SIGABRT => "SIGABRT",
        libc::SIGFPE => "SIGFPE",
        libc::SIGTRAP => "SIGTRAP",
        libc::SIGKILL => "SIGKILL",
        libc::SIGTERM => "SIGTERM",
        _ => return None,
    })
}

/// What a terminal sends on Ctrl-C shall not reach the process that is started, where the
/// system can tell processes apart that way (Unix).
pub fn apart_from_terminal(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    #[cfg(not(unix))]
    let _ = command;
}

/// Makes this process end when its parent does, even in the midst of a hanging
/// kernel, where the system can do that (Linux). Elsewhere a worker ends when
/// its standard input does.
pub fn tie_to_parent() {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call that takes a signal number.
    unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    }
}

/// Makes this process keep freed memory for the next case, where the system's allocator
/// can be told so (glibc): operands of many megabytes that go back to the system are
/// faulted in again page by page, which costs a fifth of the time of exhaustive suites.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        // SAFETY: plain calls that take two integers; a refusal changes nothing.
        unsafe {
            // Nothing in mappings of its own, which end when they are freed.
            libc::mallopt(libc::M_MMAP_MAX, 0);
            libc::mallopt(libc::M_TRIM_THRESHOLD, libc::c_int::MAX);
        }
    }
}
