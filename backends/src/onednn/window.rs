//! Which input positions meet which output positions: the geometry of a
//! convolution, cut so that the inner loops need no test at the border.
//!
//! Along the innermost dimension, output columns are cut into runs. Within a
//! run every kernel position lies wholly inside the image or wholly outside,
//! so a tap is one start and one distance between rows.

use std::ops::Range;

use qassay_golden::profile::PaddingTap;
use qassay_golden::spec::ConvSpec;

use super::weights::WeightShape;

/// A convolution's sizes, always in three dimensions (missing ones are 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    pub(super) batch: usize,
    pub(super) input: [usize; 3],
    pub(super) output: [usize; 3],
    pub(super) kernel: [usize; 3],
    pub(super) stride: [usize; 3],
    pub(super) pad: [usize; 3],
    pub(super) dilation: [usize; 3],
    runs: Vec<Run>,
}

/// Output columns that see the same kernel columns inside the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Run {
    start: usize,
    len: usize,
}

/// One kernel position of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tap {
    /// number of the kernel position
    pub index: usize,
    /// the pixel that the run's first output sees; `None` outside the image
    pub pixel: Option<usize>,
}

/// Kernel positions that are read as one: their weights and their inputs follow each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stretch {
    /// number of the first
    pub index: usize,
    /// how many
    pub count: usize,
    /// the pixel that the first one sees; `None` outside the image
    pub pixel: Option<usize>,
}

/// Joins `taps` whose pixels follow each other, where these are `joined`: nothing lies between
/// two pixels, nor between the weights of two taps.
pub fn stretches(taps: &[Tap], joined: bool, stretches: &mut Vec<Stretch>) {
    stretches.clear();
    for &Tap { index, pixel } in taps {
        if let (true, Some(last), Some(pixel)) = (joined, stretches.last_mut(), pixel)
            && last.index + last.count == index
            && last.pixel.map(|first| first + last.count) == Some(pixel)
        {
            last.count += 1;
        } else {
            stretches.push(Stretch {
                index,
                count: 1,
                pixel,
            });
        }
    }
}

/// A run of one row of outputs: `len` outputs from number `first_output` on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// number of the first output position
    pub first_output: usize,
    /// how many outputs
    pub len: usize,
    /// whether a tap lies outside the image
    pub at_border: bool,
}

impl Window {
    /// The geometry of a convolution. One without border, stride and neighbours (1×1) becomes
    /// one long row.
    pub fn of_conv(spec: &ConvSpec) -> Self {
        let output = spec.output_size();
        let pointwise = spec.kernel.iter().all(|&x| x == 1)
            && spec.stride.iter().all(|&x| x == 1)
            && spec.pad_begin.iter().chain(&spec.pad_end).all(|&x| x == 0);
        if pointwise {
            return Self::of_rows(spec.batch * output.iter().product::<usize>());
        }
        let three = |sizes: &[usize], missing: usize| {
            let mut all = [missing; 3];
            all[3 - sizes.len()..].copy_from_slice(sizes);
            all
        };
        Self {
            batch: spec.batch,
            input: three(&spec.input, 1),
            output: three(&output, 1),
            kernel: three(&spec.kernel, 1),
            stride: three(&spec.stride, 1),
            pad: three(&spec.pad_begin, 0),
            dilation: three(&spec.dilation, 1),
            runs: Vec::new(),
        }
        .cut()
    }

    /// Windows of any sizes, padded alike before and after.
    #[cfg(test)]
    pub(super) fn new(
        batch: usize,
        input: [usize; 3],
        kernel: [usize; 3],
        stride: [usize; 3],
        pad: [usize; 3],
        dilation: [usize; 3],
    ) -> Self {
        let output = [0, 1, 2]
            .map(|d| (input[d] + 2 * pad[d] - (dilation[d] * (kernel[d] - 1) + 1)) / stride[d] + 1);
        Self {
            batch,
            input,
            output,
            kernel,
            stride,
            pad,
            dilation,
            runs: Vec::new(),
        }
        .cut()
    }

    /// `rows` independent outputs, each of its own input row.
    pub fn of_rows(rows: usize) -> Self {
        Self {
            batch: 1,
            input: [1, 1, rows],
            output: [1, 1, rows],
            kernel: [1; 3],
            stride: [1; 3],
            pad: [0; 3],
            dilation: [1; 3],
            runs: Vec::new(),
        }
        .cut()
    }

    /// Kernel positions.
    pub fn taps(&self) -> usize {
        self.kernel.iter().product()
    }

    /// Whether every kernel position of every output lies inside the image.
    pub fn is_inside(&self) -> bool {
        (0..3).all(|d| {
            let last = self.output[d].saturating_sub(1);
            self.pad[d] == 0 && self.position(d, last, self.kernel[d] - 1).is_some()
        })
    }

    /// Weights of `shape` with lines of the kernel for kernel positions.
    pub fn by_lines(&self, shape: WeightShape) -> WeightShape {
        WeightShape {
            taps: shape.taps / self.kernel[2],
            k: shape.k * self.kernel[2],
            ..shape
        }
    }

    /// Input pixels between two neighbouring outputs of a run.
    pub fn step(&self) -> usize {
        self.stride[2]
    }

    /// Output positions.
    pub fn outputs(&self) -> usize {
        self.batch * self.output.iter().product::<usize>()
    }

    /// Positions after which to split outputs among `parts` threads: whole lines where there are
    /// enough of them, else tiles of `rows`.
    pub fn split_step(&self, rows: usize, parts: usize) -> usize {
        /// Lines that each thread has at least.
        const LINES: usize = 4;
        let line = self.output[2];
        if line > 0 && self.outputs() / line >= LINES * parts {
            line
        } else {
            rows
        }
    }

    /// Calls `visit` for the part within `outputs` of every run of every row of outputs, with its
    /// taps in kernel order. Taps outside the image are left out where `padding` skips them.
    /// `taps` is room for [`taps`](Self::taps) entries; nothing is allocated if it has that
    /// capacity.
    pub fn for_each_row(
        &self,
        outputs: Range<usize>,
        padding: PaddingTap,
        taps: &mut Vec<Tap>,
        mut visit: impl FnMut(Row, &[Tap]),
    ) {
        let [depth, height, width] = self.output;
        if outputs.is_empty() || width == 0 {
            return;
        }
        for line in outputs.start / width..outputs.end.div_ceil(width) {
            let (image, d, h) = (line / height / depth, line / height % depth, line % height);
            for run in &self.runs {
                let start = line * width + run.start;
                let first = start.max(outputs.start);
                let end = (start + run.len).min(outputs.end);
                if first >= end {
                    continue;
                }
                let at_border = self.fill(image, [d, h, first - line * width], padding, taps);
                let row = Row {
                    first_output: first,
                    len: end - first,
                    at_border,
                };
                visit(row, taps);
            }
        }
    }

    /// Lists the taps of an output position; says whether one lies outside.
    fn fill(
        &self,
        image: usize,
        output: [usize; 3],
        padding: PaddingTap,
        taps: &mut Vec<Tap>,
    ) -> bool {
        taps.clear();
        let mut at_border = false;
        let [kernel_d, kernel_h, kernel_w] = self.kernel;
        for kd in 0..kernel_d {
            let d = self.position(0, output[0], kd);
            for kh in 0..kernel_h {
                let h = self.position(1, output[1], kh);
                for kw in 0..kernel_w {
                    let w = self.position(2, output[2], kw);
                    let pixel = match (d, h, w) {
                        (Some(d), Some(h), Some(w)) => Some(
                            ((image * self.input[0] + d) * self.input[1] + h) * self.input[2] + w,
                        ),
                        _ => None,
                    };
                    at_border |= pixel.is_none();
                    if pixel.is_some() || padding == PaddingTap::ZeroPoint {
                        let index = (kd * kernel_h + kh) * kernel_w + kw;
                        taps.push(Tap { index, pixel });
                    }
                }
            }
        }
        at_border
    }

    /// The input position along dimension `d`, if it is inside.
    pub(super) fn position(&self, d: usize, output: usize, kernel: usize) -> Option<usize> {
        (output * self.stride[d] + kernel * self.dilation[d])
            .checked_sub(self.pad[d])
            .filter(|&at| at < self.input[d])
    }

    /// Cuts the innermost dimension wherever a kernel column enters or leaves the image.
    fn cut(mut self) -> Self {
        let inside = |column: usize, kernel: usize| self.position(2, column, kernel).is_some();
        let mut runs: Vec<Run> = Vec::new();
        for column in 0..self.output[2] {
            let same = column > 0
                && (0..self.kernel[2]).all(|k| inside(column, k) == inside(column - 1, k));
            match runs.last_mut() {
                Some(run) if same => run.len += 1,
                _ => runs.push(Run {
                    start: column,
                    len: 1,
                }),
            }
        }
        self.runs = runs;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(width: usize, kernel: usize, stride: usize, pad: usize, dilation: usize) -> Window {
        let (input, kernel) = ([1, 2, width], [1, 1, kernel]);
        let (stride, dilation) = ([1, 1, stride], [1, 1, dilation]);
        Window::new(2, input, kernel, stride, [0, 0, pad], dilation)
    }

    #[test]
    fn neighbouring_taps_are_read_as_one_and_others_are_not() {
        let tap = |(index, pixel)| Tap { index, pixel };
        // Three in a row; the next row of the image; one skipped; two outside.
        let taps = [
            (0, Some(7)),
            (1, Some(8)),
            (2, Some(9)),
            (3, Some(15)),
            (5, Some(16)),
            (6, None),
            (7, None),
        ]
        .map(tap);
        let mut found = Vec::new();
        stretches(&taps, true, &mut found);
        let counts: Vec<_> = found.iter().map(|s| (s.index, s.count, s.pixel)).collect();
        let apart = [
            (3, 1, Some(15)),
            (5, 1, Some(16)),
            (6, 1, None),
            (7, 1, None),
        ];
        assert_eq!(counts[..1], [(0, 3, Some(7))]);
        assert_eq!(counts[1..], apart);
        // Where something lies between pixels none are.
        stretches(&taps, false, &mut found);
        assert_eq!(found.len(), taps.len());
    }

    #[test]
    fn runs_cover_each_output_once_and_every_output_of_a_run_sees_the_runs_taps() {
        for width in 1..=9 {
            for kernel in 1..=5 {
                for stride in 1..=3 {
                    for pad in 0..=4 {
                        for dilation in 1..=2 {
                            if width + 2 * pad <= dilation * (kernel - 1) {
                                continue;
                            }
                            check(&window(width, kernel, stride, pad, dilation));
                        }
                    }
                }
            }
        }
    }

    fn check(window: &Window) {
        let mut seen = vec![0; window.outputs()];
        let mut taps = Vec::with_capacity(window.taps());
        let all = window.outputs();
        for part in [0..all / 3, all / 3..all] {
            window.for_each_row(
                part.clone(),
                PaddingTap::ZeroPoint,
                &mut taps,
                |row, taps| {
                    assert!(
                        part.contains(&row.first_output) && row.first_output + row.len <= part.end
                    );
                    for step in 0..row.len {
                        let output = row.first_output + step;
                        seen[output] += 1;
                        let (line, column) = (output / window.output[2], output % window.output[2]);
                        for (k, tap) in taps.iter().enumerate() {
                            assert_eq!(tap.index, k);
                            let at = (column * window.stride[2] + k * window.dilation[2]) as isize
                                - window.pad[2] as isize;
                            let inside = (0..window.input[2] as isize).contains(&at);
                            let expected = inside.then(|| line * window.input[2] + at as usize);
                            let got = tap.pixel.map(|pixel| pixel + step * window.step());
                            assert_eq!(got, expected, "{window:?} output {output} tap {k}");
                        }
                    }
                },
            );
        }
        assert!(seen.iter().all(|&count| count == 1), "{window:?}");
    }

    #[test]
    fn skipped_taps_are_left_out() {
        let window = window(4, 3, 1, 1, 1);
        let mut lens = Vec::new();
        let all = 0..window.outputs();
        window.for_each_row(all, PaddingTap::Skipped, &mut Vec::new(), |row, taps| {
            lens.push((row.len, taps.len(), row.at_border));
        });
        let line = [(1, 2, true), (2, 3, false), (1, 2, true)];
        assert_eq!(lens, line.repeat(4));
    }
}
