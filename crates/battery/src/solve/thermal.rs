//! The cell as one body that its own heat warms and its surroundings cool.
//!
//! C dT/dt = Q - h A (T - T_ambient). Q is all that the reactions release and the terminals do not
//! deliver: ohmic heat, overpotentials, and the entropic heat j T dU/dT. The heat of mixing inside the
//! particles is left out, as is usual.

use super::equations::{Surface, TimeDerivative};
use super::layout::Layout;
use super::physics::Physics;
use super::scalar::Scalar;
use crate::cell::Thermal;

/// Heat in W that a cell releases at unknowns `z`.
pub(super) fn heat<S: Scalar>(
    layout: &Layout,
    physics: &Physics<S>,
    surfaces: &[Vec<Surface<S>>; 2],
    temperature: S,
    z: &[S],
) -> S {
    let mut heat = -(z[layout.voltage()] * z[layout.current()]);
    for e in 0..2 {
        for (p, surface) in surfaces[e].iter().enumerate() {
            let weight = if layout.particles == 1 { 1.0 } else { layout.electrode.w[p] };
            let current = physics.electrodes[e].surface * z[layout.j(e, p)];
            let per_charge = temperature * surface.entropic - surface.potential;
            heat = heat + (current * per_charge).scale(weight * physics.area);
        }
    }
    heat
}

/// Temperature at the end of a step with a heat in W, from those at the last two points.
pub(super) fn warmed<S: Scalar>(
    thermal: &Thermal,
    time: TimeDerivative,
    heat: S,
    last: S,
    older: S,
) -> S {
    let [a0, a1, a2] = time.a;
    let stored = thermal.heat_capacity_j_k / time.dt;
    let cooling = thermal.heat_transfer_w_m2_k * thermal.cooling_area_m2;
    let before = last.scale(-a1 * stored) + older.scale(-a2 * stored);
    let given = heat + before + S::of(cooling * thermal.ambient_temperature_k);
    given.scale(1.0 / (a0 * stored + cooling))
}
