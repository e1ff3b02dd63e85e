//! From states to fields and outputs: functionals laid out once per problem.
//!
//! All components together make one row of unknowns per time, component after component.

use surrogate_jet::Registers;

use crate::discretise::{laid_out, line_rule};
use crate::law::{Input, Law, Leaf, padded};
use crate::layout::{Combination, Layout};
use crate::model::{Home, Model};
use crate::solution::FieldSolution;
use crate::system::Group;

/// States of all components at the requested times, `[time][unknown]`.
pub(crate) struct Track {
    pub(crate) size: usize,
    pub(crate) states: Vec<f64>,
}

impl Track {
    fn rows(&self) -> impl Iterator<Item = &[f64]> {
        self.states.chunks_exact(self.size)
    }
}

/// Functionals of the states.
#[derive(Clone, Debug)]
pub(crate) struct Readout {
    /// Integrals in outputs, on their points.
    integrals: Vec<Option<Group>>,
    /// Per output and input: what the input reads.
    outputs: Vec<Vec<Combination>>,
    /// Per field: places, what the values there read, and which places are kinks.
    fields: Vec<(Vec<f64>, Vec<Combination>, Vec<f64>)>,
}

impl Readout {
    /// Lays out the functionals; each component has its layout and the offset of its unknowns.
    pub(crate) fn new(model: &mut Model, layouts: &[(&Layout, usize)]) -> Self {
        let functional = |state: usize, x: f64, order: usize| -> Combination {
            let (layout, offset) = layouts[model.component_of[state]];
            let terms = layout.functional(state, x, order);
            terms.into_iter().map(|(u, w)| (u + offset, w)).collect()
        };
        let read = |leaf: Leaf, x: f64| match leaf {
            Leaf::Local { state, order } => functional(state, x, order),
            Leaf::At { state, order, place } => functional(state, place, order),
            Leaf::Scalar { state } => functional(state, 0.0, 0),
            Leaf::Rate { .. } | Leaf::Integral(_) => Vec::new(),
        };
        let integrals = model.integrals.iter().map(|integral| {
            let mesh = layouts.iter().find_map(|(l, _)| l.mesh(integral.coordinate))?;
            let nested = |i: &Input| matches!(i, Input::Leaf(Leaf::Integral(_)));
            if integral.body.reads(nested) {
                return None;
            }
            let rule = line_rule(mesh, integral.lower, integral.upper);
            Some(laid_out(&integral.body, &rule, &read))
        });
        let integrals: Vec<_> = integrals.collect();
        let fields = model.first_state.iter().map(|&s| {
            let (layout, offset) = layouts[model.component_of[s]];
            let place = layout.places[s].as_ref();
            let mesh = place.and_then(|p| p.mesh).map(|m| &layout.meshes[m]);
            let places = mesh.map_or(vec![0.0], |m| m.faces.clone());
            match (place, mesh) {
                (Some(place), Some(mesh)) if place.home == Home::Nodes && mesh.line.periodic => {
                    let around = place.unknowns.iter().chain(place.unknowns.first());
                    (places, around.map(|&u| vec![(u + offset, 1.0)]).collect(), Vec::new())
                }
                _ => {
                    let terms = places.iter().map(|&x| functional(s, x, 0)).collect();
                    let kinks = place
                        .map_or(Vec::new(), |p| p.interfaces.iter().map(|&f| places[f]).collect());
                    (places, terms, kinks)
                }
            }
        });
        let fields = fields.collect();
        let mut lost = Vec::new();
        let outputs = model.outputs.iter().enumerate().map(|(k, law)| {
            let Ok(law) = law else { return Vec::new() };
            let reads = law.inputs.iter().map(|input| match *input {
                Input::Leaf(Leaf::Integral(i)) => {
                    if integrals[i].is_none() {
                        lost.push(k);
                    }
                    Vec::new()
                }
                Input::Leaf(leaf) => read(leaf, 0.0),
                _ => Vec::new(),
            });
            reads.collect()
        });
        let outputs = outputs.collect();
        for k in lost {
            model.outputs[k] = Err("an integral of an integral".to_string());
        }
        Self { integrals, outputs, fields }
    }

    /// An output of time only, all times at once.
    pub(crate) fn output(
        &self,
        index: usize,
        law: &Law,
        parameters: &[f64],
        times: &[f64],
        track: &Track,
    ) -> Vec<f64> {
        let count = times.len();
        if count == 0 {
            return Vec::new();
        }
        let tile = padded(count);
        let mut columns = vec![0.0; tile * law.inputs.len()];
        for (k, (input, column)) in
            law.inputs.iter().zip(columns.chunks_exact_mut(tile)).enumerate()
        {
            let (values, padding) = column.split_at_mut(count);
            match *input {
                Input::Time => values.copy_from_slice(times),
                Input::Parameter(p) => values.fill(parameters[p]),
                Input::Leaf(Leaf::Integral(i)) => {
                    if let Some(group) = &self.integrals[i] {
                        integrate(group, parameters, times, track, values);
                    }
                }
                _ => {
                    let terms = &self.outputs[index][k];
                    for (value, row) in values.iter_mut().zip(track.rows()) {
                        *value = terms.iter().map(|&(u, w)| w * row[u]).sum();
                    }
                }
            }
            padding.fill(values[count - 1]);
        }
        let mut registers = Registers::new();
        law.value.forward(&columns, tile, &mut registers);
        registers.output(0)[..count].to_vec()
    }

    /// All fields.
    pub(crate) fn fields(&self, track: &Track) -> Vec<FieldSolution> {
        let each = self.fields.iter().map(|(places, combinations, kinks)| {
            let at = |row: &[f64]| {
                let value = |terms: &Combination| terms.iter().map(|&(u, w)| w * row[u]).sum();
                combinations.iter().map(value).collect()
            };
            let values = track.rows().map(at).collect();
            FieldSolution { places: places.clone(), values, kinks: kinks.clone() }
        });
        each.collect()
    }
}

/// `Σ w_k body(x_k)` at each time.
fn integrate(group: &Group, parameters: &[f64], times: &[f64], track: &Track, out: &mut [f64]) {
    let mut columns = group.start_columns(parameters);
    let mut registers = Registers::new();
    for ((out, row), &t) in out.iter_mut().zip(track.rows()).zip(times) {
        group.load(t, row, &mut columns);
        group.law.value.forward(&columns, group.tile, &mut registers);
        let value = registers.output(0);
        *out = group.scatter.iter().map(|&(_, point, w)| w * value[point as usize]).sum();
    }
}
