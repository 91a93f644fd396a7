//! Convolution in 1, 2 or 3 dimensions: direct, over channel-last activations
//! as they lie. Groups of channels go through the micro-kernel one by one;
//! depthwise has a kernel of its own.

use qassay_golden::profile::{Accumulation, PaddingTap, Profile, SignedActivation};
use qassay_golden::spec::{Constants, ConvSpec, Output};
use qassay_golden::tensor::DType;

use super::depthwise::{self, Depthwise};
use super::direct::{self, Codes, Direct};
use super::epilogue::{Epilogue, Parts};
use super::linear::check_weights;
use super::lines::Lines;
use super::weights::{BlockedWeights, WeightShape};
use super::window::Window;
use crate::backend::{Chosen, Kernel, Refusal};
use crate::isa::Isa;
use crate::threads;
use crate::view::{View, ViewMut};

/// Prepares a convolution under `profile`.
///
/// # Errors
/// When the profile, a type or a parameter is not this family's.
pub fn prepare<I: Isa>(
    isa: I,
    profile: &Profile,
    spec: &ConvSpec,
    constants: &Constants,
) -> Result<Box<dyn Kernel>, Refusal> {
    if spec.output == Output::Float {
        let message = "convolution to f32 is not defined; codes and s32 sums are".into();
        return Err(Refusal::Unsupported(message));
    }
    check_weights(&spec.weights, spec.out_channels)?;
    check_sizes(spec)?;
    let plan = if spec.is_depthwise() {
        Plan::Depthwise(depthwise::<I>(profile, spec, constants)?)
    } else {
        Plan::Direct(direct::<I>(profile, spec, constants)?)
    };
    let chosen = match &plan {
        Plan::Direct(direct) => direct.chosen::<I>(),
        Plan::Depthwise(depthwise) => depthwise.chosen::<I>(),
    };
    Ok(Box::new(Conv { isa, plan, chosen }))
}

struct Conv<I> {
    isa: I,
    plan: Plan,
    chosen: Chosen,
}

enum Plan {
    Direct(Direct),
    Depthwise(Depthwise),
}

impl<I: Isa> Kernel for Conv<I> {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let codes = Codes::of(&inputs[0]);
        let output = threads::Output::of(&mut outputs[0]);
        match &mut self.plan {
            Plan::Direct(direct) => direct.run(self.isa, codes, output),
            Plan::Depthwise(depthwise) => depthwise.run(self.isa, codes, output),
        }
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

fn direct<I: Isa>(
    profile: &Profile,
    spec: &ConvSpec,
    constants: &Constants,
) -> Result<Direct, Refusal> {
    let rule = &profile.accumulate;
    let in_fours = |channels: usize| (channels / spec.groups).is_multiple_of(4);
    let accumulation = match rule.grouped {
        _ if spec.groups == 1 => rule.conv,
        Accumulation::PairsI16PerTapInFours => {
            match in_fours(spec.in_channels) && in_fours(spec.out_channels) {
                true => Accumulation::PairsI16PerTap,
                false => Accumulation::Exact,
            }
        }
        grouped => grouped,
    };
    let window = Window::of_conv(spec);
    let shape = WeightShape {
        columns: spec.out_channels / spec.groups,
        taps: window.taps(),
        k: spec.in_channels / spec.groups,
    };
    let form = direct::form::<I>(accumulation, shape)?;
    let exact = accumulation == Accumulation::Exact;
    let shift = direct::shift::<I>(spec.activation.dtype, rule, exact)?;
    let mut lines = None;
    if spec.groups == 1 && by_lines(&window, rule.padding, exact, shape) {
        let zero_point = spec.activation.qparams.zero_point as u8;
        lines = Lines::new(&window, spec.in_channels, zero_point).map(Box::new);
    }
    let shape = match lines {
        Some(_) => window.by_lines(shape),
        None => shape,
    };
    let codes = direct::weight_codes(constants, spec.out_channels * spec.k())?;
    let group_len = shape.columns * spec.k();
    let groups: Vec<_> = (0..spec.groups)
        .map(|group| {
            let codes = &codes[group * group_len..][..group_len];
            BlockedWeights::pack(codes, shape, I::LANES, form)
        })
        .collect();
    let parts = Parts {
        constants,
        bias: spec.bias,
        weights: &spec.weights,
        weight_sums: groups.iter().flat_map(BlockedWeights::sums).collect(),
        output: spec.output,
        relu: spec.relu.is_zero(),
        shift,
    };
    Ok(Direct::new(
        window,
        lines,
        rule.padding,
        groups,
        shape.columns,
        Epilogue::new(profile, parts)?,
        (spec.activation.dtype, spec.activation.qparams),
    ))
}

/// Whether sums are the same when a kernel line's codes are multiplied as one, and positions
/// outside the image with them: exact ones always, pairs where none of them lies in two positions
/// and none is left out.
fn by_lines(window: &Window, padding: PaddingTap, exact: bool, shape: WeightShape) -> bool {
    exact || (shape.k.is_multiple_of(4) && (padding != PaddingTap::Skipped || window.is_inside()))
}

fn depthwise<I: Isa>(
    profile: &Profile,
    spec: &ConvSpec,
    constants: &Constants,
) -> Result<Depthwise, Refusal> {
    // One product never leaves i16, so pairs that restart at each tap are exact as well.
    if !matches!(
        profile.accumulate.depthwise,
        Accumulation::Exact | Accumulation::PairsI16PerTap
    ) {
        let message = "depthwise sums are exact in this family".into();
        return Err(Refusal::Unsupported(message));
    }
    let rule = &profile.accumulate;
    let exact = rule.signed_activation != SignedActivation::Shifted128HalvedWeights
        || spec.kernel.len() > 2;
    direct::shift::<I>(spec.activation.dtype, rule, exact)?;
    let codes = direct::weight_codes(constants, spec.out_channels * spec.k())?;
    let parts = Parts {
        constants,
        bias: spec.bias,
        weights: &spec.weights,
        weight_sums: depthwise::weight_sums(codes, spec.out_channels),
        output: spec.output,
        relu: spec.relu.is_zero(),
        shift: 0,
    };
    let mut epilogue = Epilogue::new(profile, parts)?;
    epilogue.set_activation(spec.activation.qparams);
    Ok(Depthwise::new::<I>(
        Window::of_conv(spec),
        spec.out_channels,
        codes,
        epilogue,
        (spec.activation.dtype, spec.activation.qparams),
    ))
}

/// Refuses what is no convolution in 1 to 3 dimensions.
fn check_sizes(spec: &ConvSpec) -> Result<(), Refusal> {
    let dimensions = spec.kernel.len();
    let lists = [
        &spec.input,
        &spec.stride,
        &spec.pad_begin,
        &spec.pad_end,
        &spec.dilation,
    ];
    let fits = (1..=3).contains(&dimensions)
        && lists.iter().all(|list| list.len() == dimensions)
        && [&spec.kernel, &spec.stride, &spec.dilation]
            .iter()
            .all(|list| !list.contains(&0))
        && spec.groups > 0
        && spec.in_channels.is_multiple_of(spec.groups)
        && spec.out_channels.is_multiple_of(spec.groups);
    if fits {
        Ok(())
    } else {
        Err(Refusal::Unsupported(
            "convolution whose sizes do not fit 1 to 3 dimensions and its groups".into(),
        ))
    }
}

impl<'a> Codes<'a> {
    /// The codes of a view.
    pub fn of(view: &View<'a>) -> Self {
        let bytes = match view.dtype() {
            DType::I8 => {
                let codes = view.i8();
                // SAFETY: i8 and u8 have the same size, alignment and valid bit patterns.
                unsafe { std::slice::from_raw_parts(codes.as_ptr().cast::<u8>(), codes.len()) }
            }
            _ => view.u8(),
        };
        Self {
            bytes,
            stride: view.row_stride(),
        }
    }
}
