//! How much this process has allocated and not freed, where the C library tells.

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
