//! The catalogue holds together, and what it opens runs.

use std::collections::HashSet;

use super::{Fault, all, catalogue, find, is_mutant, subject};

#[test]
fn there_are_two_hundred_mutants_each_with_a_name_of_its_own_and_a_sentence() {
    let mut names = HashSet::new();
    for mutant in all() {
        assert!(is_mutant(mutant.name()), "{}", mutant.name());
        assert!(
            names.insert(mutant.name()),
            "{} stands twice",
            mutant.name()
        );
        assert!(mutant.sentence().len() > 12, "{}", mutant.name());
        assert!(!mutant.sentence().ends_with('.'), "{}", mutant.name());
        assert!(!mutant.suites().is_empty(), "{}", mutant.name());
        let source = mutant.source().unwrap_or("https://github.com/");
        assert!(source.starts_with("https://github.com/"), "{source}");
    }
    assert!(names.len() >= 200, "only {}", names.len());
}

#[test]
fn every_mutant_opens_as_what_it_declares() {
    for mutant in all().iter().chain(catalogue::identities()) {
        let backend = mutant.open();
        assert_eq!(backend.declaration().name, mutant.name());
        assert!(backend.declaration().named_profile().is_some());
    }
}

#[test]
fn names_that_are_close_are_told() {
    let unknown = find("mutant:fbgemm-exact/ties-awa").err().unwrap();
    assert!(unknown.to_string().contains("ties-away"), "{unknown}");
    assert!(find("mutant:").is_err());
    assert!(find("mutant:identity/fbgemm-exact").is_ok());
}

/// A change to what is declared anyway would be no fault.
#[test]
fn every_mutant_of_an_axis_changes_the_declared_profile() {
    for mutant in all() {
        if let Fault::Axes(changes) = &mutant.fault {
            let changed = subject::changed(mutant.profile, changes);
            assert_ne!(*changed, mutant.profile.profile, "{}", mutant.name());
        }
    }
}
