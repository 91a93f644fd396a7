//! A mutant and the backend that it opens: a family with a fault around it.

use qassay_golden::profile::Profile;
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::spec::{Constants, OpSpec};
use qassay_golden::tensor::Tensor;

use super::answer::{Answer, Kept, dense};
use super::faulty::Faulty;
use super::instruction::Instruction;
use crate::backend::{Backend, Chosen, Declaration, Execution, Kernel, Refusal};
use crate::fbgemm::Fbgemm;
use crate::onednn::Onednn;
use crate::profile_name::compose;
use crate::qnnpack::Qnnpack;
use crate::registry::{self, Entry};
use crate::view::{Values, View, ViewMut};

/// What is done to spec and constants before a kernel is prepared.
pub type Prepare = Box<dyn Fn(&mut OpSpec, &mut Constants) + Send + Sync>;
/// What is done to inputs before a kernel runs on them.
pub type Inputs = Box<dyn Fn(&OpSpec, &mut [Tensor]) + Send + Sync>;
/// What is done to outputs after a kernel wrote them.
pub type After = Box<dyn Fn(&mut Answer<'_, '_>) + Send + Sync>;
/// What is prepared in a kernel's place.
pub type Instead = Box<
    dyn Fn(&dyn Backend, &OpSpec, &Constants) -> Result<Box<dyn Kernel>, Refusal> + Send + Sync,
>;

/// What is wrong.
pub enum Fault {
    /// nothing
    None,
    /// an instruction
    Instruction(Instruction),
    /// kernels compute by other choices on these axes than the declared profile's
    Axes(&'static [(&'static str, &'static str)]),
    /// spec or constants, when a kernel is prepared
    Prepare(Prepare),
    /// inputs, when it runs
    Inputs(Inputs),
    /// outputs, when it ran
    After(After),
    /// another kernel, made of those of the family
    Instead(Instead),
}

/// A family with a fault.
pub struct Mutant {
    pub(super) declaration: &'static Declaration,
    pub(super) profile: &'static NamedProfile,
    pub(super) suites: &'static [&'static str],
    pub(super) sentence: String,
    pub(super) source: Option<&'static str>,
    pub(super) fault: Fault,
}

impl Mutant {
    /// The name that opens it: `mutant:FAMILY/FAULT`.
    pub fn name(&self) -> &'static str {
        self.declaration.name
    }

    /// What it declares: the family's own profile.
    pub fn declaration(&self) -> &'static Declaration {
        self.declaration
    }

    /// The suites whose ops have the part that is wrong.
    pub fn suites(&self) -> &'static [&'static str] {
        self.suites
    }

    /// What is wrong, in one sentence.
    pub fn sentence(&self) -> &str {
        &self.sentence
    }

    /// The public issue or pull request about such a fault, where one is known.
    pub fn source(&self) -> Option<&'static str> {
        self.source
    }

    /// The backend.
    pub fn open(&'static self) -> Box<dyn Backend> {
        Box::new(Subject {
            mutant: self,
            family: self.family(),
        })
    }

    fn family(&self) -> Box<dyn Backend> {
        match &self.fault {
            Fault::None => self.on(Instruction::None),
            Fault::Instruction(fault) => self.on(*fault),
            Fault::Axes(changes) => self.on_registered(changed(self.profile, changes)),
            _ => self.on_registered(&self.profile.profile),
        }
    }

    /// The family on an instruction set with `fault`.
    fn on(&self, fault: Instruction) -> Box<dyn Backend> {
        let (isa, how) = (Faulty::new(fault), Execution::Modelled);
        let (declaration, profile) = (self.declaration, &self.profile.profile);
        match self.declaration.family {
            "fbgemm" => Box::new(Fbgemm::new(isa, how, declaration, profile)),
            "onednn" => Box::new(Onednn::new(isa, how, declaration, profile)),
            _ => Box::new(Qnnpack::new(isa, how, declaration, profile)),
        }
    }

    /// The family as it is registered, natively where that can be.
    fn on_registered(&self, profile: &'static Profile) -> Box<dyn Backend> {
        let entry = registered(self.profile.name);
        let native = entry.native_under(profile);
        native.unwrap_or_else(|| entry.modelled_under(profile))
    }
}

/// The registered backend that mutants which declare this profile are made of: the one on AVX2,
/// where there is one.
pub(super) fn registered(profile: &str) -> Entry {
    let declares = |entry: &Entry| entry.declaration.profile == profile;
    let mut entries: Vec<Entry> = registry::entries().into_iter().filter(declares).collect();
    let at = entries
        .iter()
        .position(|entry| entry.declaration.isa == "avx2");
    entries.swap_remove(at.unwrap_or(0))
}

/// A profile with other choices on some axes. Lives as long as the process, as profiles do.
pub(super) fn changed(named: &NamedProfile, changes: &[(&str, &str)]) -> &'static Profile {
    let made = compose(named.name, changes);
    &made
        .expect("axes and choices of the catalogue exist; a test opens all mutants")
        .profile
}

struct Subject {
    mutant: &'static Mutant,
    family: Box<dyn Backend>,
}

impl Backend for Subject {
    fn declaration(&self) -> &'static Declaration {
        self.mutant.declaration
    }

    fn execution(&self) -> Execution {
        self.family.execution()
    }

    fn prepare(&self, op: &OpSpec, constants: &Constants) -> Result<Box<dyn Kernel>, Refusal> {
        match &self.mutant.fault {
            Fault::None | Fault::Instruction(_) | Fault::Axes(_) => {
                self.family.prepare(op, constants)
            }
            Fault::Prepare(change) => {
                let (mut op, mut constants) = (op.clone(), constants.clone());
                change(&mut op, &mut constants);
                self.family.prepare(&op, &constants)
            }
            Fault::Inputs(change) => Ok(Box::new(Changed {
                kernel: self.family.prepare(op, constants)?,
                op: op.clone(),
                change,
            })),
            Fault::After(spoil) => Ok(Box::new(Spoiled {
                kernel: self.family.prepare(op, constants)?,
                op: op.clone(),
                times: 0,
                spoil,
            })),
            Fault::Instead(prepare) => prepare(self.family.as_ref(), op, constants),
        }
    }
}

/// A kernel that gets other inputs than it was given.
struct Changed {
    kernel: Box<dyn Kernel>,
    op: OpSpec,
    change: &'static Inputs,
}

impl Kernel for Changed {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let mut tensors: Vec<Tensor> = inputs.iter().map(dense).collect();
        (self.change)(&self.op, &mut tensors);
        run_on(self.kernel.as_mut(), &tensors, outputs);
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}

/// Runs a kernel on dense tensors.
pub(super) fn run_on(kernel: &mut dyn Kernel, inputs: &[Tensor], outputs: &mut [ViewMut<'_>]) {
    use qassay_golden::tensor::Data;
    let views: Vec<View<'_>> = (inputs.iter())
        .map(|tensor| {
            let values = match tensor.data() {
                Data::U8(values) => Values::U8(values),
                Data::I8(values) => Values::I8(values),
                Data::I32(values) => Values::I32(values),
                Data::F32(values) => Values::F32(values),
                Data::F64(values) => Values::F64(values),
                other => unreachable!("no view holds {}", other.dtype().name()),
            };
            View::new(tensor.shape(), tensor.row_len(), values)
        })
        .collect();
    kernel.run(&views, outputs);
}

/// A kernel whose outputs are spoiled.
struct Spoiled {
    kernel: Box<dyn Kernel>,
    op: OpSpec,
    times: usize,
    spoil: &'static After,
}

impl Kernel for Spoiled {
    fn run(&mut self, inputs: &[View<'_>], outputs: &mut [ViewMut<'_>]) {
        let kept = Kept::of(outputs);
        self.kernel.run(inputs, outputs);
        (self.spoil)(&mut Answer {
            op: &self.op,
            times: self.times,
            inputs,
            outputs,
            kept: &kept,
        });
        self.times += 1;
    }

    fn chosen(&self) -> &Chosen {
        self.kernel.chosen()
    }
}
