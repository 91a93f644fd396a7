//! Whether a backend frees what it allocates: an op is prepared, run and
//! released over and over, and what stays allocated is watched.

use qassay_backends::backend::Backend;

use crate::count::{Work, work};
use crate::judge::{Judge, NoAnswer, Question};
use crate::os::heap;

/// Ops with more work than this are not repeated so often.
const MOST_WORK: u64 = 1 << 20;
/// Rounds before anything is counted: what is kept for good is made in them.
const WARM_UP: u32 = 3;
/// Rounds between two counts, and how many counts follow each other.
const ROUNDS: u32 = 8;
const COUNTS: usize = 3;
/// The least that a round can leave behind: less is no lost allocation.
const LEAST: u64 = 16;

/// What `backend` leaves behind each time that it prepares, runs and releases
/// the op of `question`, in one line; `None` if nothing, or if nobody can tell.
///
/// Bytes are counted for the whole process: no other thread may allocate, and it must count
/// exactly, as workers of plugins do ([`heap::without_caches`]).
///
/// # Errors
/// When a kernel that gave answers before gives none now.
pub fn leak(
    judge: &mut Judge,
    question: &Question,
    backend: &dyn Backend,
) -> Result<Option<String>, NoAnswer> {
    let (Work::MultiplyAccumulates(amount) | Work::Elements(amount)) = work(&question.problem().op);
    if !backend.allocates_here() || amount > MOST_WORK {
        return Ok(None);
    }
    let mut rounds = |count: u32| (0..count).try_for_each(|_| judge.round(question, backend));
    let alive = backend.live();
    rounds(WARM_UP)?;
    let mut allocated = vec![heap::allocated()];
    for _ in 0..COUNTS {
        rounds(ROUNDS)?;
        allocated.push(heap::allocated());
    }
    if let (Some(before), Some(after)) = (alive, backend.live())
        && after > before
    {
        let lost = after - before;
        return Ok(Some(format!("{lost} handles are alive that were released")));
    }
    let Some(allocated) = allocated.into_iter().collect::<Option<Vec<u64>>>() else {
        return Ok(None);
    };
    if !heap::counts_exactly() {
        return Ok(None);
    }
    Ok(grows(&allocated).map(|bytes| {
        format!(
            "about {bytes} bytes stay allocated each time that it is prepared, run and released"
        )
    }))
}

/// Bytes that each round adds, if every count is that much above the one before it.
fn grows(allocated: &[u64]) -> Option<u64> {
    let steps = allocated
        .windows(2)
        .map(|pair| pair[1].saturating_sub(pair[0]));
    let least = steps.min()? / u64::from(ROUNDS);
    (least >= LEAST).then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_grows_all_the_time_is_a_leak() {
        assert_eq!(grows(&[1000, 1000, 1000, 1000]), None);
        assert_eq!(
            grows(&[1000, 9000, 9000, 9000]),
            None,
            "a cache that filled late"
        );
        assert_eq!(
            grows(&[1000, 1008, 1016, 1024]),
            None,
            "less than an allocation"
        );
        assert_eq!(grows(&[1000, 1256, 1512, 1800]), Some(32));
        assert_eq!(grows(&[9000, 1000, 9000, 17_000]), None);
    }
}
