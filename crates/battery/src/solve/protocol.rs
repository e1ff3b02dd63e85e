//! What the cell is asked to do: steps of current, power, voltage or a measured profile.

use super::scalar::Scalar;
use crate::Cell;

/// What a step holds. Current and power are positive on discharge.
#[derive(Debug, Clone, PartialEq)]
pub enum Control {
    /// Current in A.
    Current(f64),
    /// Power in W.
    Power(f64),
    /// Voltage in V.
    Voltage(f64),
    /// Current in A at times in s from the start of the step, with straight lines between them.
    Profile {
        /// Times in s from 0 on, never falling; a time that stands twice is a jump.
        time_s: Vec<f64>,
        /// Currents in A.
        current_a: Vec<f64>,
    },
}

/// A step: what is held, and when it ends. The first end that comes true counts.
#[derive(Debug, Clone, PartialEq)]
pub struct ProtocolStep {
    /// What is held.
    pub control: Control,
    /// Longest duration in s; needed where nothing else ends the step.
    pub duration_s: Option<f64>,
    /// Ends when the voltage falls to this on discharge, V.
    pub lower_v: Option<f64>,
    /// Ends when the voltage rises to this on charge, V.
    pub upper_v: Option<f64>,
    /// Ends when the size of the current falls to this, A.
    pub current_below_a: Option<f64>,
}

impl ProtocolStep {
    /// A step without ends, for `ProtocolStep { duration_s: …, ..ProtocolStep::new(control) }`.
    pub fn new(control: Control) -> Self {
        Self { control, duration_s: None, lower_v: None, upper_v: None, current_below_a: None }
    }

    /// Discharge at a C-rate to the lower cut-off of the cell.
    pub fn discharge(cell: &Cell, c_rate: f64) -> Self {
        let control = Control::Current(c_rate * cell.nominal_capacity_a_h);
        Self { lower_v: Some(cell.lower_cutoff_v), ..Self::new(control) }
    }

    /// No current for a time in s.
    pub fn rest(duration_s: f64) -> Self {
        Self { duration_s: Some(duration_s), ..Self::new(Control::Current(0.0)) }
    }

    /// Charge at a C-rate to the upper cut-off, then hold it until the current is below a C-rate.
    pub fn charge_cc_cv(cell: &Cell, c_rate: f64, end_c_rate: f64) -> Vec<Self> {
        let one = cell.nominal_capacity_a_h;
        vec![
            Self {
                upper_v: Some(cell.upper_cutoff_v),
                ..Self::new(Control::Current(-c_rate * one))
            },
            Self {
                current_below_a: Some(end_c_rate * one),
                ..Self::new(Control::Voltage(cell.upper_cutoff_v))
            },
        ]
    }
}

/// What is held at one moment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Drive {
    Current(f64),
    Power(f64),
    Voltage(f64),
}

impl Drive {
    /// Zero where voltage and current obey; a held current is multiplied by `factor`.
    pub(super) fn residual<S: Scalar>(self, voltage: S, current: S, factor: S) -> S {
        match self {
            Self::Current(held) => current - factor.scale(held),
            Self::Power(held) => voltage * current - S::of(held),
            Self::Voltage(held) => voltage - S::of(held),
        }
    }

    /// Slopes of that by voltage and current.
    pub(super) fn slopes(self, voltage: f64, current: f64) -> (f64, f64) {
        match self {
            Self::Current(_) => (0.0, 1.0),
            Self::Power(_) => (current, voltage),
            Self::Voltage(_) => (1.0, 0.0),
        }
    }
}

impl Control {
    /// What is held `time` seconds after the start of the step; at a jump what was held before it.
    pub(super) fn drive(&self, time: f64) -> Drive {
        match self {
            Self::Current(held) => Drive::Current(*held),
            Self::Power(held) => Drive::Power(*held),
            Self::Voltage(held) => Drive::Voltage(*held),
            Self::Profile { time_s, current_a } => {
                let right = time_s.partition_point(|t| *t < time).min(time_s.len() - 1);
                let Some(left) = right.checked_sub(1) else { return Drive::Current(current_a[0]) };
                let (t0, t1) = (time_s[left], time_s[right]);
                let part = ((time - t0) / (t1 - t0)).clamp(0.0, 1.0);
                Drive::Current(current_a[left] + part * (current_a[right] - current_a[left]))
            }
        }
    }

    /// What is held after a jump that lies within `slack` seconds before or after `time`, if there is one.
    pub(super) fn jump(&self, time: f64, slack: f64) -> Option<Drive> {
        let Self::Profile { time_s, current_a } = self else { return None };
        let first = time_s.partition_point(|t| *t < time - slack);
        let last = time_s.partition_point(|t| *t <= time + slack).checked_sub(1)?;
        (last > first && time_s[last] == time_s[last - 1]).then(|| Drive::Current(current_a[last]))
    }

    /// Straight pieces of a profile; none of what is held.
    pub(super) fn pieces(&self) -> usize {
        match self {
            Self::Profile { time_s, .. } => time_s.len() - 1,
            _ => 0,
        }
    }

    /// Time in s at which a profile ends.
    pub(super) fn length(&self) -> Option<f64> {
        match self {
            Self::Profile { time_s, .. } => time_s.last().copied(),
            _ => None,
        }
    }

    /// The next time after `time` at which a profile has a kink; steps must not cross it.
    pub(super) fn next_kink(&self, time: f64) -> Option<f64> {
        match self {
            Self::Profile { time_s, .. } => {
                time_s.get(time_s.partition_point(|t| *t <= time)).copied()
            }
            _ => None,
        }
    }
}
