//! What training makes, whatever it is made of: values and curves of outputs and fields.
//!
//! `B` parameter rows, `T` points of a curve.

use surrogate_engine::{CurvePredictor, Model, Predictor};
use surrogate_problem::Problem;
use surrogate_run::Checkpoint;
use surrogate_symbolic::{Node, SymbolId};

use crate::cell::{CellCurves, CellNetworks, CellValues};
use crate::compare::{Quantity, Target};
use crate::failure::Failure;
use crate::grid::Item;
use crate::places::parameter_positions;
use crate::trained::weights_checkpoint;

/// A trained surrogate.
pub enum Surrogate {
    /// Networks under the equations of a file.
    Networks(Box<Networks>),
    /// That of a cell.
    Cell(Box<CellNetworks>),
}

/// Networks of fields.
pub struct Networks {
    /// How fields are made of weights.
    pub model: Model,
    /// Weights by component.
    pub weights: Vec<Vec<f64>>,
}

impl Surrogate {
    /// Prepares outputs and fields, and their derivatives by parameters, at fixed places
    /// `[coordinate][point]`; coordinates that nothing depends on may be empty.
    ///
    /// # Errors
    /// If an expression cannot be compiled.
    pub fn curves(
        &mut self,
        problem: &Problem,
        items: &[Item],
        by: &[usize],
        places: &[Vec<f64>],
    ) -> Result<Curves, Failure> {
        match self {
            Self::Networks(networks) => networks.curves(problem, items, by, places),
            Self::Cell(cell) => {
                Ok(Curves::Cell(Box::new(cell.curves(problem, items, by, places)?)))
            }
        }
    }

    /// Whether it says that a parameter point depletes the electrolyte of a cell, where it is less exact.
    pub fn depletes(&self, point: &[f64]) -> bool {
        match self {
            Self::Networks(_) => false,
            Self::Cell(cell) => cell.depletes(point),
        }
    }

    /// Whether it gives an output or a field.
    pub fn gives(&self, problem: &Problem, item: Item) -> bool {
        match self {
            Self::Networks(_) => true,
            Self::Cell(cell) => cell.gives(problem, item),
        }
    }

    /// Prepares the values of a target at its points.
    ///
    /// # Errors
    /// If an expression cannot be compiled.
    pub fn values(&mut self, problem: &Problem, target: &Target) -> Result<Values, Failure> {
        match self {
            Self::Networks(networks) => networks.values(problem, target),
            Self::Cell(cell) => Ok(Values::Cell(Box::new(cell.values(problem, target)?))),
        }
    }

    /// What `predict` needs, as a checkpoint.
    pub fn checkpoint(&self, header: serde_json::Value) -> Checkpoint {
        match self {
            Self::Networks(networks) => weights_checkpoint(&networks.weights, header),
            Self::Cell(cell) => Checkpoint { header, blobs: cell.state(), words: Vec::new() },
        }
    }
}

impl Networks {
    /// Puts unknown scalars as they were found into a problem, for its reference solver.
    pub fn put_unknowns(&self, problem: &mut Problem) {
        for (component, x) in self.model.components.iter().zip(&self.weights) {
            for &u in &component.unknowns {
                if let Some(column) = component.unknown_columns[u] {
                    problem.unknowns[u].initial =
                        self.model.form.unknowns[u].physical_value(x[column]);
                }
            }
        }
    }

    fn curves(
        &mut self,
        problem: &Problem,
        items: &[Item],
        by: &[usize],
        places: &[Vec<f64>],
    ) -> Result<Curves, Failure> {
        let node = |item: &Item| match *item {
            Item::Output(o) => problem.outputs[o].value,
            Item::Field(f) => {
                let function = problem.fields[f].function;
                self.model.form.graph.function_value(function)
            }
        };
        let nodes: Vec<Node> = items.iter().map(node).collect();
        let by: Vec<SymbolId> = by.iter().map(|&k| problem.parameters[k].symbol).collect();
        let places: Vec<(SymbolId, Vec<f64>)> = (problem.coordinates.iter().zip(places))
            .filter(|(_, column)| !column.is_empty())
            .map(|(c, column)| (c.symbol, column.clone()))
            .collect();
        let predictor = CurvePredictor::new(&mut self.model, &self.weights, &nodes, &by, &places)?;
        let rows = parameter_positions(problem, predictor.symbols())?;
        Ok(Curves::Networks { predictor: Box::new(predictor), rows })
    }

    fn values(&mut self, problem: &Problem, target: &Target) -> Result<Values, Failure> {
        let node = match target.value {
            Quantity::Expression(node) => node,
            Quantity::Field(k) => self.model.form.graph.function_value(problem.fields[k].function),
        };
        let predictor = Predictor::new(&mut self.model, &self.weights, &[node], &[])?;
        let place = |s: &SymbolId| target.symbols.iter().position(|t| t == s);
        let columns = predictor
            .symbols()
            .iter()
            .filter_map(|s| Some(target.points[place(s)?].clone()))
            .collect();
        Ok(Values::Networks { predictor: Box::new(predictor), columns })
    }
}

/// Outputs and fields at fixed places, ready for many parameter rows.
pub enum Curves {
    /// Of networks.
    Networks {
        /// Compiled expressions.
        predictor: Box<CurvePredictor>,
        /// Parameters that it reads, by position.
        rows: Vec<usize>,
    },
    /// Of a cell.
    Cell(Box<CellCurves>),
}

impl Curves {
    /// Points of a curve.
    pub fn points(&self) -> usize {
        match self {
            Self::Networks { predictor, .. } => predictor.points(),
            Self::Cell(curves) => curves.points(),
        }
    }

    /// Values `[item][row * T + point]`, then derivatives of all items by each parameter asked for, at
    /// parameter columns `[parameter][row]`, SI.
    pub fn evaluate(&mut self, columns: &[Vec<f64>], count: usize) -> Vec<Vec<f64>> {
        match self {
            Self::Networks { predictor, rows } => {
                let own: Vec<Vec<f64>> = rows.iter().map(|&k| columns[k].clone()).collect();
                predictor.evaluate(&own, count)
            }
            Self::Cell(curves) => curves.evaluate(columns, count),
        }
    }
}

/// Values at the points of a target.
pub enum Values {
    /// Of networks.
    Networks {
        /// Compiled expression.
        predictor: Box<Predictor>,
        /// The points, by its symbols.
        columns: Vec<Vec<f64>>,
    },
    /// Of a cell.
    Cell(Box<CellValues>),
}

impl Values {
    /// Takes other weights of the same networks.
    pub fn set_weights(&mut self, model: &Model, weights: &[Vec<f64>]) {
        match self {
            Self::Networks { predictor, .. } => predictor.set_weights(&model.components, weights),
            Self::Cell(_) => {}
        }
    }

    /// The values.
    pub fn evaluate(&mut self, count: usize) -> Vec<f64> {
        match self {
            Self::Networks { predictor, columns } => predictor.evaluate(columns, count).remove(0),
            Self::Cell(values) => values.evaluate(),
        }
    }
}
