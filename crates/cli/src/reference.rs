//! What answers for the truth of a problem: the method of lines, or the solver of a cell.

use surrogate_problem::Problem;
use surrogate_solve::{ErrorEstimate, FieldSolution, Options, Solution, SolveError, Solver};

use crate::cell::CellSolver;
use crate::failure::Failure;

/// The reference solver of a problem. Deterministic; threads may share it.
pub enum Reference {
    /// Method of lines, from the equations of the file.
    Lines(Box<Solver>),
    /// A cell.
    Cell(Box<CellSolver>),
}

/// A solution up to the end of the experiment.
pub struct ToEnd {
    /// The solution.
    pub solution: Solution,
    /// Its times, SI.
    pub times: Vec<f64>,
    /// The end, SI, where it is known.
    pub end: Option<f64>,
}

/// Why there is no reference solution.
#[derive(Debug, thiserror::Error)]
pub enum ReferenceError {
    /// Of the method of lines.
    #[error(transparent)]
    Lines(#[from] SolveError),
    /// Of a cell.
    #[error(transparent)]
    Cell(#[from] surrogate_cells::CellsError),
}

impl Reference {
    /// The solver of a problem; `fine`: several times finer than the default.
    ///
    /// # Errors
    /// A problem that the method of lines cannot treat.
    pub fn of(problem: &Problem, fine: bool) -> Result<Self, Failure> {
        if let Some(solver) = CellSolver::of(problem, fine)? {
            return Ok(Self::Cell(Box::new(solver)));
        }
        let default =
            Options { cells: problem.reference.cells, tolerance: problem.reference.tolerance };
        let solver = Solver::prepare(problem, default)?;
        if !fine {
            return Ok(Self::Lines(Box::new(solver)));
        }
        let (cells, tolerance) = solver.resolution();
        let finer =
            Options { cells: Some(cells * 3), tolerance: Some((tolerance * 1e-3).max(1e-11)) };
        Ok(Self::Lines(Box::new(Solver::prepare(problem, finer)?)))
    }

    /// Outputs and fields at a parameter point and increasing times, SI.
    ///
    /// # Errors
    /// Where the solver finds no solution.
    pub fn solve(&self, point: &[f64], times: &[f64]) -> Result<Solution, ReferenceError> {
        Ok(match self {
            Self::Lines(solver) => solver.solve(point, times)?,
            Self::Cell(solver) => solver.solve(point, times)?,
        })
    }

    /// Outputs alone.
    ///
    /// # Errors
    /// Where the solver finds no solution.
    pub fn curves(&self, point: &[f64], times: &[f64]) -> Result<Vec<Vec<f64>>, ReferenceError> {
        Ok(match self {
            Self::Lines(solver) => solver.solve(point, times)?.outputs,
            Self::Cell(solver) => solver.curves(point, times)?,
        })
    }

    /// Outputs and fields at a parameter point, along `times` up to the end of the experiment where
    /// the solver knows it.
    ///
    /// # Errors
    /// Where the solver finds no solution.
    pub fn solve_to_end(
        &self,
        point: &[f64],
        times: &dyn Fn(Option<f64>) -> Vec<f64>,
    ) -> Result<ToEnd, ReferenceError> {
        match self {
            Self::Lines(solver) => {
                let times = times(None);
                Ok(ToEnd { solution: solver.solve(point, &times)?, times, end: None })
            }
            Self::Cell(solver) => Ok(solver.solve_to_end(point, times)?),
        }
    }

    /// Solutions that are worked out at the same time.
    pub fn at_once(&self) -> usize {
        match self {
            Self::Lines(_) => 1,
            Self::Cell(_) => 64,
        }
    }

    /// Outputs that a solution leaves empty, with the reason.
    pub fn missing_outputs(&self) -> Vec<(usize, &str)> {
        match self {
            Self::Lines(solver) => solver.missing_outputs(),
            Self::Cell(_) => Vec::new(),
        }
    }

    /// Largest difference to a solution of another resolution: an upper estimate of the error.
    ///
    /// # Errors
    /// Where the solver finds no solution.
    pub fn estimate_error(
        &self,
        point: &[f64],
        times: &[f64],
    ) -> Result<ErrorEstimate, ReferenceError> {
        match self {
            Self::Lines(solver) => Ok(solver.estimate_error(point, times)?),
            Self::Cell(solver) => {
                let other = solver.other_setting();
                Ok(differences(&solver.solve(point, times)?, &other.solve(point, times)?))
            }
        }
    }

    /// The method of lines on half its mesh; nothing for what has no mesh, and for cells.
    ///
    /// # Errors
    /// A mesh that cannot be laid out.
    pub fn coarser(&self) -> Result<Option<Self>, ReferenceError> {
        match self {
            Self::Lines(solver) if solver.resolution().0 > 0 => {
                Ok(Some(Self::Lines(Box::new(solver.coarser()?))))
            }
            _ => Ok(None),
        }
    }

    /// Most cells or intervals along a line; none for cells.
    pub fn cells(&self) -> usize {
        match self {
            Self::Lines(solver) => solver.resolution().0,
            Self::Cell(_) => 0,
        }
    }

    /// What must be said of the solutions so far.
    pub fn note(&self) -> Option<String> {
        match self {
            Self::Lines(_) => None,
            Self::Cell(solver) => solver.note(),
        }
    }

    /// What answers, in words.
    pub fn how(&self) -> String {
        match self {
            Self::Lines(solver) => {
                let (cells, tolerance) = solver.resolution();
                format!("reference solver, {cells} cells, tolerance {tolerance:.0e}")
            }
            Self::Cell(solver) => solver.how(),
        }
    }
}

/// Largest differences between two solutions, where both have values.
fn differences(a: &Solution, b: &Solution) -> ErrorEstimate {
    let largest = |d: &mut dyn Iterator<Item = f64>| {
        d.filter(|d| !d.is_nan()).fold(0.0_f64, |worst, d| worst.max(d.abs()))
    };
    let outputs = a.outputs.iter().zip(&b.outputs);
    let outputs = outputs.map(|(a, b)| largest(&mut a.iter().zip(b).map(|(a, b)| a - b)));
    let field = |(a, b): (&FieldSolution, &FieldSolution)| {
        let of_time = |t: usize| {
            let places = b.places.iter().zip(&b.values[t]);
            places.map(move |(x, v)| a.at(t, *x) - v)
        };
        largest(&mut (0..a.values.len()).flat_map(of_time))
    };
    let fields = a.fields.iter().zip(&b.fields).map(field);
    ErrorEstimate { outputs: outputs.collect(), fields: fields.collect() }
}
