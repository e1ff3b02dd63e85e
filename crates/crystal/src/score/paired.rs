//! Two methods on the same cases.

use super::share::Z95;

/// On how many cases each of two methods is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Paired {
    /// Cases.
    pub cases: usize,
    /// Cases on which only the first is right.
    pub only_first: usize,
    /// Cases on which only the second is right.
    pub only_second: usize,
}

impl Paired {
    /// Counts two lists in the same order of cases.
    #[must_use]
    pub fn counted(pairs: impl IntoIterator<Item = (bool, bool)>) -> Self {
        let mut paired = Self::default();
        for (first, second) in pairs {
            paired.cases += 1;
            paired.only_first += usize::from(first && !second);
            paired.only_second += usize::from(second && !first);
        }
        paired
    }

    /// Share of the first less that of the second; not a number without cases.
    #[must_use]
    pub fn difference(&self) -> f64 {
        (self.only_first as f64 - self.only_second as f64) / self.cases as f64
    }

    /// Interval of 95 % of the difference, from its variance over the pairs.
    #[must_use]
    pub fn interval(&self) -> [f64; 2] {
        let (n, d) = (self.cases as f64, self.difference());
        let unequal = (self.only_first + self.only_second) as f64 / n;
        let half = Z95 * ((unequal - d * d).max(0.0) / n).sqrt();
        [d - half, d + half]
    }

    /// Probability that a fair coin splits the cases with one winner at least as unevenly.
    ///
    /// Source: McNemar (1947), Note on the sampling error of the difference between correlated
    /// proportions; exact rather than by its approximation.
    #[must_use]
    pub fn p_value(&self) -> f64 {
        let n = self.only_first + self.only_second;
        let least = self.only_first.min(self.only_second);
        // binomial coefficients over 2^n as running logarithms
        let mut logarithm = -(n as f64) * std::f64::consts::LN_2;
        let mut tail = 0.0;
        for k in 0..=least {
            tail += logarithm.exp();
            logarithm += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
        }
        (2.0 * tail).min(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_to_two_is_unlikely_by_chance() {
        let pairs = (0..160).map(|k| (k < 130, k < 120 || (130..132).contains(&k)));
        let paired = Paired::counted(pairs);
        assert_eq!((paired.only_first, paired.only_second), (10, 2));
        assert!((paired.difference() - 0.05).abs() < 1e-12);
        // 2 (1 + 12 + 66) / 4096
        assert!((paired.p_value() - 158.0 / 4096.0).abs() < 1e-12, "{}", paired.p_value());
        let [low, high] = paired.interval();
        assert!(low > 0.0 && high < 0.1, "{low} {high}");
    }

    #[test]
    fn equal_methods_do_not_differ() {
        let paired = Paired::counted([(true, true), (false, false)]);
        assert_eq!((paired.difference(), paired.p_value()), (0.0, 1.0));
        let huge = Paired { cases: 5000, only_first: 1200, only_second: 1180 };
        assert!(huge.p_value() > 0.6 && huge.p_value() < 0.75, "{}", huge.p_value());
    }
}
