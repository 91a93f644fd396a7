//! Planted backends, for tests alone: each computes what the reference says under
//! a profile, and may then spoil the answer in a way that a judge must notice.
//! They allocate in `run`, which no real kernel may.

use std::sync::Arc;

use qassay_backends::backend::{Backend, Chosen, Declaration, Execution, Kernel, Refusal};
use qassay_backends::view::{View, ViewMut};
use qassay_golden::ops::reference;
use qassay_golden::profile::{AxisName, Profile, named};
use qassay_golden::spec::{Constants, OpSpec, Problem};
use qassay_golden::tensor::{DType, Data, Tensor};
use qassay_golden::witness::Witness;

/// What is done to an answer, or in place of one.
pub type Spoil = Arc<dyn Fn(&mut Run<'_, '_>) + Send + Sync>;

/// What is done before a kernel is prepared.
pub type Refuse = Arc<dyn Fn(&OpSpec, &Constants) -> Option<Refusal> + Send + Sync>;

/// A backend whose arithmetic and faults are known.
#[derive(Clone)]
pub struct Planted {
    declaration: &'static Declaration,
    profile: Profile,
    refuse: Refuse,
    spoil: Spoil,
    foreign: bool,
}

/// One run of a planted kernel, after the right answer was written.
pub struct Run<'a, 'v> {
    /// how often this kernel ran before
    pub times: usize,
    /// the op with its operands, as the kernel saw them
    pub problem: &'a Problem,
    /// the inputs
    pub inputs: &'a [View<'a>],
    /// the outputs
    pub outputs: &'a mut [ViewMut<'v>],
    /// the bytes that lay in each output, gaps between rows included, when the run began
    found: Vec<Vec<u8>>,
}

/// What a planted backend declares. Leaked: a declaration lives as long as the process.
pub fn declare(name: &'static str, profile: &'static str) -> &'static Declaration {
    Box::leak(Box::new(Declaration {
        name,
        family: "planted",
        isa: "scalar",
        architecture: "any",
        profile,
        preconditions: &[],
        ops: &[],
    }))
}

/// The profile with this name.
pub fn profile(name: &str) -> Profile {
    named::find(name).expect("a named profile").profile
}

/// The axis with this name, such as `requantize.rounding`.
pub fn axis(name: &str) -> AxisName {
    Profile::axes()
        .find(|axis| axis.to_string() == name)
        .expect("an axis")
}

/// A profile with choices on other axes.
pub fn changed(profile: Profile, choices: &[(&str, &str)]) -> Profile {
    choices.iter().fold(profile, |profile, (name, key)| {
        profile.with(axis(name), key).expect("a choice of the axis")
    })
}

impl Planted {
    /// Right under the profile that it declares.
    pub fn right(declared: &'static str) -> Self {
        Self::declaring(declare("planted/right", declared))
    }

    /// Right under the profile of `declaration`.
    pub fn declaring(declaration: &'static Declaration) -> Self {
        Self {
            declaration,
            profile: declaration.named_profile().unwrap().profile,
            refuse: Arc::new(|_, _| None),
            spoil: Arc::new(|_| {}),
            foreign: false,
        }
    }

    /// As a plugin is: what its kernels leave behind is watched.
    pub fn foreign(self) -> Self {
        Self {
            foreign: true,
            ..self
        }
    }

    /// Computes under `profile`, whatever it declares.
    pub fn computing(self, profile: Profile) -> Self {
        Self { profile, ..self }
    }

    /// Refuses some ops.
    pub fn refusing(
        self,
        refuse: impl Fn(&OpSpec, &Constants) -> Option<Refusal> + Send + Sync + 'static,
    ) -> Self {
        let refuse = Arc::new(refuse);
        Self { refuse, ..self }
    }

    /// Spoils its answers.
    pub fn spoiling(self, spoil: impl Fn(&mut Run<'_, '_>) + Send + Sync + 'static) -> Self {
        let spoil = Arc::new(spoil);
        Self { spoil, ..self }
    }
}

impl Backend for Planted {
    fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    fn execution(&self) -> Execution {
        Execution::Native
    }

    fn allocates_here(&self) -> bool {
        self.foreign
    }

    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal> {
        if let Some(refusal) = (self.refuse)(op, constants) {
            return Err(refusal);
        }
        Ok(Box::new(PlantedKernel {
            op: op.clone(),
            constants: constants.clone(),
            profile: self.profile,
            spoil: Arc::clone(&self.spoil),
            times: 0,
            chosen: Chosen {
                micro_kernel: "planted".to_owned(),
                tile: Some((1, 2, 3)),
                fallback: Some("it is a test".to_owned()),
            },
        }))
    }
}

struct PlantedKernel {
    op: OpSpec,
    constants: Constants,
    profile: Profile,
    spoil: Spoil,
    times: usize,
    chosen: Chosen,
}

impl Kernel for PlantedKernel {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let problem = Problem {
            op: self.op.clone(),
            constants: self.constants.clone(),
            inputs: inputs.iter().map(dense).collect(),
        };
        let mut run = Run {
            times: self.times,
            problem: &problem,
            inputs,
            outputs,
            found: Vec::new(),
        };
        run.found = (0..run.outputs.len())
            .map(|number| {
                let start = run.output_start(number);
                // SAFETY: as many bytes as the view extends over, and nobody writes meanwhile.
                unsafe { std::slice::from_raw_parts(start, run.output_len(number)) }.to_vec()
            })
            .collect();
        run.give(&self.profile);
        (self.spoil)(&mut run);
        self.times += 1;
    }

    fn chosen(&self) -> &Chosen {
        &self.chosen
    }
}

impl Run<'_, '_> {
    /// Writes what the reference says under `profile`.
    pub fn give(&mut self, profile: &Profile) {
        let right = reference(self.problem, profile, &mut Witness::default())
            .expect("planted backends are asked what the reference defines");
        for (output, tensor) in self.outputs.iter_mut().zip(&right) {
            write(output, tensor);
        }
    }

    /// Flips the bits of `mask` in byte `offset`, counted from the first byte of output
    /// `number`: below 0 or past its end is outside.
    pub fn flip(&mut self, number: usize, offset: isize, mask: u8) {
        let at = self.output_start(number).wrapping_offset(offset);
        // SAFETY: the buffers that tests lay reach further than the operand in the direction
        // asked for, or end at a guard page and the fault is what the test waits for.
        unsafe { at.write_volatile(at.read_volatile() ^ mask) };
    }

    /// Where output `number` starts.
    pub fn output_start(&mut self, number: usize) -> *mut u8 {
        let output = &mut self.outputs[number];
        match output.dtype() {
            DType::U8 => output.u8_mut().as_mut_ptr(),
            DType::I8 => output.i8_mut().as_mut_ptr().cast(),
            DType::I32 => output.i32_mut().as_mut_ptr().cast(),
            DType::F32 => output.f32_mut().as_mut_ptr().cast(),
            DType::F64 => output.f64_mut().as_mut_ptr().cast(),
            other => unreachable!("no view holds {}", other.name()),
        }
    }

    /// How many bytes output `number` extends over.
    pub fn output_len(&mut self, number: usize) -> usize {
        let output = &mut self.outputs[number];
        match output.dtype() {
            DType::U8 => output.u8_mut().len(),
            DType::I8 => output.i8_mut().len(),
            DType::I32 => 4 * output.i32_mut().len(),
            DType::F32 => 4 * output.f32_mut().len(),
            DType::F64 => 8 * output.f64_mut().len(),
            other => unreachable!("no view holds {}", other.name()),
        }
    }

    /// The bytes that lay in output `number` when the run began.
    pub fn found(&self, number: usize) -> &[u8] {
        &self.found[number]
    }

    /// Puts back what lay in byte `at` of output `number`, as if it was never written.
    pub fn unwrite(&mut self, number: usize, at: usize) {
        let found = self.found[number][at];
        let place = self.output_start(number).wrapping_add(at);
        // SAFETY: `found` holds the bytes of the output, so `at` is one of them.
        unsafe { place.write_volatile(found) };
    }

    /// Where input `number` starts, and how many bytes it extends.
    pub fn input_bytes(&self, number: usize) -> (*const u8, usize) {
        let input = &self.inputs[number];
        match input.dtype() {
            DType::U8 => (input.u8().as_ptr(), input.u8().len()),
            DType::I8 => (input.i8().as_ptr().cast(), input.i8().len()),
            DType::I32 => (input.i32().as_ptr().cast(), 4 * input.i32().len()),
            DType::F32 => (input.f32().as_ptr().cast(), 4 * input.f32().len()),
            DType::F64 => (input.f64().as_ptr().cast(), 8 * input.f64().len()),
            other => unreachable!("no view holds {}", other.name()),
        }
    }
}

/// The values of a view without gaps.
pub fn dense(view: &View<'_>) -> Tensor {
    let (rows, len, stride) = (view.rows(), view.row_len(), view.row_stride());
    macro_rules! rows {
        ($variant:ident, $values:expr) => {
            Data::$variant(
                (0..rows)
                    .flat_map(|row| $values[row * stride..][..len].to_vec())
                    .collect(),
            )
        };
    }
    let data = match view.dtype() {
        DType::U8 => rows!(U8, view.u8()),
        DType::I8 => rows!(I8, view.i8()),
        DType::I32 => rows!(I32, view.i32()),
        DType::F32 => rows!(F32, view.f32()),
        DType::F64 => rows!(F64, view.f64()),
        other => unreachable!("no view holds {}", other.name()),
    };
    Tensor::new(view.shape(), data).expect("the view's own shape")
}

/// Writes the values of a dense tensor.
pub fn write(output: &mut ViewMut<'_>, tensor: &Tensor) {
    let (rows, len, stride) = (output.rows(), output.row_len(), output.row_stride());
    macro_rules! rows {
        ($from:expr, $to:expr) => {{
            let to = $to;
            for row in 0..rows {
                to[row * stride..][..len].copy_from_slice(&$from[row * len..][..len]);
            }
        }};
    }
    match tensor.data() {
        Data::U8(from) => rows!(from, output.u8_mut()),
        Data::I8(from) => rows!(from, output.i8_mut()),
        Data::I32(from) => rows!(from, output.i32_mut()),
        Data::F32(from) => rows!(from, output.f32_mut()),
        Data::F64(from) => rows!(from, output.f64_mut()),
        other => unreachable!("no view holds {}", other.dtype().name()),
    }
}
