//! The CPU that runs: fields that do not change between boots, and what it can
//! do at most ([`peaks`]).

pub mod peaks;

use crate::record::CpuFingerprint;

/// The CPU of this machine. Fields that cannot be had are empty or 0.
pub fn fingerprint() -> CpuFingerprint {
    let mut cpu = CpuFingerprint {
        architecture: std::env::consts::ARCH.to_owned(),
        vendor: String::new(),
        model_name: String::new(),
        family: 0,
        model: 0,
        stepping: 0,
        features: features(),
        caches_kib: Vec::new(),
    };
    describe(&mut cpu);
    cpu
}

macro_rules! detected {
    ($detect:ident: $($name:tt)+) => {{
        let mut found: Vec<String> = Vec::new();
        $(if std::arch::$detect!($name) { found.push($name.to_owned()); })+
        found.sort();
        found
    }};
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn features() -> Vec<String> {
    detected!(is_x86_feature_detected:
        "sse2" "ssse3" "sse4.1" "sse4.2" "avx" "avx2" "fma" "f16c" "avxvnni"
        "avx512f" "avx512bw" "avx512dq" "avx512vl" "avx512vnni" "avx512bf16"
    )
}

#[cfg(target_arch = "aarch64")]
fn features() -> Vec<String> {
    detected!(is_aarch64_feature_detected: "neon" "fp16" "dotprod" "i8mm" "bf16" "sve" "sve2")
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64")))]
fn features() -> Vec<String> {
    Vec::new()
}

#[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
fn describe(cpu: &mut CpuFingerprint) {
    use raw_cpuid::{CacheType, CpuId};

    let id = CpuId::new();
    if let Some(vendor) = id.get_vendor_info() {
        cpu.vendor = vendor.as_str().to_owned();
    }
    if let Some(name) = id.get_processor_brand_string() {
        cpu.model_name = name.as_str().trim().to_owned();
    }
    if let Some(info) = id.get_feature_info() {
        cpu.family = u32::from(info.family_id());
        cpu.model = u32::from(info.model_id());
        cpu.stepping = u32::from(info.stepping_id());
    }
    let intel = id.get_cache_parameters().into_iter().flatten();
    let mut levels: Vec<(u8, u64)> = intel
        .filter(|cache| cache.cache_type() != CacheType::Instruction)
        .map(|cache| {
            let bytes = cache.associativity()
                * cache.physical_line_partitions()
                * cache.coherency_line_size()
                * cache.sets();
            (cache.level(), bytes as u64 / 1024)
        })
        .filter(|(level, _)| *level > 0)
        .collect();
    if levels.is_empty() {
        // AMD: other leaves.
        if let Some(l1) = id.get_l1_cache_and_tlb_info() {
            levels.push((1, u64::from(l1.dcache_size())));
        }
        if let Some(rest) = id.get_l2_l3_cache_and_tlb_info() {
            levels.push((2, u64::from(rest.l2cache_size())));
            levels.push((3, u64::from(rest.l3cache_size()) * 512));
        }
    }
    levels.sort_unstable();
    cpu.caches_kib = levels.into_iter().map(|(_, kib)| kib).collect();
}

/// From the main identification register, which Linux lets programs read (Arm Architecture
/// Reference Manual for A-profile, MIDR_EL1): variant as family, part as model.
#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
fn describe(cpu: &mut CpuFingerprint) {
    /// that the register may be read (Linux, Documentation/arch/arm64/cpu-feature-registers.rst)
    const HWCAP_CPUID: u64 = 1 << 11;
    // SAFETY: the call reads the process's auxiliary vector and touches nothing else.
    if unsafe { libc::getauxval(libc::AT_HWCAP) } & HWCAP_CPUID == 0 {
        return;
    }
    let midr: u64;
    // SAFETY: HWCAP_CPUID was found; the instruction writes one register.
    unsafe {
        std::arch::asm!("mrs {}, midr_el1", out(reg) midr, options(pure, nomem, nostack, preserves_flags));
    }
    let bits = |low: u32, count: u32| (midr >> low) as u32 & ((1 << count) - 1);
    cpu.vendor = match bits(24, 8) {
        0x41 => "Arm".into(),
        0x42 => "Broadcom".into(),
        0x43 => "Cavium".into(),
        0x46 => "Fujitsu".into(),
        0x48 => "HiSilicon".into(),
        0x4e => "NVIDIA".into(),
        0x51 => "Qualcomm".into(),
        0x53 => "Samsung".into(),
        0x61 => "Apple".into(),
        0xc0 => "Ampere".into(),
        other => format!("implementer {other:#x}"),
    };
    (cpu.family, cpu.model, cpu.stepping) = (bits(20, 4), bits(4, 12), bits(0, 4));
    let known = (bits(24, 8) == 0x41).then(|| arm_core(cpu.model)).flatten();
    cpu.model_name = known.map_or_else(|| format!("part {:#x}", cpu.model), str::to_owned);
}

/// The names of Arm's own cores by part number.
#[cfg(all(target_arch = "aarch64", target_os = "linux"))]
fn arm_core(part: u32) -> Option<&'static str> {
    Some(match part {
        0xd03 => "Cortex-A53",
        0xd05 => "Cortex-A55",
        0xd07 => "Cortex-A57",
        0xd08 => "Cortex-A72",
        0xd09 => "Cortex-A73",
        0xd0a => "Cortex-A75",
        0xd0b => "Cortex-A76",
        0xd0c => "Neoverse N1",
        0xd40 => "Neoverse V1",
        0xd41 => "Cortex-A78",
        0xd46 => "Cortex-A510",
        0xd47 => "Cortex-A710",
        0xd49 => "Neoverse N2",
        0xd4f => "Neoverse V2",
        _ => return None,
    })
}

#[cfg(not(any(
    target_arch = "x86_64",
    target_arch = "x86",
    all(target_arch = "aarch64", target_os = "linux")
)))]
fn describe(_: &mut CpuFingerprint) {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_same_twice_and_features_are_sorted() {
        let cpu = fingerprint();
        assert_eq!(cpu, fingerprint());
        assert!(cpu.features.is_sorted());
        if cfg!(target_arch = "x86_64") {
            assert!(cpu.features.contains(&"sse2".to_owned()), "{cpu:?}");
            assert!(cpu.family > 0 && !cpu.vendor.is_empty(), "{cpu:?}");
        }
        if cfg!(target_arch = "aarch64") {
            assert!(cpu.features.contains(&"neon".to_owned()), "{cpu:?}");
        }
    }
}
