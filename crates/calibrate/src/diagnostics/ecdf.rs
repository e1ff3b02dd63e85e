//! Simultaneous bands for the empirical distribution of uniform ranks, for simulation-based
//! calibration.
//!
//! Source: Sailynoja, Bürkner and Vehtari (2022), Graphical test for discrete uniformity, section 2.2.

/// Where the empirical distribution function of uniform ranks may run.
#[derive(Debug, Clone, PartialEq)]
pub struct EcdfBand {
    /// Values at which it is evaluated, increasing, in (0, 1].
    pub at: Vec<f64>,
    /// Least counts.
    pub low: Vec<u64>,
    /// Greatest counts.
    pub high: Vec<u64>,
    /// Probability that uniform ranks stay inside everywhere: at least the one asked for.
    pub probability: f64,
}

impl EcdfBand {
    /// Whether ranks, as fractions in [0, 1], stay inside the band everywhere.
    #[must_use]
    pub fn holds(&self, ranks: &[f64]) -> bool {
        self.at.iter().zip(self.low.iter().zip(&self.high)).all(|(z, (low, high))| {
            let count = ranks.iter().filter(|r| *r <= z).count() as u64;
            (*low..=*high).contains(&count)
        })
    }
}

/// Bisections of the pointwise probability.
const HALVINGS: usize = 40;

/// The narrowest band of equal pointwise coverage, at `points` equally spaced values, that holds
/// the distribution of `n` uniform ranks with at least the given probability.
#[must_use]
pub fn ecdf_band(n: u64, points: usize, probability: f64) -> EcdfBand {
    let at: Vec<f64> = (1..=points).map(|k| k as f64 / points as f64).collect();
    let log_factorial = log_factorials(n);
    let (mut out, mut enough) = (probability, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(out, enough);
        let (low, high) = intervals(n, &at, middle, &log_factorial);
        if inside(n, &at, &low, &high, &log_factorial) < probability {
            out = middle;
        } else {
            enough = middle;
        }
    }
    let (low, high) = intervals(n, &at, enough, &log_factorial);
    let probability = inside(n, &at, &low, &high, &log_factorial);
    EcdfBand { at, low, high, probability }
}

fn log_factorials(n: u64) -> Vec<f64> {
    let mut sum = 0.0;
    (0..=n)
        .map(|k| {
            sum += (k.max(1) as f64).ln();
            sum
        })
        .collect()
}

fn binomial(k: u64, n: u64, p: f64, log_factorial: &[f64]) -> f64 {
    if p >= 1.0 {
        return f64::from(u8::from(k == n));
    }
    let choose =
        log_factorial[n as usize] - log_factorial[k as usize] - log_factorial[(n - k) as usize];
    (choose + k as f64 * p.ln() + (n - k) as f64 * (-p).ln_1p()).exp()
}

/// Central binomial intervals of the counts at each value.
fn intervals(n: u64, at: &[f64], p: f64, log_factorial: &[f64]) -> (Vec<u64>, Vec<u64>) {
    let quantile = |z: f64, q: f64| {
        let mut sum = 0.0;
        (0..n)
            .find(|&k| {
                sum += binomial(k, n, z, log_factorial);
                sum >= q
            })
            .unwrap_or(n)
    };
    let low = at.iter().map(|&z| quantile(z, (1.0 - p) / 2.0)).collect();
    (low, at.iter().map(|&z| quantile(z, f64::midpoint(1.0, p))).collect())
}

/// Probability that the counts of `n` uniform numbers stay in their intervals at all values: a
/// Markov chain from one value to the next.
fn inside(n: u64, at: &[f64], low: &[u64], high: &[u64], log_factorial: &[f64]) -> f64 {
    let (mut from, mut probabilities, mut before) = (0, vec![1.0], 0.0);
    for (k, &z) in at.iter().enumerate() {
        let step = (z - before) / (1.0 - before);
        let next = (low[k]..=high[k])
            .map(|count| {
                let reach = |(j, p): (usize, &f64)| {
                    let start = from + j as u64;
                    if count < start {
                        return 0.0;
                    }
                    p * binomial(count - start, n - start, step, log_factorial)
                };
                probabilities.iter().enumerate().map(reach).sum()
            })
            .collect();
        (from, probabilities, before) = (low[k], next, z);
    }
    probabilities.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;
    use rand::RngExt;

    #[test]
    fn probabilities_equal_those_of_arviz_and_bands_differ_by_a_count_at_most() {
        let text = include_str!("../../tests/data/arviz.json");
        let goldens: serde_json::Value = serde_json::from_str(text).unwrap();
        for golden in goldens["bands"].as_array().unwrap() {
            let counts = |name: &str| -> Vec<u64> {
                golden[name].as_array().unwrap().iter().map(|c| c.as_u64().unwrap()).collect()
            };
            let (n, points) = (golden["n"].as_u64().unwrap(), golden["points"].as_u64().unwrap());
            let band = ecdf_band(n, points as usize, golden["probability"].as_f64().unwrap());
            let (low, high) = (counts("low"), counts("high"));
            let theirs = inside(n, &band.at, &low, &high, &log_factorials(n));
            assert!((theirs - golden["inside"].as_f64().unwrap()).abs() < 1e-10);
            for k in 0..low.len() {
                assert!(band.low[k].abs_diff(low[k]) <= 1 && band.high[k].abs_diff(high[k]) <= 1);
            }
        }
    }

    #[test]
    fn uniform_ranks_stay_inside_as_often_as_promised() {
        let (band, mut rng) = (ecdf_band(100, 10, 0.9), stream(1, 0));
        assert!(band.probability >= 0.9 && band.probability < 0.93);
        let held = (0..2000)
            .filter(|_| band.holds(&(0..100).map(|_| rng.random()).collect::<Vec<f64>>()))
            .count() as f64;
        let sd = (2000.0 * band.probability * (1.0 - band.probability)).sqrt();
        assert!((held - 2000.0 * band.probability).abs() < 4.0 * sd, "{held}");
        assert!(!band.holds(&(0..100).map(|k| f64::from(k) / 200.0).collect::<Vec<_>>()));
    }
}
