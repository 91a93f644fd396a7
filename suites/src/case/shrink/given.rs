//! Shrinking cases whose operands stand in the id.

use qassay_golden::spec::Problem;
use qassay_golden::tensor::{Data, Tensor};

use super::super::build::problem;
use super::super::fields::*;
use super::super::parameters::Parameters;
use super::with;

/// The most values of operands that are written into an id.
const MOST_GIVEN: usize = 4096;

/// The case with its operands written out, if it is small.
pub(super) fn write_out(made: &Made) -> Option<Made> {
    let most = match &made.shape {
        Shape::Dims(dims) => dims.iter().product::<usize>() * made.batches,
        Shape::Rows { m, n } => m * n,
        Shape::Matrix { m, n, k } => (m + n) * k,
        Shape::Image(image) => {
            let pixels: usize = image.input.iter().product();
            image.batch * pixels * image.channels
        }
    };
    if most > MOST_GIVEN {
        return None;
    }
    let Problem {
        constants, inputs, ..
    } = problem(made);
    let total: usize = inputs
        .iter()
        .chain(&constants.weights)
        .map(Tensor::len)
        .sum();
    if total > MOST_GIVEN {
        return None;
    }
    let p = Parameters::of(made);
    let weights = constants.weights.as_ref();
    let binary = made.op.is_binary();
    let firsts = if binary { &inputs[..1] } else { &inputs[..] };
    let given = Given {
        x: firsts.iter().flat_map(bits).collect(),
        w: weights
            .or(inputs.get(1).filter(|_| binary))
            .map(bits)
            .unwrap_or_default(),
        bias: constants.bias.as_ref().map(bits).unwrap_or_default(),
    };
    Some(with(made, |made| {
        for slot in 0..3 {
            let list = p.list(slot);
            if made.op.scale_letters()[slot] != ' ' && wants_scale(made, slot) {
                made.scales.0[slot] = list.iter().map(|q| Scale(q.scale)).collect();
            }
            if made.zero_points.0[slot] == Zero::Vary {
                made.zero_points.0[slot] = match list {
                    [one] => Zero::One(one.zero_point),
                    list => Zero::List(list.iter().map(|q| q.zero_point).collect()),
                };
            }
        }
        made.data = Source::Given(given);
        made.seed = 0;
        made.skip = [0, 0];
    }))
}

/// Whether a slot's scale has a meaning: outputs without codes have none.
fn wants_scale(made: &Made, slot: usize) -> bool {
    slot != 2 || !made.op.is_product() || made.output.size() == 1
}

pub(super) fn bits(tensor: &Tensor) -> Vec<u32> {
    match tensor.data() {
        Data::U8(v) => v.iter().map(|&q| u32::from(q)).collect(),
        Data::I8(v) => v.iter().map(|&q| u32::from(q as u8)).collect(),
        Data::I32(v) => v.iter().map(|&q| q as u32).collect(),
        Data::F32(v) => v.iter().map(|q| q.to_bits()).collect(),
        data => unreachable!("no judged operand is {}", data.dtype().name()),
    }
}

/// One dimension of a case, and the axes of operands that run along it.
struct Along {
    len: usize,
    /// values of operands that belong to one index
    x: Option<usize>,
    w: Option<usize>,
    /// whether channels (scales, zero points, bias) run along it
    channels: bool,
    resize: fn(&mut Shape, usize, usize),
    /// the argument of `resize`
    d: usize,
}

/// The case without a run of indices along one dimension: halves first, then
/// quarters, pairs and single ones.
pub(super) fn parts(made: &Made, given: &Given) -> Vec<Made> {
    let mut out = Vec::new();
    let (x_shape, w_shape) = shapes(made);
    for along in dimensions(made) {
        let len = along.len;
        let mut sizes = vec![len.div_ceil(2), len.div_ceil(4), len.div_ceil(8), 2, 1];
        sizes.dedup();
        for size in sizes.into_iter().filter(|&size| size > 0 && size < len) {
            for start in (0..len).step_by(size) {
                let keep: Vec<usize> = (0..len)
                    .filter(|i| !(start..start + size).contains(i))
                    .collect();
                if keep.is_empty() {
                    continue;
                }
                out.push(with(made, |made| {
                    let mut given = given.clone();
                    if let Some(axis) = along.x {
                        given.x = take(&given.x, &x_shape, axis, &keep);
                        if made.op.is_binary() {
                            given.w = take(&given.w, &x_shape, axis, &keep);
                        }
                    }
                    if let Some(axis) = along.w {
                        given.w = take(&given.w, &w_shape, axis, &keep);
                    }
                    if along.channels {
                        keep_channels(made, &mut given, &keep);
                    }
                    (along.resize)(&mut made.shape, along.d, keep.len());
                    made.data = Source::Given(given);
                }));
            }
        }
    }
    if let Shape::Image(image) = &made.shape {
        out.extend(
            super::plainer_windows(image)
                .into_iter()
                .map(|image| with(made, |made| made.shape = Shape::Image(image))),
        );
    }
    out
}

fn keep_channels(made: &mut Made, given: &mut Given, keep: &[usize]) {
    if !given.bias.is_empty() {
        given.bias = keep.iter().map(|&n| given.bias[n]).collect();
    }
    let Some(slot) = made.per_channel.and_then(|_| made.op.channel_slot()) else {
        return;
    };
    let scales = &made.scales.0[slot];
    if !scales.is_empty() {
        made.scales.0[slot] = keep.iter().map(|&n| scales[n]).collect();
    }
    if let Zero::List(list) = &made.zero_points.0[slot] {
        made.zero_points.0[slot] = match keep {
            [one] => Zero::One(list[*one]),
            keep => Zero::List(keep.iter().map(|&n| list[n]).collect()),
        };
    }
}

/// Shapes of x (with batches of an observer in front) and w.
fn shapes(made: &Made) -> (Vec<usize>, Vec<usize>) {
    match &made.shape {
        Shape::Dims(dims) => {
            let mut x = vec![made.batches];
            x.extend(dims);
            (x, Vec::new())
        }
        &Shape::Rows { m, n } => (vec![m, n], Vec::new()),
        &Shape::Matrix { m, n, k } => (vec![m, k], vec![n, k]),
        Shape::Image(image) => {
            let mut x = vec![image.batch];
            x.extend(&image.input);
            x.push(image.channels);
            let mut w = vec![image.out_channels.unwrap_or(0)];
            w.extend(&image.kernel);
            w.push(image.channels / image.groups);
            (x, w)
        }
    }
}

fn dimensions(made: &Made) -> Vec<Along> {
    let plain = |len, x, w, channels, d, resize| Along {
        len,
        x,
        w,
        channels,
        resize,
        d,
    };
    match &made.shape {
        Shape::Dims(dims) => (0..dims.len())
            .map(|d| {
                plain(
                    dims[d],
                    Some(d + 1),
                    None,
                    made.per_channel == Some(d),
                    d,
                    |shape, d, len| {
                        if let Shape::Dims(dims) = shape {
                            dims[d] = len;
                        }
                    },
                )
            })
            .collect(),
        &Shape::Rows { m, n } => vec![
            plain(m, Some(0), None, false, 0, |shape, _, len| {
                if let Shape::Rows { m, .. } = shape {
                    *m = len;
                }
            }),
            plain(n, Some(1), None, true, 0, |shape, _, len| {
                if let Shape::Rows { n, .. } = shape {
                    *n = len;
                }
            }),
        ],
        &Shape::Matrix { m, n, k } => vec![
            plain(m, Some(0), None, false, 0, |shape, _, len| {
                if let Shape::Matrix { m, .. } = shape {
                    *m = len;
                }
            }),
            plain(n, None, Some(0), true, 0, |shape, _, len| {
                if let Shape::Matrix { n, .. } = shape {
                    *n = len;
                }
            }),
            plain(k, Some(1), Some(1), false, 0, |shape, _, len| {
                if let Shape::Matrix { k, .. } = shape {
                    *k = len;
                }
            }),
        ],
        Shape::Image(image) => image_dimensions(image),
    }
}

fn image_dimensions(image: &ImageShape) -> Vec<Along> {
    let rank = image.input.len();
    let mut out = vec![Along {
        len: image.batch,
        x: Some(0),
        w: None,
        channels: false,
        d: 0,
        resize: |shape, _, len| {
            if let Shape::Image(image) = shape {
                image.batch = len;
            }
        },
    }];
    for d in 0..rank {
        out.push(Along {
            len: image.input[d],
            x: Some(d + 1),
            w: None,
            channels: false,
            d,
            resize: |shape, d, len| {
                if let Shape::Image(image) = shape {
                    image.input[d] = len;
                }
            },
        });
        if image.out_channels.is_some() {
            out.push(Along {
                len: image.kernel[d],
                x: None,
                w: Some(d + 1),
                channels: false,
                d,
                resize: |shape, d, len| {
                    if let Shape::Image(image) = shape {
                        image.kernel[d] = len;
                    }
                },
            });
        }
    }
    let conv = image.out_channels.is_some();
    if image.is_depthwise() {
        out.push(Along {
            len: image.channels,
            x: Some(rank + 1),
            w: Some(0),
            channels: true,
            d: 0,
            resize: |shape, _, len| {
                if let Shape::Image(image) = shape {
                    image.channels = len;
                    image.out_channels = Some(len);
                    image.groups = len;
                }
            },
        });
    } else if image.groups == 1 {
        out.push(Along {
            len: image.channels,
            x: Some(rank + 1),
            w: conv.then_some(rank + 1),
            channels: false,
            d: 0,
            resize: |shape, _, len| {
                if let Shape::Image(image) = shape {
                    image.channels = len;
                }
            },
        });
        if let Some(len) = image.out_channels {
            out.push(Along {
                len,
                x: None,
                w: Some(0),
                channels: true,
                d: 0,
                resize: |shape, _, len| {
                    if let Shape::Image(image) = shape {
                        image.out_channels = Some(len);
                    }
                },
            });
        }
    }
    out
}

/// The values at the kept indices of one axis.
fn take(values: &[u32], shape: &[usize], axis: usize, keep: &[usize]) -> Vec<u32> {
    let inner: usize = shape[axis + 1..].iter().product();
    let outer: usize = shape[..axis].iter().product();
    let mut out = Vec::with_capacity(outer * keep.len() * inner);
    for o in 0..outer {
        for &index in keep {
            let start = (o * shape[axis] + index) * inner;
            out.extend_from_slice(&values[start..start + inner]);
        }
    }
    out
}

/// One value less: each that is not 0 becomes 0; then scales become powers of two.
pub(super) fn values(made: &Made, given: &Given) -> Vec<Made> {
    const FEW: usize = 64;
    let mut out = Vec::new();
    if given.x.len() + given.w.len() <= FEW {
        for i in 0..given.x.len() {
            if given.x[i] != 0 {
                let mut given = given.clone();
                given.x[i] = 0;
                out.push(with(made, |made| made.data = Source::Given(given)));
            }
        }
        for i in 0..given.w.len() {
            if given.w[i] != 0 {
                let mut given = given.clone();
                given.w[i] = 0;
                out.push(with(made, |made| made.data = Source::Given(given)));
            }
        }
    }
    let plainer = with(made, |made| {
        for scale in made.scales.0.iter_mut().flatten() {
            // Drop the mantissa: the power of two below.
            scale.0 = f64::from_bits(scale.0.to_bits() & 0x7ff0_0000_0000_0000);
        }
    });
    if plainer != *made {
        out.push(plainer);
    }
    out
}
