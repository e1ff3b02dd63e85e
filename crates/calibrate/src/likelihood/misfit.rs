//! How much a curve says whose residuals are a misfit rather than noise.

/// Share of the points of a curve that count as independent, by the autocorrelation of its residuals
/// about zero: `1 / (1 + 2 sum of rho_k)`, over pairs of lags as long as these add up to something
/// positive. Between one point's share and 1; residuals of independent noise give about 1.
///
/// Source of the rule where to stop: Geyer (1992), Practical Markov chain Monte Carlo, section 3.3.
#[must_use]
pub fn effective_share(residuals: &[f64]) -> f64 {
    let n = residuals.len();
    let lag = |k: usize| residuals.iter().zip(&residuals[k..]).map(|(a, b)| a * b).sum::<f64>();
    let square = lag(0);
    if n < 4 || square <= 0.0 {
        return 1.0;
    }
    let mut time = -1.0;
    for k in (0..n - 1).step_by(2) {
        let pair = (lag(k) + lag(k + 1)) / square;
        if pair <= 0.0 {
            break;
        }
        time += 2.0 * pair;
    }
    (1.0 / time).clamp(1.0 / n as f64, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{normal, stream};

    #[test]
    fn independent_residuals_all_count_and_correlated_ones_by_their_memory() {
        let mut rng = stream(3, 0);
        let white: Vec<f64> = (0..4000).map(|_| normal(&mut rng)).collect();
        assert!(effective_share(&white) > 0.85, "{}", effective_share(&white));
        // an autoregressive process of rho counts by (1 - rho) / (1 + rho)
        let mut last = 0.0;
        let red: Vec<f64> = white
            .iter()
            .map(|z| {
                last = 0.9 * last + z;
                last
            })
            .collect();
        let share = effective_share(&red);
        assert!((share / (0.1 / 1.9) - 1.0).abs() < 0.25, "{share}");
        assert_eq!(effective_share(&[0.0; 9]), 1.0);
        // an offset is one value, seen by all points
        assert!(effective_share(&[0.3; 100]) < 0.03);
    }
}
