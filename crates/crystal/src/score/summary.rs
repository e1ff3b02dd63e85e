//! Scores of many cases, whole and in slices.

use super::{CaseScore, Share};

/// `R_wp` below which a structure is promised to be right.
pub const PROMISED_R_WP: f64 = 0.01;

/// A part of the cases.
#[derive(Debug, Clone, Copy)]
pub struct Slice {
    /// Its name.
    pub name: &'static str,
    holds: fn(&CaseScore) -> bool,
}

impl Slice {
    /// Whether a case belongs to it.
    #[must_use]
    pub fn holds(&self, score: &CaseScore) -> bool {
        (self.holds)(score)
    }
}

/// All cases, then by the size of the primitive cell, then by whether the kind was seen in training.
pub const SLICES: [Slice; 7] = [
    Slice { name: "all", holds: |_| true },
    Slice { name: "1-5 atoms", holds: |s| s.atoms <= 5 },
    Slice { name: "6-10 atoms", holds: |s| (6..=10).contains(&s.atoms) },
    Slice { name: "11-20 atoms", holds: |s| (11..=20).contains(&s.atoms) },
    Slice { name: "more than 20 atoms", holds: |s| s.atoms > 20 },
    Slice { name: "seen in training", holds: |s| s.seen },
    Slice { name: "not seen in training", holds: |s| !s.seen },
];

/// What one method reaches on some cases. Cases without an answer are in every denominator.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Number of cases.
    pub cases: usize,
    /// Cases without any structure.
    pub failures: usize,
    /// Strict match of the first structure.
    pub strict_1: Share,
    /// Strict match among the first 20.
    pub strict_20: Share,
    /// Loose match of the first.
    pub loose_1: Share,
    /// Loose match among the first 20.
    pub loose_20: Share,
    /// Mean root mean square distance of first structures that match loosely; none without any.
    pub mean_rms: Option<f64>,
    /// Mean `R_wp` of first structures, 1 where there is none.
    pub mean_r_wp: f64,
    /// Median of the same.
    pub median_r_wp: f64,
    /// Median distance of the peaks of first structures, infinite where there is none.
    pub median_wasserstein: f64,
    /// First structures with the right numbers of atoms.
    pub formula: Share,
    /// With the multiplicities of their letters.
    pub multiplicities: Share,
    /// With bonds as radii ask for.
    pub bonds: Share,
    /// With the space group that they declare.
    pub group: Share,
    /// With all four.
    pub valid: Share,
    /// Cases whose first structure has an `R_wp` below 0.01.
    pub promised: Share,
    /// Of these, strict matches.
    pub kept: Share,
    /// Mean seconds a case.
    pub mean_seconds: f64,
    /// Median of the same.
    pub median_seconds: f64,
}

impl Summary {
    /// Counts the cases of a slice.
    #[must_use]
    pub fn of(scores: &[CaseScore], slice: &Slice) -> Self {
        let some: Vec<&CaseScore> = scores.iter().filter(|s| slice.holds(s)).collect();
        let share = |is: &dyn Fn(&CaseScore) -> bool| Share::counted(&some, |s| is(s));
        let promised = |s: &CaseScore| s.r_wp.is_some_and(|r| r < PROMISED_R_WP);
        let sure: Vec<&CaseScore> = some.iter().copied().filter(|s| promised(s)).collect();
        let values =
            |of: &dyn Fn(&CaseScore) -> f64| some.iter().map(|s| of(s)).collect::<Vec<_>>();
        let rms: Vec<f64> =
            some.iter().filter(|s| s.loose == Some(0)).filter_map(|s| s.rms).collect();
        let r_wp = values(&|s| s.r_wp.unwrap_or(1.0));
        let seconds = values(&|s| s.seconds);
        Self {
            cases: some.len(),
            failures: some.iter().filter(|s| s.candidates == 0).count(),
            strict_1: share(&|s| s.strict == Some(0)),
            strict_20: share(&|s| s.strict.is_some()),
            loose_1: share(&|s| s.loose == Some(0)),
            loose_20: share(&|s| s.loose.is_some()),
            mean_rms: (!rms.is_empty()).then(|| mean(&rms)),
            mean_r_wp: mean(&r_wp),
            median_r_wp: median(r_wp),
            median_wasserstein: median(values(&|s| s.wasserstein.unwrap_or(f64::INFINITY))),
            formula: share(&|s| s.validity.formula),
            multiplicities: share(&|s| s.validity.multiplicities),
            bonds: share(&|s| s.validity.bonds),
            group: share(&|s| s.validity.group),
            valid: share(&|s| s.validity.all()),
            promised: Share { count: sure.len(), of: some.len() },
            kept: Share::counted(&sure, |s| s.strict == Some(0)),
            mean_seconds: mean(&seconds),
            median_seconds: median(seconds),
        }
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Not a number without values.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(strict: Option<usize>, r_wp: f64, atoms: usize) -> CaseScore {
        CaseScore {
            strict,
            loose: strict,
            r_wp: Some(r_wp),
            atoms,
            candidates: 3,
            ..CaseScore::default()
        }
    }

    #[test]
    fn failures_stay_in_every_denominator() {
        let failed = CaseScore { atoms: 8, ..CaseScore::default() };
        let scores = [found(Some(0), 0.001, 4), found(Some(7), 0.3, 8), failed];
        let all = Summary::of(&scores, &SLICES[0]);
        assert_eq!((all.cases, all.failures), (3, 1));
        assert_eq!(all.strict_1, Share { count: 1, of: 3 });
        assert_eq!(all.strict_20, Share { count: 2, of: 3 });
        assert_eq!(all.valid, Share { count: 0, of: 3 });
        assert!((all.mean_r_wp - 1.301 / 3.0).abs() < 1e-12);
        assert_eq!(all.kept, Share { count: 1, of: 1 });
        let middle = Summary::of(&scores, &SLICES[2]);
        assert_eq!((middle.cases, middle.failures), (2, 1));
        assert!(middle.median_wasserstein.is_infinite());
    }
}
