//! The first element of a case on which two profiles part.

use qassay_golden::profile::Profile;
use qassay_golden::spec::Problem;
use qassay_golden::witness::{Step, Witness};

use super::Answer;
use crate::compare::display;
use crate::judge::index;
use crate::record::Mismatch;

/// An element that differs.
pub(super) struct Element {
    /// for people
    pub mismatch: Mismatch,
    /// its number in its output
    pub number: usize,
    /// the codes under both profiles, where the output holds integers
    pub codes: Option<[i64; 2]>,
    /// the sum and the scaled value under both profiles
    pub steps: [Option<Step>; 2],
}

/// The first element that differs; `None` if none does.
pub(super) fn first(problem: &Problem, [a, b]: &[Profile; 2]) -> Option<Element> {
    let a = Answer::with(problem, a, Witness::with_steps())?;
    let b = Answer::with(problem, b, Witness::with_steps())?;
    let (output, number) = a.against(&b).first?;
    let steps = [&a, &b].map(|answer| {
        (answer.witness.steps.as_deref())
            .filter(|steps| output == 0 && steps.len() == answer.outputs[0].len())
            .map(|steps| steps[number])
    });
    let data = [a.outputs[output].data(), b.outputs[output].data()];
    let is_code = a.outputs[output].dtype().code_range().is_some();
    Some(Element {
        mismatch: Mismatch {
            output,
            index: index(a.outputs[output].shape(), number),
            accumulator: steps[0].and_then(|step| step.accumulator),
            scaled: steps[0].map(|step| step.scaled),
            expected: display(data[0], number),
            got: display(data[1], number),
        },
        number,
        codes: is_code.then(|| data.map(|data| data.code(number))),
        steps,
    })
}
