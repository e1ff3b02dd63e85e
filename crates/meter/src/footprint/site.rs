//! What the place where a machine stands adds: cooling, power conversion, water.

use crate::provenance::Provenance;
use crate::quantity::Quantity;

/// Where the machine stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Site {
    /// An office or a home: nothing is added for cooling, by definition.
    Desk,
    /// A data centre of which nothing is known.
    DataCentre,
    /// A site whose PUE is known.
    Declared {
        /// Total over IT energy, at least 1.
        pue: f64,
    },
}

impl Site {
    /// Total energy of the site over that of its computers.
    ///
    /// For a data centre the world-wide survey mean of 2025 (1.54); the interval reaches from large
    /// fleets (1.1) to 2.0.
    #[must_use]
    pub fn pue(self) -> Quantity {
        match self {
            Self::Desk => Quantity::exact(1.0, "").from_source(
                Provenance::Assumed,
                "PUE 1 of a desk, by definition",
                "",
            ),
            Self::DataCentre => Quantity::new(1.54, (1.1, 2.0), "").from_source(
                Provenance::Assumed,
                "Uptime Institute, world mean PUE",
                "2025",
            ),
            Self::Declared { pue } => {
                Quantity::exact(pue, "").from_source(Provenance::Assumed, "PUE as declared", "")
            }
        }
    }

    /// Water evaporated on the site, L for each kWh of IT energy. A desk uses none. Sites between
    /// 0.25 (a cloud fleet, 2021) and 1.8 (industry mean, 2016) are common; the value is their
    /// geometric mean.
    #[must_use]
    pub fn water(self) -> Quantity {
        match self {
            Self::Desk => Quantity::exact(0.0, "L/kWh").from_source(
                Provenance::Assumed,
                "no cooling water at a desk",
                "",
            ),
            Self::DataCentre | Self::Declared { .. } => {
                Quantity::new((0.25_f64 * 1.8).sqrt(), (0.25, 1.8), "L/kWh").from_source(
                    Provenance::Assumed,
                    "range of published WUE (AWS 2021 to LBNL 2016)",
                    "2021",
                )
            }
        }
    }
}

/// Water used in making electricity, for want of a local value, L/kWh: the world's mean, with an
/// interval over countries (16th to 84th of the 49 that the source lists).
#[must_use]
pub fn world_water() -> Quantity {
    Quantity::new(3.908, (2.13, 7.36), "L/kWh").from_source(
        Provenance::Assumed,
        "world mean, EcoLogits 0.11.3",
        "2026",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_desk_adds_nothing_and_says_why() {
        assert_eq!(Site::Desk.pue().value, 1.0);
        assert_eq!(Site::Desk.water().value, 0.0);
        assert!(Site::Desk.pue().source.contains("definition"));
    }

    #[test]
    fn a_declared_pue_is_taken_as_it_is() {
        let pue = Site::Declared { pue: 1.2 }.pue();
        assert_eq!((pue.value, pue.sigma()), (1.2, 0.0));
    }
}
