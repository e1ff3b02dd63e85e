//! A trained surrogate: expressions of fields at any points.

use surrogate_symbolic::{Node, SymbolId};

use crate::assemble::Model;
use crate::block::{Block, PointSet, RowForm, Weights, Worker};
use crate::component::Component;
use crate::error::EngineError;
use crate::formulation::FieldForm;
use crate::lower::{QuadratureRule, lower};
use surrogate_problem::model::Graded;

/// Points handled at a time.
const CHUNK: usize = 2048;

/// Expressions compiled for prediction, with the trained weights in place.
pub struct Predictor {
    block: Block,
    forms: Vec<FieldForm>,
    weights: Vec<Vec<f64>>,
    unknowns: Vec<f64>,
    worker: Worker,
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
        let mut all: Vec<Node> = expressions.iter().map(|&e| model.form.expand(e)).collect();
        let values = all.clone();
        for &symbol in by {
            all.extend(values.iter().map(|&v| model.form.graph.diff(v, symbol)));
        }
        let rule = QuadratureRule { nodes: 32, graded: Graded::No };
        let lowered = lower(&mut model.form, &all, rule, true)?;
        let rows = (0..all.len())
            .map(|k| RowForm { name: format!("output {k}"), weight: 1.0, scale: 1.0 })
            .collect();
        let block = Block::new(rows, lowered)?;
        let forms = model.form.fields.clone();
        let unknowns = vec![0.0; model.form.unknowns.len()];
        let worker = Worker::new(&block, &forms, unknowns.len());
        let weights = vec![Vec::new(); forms.len()];
        let mut predictor = Self { block, forms, weights, unknowns, worker };
        predictor.set_weights(&model.components, trained);
        Ok(predictor)
    }

    /// Takes other weights of the same model, by component.
    pub fn set_weights(&mut self, components: &[Component], trained: &[Vec<f64>]) {
        for (component, x) in components.iter().zip(trained) {
            let own = component.weights(x, &self.forms);
            for &f in &component.fields {
                self.weights[f] = own.networks[f].to_vec();
            }
            for &u in &component.unknowns {
                self.unknowns[u] = own.unknowns[u];
            }
        }
    }

    /// Symbols that a point must give, in column order.
    pub fn symbols(&self) -> &[SymbolId] {
        &self.block.lowered.symbols
    }

    /// Trained variables of the unknown scalars.
    pub fn unknowns(&self) -> &[f64] {
        &self.unknowns
    }

    /// Networks, for size tables.
    pub fn fields(&self) -> &[FieldForm] {
        &self.forms
    }

    /// Values `[expression][point]` at `n` points given as `[symbol][point]`.
    pub fn evaluate(&mut self, columns: &[Vec<f64>], n: usize) -> Vec<Vec<f64>> {
        let weights = Weights {
            networks: self.weights.iter().map(Vec::as_slice).collect(),
            unknowns: self.unknowns.clone(),
        };
        let mut out: Vec<Vec<f64>> = vec![Vec::with_capacity(n); self.block.rows.len()];
        let mut start = 0;
        while start < n {
            let count = CHUNK.min(n - start);
            let part = columns.iter().map(|c| c[start..start + count].to_vec()).collect();
            let points = PointSet::new(&self.block, part, count);
            for t in 0..points.tiles(&self.block) {
                self.worker.forward(&self.block, &points, t, &weights);
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
