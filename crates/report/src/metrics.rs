//! Energy against accuracy: what compares runs. Pure functions of numbers.
//!
//! Deliberately not here: files, figures, words for pages.

/// A value with one standard uncertainty; 0 where it is not known.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Uncertain {
    /// The value.
    pub value: f64,
    /// One standard uncertainty.
    pub sigma: f64,
}

impl Uncertain {
    /// A value and its uncertainty.
    #[must_use]
    pub fn new(value: f64, sigma: f64) -> Self {
        Self { value, sigma }
    }

    /// Whether this one is below the other beyond one sigma of each.
    fn clearly_below(self, other: Self) -> bool {
        self.value + self.sigma < other.value - other.sigma
    }
}

/// One run's place in the plane of energy and error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spot {
    /// Energy, J.
    pub energy: Uncertain,
    /// Error, in one unit for all runs.
    pub error: Uncertain,
}

/// How a run stands to the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// No other run has both less energy and less error.
    Front,
    /// Another has, but the intervals overlap.
    ProbablyDominated {
        /// Index of that run.
        by: usize,
    },
    /// Another has, beyond the intervals.
    Dominated {
        /// Index of that run.
        by: usize,
    },
}

/// Standing of each run. A run that is dominated beyond the intervals is named so even if others
/// dominate it only probably.
#[must_use]
pub fn standings(spots: &[Spot]) -> Vec<Standing> {
    let of = |a: &Spot| {
        let better = |b: &Spot| {
            let no_worse = b.energy.value <= a.energy.value && b.error.value <= a.error.value;
            no_worse && (b.energy.value < a.energy.value || b.error.value < a.error.value)
        };
        let clearly = |b: &Spot| b.energy.clearly_below(a.energy) && b.error.clearly_below(a.error);
        let at = |test: &dyn Fn(&Spot) -> bool| spots.iter().position(test);
        match (at(&clearly), at(&better)) {
            (Some(by), _) => Standing::Dominated { by },
            (None, Some(by)) => Standing::ProbablyDominated { by },
            (None, None) => Standing::Front,
        }
    };
    spots.iter().map(of).collect()
}

/// Area that the runs dominate up to a reference point, in decades squared: both axes are
/// logarithmic (base 10), so that it does not hang on the run with the most energy alone. Points
/// beyond the reference, or not above 0, dominate nothing.
#[must_use]
pub fn hypervolume(spots: &[Spot], reference: (f64, f64)) -> f64 {
    let place = |s: &Spot| {
        let (x, y) = (reference.0 / s.energy.value, reference.1 / s.error.value);
        (x > 1.0 && y > 1.0 && x.is_finite() && y.is_finite()).then(|| (x.log10(), y.log10()))
    };
    let mut places: Vec<(f64, f64)> = spots.iter().filter_map(place).collect();
    places.sort_by(|a, b| b.0.total_cmp(&a.0)); // least energy first
    let (mut area, mut height) = (0.0, 0.0);
    for (x, y) in places {
        if y > height {
            area += x * (y - height);
            height = y;
        }
    }
    area
}

/// Performance per resource unit of each run, PePR = P / (1 + (R - R_min) / (R_max - R_min)).
///
/// `performance` lies in 0..=1, `resource` is energy, carbon, time or memory; the scale is that of
/// the set: the least resource gives P, the most P / 2. If all are equal, P.
///
/// Source: Bakhtiarifard et al. (2024), the PePR score.
#[must_use]
pub fn pepr(performance: &[f64], resource: &[f64]) -> Vec<f64> {
    let least = resource.iter().copied().fold(f64::INFINITY, f64::min);
    let span = resource.iter().copied().fold(f64::NEG_INFINITY, f64::max) - least;
    let scaled = |r: f64| if span > 0.0 { (r - least) / span } else { 0.0 };
    performance.iter().zip(resource).map(|(p, &r)| p / (1.0 + scaled(r))).collect()
}

/// Performance against the null model that answers the mean of the reference everywhere: 1 less the
/// error relative to the spread (L2 norm of the error over that of the reference's deviation from its
/// mean), at least 0. An offset that all share, such as 3.8 V of a cell, counts for nothing.
#[must_use]
pub fn performance(relative_to_spread: f64) -> f64 {
    if relative_to_spread.is_finite() { (1.0 - relative_to_spread).clamp(0.0, 1.0) } else { 0.0 }
}

/// A moment of training: energy so far, J, and error.
pub type CurvePoint = (f64, f64);

/// Energy at which the error first reached `target`, J; `None` if it never did.
#[must_use]
pub fn energy_to_reach(curve: &[CurvePoint], target: f64) -> Option<f64> {
    curve.iter().find(|(_, error)| *error <= target).map(|(energy, _)| *energy)
}

/// Energy that the last halving of the error took, J: from the first moment at twice the least
/// error to the first at the least. `None` if the curve does not span a halving.
#[must_use]
pub fn joules_of_last_halving(curve: &[CurvePoint]) -> Option<f64> {
    let errors = curve.iter().map(|(_, error)| *error).filter(|e| e.is_finite() && *e > 0.0);
    let least = errors.fold(f64::INFINITY, f64::min);
    let begins_above = curve.iter().find(|(_, e)| e.is_finite()).is_some_and(|c| c.1 > 2.0 * least);
    if !begins_above {
        return None;
    }
    Some(energy_to_reach(curve, least)? - energy_to_reach(curve, 2.0 * least)?)
}

/// Payback count N* = E_train / (E_solver - E_surrogate) with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PaybackCount {
    /// Solves after which training is repaid; `None`: never.
    pub count: Option<f64>,
    /// Lower end of the interval; `None`: never.
    pub low: Option<f64>,
    /// Upper end; `None`: never, that is, the interval has no upper end.
    pub high: Option<f64>,
}

/// N* where the three energies err independently: the relative uncertainty of training and that of
/// the gain add in quadrature. Where the gain may be 0 within one sigma, the upper end is "never".
#[must_use]
pub fn payback(train: Uncertain, solver: Uncertain, surrogate: Uncertain) -> PaybackCount {
    let never = PaybackCount { count: None, low: None, high: None };
    let gain = Uncertain::new(solver.value - surrogate.value, solver.sigma.hypot(surrogate.sigma));
    if !(train.value.is_finite() && gain.value.is_finite()) {
        return never;
    }
    let count = |train: f64, gain: f64| (gain > 0.0).then(|| (train.max(0.0) / gain).ceil());
    PaybackCount {
        count: count(train.value, gain.value),
        low: count(train.value - train.sigma, gain.value + gain.sigma),
        high: count(train.value + train.sigma, gain.value - gain.sigma),
    }
}

/// Standard uncertainty of a root mean square over points whose own rms are `by_point`.
///
/// From the spread of the squares: sigma(rms) = sd(r²) / (2 rms sqrt(n)); 0 for fewer than 2 points.
#[must_use]
pub fn rms_sigma(by_point: &[f64]) -> f64 {
    let squares: Vec<f64> = by_point.iter().filter(|r| r.is_finite()).map(|r| r * r).collect();
    let n = squares.len() as f64;
    let mean = squares.iter().sum::<f64>() / n;
    if squares.len() < 2 || mean <= 0.0 {
        return 0.0;
    }
    let variance = squares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / (n - 1.0);
    variance.sqrt() / (2.0 * mean.sqrt() * n.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spot(energy: f64, error: f64) -> Spot {
        Spot {
            energy: Uncertain::new(energy, 0.1 * energy),
            error: Uncertain::new(error, 0.1 * error),
        }
    }

    #[test]
    fn dominance_is_probable_where_the_intervals_overlap() {
        let spots = [spot(1.0, 1.0), spot(10.0, 10.0), spot(1.05, 1.05), spot(0.5, 3.0)];
        assert_eq!(
            standings(&spots),
            [
                Standing::Front,
                Standing::Dominated { by: 0 },
                Standing::ProbablyDominated { by: 0 },
                Standing::Front
            ]
        );
    }

    #[test]
    fn equal_runs_do_not_dominate_each_other() {
        assert_eq!(standings(&[spot(1.0, 1.0); 2]), [Standing::Front; 2]);
    }

    #[test]
    fn the_hypervolume_of_a_staircase_is_the_sum_of_its_steps() {
        // decades from (100, 100): (2, 1) and (1, 2) overlap in (1, 1)
        let spots = [spot(1.0, 10.0), spot(10.0, 1.0), spot(20.0, 20.0), spot(1e3, 1e-9)];
        let area = hypervolume(&spots, (100.0, 100.0));
        assert!((area - 3.0).abs() < 1e-12, "{area}");
        assert_eq!(hypervolume(&[], (1.0, 1.0)), 0.0);
    }

    #[test]
    fn pepr_gives_p_at_the_least_resource_and_half_at_the_most() {
        assert_eq!(pepr(&[0.8, 0.9, 0.75], &[1.0, 3.0, 2.0]), [0.8, 0.45, 0.5]);
        assert_eq!(pepr(&[0.7], &[5.0]), [0.7]);
        assert_eq!(pepr(&[0.7, 0.5], &[5.0, 5.0]), [0.7, 0.5]);
    }

    #[test]
    fn the_null_model_performs_nothing() {
        assert_eq!((performance(1.0), performance(0.25), performance(7.0)), (0.0, 0.75, 0.0));
        assert_eq!(performance(f64::NAN), 0.0);
    }

    #[test]
    fn the_last_halving_is_read_off_the_curve() {
        let curve = [(1.0, 8.0), (3.0, 4.0), (10.0, 2.0), (30.0, 1.0), (40.0, 1.5)];
        assert_eq!(joules_of_last_halving(&curve), Some(20.0));
        assert_eq!(energy_to_reach(&curve, 4.0), Some(3.0));
        assert_eq!(energy_to_reach(&curve, 0.5), None);
        assert_eq!(joules_of_last_halving(&[(1.0, 3.0), (2.0, 2.0)]), None);
        assert_eq!(joules_of_last_halving(&[]), None);
    }

    #[test]
    fn payback_is_a_count_or_never_and_its_interval_may_have_no_end() {
        let exact = |v: f64| Uncertain::new(v, 0.0);
        let sure = payback(exact(100.0), exact(3.0), exact(1.0));
        assert_eq!((sure.count, sure.low, sure.high), (Some(50.0), Some(50.0), Some(50.0)));
        let vague = payback(Uncertain::new(100.0, 50.0), Uncertain::new(3.0, 3.0), exact(1.0));
        assert_eq!((vague.count, vague.low, vague.high), (Some(50.0), Some(10.0), None));
        let never = payback(exact(100.0), exact(1.0), exact(3.0));
        assert_eq!((never.count, never.high), (None, None));
        assert_eq!(payback(exact(f64::NAN), exact(3.0), exact(1.0)).count, None);
    }

    #[test]
    fn the_uncertainty_of_an_rms_shrinks_with_the_points() {
        let few = rms_sigma(&[1.0, 2.0]);
        let many = rms_sigma(&[1.0, 2.0].repeat(50));
        assert!(many < few / 5.0 && many > 0.0);
        assert_eq!((rms_sigma(&[1.0]), rms_sigma(&[2.0, 2.0])), (0.0, 0.0));
    }
}
