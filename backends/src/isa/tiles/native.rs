//! The CPU's own tile registers (AMX-TILE, AMX-INT8), by inline assembly: the
//! intrinsics are not stable.

use std::arch::asm;
use std::sync::OnceLock;

use super::{ROW_BYTES, ROWS, TileProduct};

/// Whether this CPU has tiles of bytes and the system lets this process use them. Asks the
/// system for that the first time.
pub fn detected() -> bool {
    static DETECTED: OnceLock<bool> = OnceLock::new();
    *DETECTED.get_or_init(|| listed() && enabled() && permitted())
}

/// CPUID leaf 7: AMX-TILE is bit 24 and AMX-INT8 bit 25 of EDX.
fn listed() -> bool {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    const TILES_OF_BYTES: u32 = 1 << 24 | 1 << 25;
    __cpuid(0).eax >= 7 && __cpuid_count(7, 0).edx & TILES_OF_BYTES == TILES_OF_BYTES
}

/// Whether the system saves tile registers: bits 17 and 18 of XCR0.
fn enabled() -> bool {
    const TILE_STATE: u32 = 1 << 17 | 1 << 18;
    let low: u32;
    // SAFETY: CPUs with AMX have xgetbv, and systems that run on them enable it (the caller
    // found AMX listed, which systems without XSAVE hide).
    unsafe {
        asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _,
            options(nomem, nostack, preserves_flags));
    }
    low & TILE_STATE == TILE_STATE
}

/// Linux gives tile registers to processes that ask: arch_prctl(ARCH_REQ_XCOMP_PERM, 18).
/// Source: Linux `Documentation/arch/x86/xstate.rst`.
#[cfg(target_os = "linux")]
fn permitted() -> bool {
    const ARCH_PRCTL: usize = 158;
    const ARCH_REQ_XCOMP_PERM: usize = 0x1023;
    const TILE_DATA: usize = 18;
    let result: isize;
    // SAFETY: this system call takes two numbers and touches no memory; it clobbers what every
    // system call does.
    unsafe {
        asm!("syscall", inlateout("rax") ARCH_PRCTL => result, in("rdi") ARCH_REQ_XCOMP_PERM,
            in("rsi") TILE_DATA, out("rcx") _, out("r11") _, options(nostack));
    }
    result == 0
}

#[cfg(not(target_os = "linux"))]
fn permitted() -> bool {
    false
}

/// What `ldtilecfg` reads. Source: Intel SDM volume 1, 18.2 (tile configuration).
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// Eight tiles of 16 rows of 64 bytes.
static WHOLE_TILES: Configuration = Configuration {
    palette: 1,
    start_row: 0,
    reserved: [0; 14],
    row_bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
    rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
};

/// Sets the tile registers of this thread up.
///
/// # Safety
/// [`detected`] must have been true.
pub unsafe fn ready() {
    let configuration: *const Configuration = &WHOLE_TILES;
    // SAFETY: the caller's contract; 64 bytes are read.
    unsafe { asm!("ldtilecfg [{}]", in(reg) configuration, options(readonly, nostack)) };
}

/// Gives the tile registers of this thread back.
///
/// # Safety
/// [`detected`] must have been true.
pub unsafe fn release() {
    // SAFETY: the caller's contract.
    unsafe { asm!("tilerelease", options(nomem, nostack, preserves_flags)) };
}

/// A [`TileProduct`] by the instructions. tmm0 to tmm3 are sums, tmm4 and tmm5 codes, tmm6 and
/// tmm7 weights.
///
/// # Safety
/// [`detected`] must have been true and [`ready`] called on this thread; else as
/// [`Isa::tile_product`](crate::isa::Isa::tile_product).
#[inline]
pub unsafe fn product(product: TileProduct) {
    let TileProduct {
        a,
        a_row,
        a_step,
        b,
        b_step,
        steps,
        c,
        ldc,
        two,
        accumulate,
    } = product;
    if steps == 0 && accumulate {
        return;
    }
    let stride = ldc * size_of::<i32>();
    let lower = c.wrapping_add(ROWS * ldc);
    // From the first row of codes to the second sixteen.
    let a_lower = ROWS * a_row;
    macro_rules! run {
        ($zero_or_load:expr, $two:expr, $store:expr) => {
            asm!(
                $zero_or_load,
                "test {steps}, {steps}",
                "jz 3f",
                "2:",
                "tileloadd tmm4, [{a} + {a_row}*1]",
                "tileloadd tmm6, [{b} + {b_row}*1]",
                "tdpbusd tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{b} + {b_row}*1 + 64]",
                "tdpbusd tmm1, tmm4, tmm7",
                $two,
                "add {a}, {a_step}",
                "add {a_low}, {a_step}",
                "add {b}, {b_step}",
                "dec {steps}",
                "jnz 2b",
                "3:",
                "tilestored [{c} + {stride}*1], tmm0",
                "tilestored [{c} + {stride}*1 + 64], tmm1",
                $store,
                a = inout(reg) a => _,
                b = inout(reg) b => _,
                c = in(reg) c,
                lower = in(reg) lower,
                stride = in(reg) stride,
                a_row = in(reg) a_row,
                a_low = inout(reg) a.wrapping_add(a_lower) => _,
                b_row = in(reg) 2 * ROW_BYTES,
                a_step = in(reg) a_step,
                b_step = in(reg) b_step,
                steps = inout(reg) steps => _,
                out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
                out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
                options(nostack)
            )
        };
    }
    macro_rules! lower_rows {
        ($zero_or_load:expr) => {
            run!(
                $zero_or_load,
                concat!(
                    "tileloadd tmm5, [{a_low} + {a_row}*1]\n",
                    "tdpbusd tmm2, tmm5, tmm6\n",
                    "tdpbusd tmm3, tmm5, tmm7"
                ),
                concat!(
                    "tilestored [{lower} + {stride}*1], tmm2\n",
                    "tilestored [{lower} + {stride}*1 + 64], tmm3"
                )
            )
        };
    }
    // SAFETY: the caller's contract: every tile named lies inside its operand; the clobbers
    // name all tile registers.
    unsafe {
        match (two, accumulate) {
            (true, false) => {
                lower_rows!("tilezero tmm0\ntilezero tmm1\ntilezero tmm2\ntilezero tmm3")
            }
            (true, true) => lower_rows!(concat!(
                "tileloadd tmm0, [{c} + {stride}*1]\n",
                "tileloadd tmm1, [{c} + {stride}*1 + 64]\n",
                "tileloadd tmm2, [{lower} + {stride}*1]\n",
                "tileloadd tmm3, [{lower} + {stride}*1 + 64]"
            )),
            (false, false) => run!(
                "tilezero tmm0\ntilezero tmm1",
                "",
                "/* no lower rows {lower} */"
            ),
            (false, true) => run!(
                "tileloadd tmm0, [{c} + {stride}*1]\ntileloadd tmm1, [{c} + {stride}*1 + 64]",
                "",
                "/* no lower rows {lower} */"
            ),
        }
    }
}
