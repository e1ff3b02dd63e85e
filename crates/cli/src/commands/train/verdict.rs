//! What may be said of a fit.

use surrogate_run::{ErrorEntry, Manifest, Verdict};

/// Relative errors, and held-out residuals, above this are those of a poor fit,
const MOST: f64 = 1e-2;
/// and errors above this fraction of what the reference varies by.
const MOST_OF_SPREAD: f64 = 5e-2;

/// Whether errors are so large that nothing should be built on the fit, whatever its goals are.
fn is_far_off(manifest: &Manifest) -> bool {
    let worst = |measure: fn(&ErrorEntry) -> Option<f64>| {
        let known = manifest.errors.iter().filter_map(measure);
        known.map(|r| if r.is_nan() { f64::INFINITY } else { r }).fold(0.0, f64::max)
    };
    // near 300 K, an error as large as all that happens is a small part of the temperature
    worst(|e| e.relative_l2) > MOST || worst(|e| e.relative_to_spread) > MOST_OF_SPREAD
}

/// `good`, `poor` or `unverified`: what may be said of the fit. One that misses a goal is poor for its file.
fn verdict(
    manifest: &Manifest,
    held_out: Option<f64>,
    unchecked: &[String],
    doubts: &[String],
) -> &'static str {
    let wrong = is_far_off(manifest);
    let compared = manifest.errors.iter().any(|e| e.relative_l2.is_some());
    let bad_residual = held_out.is_some_and(|r| r > MOST || r.is_nan());
    match manifest.goal_reached {
        Some(false) => "poor",
        None if wrong => "poor",
        _ if !doubts.is_empty() => "poor",
        _ if !unchecked.is_empty() && bad_residual => "poor",
        _ if !unchecked.is_empty() => "unverified",
        Some(true) => "good",
        None if compared => "good",
        None if bad_residual => "poor",
        None => "unverified",
    }
}

/// What a fit is judged by, beside the errors and goals of its manifest.
pub struct Evidence<'a> {
    /// Residual at points never trained on, relative to that of the start.
    pub held_out: Option<f64>,
    /// Fields that no reference covers.
    pub unchecked: &'a [String],
    /// Why what an inverse problem found should not be relied on.
    pub doubts: &'a [String],
    /// The conditions of the file seem not to determine the solution.
    pub undetermined: bool,
}

/// What may be said of a fit, and what must be said wherever it is used.
pub fn judge(manifest: &Manifest, evidence: &Evidence<'_>) -> Verdict {
    let Evidence { held_out, unchecked, doubts, undetermined } = *evidence;
    let word = verdict(manifest, held_out, unchecked, doubts);
    let caution = caution(word, manifest, undetermined).map(str::to_string);
    Verdict { word: word.to_string(), caution }
}

fn caution(word: &str, manifest: &Manifest, undetermined: bool) -> Option<&'static str> {
    Some(match word {
        "poor" if manifest.goal_reached == Some(false) && !is_far_off(manifest) => {
            "less exact than its file asks for: a goal is missed"
        }
        "poor" => "a poor fit; do not rely on it",
        "unverified" if undetermined => {
            "unverified: only the residual speaks for it, and the conditions of the file may not \
             determine the solution"
        }
        // a stiff system of eight species had a residual of 1e-4 beside an error of one half
        "unverified" => {
            "unverified: only the residual speaks for it, and a small one does not bound the error"
        }
        _ => return None,
    })
}

/// Relative errors in words; that of the spread where it says something else.
pub fn relative(e: &ErrorEntry) -> String {
    match (e.relative_l2, e.relative_to_spread) {
        (Some(r), Some(s)) if s > 3.0 * r => {
            format!("   relative L2 {r:.1e}, {s:.1e} of its spread")
        }
        (Some(r), _) => format!("   relative L2 {r:.1e}"),
        (None, _) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manifest(relative_l2: f64, relative_to_spread: Option<f64>) -> Manifest {
        let relative_l2 = Some(relative_l2);
        let entry = ErrorEntry { relative_l2, relative_to_spread, ..ErrorEntry::default() };
        Manifest { errors: vec![entry], ..Manifest::default() }
    }

    #[test]
    fn an_error_as_large_as_all_that_happens_is_poor_however_small_beside_the_offset() {
        assert_eq!(verdict(&manifest(1e-4, Some(1e-3)), Some(1e-4), &[], &[]), "good");
        assert_eq!(verdict(&manifest(1e-3, Some(0.5)), Some(1e-4), &[], &[]), "poor");
        assert_eq!(verdict(&manifest(1e-3, None), Some(1e-4), &[], &[]), "good");
        assert_eq!(verdict(&manifest(f64::NAN, None), Some(1e-4), &[], &[]), "poor");
    }

    #[test]
    fn without_a_reference_a_small_residual_verifies_nothing() {
        let nothing = Manifest::default();
        let unchecked = ["u".to_string()];
        assert_eq!(verdict(&nothing, Some(1e-5), &unchecked, &[]), "unverified");
        let doubts = ["`u` is missed by 5 times its noise".to_string()];
        assert_eq!(verdict(&nothing, Some(1e-5), &unchecked, &doubts), "poor");
        assert_eq!(verdict(&nothing, Some(0.1), &unchecked, &[]), "poor");
        assert_eq!(verdict(&nothing, Some(f64::NAN), &unchecked, &[]), "poor");
    }
}
