//! Smaller cases that may still show the same difference.
//!
//! Made cases first lose size (their data does not depend on it: rows of operands
//! have streams of their own), then features; once they are small their operands
//! are written out. Given cases lose rows, columns and depth piece by piece, then
//! features, then values. Captured layers become cases of single outputs with
//! given operands. No step adds what an earlier one removed.

mod captured;
mod given;

use qassay_golden::spec::BiasKind;
use qassay_golden::tensor::DType;

use super::CaseId;
use super::check::check;
use super::fields::*;
use super::layout::Layout;

pub(super) fn smaller(id: &CaseId) -> Vec<CaseId> {
    let made = match id {
        CaseId::Made(made) => made,
        CaseId::Captured(layer) => {
            let Ok(layer) = crate::data::captured::load(layer) else {
                return Vec::new();
            };
            return made_cases(captured::windows(&layer.problem));
        }
    };
    if check(made).is_err() {
        return Vec::new();
    }
    let mut candidates = match &made.data {
        Source::Class(_) => shapes(made),
        Source::Given(given) => given::parts(made, given),
    };
    candidates.extend(features(made));
    match &made.data {
        Source::Class(_) => candidates.extend(given::write_out(made)),
        Source::Given(given) => candidates.extend(given::values(made, given)),
    }
    candidates.retain(|candidate| candidate != &**made);
    made_cases(candidates)
}

/// The candidates whose parts fit each other.
fn made_cases(candidates: Vec<Made>) -> Vec<CaseId> {
    candidates
        .into_iter()
        .filter(|made| check(made).is_ok())
        .map(|made| CaseId::Made(Box::new(made)))
        .collect()
}

/// Half of a size, rounded up, then one less.
fn less(size: usize) -> impl Iterator<Item = usize> {
    let half = size.div_ceil(2);
    [half, size.saturating_sub(1)]
        .into_iter()
        .filter(move |&s| s > 0 && s < size)
}

fn with(made: &Made, change: impl FnOnce(&mut Made)) -> Made {
    let mut made = made.clone();
    change(&mut made);
    made
}

/// A made case with a smaller shape.
fn shapes(made: &Made) -> Vec<Made> {
    let mut out = Vec::new();
    let resized = |shape: Shape| with(made, |made| made.shape = shape);
    match &made.shape {
        Shape::Dims(dims) => {
            for d in 0..dims.len() {
                for size in less(dims[d]) {
                    let mut dims = dims.clone();
                    dims[d] = size;
                    out.push(resized(Shape::Dims(dims)));
                }
            }
        }
        &Shape::Rows { m, n } => {
            out.extend(less(m).map(|m| resized(Shape::Rows { m, n })));
            out.extend(less(n).map(|n| resized(Shape::Rows { m, n })));
        }
        &Shape::Matrix { m, n, k } => {
            // The front half, or the back half by skipping the front.
            for smaller in less(m) {
                out.push(resized(Shape::Matrix { m: smaller, n, k }));
                out.push(with(made, |made| {
                    made.shape = Shape::Matrix { m: smaller, n, k };
                    made.skip[0] += (m - smaller) as u64;
                }));
            }
            for smaller in less(n) {
                out.push(resized(Shape::Matrix { m, n: smaller, k }));
                out.push(with(made, |made| {
                    made.shape = Shape::Matrix { m, n: smaller, k };
                    made.skip[1] += (n - smaller) as u64;
                }));
            }
            out.extend(less(k).map(|k| resized(Shape::Matrix { m, n, k })));
        }
        Shape::Image(image) => out.extend(
            images(image)
                .into_iter()
                .map(|image| resized(Shape::Image(image))),
        ),
    }
    out.extend(less(made.batches).map(|batches| with(made, |made| made.batches = batches)));
    out
}

/// Smaller images; [`check`] sorts out those that do not fit together.
fn images(image: &ImageShape) -> Vec<ImageShape> {
    let mut out = Vec::new();
    let mut push = |change: &dyn Fn(&mut ImageShape)| {
        let mut image = image.clone();
        change(&mut image);
        out.push(image);
    };
    for batch in less(image.batch) {
        push(&|image| image.batch = batch);
    }
    let per_group = image.channels / image.groups;
    let out_per_group = image.out_channels.map_or(1, |out| out / image.groups);
    for groups in less(image.groups) {
        push(&|image| {
            image.groups = groups;
            image.channels = groups * per_group;
            image.out_channels = image.out_channels.map(|_| groups * out_per_group);
        });
    }
    for channels in less(per_group) {
        push(&|image| image.channels = channels * image.groups);
    }
    if image.out_channels.is_some() {
        for channels in less(out_per_group) {
            push(&|image| image.out_channels = Some(channels * image.groups));
        }
    }
    for d in 0..image.input.len() {
        for size in less(image.input[d]) {
            push(&|image| image.input[d] = size);
        }
        for size in less(image.kernel[d]) {
            push(&|image| {
                image.kernel[d] = size;
                let limit = size * image.dilation[d];
                image.pad_begin[d] = image.pad_begin[d].min(limit);
                image.pad_end[d] = image.pad_end[d].min(limit);
            });
        }
    }
    out.extend(plainer_windows(image));
    out
}

/// Without padding, with steps of 1.
fn plainer_windows(image: &ImageShape) -> Vec<ImageShape> {
    (0..image.input.len())
        .flat_map(|d| {
            [
                |image: &mut ImageShape, d: usize| image.pad_begin[d] = 0,
                |image: &mut ImageShape, d: usize| image.pad_end[d] = 0,
                |image: &mut ImageShape, d: usize| image.stride[d] = 1,
                |image: &mut ImageShape, d: usize| image.dilation[d] = 1,
            ]
            .map(|change| {
                let mut image = image.clone();
                change(&mut image, d);
                image
            })
        })
        .filter(|plainer| plainer != image)
        .collect()
}

/// The same with one feature less.
fn features(made: &Made) -> Vec<Made> {
    let mut out = vec![with(made, |made| made.layout = Layout::default())];
    if made.relu {
        out.push(with(made, |made| made.relu = false));
    }
    if made.exclude_pad {
        out.push(with(made, |made| made.exclude_pad = false));
    }
    if made.bias != BiasKind::None {
        out.push(with(made, |made| {
            made.bias = BiasKind::None;
            if let Source::Given(given) = &mut made.data {
                given.bias.clear();
            }
        }));
    }
    if made.per_channel.is_some() && !made.op.is_observer() {
        let slot = made.op.channel_slot().expect("per-channel has a slot");
        out.push(with(made, |made| {
            made.per_channel = None;
            made.scales.0[slot].truncate(1);
            made.zero_points.0[slot] = match &made.zero_points.0[slot] {
                Zero::List(list) => Zero::One(list[0]),
                Zero::Vary => Zero::One(0),
                one => one.clone(),
            };
        }));
    }
    if made.symmetric {
        out.push(with(made, |made| made.symmetric = false));
    }
    if made.reduce_range {
        out.push(with(made, |made| made.reduce_range = false));
    }
    if made.range.is_some() {
        out.push(with(made, |made| made.range = None));
    }
    for slot in 0..3 {
        if !made.zero_points.0[slot].is_default() {
            out.push(with(made, |made| made.zero_points.0[slot] = Zero::One(0)));
        }
    }
    if matches!(made.op, Op::Linear | Op::Conv) && made.output == DType::F32 {
        out.push(with(made, |made| made.output = made.dtype));
    }
    out
}
