//! Numbers that formulas are written for: f64, and f64 with its derivatives by the multipliers.

use std::ops::{Add, Div, Mul, Neg, Sub};

use super::parameters::PARAMETERS;

/// A number of the model: plain, or with derivatives.
pub trait Scalar:
    Copy
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
{
    /// A number without derivatives.
    fn of(value: f64) -> Self;
    /// The number itself.
    fn value(self) -> f64;
    /// A function of this number, from its value and slope here.
    fn lift(self, value: f64, slope: f64) -> Self;

    /// The largest of the number and its derivatives.
    fn size(self) -> f64;

    /// Times a factor.
    fn scale(self, factor: f64) -> Self {
        self.lift(self.value() * factor, factor)
    }

    /// e to the power of the number.
    fn exp(self) -> Self {
        let value = self.value().exp();
        self.lift(value, value)
    }

    /// Natural logarithm.
    fn ln(self) -> Self {
        self.lift(self.value().ln(), 1.0 / self.value())
    }

    /// Square root.
    fn sqrt(self) -> Self {
        let root = self.value().sqrt();
        self.lift(root, 0.5 / root)
    }

    /// Inverse hyperbolic sine.
    fn asinh(self) -> Self {
        let x = self.value();
        self.lift(x.asinh(), 1.0 / (1.0 + x * x).sqrt())
    }
}

impl Scalar for f64 {
    fn of(value: f64) -> Self {
        value
    }
    fn value(self) -> f64 {
        self
    }
    fn lift(self, value: f64, _: f64) -> Self {
        value
    }
    fn size(self) -> f64 {
        self.abs()
    }
}

/// A number with its derivatives by the logarithms of the multipliers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dual {
    /// The number.
    pub v: f64,
    /// Derivatives, in the order of [`Parameter::ALL`](super::Parameter::ALL).
    pub d: [f64; PARAMETERS],
}

impl Dual {
    /// Both combined by `v`, derivatives by the chain rule with slopes `a` and `b`.
    fn join(self, other: Self, v: f64, a: f64, b: f64) -> Self {
        let mut d = [0.0; PARAMETERS];
        for (k, d) in d.iter_mut().enumerate() {
            *d = a * self.d[k] + b * other.d[k];
        }
        Self { v, d }
    }
}

impl Scalar for Dual {
    fn of(v: f64) -> Self {
        Self { v, d: [0.0; PARAMETERS] }
    }
    fn value(self) -> f64 {
        self.v
    }
    fn lift(self, v: f64, slope: f64) -> Self {
        Self { v, d: self.d.map(|d| slope * d) }
    }
    fn size(self) -> f64 {
        self.d.iter().fold(self.v.abs(), |size, d| size.max(d.abs()))
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        self.join(other, self.v + other.v, 1.0, 1.0)
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self.join(other, self.v - other.v, 1.0, -1.0)
    }
}

impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        self.join(other, self.v * other.v, other.v, self.v)
    }
}

impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let v = self.v / other.v;
        self.join(other, v, 1.0 / other.v, -v / other.v)
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        self.lift(-self.v, -1.0)
    }
}
