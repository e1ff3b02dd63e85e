//! Components: fields that must be trained together, their rows, and the loss as an objective.
//!
//! Loss of a component: `Σ_rows weight · mean((r/scale)²)`.

use rayon::prelude::*;
use surrogate_symbolic::SymbolId;

use crate::block::{Block, JacobianSink, PointSet, Weights, Worker};
use crate::formulation::FieldForm;
use crate::optimize::Objective;
use crate::sampling::Region;

/// Where the points of a block come from.
#[derive(Clone, Debug)]
pub enum Points {
    /// Drawn in a region.
    Region(Region),
    /// Given, `[symbol][point]`.
    Fixed(Vec<Vec<f64>>),
}

/// A block with its points.
#[derive(Debug)]
pub struct BlockForm {
    /// Rows and programs.
    pub block: Block,
    /// Where points come from.
    pub points: Points,
    /// Number of training points.
    pub n: usize,
    /// Number of held-out points (0 for measurements).
    pub held_out: usize,
    /// Points may follow the residual.
    pub adaptive: bool,
}

impl BlockForm {
    /// Draws a point set. The same seed gives the same points. With a window, times stay in the
    /// first part of their range.
    pub fn draw(&self, n: usize, seed: u32, window: Option<(SymbolId, f64)>) -> PointSet {
        let (columns, n) = match &self.points {
            Points::Fixed(columns) => (columns.clone(), columns.first().map_or(1, Vec::len)),
            Points::Region(region) => {
                let n = if region.symbols.is_empty() { 1 } else { n };
                let drawn = match window {
                    Some((time, fraction)) => region.first_part(time, fraction).sobol(n, seed),
                    None => region.sobol(n, seed),
                };
                (self.ordered(&region.symbols, drawn), n)
            }
        };
        PointSet::new(&self.block, columns, n)
    }

    /// Columns in the order of the block's symbols.
    fn ordered(&self, symbols: &[SymbolId], columns: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
        let place = |s: &SymbolId| symbols.iter().position(|t| t == s);
        let wanted = &self.block.lowered.symbols;
        wanted.iter().filter_map(|s| Some(columns[place(s)?].clone())).collect()
    }
}

/// Fields trained together.
#[derive(Debug)]
pub struct Component {
    /// Field positions.
    pub fields: Vec<usize>,
    /// Unknown scalars, by position.
    pub unknowns: Vec<usize>,
    /// Blocks of rows.
    pub blocks: Vec<BlockForm>,
    /// First variable of each field's weights, by field position.
    pub field_columns: Vec<Option<usize>>,
    /// Variable of each unknown, by position.
    pub unknown_columns: Vec<Option<usize>>,
    /// Number of variables.
    pub n: usize,
    /// Time, if training may proceed from the start of time onwards: every row but the initial
    /// conditions is sampled, none is measured.
    pub marches: Option<SymbolId>,
}

impl Component {
    /// Lays out the variables: weights of the fields in order, then unknowns.
    pub fn new(
        fields: Vec<usize>,
        unknowns: Vec<usize>,
        blocks: Vec<BlockForm>,
        forms: &[FieldForm],
        all_unknowns: usize,
    ) -> Self {
        let mut field_columns = vec![None; forms.len()];
        let mut unknown_columns = vec![None; all_unknowns];
        let mut n = 0;
        for &f in &fields {
            field_columns[f] = Some(n);
            n += forms[f].mlp.n_weights();
        }
        for &u in &unknowns {
            unknown_columns[u] = Some(n);
            n += 1;
        }
        Self { fields, unknowns, blocks, field_columns, unknown_columns, n, marches: None }
    }

    /// Variables as the kernels read them.
    pub fn weights<'a>(&self, x: &'a [f64], forms: &[FieldForm]) -> Weights<'a> {
        let networks = self
            .field_columns
            .iter()
            .zip(forms)
            .map(|(c, f)| c.map_or(&x[..0], |c| &x[c..c + f.mlp.n_weights()]))
            .collect();
        let unknowns = self.unknown_columns.iter().map(|c| c.map_or(0.0, |c| x[c])).collect();
        Weights { networks, unknowns }
    }

    /// Names of all rows, block by block.
    pub fn row_names(&self) -> Vec<String> {
        self.blocks.iter().flat_map(|b| b.block.rows.iter().map(|r| r.name.clone())).collect()
    }
}

/// The loss of a component on point sets, as the training loop needs it from any back-end.
pub trait TrainingLoss: Objective {
    /// Replaces the points (one set per block).
    fn set_points(&mut self, sets: Vec<PointSet>);

    /// Mean square of each row's scaled residual at the last evaluation, block by block.
    fn row_means(&self) -> &[f64];
}

/// Makes the loss of a component on given points.
pub type MakeLoss =
    dyn for<'a> Fn(&'a Component, &'a [FieldForm], Vec<PointSet>) -> Box<dyn TrainingLoss + 'a>;

/// The fused kernels of this crate, the back-end unless another one is asked for.
pub fn fused_loss<'a>(
    component: &'a Component,
    forms: &'a [FieldForm],
    sets: Vec<PointSet>,
) -> Box<dyn TrainingLoss + 'a> {
    Box::new(Loss::new(component, forms, sets))
}

/// The loss of a component on point sets, as an objective; scratch for each thread.
pub struct Loss<'a> {
    component: &'a Component,
    forms: &'a [FieldForm],
    sets: Vec<PointSet>,
    /// `[thread][block]`
    workers: Vec<Vec<Worker>>,
    /// `[row]` over all blocks: mean square of the scaled residual at the last evaluation.
    row_means: Vec<f64>,
}

impl<'a> Loss<'a> {
    /// A loss on given points (one set per block).
    pub fn new(component: &'a Component, forms: &'a [FieldForm], sets: Vec<PointSet>) -> Self {
        let threads = rayon::current_num_threads();
        let unknowns = component.unknown_columns.len();
        let worker = |b: &BlockForm| Worker::new(&b.block, forms, unknowns);
        let workers = (0..threads).map(|_| component.blocks.iter().map(worker).collect()).collect();
        let rows = component.blocks.iter().map(|b| b.block.rows.len()).sum();
        Self { component, forms, sets, workers, row_means: vec![0.0; rows] }
    }

    /// Points in use, one set per block.
    pub fn points(&self) -> &[PointSet] {
        &self.sets
    }

    fn evaluate(&mut self, x: &[f64], mut gradient: Option<&mut [f64]>) -> f64 {
        let component = self.component;
        let (forms, sets) = (self.forms, &self.sets);
        let weights = component.weights(x, forms);
        let threads = self.workers.len();
        let rows = self.row_means.len();
        let wanted = gradient.is_some();
        let n = component.n;
        let run = |k: usize, workers: &mut Vec<Worker>| -> (Vec<f64>, Vec<f64>) {
            let mut sums = vec![0.0; rows];
            let mut part = vec![0.0; if wanted { n } else { 0 }];
            let mut first = 0;
            for (b, form) in component.blocks.iter().enumerate() {
                let block = &form.block;
                let worker = &mut workers[b];
                let sums = &mut sums[first..first + block.rows.len()];
                for t in (k..sets[b].tiles(block)).step_by(threads) {
                    worker.accumulate(block, &sets[b], t, &weights, wanted, sums);
                }
                if wanted {
                    let (fields, unknowns) = (&component.field_columns, &component.unknown_columns);
                    worker.drain(block, fields, unknowns, forms, &mut part);
                }
                first += block.rows.len();
            }
            (sums, part)
        };
        let parts: Vec<(Vec<f64>, Vec<f64>)> = if threads == 1 {
            vec![run(0, &mut self.workers[0])]
        } else {
            self.workers.par_iter_mut().enumerate().map(|(k, w)| run(k, w)).collect()
        };
        self.row_means.fill(0.0);
        if let Some(g) = gradient.as_deref_mut() {
            g.fill(0.0);
        }
        for (sums, part) in &parts {
            self.row_means.iter_mut().zip(sums).for_each(|(a, b)| *a += b);
            if let Some(g) = gradient.as_deref_mut() {
                g.iter_mut().zip(part).for_each(|(a, b)| *a += b);
            }
        }
        let mut value = 0.0;
        let mut first = 0;
        for (b, form) in component.blocks.iter().enumerate() {
            for (k, row) in form.block.rows.iter().enumerate() {
                self.row_means[first + k] /= self.sets[b].n as f64;
                value += row.weight * self.row_means[first + k];
            }
            first += form.block.rows.len();
        }
        value
    }
}

impl TrainingLoss for Loss<'_> {
    fn set_points(&mut self, sets: Vec<PointSet>) {
        self.sets = sets;
    }

    fn row_means(&self) -> &[f64] {
        &self.row_means
    }
}

impl Objective for Loss<'_> {
    fn n(&self) -> usize {
        self.component.n
    }

    fn value_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        self.evaluate(x, Some(gradient))
    }

    fn value(&mut self, x: &[f64]) -> f64 {
        self.evaluate(x, None)
    }

    fn residuals(&self) -> usize {
        let blocks = self.component.blocks.iter().zip(&self.sets);
        blocks.map(|(b, s)| b.block.rows.len() * s.n).sum()
    }

    fn jacobian(&mut self, x: &[f64], r: &mut [f64], jacobian: &mut [f64]) {
        let component = self.component;
        let weights = component.weights(x, self.forms);
        let m = self.residuals();
        r.fill(0.0);
        jacobian.fill(0.0);
        let mut first_row = 0;
        for (b, form) in component.blocks.iter().enumerate() {
            let mut sink = JacobianSink {
                matrix: jacobian,
                m,
                first_row,
                field_columns: &component.field_columns,
                unknown_columns: &component.unknown_columns,
            };
            let worker = &mut self.workers[0][b];
            for t in 0..self.sets[b].tiles(&form.block) {
                worker.jacobian(&form.block, &self.sets[b], t, &weights, r, &mut sink);
            }
            first_row += form.block.rows.len() * self.sets[b].n;
        }
    }
}
