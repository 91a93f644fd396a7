//! What is computed, and which parts of an id each op has.

use qassay_golden::spec::ObserverKind;
use qassay_golden::tensor::DType;

/// What is computed: the first part of an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Op {
    /// f32 to codes
    Quantize,
    /// codes to f32
    Dequantize,
    /// s32 sums to codes
    Requantize,
    /// values to scale and zero point
    ChooseQparams,
    /// values to least and greatest value
    ObserveMinMax,
    /// values to moving averages of least and greatest value
    ObserveMovingAverage,
    /// values to a histogram and its best range
    ObserveHistogram,
    /// product with known activation parameters
    Linear,
    /// product whose activation parameters are chosen at run time
    LinearDynamic,
    /// product of f32 activations with dequantized weights
    LinearWeightOnly,
    /// convolution in 1, 2 or 3 dimensions
    Conv,
    /// sum of two tensors
    Add,
    /// product of two tensors, element by element
    Mul,
    /// rectifier
    Relu,
    /// codes held between two codes
    Clamp,
    /// 1 / (1 + e^−x) of each code
    Sigmoid,
    /// hyperbolic tangent of each code
    Tanh,
    /// mean of windows
    AvgPool,
    /// greatest of windows
    MaxPool,
}

impl Op {
    /// Every op.
    pub const ALL: &'static [Self] = &[
        Self::Quantize,
        Self::Dequantize,
        Self::Requantize,
        Self::ChooseQparams,
        Self::ObserveMinMax,
        Self::ObserveMovingAverage,
        Self::ObserveHistogram,
        Self::Linear,
        Self::LinearDynamic,
        Self::LinearWeightOnly,
        Self::Conv,
        Self::Add,
        Self::Mul,
        Self::Relu,
        Self::Clamp,
        Self::Sigmoid,
        Self::Tanh,
        Self::AvgPool,
        Self::MaxPool,
    ];

    /// The first part of the id.
    pub fn name(self) -> &'static str {
        match self {
            Self::Quantize => "quantize",
            Self::Dequantize => "dequantize",
            Self::Requantize => "requantize",
            Self::ChooseQparams => "choose-qparams",
            Self::ObserveMinMax => "observe-min-max",
            Self::ObserveMovingAverage => "observe-moving-average",
            Self::ObserveHistogram => "observe-histogram",
            Self::Linear => "linear",
            Self::LinearDynamic => "linear-dynamic",
            Self::LinearWeightOnly => "linear-weight-only",
            Self::Conv => "conv",
            Self::Add => "add",
            Self::Mul => "mul",
            Self::Relu => "relu",
            Self::Clamp => "clamp",
            Self::Sigmoid => "sigmoid",
            Self::Tanh => "tanh",
            Self::AvgPool => "avg-pool",
            Self::MaxPool => "max-pool",
        }
    }

    /// The letters that the shape must have, in order; letters with a default follow.
    pub(crate) fn shape_letters(self) -> (&'static str, &'static str) {
        match self {
            Self::Requantize => ("mn", ""),
            Self::Linear | Self::LinearDynamic | Self::LinearWeightOnly => ("mnk", ""),
            Self::Conv => ("bicok", "spedg"),
            Self::AvgPool | Self::MaxPool => ("bick", "sp"),
            _ => ("d", ""),
        }
    }

    /// Whether it multiplies with weights.
    pub fn is_product(self) -> bool {
        matches!(
            self,
            Self::Linear | Self::LinearDynamic | Self::LinearWeightOnly | Self::Conv
        )
    }

    /// Whether it takes two inputs, element by element.
    pub fn is_binary(self) -> bool {
        matches!(self, Self::Add | Self::Mul)
    }

    /// Whether it slides a window without weights.
    pub fn is_pool(self) -> bool {
        matches!(self, Self::AvgPool | Self::MaxPool)
    }

    /// Whether it is a function of one code at a time, by a table.
    pub fn is_function(self) -> bool {
        matches!(self, Self::Sigmoid | Self::Tanh)
    }

    /// Whether it is an observer.
    pub fn is_observer(self) -> bool {
        matches!(
            self,
            Self::ObserveMinMax | Self::ObserveMovingAverage | Self::ObserveHistogram
        )
    }

    /// Whether its first input is f32.
    pub fn takes_floats(self) -> bool {
        matches!(
            self,
            Self::Quantize | Self::ChooseQparams | Self::LinearDynamic | Self::LinearWeightOnly
        ) || self.is_observer()
    }

    /// The types that may stand in the id; empty where no type is written.
    pub(crate) fn dtypes(self) -> &'static [DType] {
        match self {
            Self::Quantize | Self::Dequantize => &[DType::U8, DType::I8, DType::I32],
            Self::LinearDynamic | Self::LinearWeightOnly => &[],
            op if op.is_observer() => &[],
            _ => &[DType::U8, DType::I8],
        }
    }

    /// Whether `per-tensor` or `per-channel` stands in the id.
    pub(crate) fn has_granularity(self) -> bool {
        matches!(
            self,
            Self::Quantize
                | Self::Dequantize
                | Self::Requantize
                | Self::ObserveMinMax
                | Self::ObserveMovingAverage
        ) || self.is_product()
    }

    /// Whether the axis of `per-channel` stands in the id.
    pub(crate) fn has_axis(self) -> bool {
        self.has_granularity() && !self.is_product() && self != Self::Requantize
    }

    /// The letters of the zero points x, w, y (a space where there is none).
    pub(crate) fn zero_point_letters(self) -> [char; 3] {
        match self {
            Self::Quantize | Self::Requantize => [' ', ' ', 'y'],
            Self::Dequantize | Self::Relu | Self::MaxPool => ['x', ' ', ' '],
            Self::Linear | Self::Conv => ['x', 'w', 'y'],
            Self::LinearDynamic | Self::LinearWeightOnly => [' ', 'w', ' '],
            Self::Add | Self::Mul => ['a', 'b', 'y'],
            Self::AvgPool | Self::Sigmoid | Self::Tanh => ['x', ' ', 'y'],
            _ => [' '; 3],
        }
    }

    /// The letters of the scales x, w, y; `r` is requantize's multiplier.
    pub(crate) fn scale_letters(self) -> [char; 3] {
        match self {
            Self::Requantize => [' ', 'r', ' '],
            op => op.zero_point_letters(),
        }
    }

    /// Which of x, w, y has a scale per channel when the id says `per-channel`.
    pub(crate) fn channel_slot(self) -> Option<usize> {
        match self {
            Self::Quantize => Some(2),
            Self::Dequantize => Some(0),
            Self::Requantize => Some(1),
            op if op.is_product() => Some(1),
            _ => None,
        }
    }

    /// The observer of the reference.
    pub(crate) fn observer(self, per_channel: bool) -> Option<ObserverKind> {
        match (self, per_channel) {
            (Self::ObserveMinMax, false) => Some(ObserverKind::MinMax),
            (Self::ObserveMinMax, true) => Some(ObserverKind::PerChannelMinMax),
            (Self::ObserveMovingAverage, false) => Some(ObserverKind::MovingAverage),
            (Self::ObserveMovingAverage, true) => Some(ObserverKind::PerChannelMovingAverage),
            (Self::ObserveHistogram, _) => Some(ObserverKind::Histogram),
            _ => None,
        }
    }
}
