//! Ends where the initial condition contradicts a boundary condition.
//!
//! There the solution starts with a layer of width `sqrt(D t)`: the mesh is refined towards the
//! end, and time is stepped in its square root. A condition `C(u, u_x, ..) = 0` is contradicted if
//! `|C| > 1e-9 Σ_k |∂C/∂u_k| U / L^k` at the initial values, `U` the largest initial value and `L`
//! the length of the line, for the nominal parameters or either corner of their box.

use surrogate_jet::Registers;
use surrogate_problem::model::Problem;

use crate::law::{Input, Law, Leaf};
use crate::model::{Model, Row, Site, State};

const TOLERANCE: f64 = 1e-9;

/// Marks the ends and the components.
pub(crate) fn mark(model: &mut Model, problem: &Problem) {
    let boxes: [Vec<f64>; 3] = [
        problem.parameters.iter().map(|p| p.nominal).collect(),
        problem.parameters.iter().map(|p| p.lower).collect(),
        problem.parameters.iter().map(|p| p.upper).collect(),
    ];
    for c in 0..model.components.len() {
        if model.components[c].steady {
            continue;
        }
        for r in 0..model.components[c].rows.len() {
            let row = &model.components[c].rows[r];
            let Site::End { upper, .. } = row.site else {
                continue;
            };
            let Some(line) = model.states[row.state].line else {
                continue;
            };
            let centre = !upper && model.lines[line].centred();
            let linear = boxes.iter().any(|p| contradicted(model, row, p));
            if !centre && !row.differential && linear {
                let refined = &mut model.lines[line].refined;
                *(if upper { &mut refined.upper } else { &mut refined.lower }) = true;
                model.components[c].abrupt = true;
            }
        }
    }
}

/// Initial value (or its space derivative) of a state at a place.
pub(crate) fn initial(law: &Law, place: f64, parameters: &[f64], registers: &mut Registers) -> f64 {
    let mut input = |input: &Input| match *input {
        Input::Place => place,
        Input::Parameter(k) => parameters[k],
        Input::Time | Input::Leaf(_) => f64::NAN,
    };
    law.evaluate(registers, &mut input).0
}

fn contradicted(model: &Model, row: &Row, parameters: &[f64]) -> bool {
    let mut registers = Registers::new();
    let mut inner = Registers::new();
    let known = |leaf: Leaf| match leaf {
        Leaf::Local { state, order } => Some((state, order, row.place)),
        Leaf::At { state, order, place } => Some((state, order, place)),
        Leaf::Scalar { state } => Some((state, 0, 0.0)),
        Leaf::Rate { .. } | Leaf::Integral(_) => None,
    };
    let mut input = |input: &Input| match *input {
        Input::Time => model.start,
        Input::Place => row.place,
        Input::Parameter(k) => parameters[k],
        Input::Leaf(leaf) => {
            let Some((state, order, place)) = known(leaf) else {
                return f64::NAN;
            };
            let law = model.states[state].initial.get(order);
            law.map_or(f64::NAN, |law| initial(law, place, parameters, &mut inner))
        }
    };
    let (value, partials) = row.law.evaluate(&mut registers, &mut input);
    let mut scale = 0.0;
    for (partial, &(column, _)) in partials.iter().zip(&row.law.partials) {
        let Input::Leaf(leaf) = row.law.inputs[column] else {
            continue;
        };
        let Some((state, order, _)) = known(leaf) else {
            continue;
        };
        let state = &model.states[state];
        let length = state.line.map_or(1.0, |c| model.lines[c].upper - model.lines[c].lower);
        scale += partial.abs() * magnitude(model, state, parameters) / length.powi(order as i32);
    }
    // what cannot be evaluated counts as contradicted: a fine mesh does no harm
    value.is_nan() || value.abs() > TOLERANCE * scale
}

fn magnitude(model: &Model, state: &State, parameters: &[f64]) -> f64 {
    let mut registers = Registers::new();
    let mut largest = state.floor;
    if let Some(law) = state.initial.first() {
        let (a, b) =
            state.line.map_or((0.0, 0.0), |c| (model.lines[c].lower, model.lines[c].upper));
        for k in 0..=20 {
            let place = a + (b - a) * f64::from(k) / 20.0;
            largest = largest.max(initial(law, place, parameters, &mut registers).abs());
        }
    }
    largest
}
