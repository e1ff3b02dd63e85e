//! What the same evaluations would take by the reference solver, and when training is paid back.

use serde_json::{Value, json};
use surrogate_run::RunDirectory;
use surrogate_run::schema::Payback;

use crate::footprint::scaled;

/// Energies of one calibration, J.
#[derive(Debug, Clone, Copy)]
pub struct Repaid {
    /// The same evaluations by the reference solver, which gives no derivatives with them.
    pub by_solver_j: f64,
    /// Calibration by the surrogate: sampling and certificate.
    pub own_j: f64,
    /// Training of the surrogate.
    pub training_j: f64,
}

impl Repaid {
    /// From what training has measured of solves; `None` where it has not.
    pub fn of(run: &RunDirectory, evaluations: u64, curves: usize, own_j: f64) -> Option<Self> {
        let measured: Payback = surrogate_run::read_json(&run.file("payback.json")).ok()?;
        let by_solver_j = measured.energy_per_solve_j * evaluations as f64 * curves as f64;
        Some(Self { by_solver_j, own_j, training_j: measured.energy_training_j })
    }

    /// Calibrations after which training has paid for itself; `None` if it never does.
    pub fn calibrations(&self) -> Option<f64> {
        let gain_j = self.by_solver_j - self.own_j;
        (gain_j > 0.0).then(|| self.training_j / gain_j)
    }

    /// For `summary.json`.
    pub fn json(&self) -> Value {
        json!({
            "by_solver_j": self.by_solver_j,
            "training_j": self.training_j,
            "calibrations": self.calibrations(),
        })
    }

    /// For people.
    pub fn words(&self) -> String {
        let joules = |j: f64| scaled(j, "J");
        let when = match self.calibrations() {
            Some(n) => {
                let training = joules(self.training_j);
                format!("training ({training}) is paid back after {n:.2} such calibrations")
            }
            None => "training is never paid back".to_string(),
        };
        let (own, solver) = (joules(self.own_j), joules(self.by_solver_j));
        format!("{own} for what takes {solver} by the reference solver; {when}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn training_is_paid_back_by_what_each_calibration_saves() {
        let repaid = Repaid { by_solver_j: 30.0, own_j: 10.0, training_j: 40.0 };
        assert_eq!(repaid.calibrations(), Some(2.0));
        assert!(repaid.words().contains("paid back after 2.00 such"), "{}", repaid.words());
        assert_eq!(Repaid { by_solver_j: 5.0, ..repaid }.calibrations(), None);
    }
}
