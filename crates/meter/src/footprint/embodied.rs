//! Carbon of making hardware, charged by the time that a run holds it.
//!
//! share = kg · t / (lifetime · used), with the lifetime 3 to 6 years (4.2 as geometric mean) and
//! the hardware in use all the time. Published values for one card differ by up to 3.5 times, so
//! everything here is a range.

use crate::provenance::Provenance;
use crate::quantity::Quantity;

/// Seconds of a year.
const YEAR_S: f64 = 365.25 * 86_400.0;
/// Years that hardware is used.
const LIFETIME_YEARS: (f64, f64) = (3.0, 6.0);

/// One piece of hardware.
#[derive(Debug, Clone, PartialEq)]
pub struct Embodied {
    /// Carbon of making it, kgCO2e.
    pub kg: Quantity,
}

impl Embodied {
    /// A piece whose range the user states, kgCO2e.
    #[must_use]
    pub fn given(name: &str, kg: (f64, f64)) -> Self {
        Self::range(kg, format!("{name}, as given"), "")
    }

    /// `count` hardware threads of a server. A server of 1,000 (Cloud Carbon Footprint's baseline)
    /// to 2,500 kg (assumed for BLOOM) is shared by 64 to 256 threads.
    #[must_use]
    pub fn server_threads(count: f64) -> Self {
        let kg = (count * 1_000.0 / 256.0, count * 2_500.0 / 64.0);
        Self::range(kg, format!("{count} threads of a server of 1000 to 2500 kg"), "2026")
    }

    /// A GPU by its model's name. Ranges are those of published and computed values.
    #[must_use]
    pub fn gpu(model: &str) -> Self {
        let known = [("H100", (164.0, 575.0)), ("A100", (181.0, 318.0)), ("L4", (114.0, 114.0))];
        let (name, kg) = known
            .into_iter()
            .find(|(name, _)| model.contains(name))
            .unwrap_or(("GPU of another model", (89.0, 575.0)));
        Self::range(kg, format!("{name}, range of published values"), "2026")
    }

    fn range(kg: (f64, f64), source: String, vintage: &str) -> Self {
        let kg = (kg.0.min(kg.1).max(0.0), kg.0.max(kg.1).max(0.0));
        let kg = Quantity::new((kg.0 * kg.1).sqrt(), kg, "kgCO2e").from_source(
            Provenance::Assumed,
            source,
            vintage,
        );
        Self { kg }
    }

    /// The share that falls on `wall_s` seconds, gCO2e.
    #[must_use]
    pub fn share(&self, wall_s: f64) -> Quantity {
        let (short, long) = LIFETIME_YEARS;
        let rate = |years: f64| wall_s / (years * YEAR_S);
        let part = Quantity::new(rate((short * long).sqrt()), (rate(long), rate(short)), "")
            .from_source(Provenance::Assumed, "lifetime of 3 to 6 years", "");
        self.kg.times(&part, "kgCO2e").scaled(1_000.0, "gCO2e")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gpu_hour_costs_some_grams_as_published() {
        // 150 to 575 kg over 4 years: 4 to 16 g an hour
        let share = Embodied::gpu("NVIDIA H100 80GB HBM3").share(3_600.0);
        assert!(share.low > 3.0 && share.high < 25.0 && share.low < share.value, "{share:?}");
        assert_eq!(share.unit, "gCO2e");
    }

    #[test]
    fn a_lifetime_of_use_costs_the_whole_piece() {
        let share = Embodied::given("box", (100.0, 100.0)).share(18.0_f64.sqrt() * YEAR_S);
        assert!((share.value - 100_000.0).abs() < 1e-6);
    }

    #[test]
    fn an_interval_in_the_wrong_order_is_turned_round() {
        let kg = Embodied::given("box", (9.0, 4.0)).kg;
        assert_eq!((kg.low, kg.value, kg.high), (4.0, 6.0, 9.0));
    }
}
