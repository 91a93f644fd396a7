//! A heat map of where in an output mismatches lie: darker cells hold more.

use maud::Markup;

use super::{Anchor, Ink, draw, short};

/// Counts on a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// rows of cells, from the top
    pub cells: Vec<Vec<f64>>,
    /// what the vertical side is, with its length
    pub rows: String,
    /// what the horizontal side is, with its length
    pub columns: String,
}

const SIDE: f64 = 320.0;
const LEFT: f64 = 30.0;
const TOP: f64 = 26.0;
const KEY: f64 = 92.0;

/// The map, with a key at the right.
pub fn heat(label: &str, grid: &Grid) -> Markup {
    let rows = grid.cells.len().max(1);
    let columns = grid.cells.iter().map(Vec::len).max().unwrap_or(1).max(1);
    // Cells are at most 32 pixels, so that a short side stays short.
    let cell = [SIDE / columns as f64, SIDE / rows as f64].map(|side| side.min(32.0));
    let [wide, high] = [cell[0] * columns as f64, cell[1] * rows as f64];
    let most = grid.cells.iter().flatten().copied().fold(0.0, f64::max);
    let size = [
        (LEFT + wide.max(150.0) + KEY) as u32,
        (TOP + high.max(110.0) + 12.0) as u32,
    ];
    draw(size, label, |canvas| {
        canvas.text(
            &format!("{} →", grid.columns),
            LEFT,
            12.0,
            Anchor::Left,
            Ink::Faint,
        );
        canvas.text("↓", 14.0, TOP + 10.0, Anchor::Middle, Ink::Faint);
        for (r, row) in grid.cells.iter().enumerate() {
            for (c, &count) in row.iter().enumerate() {
                let (x, y) = (LEFT + c as f64 * cell[0], TOP + r as f64 * cell[1]);
                let corners = [x, y, x + cell[0] - 1.0, y + cell[1] - 1.0];
                if count > 0.0 {
                    canvas.fill(corners, Ink::Series(0), shade(count, most));
                } else {
                    canvas.fill(corners, Ink::Grid, 0.35);
                }
            }
        }
        let x = LEFT + wide.max(150.0) + 14.0;
        for (at, share) in [1.0, 0.5, 0.25, 0.0].into_iter().enumerate() {
            let y = TOP + at as f64 * 22.0;
            let count = (share * most).ceil();
            let corners = [x, y, x + 16.0, y + 16.0];
            if share == 0.0 {
                canvas.fill(corners, Ink::Grid, 0.35);
            } else {
                canvas.fill(corners, Ink::Series(0), shade(count, most));
            }
            canvas.text(&short(count), x + 24.0, y + 8.0, Anchor::Left, Ink::Faint);
        }
    })
}

/// How dark a cell is: by the root, so that few among many are still seen.
fn shade(count: f64, most: f64) -> f64 {
    if most <= 0.0 {
        return 0.0;
    }
    0.15 + 0.85 * (count / most).clamp(0.0, 1.0).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fullest_cell_is_the_darkest_and_an_empty_one_is_grey() {
        assert!((shade(9.0, 9.0) - 1.0).abs() < 1e-9);
        assert!(shade(1.0, 1e6) > 0.14);
        assert!(shade(2.0, 9.0) < shade(3.0, 9.0));
        let grid = Grid {
            cells: vec![vec![0.0, 4.0], vec![1.0, 0.0]],
            rows: "2 rows".into(),
            columns: "2 columns".into(),
        };
        let svg = heat("where", &grid).into_string();
        // Two of four cells are empty, and one of four squares of the key.
        assert_eq!(svg.matches("var(--line)").count(), 3, "{svg}");
        assert_eq!(svg.matches("var(--s0)").count(), 5, "{svg}");
    }
}
