//! Profiles: complete descriptions of arithmetic, as data over independent axes.
//!
//! A [`Profile`] says how values are quantized and dequantized, how scale and
//! zero point are chosen, how products are summed and how sums become outputs.
//! It holds no code: a system that needs code of its own shows that an axis is
//! missing. [`named`] holds the profiles of known systems.

pub mod along;
pub(crate) mod axis;
pub mod convert;
pub mod element;
pub mod fake;
pub mod matrix;
pub mod named;
pub mod pointwise;
pub mod qparams;

pub use along::*;
pub use axis::Axis;
pub use convert::*;
pub use element::*;
pub use fake::*;
pub use matrix::*;
pub use pointwise::*;
pub use qparams::*;

/// A complete description of arithmetic. See the [module](self) for what that means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Profile {
    /// f32 to code
    pub quantize: QuantizeRule,
    /// code to f32
    pub dequantize: DequantizeRule,
    /// range to scale and zero point
    pub qparams: QparamsRule,
    /// sums of products
    pub accumulate: AccumulateRule,
    /// sum to code
    pub requantize: RequantizeRule,
    /// sum to f32
    pub float_output: FloatOutputRule,
    /// ops without weights
    pub pointwise: PointwiseRule,
    /// ops along axes, and rows quantized at run time
    pub along: AlongRule,
    /// one type to another
    pub convert: ConvertRule,
    /// real values to the values of codes
    pub fake_quantize: FakeQuantizeRule,
}

macro_rules! stages {
    ($($stage:ident: $rule:ty,)+) => {
        impl Profile {
            /// Every axis as `stage.axis`, e.g. `requantize.rounding`.
            pub fn axes() -> impl Iterator<Item = AxisName> {
                [$((stringify!($stage), <$rule>::FIELDS)),+]
                    .into_iter()
                    .flat_map(|(stage, fields)| {
                        fields.iter().map(move |field| AxisName { stage, field })
                    })
            }
            /// The key of the choice that this profile makes on `axis`.
            pub fn choice(&self, axis: AxisName) -> &'static str {
                match axis.stage {
                    $(stringify!($stage) => self.$stage.get(axis.field),)+
                    _ => None,
                }.expect("an AxisName comes from Profile::axes")
            }
            /// One sentence that says what this profile's choice on `axis` does.
            pub fn meaning(&self, axis: AxisName) -> &'static str {
                match axis.stage {
                    $(stringify!($stage) => self.$stage.meaning(axis.field),)+
                    _ => None,
                }.expect("an AxisName comes from Profile::axes")
            }
            /// The keys of all choices on `axis`.
            pub fn choices(axis: AxisName) -> Vec<&'static str> {
                match axis.stage {
                    $(stringify!($stage) => <$rule>::choices(axis.field),)+
                    _ => Vec::new(),
                }
            }
            /// This profile with another choice on `axis`; `None` if `key` is not one of its choices.
            pub fn with(mut self, axis: AxisName, key: &str) -> Option<Self> {
                let known = match axis.stage {
                    $(stringify!($stage) => self.$stage.set(axis.field, key),)+
                    _ => false,
                };
                known.then_some(self)
            }
        }
    };
}

stages! {
    quantize: QuantizeRule,
    dequantize: DequantizeRule,
    qparams: QparamsRule,
    accumulate: AccumulateRule,
    requantize: RequantizeRule,
    float_output: FloatOutputRule,
    pointwise: PointwiseRule,
    along: AlongRule,
    convert: ConvertRule,
    fake_quantize: FakeQuantizeRule,
}

impl Profile {
    /// The axes on which `self` and `other` differ.
    pub fn differences(&self, other: &Self) -> Vec<AxisName> {
        Self::axes()
            .filter(|&axis| self.choice(axis) != other.choice(axis))
            .collect()
    }
}

/// The name of one axis of a profile: the stage and the field in that stage's rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisName {
    /// the stage: a field of [`Profile`]
    pub stage: &'static str,
    /// the axis: a field of that stage's rule
    pub field: &'static str,
}

impl std::fmt::Display for AxisName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.stage, self.field)
    }
}
