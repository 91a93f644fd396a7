//! What tables of speed say.

use qassay_suites::record::{Bandwidth, Caches, Clock, Peak, Place, Ratio, Share, Work};

use super::*;

fn measured(backend: &str, median_ns: f64, ratio: Option<(f64, Compared)>) -> Measurement {
    Measurement {
        peer: false,
        case: "linear/m64.n64.k64/u8.s8/per-tensor/uniform/seed0".into(),
        suite: "linear".into(),
        place: Some(Place {
            set: "net:x".into(),
            name: "fc".into(),
            times: 3,
        }),
        backend: backend.into(),
        isa: "avx2".into(),
        execution: "native".into(),
        profile: "exact".into(),
        verdict: Verdict::Conforms,
        detail: String::new(),
        inexact: Some(0),
        values: 4096,
        chosen: "u8s8-i32-6x16 (mr 6, nr 16, kc 64)".into(),
        data_hash: String::new(),
        threads: 1,
        caches: Caches::Warm,
        work: Work {
            macs: 1 << 18,
            elements: 4096,
            bytes_in: 8192,
            bytes_out: 4096,
        },
        scheme: "avx2/vpmaddwd".into(),
        prepare_ns: Some(1234.0),
        instructions: None,
        time: Some(Time {
            clock: Clock::Thread,
            iterations: 10,
            samples_ns: vec![median_ns; 9],
            passes: 3,
            yardstick_ns: Vec::new(),
            median_ns,
            interval_ns: [median_ns * 0.99, median_ns * 1.01],
            unstable: false,
            ratio: ratio.map(|(ratio, word)| Ratio {
                base: "a/b".into(),
                ratio,
                interval: [ratio * 0.9, ratio * 1.1],
                word,
            }),
            share: Some(Share {
                share: 0.5,
                limit: "avx2/vpmaddwd".into(),
            }),
        }),
    }
}

fn wrong(backend: &str) -> Measurement {
    Measurement {
        verdict: Verdict::Differs,
        detail: "1 of 4096 values".into(),
        time: None,
        ..measured(backend, 1.0, None)
    }
}

#[test]
fn a_row_holds_time_speed_share_and_ratio() {
    let all = [
        measured("a/b", 26_214.4, None),
        measured("c/d", 13_107.2, Some((2.0, Compared::Faster))),
    ];
    let text = case(&all, Paint(false));
    let mut lines = text.lines();
    let heading = lines.next().unwrap();
    assert!(
        heading.starts_with("net:x fc ×3  linear/m64.n64.k64/"),
        "{heading}"
    );
    assert!(heading.contains("262 144 MAC, 12 288 bytes"), "{heading}");
    let rows: Vec<&str> = lines.skip(1).collect();
    for part in [
        "a/b",
        "u8s8-i32-6x16",
        "26.2 µs",
        "1.0 %",
        "20.0 GOP/s",
        "50 % avx2/vpmaddwd",
        "base",
        "exact",
        "1.23 µs",
    ] {
        assert!(rows[0].contains(part), "{part}: {}", rows[0]);
    }
    for part in ["13.1 µs", "40.0 GOP/s", "×2.00 (1.80–2.20) faster"] {
        assert!(rows[1].contains(part), "{part}: {}", rows[1]);
    }
}

#[test]
fn what_has_no_time_says_why_and_shows_none() {
    let mut refused = wrong("e/f");
    refused.verdict = Verdict::Unsupported;
    let text = case(&[wrong("g/h"), refused], Paint(false));
    assert!(text.contains("no kernel: e/f\n"), "{text}");
    assert!(
        text.contains("g/h differs, no time: 1 of 4096 values"),
        "{text}"
    );
    assert!(!text.contains("GOP/s"), "{text}");
}

#[test]
fn a_wrong_peer_is_called_wrong_beside_its_time() {
    let mut peer = measured("p/q", 13_107.2, None);
    (peer.peer, peer.verdict, peer.inexact) = (true, Verdict::Differs, None);
    peer.detail = "1 of 4096 values".into();
    let text = case(
        &[measured("a/b", 26_214.4, None), peer.clone()],
        Paint(false),
    );
    let row = text.lines().find(|line| line.contains("p/q ")).unwrap();
    assert!(row.contains("13.1 µs") && row.contains("wrong"), "{row}");
    assert!(text.contains("  p/q wrong: 1 of 4096 values\n"), "{text}");
    let right = text.lines().find(|line| line.contains("a/b ")).unwrap();
    assert!(!right.contains("wrong"), "{right}");
    let document = super::markdown::render(&crate::sample::header(), &[peer]);
    assert!(document.contains("40.0"), "{document}");
    assert!(document.contains(", **wrong** |"), "{document}");
}

#[test]
fn words_of_noise_are_in_the_row() {
    let mut noisy = measured("c/d", 100.0, Some((1.0, Compared::Inconclusive)));
    if let Some(time) = &mut noisy.time {
        time.unstable = true;
    }
    noisy.inexact = Some(2048);
    let text = case(&[noisy], Paint(false));
    for part in ["unstable", "inconclusive", "inexact, 50 % of outputs"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_set_in_short_counts_and_sums_only_what_is_whole() {
    let all = [
        measured("a/b", 1e6, None),
        measured("c/d", 5e5, Some((2.0, Compared::Faster))),
        measured("a/b", 1e6, None),
        measured("c/d", 2e6, Some((0.5, Compared::Slower))),
        measured("a/b", 1e6, None),
        wrong("c/d"),
    ];
    let text = sets(&all, Paint(false));
    let row = |name: &str| {
        text.lines()
            .find(|line| line.contains(name))
            .unwrap()
            .to_owned()
    };
    // Each of three layers runs three times.
    assert!(row("a/b").trim_end().ends_with("9.00 ms"), "{text}");
    let cells: Vec<String> = row("c/d").split_whitespace().map(str::to_owned).collect();
    assert_eq!(
        cells,
        [
            "net:x", "c/d", "2", "1", "1", "1", "–", "–", "–", "×1.00", "–"
        ]
    );
}

#[test]
fn a_document_has_a_row_a_shape_and_a_column_a_backend() {
    let mut inexact = measured("c/d", 13_107.2, Some((2.0, Compared::Faster)));
    inexact.inexact = Some(1024);
    let header = qassay_suites::runner::Plan::default().header();
    let text = markdown::render(
        &header,
        &[measured("a/b", 26_214.4, None), inexact, wrong("e/f")],
    );
    assert!(text.contains("## net:x, uniform data"), "{text}");
    assert!(
        text.contains("| | a/b | c/d | e/f |\n|---|---|---|---|\n"),
        "{text}"
    );
    let row = "| fc ×3 | 20.0 (50 %) | 40.0 (50 %) ×2.00, 25 % inexact | **differs** |\n";
    assert!(text.contains(row), "{text}");
}

#[test]
fn durations_have_three_digits() {
    for (ns, text) in [
        (0.5, "0.50 ns"),
        (43.2, "43.2 ns"),
        (812_000.0, "812 µs"),
        (8_123_000.0, "8.12 ms"),
        (2.5e9, "2.50 s"),
    ] {
        assert_eq!(duration(ns), text);
    }
}

#[test]
fn peaks_show_multiply_accumulates_a_cycle() {
    let text = peaks(
        &Peaks {
            ghz: 2.5,
            schemes: vec![Peak {
                scheme: "avx2/vpmaddwd".into(),
                exact: true,
                gops: 40.0,
                median_gops: 39.0,
            }],
            bandwidths: vec![Bandwidth {
                level: "L1".into(),
                bytes: 16 << 10,
                read: 75.0,
                write: 39.0,
                write_non_temporal: None,
                copy: 70.0,
            }],
        },
        Paint(false),
    );
    for part in [
        "40.0",
        "8.0",
        "exact",
        "vpmaddwd and vpaddd",
        "16 KiB",
        "75.0",
        "–",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}
