//! What a simulation leaves: curves, why it ended, what it took.

use super::parameters::PARAMETERS;
use super::{Fields, Parameter};

/// How far below its cut-off a discharge is continued, V.
const DEEPEST_V: f64 = 1.0;

/// What holds the cell back where a discharge (or charge) ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanism {
    /// The negative particles run out of lithium at their surface (or of room, on charge).
    NegativeElectrode,
    /// The positive particles run out of room at their surface (or of lithium, on charge).
    PositiveElectrode,
    /// The electrolyte is depleted in an electrode, or its resistance and that of the solid grow.
    Electrolyte,
}

/// Why a step ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ended {
    /// The voltage fell to the limit; the mechanism is the part of the cell that lost most in the
    /// last fall.
    LowerVoltage(Mechanism),
    /// The voltage rose to the limit.
    UpperVoltage(Mechanism),
    /// A surface has no lithium or no room left (to 1e-12), or the electrolyte none, before the voltage
    /// reached a limit. It falls as a logarithm there, and would reach the limit practically at once:
    /// the end of the run is that of the discharge, and its last voltage lies above the limit.
    Saturated(Mechanism),
    /// The duration of the step is over.
    Duration,
    /// The current fell to its limit.
    Current,
    /// Its limit held from the beginning: the step was left out, and has no entries.
    Skipped,
}

/// Which resolution answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resolution {
    /// That of the options.
    #[default]
    Asked,
    /// The linear elements of [`Options::depleting`](super::Options::depleting): those of the options
    /// could not follow the electrolyte into depletion. The end is known to about 1 %.
    Depleting,
}

/// What a simulation took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Steps accepted.
    pub steps: usize,
    /// Steps refused by error control or by a failed iteration.
    pub rejected: usize,
    /// Newton iterations.
    pub iterations: usize,
}

/// Derivatives by the logarithms of the multipliers, in the order of [`Parameter::ALL`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Sensitivities {
    /// Of the voltage at fixed times, V: one list for each parameter, with the entries of the curve.
    pub voltage_v: [Vec<f64>; PARAMETERS],
    /// Of the potential of the negative electrode at fixed times, V, likewise.
    pub negative_potential_v: [Vec<f64>; PARAMETERS],
    /// Of the time in s at which the last step ended, where a voltage or saturation ended it.
    pub end_time_s: Option<[f64; PARAMETERS]>,
}

/// A simulation. Lists have one entry for each accepted time; where a new protocol step sets in, or a
/// profile jumps, the same time stands twice, before and after.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Solution {
    /// Times in s.
    pub time_s: Vec<f64>,
    /// Voltages in V.
    pub voltage_v: Vec<f64>,
    /// Potential of the negative collector over the electrolyte in the middle of the separator in V (over
    /// the electrolyte in SPM); that of the positive one is this plus the voltage.
    pub negative_potential_v: Vec<f64>,
    /// Currents in A, positive on discharge.
    pub current_a: Vec<f64>,
    /// Temperatures in K.
    pub temperature_k: Vec<f64>,
    /// Mean stoichiometries of both electrodes, negative first.
    pub mean_stoichiometry: Vec<[f64; 2]>,
    /// Lithium in the electrolyte over that at the start, where it is resolved.
    pub electrolyte_lithium: Vec<f64>,
    /// First entry of each part without a jump: each protocol step that was not left out, and each jump of a profile,
    /// begins one.
    pub step_starts: Vec<usize>,
    /// Why each protocol step ended.
    pub ended: Vec<Ended>,
    /// Which resolution answered.
    pub resolution: Resolution,
    /// What it took.
    pub work: Work,
    /// Fields inside the cell at every entry, where they were asked for.
    pub fields: Vec<Fields>,
    /// Derivatives, where they were asked for.
    pub sensitivities: Option<Sensitivities>,
}

impl Solution {
    /// Time of the last entry, s.
    pub fn end_time_s(&self) -> f64 {
        self.time_s.last().copied().unwrap_or(0.0)
    }

    /// Charge that was taken out, A h: exact for currents linear over each step.
    pub fn charge_a_h(&self) -> f64 {
        let pairs = self.time_s.windows(2).zip(self.current_a.windows(2));
        pairs.map(|(t, i)| 0.5 * (t[1] - t[0]) * (i[0] + i[1])).sum::<f64>() / 3600.0
    }

    /// Voltage in V at a time in s: cubic between entries of a step, the end values outside.
    pub fn voltage_at(&self, time_s: f64) -> f64 {
        self.interpolated(&self.voltage_v, time_s)
    }

    /// Voltage in V of a discharge at a time in s, also after its end, for curves of one length.
    ///
    /// After the end the curve goes straight on from the lower cut-off with its last slope, down to
    /// 1 V below: numbers there only say that the discharge is over. A discharge that ended by
    /// saturation above the cut-off falls to it at once.
    pub fn continued_voltage_at(&self, time_s: f64, lower_cutoff_v: f64) -> f64 {
        let after = time_s - self.end_time_s();
        if after <= 0.0 {
            return self.voltage_at(time_s);
        }
        let fall = self.last_slope() * after;
        // a slope that is unknown or rises belongs to a curve that ends in a vertical fall
        let fall = if fall < 0.0 { fall.max(-DEEPEST_V) } else { -DEEPEST_V };
        lower_cutoff_v + fall
    }

    /// Derivative of the voltage by the logarithm of a multiplier at a time in s, V; `None` where
    /// sensitivities were not asked for.
    pub fn voltage_sensitivity_at(&self, parameter: Parameter, time_s: f64) -> Option<f64> {
        let all = self.sensitivities.as_ref()?;
        Some(self.interpolated(&all.voltage_v[parameter as usize], time_s))
    }

    /// Takes back the entry with which a part begins.
    pub(super) fn take_back_beginning(&mut self) {
        self.step_starts.pop();
        self.time_s.pop();
        self.voltage_v.pop();
        self.negative_potential_v.pop();
        self.current_a.pop();
        self.temperature_k.pop();
        self.mean_stoichiometry.pop();
        self.electrolyte_lithium.pop();
        self.fields.pop();
        if let Some(all) = &mut self.sensitivities {
            all.voltage_v.iter_mut().chain(&mut all.negative_potential_v).for_each(|list| {
                list.pop();
            });
        }
    }

    /// Slope of the voltage at the last entry, V s-1, of the parabola through three.
    pub(super) fn last_slope(&self) -> f64 {
        let begin = self.step_starts.last().copied().unwrap_or(0);
        let (t, v) = (&self.time_s[begin..], &self.voltage_v[begin..]);
        let [.., t0, t1, t2] = t else { return f64::NAN };
        let [.., v0, v1, v2] = v else { return f64::NAN };
        let (s0, s1) = ((v1 - v0) / (t1 - t0), (v2 - v1) / (t2 - t1));
        s1 + (s1 - s0) / (t2 - t0) * (t2 - t1)
    }

    /// Any of the lists at a time in s.
    pub fn interpolated(&self, list: &[f64], time_s: f64) -> f64 {
        let Some(last) = self.time_s.len().checked_sub(1) else { return f64::NAN };
        let after = self.time_s.partition_point(|t| *t <= time_s).min(last);
        let part = self.step_starts.partition_point(|first| *first <= after.saturating_sub(1));
        let begin = self.step_starts[part.saturating_sub(1)];
        let end = self.step_starts.get(part).map_or(last, |next| next - 1);
        let (t, v) = (&self.time_s[begin..=end], &list[begin..=end]);
        hermite(t, v, time_s)
    }
}

/// Cubic through two neighbours with the slopes of parabolas through three.
fn hermite(t: &[f64], v: &[f64], time: f64) -> f64 {
    let last = t.len() - 1;
    if last == 0 || time <= t[0] {
        return v[0];
    }
    if time >= t[last] {
        return v[last];
    }
    let right = t.partition_point(|a| *a <= time).min(last);
    let left = right - 1;
    let h = t[right] - t[left];
    let u = (time - t[left]) / h;
    let chord = (v[right] - v[left]) / h;
    let slope = |k: usize| {
        if last < 2 {
            return chord;
        }
        let middle = k.clamp(1, last - 1);
        let (h0, h1) = (t[middle] - t[middle - 1], t[middle + 1] - t[middle]);
        let (s0, s1) = ((v[middle] - v[middle - 1]) / h0, (v[middle + 1] - v[middle]) / h1);
        let bend = (s1 - s0) / (h0 + h1);
        let at_middle = s0 + bend * h0;
        limited(at_middle + 2.0 * bend * (t[k] - t[middle]), s0, s1)
    };
    let (a, b) = (slope(left) - chord, slope(right) - chord);
    v[left] + u * (v[right] - v[left]) + h * u * (1.0 - u) * (a * (1.0 - u) - b * u)
}

/// The slope of a parabola, held back where one of its chords is far steeper than the other: at the kinks
/// of a current the curve has one too, and a smooth one through it would swing.
fn limited(slope: f64, before: f64, after: f64) -> f64 {
    const KINK: f64 = 4.0;
    let (small, large) = (before.abs().min(after.abs()), before.abs().max(after.abs()));
    if large <= KINK * small {
        return slope;
    }
    if before * after <= 0.0 {
        return 0.0;
    }
    before.signum() * (slope * before.signum()).clamp(0.0, 3.0 * small)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_is_not_overshot() {
        let (t, v) = ([0.0, 10.0, 10.1, 12.0, 20.0], [4.0, 3.99, 3.7, 3.699, 3.69]);
        for k in 0..=2000 {
            let value = hermite(&t, &v, 0.01 * f64::from(k));
            assert!((3.68..=4.001).contains(&value), "{value} V at {} s", 0.01 * f64::from(k));
        }
    }

    #[test]
    fn parabolas_are_interpolated_exactly_on_uneven_points() {
        let f = |t: f64| 4.0 - 0.3 * t + 0.02 * t * t;
        let t = [0.0, 0.1, 0.5, 2.0, 7.0];
        let v = t.map(f);
        for time in [0.05, 0.3, 1.7, 6.5] {
            assert!((hermite(&t, &v, time) - f(time)).abs() < 1e-13, "{time}");
        }
    }
}
