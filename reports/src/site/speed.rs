//! Speed: one page with what the CPU can do and a roofline, and one page for
//! each set of shapes with bars, ratios and how speed grows.

mod set;

use maud::{Markup, html};
use qassay_suites::record::Measuring;

use super::page::{self, Page};
use crate::name;
use crate::plot::bars::{Bar, Scale, bars};
use crate::plot::roofline::{Dot, Roof, Slope, roofline};
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
        pages.push(set::page(survey, set, &of));
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
            "Intervals are 95 % bootstrap intervals over passes and rounds." }
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
            li { span.swatch style=(format!("background:var(--s{})", series(survey, name) % 8)) {} (name::short(name)) }
        } }
    }
}
