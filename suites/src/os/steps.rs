//! Following a process instruction by instruction, from one mark to the next (Linux with glibc, x86-64).

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
mod followed {
    use std::collections::HashMap;
    use std::io;
    use std::ops::Range;
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command};

    use crate::executed::{Executed, Kind, kind};

    /// More steps than this are not waited for: about a minute.
    const MOST: u64 = 20_000_000;

    /// Where `rip` lies in what the kernel tells of a process (`sys/user.h`).
    const RIP: usize = 16 * 8;

    /// Stops this process, if it is followed, and ends it otherwise.
    pub fn mark() {
        // SAFETY: a breakpoint, which changes no register and no memory.
        unsafe { std::arch::asm!("int3", options(nomem, nostack, preserves_flags)) };
    }

    /// Starts `command` and counts what its first thread executes between its two marks; then ends
    /// it.
    pub fn follow(command: &mut Command) -> Option<io::Result<Executed>> {
        let traced = || match request(libc::PTRACE_TRACEME, 0, 0, 0) {
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        // SAFETY: between fork and exec there is one system call, which takes no memory.
        let child = unsafe { command.pre_exec(traced) }.spawn();
        Some(child.and_then(|mut child| {
            let counted = Followed(child.id() as libc::pid_t).count();
            end(&mut child);
            counted
        }))
    }

    fn end(child: &mut Child) {
        // Both fail only if it has ended already.
        let _ = child.kill();
        let _ = child.wait();
    }

    struct Followed(libc::pid_t);

    impl Followed {
        fn count(&self) -> io::Result<Executed> {
            // It stops as its program is there, then at the first mark.
            self.stopped()?;
            request(
                libc::PTRACE_SETOPTIONS,
                self.0,
                0,
                libc::PTRACE_O_EXITKILL as usize,
            )?;
            self.go(libc::PTRACE_CONT)?;
            let library = self.library()?;
            let mut kinds: HashMap<usize, Option<Kind>> = HashMap::new();
            let mut executed = Executed::default();
            for _ in 0..MOST {
                let at = request(libc::PTRACE_PEEKUSER, self.0, RIP, 0)? as usize;
                let kind = match kinds.get(&at) {
                    Some(&kind) => kind,
                    None => {
                        let own = !library.iter().any(|range| range.contains(&at));
                        let found = own.then(|| self.kind(at)).transpose()?;
                        kinds.insert(at, found);
                        found
                    }
                };
                match kind {
                    Some(Kind::Mark) => {
                        executed.threads = self.threads()?;
                        return Ok(executed);
                    }
                    Some(kind) => executed.count(kind),
                    None => {}
                }
                self.go(libc::PTRACE_SINGLESTEP)?;
            }
            Err(io::Error::other("it executes too many instructions"))
        }

        /// Lets it go on until it stops at a mark or after a step; other signals are handed on.
        fn go(&self, how: libc::c_uint) -> io::Result<()> {
            let mut signal = 0;
            loop {
                request(how, self.0, 0, signal as usize)?;
                signal = self.stopped()?;
                if signal == libc::SIGTRAP {
                    return Ok(());
                }
            }
        }

        /// Waits until it stops: the signal that stopped it.
        fn stopped(&self) -> io::Result<libc::c_int> {
            let mut status = 0;
            // SAFETY: the status is written into the integer that is given.
            if unsafe { libc::waitpid(self.0, &mut status, 0) } < 0 {
                return Err(io::Error::last_os_error());
            }
            if libc::WIFSTOPPED(status) {
                return Ok(libc::WSTOPSIG(status));
            }
            Err(io::Error::other("it ended before its kernel had run"))
        }

        fn kind(&self, at: usize) -> io::Result<Kind> {
            let mut bytes = request(libc::PTRACE_PEEKTEXT, self.0, at, 0)?
                .to_ne_bytes()
                .to_vec();
            // An instruction may end where its page does, and nothing lie behind.
            if let Ok(more) = request(libc::PTRACE_PEEKTEXT, self.0, at + 8, 0) {
                bytes.extend(more.to_ne_bytes());
            }
            Ok(kind(&bytes))
        }

        /// Where the C library, its loader and what the system maps lie.
        fn library(&self) -> io::Result<Vec<Range<usize>>> {
            let maps = std::fs::read_to_string(format!("/proc/{}/maps", self.0))?;
            Ok(maps.lines().filter_map(library_range).collect())
        }

        fn threads(&self) -> io::Result<u64> {
            Ok(std::fs::read_dir(format!("/proc/{}/task", self.0))?.count() as u64)
        }
    }

    /// The range of a line of `maps`, if it is of the C library, the loader or the system.
    fn library_range(line: &str) -> Option<Range<usize>> {
        let name = line.rsplit(['/', ' ']).next()?;
        let known = [
            "libc.so",
            "libc-",
            "libc.musl",
            "ld-",
            "libm.so",
            "libm-",
            "[vdso]",
        ];
        if !known.iter().any(|known| name.starts_with(known)) {
            return None;
        }
        let (start, end) = line.split_whitespace().next()?.split_once('-')?;
        let address = |text| usize::from_str_radix(text, 16).ok();
        Some(address(start)?..address(end)?)
    }

    /// A request of `ptrace`; what it gives.
    fn request(
        what: libc::c_uint,
        pid: libc::pid_t,
        address: usize,
        data: usize,
    ) -> io::Result<libc::c_long> {
        // SAFETY: the requests made here read or write nothing in this process: words come as the
        // result. That an error can be told from the word −1, errno is cleared before.
        unsafe {
            *libc::__errno_location() = 0;
            let given = libc::ptrace(what, pid, address, data);
            match (given, *libc::__errno_location()) {
                (-1, error) if error != 0 => Err(io::Error::from_raw_os_error(error)),
                _ => Ok(given),
            }
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_c_library_is_told_from_other_libraries() {
            let line = |path: &str| format!("7f00-7fff r-xp 00000000 08:01 12345 {path}");
            for path in [
                "/usr/lib/libc.so.6",
                "/lib64/ld-linux-x86-64.so.2",
                "[vdso]",
            ] {
                assert_eq!(library_range(&line(path)), Some(0x7f00..0x7fff), "{path}");
            }
            for path in ["/tmp/libmine.so", "/usr/lib/libcudart.so", ""] {
                assert_eq!(library_range(&line(path)), None, "{path}");
            }
        }

        #[test]
        fn a_process_without_marks_is_told() {
            let error = follow(&mut Command::new("true")).unwrap().unwrap_err();
            assert_eq!(error.to_string(), "it ended before its kernel had run");
        }
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64"))]
pub use followed::{follow, mark};

/// Nothing follows processes here.
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]
pub fn mark() {}

/// Not known on this system.
#[cfg(not(all(target_os = "linux", target_env = "gnu", target_arch = "x86_64")))]
pub fn follow(
    _command: &mut std::process::Command,
) -> Option<std::io::Result<crate::executed::Executed>> {
    None
}
