//! Which backends give the same bits: by the hash of the outputs of every case
//! that two subjects both answered.

use std::collections::HashMap;

use crate::survey::{Subject, Survey};

/// How far two subjects agree.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pair {
    /// cases with a hash of the outputs on both sides, and the same operands
    pub common: u64,
    /// of these, cases with the same bits
    pub identical: u64,
}

impl Pair {
    /// Same bits wherever both answered, and both answered something.
    pub fn is_whole(self) -> bool {
        self.common > 0 && self.common == self.identical
    }

    /// The share of identical cases; `None` without common ones.
    pub fn share(self) -> Option<f64> {
        (self.common > 0).then(|| self.identical as f64 / self.common as f64)
    }
}

/// Who agrees with whom, in an order in which those that agree stand together.
///
/// Many subjects answer the very same cases with the very same bits: those are one class, and
/// agree with any other in the same way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agreement {
    /// classes, ordered: numbers of the subjects that have the same outputs in the same cases
    pub classes: Vec<Vec<usize>>,
    /// `pairs[i][j]`: a subject of class `i` and one of class `j`
    pub pairs: Vec<Vec<Pair>>,
    /// groups within which every two give the same bits, as positions in `classes`
    pub groups: Vec<Vec<usize>>,
}

impl Agreement {
    /// How many subjects answered.
    pub fn subjects(&self) -> usize {
        self.classes.iter().map(Vec::len).sum()
    }
}

/// Operands and outputs of each case, by case id.
type Hashes<'a> = HashMap<&'a str, (&'a str, &'a str)>;

/// Compares all subjects of a survey, in one suite or in all.
pub fn agreement(survey: &Survey<'_>, suite: Option<&str>) -> Agreement {
    let hashes: Vec<Hashes<'_>> = survey.subjects.iter().map(|s| hashes(s, suite)).collect();
    let mut classes: Vec<Vec<usize>> = Vec::new();
    for (at, own) in hashes.iter().enumerate().filter(|(_, own)| !own.is_empty()) {
        match classes.iter_mut().find(|class| hashes[class[0]] == *own) {
            Some(class) => class.push(at),
            None => classes.push(vec![at]),
        }
    }
    let mut matrix = vec![vec![Pair::default(); classes.len()]; classes.len()];
    for (a, first) in classes.iter().enumerate() {
        for (b, second) in classes.iter().enumerate().skip(a) {
            let found = pair(&hashes[first[0]], &hashes[second[0]]);
            (matrix[a][b], matrix[b][a]) = (found, found);
        }
    }
    let groups = groups(&matrix);
    let positions: Vec<usize> = arrange(&matrix, &groups).into_iter().flatten().collect();
    let mut next = 0;
    let groups = arrange(&matrix, &groups)
        .iter()
        .map(|group| {
            let start = next;
            next += group.len();
            (start..next).collect()
        })
        .collect();
    Agreement {
        classes: positions.iter().map(|&at| classes[at].clone()).collect(),
        pairs: positions
            .iter()
            .map(|&a| positions.iter().map(|&b| matrix[a][b]).collect())
            .collect(),
        groups,
    }
}

fn hashes<'a>(subject: &Subject<'a>, suite: Option<&str>) -> Hashes<'a> {
    subject
        .records
        .iter()
        .filter(|record| suite.is_none_or(|suite| record.suite == suite))
        // A case without values proves nothing.
        .filter(|record| record.values > 0)
        .filter_map(|record| {
            let output = record.output_hash.as_deref()?;
            Some((record.case.as_str(), (record.data_hash.as_str(), output)))
        })
        .collect()
}

fn pair(a: &Hashes<'_>, b: &Hashes<'_>) -> Pair {
    let (few, many) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let mut pair = Pair::default();
    for (case, (operands, output)) in few {
        if let Some((other_operands, other)) = many.get(case)
            && operands == other_operands
        {
            pair.common += 1;
            pair.identical += u64::from(output == other);
        }
    }
    pair
}

/// Each class joins the first group with all of whose members it agrees wholly.
fn groups(matrix: &[Vec<Pair>]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (at, row) in matrix.iter().enumerate() {
        let fitting = groups
            .iter_mut()
            .find(|group| group.iter().all(|&member| row[member].is_whole()));
        match fitting {
            Some(group) => group.push(at),
            None => groups.push(vec![at]),
        }
    }
    groups
}

/// Groups in an order where each stands behind the one before that it agrees with most.
fn arrange(matrix: &[Vec<Pair>], groups: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut left: Vec<&Vec<usize>> = groups.iter().collect();
    let mut ordered: Vec<Vec<usize>> = Vec::new();
    while !left.is_empty() {
        let nearness = |group: &[usize]| -> f64 {
            let last = ordered.last().map_or(0, |last: &Vec<usize>| last[0]);
            matrix[last][group[0]].share().unwrap_or(-1.0)
        };
        // The first of those that are as near as any.
        let mut best = 0;
        for at in 1..left.len() {
            if nearness(left[at]) > nearness(left[best]) {
                best = at;
            }
        }
        let group = left.remove(best).clone();
        ordered.push(group);
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::{Input, Source};
    use crate::sample;
    use qassay_suites::record::Verdict;

    /// Subjects a, b, c, … with these outputs in cases 0, 1, 2, …; `-` is no answer.
    fn table(outputs: &[&str]) -> Input {
        let mut run = sample::run();
        run.records.clear();
        for (at, outputs) in outputs.iter().enumerate() {
            for (case, output) in outputs.chars().enumerate() {
                let name = char::from(b'a' + at as u8).to_string();
                let mut record =
                    sample::record(&name, &format!("linear/{case}"), Verdict::Conforms);
                record.data_hash = case.to_string();
                record.output_hash = (output != '-').then(|| output.to_string());
                run.records.push(record);
            }
        }
        Input {
            runs: vec![Source {
                files: vec!["x".into()],
                run,
            }],
            notes: Vec::new(),
        }
    }

    #[test]
    fn those_with_the_same_bits_stand_together() {
        let input = table(&["111", "222", "11-", "122", "---"]);
        let found = agreement(&Survey::new(&input), None);
        // a and c agree wherever both answered; d is nearer to b than to a; e answered nothing.
        assert_eq!(found.classes, [vec![0], vec![2], vec![3], vec![1]]);
        assert_eq!(found.groups, [vec![0, 1], vec![2], vec![3]]);
        let pair = |a: usize, b: usize| found.pairs[a][b];
        assert_eq!(
            pair(0, 1),
            Pair {
                common: 2,
                identical: 2
            }
        );
        assert_eq!(
            pair(0, 2),
            Pair {
                common: 3,
                identical: 1
            }
        );
        assert_eq!(
            pair(2, 3),
            Pair {
                common: 3,
                identical: 2
            }
        );
        assert_eq!(pair(3, 2), pair(2, 3));
    }

    #[test]
    fn the_same_outputs_in_the_same_cases_are_one_class() {
        let input = table(&["112", "111", "112", "11-"]);
        let found = agreement(&Survey::new(&input), None);
        // d answered fewer cases than a, so it agrees with both a and b and is of no class of theirs.
        assert_eq!(found.classes, [vec![0, 2], vec![3], vec![1]]);
        assert_eq!(found.groups, [vec![0, 1], vec![2]]);
        assert_eq!(found.subjects(), 4);
        assert_eq!(
            (found.pairs[0][0].common, found.pairs[0][0].identical),
            (3, 3)
        );
        assert_eq!(
            (found.pairs[0][2].common, found.pairs[0][2].identical),
            (3, 2)
        );
    }

    #[test]
    fn no_case_in_common_is_no_agreement() {
        let input = table(&["1-", "-1"]);
        let found = agreement(&Survey::new(&input), None);
        assert_eq!(found.groups.len(), 2);
        assert_eq!(found.pairs[0][1].share(), None);
        assert!(
            agreement(&Survey::new(&input), Some("conv"))
                .classes
                .is_empty()
        );
    }

    #[test]
    fn other_operands_are_not_compared() {
        let mut input = table(&["1", "1"]);
        input.runs[0].run.records[1].data_hash = "other".into();
        let found = agreement(&Survey::new(&input), None);
        assert_eq!(found.pairs[0][1], Pair::default());
    }
}
