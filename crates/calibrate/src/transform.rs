//! From the real line to where a parameter may be, with the logarithm of the Jacobian.

/// A one-to-one map from a real coordinate `u` to a parameter `x`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Transform {
    /// `x = u`.
    Free,
    /// `x = low + exp(u)`.
    Above {
        /// Lower end.
        low: f64,
    },
    /// `x = high - exp(u)`.
    Below {
        /// Upper end.
        high: f64,
    },
    /// `x = low + (high - low) / (1 + exp(-u))`.
    Interval {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
    /// `ln x` by [`Transform::Interval`] between the logarithms of two positive ends.
    LogInterval {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
    },
}

impl Transform {
    /// The transform for an open interval, whose ends may be infinite; on a logarithmic scale where
    /// that is asked for and both ends are positive and finite.
    #[must_use]
    pub fn onto(low: f64, high: f64, logarithmic: bool) -> Self {
        match (low.is_finite(), high.is_finite()) {
            (true, true) if logarithmic && low > 0.0 => Self::LogInterval { low, high },
            (true, true) => Self::Interval { low, high },
            (true, false) => Self::Above { low },
            (false, true) => Self::Below { high },
            (false, false) => Self::Free,
        }
    }

    /// The parameter at `u`. Never outside the interval, but on its end where rounding leads there.
    #[must_use]
    pub fn parameter(&self, u: f64) -> f64 {
        match *self {
            Self::Free => u,
            Self::Above { low } => low + u.exp(),
            Self::Below { high } => high - u.exp(),
            Self::Interval { low, high } => (low + (high - low) * logistic(u)).clamp(low, high),
            Self::LogInterval { low, high } => {
                (low * ((high / low).ln() * logistic(u)).exp()).clamp(low, high)
            }
        }
    }

    /// The coordinate of a parameter inside the interval; infinite at its ends.
    #[must_use]
    pub fn coordinate(&self, x: f64) -> f64 {
        match *self {
            Self::Free => x,
            Self::Above { low } => (x - low).ln(),
            Self::Below { high } => (high - x).ln(),
            Self::Interval { low, high } => ((x - low) / (high - x)).ln(),
            Self::LogInterval { low, high } => ((x / low).ln() / (high / x).ln()).ln(),
        }
    }

    /// `dx/du`.
    #[must_use]
    pub fn slope(&self, u: f64) -> f64 {
        match *self {
            Self::Free => 1.0,
            Self::Above { .. } => u.exp(),
            Self::Below { .. } => -u.exp(),
            Self::Interval { low, high } => (high - low) * logistic(u) * logistic(-u),
            Self::LogInterval { low, high } => {
                self.parameter(u) * (high / low).ln() * logistic(u) * logistic(-u)
            }
        }
    }

    /// `ln |dx/du|` and its derivative by `u`.
    #[must_use]
    pub fn log_jacobian(&self, u: f64) -> (f64, f64) {
        // ln of logistic(u) logistic(-u), and its derivative
        let bell = || (-u.abs() - 2.0 * (-u.abs()).exp().ln_1p(), logistic(-u) - logistic(u));
        match *self {
            Self::Free => (0.0, 0.0),
            Self::Above { .. } | Self::Below { .. } => (u, 1.0),
            Self::Interval { low, high } => {
                let (log, slope) = bell();
                ((high - low).ln() + log, slope)
            }
            Self::LogInterval { low, high } => {
                let ((log, slope), width) = (bell(), (high / low).ln());
                let log_x = low.ln() + width * logistic(u);
                (log_x + width.ln() + log, width * logistic(u) * logistic(-u) + slope)
            }
        }
    }
}

fn logistic(u: f64) -> f64 {
    1.0 / (1.0 + (-u).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Transform; 5] = [
        Transform::Free,
        Transform::Above { low: -1.5 },
        Transform::Below { high: 2.0 },
        Transform::Interval { low: -2.0, high: 5.0 },
        Transform::LogInterval { low: 1e-3, high: 4.0 },
    ];

    #[test]
    fn slopes_and_jacobians_agree_with_differences() {
        for t in ALL {
            for u in [-3.0, -0.7, 0.0, 0.4, 2.5] {
                let h = 1e-5;
                let slope = (t.parameter(u + h) - t.parameter(u - h)) / (2.0 * h);
                assert!((t.slope(u) - slope).abs() < 1e-8 * (1.0 + slope.abs()), "{t:?} {u}");
                let (log, derivative) = t.log_jacobian(u);
                assert!((log - t.slope(u).abs().ln()).abs() < 1e-12, "{t:?} {u}");
                let step = (t.log_jacobian(u + h).0 - t.log_jacobian(u - h).0) / (2.0 * h);
                assert!((derivative - step).abs() < 1e-8, "{t:?} {u}");
                assert!((t.coordinate(t.parameter(u)) - u).abs() < 1e-10, "{t:?} {u}");
            }
        }
    }

    #[test]
    fn parameters_never_leave_their_interval() {
        for t in [ALL[3], ALL[4]] {
            let (low, high) = (t.parameter(-1e4), t.parameter(1e4));
            for u in [-800.0, -40.0, 40.0, 800.0] {
                assert!((low..=high).contains(&t.parameter(u)));
                assert!(t.log_jacobian(u).0.is_finite());
            }
        }
    }
}
