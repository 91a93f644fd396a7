//! Threads that a kernel started and that write after it has returned.

use super::*;

/// Writes one code of the first output `after` a while, as a thread that outlives the run does.
#[cfg(target_os = "linux")]
fn writes_late(run: &mut Run<'_, '_>, after: std::time::Duration) {
    let place = run.output_start(0) as usize;
    std::thread::spawn(move || {
        std::thread::sleep(after);
        let place = std::ptr::with_exposed_provenance_mut::<u8>(place);
        // SAFETY: the buffer of the judge, which the test keeps; nobody else writes it meanwhile.
        unsafe { place.write_volatile(place.read_volatile() ^ 1) };
        // Still there when the judge looks.
        std::thread::sleep(std::time::Duration::from_millis(20));
    });
}

/// Right answers twice, and a thread of the second run that spoils its answer afterwards.
#[cfg(target_os = "linux")]
#[test]
fn a_thread_that_writes_after_the_run_returned_is_found() {
    use std::time::Duration;
    let mut judge = Judge::new();
    let mut judged = |backend: &Planted| {
        let mut question = question("linear/m3.n5.k8/u8.s8/per-tensor/uniform/seed0");
        judge.judge(&mut question, backend, named("exact"))
    };
    let late = spoiled(|run| {
        if run.times == 1 {
            writes_late(run, Duration::from_millis(1));
        }
    });
    let late = late.foreign();
    // Threads are counted, and other tests end some meanwhile: then it goes unseen.
    let found = (0..20).map(|_| {
        std::thread::sleep(Duration::from_millis(20));
        judged(&late)
    });
    let record = { found }
        .find(|record| record.verdict == Verdict::Differs)
        .expect("one of twenty is seen");
    assert_eq!(
        record.detail,
        "a thread that the kernel started wrote after it had returned"
    );
    // What it gave before was compared.
    assert_eq!((record.values, record.mismatches), (15, 0));
    // Threads that rest are right.
    let rests = spoiled(|_| {
        std::thread::spawn(|| std::thread::sleep(Duration::from_millis(30)));
    });
    let record = judged(&rests.foreign());
    assert_eq!(record.verdict, Verdict::Conforms, "{}", record.detail);
    std::thread::sleep(Duration::from_millis(40));
}

/// What a thread has not yet written when the run returns was not written.
#[test]
fn a_run_that_returns_before_its_outputs_are_written_differs() {
    let early = spoiled(|run| {
        let right = run.outputs[0].u8_mut()[0];
        run.unwrite(0, 0);
        let place = run.output_start(0) as usize;
        std::thread::spawn(move || {
            std::thread::sleep(std::time::Duration::from_millis(100));
            let place = std::ptr::with_exposed_provenance_mut::<u8>(place);
            // SAFETY: the buffer of the judge, which this test keeps longer than this thread.
            unsafe { place.write_volatile(right) };
        });
    });
    let mut judge = Judge::new();
    let mut question = question("linear/m3.n5.k8/u8.s8/per-tensor/uniform/seed0");
    let record = judge.judge(&mut question, &early, named("exact"));
    assert_eq!(record.verdict, Verdict::Differs, "{}", record.detail);
    assert_eq!(record.first.unwrap().index, [0, 0]);
    std::thread::sleep(std::time::Duration::from_millis(300));
}
