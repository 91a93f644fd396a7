//! Windows that slide over an image, as the specs of convolutions and pools give them: whether
//! there can be such windows, and how many.

use super::check::SpecError;

/// The geometry of an op with windows. Lists have an entry for each spatial dimension.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sliding<'a> {
    /// spatial size of the input
    pub input: &'a [usize],
    /// spatial size of the window
    pub kernel: &'a [usize],
    /// steps between windows
    pub stride: &'a [usize],
    /// positions added before the first; none: 0
    pub pad_begin: Option<&'a [usize]>,
    /// positions added after the last; none: 0
    pub pad_end: Option<&'a [usize]>,
    /// steps between positions of a window; none: 1
    pub dilation: Option<&'a [usize]>,
}

impl Sliding<'_> {
    /// How many windows fit along each dimension. Lists that are too short give fewer
    /// dimensions, a stride of 0 gives no window: [`check`](Self::check) says so.
    pub fn output_size(&self) -> Vec<usize> {
        let lists = self.input.iter().zip(self.kernel).zip(self.stride);
        (lists.enumerate())
            .map(|(d, ((&input, &kernel), &stride))| {
                let padded = input
                    .saturating_add(entry(self.pad_begin, d, 0))
                    .saturating_add(entry(self.pad_end, d, 0));
                let reach = kernel.saturating_sub(1);
                let window = (entry(self.dilation, d, 1).saturating_mul(reach)).saturating_add(1);
                (padded.checked_sub(window))
                    .and_then(|room| room.checked_div(stride))
                    .map_or(0, |steps| steps + 1)
            })
            .collect()
    }

    /// Whether every list has an entry for each dimension of the kernel, and steps lead on.
    ///
    /// # Errors
    /// Says which list differs, or which size cannot be.
    pub fn check(&self) -> Result<(), SpecError> {
        lists(
            self.kernel,
            &[
                ("input", Some(self.input)),
                ("stride", Some(self.stride)),
                ("pad_begin", self.pad_begin),
                ("pad_end", self.pad_end),
                ("dilation", self.dilation),
            ],
        )
    }
}

/// The entry of dimension `d`, `none` where no list is given or it is too short.
fn entry(list: Option<&[usize]>, d: usize, none: usize) -> usize {
    list.map_or(none, |list| list.get(d).copied().unwrap_or(none))
}

/// The greatest size of a dimension, stride or pad: products of two stay within 64 bits.
const GREATEST: usize = 1 << 31;

/// The greatest number of positions of a window.
const POSITIONS: usize = 1 << 20;

/// Checks that lists have an entry for each dimension of `kernel`, and that kernel, stride and
/// dilation are at least 1.
///
/// # Errors
/// Says which list differs, or which size cannot be.
pub(super) fn lists(
    kernel: &[usize],
    lists: &[(&'static str, Option<&[usize]>)],
) -> Result<(), SpecError> {
    let given = || (lists.iter()).filter_map(|&(name, list)| Some((name, list?)));
    for (name, list) in given() {
        if list.len() != kernel.len() {
            return Err(SpecError::Dimensions {
                list: name,
                entries: list.len(),
                kernel: kernel.len(),
            });
        }
    }
    for (name, list) in given().chain([("kernel", kernel)]) {
        if matches!(name, "kernel" | "stride" | "dilation") && list.contains(&0) {
            return Err(SpecError::Zero { list: name });
        }
        if let Some(&size) = list.iter().find(|&&size| size > GREATEST) {
            return Err(SpecError::Beyond { list: name, size });
        }
    }
    match (kernel.iter()).try_fold(1usize, |all, &size| all.checked_mul(size)) {
        Some(positions) if positions <= POSITIONS => Ok(()),
        _ => Err(SpecError::Positions {
            kernel: kernel.to_vec(),
            greatest: POSITIONS,
        }),
    }
}
