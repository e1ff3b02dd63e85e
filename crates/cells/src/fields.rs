//! Fields inside the cell at one time.

use surrogate_battery::solve::{ElectrodeRun, RADII};

use crate::electrolyte::Nodes;
use crate::problem::CellProblem;
use crate::sweep::Sweep;

/// A field across the cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Field {
    /// Lithium in the electrolyte, mol m-3.
    Electrolyte,
    /// Potential of the electrolyte over the solid at the negative collector, V.
    ElectrolytePotential,
    /// Potential of the solid over that at the negative collector, V; none in the separator.
    SolidPotential,
    /// Reaction current density out of the particles, A m-2; none in the separator.
    Reaction,
    /// Stoichiometry at the surface of the particles; none in the separator.
    Surface,
    /// Stoichiometry inside the particles at a radius over their own; none in the separator.
    Inside(f64),
}

/// An electrode at one time, at its nodes.
#[derive(Debug, Clone, Default)]
struct Electrode {
    potential: f64,
    reaction: Vec<f64>,
    surface: Vec<f64>,
    inside: Vec<[f64; RADII]>,
    solid: Vec<f64>,
    electrolyte: Vec<f64>,
}

impl Electrode {
    fn at(run: &ElectrodeRun, time: f64) -> Self {
        let (near, weights) = run.weights(time);
        let nodes = run.reaction_current_a_m2[0].len();
        let mut out = Self {
            potential: 0.0,
            reaction: vec![0.0; nodes],
            surface: vec![0.0; nodes],
            inside: vec![[0.0; RADII]; nodes],
            solid: vec![0.0; nodes],
            electrolyte: vec![0.0; nodes],
        };
        let add = |sum: &mut [f64], list: &[f64], weight: f64| {
            sum.iter_mut().zip(list).for_each(|(sum, v)| *sum += weight * v);
        };
        for (k, weight) in near.zip(weights) {
            out.potential += weight * run.potential_v[k];
            add(&mut out.reaction, &run.reaction_current_a_m2[k], weight);
            add(&mut out.surface, &run.surface_stoichiometry[k], weight);
            add(&mut out.solid, &run.solid_potential_v[k], weight);
            add(&mut out.electrolyte, &run.electrolyte_potential_v[k], weight);
            let inside = run.stoichiometry[k].as_flattened();
            add(out.inside.as_flattened_mut(), inside, weight);
        }
        out
    }
}

/// Fields at one time.
#[derive(Debug, Clone)]
pub struct FieldsAt<'a> {
    problem: &'a CellProblem,
    nodes: &'a Nodes,
    /// Lithium in the electrolyte over that at rest.
    part: Vec<f64>,
    electrodes: [Electrode; 2],
}

impl<'a> FieldsAt<'a> {
    pub(crate) fn new(
        problem: &'a CellProblem,
        nodes: &'a Nodes,
        sweep: &Sweep,
        time: f64,
        part: Vec<f64>,
    ) -> Self {
        let electrodes = sweep.runs.each_ref().map(|run| Electrode::at(run, time));
        Self { problem, nodes, part, electrodes }
    }

    /// A field at a place in m from the negative collector; not a number where there is none.
    pub fn at(&self, field: Field, x_m: f64) -> f64 {
        let (layer, part) = self.nodes.locate(x_m);
        let [n, p] = &self.electrodes;
        let own = &self.electrodes[layer / 2];
        let across = |values: &[f64]| polynomial(&self.nodes.electrode.0, values, part);
        match field {
            Field::Electrolyte => {
                let (first, weights) = self.nodes.layer(layer);
                let values = &self.part[first..][..weights.len()];
                let nodes =
                    if layer == 1 { &self.nodes.separator.0 } else { &self.nodes.electrode.0 };
                let rest = self.problem.cell.porous.as_ref();
                let rest = rest.map_or(f64::NAN, |p| p.electrolyte.concentration_mol_m3);
                rest * polynomial(nodes, values, part)
            }
            Field::ElectrolytePotential if layer == 1 => {
                // the middle is the zero of both electrodes
                let sides = n.electrolyte.last().zip(p.electrolyte.first());
                let Some((left, right)) = sides else { return f64::NAN };
                polynomial(&[0.0, 0.5, 1.0], &[*left, 0.0, *right], part) - n.potential
            }
            Field::ElectrolytePotential => across(&own.electrolyte) - n.potential,
            _ if layer == 1 => f64::NAN,
            Field::SolidPotential => across(&own.solid) + own.potential - n.potential,
            Field::Reaction => across(&own.reaction),
            Field::Surface => across(&own.surface),
            Field::Inside(radius) => {
                let profile: Vec<f64> =
                    own.inside.iter().map(|inside| between(inside, radius)).collect();
                across(&profile)
            }
        }
    }
}

/// Value at a place of the polynomial through values at nodes.
fn polynomial(nodes: &[f64], values: &[f64], at: f64) -> f64 {
    let mut sum = 0.0;
    for (i, (x, v)) in nodes.iter().zip(values).enumerate() {
        let others = nodes.iter().enumerate().filter(|(k, _)| *k != i);
        sum += v * others.map(|(_, other)| (at - other) / (x - other)).product::<f64>();
    }
    sum
}

/// Value at a radius over that of the particle, by the cubic through the nearest of [`RADII`] radii.
fn between(values: &[f64; RADII], radius: f64) -> f64 {
    let place = radius.clamp(0.0, 1.0) * (RADII - 1) as f64;
    let first = (place as usize).saturating_sub(1).min(RADII - 4);
    polynomial(&[0.0, 1.0, 2.0, 3.0], &values[first..first + 4], place - first as f64)
}
