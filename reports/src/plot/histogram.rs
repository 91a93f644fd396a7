//! A histogram of how large mismatches are: upright bars, one a size.

use maud::Markup;

use super::{Anchor, Ink, draw, short, steps};

const ROOM: f64 = 170.0;
const LEFT: f64 = 56.0;
const TOP: f64 = 22.0;

/// The bars: a name under each and how many; `what` says what is counted along the axis.
pub fn histogram(label: &str, what: &str, columns: &[(String, u64)]) -> Markup {
    let width = (520.0 / columns.len().max(1) as f64).clamp(24.0, 64.0);
    // As wide as the text under it.
    let text = what.chars().count() as f64 * 6.4;
    let wide = (width * columns.len() as f64).max(240.0).max(text);
    let most = columns.iter().map(|(_, count)| *count).max().unwrap_or(0) as f64;
    let marks = steps(most);
    let end = marks.last().copied().unwrap_or(1.0);
    let bottom = TOP + ROOM;
    let size = [(LEFT + wide + 12.0) as u32, (bottom + 48.0) as u32];
    draw(size, label, |canvas| {
        for &mark in &marks {
            let y = bottom - mark / end * ROOM;
            canvas.line(&[(LEFT, y), (LEFT + wide, y)], Ink::Grid, 1);
            canvas.text(&short(mark), LEFT - 6.0, y, Anchor::Right, Ink::Faint);
        }
        for (at, (name, count)) in columns.iter().enumerate() {
            let x = LEFT + at as f64 * width;
            let top = bottom - (*count as f64 / end * ROOM).max(1.0);
            canvas.fill(
                [x + 3.0, top, x + width - 3.0, bottom],
                Ink::Series(1),
                0.85,
            );
            canvas.text(
                name,
                x + width / 2.0,
                bottom + 12.0,
                Anchor::Middle,
                Ink::Text,
            );
            if width >= 34.0 {
                let count = short(*count as f64);
                canvas.text(
                    &count,
                    x + width / 2.0,
                    top - 8.0,
                    Anchor::Middle,
                    Ink::Faint,
                );
            }
        }
        canvas.text(what, LEFT, bottom + 34.0, Anchor::Left, Ink::Faint);
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_size_has_a_bar_and_its_count() {
        let columns = [("−1".to_owned(), 30), ("1".to_owned(), 60)];
        let svg = histogram("sizes", "got − expected, codes", &columns).into_string();
        assert_eq!(svg.matches("var(--s1)").count(), 2, "{svg}");
        for text in ["−1", "30", "60", "codes"] {
            assert!(svg.contains(text), "{text}");
        }
        histogram("nothing", "x", &[]);
    }
}
