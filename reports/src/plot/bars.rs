//! Horizontal bars with intervals: one line a bar, its name at the left, its
//! number at the right.

use maud::Markup;

use super::{Anchor, Ink, decades, draw, short, steps};

/// One bar.
#[derive(Debug, Clone, PartialEq)]
pub struct Bar {
    /// at the left
    pub name: String,
    /// how long
    pub value: f64,
    /// where the value may lie
    pub interval: Option<[f64; 2]>,
    /// behind the bar
    pub text: String,
    /// which of eight colours
    pub series: usize,
}

/// How values become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// from 0
    Linear,
    /// powers of ten
    Logarithmic,
}

const ROW: f64 = 22.0;
const WIDTH: f64 = 760.0;
const RIGHT: f64 = 130.0;
const FOOT: f64 = 44.0;

/// The bars; `unit` stands under the axis.
pub fn bars(label: &str, unit: &str, bars: &[Bar], scale: Scale) -> Markup {
    let longest = bars
        .iter()
        .map(|bar| bar.name.chars().count())
        .max()
        .unwrap_or(0);
    let left = (longest as f64 * 7.4 + 16.0).clamp(60.0, 340.0);
    let height = bars.len() as f64 * ROW + FOOT + 6.0;
    let bottom = height - FOOT;
    let most = bars
        .iter()
        .map(|bar| {
            bar.interval
                .map_or(bar.value, |[_, high]| high.max(bar.value))
        })
        .fold(0.0, f64::max);
    let marks = match scale {
        Scale::Linear => steps(most),
        Scale::Logarithmic => decades(1.0, most.max(10.0)),
    };
    let end = marks.last().copied().unwrap_or(1.0);
    let room = WIDTH - left - RIGHT;
    let place = |value: f64| {
        let share = match scale {
            Scale::Linear => value / end,
            Scale::Logarithmic if value < 1.0 => 0.0,
            Scale::Logarithmic => value.log10() / end.log10(),
        };
        left + share.clamp(0.0, 1.0) * room
    };
    draw([WIDTH as u32, height as u32], label, |canvas| {
        for &mark in &marks {
            let x = place(mark);
            canvas.line(&[(x, 2.0), (x, bottom)], Ink::Grid, 1);
            canvas.text(&short(mark), x, bottom + 12.0, Anchor::Middle, Ink::Faint);
        }
        canvas.text(
            unit,
            left + room / 2.0,
            bottom + 30.0,
            Anchor::Middle,
            Ink::Faint,
        );
        for (at, bar) in bars.iter().enumerate() {
            let y = 6.0 + at as f64 * ROW;
            let middle = y + ROW / 2.0 - 2.0;
            canvas.text(&bar.name, left - 8.0, middle, Anchor::Right, Ink::Text);
            let x = place(bar.value);
            let ink = Ink::Series(bar.series);
            canvas.fill([left, y, x.max(left + 1.0), y + ROW - 6.0], ink, 0.85);
            let mut end = x;
            if let Some([low, high]) = bar.interval {
                let (low, high) = (place(low), place(high));
                canvas.line(&[(low, middle), (high, middle)], Ink::Text, 1);
                for x in [low, high] {
                    canvas.line(&[(x, middle - 4.0), (x, middle + 4.0)], Ink::Text, 1);
                }
                end = end.max(high);
            }
            canvas.text(&bar.text, end + 8.0, middle, Anchor::Left, Ink::Text);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bar_has_its_name_its_number_and_a_length_that_fits() {
        let bar = |name: &str, value: f64| Bar {
            name: name.into(),
            value,
            interval: Some([value * 0.9, value * 1.1]),
            text: format!("{value} GOP/s"),
            series: 0,
        };
        let svg = bars(
            "speed",
            "GOP/s",
            &[bar("fast", 100.0), bar("half", 50.0)],
            Scale::Linear,
        )
        .into_string();
        let widths: Vec<f64> = svg
            .split("<rect ")
            .skip(1)
            .filter_map(|rect| {
                rect.split("width=\"")
                    .nth(1)?
                    .split('"')
                    .next()?
                    .parse()
                    .ok()
            })
            .collect();
        assert_eq!(widths.len(), 2, "{svg}");
        assert!((widths[0] / widths[1] - 2.0).abs() < 0.05, "{widths:?}");
        for text in ["fast", "half", "100 GOP/s", "50 GOP/s"] {
            assert!(svg.contains(text), "{text}");
        }
        bars("nothing", "x", &[], Scale::Logarithmic);
    }
}
