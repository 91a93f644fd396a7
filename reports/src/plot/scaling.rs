//! Lines over sizes or threads: how speed grows. The horizontal axis is
//! logarithmic, the vertical one starts at 0.

use maud::Markup;

use super::{Anchor, Ink, decades, draw, short, steps};

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// in the key
    pub name: String,
    /// points by rising x
    pub points: Vec<(f64, f64)>,
    /// which of eight colours
    pub series: usize,
}

const SIZE: [f64; 2] = [760.0, 340.0];
const LEFT: f64 = 60.0;
const RIGHT: f64 = 200.0;
const TOP: f64 = 30.0;
const FOOT: f64 = 48.0;

/// The lines, with their names at the right.
pub fn scaling(label: &str, x_axis: &str, y_axis: &str, curves: &[Curve]) -> Markup {
    let points = || curves.iter().flat_map(|curve| &curve.points);
    let least = points().map(|(x, _)| *x).fold(f64::INFINITY, f64::min);
    let most = points().map(|(x, _)| *x).fold(0.0, f64::max);
    let xs = if least.is_finite() {
        decades(least, most)
    } else {
        decades(1.0, 10.0)
    };
    let ys = steps(points().map(|(_, y)| *y).fold(0.0, f64::max));
    let height = SIZE[1].max(TOP + FOOT + curves.len() as f64 * 16.0);
    let room = [SIZE[0] - LEFT - RIGHT, height - TOP - FOOT];
    let (low, high) = (xs[0].log10(), xs[xs.len() - 1].log10());
    let x = |value: f64| LEFT + (value.log10() - low) / (high - low) * room[0];
    let y = |value: f64| TOP + (1.0 - value / ys[ys.len() - 1]) * room[1];
    draw([SIZE[0] as u32, height as u32], label, |canvas| {
        for &mark in &xs {
            canvas.line(&[(x(mark), TOP), (x(mark), height - FOOT)], Ink::Grid, 1);
            canvas.text(
                &short(mark),
                x(mark),
                height - FOOT + 12.0,
                Anchor::Middle,
                Ink::Faint,
            );
        }
        for &mark in &ys {
            canvas.line(&[(LEFT, y(mark)), (SIZE[0] - RIGHT, y(mark))], Ink::Grid, 1);
            canvas.text(&short(mark), LEFT - 6.0, y(mark), Anchor::Right, Ink::Faint);
        }
        let middle = LEFT + room[0] / 2.0;
        canvas.text(x_axis, middle, height - 12.0, Anchor::Middle, Ink::Faint);
        canvas.text(y_axis, 4.0, 8.0, Anchor::Left, Ink::Faint);
        for (at, curve) in curves.iter().enumerate() {
            let ink = Ink::Series(curve.series);
            let places: Vec<(f64, f64)> = curve
                .points
                .iter()
                .map(|&(px, py)| (x(px), y(py)))
                .collect();
            canvas.line(&places, ink, 2);
            // The eight colours return; then a ring of the page's ink marks the dots.
            for &(px, py) in &places {
                if at >= 8 {
                    canvas.dot(px, py, 5, Ink::Text);
                }
                canvas.dot(px, py, 3, ink);
            }
            let key = TOP + 6.0 + at as f64 * 16.0;
            let left = SIZE[0] - RIGHT + 14.0;
            canvas.line(&[(left, key), (left + 16.0, key)], ink, 3);
            if at >= 8 {
                canvas.dot(left + 8.0, key, 5, Ink::Text);
            }
            canvas.dot(left + 8.0, key, 3, ink);
            canvas.text(&curve.name, left + 24.0, key, Anchor::Left, Ink::Text);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_curve_has_its_line_its_dots_and_its_name() {
        let curve = |name: &str, series| Curve {
            name: name.into(),
            points: vec![(1e3, 1.0), (1e4, 5.0), (1e5, 8.0)],
            series,
        };
        let svg = scaling(
            "grows",
            "multiply-accumulates",
            "GOP/s",
            &[curve("a", 0), curve("b", 1)],
        )
        .into_string();
        // Three dots and one in the key, each.
        assert_eq!(svg.matches("<circle").count(), 8, "{svg}");
        assert!(svg.contains("multiply-accumulates"));
        scaling("nothing", "x", "y", &[]);
    }
}
