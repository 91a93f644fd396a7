//! One case in full: the op, its operands, and for each output the sum, the
//! scaled value before rounding, and the expected bits.

use std::fmt::Write as _;

use qassay_golden::ops::{ReferenceError, reference};
use qassay_golden::profile::named::NamedProfile;
use qassay_golden::spec::Problem;
use qassay_golden::tensor::{Data, Tensor};
use qassay_golden::witness::{Event, Witness};

/// The case as text; tensors are cut after `limit` elements.
///
/// # Errors
/// When the profile does not define the op.
pub fn render(
    id: &str,
    problem: &Problem,
    profile: &NamedProfile,
    limit: usize,
) -> Result<String, ReferenceError> {
    let mut witness = Witness::with_steps();
    let outputs = reference(problem, &profile.profile, &mut witness)?;
    let mut text = format!(
        "case     {id}\nprofile  {} ({})\n",
        profile.name, profile.summary
    );
    let _ = writeln!(text, "op       {:?}", problem.op);
    for (index, input) in problem.inputs.iter().enumerate() {
        let _ = writeln!(text, "input {index}  {}", tensor(input, limit));
    }
    if let Some(weights) = &problem.constants.weights {
        let _ = writeln!(text, "weights  {}", tensor(weights, limit));
    }
    if let Some(bias) = &problem.constants.bias {
        let _ = writeln!(text, "bias     {}", tensor(bias, limit));
    }
    for (number, output) in outputs.iter().enumerate() {
        let (shape, dtype) = (output.shape(), output.dtype().name());
        let _ = writeln!(text, "output {number} {dtype} {shape:?}");
        let steps = witness
            .steps
            .as_deref()
            .filter(|steps| number == 0 && steps.len() == output.len());
        for element in 0..output.len().min(limit) {
            let _ = write!(text, "  {:?}", index_of(shape, element));
            if let Some(step) = steps.map(|steps| steps[element]) {
                if let Some(accumulator) = step.accumulator {
                    let _ = write!(text, "  accumulator {accumulator}");
                }
                let _ = write!(text, "  scaled {}", step.scaled);
            }
            let _ = write!(text, "  expected {}", value(output.data(), element));
            if witness.open.contains(&(number, element)) {
                text.push_str("  left open by the profile");
            }
            text.push('\n');
        }
        if output.len() > limit {
            let _ = writeln!(text, "  … {} more (--elements)", output.len() - limit);
        }
    }
    let reached: Vec<String> = (Event::ALL.iter())
        .filter(|&&event| witness.events.count(event) > 0)
        .map(|&event| format!("{} {}", event.key(), witness.events.count(event)))
        .collect();
    let _ = writeln!(text, "events   {}", reached.join(", "));
    Ok(text)
}

/// The index in each dimension of an element of a dense tensor.
pub fn index_of(shape: &[usize], element: usize) -> Vec<usize> {
    let mut rest = element;
    let mut index: Vec<usize> = (shape.iter().rev())
        .map(|&length| {
            let at = rest % length.max(1);
            rest /= length.max(1);
            at
        })
        .collect();
    index.reverse();
    index
}

fn tensor(tensor: &Tensor, limit: usize) -> String {
    let values: Vec<String> = (0..tensor.len().min(limit))
        .map(|i| value(tensor.data(), i))
        .collect();
    let rest = tensor.len() - values.len();
    let more = if rest > 0 {
        format!(" … {rest} more (--elements)")
    } else {
        String::new()
    };
    format!(
        "{} {:?}: {}{more}",
        tensor.dtype().name(),
        tensor.shape(),
        values.join(" ")
    )
}

/// One value; floats with their bits.
fn value(data: &Data, index: usize) -> String {
    match data {
        Data::U8(v) => v[index].to_string(),
        Data::I8(v) => v[index].to_string(),
        Data::I32(v) => v[index].to_string(),
        Data::F32(v) => format!("{:?} (0x{:08x})", v[index], v[index].to_bits()),
        Data::F64(v) => format!("{:?} (0x{:016x})", v[index], v[index].to_bits()),
        _ if data.dtype().is_bit_pattern() => {
            format!("{:?} (0x{:02x})", data.real(index), data.bits(index))
        }
        codes => codes.code(index).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use qassay_golden::profile::named;
    use qassay_golden::spec::{Constants, OpSpec, RequantizeSpec};
    use qassay_golden::tensor::DType;

    #[test]
    fn indices_are_row_major() {
        assert_eq!(index_of(&[2, 3, 4], 0), [0, 0, 0]);
        assert_eq!(index_of(&[2, 3, 4], 23), [1, 2, 3]);
        assert_eq!(index_of(&[], 0), [0usize; 0]);
    }

    #[test]
    fn a_tie_shows_its_sum_its_scaled_value_and_its_code() {
        let spec = RequantizeSpec {
            rows: 1,
            columns: 2,
            dtype: DType::U8,
            zero_point: 1,
            multipliers: vec![0.5],
            relu: false,
        };
        let problem = Problem {
            op: OpSpec::Requantize(spec),
            constants: Constants::default(),
            inputs: vec![Tensor::new([1, 2], Data::I32(vec![3, 1000])).unwrap()],
        };
        let text = render("id", &problem, named::find("exact").unwrap(), 1).unwrap();
        assert!(
            text.contains("[0, 0]  accumulator 3  scaled 1.5  expected 3"),
            "{text}"
        );
        assert!(text.contains("… 1 more"), "{text}");
        assert!(text.contains("exact-tie 1, clamped-high 1"), "{text}");
    }
}
