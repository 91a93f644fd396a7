//! The parts of a case id.

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;
use qassay_golden::witness::Event;

use super::layout::Layout;
pub use super::op::Op;
use crate::data::DataClass;

/// A shape, by kind of op.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Shape {
    /// `d3x5x7`
    Dims(Vec<usize>),
    /// `m3.n5`
    Rows {
        /// rows
        m: usize,
        /// columns
        n: usize,
    },
    /// `m7.n13.k17`
    Matrix {
        /// rows
        m: usize,
        /// output columns
        n: usize,
        /// inner length
        k: usize,
    },
    /// `b1.i9x8.c4.o6.k3x3`, then `s` stride, `p` padding before, `e` padding after
    /// where it differs, `d` dilation, `g` groups where they are not 1, 0, 1, 1
    Image(ImageShape),
}

/// The shape of a convolution or pool.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ImageShape {
    /// images
    pub batch: usize,
    /// spatial size of the input
    pub input: Vec<usize>,
    /// input channels
    pub channels: usize,
    /// output channels; pools have none
    pub out_channels: Option<usize>,
    /// spatial size of the kernel or window
    pub kernel: Vec<usize>,
    /// steps between windows
    pub stride: Vec<usize>,
    /// positions before the first
    pub pad_begin: Vec<usize>,
    /// positions after the last
    pub pad_end: Vec<usize>,
    /// steps between kernel positions
    pub dilation: Vec<usize>,
    /// groups
    pub groups: usize,
}

/// One zero point, or one per channel.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Zero {
    /// the same everywhere
    One(i32),
    /// per channel, from the seed
    Vary,
    /// per channel, written out
    List(Vec<i32>),
}

impl Zero {
    pub(crate) fn is_default(&self) -> bool {
        *self == Self::One(0)
    }
}

/// Zero points of x (or a), w (or b) and y.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ZeroPoints(pub [Zero; 3]);

impl Default for ZeroPoints {
    fn default() -> Self {
        Self([Zero::One(0), Zero::One(0), Zero::One(0)])
    }
}

/// A scale, compared by its bits.
#[derive(Debug, Clone, Copy)]
pub struct Scale(pub f64);

impl PartialEq for Scale {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}
impl Eq for Scale {}
impl std::hash::Hash for Scale {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.0.to_bits().hash(state);
    }
}

/// Scales of x (or a), w (or b, or requantize's multipliers) and y; an empty list
/// where the data class chooses (1 for given operands).
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Scales(pub [Vec<Scale>; 3]);

/// Operands written in the id, in row-major order: codes as they are, f32 as bits.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Given {
    /// the first input (all batches of an observer)
    pub x: Vec<u32>,
    /// weights, or the second input
    pub w: Vec<u32>,
    /// the bias
    pub bias: Vec<u32>,
}

/// Where operands come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Source {
    /// made
    Class(DataClass),
    /// written in the id
    Given(Given),
}

/// A case whose operands are made.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Made {
    /// what is computed
    pub op: Op,
    /// shape
    pub shape: Shape,
    /// type of codes: activations of products, elements, codes of quantize and requantize
    pub dtype: DType,
    /// output type of linear and conv
    pub output: DType,
    /// the axis along which parameters differ
    pub per_channel: Option<usize>,
    /// choose parameters symmetric
    pub symmetric: bool,
    /// leave one bit of activations unused
    pub reduce_range: bool,
    /// a range of codes narrower than the type's
    pub range: Option<(i64, i64)>,
    /// zero points
    pub zero_points: ZeroPoints,
    /// scales
    pub scales: Scales,
    /// bias
    pub bias: BiasKind,
    /// fused relu
    pub relu: bool,
    /// average pool: positions outside the image do not count
    pub exclude_pad: bool,
    /// batches of an observer
    pub batches: usize,
    /// rows and columns of the made operands that are left out in front
    pub skip: [u64; 2],
    /// memory
    pub layout: Layout,
    /// operands
    pub data: Source,
    /// seed of the data class
    pub seed: u64,
}

/// A layer captured from a real network, e.g. `ppocr-det/conv2d/001_QLinearConv`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct CapturedId(pub String);

impl Made {
    /// A case of this op and shape with every option at its default.
    pub fn new(op: Op, shape: Shape, class: DataClass, seed: u64) -> Self {
        Self {
            op,
            shape,
            dtype: DType::U8,
            output: DType::U8,
            per_channel: None,
            symmetric: false,
            reduce_range: false,
            range: None,
            zero_points: ZeroPoints::default(),
            scales: Scales::default(),
            bias: BiasKind::None,
            relu: false,
            exclude_pad: false,
            batches: 1,
            skip: [0, 0],
            layout: Layout::default(),
            data: Source::Class(class),
            seed,
        }
    }

    /// The suite this case belongs to.
    pub(crate) fn suite(&self) -> &'static str {
        match (self.op, &self.shape) {
            (Op::Conv, Shape::Image(image)) if image.is_depthwise() => "depthwise",
            (op, _) if op.is_observer() => "observers",
            (op, _) => op.name(),
        }
    }
}

impl ImageShape {
    /// Whether each group has one input and one output channel.
    pub fn is_depthwise(&self) -> bool {
        self.groups > 1 && self.groups == self.channels && Some(self.groups) == self.out_channels
    }
}

impl Made {
    /// The events that the data class aims at with this op and these parameters.
    pub(crate) fn aim(&self) -> Vec<Event> {
        let Source::Class(class) = &self.data else {
            return Vec::new();
        };
        // Sums and reals are not rounded to codes: an engine that gives nothing else cannot reach more.
        let codes = !matches!(self.op, Op::Linear | Op::Conv)
            || !matches!(self.output, DType::I32 | DType::F32);
        let of_codes = [Event::ClampedLow, Event::ClampedHigh, Event::ExactTie];
        (class.aim(self.op, self.dtype == DType::I8).iter().copied())
            .filter(|event| codes || !of_codes.contains(event))
            .collect()
    }
}
