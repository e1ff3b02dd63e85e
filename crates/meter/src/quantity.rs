//! A number with everything that a reader needs to trust it.

use crate::provenance::Provenance;
use crate::report::EnergyReport;

/// A positive value with its interval, unit, provenance, source and vintage.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// The value, in `unit`.
    pub value: f64,
    /// Lower end of the interval that holds the true value in about 68 % of cases.
    pub low: f64,
    /// Upper end of that interval.
    pub high: f64,
    /// Unit of all three.
    pub unit: &'static str,
    /// How it was obtained; of a result, that of its weakest part.
    pub provenance: Provenance,
    /// Where it comes from, in words.
    pub source: String,
    /// Year or month of the source; empty where the value was made now.
    pub vintage: String,
}

impl Quantity {
    /// A value with an interval. Ends on the wrong side of the value are moved to it.
    #[must_use]
    pub fn new(value: f64, interval: (f64, f64), unit: &'static str) -> Self {
        Self {
            value,
            low: interval.0.min(value),
            high: interval.1.max(value),
            unit,
            provenance: Provenance::Assumed,
            source: String::new(),
            vintage: String::new(),
        }
    }

    /// A value without doubt, such as a definition.
    #[must_use]
    pub fn exact(value: f64, unit: &'static str) -> Self {
        Self::new(value, (value, value), unit)
    }

    /// Says where it comes from.
    #[must_use]
    pub fn from_source(
        mut self,
        provenance: Provenance,
        source: impl Into<String>,
        vintage: impl Into<String>,
    ) -> Self {
        (self.provenance, self.source, self.vintage) = (provenance, source.into(), vintage.into());
        self
    }

    /// The energy of a report, kWh.
    #[must_use]
    pub fn energy_of(report: &EnergyReport) -> Self {
        let kwh = |uj: u64| uj as f64 / 3.6e12;
        let interval = (kwh(report.total_low_uj), kwh(report.total_high_uj));
        let names: Vec<&str> = report.channels.iter().map(|c| c.name.as_str()).collect();
        Self::new(kwh(report.total_uj), interval, "kWh").from_source(
            report.provenance().unwrap_or(Provenance::Assumed),
            format!("meter channels {}", names.join(", ")),
            "",
        )
    }

    /// Half the width of the interval.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        0.5 * (self.high - self.low)
    }

    /// Product of two independent quantities.
    ///
    /// On each side the logarithms of the relative distances add in quadrature, which keeps a
    /// factor-of-two interval a factor of two and never gives a negative end; an end at 0 stays 0.
    #[must_use]
    pub fn times(&self, other: &Self, unit: &'static str) -> Self {
        self.combined(other, unit, self.value * other.value)
    }

    /// Quotient of two independent quantities; `None` if `other` may be 0.
    #[must_use]
    pub fn over(&self, other: &Self, unit: &'static str) -> Option<Self> {
        if other.low <= 0.0 {
            return None;
        }
        let inverse = Self {
            value: 1.0 / other.value,
            low: 1.0 / other.high,
            high: 1.0 / other.low,
            ..other.clone()
        };
        Some(self.times(&inverse, unit))
    }

    fn combined(&self, other: &Self, unit: &'static str, value: f64) -> Self {
        let distance = |value: f64, end: f64| if value > 0.0 { (end / value).ln() } else { 0.0 };
        let side = |end: fn(&Self) -> f64| {
            distance(self.value, end(self)).hypot(distance(other.value, end(other)))
        };
        let interval = (value * (-side(|q| q.low)).exp(), value * side(|q| q.high).exp());
        Self::new(value, interval, unit).from_source(
            self.provenance.max(other.provenance),
            join(&self.source, &other.source, " x "),
            later(&self.vintage, &other.vintage),
        )
    }

    /// Sum of two independent quantities of one unit: distances add in quadrature on each side.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let value = self.value + other.value;
        let below = (self.value - self.low).hypot(other.value - other.low);
        let above = (self.high - self.value).hypot(other.high - other.value);
        Self::new(value, ((value - below).max(0.0), value + above), self.unit).from_source(
            self.provenance.max(other.provenance),
            join(&self.source, &other.source, " + "),
            later(&self.vintage, &other.vintage),
        )
    }

    /// Multiplied by a number without doubt.
    #[must_use]
    pub fn scaled(&self, factor: f64, unit: &'static str) -> Self {
        Self {
            value: self.value * factor,
            low: self.low * factor,
            high: self.high * factor,
            unit,
            ..self.clone()
        }
    }
}

fn join(a: &str, b: &str, sign: &str) -> String {
    if a.is_empty() || b.is_empty() { format!("{a}{b}") } else { format!("{a}{sign}{b}") }
}

fn later(a: &str, b: &str) -> String {
    if a.is_empty() || b.is_empty() || a == b {
        return if a.is_empty() { b } else { a }.to_owned();
    }
    format!("{a}, {b}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn q(value: f64, low: f64, high: f64) -> Quantity {
        Quantity::new(value, (low, high), "x")
    }

    #[test]
    fn small_relative_errors_of_a_product_add_in_quadrature() {
        let product = q(10.0, 9.7, 10.3).times(&q(2.0, 1.92, 2.08), "y");
        assert!((product.value - 20.0).abs() < 1e-12);
        assert!((product.sigma() / 20.0 - 0.05).abs() < 1e-3, "3 % and 4 % give 5 %");
    }

    #[test]
    fn a_factor_of_two_times_an_exact_number_stays_a_factor_of_two() {
        let product = q(10.0, 5.0, 20.0).times(&Quantity::exact(3.0, "y"), "z");
        assert!((product.low - 15.0).abs() < 1e-9 && (product.high - 60.0).abs() < 1e-9);
    }

    #[test]
    fn an_end_at_zero_stays_at_zero() {
        let product = q(1.0, 0.0, 2.0).times(&q(1.0, 0.5, 2.0), "z");
        assert_eq!(product.low, 0.0);
        assert!(q(1.0, 1.0, 1.0).over(&q(1.0, 0.0, 2.0), "z").is_none());
    }

    #[test]
    fn zero_times_anything_is_zero_with_no_interval() {
        let product = q(0.0, 0.0, 0.0).times(&q(1.0, 0.5, 2.0), "z");
        assert_eq!((product.value, product.low, product.high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn sums_keep_lopsided_intervals_and_the_weakest_provenance() {
        let a = q(10.0, 7.0, 10.0).from_source(Provenance::Measured, "a", "2024");
        let b = q(1.0, 1.0, 5.0).from_source(Provenance::Estimated, "b", "2026");
        let sum = a.plus(&b);
        assert_eq!((sum.value, sum.low, sum.high), (11.0, 8.0, 15.0));
        assert_eq!(sum.provenance, Provenance::Estimated);
        assert_eq!((sum.source.as_str(), sum.vintage.as_str()), ("a + b", "2024, 2026"));
    }
}
