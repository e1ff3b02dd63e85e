//! Stoichiometries of the full and the empty cell, from its cut-off voltages and its lithium.

use super::{Cell, CellError};

/// Closest approach to stoichiometry 0 and 1, where many published potentials diverge.
const MARGIN: f64 = 1e-9;

impl Cell {
    /// The cell with the window of stoichiometries at whose ends the open-circuit voltage is the
    /// upper and the lower cut-off, the lithium in both electrodes together kept.
    ///
    /// # Errors
    /// [`CellError::NoSuchVoltage`] where a cut-off is out of reach.
    pub fn with_window_from_cutoffs(mut self) -> Result<Self, CellError> {
        let full = self.stoichiometries_at_voltage(self.upper_cutoff_v)?;
        let empty = self.stoichiometries_at_voltage(self.lower_cutoff_v)?;
        (self.negative.stoichiometry_full, self.positive.stoichiometry_full) = full;
        (self.negative.stoichiometry_empty, self.positive.stoichiometry_empty) = empty;
        Ok(self)
    }

    /// Charge in A h between the initial state and the lower cut-off, if the cell were at rest all the
    /// time: no discharge takes out more. `active_n` and `active_p` multiply the active material.
    ///
    /// Where the open-circuit voltage stays above the cut-off, up to the end of the lithium.
    pub fn charge_to_cutoff_a_h(&self, active_n: f64, active_p: f64) -> f64 {
        let q_n = active_n * self.negative.capacity_c_m2();
        let q_p = active_p * self.positive.capacity_c_m2();
        let (x, y) = (self.initial.stoichiometry_n, self.initial.stoichiometry_p);
        let warmth = self.initial.temperature_k - self.reference_temperature_k;
        let voltage = |moved: f64| {
            let (x, y) = (x - moved / q_n, y + moved / q_p);
            let entropic =
                self.positive.entropic_change.value(y) - self.negative.entropic_change.value(x);
            self.open_circuit_voltage(x, y) + warmth * entropic
        };
        let (mut above, mut below) = (0.0, (q_n * (x - MARGIN)).min(q_p * (1.0 - MARGIN - y)));
        if voltage(below) < self.lower_cutoff_v {
            while below - above > 1e-12 * (q_n + q_p) {
                let middle = 0.5 * (above + below);
                if voltage(middle) > self.lower_cutoff_v { above = middle } else { below = middle }
            }
        }
        below * self.area_m2 / 3600.0
    }

    /// Stoichiometries (negative, positive) with an open-circuit voltage in V, at the initial lithium.
    ///
    /// Bisection in the charge that is moved, in C m-2.
    fn stoichiometries_at_voltage(&self, voltage_v: f64) -> Result<(f64, f64), CellError> {
        let (q_n, q_p) = (self.negative.capacity_c_m2(), self.positive.capacity_c_m2());
        let (x, y) = (self.initial.stoichiometry_n, self.initial.stoichiometry_p);
        let at = |moved: f64| (x - moved / q_n, y + moved / q_p);
        let voltage = |moved: f64| {
            let (x, y) = at(moved);
            self.open_circuit_voltage(x, y)
        };
        let mut charged = (q_n * (x - 1.0 + MARGIN)).max(q_p * (MARGIN - y));
        let mut discharged = (q_n * (x - MARGIN)).min(q_p * (1.0 - MARGIN - y));
        let (highest_v, lowest_v) = (voltage(charged), voltage(discharged));
        if !(lowest_v..=highest_v).contains(&voltage_v) {
            let cell = self.name.clone();
            return Err(CellError::NoSuchVoltage { cell, voltage_v, lowest_v, highest_v });
        }
        while discharged - charged > 1e-14 * (q_n + q_p) {
            let middle = 0.5 * (charged + discharged);
            if voltage(middle) > voltage_v { charged = middle } else { discharged = middle }
        }
        Ok(at(0.5 * (charged + discharged)))
    }
}
