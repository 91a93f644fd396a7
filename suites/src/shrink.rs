//! The smallest failing case: greedy, and bounded in time.

use std::time::{Duration, Instant};

use crate::case::CaseId;

/// Takes the first smaller case that still fails again and again, until none
/// does or the time is over. Gives `case` itself back where it is not an id.
pub fn smallest(case: &str, time: Duration, mut fails: impl FnMut(&str) -> bool) -> String {
    let Ok(mut id) = case.parse::<CaseId>() else {
        return case.to_owned();
    };
    let until = Instant::now() + time;
    'smaller: while Instant::now() < until {
        for candidate in id.smaller() {
            if Instant::now() > until {
                break 'smaller;
            }
            if fails(&candidate.to_string()) {
                id = candidate;
                continue 'smaller;
            }
        }
        break;
    }
    id.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Case;

    const LARGE: &str = "linear/m7.n13.k17/u8.s8/per-tensor/saturating/seed3";

    fn k(case: &str) -> usize {
        let case = Case::from_id(&case.parse().unwrap()).unwrap();
        match &case.problem().op {
            qassay_golden::spec::OpSpec::Linear(spec) => spec.k,
            other => panic!("not linear: {other:?}"),
        }
    }

    #[test]
    fn a_case_that_always_fails_becomes_as_small_as_can_be() {
        let small = smallest(LARGE, Duration::from_secs(5), |_| true);
        assert_eq!(k(&small), 1, "{small}");
    }

    #[test]
    fn what_the_failure_needs_is_kept() {
        let small = smallest(LARGE, Duration::from_secs(5), |case| k(case) >= 2);
        assert_eq!(k(&small), 2, "{small}");
        assert_eq!(smallest(LARGE, Duration::from_secs(5), |_| false), LARGE);
    }

    #[test]
    fn time_is_bounded() {
        let mut asked = 0;
        let small = smallest(LARGE, Duration::ZERO, |_| {
            asked += 1;
            true
        });
        assert_eq!((asked, small.as_str()), (0, LARGE));
    }
}
