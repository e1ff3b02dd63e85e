//! Consistent initial values: damped Newton iteration on the algebraic rows.
//!
//! ```text
//! J Δ = -g,  accept y + λ Δ if the next simplified correction is shorter by (1 - λ/4)
//! ```
//!
//! Source: Deuflhard (2004), Newton Methods for Nonlinear Problems, 3.3.1 (natural monotonicity).
//! With no differential rows at all this is the solver of steady problems.

use surrogate_jet::Registers;

use crate::corner::initial;
use crate::discretise::cell_rule;
use crate::error::SolveError;
use crate::law::Input;
use crate::layout::Layout;
use crate::linear::Factors;
use crate::model::{Component, Home, Model};
use crate::quadrature::GAUSS_4;
use crate::rodas::Dae;

const ITERATIONS: usize = 60;
/// The last correction relative to the unknowns.
const ACCURACY: f64 = 1e-11;

/// Unknowns at the start, auxiliary ones zero: averages over cells, values at nodes and ends.
pub(crate) fn values(
    model: &Model,
    component: &Component,
    layout: &Layout,
    size: usize,
    parameters: &[f64],
) -> Vec<f64> {
    let mut y = vec![0.0; size];
    let mut registers = Registers::new();
    for &s in &component.states {
        let state = &model.states[s];
        let Some(place) = &layout.places[s] else {
            continue;
        };
        let Some(law) = state.initial.first() else {
            place.unknowns.iter().for_each(|&u| y[u] = state.floor);
            continue;
        };
        let mut value = |x: f64| initial(law, x, parameters, &mut registers);
        if !law.reads(|i| *i == Input::Place) {
            let constant = value(0.0);
            place.unknowns.iter().for_each(|&u| y[u] = constant);
            continue;
        }
        let Some(mesh) = place.mesh.map(|m| &layout.meshes[m]) else {
            continue;
        };
        if let Home::Cells { lower, upper, .. } = place.home {
            for cell in 0..mesh.cells() {
                let rule = cell_rule(mesh, cell, &GAUSS_4);
                y[place.cell(cell)] = rule.into_iter().map(|(x, w)| w * value(x)).sum();
            }
            for (k, &face) in place.interfaces.iter().enumerate() {
                y[place.interface(k)] = value(mesh.faces[face]);
            }
            if lower {
                y[place.unknowns[0]] = value(mesh.line.lower);
            }
            if upper {
                y[place.unknowns[place.unknowns.len() - 1]] = value(mesh.line.upper);
            }
        } else {
            for (&x, &unknown) in mesh.nodes().iter().zip(&place.unknowns) {
                y[unknown] = value(x);
            }
        }
    }
    y
}

/// Solves the algebraic rows for the unknowns whose rows they are; the others stay.
///
/// # Errors
/// [`SolveError::NotConverged`].
pub(crate) fn make_consistent(
    system: &mut dyn Dae,
    t: f64,
    y: &mut Vec<f64>,
) -> Result<(), SolveError> {
    let n = y.len();
    let mass = system.mass().to_vec();
    if mass.iter().all(|m| *m == 1.0) {
        return Ok(());
    }
    let families = system.families().to_vec();
    let floors = system.floors().to_vec();
    let shape = system.shape();
    let mut factors = Factors::new(shape);
    let mut jacobian = vec![0.0; shape.stored()];
    let scale: Vec<f64> = mass.iter().map(|m| m - 1.0).collect();
    let (mut f, mut f_t) = (vec![0.0; n], vec![0.0; n]);
    let mut last = f64::INFINITY;
    for iteration in 0..ITERATIONS {
        system.linearise(t, y, &mut f, &mut jacobian, &mut f_t);
        let failed = SolveError::NotConverged { time: t, residual: last };
        if !factors.factor(&mass, &scale, &jacobian) {
            return Err(failed);
        }
        let mut step = correction(&f, &mass);
        factors.solve(&mut step);
        let mut scales = floors.clone();
        for (&family, value) in families.iter().zip(y.iter()) {
            scales[family] = scales[family].max(value.abs());
        }
        let norm = |step: &[f64], scales: &[f64]| {
            let parts = step.iter().zip(&families);
            parts.fold(0.0_f64, |worst, (s, &k)| {
                if *s == 0.0 { worst } else { worst.max(s.abs() / scales[k].max(1e-290)) }
            })
        };
        let size = norm(&step, &scales);
        if !size.is_finite() && step.iter().any(|s| !s.is_finite()) {
            return Err(failed);
        }
        last = size;
        let mut lambda = 1.0;
        loop {
            let trial: Vec<f64> = y.iter().zip(&step).map(|(y, s)| y + lambda * s).collect();
            system.rhs(t, &trial, &mut f);
            let mut next = correction(&f, &mass);
            factors.solve(&mut next);
            let finite = next.iter().all(|s| s.is_finite());
            let next_size = norm(&next, &scales);
            let shorter = next_size <= (1.0 - 0.25 * lambda) * size || next_size < ACCURACY;
            if finite && (shorter || size < ACCURACY) {
                *y = trial;
                if size < ACCURACY || (iteration > 0 && next_size < 1e-3 * ACCURACY) {
                    return Ok(());
                }
                break;
            }
            lambda *= 0.5;
            if lambda < 1e-6 {
                // stagnation at the level of rounding counts as found
                return if size < 1e-7 { Ok(()) } else { Err(failed) };
            }
        }
    }
    Err(SolveError::NotConverged { time: t, residual: last })
}

fn correction(f: &[f64], mass: &[f64]) -> Vec<f64> {
    f.iter().zip(mass).map(|(f, m)| if *m == 0.0 { -f } else { 0.0 }).collect()
}
