//! How operands lie in memory: gaps between rows, alignment, and the end of the
//! guarded buffer that they touch.

/// The end of a guarded buffer that an operand touches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Place {
    /// the first value lies right behind the guard before the buffer
    Start,
    /// the last value lies right before the guard after the buffer
    #[default]
    End,
}

/// How one operand lies in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Placement {
    /// values between the end of a row and the start of the next
    pub row_gap: usize,
    /// values between the operand and the guard it lies at (varies alignment)
    pub offset: usize,
    /// the guard it lies at
    pub place: Place,
}

/// How a case's inputs and outputs lie in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Layout {
    /// every input
    pub inputs: Placement,
    /// every output
    pub outputs: Placement,
}
