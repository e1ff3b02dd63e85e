//! Shares and their intervals.

/// How many of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Share {
    /// How many.
    pub count: usize,
    /// Of how many.
    pub of: usize,
}

/// Quantile of the normal distribution for intervals of 95 %.
pub(super) const Z95: f64 = 1.959_964;

impl Share {
    /// Counts.
    #[must_use]
    pub fn counted<T>(all: &[T], is: impl Fn(&T) -> bool) -> Self {
        Self { count: all.iter().filter(|t| is(t)).count(), of: all.len() }
    }

    /// From 0 to 1; not a number if there was nothing to count.
    #[must_use]
    pub fn value(&self) -> f64 {
        self.count as f64 / self.of as f64
    }

    /// Interval of 95 %; the whole range if there was nothing to count.
    ///
    /// Source: Wilson (1927), Probable inference, the law of succession, and statistical inference.
    #[must_use]
    pub fn interval(&self) -> [f64; 2] {
        if self.of == 0 {
            return [0.0, 1.0];
        }
        let (n, p) = (self.of as f64, self.value());
        let z2 = Z95 * Z95;
        let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
        let half = Z95 / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
        [(middle - half).max(0.0), (middle + half).min(1.0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_tables() {
        let near = |a: f64, b: f64| (a - b).abs() < 5e-4;
        let [low, high] = Share { count: 8, of: 10 }.interval();
        assert!(near(low, 0.4902) && near(high, 0.9433), "{low} {high}");
        let [low, high] = Share { count: 0, of: 20 }.interval();
        assert!(low == 0.0 && near(high, 0.1611), "{low} {high}");
        assert_eq!(Share::default().interval(), [0.0, 1.0]);
    }
}
