//! The floating-point control register: rounding direction, flushing of
//! subnormals. A library that leaves it changed would change what the reference
//! computes after it in the same process.

/// The control bits, without the flags of past exceptions.
#[cfg(target_arch = "x86_64")]
pub fn get() -> u64 {
    const FLAGS: u32 = 0x3f;
    let mut register: u32 = 0;
    // SAFETY: stores MXCSR into a local variable; every x86-64 CPU has it.
    unsafe {
        std::arch::asm!("stmxcsr [{}]", in(reg) &mut register, options(nostack, preserves_flags));
    }
    (register & !FLAGS).into()
}

/// Sets the control bits and clears the flags.
#[cfg(target_arch = "x86_64")]
pub fn set(control: u64) {
    let register = control as u32;
    // SAFETY: loads what `get` gave: reserved bits are 0.
    unsafe {
        std::arch::asm!("ldmxcsr [{}]", in(reg) &register, options(nostack, preserves_flags));
    }
}

/// The control register.
#[cfg(target_arch = "aarch64")]
pub fn get() -> u64 {
    let register: u64;
    // SAFETY: reads FPCR, which has no flags.
    unsafe {
        std::arch::asm!("mrs {}, fpcr", out(reg) register, options(nomem, nostack, preserves_flags));
    }
    register
}

/// Sets the control register.
#[cfg(target_arch = "aarch64")]
pub fn set(control: u64) {
    // SAFETY: writes back what `get` gave.
    unsafe {
        std::arch::asm!("msr fpcr, {}", in(reg) control, options(nomem, nostack, preserves_flags));
    }
}

/// Not known on this architecture: always the same.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn get() -> u64 {
    0
}

/// Nothing to set.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
pub fn set(_: u64) {}
