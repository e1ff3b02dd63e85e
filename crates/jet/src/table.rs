//! Piecewise polynomials of one variable: material curves that are cheap to evaluate by lanes.
//!
//! On interval i = [b_i, b_i+1] the value is a polynomial in the local coordinate
//! u = (2x - b_i - b_i+1) / (b_i+1 - b_i), which runs over [-1, 1]. Local centred coordinates keep
//! high degrees well conditioned. Not a smoother and not for several variables.

#![allow(unsafe_code)] // gathers; each block gives a reason

mod fit;
mod spline;
#[cfg(test)]
mod tests;

use crate::vmath::lanes::Real;
pub use fit::{Fit, FitTolerance};
pub use spline::Ends;
use std::fmt;

/// Highest degree of a [`Table`].
pub const MAX_DEGREE: usize = 24;
/// Most intervals whose coefficients are looked up by a permutation in a register.
const LOOKUP: usize = 8;

/// Value of a [`Table`] outside its range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extrapolate {
    /// The value at the nearest end.
    Clamp,
    /// The tangent at the nearest end.
    Linear,
    /// The polynomial of the nearest interval.
    Polynomial,
    /// Zero; the derivative of a clamped table.
    Zero,
}

/// Why a [`Table`] cannot be made.
#[derive(Clone, Debug, PartialEq)]
pub enum TableError {
    /// Fewer than two breakpoints or data points.
    TooFewPoints {
        /// Number given.
        found: usize,
    },
    /// Abscissae or breakpoints must increase strictly.
    NotIncreasing {
        /// The first index whose successor is not greater.
        index: usize,
    },
    /// A coordinate, value or coefficient is infinite or NaN.
    NotFinite {
        /// Its index.
        index: usize,
    },
    /// Arrays disagree in length.
    LengthMismatch {
        /// Length that the shape asks for.
        expected: usize,
        /// Length given.
        found: usize,
    },
    /// Degree above [`MAX_DEGREE`].
    DegreeTooHigh {
        /// Degree given.
        degree: usize,
    },
    /// The fit has reached its largest number of intervals.
    ToleranceNotReached {
        /// Smallest number of times by which the error exceeds the tolerance.
        excess: f64,
    },
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooFewPoints { found } => write!(f, "a table needs two points, found {found}"),
            Self::NotIncreasing { index } => {
                write!(f, "abscissae must increase, but not from index {index} to the next")
            }
            Self::NotFinite { index } => write!(f, "the value at index {index} is not finite"),
            Self::LengthMismatch { expected, found } => {
                write!(f, "expected {expected} values, found {found}")
            }
            Self::DegreeTooHigh { degree } => {
                write!(f, "degree {degree} is above the limit {MAX_DEGREE}")
            }
            Self::ToleranceNotReached { excess } => {
                write!(f, "the smallest error of the fit is {excess:.1e} times the tolerance")
            }
        }
    }
}

impl std::error::Error for TableError {}

#[derive(Clone, Debug, PartialEq)]
enum Grid {
    /// Intervals of equal width.
    Uniform { inverse_width: f64 },
    /// Increasing breakpoints, and centre and inverse half width of each interval.
    Sorted { breaks: Vec<f64>, centres: Vec<f64>, inverse_halves: Vec<f64> },
}

/// Piecewise polynomial; make one with [`Table::uniform`], [`Table::sorted`], [`Table::spline`] or
/// [`Table::fit`].
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    lo: f64,
    hi: f64,
    intervals: usize,
    degree: usize,
    extrapolate: Extrapolate,
    grid: Grid,
    /// [power][8] for at most eight intervals, otherwise [interval][power]; highest power first.
    coefficients: Vec<f64>,
    /// dy/dx at `lo` and `hi`.
    slopes: [f64; 2],
}

impl Table {
    /// Table on equal intervals of [lo, hi].
    ///
    /// `coefficients`: `[interval][degree + 1]`, highest power of u first.
    ///
    /// # Errors
    /// If the range is empty, a number is not finite, or the length is not a positive multiple of
    /// `degree + 1`.
    pub fn uniform(
        (lo, hi): (f64, f64),
        degree: usize,
        coefficients: &[f64],
        extrapolate: Extrapolate,
    ) -> Result<Self, TableError> {
        let intervals = (coefficients.len() / (degree + 1)).max(1);
        check_increasing(&[lo, hi])?;
        #[allow(clippy::cast_precision_loss)]
        let grid = Grid::Uniform { inverse_width: intervals as f64 / (hi - lo) };
        Self::build((lo, hi), intervals, degree, coefficients, extrapolate, grid)
    }

    /// Table on the intervals between increasing `breaks`.
    ///
    /// `coefficients`: `[interval][degree + 1]`, highest power of u first.
    ///
    /// # Errors
    /// As [`Table::uniform`].
    pub fn sorted(
        breaks: &[f64],
        degree: usize,
        coefficients: &[f64],
        extrapolate: Extrapolate,
    ) -> Result<Self, TableError> {
        check_increasing(breaks)?;
        let pairs = breaks.windows(2);
        let grid = Grid::Sorted {
            breaks: breaks.to_vec(),
            centres: pairs.clone().map(|b| 0.5 * (b[0] + b[1])).collect(),
            inverse_halves: pairs.map(|b| 2.0 / (b[1] - b[0])).collect(),
        };
        let range = (breaks[0], breaks[breaks.len() - 1]);
        Self::build(range, breaks.len() - 1, degree, coefficients, extrapolate, grid)
    }

    fn build(
        (lo, hi): (f64, f64),
        intervals: usize,
        degree: usize,
        coefficients: &[f64],
        extrapolate: Extrapolate,
        grid: Grid,
    ) -> Result<Self, TableError> {
        if degree > MAX_DEGREE {
            return Err(TableError::DegreeTooHigh { degree });
        }
        let expected = intervals * (degree + 1);
        if coefficients.len() != expected {
            return Err(TableError::LengthMismatch { expected, found: coefficients.len() });
        }
        if let Some(index) = coefficients.iter().position(|c| !c.is_finite()) {
            return Err(TableError::NotFinite { index });
        }
        let range = (lo, hi);
        Ok(Self::assemble(range, intervals, degree, coefficients, extrapolate, grid))
    }

    fn assemble(
        (lo, hi): (f64, f64),
        intervals: usize,
        degree: usize,
        coefficients: &[f64],
        extrapolate: Extrapolate,
        grid: Grid,
    ) -> Self {
        let layout = if intervals <= LOOKUP {
            let mut padded = vec![0.0; (degree + 1) * LOOKUP];
            for (interval, row) in coefficients.chunks_exact(degree + 1).enumerate() {
                for (power, c) in row.iter().enumerate() {
                    padded[power * LOOKUP + interval] = *c;
                }
            }
            padded
        } else {
            coefficients.to_vec()
        };
        let mut table = Self {
            lo,
            hi,
            intervals,
            degree,
            extrapolate,
            grid,
            coefficients: layout,
            slopes: [0.0; 2],
        };
        // d/du of the first polynomial at u = -1 and of the last at u = 1, times du/dx.
        let slope = |interval: usize, u: f64| {
            let row = table.row(interval);
            let mut slope = 0.0;
            for (k, c) in row.iter().take(degree).enumerate() {
                slope = slope * u + power(degree, k) * c;
            }
            slope * table.inverse_half(interval)
        };
        table.slopes = [slope(0, -1.0), slope(intervals - 1, 1.0)];
        table
    }

    /// First and last abscissa.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        (self.lo, self.hi)
    }

    /// Degree of the polynomials.
    #[must_use]
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Number of intervals.
    #[must_use]
    pub fn intervals(&self) -> usize {
        self.intervals
    }

    /// What happens outside the range.
    #[must_use]
    pub fn extrapolate(&self) -> Extrapolate {
        self.extrapolate
    }

    /// Breakpoints, one more than intervals.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn breaks(&self) -> Vec<f64> {
        match &self.grid {
            Grid::Sorted { breaks, .. } => breaks.clone(),
            Grid::Uniform { .. } => {
                let n = self.intervals;
                let at = |i: usize| self.lo + (self.hi - self.lo) * (i as f64 / n as f64);
                (0..=n).map(|i| if i == n { self.hi } else { at(i) }).collect()
            }
        }
    }

    /// Coefficients of one interval, highest power of u first.
    ///
    /// # Panics
    /// If there is no such interval.
    #[must_use]
    pub fn row(&self, interval: usize) -> Vec<f64> {
        assert!(interval < self.intervals);
        let at = |power: usize| {
            if self.intervals <= LOOKUP {
                power * LOOKUP + interval
            } else {
                interval * (self.degree + 1) + power
            }
        };
        (0..=self.degree).map(|power| self.coefficients[at(power)]).collect()
    }

    /// du/dx.
    fn inverse_half(&self, interval: usize) -> f64 {
        match &self.grid {
            Grid::Uniform { inverse_width } => 2.0 * inverse_width,
            Grid::Sorted { inverse_halves, .. } => inverse_halves[interval],
        }
    }

    /// The derivative, whose value outside the range is the derivative of the extrapolation.
    #[must_use]
    pub fn derivative(&self) -> Self {
        let degree = self.degree.saturating_sub(1);
        let mut coefficients = Vec::with_capacity(self.intervals * (degree + 1));
        for interval in 0..self.intervals {
            let scale = self.inverse_half(interval);
            if self.degree == 0 {
                coefficients.push(0.0);
            }
            let row = self.row(interval);
            let terms = row.iter().take(self.degree).enumerate();
            coefficients.extend(terms.map(|(k, c)| power(self.degree, k) * c * scale));
        }
        let extrapolate = match self.extrapolate {
            Extrapolate::Clamp | Extrapolate::Zero => Extrapolate::Zero,
            Extrapolate::Linear => Extrapolate::Clamp,
            Extrapolate::Polynomial => Extrapolate::Polynomial,
        };
        let range = (self.lo, self.hi);
        let grid = self.grid.clone();
        Self::assemble(range, self.intervals, degree, &coefficients, extrapolate, grid)
    }

    /// Value at one point.
    #[must_use]
    pub fn value(&self, x: f64) -> f64 {
        self.lanes([x])[0]
    }

    /// Values of `N` vectors, which advance together to hide the latency of the fma.
    #[inline(always)]
    pub(crate) fn lanes<V: Real, const N: usize>(&self, x: [V; N]) -> [V; N] {
        let (lo, hi) = (V::splat(self.lo), V::splat(self.hi));
        let mut inside = x;
        for x in &mut inside {
            // The order of the operands lets NaN through.
            *x = lo.greater(hi.lesser(*x));
        }
        let at = if self.extrapolate == Extrapolate::Polynomial { x } else { inside };
        let mut y = if self.intervals == 1 { self.single(at) } else { self.several(at) };
        match self.extrapolate {
            Extrapolate::Clamp | Extrapolate::Polynomial => {}
            Extrapolate::Linear => {
                let [first, last] = self.slopes;
                for i in 0..N {
                    let slope = V::pick(x[i].lt(lo), V::splat(first), V::splat(last));
                    y[i] = slope.fma(x[i] - inside[i], y[i]);
                }
            }
            Extrapolate::Zero => {
                for i in 0..N {
                    y[i] = V::pick(x[i].lt(lo), V::splat(0.0), y[i]);
                    y[i] = V::pick(hi.lt(x[i]), V::splat(0.0), y[i]);
                }
            }
        }
        y
    }

    #[inline(always)]
    fn single<V: Real, const N: usize>(&self, mut x: [V; N]) -> [V; N] {
        match &self.grid {
            Grid::Uniform { inverse_width } => {
                for x in &mut x {
                    let scaled = V::splat(2.0 * inverse_width);
                    *x = (*x - V::splat(self.lo)).fma(scaled, V::splat(-1.0));
                }
            }
            Grid::Sorted { centres, inverse_halves, .. } => {
                for x in &mut x {
                    *x = (*x - V::splat(centres[0])) * V::splat(inverse_halves[0]);
                }
            }
        }
        let mut sums = [V::splat(self.coefficients[0]); N];
        for row in self.coefficients[LOOKUP..].chunks_exact(LOOKUP) {
            let c = V::splat(row[0]);
            for i in 0..N {
                sums[i] = sums[i].fma(x[i], c);
            }
        }
        sums
    }

    #[inline(always)]
    fn several<V: Real, const N: usize>(&self, x: [V; N]) -> [V; N] {
        let (index, u) = self.locate(x);
        let base = self.coefficients.as_ptr();
        let mut sums = [V::splat(0.0); N];
        if self.intervals <= LOOKUP {
            for power in 0..=self.degree {
                // SAFETY: `coefficients` has degree + 1 rows of eight.
                let row = unsafe { base.add(power * LOOKUP) };
                for i in 0..N {
                    // SAFETY: the row has eight numbers, and the index is in 0..8.
                    sums[i] = sums[i].fma(u[i], unsafe { V::lookup8(row, index[i]) });
                }
            }
        } else {
            #[allow(clippy::cast_precision_loss)]
            let stride = V::splat((self.degree + 1) as f64);
            for power in 0..=self.degree {
                for i in 0..N {
                    // SAFETY: the index is below intervals, so the sum of the offsets is below
                    // intervals * (degree + 1), the length of `coefficients`.
                    let c = unsafe { V::gather(base.add(power), index[i] * stride) };
                    sums[i] = sums[i].fma(u[i], c);
                }
            }
        }
        sums
    }

    /// Interval in 0..intervals (also of NaN) and local coordinate.
    #[inline(always)]
    #[allow(clippy::cast_precision_loss)]
    fn locate<V: Real, const N: usize>(&self, x: [V; N]) -> ([V; N], [V; N]) {
        let last = V::splat((self.intervals - 1) as f64);
        let mut index = [V::splat(0.0); N];
        let mut u = x;
        match &self.grid {
            Grid::Uniform { inverse_width } => {
                for i in 0..N {
                    let w = (x[i] - V::splat(self.lo)) * V::splat(*inverse_width);
                    index[i] = w.floor().lesser(last).greater(V::splat(0.0));
                    u[i] = (w - index[i]).fma(V::splat(2.0), V::splat(-1.0));
                }
            }
            Grid::Sorted { breaks, centres, inverse_halves } => {
                let mut stride = self.intervals.next_power_of_two() / 2;
                while stride > 0 {
                    for i in 0..N {
                        let next = (index[i] + V::splat(stride as f64)).lesser(last);
                        // SAFETY: next <= intervals - 1 < breaks.len().
                        let low = unsafe { V::gather(breaks.as_ptr(), next) };
                        index[i] = V::pick(low.le(x[i]), next, index[i]);
                    }
                    stride /= 2;
                }
                for i in 0..N {
                    // SAFETY: index <= intervals - 1, the last of both arrays.
                    let (centre, inverse) = unsafe {
                        (
                            V::gather(centres.as_ptr(), index[i]),
                            V::gather(inverse_halves.as_ptr(), index[i]),
                        )
                    };
                    u[i] = (x[i] - centre) * inverse;
                }
            }
        }
        (index, u)
    }
}

/// Exponent of the coefficient at position `k`, highest power first.
#[allow(clippy::cast_precision_loss)]
fn power(degree: usize, k: usize) -> f64 {
    (degree - k) as f64
}

fn check_increasing(x: &[f64]) -> Result<(), TableError> {
    if x.len() < 2 {
        return Err(TableError::TooFewPoints { found: x.len() });
    }
    if let Some(index) = x.iter().position(|x| !x.is_finite()) {
        return Err(TableError::NotFinite { index });
    }
    match x.windows(2).position(|pair| pair[0] >= pair[1]) {
        Some(index) => Err(TableError::NotIncreasing { index }),
        None => Ok(()),
    }
}
