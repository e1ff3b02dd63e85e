//! The reference solver of a cell, for a problem with `[cell]`.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use surrogate_battery::solve::{ElectrodeFields, Fields, Options, RADII, Resolution, Solution};
use surrogate_cells::{CellProblem, CellsError};
use surrogate_problem::Problem;
use surrogate_solve::FieldSolution;

use super::physics::{self, Quantity};
use crate::failure::Failure;
use crate::reference::ToEnd;

/// Stoichiometries inside the particles at a radius by its number.
fn inside(fields: &ElectrodeFields, radius: usize) -> Vec<f64> {
    fields.stoichiometry.iter().map(|profile| profile[radius]).collect()
}

/// A cell and what varies of it. Deterministic; threads may share it.
#[derive(Clone, Debug)]
pub struct CellSolver {
    problem: CellProblem,
    /// Fields of the problem, in its order.
    fields: Vec<Quantity>,
    /// Output by position in the fields.
    outputs: Vec<Option<usize>>,
    /// Discharges so far, and those of a depleted electrolyte.
    counted: Arc<[AtomicUsize; 2]>,
}

/// A discharge at some parameters.
pub struct Discharge {
    solution: Solution,
    cutoff_v: f64,
}

impl Discharge {
    /// Voltages at times in s. After the end they lie below the cut-off.
    pub fn voltages(&self, times: &[f64]) -> Vec<f64> {
        times.iter().map(|t| self.solution.continued_voltage_at(*t, self.cutoff_v)).collect()
    }
}

impl CellSolver {
    /// The solver of a problem; nothing if it has no cell.
    ///
    /// # Errors
    /// A table that cannot mean a cell, which loading the file would have told.
    pub fn of(problem: &Problem, fine: bool) -> Result<Option<Self>, Failure> {
        let Some(mut cell) = physics::cell_problem(problem)? else { return Ok(None) };
        cell.options = if fine { Options::fine() } else { Options::default() };
        let field = |name: &str| {
            physics::field(name)
                .ok_or_else(|| Failure::Internal(format!("a cell has no field {name}")))
        };
        let place = |name: &str| problem.fields.iter().position(|f| f.name == name);
        Ok(Some(Self {
            problem: cell,
            fields: problem.fields.iter().map(|f| field(&f.name)).collect::<Result<_, _>>()?,
            outputs: problem.outputs.iter().map(|o| place(&o.name)).collect(),
            counted: Arc::default(),
        }))
    }

    /// Discharges at a parameter point; `fields`: what is inside the cell is kept.
    fn discharge_with(&self, point: &[f64], fields: bool) -> Result<Discharge, CellsError> {
        let solution = self.problem.solve(point, fields, false)?;
        let depleted = solution.resolution == Resolution::Depleting;
        for (count, more) in self.counted.iter().zip([true, depleted]) {
            count.fetch_add(usize::from(more), Ordering::Relaxed);
        }
        Ok(Discharge { solution, cutoff_v: self.problem.cell.lower_cutoff_v })
    }

    /// Discharges at a parameter point.
    ///
    /// # Errors
    /// See [`CellProblem::solve`].
    pub fn discharge(&self, point: &[f64]) -> Result<Discharge, CellsError> {
        self.discharge_with(point, false)
    }

    /// Outputs along times, SI.
    ///
    /// # Errors
    /// See [`CellProblem::solve`].
    pub fn curves(&self, point: &[f64], times: &[f64]) -> Result<Vec<Vec<f64>>, CellsError> {
        Ok(self.outputs_of(&self.discharge(point)?, times))
    }

    fn outputs_of(&self, discharge: &Discharge, times: &[f64]) -> Vec<Vec<f64>> {
        let one = |output: &Option<usize>| match output.map(|f| self.fields[f]) {
            Some(Quantity::Voltage) => discharge.voltages(times),
            _ => Vec::new(),
        };
        self.outputs.iter().map(one).collect()
    }

    /// Outputs and fields along times, SI. Fields are NaN after the end.
    ///
    /// # Errors
    /// See [`CellProblem::solve`].
    pub fn solve(
        &self,
        point: &[f64],
        times: &[f64],
    ) -> Result<surrogate_solve::Solution, CellsError> {
        Ok(self.solution(&self.discharge_with(point, true)?, times))
    }

    /// The same along times that depend on the end of the discharge; the times, and that end.
    ///
    /// # Errors
    /// See [`CellProblem::solve`].
    pub fn solve_to_end(
        &self,
        point: &[f64],
        times: &dyn Fn(Option<f64>) -> Vec<f64>,
    ) -> Result<ToEnd, CellsError> {
        let discharge = self.discharge_with(point, true)?;
        let end = discharge.solution.end_time_s();
        let times = times(Some(end));
        Ok(ToEnd { solution: self.solution(&discharge, &times), times, end: Some(end) })
    }

    fn solution(&self, discharge: &Discharge, times: &[f64]) -> surrogate_solve::Solution {
        let field = |quantity: &Quantity| match quantity {
            Quantity::Voltage => FieldSolution {
                places: vec![0.0],
                values: discharge.voltages(times).into_iter().map(|v| vec![v]).collect(),
                kinks: Vec::new(),
            },
            inside => self.field(&discharge.solution, *inside, times),
        };
        surrogate_solve::Solution {
            times: times.to_vec(),
            outputs: self.outputs_of(discharge, times),
            fields: self.fields.iter().map(field).collect(),
            statistics: surrogate_solve::Statistics {
                steps: discharge.solution.work.steps,
                rejected: discharge.solution.work.rejected,
                ..Default::default()
            },
        }
    }

    /// A field inside the cell along times, node by node.
    fn field(&self, solution: &Solution, quantity: Quantity, times: &[f64]) -> FieldSolution {
        let first = &solution.fields[0];
        let mut values = vec![Vec::new(); times.len()];
        let rows: Vec<Vec<f64>> = solution.fields.iter().map(|f| self.row(f, quantity)).collect();
        let places = self.places(first, quantity);
        for node in 0..places.len() {
            let track: Vec<f64> = rows.iter().map(|row| row[node]).collect();
            for (t, out) in times.iter().zip(&mut values) {
                let over = *t > solution.end_time_s();
                out.push(if over { f64::NAN } else { solution.interpolated(&track, *t) });
            }
        }
        let inner = |e: &ElectrodeFields, last: bool| match last {
            true => e.x_m.last().copied(),
            false => e.x_m.first().copied(),
        };
        let kinks = [inner(&first.negative, true), inner(&first.positive, false)];
        FieldSolution { places, values, kinks: kinks.into_iter().flatten().collect() }
    }

    fn places(&self, fields: &Fields, quantity: Quantity) -> Vec<f64> {
        match quantity {
            Quantity::Electrolyte | Quantity::ElectrolytePotential => {
                fields.electrolyte_x_m.clone()
            }
            _ => [&fields.negative.x_m[..], &fields.positive.x_m].concat(),
        }
    }

    /// Values at the places of a quantity.
    fn row(&self, fields: &Fields, quantity: Quantity) -> Vec<f64> {
        let both = |of: fn(&ElectrodeFields) -> &[f64]| {
            [of(&fields.negative), of(&fields.positive)].concat()
        };
        match quantity {
            Quantity::Voltage => Vec::new(),
            Quantity::Electrolyte => fields.electrolyte_mol_m3.clone(),
            Quantity::ElectrolytePotential => fields.electrolyte_potential_v.clone(),
            Quantity::SolidPotential => both(|e| &e.solid_potential_v),
            Quantity::Reaction => both(|e| &e.reaction_current_a_m2),
            Quantity::Surface => self.lithium(fields, &|e| e.surface_stoichiometry.clone()),
            Quantity::HalfRadius => self.lithium(fields, &|e| inside(e, RADII / 2)),
            Quantity::Centre => self.lithium(fields, &|e| inside(e, 0)),
        }
    }

    /// Lithium in the particles of both electrodes, mol m-3, from stoichiometries.
    fn lithium(&self, fields: &Fields, of: &dyn Fn(&ElectrodeFields) -> Vec<f64>) -> Vec<f64> {
        let cell = &self.problem.cell;
        let both = [(&fields.negative, &cell.negative), (&fields.positive, &cell.positive)];
        let each = both.map(|(fields, electrode)| {
            let most = electrode.maximum_concentration_mol_m3;
            of(fields).into_iter().map(|x| x * most).collect::<Vec<f64>>()
        });
        each.concat()
    }

    /// What must be said of the discharges so far.
    pub fn note(&self) -> Option<String> {
        let [all, depleted] = self.counted.each_ref().map(|count| count.load(Ordering::Relaxed));
        (depleted > 0).then(|| {
            format!(
                "{depleted} of {all} discharges deplete the electrolyte in part of an electrode: solved on \
                 linear elements, their ends are known to about 1 %"
            )
        })
    }

    /// What answers, in words.
    pub fn how(&self) -> String {
        let o = &self.problem.options;
        format!(
            "{} solver of {}, {} nodes an electrode, {} modes, tolerance {:.0e} V",
            self.problem.model.name(),
            self.problem.cell.name,
            o.electrode_elements * (o.electrode_nodes - 1) + 1,
            o.modes,
            o.voltage_tolerance_v
        )
    }

    /// The same cell at the other setting: fine for default, default for fine.
    pub fn other_setting(&self) -> Self {
        let mut other = Self { counted: Arc::default(), ..self.clone() };
        let fine = other.problem.options == Options::fine();
        other.problem.options = if fine { Options::default() } else { Options::fine() };
        other
    }
}
