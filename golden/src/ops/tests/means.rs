//! Average pool by an integer reciprocal, and with unequal padding.

use super::pools::avg;
use super::*;

/// Means of −½, ½, −3 and −4½ above the zero point; the last window has two of its four codes
/// outside.
#[test]
fn a_mean_by_an_integer_reciprocal_leaves_zero_when_halfway() {
    let (tosa, float) = (profile("tosa"), profile("exact"));
    let mut spec = pool([2, 2], 2, 1, 0, 10);
    spec.count_include_pad = false;
    for (window, means) in [([9, 9, 10, 10], [9, 10]), ([11, 11, 10, 10], [11, 10])] {
        assert_eq!(avg(&tosa, spec.clone(), &window), [means[0]]);
        assert_eq!(avg(&float, spec.clone(), &window), [means[1]]);
    }
    spec.pad_end = Some(vec![0, 1]);
    assert_eq!(spec.output_shape(), [1, 1, 2, 1]);
    assert_eq!(avg(&tosa, spec.clone(), &[9, 4, 8, 7]), [7, 5]);
    assert_eq!(avg(&float, spec.clone(), &[9, 4, 8, 7]), [7, 6]);
    spec.output.qparams.scale = 0.25;
    let input = Tensor::new([1, 2, 2, 1], Data::U8(vec![0; 4])).unwrap();
    let problem = Problem {
        op: OpSpec::AvgPool(spec),
        constants: Constants::default(),
        inputs: vec![input],
    };
    let error = reference(&problem, &tosa, &mut Witness::default()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this average pool keeps the input's scale; the output has another"
    );
}
