//! A small run for tests: two backends, one of which differs and is slower.

use std::collections::BTreeMap;

use qassay_suites::record::{
    AxisChange, Bandwidth, Caches, Clock, Compared, CpuFingerprint, Explanation, Fate, Header,
    Identified, Kills, Measurement, Measuring, Mismatch, Peak, Peaks, Place, Prey, Ratio, Record,
    SCHEMA, Share, Spread, Time, Unit, Verdict, Work,
};
use qassay_suites::runner::{Run, summary};

/// What became of a mutant that these data classes of `linear` noticed.
pub(crate) fn fate(name: &str, classes: &[&str]) -> Fate {
    Fate {
        prey: Prey {
            name: name.into(),
            sentence: format!("{name} is wrong"),
            source: None,
        },
        asked: 9,
        kills: (classes.iter())
            .map(|class| Kills {
                suite: "linear".into(),
                class: (*class).into(),
                cases: 1,
                of: 2,
            })
            .collect(),
        first: (!classes.is_empty()).then(|| "linear/m1".into()),
        after: (!classes.is_empty()).then_some(4),
    }
}

/// A record of a backend on a case.
pub(crate) fn record(backend: &str, case: &str, verdict: Verdict) -> Record {
    let suite = case.split('/').next().unwrap_or_default();
    let wrong = verdict == Verdict::Differs;
    Record {
        case: case.into(),
        suite: suite.into(),
        backend: backend.into(),
        isa: backend.split('/').nth(1).unwrap_or("scalar").into(),
        execution: "native".into(),
        profile: "exact".into(),
        verdict,
        values: if verdict.is_judged() { 64 } else { 0 },
        open: 0,
        mismatches: if wrong { 3 } else { 0 },
        first: wrong.then(|| Mismatch {
            output: 0,
            index: vec![0, 1],
            accumulator: Some(-39296),
            scaled: Some(-39296.0),
            expected: "-39296".into(),
            got: "-32768".into(),
        }),
        chosen: "u8s8-i32-12x8".into(),
        data_hash: format!("{:016x}", case.len()),
        output_hash: verdict
            .is_judged()
            .then(|| format!("{:016x}", case.len() + usize::from(wrong))),
        spread: wrong.then(|| Spread {
            output: 0,
            shape: vec![8, 8],
            grid: [8, 8],
            cells: vec![[0, 1, 2], [7, 7, 1]],
            unit: Unit::Codes,
            sizes: vec![(-1, 1), (4096, 2)],
            not_a_number: 0,
        }),
        events: BTreeMap::from([("pair-saturated".to_owned(), 5)]),
        detail: String::new(),
    }
}

/// A timed case: samples around `ns`.
pub(crate) fn measurement(backend: &str, case: &str, ns: f64) -> Measurement {
    let samples_ns: Vec<f64> = (0..9)
        .map(|i| ns * (1.0 + 0.001 * f64::from(i - 4)))
        .collect();
    Measurement {
        peer: false,
        case: case.into(),
        suite: "linear".into(),
        place: Some(Place {
            set: "gemm".into(),
            name: case.split('/').nth(1).unwrap_or_default().into(),
            times: 1,
        }),
        backend: backend.into(),
        isa: "avx2".into(),
        execution: "native".into(),
        profile: "fbgemm".into(),
        verdict: Verdict::Conforms,
        detail: String::new(),
        inexact: None,
        values: 64,
        chosen: "u8s8-i32-12x8".into(),
        data_hash: "00000000000000aa".into(),
        threads: 1,
        caches: Caches::Warm,
        work: Work {
            macs: 1_000_000,
            elements: 10_000,
            bytes_in: 30_000,
            bytes_out: 10_000,
        },
        scheme: "avx2/vpmaddubsw".into(),
        prepare_ns: Some(5000.0),
        instructions: None,
        time: Some(Time {
            clock: Clock::Thread,
            iterations: 10,
            median_ns: ns,
            interval_ns: [ns * 0.998, ns * 1.002],
            samples_ns,
            passes: 3,
            yardstick_ns: vec![5000.0; 9],
            unstable: false,
            ratio: (backend != "fbgemm/avx2").then(|| Ratio {
                base: "fbgemm/avx2".into(),
                ratio: 0.5,
                interval: [0.49, 0.51],
                word: Compared::Slower,
            }),
            share: Some(Share {
                share: 0.6,
                limit: "avx2/vpmaddubsw".into(),
            }),
        }),
    }
}

/// The header of a run on a CPU of fixed fields.
pub(crate) fn header() -> Header {
    Header {
        schema: SCHEMA,
        version: "0.1.0".into(),
        revision: Some("0123456789ab".into()),
        toolchain: "rustc 1.95.0".into(),
        cpu: CpuFingerprint {
            architecture: "x86_64".into(),
            vendor: "GenuineIntel".into(),
            model_name: "A CPU".into(),
            family: 6,
            model: 207,
            stepping: 2,
            features: vec!["avx2".into(), "fma".into()],
            caches_kib: vec![48, 2048],
        },
        golden_hash: "b9208fec1166aa51".into(),
        command: ["qassay", "conform", "--backend", "x86"]
            .map(Into::into)
            .into(),
        level: "smoke".into(),
        seed: 0,
        shard: None,
        measuring: Some(Measuring {
            threads: 1,
            caches: Caches::Warm,
            clock: Clock::Thread,
            base: Some("fbgemm/avx2".into()),
            sample_ns: 1e6,
            most_samples: 9,
            passes: 3,
            peaks: Peaks {
                ghz: 3.0,
                schemes: vec![Peak {
                    scheme: "avx2/vpmaddubsw".into(),
                    exact: false,
                    gops: 160.0,
                    median_gops: 158.0,
                }],
                bandwidths: vec![Bandwidth {
                    level: "memory".into(),
                    bytes: 1 << 28,
                    read: 12.0,
                    write: 8.0,
                    write_non_temporal: None,
                    copy: 9.0,
                }],
            },
        }),
    }
}

/// The two linear cases of the sample.
pub(crate) const CASES: [&str; 2] = [
    "linear/m8.n8.k32/u8.s8/saturating/seed0",
    "linear/m8.n8.k3200/u8.s8/uniform/seed1",
];

/// The run.
pub(crate) fn run() -> Run {
    let [first, second] = CASES;
    let records = vec![
        record("fbgemm/avx2", first, Verdict::Differs),
        record("fbgemm/avx2", second, Verdict::Conforms),
        record("onednn/avx2", first, Verdict::Conforms),
        record("onednn/avx2", second, Verdict::Conforms),
        record(
            "onednn/avx2",
            "add/d3/u8/uniform/seed0",
            Verdict::Unsupported,
        ),
    ];
    let explanation = Explanation {
        backend: "fbgemm/avx2".into(),
        suite: "linear".into(),
        held_to: "exact".into(),
        axes: vec![AxisChange {
            axis: "accumulate.linear".into(),
            expected: "exact".into(),
            actual: "i16-pairs".into(),
            meaning: "each pair of adjacent k is summed saturating to i16".into(),
        }],
        identified: Some("fbgemm".into()),
        indistinguishable: Vec::new(),
        checked_cases: 1,
        shrunk_case: "linear/m1.n1.k2/u8.s8/given:x=c86b,w=8080".into(),
        first: records[0].first.clone(),
        repro: "cargo run -- conform --backend fbgemm/avx2 --as exact --case 'linear/m1.n1.k2'"
            .into(),
        sentence: "all mismatches are explained by <one axis> alone".into(),
    };
    let measurements = vec![
        measurement("fbgemm/avx2", first, 20_000.0),
        measurement("onednn/avx2", first, 40_000.0),
        measurement("fbgemm/avx2", second, 30_000.0),
        measurement("onednn/avx2", second, 30_100.0),
    ];
    Run {
        header: header(),
        summary: summary(&records, 2.0),
        records,
        identified: vec![Identified {
            backend: "onednn/avx2".into(),
            suite: "linear".into(),
            profiles: vec!["exact".into(), "onednn".into()],
            held_to: "exact".into(),
            answered: 2,
            explained: 2,
        }],
        explanations: vec![explanation],
        measurements,
        mutants: Vec::new(),
    }
}
