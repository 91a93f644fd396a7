//! The table of mutants. A row is a fault, in one sentence, and the profiles of the families
//! that are made with it, each with the suites whose ops have the part that is wrong.
//!
//! Faults that no input can tell from what is right do not stand here: what survives the suites
//! is either such a one, or a case is missing.

mod axes;
mod codes;
mod integers;
mod memory;
mod parameters;
mod pointwise;
mod products;
mod rounding;
mod sources;
mod windows;

use std::sync::LazyLock;

use qassay_golden::profile::named;

use super::PREFIX;
use super::instruction::Instruction;
use super::subject::{Fault, Mutant, registered};
use crate::backend::Declaration;

/// A profile of a family, and the suites in which the fault may show.
type Place = (&'static str, &'static [&'static str]);

/// The name of a fault, the fault, where it is seeded, a sentence, and the public issue.
type Row<'a, F> = (&'a str, F, &'a [Place], &'a str, Option<&'static str>);

/// Every mutant.
pub fn all() -> &'static [Mutant] {
    static ALL: LazyLock<Vec<Mutant>> = LazyLock::new(|| {
        let mut table = Table::default();
        products::add(&mut table);
        integers::add(&mut table);
        rounding::add(&mut table);
        axes::add(&mut table);
        parameters::add(&mut table);
        codes::add(&mut table);
        pointwise::add(&mut table);
        windows::add(&mut table);
        memory::add(&mut table);
        table.0
    });
    &ALL
}

/// The families without a fault, on the instruction set that carries faults.
pub fn identities() -> &'static [Mutant] {
    static ALL: LazyLock<Vec<Mutant>> = LazyLock::new(|| {
        let mut table = Table::default();
        for &profile in &[FBGEMM, ONEDNN, QNNPACK, "qnnpack-q31", "gemmlowp"] {
            let name = format!("{PREFIX}identity/{profile}");
            let sentence = "nothing is wrong".to_owned();
            table.push(name, (profile, &[]), sentence, None, Fault::None);
        }
        table.0
    });
    &ALL
}

/// The profiles under which most faults are seeded.
const FBGEMM: &str = "fbgemm-exact";
const ONEDNN: &str = "onednn-jit";
const QNNPACK: &str = "qnnpack-sse2";

/// Static products.
const PRODUCTS: &[&str] = &["linear", "conv", "depthwise"];
/// Products that go through a GEMM.
const GEMM: &[&str] = &["linear", "conv"];
/// Products with windows.
const WINDOWS: &[&str] = &["conv", "depthwise"];

#[derive(Default)]
struct Table(Vec<Mutant>);

impl Table {
    /// One mutant of each place.
    fn row(
        &mut self,
        name: &str,
        places: &[Place],
        sentence: &str,
        source: Option<&'static str>,
        fault: impl Fn() -> Fault,
    ) {
        for &place in places {
            let name = format!("{PREFIX}{}/{name}", place.0);
            self.push(name, place, sentence.to_owned(), source, fault());
        }
    }

    /// As [`row`](Self::row), an instruction's fault.
    fn instruction(
        &mut self,
        name: &str,
        places: &[Place],
        sentence: &str,
        source: Option<&'static str>,
        fault: Instruction,
    ) {
        self.row(name, places, sentence, source, || Fault::Instruction(fault));
    }

    fn push(
        &mut self,
        name: String,
        (profile, suites): Place,
        sentence: String,
        source: Option<&'static str>,
        fault: Fault,
    ) {
        let entry = registered(profile);
        let modelled = matches!(fault, Fault::None | Fault::Instruction(_));
        let declared = Declaration {
            name: Box::leak(name.into_boxed_str()),
            family: entry.declaration.family,
            isa: if modelled {
                "avxvnni"
            } else {
                entry.declaration.isa
            },
            architecture: "any",
            profile,
            preconditions: entry.declaration.preconditions,
            ops: &[],
        };
        self.0.push(Mutant {
            declaration: Box::leak(Box::new(declared)),
            profile: named::find(profile).expect("a named profile; a test reads the whole table"),
            suites,
            sentence,
            source,
            fault,
        });
    }
}
