//! A roofline: what a CPU allows at most, by operations for each byte moved,
//! and where kernels lie under it. Both axes are logarithmic.

use maud::Markup;

use super::{Anchor, Ink, decades, draw, short};

/// A flat roof: operations a second at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Roof {
    /// the scheme
    pub name: String,
    /// GOP/s
    pub gops: f64,
}

/// A slanted roof: bytes a second at most.
#[derive(Debug, Clone, PartialEq)]
pub struct Slope {
    /// the cache, or memory
    pub name: String,
    /// GB/s
    pub gbytes: f64,
}

/// A kernel on a case.
#[derive(Debug, Clone, PartialEq)]
pub struct Dot {
    /// operations a byte
    pub intensity: f64,
    /// GOP/s
    pub gops: f64,
    /// which of eight colours
    pub series: usize,
}

const SIZE: [f64; 2] = [760.0, 400.0];
const LEFT: f64 = 60.0;
const RIGHT: f64 = 186.0;
const TOP: f64 = 30.0;
const FOOT: f64 = 48.0;

/// The roofs with the dots under them.
pub fn roofline(label: &str, roofs: &[Roof], slopes: &[Slope], dots: &[Dot]) -> Markup {
    let positive = |value: &f64| value.is_finite() && *value > 0.0;
    let gops: Vec<f64> = (dots.iter().map(|dot| dot.gops))
        .chain(roofs.iter().map(|roof| roof.gops))
        .filter(positive)
        .collect();
    let tallest = roofs.iter().map(|roof| roof.gops).fold(0.0, f64::max);
    // Half way to where slanted roofs meet the tallest flat one is in the picture, too.
    let ridges = slopes.iter().map(|slope| tallest / slope.gbytes / 2.0);
    let intensities: Vec<f64> = (dots.iter().map(|dot| dot.intensity))
        .chain(ridges)
        .filter(positive)
        .collect();
    let ends = |values: &[f64]| -> [f64; 2] {
        let least = values.iter().copied().fold(f64::INFINITY, f64::min);
        let most = values.iter().copied().fold(0.0, f64::max);
        if least.is_finite() {
            [least, most]
        } else {
            [1.0, 10.0]
        }
    };
    let [xs, ys] = [ends(&intensities), ends(&gops)].map(|[low, high]| decades(low, high));
    let scale = |marks: &[f64], value: f64| {
        let (low, high) = (marks[0].log10(), marks[marks.len() - 1].log10());
        (value.log10() - low) / (high - low)
    };
    let room = [SIZE[0] - LEFT - RIGHT, SIZE[1] - TOP - FOOT];
    let x = |value: f64| LEFT + scale(&xs, value) * room[0];
    let y = |value: f64| TOP + (1.0 - scale(&ys, value)) * room[1];
    let (low, high) = (xs[0], xs[xs.len() - 1]);
    draw(SIZE.map(|side| side as u32), label, |canvas| {
        for &mark in &xs {
            canvas.line(&[(x(mark), TOP), (x(mark), SIZE[1] - FOOT)], Ink::Grid, 1);
            canvas.text(
                &short(mark),
                x(mark),
                SIZE[1] - FOOT + 12.0,
                Anchor::Middle,
                Ink::Faint,
            );
        }
        for &mark in &ys {
            canvas.line(&[(LEFT, y(mark)), (SIZE[0] - RIGHT, y(mark))], Ink::Grid, 1);
            canvas.text(&short(mark), LEFT - 6.0, y(mark), Anchor::Right, Ink::Faint);
        }
        let middle = LEFT + room[0] / 2.0;
        canvas.text(
            "operations a byte",
            middle,
            SIZE[1] - 12.0,
            Anchor::Middle,
            Ink::Faint,
        );
        canvas.text("GOP/s", 4.0, 10.0, Anchor::Left, Ink::Faint);
        let mut next_free = f64::NEG_INFINITY;
        let mut sorted: Vec<&Roof> = roofs.iter().filter(|roof| positive(&roof.gops)).collect();
        sorted.sort_by(|a, b| b.gops.total_cmp(&a.gops));
        for roof in sorted {
            let height = y(roof.gops);
            canvas.line(&[(LEFT, height), (SIZE[0] - RIGHT, height)], Ink::Faint, 2);
            // Names of roofs that lie close are moved apart, downwards: roofs lie high.
            let name_at = height.max(next_free);
            next_free = name_at + 14.0;
            let text = format!("{} {}", roof.name, short(roof.gops));
            canvas.text(
                &text,
                SIZE[0] - RIGHT + 6.0,
                name_at,
                Anchor::Left,
                Ink::Text,
            );
        }
        let slanted = slopes.iter().filter(|slope| positive(&slope.gbytes));
        for (number, slope) in slanted.enumerate() {
            // From the left or lower side to the tallest roof, the right or the upper side.
            let top = if tallest > 0.0 {
                tallest
            } else {
                ys[ys.len() - 1]
            };
            let from = low.max(ys[0] / slope.gbytes);
            let to = high.min(top / slope.gbytes);
            if from < to {
                let ends = [from, to].map(|at| (x(at), y(at * slope.gbytes)));
                canvas.line(&ends, Ink::Faint, 1);
                // Each name stands further along than the last, as slopes may lie close.
                let share = 0.06 + 0.22 * (number % 4) as f64;
                let at = [0, 1].map(|i| {
                    let [from, to] = ends.map(|end| [end.0, end.1][i]);
                    from + share * (to - from)
                });
                let text = format!("{} {} GB/s", slope.name, short(slope.gbytes));
                canvas.text(&text, at[0] + 8.0, at[1] + 6.0, Anchor::Left, Ink::Faint);
            }
        }
        for dot in dots
            .iter()
            .filter(|d| positive(&d.gops) && positive(&d.intensity))
        {
            canvas.dot(x(dot.intensity), y(dot.gops), 4, Ink::Series(dot.series));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_under_its_roof_is_drawn_under_it() {
        let roofs = [Roof {
            name: "peak".into(),
            gops: 100.0,
        }];
        let slopes = [Slope {
            name: "memory".into(),
            gbytes: 10.0,
        }];
        let dots = [
            Dot {
                intensity: 50.0,
                gops: 40.0,
                series: 0,
            },
            Dot {
                intensity: f64::NAN,
                gops: 1.0,
                series: 1,
            },
        ];
        let svg = roofline("roof", &roofs, &slopes, &dots).into_string();
        assert_eq!(
            svg.matches("<circle").count(),
            1,
            "what is no number is left out"
        );
        let number = |text: &str| -> f64 {
            text.split("cy=\"")
                .nth(1)
                .unwrap()
                .split('"')
                .next()
                .unwrap()
                .parse()
                .unwrap()
        };
        // 100 is the uppermost mark: TOP.
        assert!(number(&svg) > TOP);
        assert!(
            svg.contains("peak 100") && svg.contains("memory 10 GB/s"),
            "{svg}"
        );
        roofline("empty", &[], &[], &[]);
        // Names of many roofs at one height are apart and in the picture.
        let many: Vec<Roof> = (0..14)
            .map(|at| Roof {
                name: format!("scheme{at}"),
                gops: 235.0 + f64::from(at) / 10.0,
            })
            .collect();
        let svg = roofline("roofs", &many, &slopes, &dots).into_string();
        let mut heights: Vec<f64> = svg
            .split("<text")
            .filter(|text| text.contains("scheme"))
            .map(|text| text.split("y=\"").nth(1).unwrap())
            .map(|rest| rest.split('"').next().unwrap().parse().unwrap())
            .collect();
        heights.sort_by(f64::total_cmp);
        assert_eq!(heights.len(), many.len());
        assert!(heights[0] >= TOP && heights[13] < SIZE[1], "{heights:?}");
        assert!(heights.windows(2).all(|two| two[1] - two[0] > 12.0));
    }
}
