//! Where a tile finds the codes of its rows: in a packed panel, or in the windows of
//! an image.

use super::WindowPanel;
use crate::fbgemm::aligned::LINE;
use crate::isa::each;

/// Where a tile finds the groups of its rows, segment after segment.
pub trait Rows {
    /// Groups of a segment.
    fn segment_groups(&self) -> usize;
    /// Goes to the next segment of each row, the first one at first.
    ///
    /// # Safety
    /// There is such a segment.
    unsafe fn segment(&mut self);
    /// Goes `groups` groups further within a segment.
    fn advance(&mut self, groups: usize);
    /// Where row `row` has the present group.
    fn group(&self, row: usize) -> *const u8;
    /// Ends a whole segment.
    fn end_segment(&mut self);
}

/// Bytes of a group.
pub const GROUP: usize = 4;

/// A packed panel of `MR` rows.
pub struct Packed<const MR: usize>(pub *const u8);

impl<const MR: usize> Rows for Packed<MR> {
    #[inline(always)]
    fn segment_groups(&self) -> usize {
        LINE / GROUP
    }
    #[inline(always)]
    unsafe fn segment(&mut self) {}
    #[inline(always)]
    fn advance(&mut self, groups: usize) {
        self.0 = self.0.wrapping_add(groups * GROUP);
    }
    #[inline(always)]
    fn group(&self, row: usize) -> *const u8 {
        self.0.wrapping_add(row * LINE)
    }
    #[inline(always)]
    fn end_segment(&mut self) {
        // To the next segment; after the last one this points nowhere and is not read.
        self.0 = self.0.wrapping_add((MR - 1) * LINE);
    }
}

/// `ROWS` windows of an image.
pub struct Windows<const ROWS: usize> {
    rows: [*const u8; ROWS],
    segments: *const usize,
    segment_groups: usize,
    /// of the present segment and group
    at: usize,
}

impl<const ROWS: usize> Windows<ROWS> {
    /// The first rows of a panel.
    ///
    /// # Safety
    /// It has as many.
    #[inline(always)]
    pub unsafe fn of(panel: WindowPanel) -> Self {
        Self {
            rows: each!(panel.image, |row| {
                // SAFETY: the caller's promise.
                panel.image.wrapping_add(unsafe { *panel.rows.add(row) })
            }),
            segments: panel.segments,
            segment_groups: panel.segment_groups,
            at: 0,
        }
    }
}

impl<const ROWS: usize> Rows for Windows<ROWS> {
    #[inline(always)]
    fn segment_groups(&self) -> usize {
        self.segment_groups
    }
    #[inline(always)]
    unsafe fn segment(&mut self) {
        // SAFETY: the caller's promise.
        self.at = unsafe { *self.segments };
        self.segments = self.segments.wrapping_add(1);
    }
    #[inline(always)]
    fn advance(&mut self, groups: usize) {
        self.at += groups * GROUP;
    }
    #[inline(always)]
    fn group(&self, row: usize) -> *const u8 {
        self.rows[row].wrapping_add(self.at)
    }
    #[inline(always)]
    fn end_segment(&mut self) {}
}
