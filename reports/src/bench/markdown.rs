//! A bench run as a document: the CPU, its peaks, and a table for each set with a
//! row a shape and a column a backend.

use std::fmt::Write;

use qassay_suites::record::{Header, Measurement, Peaks};

use super::duration;

/// The document.
pub fn render(header: &Header, measurements: &[Measurement]) -> String {
    let mut text = String::from("# How fast\n\n");
    let cpu = &header.cpu;
    // Writing to a string does not fail.
    let _ = writeln!(
        text,
        "{} ({}, family {} model {} stepping {}), {}, qassay {} {}\n",
        cpu.model_name,
        cpu.architecture,
        cpu.family,
        cpu.model,
        cpu.stepping,
        header.toolchain,
        header.version,
        header.revision.as_deref().unwrap_or("")
    );
    if let Some(measuring) = &header.measuring {
        let _ = writeln!(
            text,
            "{} thread{}, {} caches, {} clock, {} samples; ratios are against {}, above 1 is faster. \
             Every output bit was compared before and after every sample; what is wrong has no time. \
             How it is measured: suites/METHODOLOGY.md.\n",
            measuring.threads,
            if measuring.threads == 1 { "" } else { "s" },
            measuring.caches.word(),
            measuring.clock.word(),
            header.level,
            measuring.base.as_deref().unwrap_or("none")
        );
        peaks(&measuring.peaks, &mut text);
    }
    let mut names: Vec<(&str, &str)> = Vec::new();
    for m in measurements {
        let name = (super::set(m), data(m));
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let of_set: Vec<&Measurement> = (measurements.iter())
            .filter(|m| (super::set(m), data(m)) == name)
            .collect();
        set(name, &of_set, &mut text);
    }
    text
}

/// The data class of a case: the part before the seed.
fn data(m: &Measurement) -> &str {
    let mut parts = m.case.rsplit('/');
    let last = parts.next().unwrap_or_default();
    if last.starts_with("seed") {
        parts.next().unwrap_or_default()
    } else {
        last
    }
}

fn peaks(peaks: &Peaks, text: &mut String) {
    if peaks.schemes.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "## What this CPU can do\n\nOne thread at {:.2} GHz.\n\n| scheme | GOP/s | MAC/cycle | sums |\n|---|---|---|---|",
        peaks.ghz
    );
    for peak in &peaks.schemes {
        let per_cycle = peak.gops / 2.0 / peaks.ghz;
        let sums = if peak.exact { "exact" } else { "" };
        let _ = writeln!(
            text,
            "| {} | {:.1} | {per_cycle:.1} | {sums} |",
            peak.scheme, peak.gops
        );
    }
    text.push_str("\n| GB/s | read | write | non-temporal write | copy |\n|---|---|---|---|---|\n");
    for row in &peaks.bandwidths {
        let streamed = row
            .write_non_temporal
            .map_or_else(|| "–".into(), |w| format!("{w:.1}"));
        let _ = writeln!(
            text,
            "| {} ({} KiB) | {:.1} | {:.1} | {streamed} | {:.1} |",
            row.level,
            row.bytes / 1024,
            row.read,
            row.write,
            row.copy
        );
    }
    text.push('\n');
}

fn set((name, data): (&str, &str), of_set: &[&Measurement], text: &mut String) {
    let (mut cases, mut backends): (Vec<&Measurement>, Vec<&str>) = (Vec::new(), Vec::new());
    for &m in of_set {
        if cases.iter().all(|known| known.case != m.case) {
            cases.push(m);
        }
        if !backends.contains(&&*m.backend) {
            backends.push(&m.backend);
        }
    }
    let unit = if of_set.iter().any(|m| m.work.macs > 0) {
        "GOP/s"
    } else {
        "GB/s"
    };
    let _ = writeln!(
        text,
        "## {name}, {data} data\n\n{unit} (share of what the CPU allows) ×ratio.\n\n| | {} |\n|---|{}",
        backends.join(" | "),
        "---|".repeat(backends.len())
    );
    for case in cases {
        let place = case.place.as_ref();
        let label = match place {
            Some(place) if place.times > 1 => format!("{} ×{}", place.name, place.times),
            Some(place) => format!("{} {}", case.suite, place.name),
            None => case.case.clone(),
        };
        let _ = write!(text, "| {label} |");
        for backend in &backends {
            let found = of_set
                .iter()
                .find(|m| m.case == case.case && m.backend == *backend);
            let _ = write!(text, " {} |", found.map_or_else(|| "–".into(), |m| cell(m)));
        }
        text.push('\n');
    }
    text.push('\n');
}

/// `37.2 (94 %) ×1.02`, small things by their time; the verdict where there is no time, `wrong`
/// where the bits of a peer are.
fn cell(m: &Measurement) -> String {
    let Some(time) = &m.time else {
        return if m.verdict.is_failure() {
            format!("**{}**", m.verdict.word())
        } else {
            "–".into()
        };
    };
    let mut text = match m.work.macs {
        macs if macs < 1000 && macs > 0 => duration(time.median_ns),
        0 => format!("{:.1}", time.gbytes(&m.work)),
        _ => format!("{:.1}", time.gops(&m.work)),
    };
    if let Some(share) = &time.share {
        let _ = write!(text, " ({:.0} %)", 100.0 * share.share);
    }
    if let Some(ratio) = &time.ratio {
        let _ = write!(text, " ×{:.2}", ratio.ratio);
        if ratio.word == qassay_suites::record::Compared::Inconclusive {
            text.push_str(" inconclusive");
        }
    }
    if time.unstable {
        text.push_str(" unstable");
    }
    if m.verdict.is_failure() {
        text.push_str(", **wrong**");
    }
    if let Some(count @ 1..) = m.inexact {
        let share = 100.0 * count as f64 / m.values.max(1) as f64;
        let _ = write!(text, ", {share:.0} % inexact");
    }
    text
}
