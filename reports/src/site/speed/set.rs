//! The page of one set of shapes: bars of each shape, and how speed grows with
//! size and threads.

use maud::{Markup, html};
use qassay_suites::record::Measurement;

use super::{file, series};
use crate::name;
use crate::plot::bars::{Bar, Scale, bars};
use crate::plot::scaling::{Curve, scaling};
use crate::plot::short;
use crate::site::page::{self, Page};
use crate::speed::Row;
use crate::survey::Survey;

/// The page.
pub(super) fn page(survey: &Survey<'_>, set: &str, rows: &[&Row<'_>]) -> Page {
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
    let mut name = name::short(&measurement.backend);
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
                name::short(&row.measurement.backend),
                survey.cpus[row.cpu].label
            )
        } else {
            name::short(&row.measurement.backend)
        };
        let series = series(survey, &row.measurement.backend);
        let point = (along(row.measurement), rate);
        match (curves.iter_mut()).find(|curve| curve.name == name && curve.series == series) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve {
                name,
                points: vec![point],
                series,
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
