//! A trained surrogate: expressions of fields at any points.

use surrogate_problem::model::Graded;
use surrogate_symbolic::{Node, SymbolId};

use crate::assemble::Model;
use crate::block::{Block, PointSet, RowForm, Weights, Worker};
use crate::component::Component;
use crate::error::EngineError;
use crate::formulation::{FieldForm, Formulation};
use crate::lower::{Lowered, QuadratureRule, lower};

/// Points handled at a time.
const CHUNK: usize = 2048;

/// Quadrature of integrals in outputs.
pub(crate) const OUTPUT_RULE: QuadratureRule = QuadratureRule { nodes: 32, graded: Graded::No };

/// Expressions compiled for prediction, with the trained weights in place.
pub struct Predictor {
    program: PointProgram,
    trained: TrainedValues,
}

impl Predictor {
    /// Compiles expressions of fields (SI), and their derivatives by `by` after all values:
    /// `[values | d values/d by[0] | …]`.
    ///
    /// # Errors
    /// If an expression cannot be compiled.
    pub fn new(
        model: &mut Model,
        trained: &[Vec<f64>],
        expressions: &[Node],
        by: &[SymbolId],
    ) -> Result<Self, EngineError> {
        let all = with_derivatives(&mut model.form, expressions, by);
        let lowered = lower(&mut model.form, &all, OUTPUT_RULE, true)?;
        let trained = TrainedValues::new(model, trained);
        Ok(Self { program: PointProgram::new(lowered, &trained)?, trained })
    }

    /// Takes other weights of the same model, by component.
    pub fn set_weights(&mut self, components: &[Component], trained: &[Vec<f64>]) {
        self.trained.set(components, trained);
    }

    /// Symbols that a point must give, in column order.
    pub fn symbols(&self) -> &[SymbolId] {
        &self.program.block.lowered.symbols
    }

    /// Trained variables of the unknown scalars.
    pub fn unknowns(&self) -> &[f64] {
        &self.trained.unknowns
    }

    /// Networks, for size tables.
    pub fn fields(&self) -> &[FieldForm] {
        &self.trained.forms
    }

    /// Values `[expression][point]` at `n` points given as `[symbol][point]`.
    pub fn evaluate(&mut self, columns: &[Vec<f64>], n: usize) -> Vec<Vec<f64>> {
        self.program.evaluate(&self.trained.weights(), columns, n)
    }
}

/// Expressions in terms of network jets, followed by their derivatives by each of `by`.
pub(crate) fn with_derivatives(
    form: &mut Formulation,
    expressions: &[Node],
    by: &[SymbolId],
) -> Vec<Node> {
    let mut all: Vec<Node> = expressions.iter().map(|&e| form.expand(e)).collect();
    let values = all.clone();
    for &symbol in by {
        all.extend(values.iter().map(|&v| form.graph.diff(v, symbol)));
    }
    all
}

/// What training found, by field and unknown scalar.
pub(crate) struct TrainedValues {
    pub(crate) forms: Vec<FieldForm>,
    networks: Vec<Vec<f64>>,
    unknowns: Vec<f64>,
}

impl TrainedValues {
    pub(crate) fn new(model: &Model, trained: &[Vec<f64>]) -> Self {
        let forms = model.form.fields.clone();
        let networks = vec![Vec::new(); forms.len()];
        let unknowns = vec![0.0; model.form.unknowns.len()];
        let mut out = Self { forms, networks, unknowns };
        out.set(&model.components, trained);
        out
    }

    pub(crate) fn set(&mut self, components: &[Component], trained: &[Vec<f64>]) {
        for (component, x) in components.iter().zip(trained) {
            let own = component.weights(x, &self.forms);
            for &f in &component.fields {
                self.networks[f] = own.networks[f].to_vec();
            }
            for &u in &component.unknowns {
                self.unknowns[u] = own.unknowns[u];
            }
        }
    }

    pub(crate) fn weights(&self) -> Weights<'_> {
        Weights {
            networks: self.networks.iter().map(Vec::as_slice).collect(),
            unknowns: self.unknowns.clone(),
        }
    }
}

/// Lowered expressions, evaluated at points in tiles.
pub(crate) struct PointProgram {
    pub(crate) block: Block,
    worker: Worker,
}

impl PointProgram {
    pub(crate) fn new(lowered: Lowered, trained: &TrainedValues) -> Result<Self, EngineError> {
        let rows = (0..lowered.main.outputs.len())
            .map(|k| RowForm { name: format!("output {k}"), weight: 1.0, scale: 1.0 })
            .collect();
        let block = Block::new(rows, lowered)?;
        let worker = Worker::new(&block, &trained.forms, trained.unknowns.len());
        Ok(Self { block, worker })
    }

    /// Values `[expression][point]` at `n` points given as `[symbol][point]`.
    pub(crate) fn evaluate(
        &mut self,
        weights: &Weights<'_>,
        columns: &[Vec<f64>],
        n: usize,
    ) -> Vec<Vec<f64>> {
        let mut out: Vec<Vec<f64>> = vec![Vec::with_capacity(n); self.block.rows.len()];
        let mut start = 0;
        while start < n {
            let count = CHUNK.min(n - start);
            let part = columns.iter().map(|c| c[start..start + count].to_vec()).collect();
            let points = PointSet::new(&self.block, part, count);
            for t in 0..points.tiles(&self.block) {
                self.worker.forward(&self.block, &points, t, weights);
                let valid = Worker::valid(&self.block, &points, t);
                for (k, column) in out.iter_mut().enumerate() {
                    column.extend_from_slice(&self.worker.residual(k)[..valid]);
                }
            }
            start += count;
        }
        out
    }
}
