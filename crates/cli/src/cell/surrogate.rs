//! The trained surrogate of a cell: voltages along time, with their derivatives.

use surrogate_cells::{Buffers, CellProblem, CellSurrogate};
use surrogate_problem::Problem;

use super::physics::{self, Quantity};
use crate::compare::{self, Target};
use crate::failure::Failure;
use crate::grid::Item;
use crate::places::time_coordinate;

/// The surrogate of a cell, as commands use it.
#[derive(Clone)]
pub struct CellNetworks {
    surrogate: CellSurrogate,
}

impl CellNetworks {
    /// From what training made.
    pub fn new(surrogate: CellSurrogate) -> Self {
        Self { surrogate }
    }

    /// Named arrays that [`Self::restore`] reads.
    pub fn state(&self) -> Vec<(String, Vec<f64>)> {
        self.surrogate.arrays()
    }

    /// From the named arrays of a checkpoint.
    ///
    /// # Errors
    /// Arrays of another surrogate.
    pub fn restore(cell: CellProblem, state: &[(String, Vec<f64>)]) -> Result<Self, Failure> {
        Ok(Self::new(CellSurrogate::from_arrays(cell, state)?))
    }

    /// Whether it gives an output or a field.
    pub fn gives(&self, problem: &Problem, item: Item) -> bool {
        physics::field(item.name(problem)) == Some(Quantity::Voltage)
    }

    /// Time in s at which the discharge ends at a parameter point.
    pub fn end_time_s(&self, point: &[f64]) -> f64 {
        self.surrogate.end_time_s(point, &mut self.surrogate.buffers())
    }

    fn check(&self, problem: &Problem, items: &[Item]) -> Result<(), Failure> {
        if items.iter().all(|item| self.gives(problem, *item)) {
            return Ok(());
        }
        Err(Failure::Internal("the surrogate of a cell was asked for a field".to_string()))
    }

    /// Prepares curves at fixed places `[coordinate][point]`.
    ///
    /// # Errors
    /// Anything but the voltage along time.
    pub fn curves(
        &self,
        problem: &Problem,
        items: &[Item],
        by: &[usize],
        places: &[Vec<f64>],
    ) -> Result<CellCurves, Failure> {
        self.check(problem, items)?;
        let times = time_coordinate(problem).map(|t| places[t].clone()).unwrap_or_default();
        Ok(CellCurves {
            buffers: self.surrogate.buffers(),
            surrogate: self.surrogate.clone(),
            items: items.len(),
            by: by.to_vec(),
            times,
        })
    }

    /// Prepares the values of a target at its points.
    ///
    /// # Errors
    /// Anything but the voltage along time.
    pub fn values(&self, problem: &Problem, target: &Target) -> Result<CellValues, Failure> {
        self.check(problem, compare::item(problem, target).as_slice())?;
        let parameters = problem.parameters.len();
        let mut groups: Vec<(Vec<f64>, Vec<f64>)> = Vec::new();
        let count = target.reference.len();
        for i in 0..count {
            let point: Vec<f64> = target.points[..parameters].iter().map(|c| c[i]).collect();
            let time = target.points[parameters][i];
            match groups.last_mut().filter(|(known, _)| *known == point) {
                Some((_, times)) => times.push(time),
                None => groups.push((point, vec![time])),
            }
        }
        let buffers = self.surrogate.buffers();
        Ok(CellValues { surrogate: self.surrogate.clone(), buffers, groups })
    }
}

/// Voltages at fixed times, for many parameter rows.
pub struct CellCurves {
    surrogate: CellSurrogate,
    buffers: Buffers,
    /// How often the voltage was asked for.
    items: usize,
    /// Parameters that derivatives are taken by.
    by: Vec<usize>,
    times: Vec<f64>,
}

impl CellCurves {
    /// Points of a curve.
    pub fn points(&self) -> usize {
        self.times.len()
    }

    /// See [`crate::surrogate::Curves::evaluate`].
    pub fn evaluate(&mut self, columns: &[Vec<f64>], count: usize) -> Vec<Vec<f64>> {
        let (length, axes) = (self.times.len(), columns.len());
        let mut values = vec![0.0; count * length];
        let mut by = vec![vec![0.0; count * length]; self.by.len()];
        let mut slopes = vec![0.0; length * axes];
        for row in 0..count {
            let point: Vec<f64> = columns.iter().map(|c| c[row]).collect();
            let out = &mut values[row * length..][..length];
            if self.by.is_empty() {
                self.surrogate.voltages(&point, &self.times, &mut self.buffers, out);
                continue;
            }
            self.surrogate.gradients(&point, &self.times, &mut self.buffers, out, &mut slopes);
            for (k, list) in self.by.iter().zip(&mut by) {
                let list = &mut list[row * length..][..length];
                for (d, slopes) in list.iter_mut().zip(slopes.chunks_exact(axes)) {
                    *d = slopes[*k];
                }
            }
        }
        let one = [vec![values], by].concat();
        // values of all items come before derivatives
        let repeated = one.iter().flat_map(|list| std::iter::repeat_n(list.clone(), self.items));
        repeated.collect()
    }
}

/// Voltages at the points of a target.
pub struct CellValues {
    surrogate: CellSurrogate,
    buffers: Buffers,
    /// Parameter points with their times.
    groups: Vec<(Vec<f64>, Vec<f64>)>,
}

impl CellValues {
    /// The values.
    pub fn evaluate(&mut self) -> Vec<f64> {
        let mut all = Vec::new();
        for (point, times) in &self.groups {
            let start = all.len();
            all.resize(start + times.len(), 0.0);
            self.surrogate.voltages(point, times, &mut self.buffers, &mut all[start..]);
        }
        all
    }
}
