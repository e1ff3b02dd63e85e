//! Axes: ranges, ticks and the map from values to pixels.

use super::text::{superscript, with_unit};

/// How an axis spreads values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// Evenly.
    Linear,
    /// By the logarithm; values that are not positive are left out.
    Log,
}

/// An axis.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// What it shows.
    pub name: String,
    /// Printed unit; empty for none.
    pub unit: String,
    /// How it spreads values.
    pub spread: Spread,
    /// Least and greatest value shown.
    pub range: (f64, f64),
    /// Names instead of numbers, at 0, 1, 2, …
    pub categories: Vec<String>,
}

/// Ticks of an axis.
pub(crate) struct Ticks {
    /// Places with their labels.
    pub major: Vec<(f64, String)>,
    /// Places without.
    pub minor: Vec<f64>,
    /// Label of the axis, with the unit and a power of ten if the tick labels need one.
    pub label: String,
}

impl Axis {
    /// A linear axis over values, with `margin` (a part of the range) at both ends.
    pub(crate) fn linear(
        name: &str,
        unit: &str,
        values: impl IntoIterator<Item = f64>,
        margin: f64,
    ) -> Self {
        let (mut low, mut high) = extent(values);
        if low > high {
            (low, high) = (0.0, 1.0);
        }
        let mut width = high - low;
        if width <= 1e-12 * low.abs().max(high.abs()) {
            width = if high == 0.0 { 1.0 } else { high.abs() * 0.2 };
            (low, high) = (low - width / 2.0, high + width / 2.0);
        }
        let range = (low - margin * width, high + margin * width);
        Self::new(name, unit, Spread::Linear, range)
    }

    /// A linear axis that begins at zero.
    pub(crate) fn from_zero(name: &str, unit: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let high = extent(values).1.max(0.0);
        let high = if high > 0.0 && high.is_finite() { high * 1.06 } else { 1.0 };
        Self::new(name, unit, Spread::Linear, (0.0, high))
    }

    /// A logarithmic axis over the positive values.
    pub(crate) fn log(name: &str, unit: &str, values: impl IntoIterator<Item = f64>) -> Self {
        let (low, high) = extent(values.into_iter().filter(|&value| value > 0.0));
        let (mut low, mut high) =
            if low > high { (-1.0, 0.0) } else { (low.log10(), high.log10()) };
        let width = (high - low).max(0.7);
        let middle = (low + high) / 2.0;
        low = middle - width * 0.54;
        high = middle + width * 0.54;
        Self::new(name, unit, Spread::Log, (10_f64.powf(low), 10_f64.powf(high)))
    }

    /// Logarithmic if `log` and every value is positive, else linear.
    pub(crate) fn by_scale(name: &str, unit: &str, log: bool, values: &[f64]) -> Self {
        if log && values.iter().all(|&value| value > 0.0) {
            Self::log(name, unit, values.iter().copied())
        } else {
            Self::linear(name, unit, values.iter().copied(), 0.05)
        }
    }

    /// An axis of names, the first at the top.
    pub(crate) fn categories(names: Vec<String>) -> Self {
        let range = (names.len() as f64 - 0.5, -0.5);
        Self { categories: names, ..Self::new("", "", Spread::Linear, range) }
    }

    fn new(name: &str, unit: &str, spread: Spread, range: (f64, f64)) -> Self {
        let (name, unit) = (name.to_owned(), unit.to_owned());
        Self { name, unit, spread, range, categories: Vec::new() }
    }

    /// Place of a value from 0 at the lower end to 1 at the upper; `None` if it has no place.
    pub(crate) fn fraction(&self, value: f64) -> Option<f64> {
        let (low, high) = self.range;
        let fraction = match self.spread {
            Spread::Linear => (value - low) / (high - low),
            Spread::Log if value > 0.0 => (value / low).ln() / (high / low).ln(),
            Spread::Log => return None,
        };
        fraction.is_finite().then_some(fraction)
    }

    /// Ticks for an axis with room for about `most` labels.
    pub(crate) fn ticks(&self, most: usize) -> Ticks {
        if !self.categories.is_empty() {
            let major = self.categories.iter().enumerate();
            let major = major.map(|(place, name)| (place as f64, name.clone())).collect();
            return Ticks { major, minor: Vec::new(), label: self.name.clone() };
        }
        match self.spread {
            Spread::Linear => self.linear_ticks(most.max(2)),
            Spread::Log => self.log_ticks(most.max(2)),
        }
    }

    fn linear_ticks(&self, most: usize) -> Ticks {
        let (low, high) = self.range;
        let step = nice_step((high - low) / most as f64);
        let largest = low.abs().max(high.abs());
        let power =
            if !(1e-2..1e5).contains(&largest) { largest.log10().floor() as i32 } else { 0 };
        let factor = 10_f64.powi(-power);
        let mut decimals = (0..12)
            .find(|&d| {
                let scaled = step * factor * 10_f64.powi(d);
                (scaled - scaled.round()).abs() < 1e-6 * scaled
            })
            .unwrap_or(3) as usize;
        decimals = decimals.min(8);
        let first = (low / step - 1e-9).ceil() as i64;
        let last = (high / step + 1e-9).floor() as i64;
        let major = (first..=last)
            .map(|k| {
                let value = k as f64 * step;
                let text = format!("{:.decimals$}", value * factor);
                let zero = text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.');
                let text = if zero { "0".to_owned() } else { text.replace('-', "−") };
                (value, text)
            })
            .collect();
        let unit = match (power, self.unit.is_empty()) {
            (0, _) => self.unit.clone(),
            (_, true) => format!("10{}", superscript(power)),
            (_, false) => format!("10{}\u{a0}{}", superscript(power), self.unit),
        };
        Ticks { major, minor: Vec::new(), label: with_unit(&self.name, &unit) }
    }

    fn log_ticks(&self, most: usize) -> Ticks {
        let (low, high) = (self.range.0.log10(), self.range.1.log10());
        let decades = high - low;
        let slack = 0.002 * decades;
        let inside = |exponent: f64| exponent >= low - slack && exponent <= high + slack;
        let (first, last) = (low.floor() as i32, high.ceil() as i32);
        let every = (decades / most as f64).ceil().max(1.0) as i32;
        let mut major = Vec::new();
        let mut minor = Vec::new();
        // Plain digits where all fit a glance, else powers of ten throughout.
        let plain = low >= -2.2 && high <= 3.9;
        for exponent in first..=last {
            for digit in 1..10 {
                let at = f64::from(exponent) + f64::from(digit).log10();
                if !inside(at) {
                    continue;
                }
                let value = 10_f64.powf(at);
                let labelled = match digit {
                    1 => exponent.rem_euclid(every) == 0,
                    2 | 5 => decades < 2.3 && 3.0 * decades <= most as f64 + 1.0,
                    3 => decades < 0.8,
                    _ => false,
                };
                if labelled {
                    let text = match (plain, digit) {
                        (true, _) => {
                            let decimals = usize::try_from(-exponent).unwrap_or(0);
                            format!("{value:.decimals$}")
                        }
                        (false, 1) => format!("10{}", superscript(exponent)),
                        (false, _) => format!("{digit}·10{}", superscript(exponent)),
                    };
                    major.push((value, text));
                } else if digit == 1 || decades < 7.0 {
                    minor.push(value);
                }
            }
        }
        Ticks { major, minor, label: with_unit(&self.name, &self.unit) }
    }
}

/// Least and greatest finite value; the least is above the greatest if there is none.
pub(crate) fn extent(values: impl IntoIterator<Item = f64>) -> (f64, f64) {
    let finite = values.into_iter().filter(|value| value.is_finite());
    finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// The least of 1, 2, 5 times a power of ten that is not below `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10_f64.powf(step.log10().floor());
    let times = [1.0, 2.0, 5.0, 10.0].into_iter().find(|times| times * power >= step * 0.999);
    times.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis, most: usize) -> Vec<String> {
        axis.ticks(most).major.into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round_and_equally_precise() {
        let axis = Axis::linear("Voltage", "V", [2.5, 4.18], 0.0);
        assert_eq!(labels(&axis, 5), ["2.5", "3.0", "3.5", "4.0"]);
        let axis = Axis::linear("Error", "mV", [-0.11, 0.1], 0.0);
        assert_eq!(labels(&axis, 5), ["−0.10", "−0.05", "0", "0.05", "0.10"]);
    }

    #[test]
    fn large_and_small_numbers_share_a_power_of_ten() {
        let axis = Axis::linear("Diffusivity", "m² s⁻¹", [1e-14, 5e-14], 0.0);
        let ticks = axis.ticks(5);
        assert_eq!(ticks.label, "Diffusivity (10⁻¹⁴\u{a0}m² s⁻¹)");
        assert_eq!(ticks.major[0].1, "1");
    }

    #[test]
    fn decades_are_thinned_and_short_ranges_get_more_labels() {
        let axis = Axis::log("Loss", "", [1e-12, 1.0]);
        assert!(labels(&axis, 6).len() <= 7);
        let axis = Axis::log("Energy", "J", [20.0, 300.0]);
        assert!(labels(&axis, 6).contains(&"50".to_owned()));
        // no room for them beside the powers of ten
        let axis = Axis::log("Diffusivity", "m²/s", [1e-15, 1e-13]);
        assert_eq!(labels(&axis, 4), ["10⁻¹⁵", "10⁻¹⁴", "10⁻¹³"]);
    }

    #[test]
    fn empty_constant_and_bad_values_give_a_range() {
        for values in [vec![], vec![f64::NAN], vec![3.0, 3.0], vec![0.0], vec![-1.0]] {
            for axis in [
                Axis::linear("x", "", values.clone(), 0.05),
                Axis::log("x", "", values.clone()),
                Axis::from_zero("x", "", values.clone()),
            ] {
                assert!(axis.range.0 < axis.range.1, "{values:?} {:?}", axis.range);
                assert!(labels(&axis, 5).len() < 40);
            }
        }
    }
}
