//! Criterion over the registry: see this package's documentation.

use std::time::Instant;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// What stands behind `--`, if it is plain text; criterion itself knows patterns.
fn filter() -> Option<String> {
    std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with('-'))
        .filter(|text| !text.contains(['^', '$', '*', '+', '?', '(', '[', '|', '\\']))
}

fn kernels(criterion: &mut Criterion) {
    let filter = filter();
    let wanted = |name: &str| filter.as_ref().is_none_or(|text| name.contains(&**text));
    qassay_benches::each(&wanted, &mut |set, name, mut prepared| {
        let mut group = criterion.benchmark_group(set);
        group.throughput(match prepared.work.macs {
            0 => Throughput::Bytes(prepared.work.bytes()),
            macs => Throughput::Elements(macs),
        });
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|times| {
                let start = Instant::now();
                prepared.run(times);
                start.elapsed()
            });
        });
        group.finish();
    });
}

criterion_group!(benches, kernels);
criterion_main!(benches);
