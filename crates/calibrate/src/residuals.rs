//! Are residuals the noise that a likelihood takes them for?
//!
//! Tests of numbers that should be independent normals of mean 0 and one variance, whatever that is.
//! Their probabilities are exact but for that of neighbours, whose tails are shorter than a normal's.

use statrs::function::erf::erfc_inv;

use crate::prior::{Prior, normal_cdf};

/// Numbers below which nothing is said of them.
const FEWEST: usize = 4;

/// How far numbers hang together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Correlation {
    /// Correlation of neighbours.
    pub neighbours: f64,
    /// Probability of independent numbers that hang together as much.
    pub probability: f64,
}

/// Looks for positive correlation, which makes intervals too narrow: of neighbours, whose correlation
/// has the variance `(n - 1) / (n (n + 2))`, and of stretches of about `sqrt(n)` numbers, as a slow
/// course leaves hardly a trace between neighbours. The share of all squares that is in the means of `m`
/// stretches is distributed as Beta(m / 2, (n - m) / 2). The smaller probability counts, twice.
///
/// Source: Moran (1948), Some theorems on time series, for neighbours.
#[must_use]
pub fn correlation(numbers: &[f64]) -> Correlation {
    let (n, square) = (numbers.len(), numbers.iter().map(|e| e * e).sum::<f64>());
    if n < FEWEST || square <= 0.0 {
        return Correlation { neighbours: 0.0, probability: 1.0 };
    }
    let size = n as f64;
    let neighbours = numbers.windows(2).map(|e| e[0] * e[1]).sum::<f64>() / square;
    let deviation = ((size - 1.0) / (size * (size + 2.0))).sqrt();
    let of_neighbours = normal_cdf(-neighbours / deviation);
    let m = size.sqrt().round() as usize;
    let stretch = |k: usize| &numbers[k * n / m..(k + 1) * n / m];
    let in_mean = |e: &[f64]| e.iter().sum::<f64>().powi(2) / e.len() as f64;
    let share = (0..m).map(|k| in_mean(stretch(k))).sum::<f64>() / square;
    let of_stretches = exceeding(share, m, n);
    let probability = (2.0 * of_neighbours.min(of_stretches)).min(1.0);
    Correlation { neighbours, probability }
}

/// The number that lies farthest out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Farthest {
    /// Its place.
    pub place: usize,
    /// Its size in standard deviations of the others.
    pub deviations: f64,
    /// What the farthest of so many normals comes to: one of them is expected beyond it.
    pub expected: f64,
    /// Probability, at most, of one so far out among independent normals.
    pub probability: f64,
}

/// The number farthest out, by the share of its square in all, which is distributed as
/// Beta(1 / 2, (n - 1) / 2); nothing of fewer than four, or of zeros.
///
/// Source: Grubbs (1950), Sample criteria for testing outlying observations.
#[must_use]
pub fn farthest(numbers: &[f64]) -> Option<Farthest> {
    let (n, square) = (numbers.len(), numbers.iter().map(|e| e * e).sum::<f64>());
    if n < FEWEST || square <= 0.0 {
        return None;
    }
    let (place, size) =
        numbers.iter().map(|e| e.abs()).enumerate().max_by(|a, b| a.1.total_cmp(&b.1))?;
    let others = (square - size * size).max(f64::MIN_POSITIVE) / (n - 1) as f64;
    Some(Farthest {
        place,
        deviations: size / others.sqrt(),
        expected: std::f64::consts::SQRT_2 * erfc_inv(1.0 / n as f64),
        probability: (n as f64 * exceeding(size * size / square, 1, n)).min(1.0),
    })
}

/// Probability that more than `share` of the squares of `n` independent normals lies in `m` given
/// directions.
fn exceeding(share: f64, m: usize, n: usize) -> f64 {
    let rest = Prior::Beta { alpha: (n - m) as f64 / 2.0, beta: m as f64 / 2.0 };
    rest.cdf((1.0 - share).clamp(0.0, 1.0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    /// Data sets of each kind.
    const SETS: usize = 20_000;

    fn white(n: usize, seed: u64) -> Vec<f64> {
        let mut rng = stream(seed, 0);
        (0..n).map(|_| 3e-3 * normal(&mut rng)).collect()
    }

    fn red(n: usize, rho: f64, seed: u64) -> Vec<f64> {
        let mut last = 0.0;
        let step = |e: f64| {
            last = rho * last + (1.0 - rho * rho).sqrt() * e;
            last
        };
        white(n, seed).into_iter().map(step).collect()
    }

    #[test]
    fn independent_numbers_are_called_correlated_as_seldom_as_is_said() {
        for n in [20, 150] {
            let p: Vec<f64> =
                (0..SETS as u64).map(|seed| correlation(&white(n, seed)).probability).collect();
            for level in [0.05, 1e-3] {
                let share = p.iter().filter(|p| **p < level).count() as f64 / SETS as f64;
                assert!(share < 1.3 * level && share > 0.3 * level, "{n}: {share} below {level}");
            }
        }
    }

    #[test]
    fn numbers_that_hang_together_are_found_and_opposed_neighbours_are_not() {
        let found = |rho: f64| {
            let doubted = |seed: &u64| correlation(&red(150, rho, *seed)).probability < 1e-3;
            (0..500).filter(doubted).count()
        };
        assert!(found(0.5) > 490 && found(0.7) == 500, "{} {}", found(0.5), found(0.7));
        assert!((correlation(&red(20_000, 0.7, 1)).neighbours - 0.7).abs() < 0.02);
        let opposed: Vec<f64> = (0..150).map(|k| f64::from(k % 2) - 0.5).collect();
        assert_eq!(correlation(&opposed).probability, 1.0);
        // a slow wave of half the noise, beside which neighbours correlate by a tenth
        let wave = |k: usize| 1.5e-3 * (k as f64 / 40.0).sin();
        let slow = |seed: u64| -> Vec<f64> {
            white(400, seed).iter().enumerate().map(|(k, e)| e + wave(k)).collect()
        };
        let waves: Vec<Correlation> = (0..500).map(|seed| correlation(&slow(seed))).collect();
        let doubted = waves.iter().filter(|found| found.probability < 1e-3).count();
        let neighbours = waves.iter().map(|found| found.neighbours).sum::<f64>() / 500.0;
        assert!(doubted > 400 && neighbours < 0.13, "{doubted} of 500, {neighbours}");
        assert_eq!(correlation(&[0.0; 9]).probability, 1.0);
    }

    #[test]
    fn one_number_far_out_is_named_and_the_farthest_of_normals_is_none() {
        let far = (0..SETS as u64).filter_map(|seed| farthest(&white(150, seed)));
        let (mut rare, mut deviations) = (0, 0.0);
        for found in far {
            rare += usize::from(found.probability < 0.05);
            deviations += found.deviations / SETS as f64;
        }
        let share = rare as f64 / SETS as f64;
        assert!((0.04..0.055).contains(&share), "{share}");
        let mut numbers = white(150, 1);
        let expected = farthest(&numbers).unwrap().expected;
        assert!((deviations / expected - 1.0).abs() < 0.1, "{deviations} {expected}");
        numbers[70] -= 0.3;
        let found = farthest(&numbers).unwrap();
        assert!(found.place == 70 && found.probability < 1e-9, "{found:?}");
        assert!((80.0..120.0).contains(&found.deviations), "{found:?}");
        assert!(farthest(&[1.0, 2.0]).is_none());
    }
}
