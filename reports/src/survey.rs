//! Runs as one picture: which CPUs, which subjects (a backend held to a profile
//! on a CPU), what came of each in each suite. Reports are views of this.

use std::collections::{BTreeMap, HashMap, HashSet};

use qassay_suites::record::{CpuFingerprint, Explanation, Fate, Identified, Measurement, Record};
use qassay_suites::suite;

use crate::input::{Input, Note};
use crate::matrix::CellCounts;

/// A CPU that ran something.
#[derive(Debug, Clone, PartialEq)]
pub struct Cpu {
    /// its own name, with a number behind where two different CPUs have the same
    pub label: String,
    /// stable fields
    pub fingerprint: CpuFingerprint,
}

/// A backend held to a profile on a CPU.
#[derive(Debug, Clone)]
pub struct Subject<'a> {
    /// the backend's name
    pub backend: &'a str,
    /// `native` or `modelled`
    pub execution: &'a str,
    /// the profile it was held to
    pub profile: &'a str,
    /// which of [`Survey::cpus`]
    pub cpu: usize,
    /// its records, each case once
    pub records: Vec<&'a Record>,
    /// why it differs, by suite
    pub explanations: Vec<&'a Explanation>,
    /// verdicts by suite
    pub cells: BTreeMap<&'a str, CellCounts>,
}

/// Everything that runs say.
#[derive(Debug, Clone)]
pub struct Survey<'a> {
    /// CPUs in the order in which they first occur
    pub cpus: Vec<Cpu>,
    /// suites that were asked, in the order of the registry
    pub suites: Vec<&'a str>,
    /// in the order in which they first occur
    pub subjects: Vec<Subject<'a>>,
    /// timed cases, with their CPU and the run they come from
    pub measurements: Vec<(usize, usize, &'a Measurement)>,
    /// what became of mutants, each once: of what stands in several runs, the last counts
    pub mutants: Vec<&'a Fate>,
    /// the runs
    pub input: &'a Input,
    /// what the survey noticed by itself
    pub notes: Vec<Note>,
}

impl<'a> Survey<'a> {
    /// Brings runs together. Of a case that stands in several runs of one subject, the last counts.
    pub fn new(input: &'a Input) -> Self {
        let mut survey = Self {
            cpus: Vec::new(),
            suites: Vec::new(),
            subjects: Vec::new(),
            measurements: Vec::new(),
            mutants: Vec::new(),
            input,
            notes: Vec::new(),
        };
        type Key<'a> = (usize, &'a str, &'a str, &'a str);
        let mut places: HashMap<Key<'a>, usize> = HashMap::new();
        let mut asked: HashSet<&'a str> = HashSet::new();
        for (number, source) in input.runs.iter().enumerate() {
            let cpu = survey.cpu(&source.run.header.cpu);
            for record in &source.run.records {
                asked.insert(&record.suite);
                let key: Key = (cpu, &record.backend, &record.execution, &record.profile);
                let at = *places.entry(key).or_insert_with(|| {
                    survey.subjects.push(Subject {
                        backend: &record.backend,
                        execution: &record.execution,
                        profile: &record.profile,
                        cpu,
                        records: Vec::new(),
                        explanations: Vec::new(),
                        cells: BTreeMap::new(),
                    });
                    survey.subjects.len() - 1
                });
                survey.subjects[at].records.push(record);
            }
            for explanation in &source.run.explanations {
                let subject = survey.subjects.iter_mut().find(|subject| {
                    subject.cpu == cpu
                        && subject.backend == explanation.backend
                        && subject.profile == explanation.held_to
                });
                if let Some(subject) = subject {
                    // Of an explanation that stands in several runs, the last counts too.
                    subject
                        .explanations
                        .retain(|known| known.suite != explanation.suite);
                    subject.explanations.push(explanation);
                }
            }
            for fate in &source.run.mutants {
                let known =
                    (survey.mutants.iter_mut()).find(|known| known.prey.name == fate.prey.name);
                match known {
                    Some(known) => *known = fate,
                    None => survey.mutants.push(fate),
                }
            }
            let timed = source.run.measurements.iter();
            survey.measurements.extend(timed.map(|m| (cpu, number, m)));
        }
        let doubled: usize = survey.subjects.iter_mut().map(Subject::settle).sum();
        if doubled > 0 {
            survey.notes.push(Note {
                file: "the runs together".into(),
                line: None,
                what: format!(
                    "{doubled} cases were run more than once by the same backend, profile and CPU; the last run counts"
                ),
            });
        }
        let known = suite::suites().iter().map(|suite| suite.name);
        survey.suites = known.filter(|name| asked.contains(name)).collect();
        let mut others: Vec<&str> = asked
            .into_iter()
            .filter(|name| suite::find(name).is_none())
            .collect();
        others.sort_unstable();
        survey.suites.extend(others);
        survey
    }

    /// The number of a CPU, which may be new.
    fn cpu(&mut self, fingerprint: &CpuFingerprint) -> usize {
        if let Some(at) = self
            .cpus
            .iter()
            .position(|cpu| cpu.fingerprint == *fingerprint)
        {
            return at;
        }
        let name = if fingerprint.model_name.is_empty() {
            &fingerprint.architecture
        } else {
            &fingerprint.model_name
        };
        let alike = self
            .cpus
            .iter()
            .filter(|cpu| cpu.fingerprint.model_name == fingerprint.model_name)
            .count();
        let label = match alike {
            0 => name.clone(),
            n => format!("{name} ({})", n + 1),
        };
        self.cpus.push(Cpu {
            label,
            fingerprint: fingerprint.clone(),
        });
        self.cpus.len() - 1
    }

    /// Names of backends, in the order in which they first occur.
    pub fn backends(&self) -> Vec<&'a str> {
        let mut names = Vec::new();
        let timed = self.measurements.iter().map(|(_, _, m)| m.backend.as_str());
        for name in self
            .subjects
            .iter()
            .map(|subject| subject.backend)
            .chain(timed)
        {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// A name for a subject that no other has: the profile and the CPU only where they are needed.
    pub fn name(&self, subject: &Subject<'_>) -> String {
        let mut name = subject.backend.to_owned();
        let same = || {
            self.subjects
                .iter()
                .filter(|other| other.backend == subject.backend)
        };
        if same().any(|other| other.profile != subject.profile) {
            name += &format!(" as {}", subject.profile);
        }
        if same().any(|other| other.execution != subject.execution) {
            name += &format!(", {}", subject.execution);
        }
        if self.cpus.len() > 1 && same().any(|other| other.cpu != subject.cpu) {
            name += &format!(" on {}", self.cpus[subject.cpu].label);
        }
        name
    }

    /// Whose bits those of backends are that declare no profile, each backend and suite once: of
    /// what stands in several runs, the last counts.
    pub fn identified(&self) -> Vec<&'a Identified> {
        let mut all: Vec<&Identified> = Vec::new();
        for found in self.input.runs.iter().flat_map(|s| &s.run.identified) {
            match all
                .iter_mut()
                .find(|known| (&known.backend, &known.suite) == (&found.backend, &found.suite))
            {
                Some(known) => *known = found,
                None => all.push(found),
            }
        }
        all
    }

    /// Everything that was wrong with the input, one line each.
    pub fn all_notes(&self) -> impl Iterator<Item = &Note> {
        self.input.notes.iter().chain(&self.notes)
    }

    /// Whether something was compared or timed or hunted, nothing failed, and no mutant survived.
    pub fn conforms(&self) -> bool {
        if self.mutants.iter().any(|fate| !fate.is_killed()) {
            return false;
        }
        let judged = self.subjects.iter().flat_map(|s| &s.records);
        let timed = || self.measurements.iter().map(|(_, _, m)| m.verdict);
        let any = judged.clone().any(|record| record.verdict.is_judged())
            || timed().any(|verdict| verdict.is_judged())
            || !self.mutants.is_empty();
        any && !judged
            .map(|record| record.verdict)
            .chain(timed())
            .any(|v| v.is_failure())
    }
}

impl<'a> Subject<'a> {
    /// Leaves each case once and counts; gives how many were there more than once.
    fn settle(&mut self) -> usize {
        let mut seen: HashSet<&str> = HashSet::new();
        let before = self.records.len();
        let mut kept: Vec<&'a Record> = Vec::with_capacity(before);
        for record in self.records.drain(..).rev() {
            if seen.insert(&record.case) {
                kept.push(record);
            }
        }
        kept.reverse();
        for record in &kept {
            let cell = self.cells.entry(&record.suite).or_default();
            *cell.verdicts.entry(record.verdict).or_default() += 1;
        }
        self.records = kept;
        before - self.records.len()
    }

    /// The family: the part of the name before the instruction set.
    pub fn family(&self) -> &'a str {
        self.backend.split('/').next().unwrap_or(self.backend)
    }

    /// Verdicts over all suites.
    pub fn all(&self) -> CellCounts {
        let mut all = CellCounts::default();
        for (verdict, count) in self.cells.values().flat_map(|cell| &cell.verdicts) {
            *all.verdicts.entry(*verdict).or_default() += count;
        }
        all
    }

    /// Its records in one suite.
    pub fn in_suite(&self, suite: &str) -> impl Iterator<Item = &'a Record> {
        self.records
            .iter()
            .copied()
            .filter(move |record| record.suite == suite)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Source;
    use crate::sample;
    use qassay_suites::record::Verdict;

    fn input(runs: Vec<qassay_suites::runner::Run>) -> Input {
        let source = |run| Source {
            files: vec!["run.jsonl".into()],
            run,
        };
        Input {
            runs: runs.into_iter().map(source).collect(),
            notes: Vec::new(),
        }
    }

    #[test]
    fn a_subject_is_a_backend_a_profile_and_a_cpu() {
        let one = sample::run();
        let mut other = sample::run();
        other.header.cpu.stepping += 1;
        let mut own = sample::run();
        for record in &mut own.records {
            record.profile = "fbgemm".into();
        }
        let input = input(vec![one, other, own]);
        let survey = Survey::new(&input);
        assert_eq!(survey.cpus.len(), 2);
        assert_eq!(survey.cpus[1].label, "A CPU (2)");
        assert_eq!(survey.subjects.len(), 6);
        assert_eq!(survey.suites, ["linear", "add"]);
        let names: HashSet<String> = survey.subjects.iter().map(|s| survey.name(s)).collect();
        assert_eq!(names.len(), 6, "{names:?}");
        assert!(
            names.contains("fbgemm/avx2 as exact on A CPU (2)"),
            "{names:?}"
        );
        let first = &survey.subjects[0];
        assert_eq!(first.cells["linear"].count(Verdict::Differs), 1);
        assert_eq!(first.explanations.len(), 1);
        assert_eq!(first.family(), "fbgemm");
        assert!(!survey.conforms());
    }

    #[test]
    fn the_last_run_of_a_case_counts_and_that_is_noted() {
        let mut later = sample::run();
        for record in &mut later.records {
            record.verdict = Verdict::Conforms;
        }
        let input = input(vec![sample::run(), later]);
        let survey = Survey::new(&input);
        assert_eq!(survey.subjects.len(), 2);
        assert_eq!(survey.subjects[0].all().count(Verdict::Conforms), 2);
        assert_eq!(survey.subjects[0].all().total(), 2);
        assert!(
            survey.notes[0]
                .what
                .starts_with("5 cases were run more than once")
        );
    }
}
