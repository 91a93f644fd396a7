//! The least time that a CPU allows for a piece of work: the longer of
//! computing at the peak of the instructions that a backend uses, and moving all
//! bytes once at the bandwidth of the cache that holds them (the roofline of
//! Williams, Waterman and Patterson, 2009).

use qassay_backends::backend::Declaration;
use qassay_backends::fbgemm;
use qassay_golden::profile::{Accumulation, Profile};
use qassay_golden::spec::{Activation, OpSpec};

use crate::record::{Bandwidth, Caches, Peaks, Share, Work};

/// Outputs below this share of the bytes leave reading as what limits.
const MOSTLY_READ: f64 = 0.1;

/// How an op of a profile sums its products; `None` where it has none.
pub fn accumulation(profile: &Profile, op: &OpSpec) -> Option<Accumulation> {
    match op {
        OpSpec::Linear(spec) if !matches!(spec.activation, Activation::Float) => {
            Some(profile.accumulate.linear)
        }
        OpSpec::Conv(spec) if spec.is_depthwise() => Some(profile.accumulate.depthwise),
        OpSpec::Conv(spec) if spec.groups > 1 => Some(profile.accumulate.grouped),
        OpSpec::Conv(_) => Some(profile.accumulate.conv),
        _ => None,
    }
}

/// The same profile with exact sums.
pub fn exact(profile: &Profile) -> Profile {
    let mut exact = *profile;
    exact.accumulate.linear = Accumulation::Exact;
    exact.accumulate.conv = Accumulation::Exact;
    exact.accumulate.grouped = Accumulation::Exact;
    exact.accumulate.depthwise = Accumulation::Exact;
    exact
}

/// The scheme whose peak a backend's op is held against; `None` where it has none, as on plain code.
/// `chosen` is the micro-kernel: sums in i16 that are proved not to overflow have a peak of their own.
pub fn scheme(
    declaration: &Declaration,
    profile: &Profile,
    op: &OpSpec,
    chosen: &str,
) -> Option<&'static str> {
    let float = matches!(op, OpSpec::Linear(spec) if matches!(spec.activation, Activation::Float));
    if float {
        return match declaration.isa {
            "avx2" | "avxvnni" => Some("avx2/fma-f32"),
            "avx512" | "avx512vnni" | "amx" => Some("avx512/fma-f32"),
            "neon" | "neondot" | "neoni8mm" => Some("neon/fmla-f32"),
            _ => None,
        };
    }
    let sums = accumulation(profile, op)?;
    let (exact, in_i16) = (
        sums == Accumulation::Exact,
        matches!(
            sums,
            Accumulation::SumsI16Spill128 | Accumulation::SumsI16Spill256
        ),
    );
    let proved = chosen.starts_with(fbgemm::PROVED);
    Some(match declaration.isa {
        "avx2" if exact && proved => "avx2/vpmaddubsw-2",
        "avx512" if exact && proved => "avx512/vpmaddubsw-2",
        "avx2" if exact => "avx2/vpmaddwd",
        "avx2" if in_i16 => "avx2/acc16",
        "avx2" => "avx2/vpmaddubsw",
        "avxvnni" => "avxvnni/vpdpbusd",
        "avx512" if exact => "avx512/vpmaddwd",
        "avx512" if in_i16 => "avx512/acc16",
        "avx512" => "avx512/vpmaddubsw",
        "avx512vnni" => "avx512vnni/vpdpbusd",
        "amx" => "amx/tdpbusd",
        "neon" => "neon/smlal",
        "neondot" => "neondot/sdot",
        "neoni8mm" => "neoni8mm/usmmla",
        _ => return None,
    })
}

/// The bandwidth that counts for a working set: of the smallest array at least as large (cold
/// operands come from memory).
fn bandwidth(peaks: &Peaks, bytes: u64, caches: Caches) -> Option<&Bandwidth> {
    let last = peaks.bandwidths.last();
    match caches {
        Caches::Cold => last,
        // Arrays were half of their cache: what is less than all of it still fits.
        Caches::Warm => peaks
            .bandwidths
            .iter()
            .find(|row| bytes <= row.bytes * 2)
            .or(last),
    }
}

/// Share of the least time in `median_ns`, and what limits. Peaks are of one thread; with
/// several, computing is that many times faster, and memory is left out.
pub fn share(
    work: &Work,
    median_ns: f64,
    scheme: Option<&str>,
    peaks: &Peaks,
    threads: usize,
    caches: Caches,
) -> Option<Share> {
    let mut least: Option<(f64, String)> = None;
    let peak = peaks
        .schemes
        .iter()
        .find(|peak| Some(&*peak.scheme) == scheme);
    if let (Some(peak), true) = (peak, work.macs > 0) {
        let ns = 2.0 * work.macs as f64 / (peak.gops * threads as f64);
        least = Some((ns, peak.scheme.clone()));
    }
    let moves = threads == 1 && (work.macs == 0 || least.is_some());
    if let (Some(row), true) = (bandwidth(peaks, work.bytes(), caches), moves) {
        let reads = (work.bytes_out as f64) < MOSTLY_READ * work.bytes() as f64;
        let (what, rate) = if reads {
            ("read", row.read)
        } else {
            ("copy", row.copy)
        };
        let ns = work.bytes() as f64 / rate;
        if least.as_ref().is_none_or(|(computing, _)| ns > *computing) {
            least = Some((ns, format!("{what} {}", row.level)));
        }
    }
    least.map(|(ns, limit)| Share {
        share: ns / median_ns,
        limit,
    })
}

#[cfg(test)]
mod tests {
    use qassay_backends::registry;
    use qassay_golden::profile::named;

    use super::*;
    use crate::record::Peak;

    fn peaks() -> Peaks {
        let row = |level: &str, bytes, read, copy| Bandwidth {
            level: level.into(),
            bytes,
            read,
            write: 1.0,
            write_non_temporal: None,
            copy,
        };
        Peaks {
            ghz: 2.5,
            schemes: vec![Peak {
                scheme: "avx2/vpmaddwd".into(),
                exact: true,
                gops: 40.0,
                median_gops: 39.0,
            }],
            bandwidths: vec![
                row("L1", 16 << 10, 80.0, 60.0),
                row("L2", 256 << 10, 50.0, 30.0),
                row("memory", 64 << 20, 8.0, 12.0),
            ],
        }
    }

    fn work(macs: u64, bytes_in: u64, bytes_out: u64) -> Work {
        Work {
            macs,
            elements: 0,
            bytes_in,
            bytes_out,
        }
    }

    #[test]
    fn much_work_on_few_bytes_is_limited_by_computing() {
        let share = share(
            &work(1 << 24, 100_000, 65_536),
            1_000_000.0,
            Some("avx2/vpmaddwd"),
            &peaks(),
            1,
            Caches::Warm,
        )
        .unwrap();
        assert_eq!(share.limit, "avx2/vpmaddwd");
        // 2·2^24 operations at 40 a nanosecond.
        assert!((share.share - 0.838_860_8).abs() < 1e-9, "{share:?}");
    }

    #[test]
    fn many_bytes_are_limited_by_the_cache_that_holds_them() {
        let of = |work: &Work, caches| {
            share(work, 100_000.0, Some("avx2/vpmaddwd"), &peaks(), 1, caches).unwrap()
        };
        // A row by a matrix: all bytes are read once.
        let gemv = work(1 << 20, 1 << 20, 4096);
        assert_eq!(of(&gemv, Caches::Warm).limit, "read memory");
        assert_eq!(of(&work(1, 1 << 17, 4), Caches::Warm).limit, "read L2");
        assert_eq!(of(&work(1, 1 << 17, 4), Caches::Cold).limit, "read memory");
        let element = work(0, 1 << 14, 1 << 12);
        let found = of(&element, Caches::Warm);
        assert_eq!(found.limit, "copy L1");
        assert!((found.share - 20_480.0 / 60.0 / 100_000.0).abs() < 1e-12);
    }

    #[test]
    fn an_unknown_peak_gives_no_share_of_products_and_one_of_bytes() {
        let product = work(1 << 20, 1 << 20, 1 << 10);
        assert_eq!(share(&product, 1.0, None, &peaks(), 1, Caches::Warm), None);
        let bytes = work(0, 1 << 10, 1 << 10);
        assert!(share(&bytes, 1.0, None, &peaks(), 1, Caches::Warm).is_some());
        assert_eq!(
            share(&bytes, 1.0, None, &Peaks::default(), 1, Caches::Warm),
            None
        );
    }

    #[test]
    fn two_threads_have_twice_the_peak() {
        let of = |threads| {
            let work = work(1 << 24, 1000, 1000);
            share(
                &work,
                1e6,
                Some("avx2/vpmaddwd"),
                &peaks(),
                threads,
                Caches::Warm,
            )
            .unwrap()
            .share
        };
        assert!((of(1) / of(2) - 2.0).abs() < 1e-9);
    }

    #[test]
    fn every_backend_but_plain_code_is_held_against_a_scheme_that_exists() {
        let id = "linear/m2.n2.k2/u8.s8/per-tensor/uniform/seed0"
            .parse()
            .unwrap();
        let case = crate::case::Case::from_id(&id).unwrap();
        for entry in registry::entries() {
            let declaration = entry.declaration;
            let profile = &declaration.named_profile().unwrap().profile;
            let of = |chosen| scheme(declaration, profile, &case.problem().op, chosen);
            assert_eq!(
                of("").is_none(),
                declaration.isa == "scalar",
                "{}",
                declaration.name
            );
            for scheme in ["", fbgemm::PROVED].into_iter().filter_map(of) {
                assert!(
                    qassay_backends::ceiling::SCHEMES
                        .iter()
                        .any(|s| s.name == scheme),
                    "{scheme}"
                );
            }
        }
    }

    #[test]
    fn exact_sums_leave_all_other_axes() {
        let fbgemm = named::find("fbgemm").unwrap().profile;
        let exact = exact(&fbgemm);
        let changed: Vec<String> = Profile::axes()
            .filter(|&axis| fbgemm.choice(axis) != exact.choice(axis))
            .map(|axis| axis.to_string())
            .collect();
        assert!(!changed.is_empty());
        assert!(
            changed.iter().all(|axis| axis.starts_with("accumulate.")),
            "{changed:?}"
        );
    }
}
