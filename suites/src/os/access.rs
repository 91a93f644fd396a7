//! Whether the access that raised a signal was a write. x86 says so in the
//! signal's context. On ARM the kernel's note of it is not always there
//! (emulators leave it out), so the instruction itself is looked at.

/// Whether the faulting access wrote, where that can be told.
///
/// # Safety
/// `context` is what the kernel passed to a `SA_SIGINFO` handler of a fault at `address`.
#[cfg(unix)]
pub(super) unsafe fn wrote(address: usize, context: *mut libc::c_void) -> Option<bool> {
    #[cfg(all(target_os = "linux", target_arch = "x86_64"))]
    {
        let _ = address;
        // SAFETY: the caller passes a valid ucontext.
        let registers = unsafe { &(*context.cast::<libc::ucontext_t>()).uc_mcontext.gregs };
        // Bit 1 of the page fault's error code: a write.
        Some(registers[libc::REG_ERR as usize] & 2 != 0)
    }
    #[cfg(all(target_os = "linux", target_arch = "aarch64"))]
    {
        // SAFETY: the caller passes a valid ucontext.
        let at = unsafe { (*context.cast::<libc::ucontext_t>()).uc_mcontext.pc } as usize;
        // A jump to nowhere: there is no instruction to look at.
        if at == address {
            return None;
        }
        // SAFETY: the instruction there was fetched just now; it is aligned to 4 bytes.
        stores(unsafe { std::ptr::with_exposed_provenance::<u32>(at).read() })
    }
    #[cfg(not(all(
        target_os = "linux",
        any(target_arch = "x86_64", target_arch = "aarch64")
    )))]
    {
        let _ = (address, context);
        None
    }
}

/// Whether an AArch64 instruction stores; `None` if it is neither a load nor a
/// store. Encoding: Arm Architecture Reference Manual (DDI 0487), C4.1, "Loads and Stores".
#[cfg(any(test, all(target_os = "linux", target_arch = "aarch64")))]
fn stores(instruction: u32) -> Option<bool> {
    let bit = |number: u32| instruction >> number & 1 == 1;
    if !bit(27) || bit(25) {
        return None;
    }
    let vector = bit(26);
    let opc_is_0 = !bit(22) && !bit(23);
    Some(match instruction >> 28 & 3 {
        // Exclusive and ordered accesses, among them compare-and-swap, which writes;
        // vector structures.
        0 => (!vector && bit(21) && bit(23)) || !bit(22),
        // A literal; ordered accesses with an offset.
        1 => bit(24) && opc_is_0,
        // Pairs.
        2 => !bit(22),
        // One register; atomic operations write.
        _ => {
            let atomic = !vector && !bit(24) && bit(21) && instruction >> 10 & 3 == 0;
            atomic || if vector { !bit(22) } else { opc_is_0 }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_and_stores_of_arm_are_told_apart() {
        // As LLVM's assembler encodes them.
        let loads = [
            (0x3940_0020, "ldrb w0, [x1]"),
            (0x39c0_0020, "ldrsb w0, [x1]"),
            (0xb980_0020, "ldrsw x0, [x1]"),
            (0x3dc0_0000, "ldr q0, [x0]"),
            (0xfc40_8400, "ldr d0, [x0], #8"),
            (0x3cdf_d000, "ldur q0, [x0, #-3]"),
            (0xad40_0400, "ldp q0, q1, [x0]"),
            (0x4c40_7000, "ld1 {v0.16b}, [x0]"),
            (0x0d40_0c00, "ld1 {v0.b}[3], [x0]"),
            (0x4d40_c800, "ld1r {v0.4s}, [x0]"),
            (0x0c40_0000, "ld4 {v0.8b-v3.8b}, [x0]"),
            (0x5800_0040, "ldr x0, #8"),
            (0xc85f_7c20, "ldxr x0, [x1]"),
        ];
        let stores_ = [
            (0x3900_0020, "strb w0, [x1]"),
            (0x3d80_0000, "str q0, [x0]"),
            (0xbc21_7800, "str s0, [x0, x1, lsl #2]"),
            (0x3c9f_d000, "stur q0, [x0, #-3]"),
            (0xad00_0400, "stp q0, q1, [x0]"),
            (0x4c00_7000, "st1 {v0.16b}, [x0]"),
            (0x0d9f_9000, "st1 {v0.s}[1], [x0], #4"),
            (0xc89f_fc20, "stlr x0, [x1]"),
            (0xf820_0041, "ldadd x0, x1, [x2]"),
            (0xc8a0_7c41, "cas x0, x1, [x2]"),
        ];
        let neither = [
            (0x9100_0400, "add x0, x0, #1"),
            (0x4e82_9420, "sdot v0.4s, v1.16b, v2.16b"),
        ];
        for (code, text) in loads {
            assert_eq!(stores(code), Some(false), "{text}");
        }
        for (code, text) in stores_ {
            assert_eq!(stores(code), Some(true), "{text}");
        }
        for (code, text) in neither {
            assert_eq!(stores(code), None, "{text}");
        }
    }
}
