//! Speed: one page with what the CPU can do and a roofline, and one page for
//! each set of shapes with bars, ratios and how speed grows.

use maud::{Markup, html};
use qassay_suites::record::{Measurement, Measuring};

use super::page::{self, Page};
use crate::plot::bars::{Bar, Scale, bars};
use crate::plot::roofline::{Dot, Roof, Slope, roofline};
use crate::plot::scaling::{Curve, scaling};
use crate::plot::short;
use crate::speed::{Row, rows};
use crate::survey::Survey;

/// The overview and a page a set; none without measurements.
pub(super) fn pages(survey: &Survey<'_>) -> Vec<Page> {
    let rows = rows(survey);
    if rows.is_empty() {
        return Vec::new();
    }
    let mut sets: Vec<&str> = Vec::new();
    for row in &rows {
        if !sets.contains(&row.set.as_str()) {
            sets.push(&row.set);
        }
    }
    let mut pages = vec![overview(survey, &rows, &sets)];
    for set in sets {
        let of: Vec<&Row<'_>> = rows.iter().filter(|row| row.set == set).collect();
        pages.push(set_page(survey, set, &of));
    }
    pages
}

fn file(set: &str) -> String {
    format!("speed-{}.html", page::slug(set))
}

/// A colour for each backend that was timed, the same on all pages.
fn series(survey: &Survey<'_>, backend: &str) -> usize {
    let mut timed: Vec<&str> = Vec::new();
    for (_, _, measurement) in &survey.measurements {
        if !timed.contains(&measurement.backend.as_str()) {
            timed.push(&measurement.backend);
        }
    }
    timed.iter().position(|name| *name == backend).unwrap_or(0)
}

fn overview(survey: &Survey<'_>, rows: &[Row<'_>], sets: &[&str]) -> Page {
    let body = html! {
        p { "Backends take turns within each case; outputs are verified in the same run, and a wrong one has no time. "
            "Intervals are 95 % bootstrap intervals." }
        h2 id="sets" { "Sets of shapes" }
        (page::table(
            "sets",
            &[("set", false), ("shapes", true), ("fastest backend", false), ("on how many shapes", true)],
            html! { @for set in sets {
                @let (shapes, best, wins) = champion(rows, set);
                tr {
                    th scope="row" { a href=(file(set)) { (set) } }
                    (page::count(shapes))
                    td { (best) }
                    (page::count(wins))
                }
            } },
        ))
        @for (number, source) in survey.input.runs.iter().enumerate() {
            @if let Some(measuring) = &source.run.header.measuring {
                (cpu_part(survey, number, &source.files.join(", "), measuring, rows))
            }
        }
    };
    Page {
        file: "speed.html".into(),
        title: "Speed".into(),
        body,
    }
}

/// How many shapes a set has, and who is fastest on most of them.
fn champion<'a>(rows: &[Row<'a>], set: &str) -> (u64, &'a str, u64) {
    let mut shapes: Vec<(usize, &str)> = Vec::new();
    let mut wins: Vec<(&str, u64)> = Vec::new();
    for row in rows.iter().filter(|row| row.set == set) {
        let shape = (row.run, row.measurement.case.as_str());
        let Some(best) = row.to_best.filter(|_| !shapes.contains(&shape)) else {
            continue;
        };
        shapes.push(shape);
        match wins.iter_mut().find(|(name, _)| *name == best.base) {
            Some((_, count)) => *count += 1,
            None => wins.push((best.base, 1)),
        }
    }
    let (best, count) = wins
        .into_iter()
        .max_by_key(|(_, count)| *count)
        .unwrap_or(("–", 0));
    (shapes.len() as u64, best, count)
}

/// What a CPU can do, and where kernels lie under it.
fn cpu_part(
    survey: &Survey<'_>,
    run: usize,
    files: &str,
    measuring: &Measuring,
    rows: &[Row<'_>],
) -> Markup {
    let header = &survey.input.runs[run].run.header;
    let peaks = &measuring.peaks;
    let compute: Vec<Bar> = peaks
        .schemes
        .iter()
        .map(|peak| Bar {
            name: peak.scheme.clone(),
            value: peak.gops,
            interval: None,
            text: format!(
                "{} GOP/s{}",
                short(peak.gops),
                match (peak.exact, peak.scheme.ends_with("f32")) {
                    (true, _) => ", exact",
                    (false, true) => ", floats",
                    (false, false) => ", saturates",
                }
            ),
            series: usize::from(!peak.exact),
        })
        .collect();
    html! {
        section {
            h2 id=(format!("run-{run}")) { "What " (header.cpu.model_name) " can do (" (files) ")" }
            p {
                (short(peaks.ghz)) " GHz, " (measuring.threads) " thread"
                @if measuring.threads != 1 { "s" }
                ", caches " (measuring.caches.word()) ", " (measuring.clock.word()) " clock."
            }
            @if !compute.is_empty() {
                @let caption = "Multiply-accumulates in registers, by scheme";
                (page::figure(caption, bars(caption, "GOP/s", &compute, Scale::Linear), html! {
                    (page::table("peaks", &[("scheme", false), ("GOP/s", true), ("median", true), ("sums", false)], html! {
                        @for peak in &peaks.schemes { tr {
                            th scope="row" { (peak.scheme) }
                            td.number { (short(peak.gops)) }
                            td.number { (short(peak.median_gops)) }
                            td { @if peak.exact { "exact" } @else { "saturate" } }
                        } }
                    }))
                }, "peaks.csv"))
            }
            @if !peaks.bandwidths.is_empty() {
                (page::table(
                    "bandwidth",
                    &[("array in", false), ("bytes", true), ("read GB/s", true), ("write GB/s", true), ("past caches GB/s", true), ("copy GB/s", true)],
                    html! { @for width in &peaks.bandwidths { tr {
                        th scope="row" { (width.level) }
                        (page::count(width.bytes))
                        td.number { (short(width.read)) }
                        td.number { (short(width.write)) }
                        td.number { (width.write_non_temporal.map(short).unwrap_or_else(|| "–".into())) }
                        td.number { (short(width.copy)) }
                    } } },
                ))
            }
            (roof(survey, run, measuring, rows))
        }
    }
}

fn roof(survey: &Survey<'_>, run: usize, measuring: &Measuring, rows: &[Row<'_>]) -> Markup {
    let dots: Vec<Dot> = rows
        .iter()
        .filter(|row| row.run == run && row.measurement.work.macs > 0)
        .filter_map(|row| {
            let work = &row.measurement.work;
            Some(Dot {
                intensity: 2.0 * work.macs as f64 / work.bytes() as f64,
                gops: row.measurement.time.as_ref()?.gops(work),
                series: series(survey, &row.measurement.backend),
            })
        })
        .collect();
    let roofs: Vec<Roof> = measuring
        .peaks
        .schemes
        .iter()
        .filter(|peak| {
            let mut here = rows.iter().filter(|row| row.run == run);
            here.any(|row| row.measurement.scheme == peak.scheme)
        })
        .map(|peak| Roof {
            name: peak.scheme.clone(),
            gops: peak.gops,
        })
        .collect();
    let slopes: Vec<Slope> = measuring
        .peaks
        .bandwidths
        .iter()
        .map(|width| Slope {
            name: width.level.clone(),
            gbytes: width.read,
        })
        .collect();
    let mut backends: Vec<&str> = Vec::new();
    for row in rows
        .iter()
        .filter(|row| row.run == run && row.measurement.work.macs > 0)
    {
        if !backends.contains(&row.measurement.backend.as_str()) {
            backends.push(&row.measurement.backend);
        }
    }
    let caption = "Roofline: speed by operations for each byte of operands and outputs";
    html! {
        @if !dots.is_empty() {
            (page::figure(caption, roofline(caption, &roofs, &slopes, &dots), html! {
                p { "Each dot is a backend on a shape. Flat lines are the peaks of the schemes that these backends use; slanted ones, reading at the speed of each cache." }
                (key(survey, &backends))
            }, "speed.csv"))
            (key(survey, &backends))
        }
    }
}

/// Which colour is which backend.
fn key(survey: &Survey<'_>, backends: &[&str]) -> Markup {
    html! {
        ul.key { @for name in backends {
            li { span.swatch style=(format!("background:var(--s{})", series(survey, name) % 8)) {} (name) }
        } }
    }
}

fn set_page(survey: &Survey<'_>, set: &str, rows: &[&Row<'_>]) -> Page {
    let mut cases: Vec<(usize, &str)> = Vec::new();
    for row in rows {
        let case = (row.run, row.measurement.case.as_str());
        if !cases.contains(&case) {
            cases.push(case);
        }
    }
    let body = html! {
        p { a href="speed.html" { "Speed" } " · " (cases.len()) " shapes. A longer bar is faster." }
        (growth(survey, rows))
        (threads(survey, rows))
        h2 id="shapes" { "Shapes" }
        @for (run, case) in cases {
            @let of: Vec<&Row<'_>> = rows.iter().copied()
                .filter(|row| row.run == run && row.measurement.case == case).collect();
            (shape(survey, &of))
        }
    };
    Page {
        file: file(set),
        title: format!("Speed: {set}"),
        body,
    }
}

/// GOP/s, or GB/s where there are no multiply-accumulates.
fn rate(measurement: &Measurement) -> Option<(f64, &'static str)> {
    let time = measurement.time.as_ref()?;
    Some(match measurement.work.macs {
        0 => (time.gbytes(&measurement.work), "GB/s"),
        _ => (time.gops(&measurement.work), "GOP/s"),
    })
}

/// Bars of one shape.
fn shape(survey: &Survey<'_>, rows: &[&Row<'_>]) -> Markup {
    let Some(first) = rows.first() else {
        return html! {};
    };
    let mut sorted: Vec<&&Row<'_>> = rows.iter().collect();
    let speed = |row: &Row<'_>| rate(row.measurement).map_or(0.0, |(rate, _)| rate);
    sorted.sort_by(|a, b| speed(b).total_cmp(&speed(a)));
    let unit = rows
        .iter()
        .find_map(|row| rate(row.measurement))
        .map_or("GOP/s", |(_, unit)| unit);
    let all: Vec<Bar> = sorted
        .iter()
        .filter_map(|row| {
            let measurement = row.measurement;
            let (value, unit) = rate(measurement)?;
            let time = measurement.time.as_ref()?;
            let at = |ns: f64| value * time.median_ns / ns;
            let unstable = if time.unstable { ", unstable" } else { "" };
            Some(Bar {
                name: named(rows, row),
                value,
                interval: Some([at(time.interval_ns[1]), at(time.interval_ns[0])]),
                text: format!("{} {unit}{unstable}", short(value)),
                series: series(survey, &measurement.backend),
            })
        })
        .collect();
    let caption = format!("{}, {unit}", first.name);
    html! {
        section {
            h3 { (first.name) @if survey.input.runs.len() > 1 { " " span.faint { (survey.cpus[first.cpu].label) } } }
            p.faint { code { (first.measurement.case) } }
            (page::figure(&caption, bars(&caption, unit, &all, Scale::Linear), numbers(rows, &sorted), "speed.csv"))
        }
    }
}

/// The backend, with threads and caches where they vary.
fn named(rows: &[&Row<'_>], row: &Row<'_>) -> String {
    let measurement = row.measurement;
    let mut name = measurement.backend.clone();
    if rows
        .iter()
        .any(|other| other.measurement.threads != measurement.threads)
    {
        name += &format!(", {} threads", measurement.threads);
    }
    if rows
        .iter()
        .any(|other| other.measurement.caches != measurement.caches)
    {
        name += &format!(", {}", measurement.caches.word());
    }
    name
}

fn numbers(rows: &[&Row<'_>], sorted: &[&&Row<'_>]) -> Markup {
    let columns = [
        ("backend", false),
        ("µs", true),
        ("interval µs", false),
        ("rate", true),
        ("to the best", true),
        ("interval", false),
        ("share of peak", true),
        ("limited by", false),
        ("micro-kernel", false),
    ];
    page::table(
        "times",
        &columns,
        html! {
            @for row in sorted { tr {
                th scope="row" { (named(rows, row)) }
                @match &row.measurement.time {
                    None => {
                        td.bad { (row.measurement.verdict.word()) }
                        td.wide colspan="7" { (row.measurement.detail) }
                    }
                    Some(time) => {
                        @let us = |ns: f64| short(ns / 1000.0);
                        td.number data-sort=(time.median_ns) { (us(time.median_ns)) }
                        td { (us(time.interval_ns[0])) " – " (us(time.interval_ns[1])) @if time.unstable { ", unstable" } @if row.measurement.verdict.is_failure() { ", wrong" } }
                        td.number { @if let Some((rate, unit)) = rate(row.measurement) { (short(rate)) " " (unit) } }
                        @match row.to_best {
                            Some(best) => {
                                td.number data-sort=(best.ratio) { (format!("{:.3}", best.ratio)) }
                                td { (format!("{:.3} – {:.3}", best.interval[0], best.interval[1])) }
                            }
                            None => { td {} td {} }
                        }
                        @match &time.share {
                            Some(share) => {
                                td.number data-sort=(share.share) { (format!("{:.0} %", share.share * 100.0)) }
                                td { (share.limit) }
                            }
                            None => { td {} td {} }
                        }
                        td { code { (row.measurement.chosen) } }
                    }
                }
            } }
        },
    )
}

/// Curves of each backend over something that rises, where there are points to join.
fn curves<'a>(
    survey: &Survey<'a>,
    rows: &[&Row<'a>],
    along: impl Fn(&Measurement) -> f64,
) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for row in rows {
        let Some((rate, _)) = rate(row.measurement) else {
            continue;
        };
        let name = if survey.cpus.len() > 1 {
            format!(
                "{} on {}",
                row.measurement.backend, survey.cpus[row.cpu].label
            )
        } else {
            row.measurement.backend.clone()
        };
        let point = (along(row.measurement), rate);
        match curves.iter_mut().find(|curve| curve.name == name) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve {
                name,
                points: vec![point],
                series: series(survey, &row.measurement.backend),
            }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    curves.retain(|curve| curve.points.len() > 1);
    curves
}

/// How speed grows with size.
fn growth(survey: &Survey<'_>, rows: &[&Row<'_>]) -> Markup {
    let with_sums = rows.iter().all(|row| row.measurement.work.macs > 0);
    let (what, unit) = if with_sums {
        ("multiply-accumulates of a run", "GOP/s")
    } else {
        ("bytes of a run", "GB/s")
    };
    let curves = curves(survey, rows, |measurement| match with_sums {
        true => measurement.work.macs as f64,
        false => measurement.work.bytes() as f64,
    });
    let caption = "Speed by size";
    html! {
        @if !curves.is_empty() {
            h2 id="growth" { "By size" }
            (page::figure(caption, scaling(caption, what, unit, &curves), points(what, unit, &curves), "speed.csv"))
        }
    }
}

/// How speed grows with threads, where more than one number of them was timed.
fn threads(survey: &Survey<'_>, rows: &[&Row<'_>]) -> Markup {
    let largest = rows
        .iter()
        .map(|row| row.measurement.work.macs)
        .max()
        .unwrap_or(0);
    let of: Vec<&Row<'_>> = rows
        .iter()
        .copied()
        .filter(|row| row.measurement.work.macs == largest)
        .collect();
    let several = of
        .iter()
        .any(|row| row.measurement.threads != of[0].measurement.threads);
    let curves = curves(survey, &of, |measurement| measurement.threads as f64);
    let caption = "Speed by threads, on the largest shape";
    html! {
        @if several && !curves.is_empty() {
            h2 id="threads" { "By threads" }
            (page::figure(caption, scaling(caption, "threads", "GOP/s", &curves), points("threads", "GOP/s", &curves), "speed.csv"))
        }
    }
}

fn points(what: &str, unit: &str, curves: &[Curve]) -> Markup {
    page::table(
        "points",
        &[("backend", false), (what, true), (unit, true)],
        html! {
            @for curve in curves { @for (x, y) in &curve.points { tr {
                th scope="row" { (curve.name) }
                td.number data-sort=(x) { (short(*x)) }
                td.number data-sort=(y) { (short(*y)) }
            } } }
        },
    )
}
