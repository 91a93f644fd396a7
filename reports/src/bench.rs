//! How fast: one block per case while a bench run goes on, the sets in short at
//! its end, and the peaks of the CPU.

pub mod markdown;

use comfy_table::{CellAlignment, Color};
use qassay_suites::record::{Compared, Measurement, Peaks, Time, Verdict};

use crate::name;
use crate::paint::{Paint, grouped};

/// One case on all backends: a heading, a row for each that has a time, and why the others
/// have none.
pub fn case(measurements: &[Measurement], paint: Paint) -> String {
    let Some(first) = measurements.first() else {
        return String::new();
    };
    let mut text = heading(first, paint);
    let timed: Vec<(&Measurement, &Time)> = measurements
        .iter()
        .filter_map(|m| m.time.as_ref().map(|time| (m, time)))
        .collect();
    if !timed.is_empty() {
        text += &rows(&timed, paint);
        text.push('\n');
    }
    for (verdict, word) in [
        (Verdict::Unsupported, "no kernel"),
        (Verdict::PreconditionNotMet, "precondition not met"),
    ] {
        let names: Vec<String> = measurements
            .iter()
            .filter(|m| m.verdict == verdict)
            .map(|m| name::short(&m.backend))
            .collect();
        if !names.is_empty() {
            text += &format!("  {word}: {}\n", names.join(", "));
        }
    }
    for wrong in measurements.iter().filter(|m| m.verdict.is_failure()) {
        let (word, time) = match wrong.time {
            Some(_) => ("wrong", ""),
            None => (wrong.verdict.word(), ", no time"),
        };
        let word = paint.bad(word);
        text += &format!(
            "  {} {word}{time}: {}\n",
            name::short(&wrong.backend),
            wrong.detail
        );
    }
    text
}

/// `gemm 64,768,3072: 151 MMAC, 2.6 MB` and the id.
fn heading(first: &Measurement, paint: Paint) -> String {
    let place = first.place.as_ref().map_or_else(String::new, |place| {
        let times = match place.times {
            1 => String::new(),
            times => format!(" ×{times}"),
        };
        format!("{} {}{times}  ", place.set, place.name)
    });
    let work = match first.work.macs {
        0 => format!("{} elements", grouped(first.work.elements)),
        macs => format!("{} MAC", grouped(macs)),
    };
    let bytes = grouped(first.work.bytes());
    let name = paint.strong(&format!("{place}{}", first.case));
    format!("{name}  {work}, {bytes} bytes\n")
}

fn rows(timed: &[(&Measurement, &Time)], paint: Paint) -> String {
    let compared = timed.iter().any(|(_, time)| time.ratio.is_some());
    let mut table = paint.table();
    let mut header = vec![
        "",
        "backend",
        "micro-kernel",
        "median",
        "±",
        "speed",
        "of what this CPU can",
    ];
    if compared {
        header.push("against the base");
    }
    header.extend(["packing", "sums"]);
    table.set_header(header);
    for (m, time) in timed {
        let color = |word| match word {
            Compared::Faster => Some(Color::Green),
            Compared::Slower => Some(Color::Red),
            Compared::Alike => None,
            Compared::Inconclusive => Some(Color::Yellow),
        };
        let unstable = time.unstable.then_some(Color::Yellow);
        let kernel = m.chosen.split(" (").next().unwrap_or_default();
        let mut cells = vec![
            paint.cell(String::new(), None),
            paint.cell(name::short(&m.backend), None),
            paint.cell(kernel.to_owned(), None),
            paint
                .cell(duration(time.median_ns), None)
                .set_alignment(CellAlignment::Right),
            paint.cell(spread(time), unstable),
            paint
                .cell(speed(m, time), None)
                .set_alignment(CellAlignment::Right),
            paint.cell(share(time), None),
        ];
        if compared {
            let ratio = time.ratio.as_ref();
            let text = ratio.map_or_else(
                || "base".to_owned(),
                |r| {
                    let [low, high] = r.interval;
                    format!("×{:.2} ({low:.2}–{high:.2}) {}", r.ratio, r.word.word())
                },
            );
            cells.push(paint.cell(text, ratio.and_then(|r| color(r.word))));
        }
        let packing = m.prepare_ns.map_or_else(String::new, duration);
        cells.push(
            paint
                .cell(packing, None)
                .set_alignment(CellAlignment::Right),
        );
        let (sums, color) = sums(m);
        cells.push(paint.cell(sums, color));
        table.add_row(cells);
    }
    table.to_string()
}

/// Half the interval's width as a share of the median, and `unstable`.
fn spread(time: &Time) -> String {
    let [low, high] = time.interval_ns;
    let half = 50.0 * (high - low) / time.median_ns.max(f64::MIN_POSITIVE);
    let word = if time.unstable { " unstable" } else { "" };
    format!("{half:.1} %{word}")
}

fn speed(m: &Measurement, time: &Time) -> String {
    match m.work.macs {
        0 => format!("{:.1} GB/s", time.gbytes(&m.work)),
        _ => format!("{:.1} GOP/s", time.gops(&m.work)),
    }
}

fn share(time: &Time) -> String {
    time.share.as_ref().map_or_else(String::new, |share| {
        format!("{:.0} % {}", 100.0 * share.share, share.limit)
    })
}

/// Instructions executed, where they were counted: a row a case, a column a backend.
pub fn instructions(measurements: &[Measurement], paint: Paint) -> String {
    let (mut cases, mut backends): (Vec<&Measurement>, Vec<&str>) = (Vec::new(), Vec::new());
    for m in measurements.iter().filter(|m| m.instructions.is_some()) {
        if cases.iter().all(|known| known.case != m.case) {
            cases.push(m);
        }
        if !backends.contains(&&*m.backend) {
            backends.push(&m.backend);
        }
    }
    let mut table = paint.table();
    let header = ["instructions executed", "each"].into_iter();
    table.set_header(
        header
            .map(str::to_owned)
            .chain(backends.iter().map(|backend| name::short(backend))),
    );
    for case in cases {
        let (per, unit) = match case.work.macs {
            0 => (case.work.elements, "element"),
            macs => (macs, "MAC"),
        };
        let place = case.place.as_ref();
        let name = place.map_or_else(|| case.case.clone(), |p| format!("{} {}", p.set, p.name));
        let mut row = vec![name, unit.to_owned()];
        for backend in &backends {
            let counted = (measurements.iter())
                .find(|m| m.case == case.case && m.backend == *backend)
                .and_then(|m| m.instructions);
            row.push(counted.map_or_else(
                || "–".into(),
                |count| format!("{:.4}", count as f64 / per.max(1) as f64),
            ));
        }
        table.add_row(row);
    }
    table.to_string()
}

/// Whether sums are those of exact accumulation on this data; of a peer, whether its bits are
/// those of its profile.
fn sums(m: &Measurement) -> (String, Option<Color>) {
    if m.verdict.is_failure() {
        return ("wrong".into(), Some(Color::Red));
    }
    match m.inexact {
        None => (String::new(), None),
        Some(0) => ("exact".into(), None),
        Some(count) => {
            let share = 100.0 * count as f64 / m.values.max(1) as f64;
            (
                format!("inexact, {share:.0} % of outputs"),
                Some(Color::Yellow),
            )
        }
    }
}

/// `812 µs`, three digits.
pub fn duration(ns: f64) -> String {
    let (value, unit) = match ns {
        ns if ns < 1e3 => (ns, "ns"),
        ns if ns < 1e6 => (ns / 1e3, "µs"),
        ns if ns < 1e9 => (ns / 1e6, "ms"),
        ns => (ns / 1e9, "s"),
    };
    let digits = match value {
        v if v < 10.0 => 2,
        v if v < 100.0 => 1,
        _ => 0,
    };
    format!("{value:.digits$} {unit}")
}

/// All sets in short: a row for each set and backend.
pub fn sets(measurements: &[Measurement], paint: Paint) -> String {
    let mut table = paint.table();
    table.set_header([
        "set",
        "backend",
        "timed",
        "no time",
        "faster",
        "slower",
        "alike",
        "inconclusive",
        "unstable",
        "mean ratio",
        "sum",
    ]);
    let mut keys: Vec<(&str, &str)> = Vec::new();
    for m in measurements {
        let key = (set(m), &*m.backend);
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for (name, backend) in keys {
        let all: Vec<&Measurement> = (measurements.iter())
            .filter(|m| set(m) == name && m.backend == backend)
            .collect();
        let short = Short::of(&all);
        let count = |number: usize| {
            let text = if number == 0 {
                "–".into()
            } else {
                number.to_string()
            };
            paint.cell(text, None)
        };
        let compared = |word| count(short.words.iter().filter(|&&w| w == word).count());
        table.add_row(vec![
            paint.cell(name.to_owned(), None),
            paint.cell(name::short(backend), None),
            count(short.timed),
            count(all.len() - short.timed),
            compared(Compared::Faster),
            compared(Compared::Slower),
            compared(Compared::Alike),
            compared(Compared::Inconclusive),
            count(short.unstable),
            paint.cell(
                short
                    .mean
                    .map_or_else(|| "–".into(), |mean| format!("×{mean:.2}")),
                None,
            ),
            paint.cell(short.sum.map_or_else(|| "–".into(), duration), None),
        ]);
    }
    table.to_string()
}

fn set(m: &Measurement) -> &str {
    m.place.as_ref().map_or(&*m.suite, |place| &place.set)
}

/// A backend on a set.
struct Short {
    timed: usize,
    unstable: usize,
    words: Vec<Compared>,
    /// geometric mean of the ratios
    mean: Option<f64>,
    /// nanoseconds of all layers as often as they run; only if every layer has a time
    sum: Option<f64>,
}

impl Short {
    fn of(all: &[&Measurement]) -> Self {
        let times: Vec<(&Measurement, &Time)> = (all.iter())
            .filter_map(|m| m.time.as_ref().map(|time| (*m, time)))
            .collect();
        let ratios: Vec<_> = times.iter().filter_map(|(_, t)| t.ratio.as_ref()).collect();
        let logs: f64 = ratios.iter().map(|ratio| ratio.ratio.ln()).sum();
        let sum = times.iter().map(|(m, time)| {
            time.median_ns * m.place.as_ref().map_or(1, |place| place.times) as f64
        });
        Self {
            timed: times.len(),
            unstable: times.iter().filter(|(_, time)| time.unstable).count(),
            words: ratios.iter().map(|ratio| ratio.word).collect(),
            mean: (!ratios.is_empty()).then(|| (logs / ratios.len() as f64).exp()),
            sum: (times.len() == all.len()).then(|| sum.sum()),
        }
    }
}

/// What the CPU can do, as tables.
pub fn peaks(peaks: &Peaks, paint: Paint) -> String {
    let mut schemes = paint.table();
    schemes.set_header([
        "scheme",
        "GOP/s",
        "median",
        "MAC/cycle",
        "sums",
        "what it is",
    ]);
    for peak in &peaks.schemes {
        let meaning = qassay_suites::host::peaks::meaning(&peak.scheme);
        schemes.add_row([
            peak.scheme.clone(),
            format!("{:.1}", peak.gops),
            format!("{:.1}", peak.median_gops),
            format!("{:.1}", peak.gops / 2.0 / peaks.ghz),
            if peak.exact {
                "exact".into()
            } else {
                String::new()
            },
            meaning.to_owned(),
        ]);
    }
    let mut memory = paint.table();
    memory.set_header([
        "GB/s",
        "array",
        "read",
        "write",
        "non-temporal write",
        "copy (read + write)",
    ]);
    for row in &peaks.bandwidths {
        memory.add_row([
            row.level.clone(),
            format!("{} KiB", grouped(row.bytes / 1024)),
            format!("{:.1}", row.read),
            format!("{:.1}", row.write),
            row.write_non_temporal
                .map_or_else(|| "–".into(), |rate| format!("{rate:.1}")),
            format!("{:.1}", row.copy),
        ]);
    }
    format!(
        "one thread, {:.2} GHz (a chain of dependent additions); 2 operations per multiply-accumulate\n\n{schemes}\n\n{memory}",
        peaks.ghz
    )
}

#[cfg(test)]
mod tests;
