//! Scores say what a method reaches, and failures stay in them.
#![allow(clippy::unwrap_used)]

use std::collections::HashSet;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::retrieve::{Kind, Library, Query, SearchOptions};
use surrogate_crystal::score::{
    Case, CaseScore, MostFrequent, NearestTemplate, Paired, Proposer, ProposerError, Ranked,
    RefinedRetrieval, Retrieval, SLICES, Share, Summary, score,
};
use surrogate_crystal::symmetry::{SymmetricStructure, analyse};
use surrogate_crystal::{Structure, cif};

const CU: f64 = 1.54184;

fn minerals() -> Vec<(String, Structure)> {
    let all = cif::read(include_str!("data/minerals.cif")).unwrap();
    let full = all.into_iter().filter(|s| s.structure.is_ordered());
    full.map(|s| (s.name, s.structure)).collect()
}

fn canonical(structure: &Structure) -> SymmetricStructure {
    analyse(structure, 0.1).unwrap().canonical()
}

fn library() -> Library {
    Library::distil(minerals().into_iter().map(|(name, s)| (name, canonical(&s))))
}

fn cases() -> Vec<Case> {
    minerals().into_iter().map(|(name, s)| Case::new(name, &s, CU).unwrap()).collect()
}

fn scored(proposer: &mut dyn Proposer, known: &HashSet<Kind>) -> Vec<CaseScore> {
    let mut time = 0.0;
    let mut clock = || {
        time += 0.5;
        time
    };
    score(&cases(), proposer, known, &mut clock, &mut |_| true)
}

/// A method with fixed answers: none for rutile, a wrong one before the truth for halite, the truth
/// otherwise.
struct Fixed(Vec<(String, Structure)>, usize);

impl Proposer for Fixed {
    fn name(&self) -> &'static str {
        "fixed"
    }

    fn propose(&mut self, _: &Query, _: usize) -> Result<Vec<Ranked>, ProposerError> {
        let (name, truth) = self.0[self.1].clone();
        self.1 += 1;
        let right = Ranked { structure: canonical(&truth), r_wp: None };
        match name.as_str() {
            "rutile" => Err("nothing comes to mind".into()),
            "halite" => {
                let mut wrong = right.clone();
                wrong.structure.orbits.truncate(1);
                Ok(vec![wrong, right])
            }
            _ => Ok(vec![right]),
        }
    }
}

#[test]
fn the_truth_has_no_distance_and_failures_count() {
    let scores = scored(&mut Fixed(minerals(), 0), &HashSet::new());
    for s in &scores {
        match s.id.as_str() {
            "rutile" => {
                assert_eq!(s.failure.as_deref(), Some("nothing comes to mind"));
                assert!(s.strict.is_none() && s.r_wp.is_none() && !s.validity.all());
            }
            "halite" => {
                assert_eq!((s.strict, s.loose, s.candidates), (Some(1), Some(1), 2));
                assert!(!s.validity.formula && s.r_wp.unwrap() > 0.1 && s.rms.is_none());
            }
            name => {
                assert_eq!(s.strict, Some(0), "{name}");
                assert!(s.r_wp.unwrap() < 1e-3 && s.rms.unwrap() < 1e-3, "{name}: {s:?}");
                assert!(s.wasserstein.unwrap() < 1e-3, "{name}: {s:?}");
                // one of them is made up and has bonds that no crystal has
                assert!(s.validity.all() || name == "triclinic", "{name}: {s:?}");
            }
        }
        assert!(!s.seen);
        assert!((s.seconds - 0.5).abs() < 1e-12);
    }
    let all = Summary::of(&scores, &SLICES[0]);
    let n = scores.len();
    assert_eq!(all.strict_1, Share { count: n - 2, of: n });
    assert_eq!(all.strict_20, Share { count: n - 1, of: n });
    assert_eq!(all.failures, 1);
}

#[test]
fn a_prototype_in_the_library_is_seen_and_found_and_the_pattern_helps() {
    let library = library();
    let known = library.kinds();
    let refined = scored(
        &mut RefinedRetrieval {
            library: &library,
            options: SearchOptions::default(),
            rng: ChaCha8Rng::seed_from_u64(1),
        },
        &known,
    );
    assert!(refined.iter().all(|s| s.seen && s.strict == Some(0)), "{refined:?}");
    let plain = scored(&mut Retrieval { library: &library }, &known);
    let nearest = scored(&mut NearestTemplate { library: &library }, &known);
    let frequent = scored(&mut MostFrequent { library: &library }, &known);
    for scores in [&plain, &nearest, &frequent] {
        assert!(scores.iter().all(|s| s.strict.is_some()), "{scores:?}");
    }
    // the right elements have distance 0, so chemistry alone finds what is in the table
    assert!(nearest.iter().all(|s| s.strict == Some(0)));
    let right =
        |scores: &[CaseScore]| scores.iter().map(|s| s.strict == Some(0)).collect::<Vec<_>>();
    let paired = Paired::counted(right(&refined).into_iter().zip(right(&frequent)));
    assert_eq!((paired.cases, paired.only_second), (refined.len(), 0));
}

#[test]
fn a_kind_is_free_of_elements_and_size() {
    let all = minerals();
    let find = |name: &str| canonical(&all.iter().find(|(n, _)| n == name).unwrap().1);
    let mut other = find("halite");
    for orbit in &mut other.orbits {
        let z = if orbit.element.symbol() == "Na" { 8 } else { 12 };
        orbit.element = surrogate_crystal::Element::from_atomic_number(z).unwrap();
    }
    other.cell[0] = 4.2;
    assert_eq!(Kind::of(&other.canonical()), Kind::of(&find("halite")));
    assert_ne!(Kind::of(&find("rutile")), Kind::of(&find("halite")));
}
