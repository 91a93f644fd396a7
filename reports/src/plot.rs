//! Plots as SVG that stands inside a page: colours are the page's own (CSS
//! variables), so that light and dark follow the reader.
//!
//! Drawn by plotters in plain colours that stand for the page's variables, and
//! put in place by their names afterwards.

pub mod bars;
pub mod heat;
pub mod histogram;
pub mod roofline;
pub mod scaling;

use maud::{Markup, PreEscaped};
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

/// What is drawn with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Ink {
    /// text and marks that carry the message
    Text,
    /// lesser text
    Faint,
    /// lines behind
    Grid,
    /// one of eight colours that the colour-blind tell apart
    Series(usize),
}

/// Colours that stand for the page's variables.
const STANDINS: [(RGBColor, &str); 11] = [
    (RGBColor(1, 0, 1), "var(--ink)"),
    (RGBColor(2, 0, 1), "var(--faint)"),
    (RGBColor(3, 0, 1), "var(--line)"),
    (RGBColor(4, 0, 1), "var(--s0)"),
    (RGBColor(5, 0, 1), "var(--s1)"),
    (RGBColor(6, 0, 1), "var(--s2)"),
    (RGBColor(7, 0, 1), "var(--s3)"),
    (RGBColor(8, 0, 1), "var(--s4)"),
    (RGBColor(9, 0, 1), "var(--s5)"),
    (RGBColor(10, 0, 1), "var(--s6)"),
    (RGBColor(11, 0, 1), "var(--s7)"),
];

impl Ink {
    fn color(self) -> RGBColor {
        let at = match self {
            Self::Text => 0,
            Self::Faint => 1,
            Self::Grid => 2,
            Self::Series(number) => 3 + number % 8,
        };
        STANDINS[at].0
    }
}

/// Where text stands relative to its point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Anchor {
    /// the point is at its left end
    Left,
    /// the point is in its middle
    Middle,
    /// the point is at its right end
    Right,
}

/// A drawing in pixels, from the top left corner.
pub(crate) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Why drawing cannot fail.
const IN_MEMORY: &str = "a string takes all that is drawn";

/// Size of text as plotters counts it: 12 pixels in the drawing.
pub(crate) const TEXT: i32 = 15;

impl Canvas<'_> {
    /// A filled rectangle; `opacity` from 0 to 1.
    pub(crate) fn fill(&self, [x0, y0, x1, y1]: [f64; 4], ink: Ink, opacity: f64) {
        // Hundredths are enough for the eye.
        let style = ink.color().mix((opacity * 100.0).round() / 100.0).filled();
        let corners = [point(x0, y0), point(x1, y1)];
        self.area
            .draw(&Rectangle::new(corners, style))
            .expect(IN_MEMORY);
    }

    /// A line through points.
    pub(crate) fn line(&self, points: &[(f64, f64)], ink: Ink, width: u32) {
        let points: Vec<(i32, i32)> = points.iter().map(|&(x, y)| point(x, y)).collect();
        let style = ink.color().stroke_width(width);
        self.area
            .draw(&PathElement::new(points, style))
            .expect(IN_MEMORY);
    }

    /// A filled circle.
    pub(crate) fn dot(&self, x: f64, y: f64, radius: i32, ink: Ink) {
        let circle = Circle::new(point(x, y), radius, ink.color().filled());
        self.area.draw(&circle).expect(IN_MEMORY);
    }

    /// Text, centred vertically on `y`.
    pub(crate) fn text(&self, text: &str, x: f64, y: f64, anchor: Anchor, ink: Ink) {
        let horizontal = match anchor {
            Anchor::Left => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::Right => HPos::Right,
        };
        let style = ("sans-serif", TEXT)
            .into_font()
            .color(&ink.color())
            .pos(Pos::new(horizontal, VPos::Center));
        self.area
            .draw(&Text::new(text.to_owned(), point(x, y), style))
            .expect(IN_MEMORY);
    }
}

fn point(x: f64, y: f64) -> (i32, i32) {
    (x.round() as i32, y.round() as i32)
}

/// A drawing of this size as SVG inside a page; `label` says in one sentence what it shows.
pub(crate) fn draw(
    [width, height]: [u32; 2],
    label: &str,
    paint: impl FnOnce(&Canvas<'_>),
) -> Markup {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, (width, height)).into_drawing_area();
        let canvas = Canvas { area };
        paint(&canvas);
        canvas.area.present().expect(IN_MEMORY);
    }
    for (color, variable) in STANDINS {
        let RGBColor(r, g, b) = color;
        svg = svg.replace(&format!("#{r:02X}{g:02X}{b:02X}"), variable);
    }
    let label = label
        .replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;");
    let font = font(&svg);
    let svg = compact(svg, &font).replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{label}\"{font} "),
        1,
    );
    PreEscaped(svg)
}

/// The font that all text of a drawing has, as attributes; empty without text.
fn font(svg: &str) -> String {
    const SIZE: &str = " font-size=\"";
    let found = || {
        let rest = &svg[svg.find(" font-family=\"")?..];
        let size = rest.find(SIZE)? + SIZE.len();
        let end = size + rest[size..].find('"')? + 1;
        Some(rest[..end].to_owned())
    };
    found().unwrap_or_default()
}

/// Leaves out what each element repeats: the font, which the drawing itself has then, and what
/// holds anyway. Text has its quotes escaped, so that none of it is meant.
fn compact(mut svg: String, font: &str) -> String {
    for repeated in [
        font,
        " opacity=\"1\"",
        " stroke-width=\"1\"",
        " stroke=\"none\"",
    ] {
        if !repeated.is_empty() {
            svg = svg.replace(repeated, "");
        }
    }
    svg.replace(">\n", ">").replace("\n</text>", "</text>")
}

/// Round steps from 0 to at least `most`: at most six.
pub(crate) fn steps(most: f64) -> Vec<f64> {
    if !(most.is_finite() && most > 0.0) {
        return vec![0.0, 1.0];
    }
    let rough = most / 5.0;
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * 0.999)
        .unwrap_or(10.0 * power);
    let count = (most / step).ceil() as usize;
    (0..=count).map(|at| at as f64 * step).collect()
}

/// Powers of ten from at most `least` to at least `most`.
pub(crate) fn decades(least: f64, most: f64) -> Vec<f64> {
    let low = least.max(1e-12).log10().floor() as i32;
    let high = (most.max(1e-12).log10().ceil() as i32).max(low + 1);
    (low..=high).map(|power| 10f64.powi(power)).collect()
}

/// A number with three figures that matter, without zeros behind.
pub(crate) fn short(number: f64) -> String {
    let magnitude = number.abs();
    if number == 0.0 {
        return "0".into();
    }
    let (scaled, unit) = match magnitude {
        m if m >= 1e9 => (number / 1e9, " G"),
        m if m >= 1e6 => (number / 1e6, " M"),
        m if m >= 1e4 => (number / 1e3, " k"),
        _ => (number, ""),
    };
    let places = (2 - scaled.abs().log10().floor() as i32).clamp(0, 6) as usize;
    let text = format!("{scaled:.places$}");
    let text = if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    };
    format!("{text}{unit}").replace('-', "−")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_the_pages_and_text_is_escaped() {
        let svg = draw([100, 50], "a \"b\" <c>", |canvas| {
            canvas.fill([0.0, 0.0, 10.0, 10.0], Ink::Series(9), 0.5);
            canvas.line(&[(0.0, 0.0), (9.0, 9.0)], Ink::Grid, 1);
            canvas.text("x < y", 5.0, 5.0, Anchor::Right, Ink::Text);
        })
        .into_string();
        for part in [
            "var(--s1)",
            "opacity=\"0.5\"",
            "var(--line)",
            "var(--ink)",
            "x &lt; y",
            "aria-label=\"a &quot;b&quot; &lt;c>\"",
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
        assert!(!svg.contains("fill=\"#"), "{svg}");
        // The font is said once, and what holds anyway not at all.
        assert_eq!(svg.matches("font-size=\"12.").count(), 1, "{svg}");
        let tag = svg.split("<rect").next().unwrap();
        assert!(tag.contains("font-size"), "{tag}");
        for gone in ["opacity=\"1\"", "stroke-width=\"1\"", "\n"] {
            assert!(!svg.trim_end().contains(gone), "{gone} in {svg}");
        }
        let none = draw([9, 9], "x", |_| {}).into_string();
        assert!(
            none.starts_with("<svg role=\"img\" aria-label=\"x\" width=\"9\""),
            "{none}"
        );
    }

    #[test]
    fn steps_are_round_and_reach_the_end() {
        assert_eq!(steps(10.0), [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(steps(0.7).last().map(|s| (s * 10.0).round()), Some(8.0));
        for most in [0.003, 1.0, 7.3, 99.0, 12345.0] {
            let steps = steps(most);
            assert!(
                steps.len() <= 7 && *steps.last().unwrap() >= most * 0.999,
                "{steps:?}"
            );
        }
        assert_eq!(steps(f64::NAN), [0.0, 1.0]);
        assert_eq!(decades(0.5, 200.0), [0.1, 1.0, 10.0, 100.0, 1000.0]);
    }

    #[test]
    fn numbers_keep_three_figures() {
        let cases = [
            (0.0, "0"),
            (1.0, "1"),
            (12.345, "12.3"),
            (0.01234, "0.0123"),
            (9999.0, "9999"),
            (123_456.0, "123 k"),
            (7_500_000.0, "7.5 M"),
            (-2.5, "−2.5"),
        ];
        for (number, text) in cases {
            assert_eq!(short(number), text);
        }
    }
}
