//! How much this process has allocated and not freed, where the C library tells.
//!
//! glibc keeps freed blocks in caches of each thread and counts them as handed out. They
//! fill for dozens of rounds, which looks as if something leaked: only a process that was
//! started without them ([`without_caches`]) counts exactly ([`counts_exactly`]).

/// The variable by which glibc is told how to allocate when a process starts.
const TUNABLES: &str = "GLIBC_TUNABLES";
const NO_CACHES: &str = "glibc.malloc.tcache_count=0";

/// The environment variable, name and value, with which a process starts that counts
/// exactly; what the variable holds here already stays in it.
pub fn without_caches() -> (&'static str, String) {
    (TUNABLES, joined(std::env::var(TUNABLES).ok().as_deref()))
}

fn joined(given: Option<&str>) -> String {
    match given.filter(|given| !given.is_empty()) {
        Some(given) => format!("{given}:{NO_CACHES}"),
        None => NO_CACHES.to_owned(),
    }
}

/// Whether what was freed is not counted by [`allocated`]: tried with some blocks of one size.
/// Only where no other thread allocates meanwhile.
pub fn counts_exactly() -> bool {
    const BLOCKS: usize = 16;
    const SIZE: usize = 968;
    let Some(before) = allocated() else {
        return false;
    };
    let blocks: [Option<Box<[u8]>>; BLOCKS] =
        std::array::from_fn(|_| Some(std::hint::black_box(vec![1; SIZE]).into_boxed_slice()));
    let held = allocated();
    drop(std::hint::black_box(blocks));
    held.is_some_and(|held| held >= before + (BLOCKS * SIZE) as u64) && allocated() == Some(before)
}

/// Bytes that `malloc` has handed out and not got back; `None` where the C
/// library has no `mallinfo2` (glibc has it since 2.33).
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn allocated() -> Option<u64> {
    use std::sync::OnceLock;
    type Mallinfo2 = unsafe extern "C" fn() -> libc::mallinfo2;
    // Looked up, not linked, so that older C libraries still run this program.
    static MALLINFO2: OnceLock<Option<Mallinfo2>> = OnceLock::new();
    let function = MALLINFO2.get_or_init(|| {
        // SAFETY: a name that ends with 0.
        let found = unsafe { libc::dlsym(libc::RTLD_DEFAULT, c"mallinfo2".as_ptr()) };
        // SAFETY: the C library's function of this name has this type.
        (!found.is_null())
            .then(|| unsafe { std::mem::transmute::<*mut libc::c_void, Mallinfo2>(found) })
    });
    // SAFETY: the function has no preconditions.
    function
        .map(|function| unsafe { function() })
        .map(|info| (info.uordblks + info.hblkhd) as u64)
}

/// Not known on this system.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn allocated() -> Option<u64> {
    None
}

#[cfg(all(test, target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_the_variable_stays() {
        assert_eq!(joined(None), "glibc.malloc.tcache_count=0");
        assert_eq!(joined(Some("")), "glibc.malloc.tcache_count=0");
        assert_eq!(
            joined(Some("glibc.malloc.perturb=1")),
            "glibc.malloc.perturb=1:glibc.malloc.tcache_count=0"
        );
    }

    #[test]
    fn what_is_not_freed_is_seen() {
        let Some(before) = allocated() else {
            panic!("glibc 2.33 or newer tells");
        };
        // Far more than other tests of this process may free meanwhile.
        let kept = Vec::<u8>::with_capacity(256 << 20);
        let grown = allocated().unwrap() - before;
        assert!(grown > 128 << 20, "{grown}");
        drop(std::hint::black_box(kept));
    }
}
