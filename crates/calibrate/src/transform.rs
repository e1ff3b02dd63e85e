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
    /// `x = low + (high - low) f(u)` with a [`Squash`].
    Interval {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// How the real line becomes the interval.
        squash: Squash,
    },
    /// `ln x` by [`Transform::Interval`] between the logarithms of two positive ends.
    LogInterval {
        /// Lower end.
        low: f64,
        /// Upper end.
        high: f64,
        /// How the real line becomes the interval.
        squash: Squash,
    },
}

/// From the real line to fractions between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Squash {
    /// `f = 1 / (1 + exp(-u))`: a uniform prior is a logistic density.
    Logistic,
    /// `f = edge ln((1 + exp(u/edge)) / (1 + exp((u - 1)/edge)))`: `f = u` but within some edges of
    /// the ends. A posterior that is narrow and leans on an end stays straight, where the logistic
    /// bends it into an arc that trajectories follow by small steps only.
    Straight {
        /// Width of the bend, as a fraction of the interval.
        edge: f64,
    },
}

impl Squash {
    fn fraction(self, u: f64) -> f64 {
        match self {
            Self::Logistic => logistic(u),
            Self::Straight { edge } => {
                (edge * (softplus(u / edge) - softplus((u - 1.0) / edge))).clamp(0.0, 1.0)
            }
        }
    }

    /// The coordinate of a fraction; infinite at its ends.
    fn coordinate(self, fraction: f64) -> f64 {
        match self {
            Self::Logistic => (fraction / (1.0 - fraction)).ln(),
            Self::Straight { edge } => {
                let missing = |way: f64| (-(-way / edge).exp_m1()).ln();
                fraction + edge * (missing(fraction) - missing(1.0 - fraction))
            }
        }
    }

    /// Logarithm of `df/du` and its derivative by `u`.
    fn log_slope(self, u: f64) -> (f64, f64) {
        match self {
            Self::Logistic => (-softplus(u) - softplus(-u), logistic(-u) - logistic(u)),
            Self::Straight { edge } => {
                let (a, b) = (u / edge, (u - 1.0) / edge);
                let log = -softplus(-a) - softplus(b) + (-(-1.0 / edge).exp_m1()).ln();
                (log, (logistic(-a) - logistic(b)) / edge)
            }
        }
    }
}

impl Transform {
    /// The transform for an open interval, whose ends may be infinite; on a logarithmic scale where
    /// that is asked for and both ends are positive and finite.
    #[must_use]
    pub fn onto(low: f64, high: f64, logarithmic: bool) -> Self {
        match (low.is_finite(), high.is_finite()) {
            (true, true) if logarithmic && low > 0.0 => {
                Self::LogInterval { low, high, squash: Squash::Logistic }
            }
            (true, true) => Self::Interval { low, high, squash: Squash::Logistic },
            (true, false) => Self::Above { low },
            (false, true) => Self::Below { high },
            (false, false) => Self::Free,
        }
    }

    /// The same with another way from the real line to the interval; no change where there is none.
    #[must_use]
    pub fn squashed(self, squash: Squash) -> Self {
        match self {
            Self::Interval { low, high, .. } => Self::Interval { low, high, squash },
            Self::LogInterval { low, high, .. } => Self::LogInterval { low, high, squash },
            other => other,
        }
    }

    /// Place in the interval, as a fraction of its width on its scale, and the slope of that by `u`;
    /// `None` for other transforms.
    #[must_use]
    pub fn fraction(&self, u: f64) -> Option<(f64, f64)> {
        match *self {
            Self::Interval { squash, .. } | Self::LogInterval { squash, .. } => {
                Some((squash.fraction(u), squash.log_slope(u).0.exp()))
            }
            _ => None,
        }
    }

    /// The parameter at `u`. Never outside the interval, but on its end where rounding leads there.
    #[must_use]
    pub fn parameter(&self, u: f64) -> f64 {
        match *self {
            Self::Free => u,
            Self::Above { low } => low + u.exp(),
            Self::Below { high } => high - u.exp(),
            Self::Interval { low, high, squash } => {
                (low + (high - low) * squash.fraction(u)).clamp(low, high)
            }
            Self::LogInterval { low, high, squash } => {
                (low * ((high / low).ln() * squash.fraction(u)).exp()).clamp(low, high)
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
            Self::Interval { low, high, squash } => squash.coordinate((x - low) / (high - low)),
            Self::LogInterval { low, high, squash } => {
                squash.coordinate((x / low).ln() / (high / low).ln())
            }
        }
    }

    /// `dx/du`.
    #[must_use]
    pub fn slope(&self, u: f64) -> f64 {
        match *self {
            Self::Free => 1.0,
            Self::Above { .. } => u.exp(),
            Self::Below { .. } => -u.exp(),
            Self::Interval { low, high, squash } => (high - low) * squash.log_slope(u).0.exp(),
            Self::LogInterval { low, high, squash } => {
                self.parameter(u) * (high / low).ln() * squash.log_slope(u).0.exp()
            }
        }
    }

    /// `ln |dx/du|` and its derivative by `u`.
    #[must_use]
    pub fn log_jacobian(&self, u: f64) -> (f64, f64) {
        match *self {
            Self::Free => (0.0, 0.0),
            Self::Above { .. } | Self::Below { .. } => (u, 1.0),
            Self::Interval { low, high, squash } => {
                let (log, slope) = squash.log_slope(u);
                ((high - low).ln() + log, slope)
            }
            Self::LogInterval { low, high, squash } => {
                let ((log, slope), width) = (squash.log_slope(u), (high / low).ln());
                let log_x = low.ln() + width * squash.fraction(u);
                (log_x + width.ln() + log, width * log.exp() + slope)
            }
        }
    }
}

fn logistic(u: f64) -> f64 {
    1.0 / (1.0 + (-u).exp())
}

/// `ln(1 + exp(u))`.
fn softplus(u: f64) -> f64 {
    u.max(0.0) + (-u.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Transform; 7] = [
        Transform::Free,
        Transform::Above { low: -1.5 },
        Transform::Below { high: 2.0 },
        Transform::Interval { low: -2.0, high: 5.0, squash: Squash::Logistic },
        Transform::LogInterval { low: 1e-3, high: 4.0, squash: Squash::Logistic },
        Transform::Interval { low: -2.0, high: 5.0, squash: Squash::Straight { edge: 0.3 } },
        Transform::LogInterval { low: 1e-3, high: 4.0, squash: Squash::Straight { edge: 0.5 } },
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
    fn a_straight_squash_is_straight_and_keeps_its_ends() {
        for edge in [1e-4, 1e-2] {
            let t = Transform::onto(0.0, 1.0, false).squashed(Squash::Straight { edge });
            for u in [0.2, 0.5, 0.9] {
                assert!((t.parameter(u) - u).abs() < 1e-6, "{edge} {u}");
                assert!((t.coordinate(u) - u).abs() < 1e-6);
            }
            for u in [-3.0 * edge, 1.0 + 2.0 * edge] {
                assert!((t.coordinate(t.parameter(u)) - u).abs() < 1e-6 * edge, "{edge} {u}");
            }
            assert!(t.parameter(-20.0 * edge) > 0.0 && t.log_jacobian(-700.0 * edge).0 < -600.0);
        }
    }

    #[test]
    fn parameters_never_leave_their_interval() {
        for t in &ALL[3..] {
            let (low, high) = (t.parameter(-1e4), t.parameter(1e4));
            for u in [-800.0, -40.0, 40.0, 800.0] {
                assert!((low..=high).contains(&t.parameter(u)));
                assert!(t.log_jacobian(u).0.is_finite());
            }
        }
    }
}
