//! The codes of the activations of a dynamic op, made by as many threads as are allowed.

use qassay_golden::spec::QParams;

use super::{Range, Rows, choose_qparams};
use crate::isa::Isa;
use crate::threads::{self, Grid, Output};
use crate::view::{ValuesMut, View, ViewMut};

/// Room for the u8 codes of rows of real values, and what parameters are chosen from.
#[derive(Debug)]
pub struct DynamicCodes {
    /// the highest code that parameters are chosen for
    qmax: i32,
    codes: Vec<u8>,
    /// the least and the greatest value of each thread's rows
    ranges: Vec<(f32, f32)>,
}

impl DynamicCodes {
    /// Room for `len` codes, none above `qmax`.
    pub fn new(qmax: i32, len: usize) -> Self {
        Self {
            qmax,
            codes: vec![0; len],
            ranges: vec![(0.0, 0.0); threads::allowed()],
        }
    }

    /// Chooses parameters for all values of `input` and has `quantize` make the codes of some rows
    /// with them, which follow each other without gaps. Gives the parameters.
    ///
    /// # Panics
    /// When `input` has more values than there is room for codes.
    pub fn make<I: Isa>(
        &mut self,
        isa: I,
        input: &View<'_>,
        quantize: impl Fn(Rows<'_>, QParams, &mut [u8]) + Sync,
    ) -> QParams {
        let rows = Rows::of(input);
        threads::each_rows(&mut self.ranges, rows.rows, |range, part| {
            *range = isa.vectorize(Range(rows.part(&part)));
        });
        let all = self.ranges.iter().copied();
        let (min, max) = all.fold((f32::INFINITY, f32::NEG_INFINITY), |all, range| {
            (all.0.min(range.0), all.1.max(range.1))
        });
        let qparams = choose_qparams(min, max, self.qmax);
        let shape = [rows.rows, rows.len];
        let mut codes = ViewMut::new(&shape, rows.len, ValuesMut::U8(&mut self.codes));
        let (grid, codes) = (Grid::of_rows(rows.rows), Output::of(&mut codes));
        // SAFETY: each thread takes the codes of its part's rows alone.
        unsafe {
            threads::each_part(&mut self.ranges, grid, &codes, |_, part, mut codes| {
                let (first, count) = (part.rows.start * rows.len, part.rows.len() * rows.len);
                quantize(rows.part(&part.rows), qparams, codes.codes(first, count));
            });
        }
        qparams
    }

    /// The codes.
    pub fn codes(&self) -> &[u8] {
        &self.codes
    }
}
