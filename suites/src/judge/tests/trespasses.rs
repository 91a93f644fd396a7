//! Writing anywhere but over output values: beside outputs, between rows, over inputs.

use super::*;

/// SMALL with room on both sides of every operand, and between rows.
fn roomy(place: &str) -> String {
    SMALL.replace(
        "/given",
        &format!("/in:gap3,off5{place}/out:gap2,off7{place}/given"),
    )
}

#[test]
fn writing_anywhere_but_over_outputs_is_told_with_its_place() {
    // Two rows of 2 with a gap of 2: 6 bytes from the first to the last value.
    for (offset, place) in [
        (6, "1 byte past the end of output 0"),
        (12, "7 bytes past the end of output 0"),
        (-1, "1 byte before the start of output 0"),
        (-5, "5 bytes before the start of output 0"),
        (2, "1 byte past the end of row 0 of output 0"),
        (3, "2 bytes past the end of row 0 of output 0"),
    ] {
        for side in ["", ",start"] {
            let id = roomy(side);
            assert_eq!(
                judged(&id, &Planted::right("exact")).verdict,
                Verdict::Conforms,
                "{id}"
            );
            let record = judged(&id, &spoiled(move |run| run.flip(0, offset, 1)));
            assert_eq!(record.verdict, Verdict::WroteOutside, "{id} {offset}");
            assert_eq!(record.detail, format!("wrote {place}"), "{id}");
        }
    }
}

#[test]
fn the_nearest_of_several_trespasses_is_told() {
    let record = judged(
        &roomy(",start"),
        &spoiled(|run| [-6, -2, -4].iter().for_each(|&at| run.flip(0, at, 1))),
    );
    assert_eq!(record.detail, "wrote 2 bytes before the start of output 0");
    let record = judged(
        &roomy(""),
        &spoiled(|run| [9, 7].iter().for_each(|&at| run.flip(0, at, 1))),
    );
    assert_eq!(record.detail, "wrote 2 bytes past the end of output 0");
}

#[test]
fn changing_an_input_is_told() {
    let changing = |at: usize| {
        spoiled(move |run| {
            let (start, _) = run.input_bytes(0);
            let at = start.cast_mut().wrapping_add(at);
            // SAFETY: the input lies in a buffer that the arena may write; no other code runs.
            unsafe { at.write_volatile(at.read_volatile() ^ 1) };
        })
    };
    // Rows of 2 with a gap of 3: the fifth byte is in the gap, the sixth in the second row.
    for (at, place) in [
        (1, "over the values in row 0 of input 0"),
        (3, "2 bytes past the end of row 0 of input 0"),
        (5, "over the values in row 1 of input 0"),
        (7, "1 byte past the end of input 0"),
    ] {
        let record = judged(&roomy(""), &changing(at));
        assert_eq!(record.verdict, Verdict::WroteOutside, "{at}");
        assert_eq!(record.detail, format!("wrote {place}"));
    }
}

/// Inputs that stand as they were laid are not laid again; what was spoiled is.
#[test]
fn a_kernel_that_spoils_its_inputs_spoils_them_for_no_other() {
    let (mut judge, mut question) = (Judge::new(), question(SMALL));
    let right = Planted::right("exact");
    let spoils = spoiled(|run| {
        let start = run.input_bytes(0).0.cast_mut();
        // SAFETY: the input lies in a buffer that the arena may write; no other code runs.
        unsafe { start.write_volatile(start.read_volatile() ^ 1) };
    });
    for (backend, verdict) in [
        (&right, Verdict::Conforms),
        (&spoils, Verdict::WroteOutside),
        (&right, Verdict::Conforms),
        (&right, Verdict::Conforms),
    ] {
        let record = judge.judge(&mut question, backend, named("exact"));
        assert_eq!(record.verdict, verdict, "{}", record.detail);
    }
}
