//! One set of points with the rows that hold there: forward, loss, and the reverse sweep.
//!
//! Shapes: `T` points of a tile, `S` streams of an instance, `Q` quadrature nodes. A block without
//! integrals runs in tiles of [`TILE`] points; one with integrals in tiles of eight outer points,
//! its integrands in tiles of `8·Q` points ordered node by node.

use surrogate_jet::Workspace;
use surrogate_jet::tape::{Plan, Registers};

use crate::columns;
use crate::error::EngineError;
use crate::formulation::FieldForm;
use crate::lower::{Inner, Lowered};

/// Points per tile of a block without integrals.
pub(crate) const TILE: usize = 32;
/// Outer points per tile of a block with integrals.
pub(crate) const OUTER: usize = 8;

/// A row of a block.
#[derive(Clone, Debug)]
pub struct RowForm {
    /// Name for tables.
    pub name: String,
    /// Weight in the loss.
    pub weight: f64,
    /// The residual is divided by this.
    pub scale: f64,
}

/// Rows on common points.
#[derive(Debug)]
pub struct Block {
    /// Rows, in the order of the main program's outputs.
    pub rows: Vec<RowForm>,
    /// Programs.
    pub lowered: Lowered,
    /// Main program with the inputs to differentiate by.
    pub main: Plan,
    /// The same for integrands.
    pub inner_mains: Vec<Plan>,
    statics: Plan,
    inner_statics: Vec<Plan>,
}

impl Block {
    /// Prepares the programs of a block.
    ///
    /// # Errors
    /// [`EngineError::Program`] if a program is malformed (a bug).
    pub(crate) fn new(rows: Vec<RowForm>, lowered: Lowered) -> Result<Self, EngineError> {
        let main = prepare(&lowered)?;
        let inner_mains: Result<_, _> = lowered.inners.iter().map(|i| prepare(&i.body)).collect();
        let inner_mains = inner_mains?;
        let statics = columns::values_only(&lowered.static_program)?;
        let inner_statics: Result<_, _> =
            lowered.inners.iter().map(|i| columns::values_only(&i.body.static_program)).collect();
        let inner_statics = inner_statics?;
        Ok(Self { rows, lowered, main, inner_mains, statics, inner_statics })
    }

    /// Points per tile.
    pub(crate) fn tile(&self) -> usize {
        if self.lowered.inners.is_empty() { TILE } else { OUTER }
    }
}

fn prepare(lowered: &Lowered) -> Result<Plan, EngineError> {
    let dynamic = lowered.dynamic_inputs();
    let wanted: Vec<bool> = (0..lowered.main.inputs).map(|k| k < dynamic).collect();
    Ok(lowered.main.prepare(&wanted)?)
}

/// Points of a block with everything that does not depend on trained values.
#[derive(Clone, Debug)]
pub struct PointSet {
    /// Number of points.
    pub n: usize,
    /// Static columns, `[tile][column][T]`.
    statics: Vec<f64>,
    /// The same for each integrand, `[tile][column][8 Q]`.
    inners: Vec<Vec<f64>>,
    /// The points themselves, `[symbol][point]`.
    pub columns: Vec<Vec<f64>>,
}

impl PointSet {
    /// Runs the static programs. `columns` are in the order of the block's symbols.
    pub fn new(block: &Block, columns: Vec<Vec<f64>>, n: usize) -> Self {
        let lowered = &block.lowered;
        let values = columns::run(&block.statics, &columns, n);
        let statics = tiled(&values, n, block.tile());
        let inners = lowered
            .inners
            .iter()
            .zip(&block.inner_statics)
            .map(|(inner, plan)| inner_statics(lowered, inner, plan, &columns, n))
            .collect();
        Self { n, statics, inners, columns }
    }

    /// Static columns without tiling or padding: `[column][point]`.
    pub fn static_columns(&self, block: &Block) -> Vec<Vec<f64>> {
        let columns = block.lowered.static_columns();
        untiled(&self.statics, columns, block.tile(), 1, self.n)
    }

    /// The same for the integrand of integral `k`: `[column][node][point]`.
    pub fn integrand_columns(&self, block: &Block, k: usize) -> Vec<Vec<f64>> {
        let inner = &block.lowered.inners[k];
        let columns = inner.body.static_columns();
        untiled(&self.inners[k], columns, OUTER, inner.nodes.len(), self.n)
    }

    /// Number of tiles.
    pub fn tiles(&self, block: &Block) -> usize {
        self.n.div_ceil(block.tile())
    }
}

/// `[column][n]` to `[tile][column][T]`, the last tile filled with copies of the last point.
fn tiled(values: &[Vec<f64>], n: usize, tile: usize) -> Vec<f64> {
    let tiles = n.div_ceil(tile);
    let mut out = vec![0.0; tiles * values.len() * tile];
    for t in 0..tiles {
        for (k, column) in values.iter().enumerate() {
            let start = (t * values.len() + k) * tile;
            for p in 0..tile {
                out[start + p] = column[(t * tile + p).min(n - 1)];
            }
        }
    }
    out
}

/// `[tile][column][node][T]` to `[column][node][n]`, without padding.
fn untiled(tiled: &[f64], columns: usize, tile: usize, nodes: usize, n: usize) -> Vec<Vec<f64>> {
    let column = |k: usize| {
        let mut out = vec![0.0; nodes * n];
        for q in 0..nodes {
            for p in 0..n {
                let row = ((p / tile) * columns + k) * nodes + q;
                out[q * n + p] = tiled[row * tile + p % tile];
            }
        }
        out
    };
    (0..columns).map(column).collect()
}

fn inner_statics(
    outer: &Lowered,
    inner: &Inner,
    plan: &Plan,
    columns: &[Vec<f64>],
    n: usize,
) -> Vec<f64> {
    let q = inner.nodes.len();
    let tiles = n.div_ceil(OUTER);
    let total = tiles * OUTER * q;
    let mut points: Vec<Vec<f64>> = Vec::with_capacity(inner.body.symbols.len());
    for &symbol in &inner.body.symbols {
        let source = outer.symbols.iter().position(|&s| s == symbol);
        let mut column = Vec::with_capacity(total);
        for t in 0..tiles {
            for node in &inner.nodes {
                for p in 0..OUTER {
                    let point = (t * OUTER + p).min(n - 1);
                    column.push(if symbol == inner.symbol {
                        inner.limits.0 + (inner.limits.1 - inner.limits.0) * node
                    } else {
                        source.map_or(0.0, |k| columns[k][point])
                    });
                }
            }
        }
        points.push(column);
    }
    let values = columns::run(plan, &points, total);
    tiled(&values, total, OUTER * q)
}

/// Trained values of a component as the kernels read them.
pub struct Weights<'a> {
    /// Network weights by field position in the formulation (empty if not of this component).
    pub networks: Vec<&'a [f64]>,
    /// Trained variables of unknown scalars by position in the formulation.
    pub unknowns: Vec<f64>,
}

/// Scratch of one thread for one lowered set of expressions.
pub(crate) struct Runner {
    tile: usize,
    workspaces: Vec<Workspace>,
    registers: Registers,
    inputs: Vec<f64>,
    input_adjoint: Vec<f64>,
    jacobian: Vec<f64>,
}

impl Runner {
    pub(crate) fn new(lowered: &Lowered, fields: &[FieldForm], tile: usize) -> Self {
        let workspaces: Vec<Workspace> = lowered
            .instances
            .iter()
            .map(|i| Workspace::new(&fields[i.field].mlp, &i.streams, tile))
            .collect();
        Self {
            tile,
            workspaces,
            registers: Registers::new(),
            inputs: vec![0.0; lowered.main.inputs * tile],
            input_adjoint: vec![0.0; lowered.main.inputs * tile],
            jacobian: Vec::new(),
        }
    }

    /// Static columns of one tile, as the kernels want them.
    fn features<'a>(&self, lowered: &Lowered, statics: &'a [f64], k: usize) -> &'a [f64] {
        let i = &lowered.instances[k];
        &statics[i.first_column * self.tile..(i.first_column + i.columns) * self.tile]
    }

    /// Networks forward, inputs of the main program filled except integrals.
    pub(crate) fn networks(&mut self, lowered: &Lowered, statics: &[f64], weights: &Weights<'_>) {
        let tile = self.tile;
        let mut at = 0;
        for (k, instance) in lowered.instances.iter().enumerate() {
            let x = self.features(lowered, statics, k);
            let workspace = &mut self.workspaces[k];
            workspace.forward(weights.networks[instance.field], x);
            let output = workspace.output();
            self.inputs[at..at + output.len()].copy_from_slice(output);
            at += output.len();
        }
        for &u in &lowered.unknowns {
            self.inputs[at..at + tile].fill(weights.unknowns[u]);
            at += tile;
        }
        let fixed = &statics[(lowered.static_columns() - lowered.statics) * tile..];
        let start = self.inputs.len() - lowered.statics * tile;
        self.inputs[start..].copy_from_slice(fixed);
    }

    /// Main program forward, its inputs filled.
    pub(crate) fn forward(&mut self, main: &Plan) {
        main.forward(&self.inputs, self.tile, &mut self.registers);
    }

    /// Output `k` after [`Runner::forward`], `[T]`.
    pub(crate) fn output(&self, k: usize) -> &[f64] {
        self.registers.output(k)
    }

    /// Reverse sweep of the main program; stream adjoints end up in `input_adjoint`.
    fn main_reverse(&mut self, lowered: &Lowered, main: &Plan, seeds: &[f64]) {
        self.input_adjoint[..lowered.dynamic_inputs() * self.tile].fill(0.0);
        main.reverse(seeds, &mut self.registers, &mut self.input_adjoint);
    }

    /// Accumulates weight gradients inside the workspaces and those of unknowns in `gradient`.
    fn network_reverse(
        &mut self,
        lowered: &Lowered,
        statics: &[f64],
        weights: &Weights<'_>,
        unknown_gradient: &mut [f64],
    ) {
        let mut at = 0;
        for (k, instance) in lowered.instances.iter().enumerate() {
            let length = instance.streams.count() * self.tile;
            let x = self.features(lowered, statics, k);
            let adjoint = &self.input_adjoint[at..at + length];
            self.workspaces[k].reverse(weights.networks[instance.field], x, adjoint);
            at += length;
        }
        for &u in &lowered.unknowns {
            unknown_gradient[u] += self.input_adjoint[at..at + self.tile].iter().sum::<f64>();
            at += self.tile;
        }
    }
}

/// Scratch of one thread for one block.
pub(crate) struct Worker {
    outer: Runner,
    inners: Vec<Runner>,
    seeds: Vec<f64>,
    inner_seeds: Vec<f64>,
    unknown_gradient: Vec<f64>,
}

/// Where a Jacobian tile goes: rows by output and point, columns by weight.
pub(crate) struct JacobianSink<'a> {
    /// Column-major `m x n`.
    pub matrix: &'a mut [f64],
    /// Rows of the matrix.
    pub m: usize,
    /// First row of this block.
    pub first_row: usize,
    /// First column of each field's weights.
    pub field_columns: &'a [Option<usize>],
    /// Column of each unknown.
    pub unknown_columns: &'a [Option<usize>],
}

impl Worker {
    /// Scratch for a block.
    pub(crate) fn new(block: &Block, fields: &[FieldForm], unknowns: usize) -> Self {
        let tile = block.tile();
        let lowered = &block.lowered;
        let inners: Vec<Runner> = lowered
            .inners
            .iter()
            .map(|i| Runner::new(&i.body, fields, OUTER * i.nodes.len()))
            .collect();
        let widest = inners.iter().map(|r| r.tile).max().unwrap_or(0);
        Self {
            outer: Runner::new(lowered, fields, tile),
            inners,
            seeds: vec![0.0; lowered.main.outputs.len() * tile],
            inner_seeds: vec![0.0; widest],
            unknown_gradient: vec![0.0; unknowns],
        }
    }

    /// Residuals (divided by row scales) of one tile are then in `residual(k)`.
    pub(crate) fn forward(
        &mut self,
        block: &Block,
        points: &PointSet,
        t: usize,
        weights: &Weights<'_>,
    ) {
        let lowered = &block.lowered;
        let tile = block.tile();
        let statics = slice(&points.statics, lowered.static_columns() * tile, t);
        self.outer.networks(lowered, statics, weights);
        let mut at = (lowered.dynamic_inputs() - lowered.inners.len()) * tile;
        for (k, inner) in lowered.inners.iter().enumerate() {
            let runner = &mut self.inners[k];
            let statics = slice(&points.inners[k], inner.body.static_columns() * runner.tile, t);
            runner.networks(&inner.body, statics, weights);
            runner.forward(&block.inner_mains[k]);
            let values = runner.output(0);
            for p in 0..OUTER {
                self.outer.inputs[at + p] =
                    inner.weights.iter().enumerate().map(|(q, w)| w * values[q * OUTER + p]).sum();
            }
            at += tile;
        }
        self.outer.forward(&block.main);
    }

    /// Residual of row `k` after [`Worker::forward`], not yet divided by its scale: `[T]`.
    pub(crate) fn residual(&self, k: usize) -> &[f64] {
        self.outer.output(k)
    }

    /// Points of tile `t` that are not padding.
    pub(crate) fn valid(block: &Block, points: &PointSet, t: usize) -> usize {
        block.tile().min(points.n - t * block.tile())
    }

    /// Adds each row's `Σ (r/scale)^2` of one tile to `sums`; with `gradient` also accumulates the
    /// gradient of `Σ_rows weight/n Σ (r/scale)^2` in the workspaces.
    pub(crate) fn accumulate(
        &mut self,
        block: &Block,
        points: &PointSet,
        t: usize,
        weights: &Weights<'_>,
        gradient: bool,
        sums: &mut [f64],
    ) {
        self.forward(block, points, t, weights);
        let (tile, valid) = (block.tile(), Self::valid(block, points, t));
        for (k, row) in block.rows.iter().enumerate() {
            let r = self.outer.output(k);
            let inverse = 1.0 / row.scale;
            let factor = 2.0 * row.weight * inverse * inverse / points.n as f64;
            let seeds = &mut self.seeds[k * tile..(k + 1) * tile];
            let mut sum = 0.0;
            for p in 0..valid {
                let scaled = r[p] * inverse;
                sum += scaled * scaled;
                seeds[p] = factor * r[p];
            }
            seeds[valid..].fill(0.0);
            sums[k] += sum;
        }
        if gradient {
            self.reverse(block, points, t, weights);
        }
    }

    fn reverse(&mut self, block: &Block, points: &PointSet, t: usize, weights: &Weights<'_>) {
        let lowered = &block.lowered;
        let tile = block.tile();
        let statics = slice(&points.statics, lowered.static_columns() * tile, t);
        self.outer.main_reverse(lowered, &block.main, &self.seeds);
        self.outer.network_reverse(lowered, statics, weights, &mut self.unknown_gradient);
        let mut at = (lowered.dynamic_inputs() - lowered.inners.len()) * tile;
        for (k, inner) in lowered.inners.iter().enumerate() {
            self.spread_seeds(inner, at);
            let runner = &mut self.inners[k];
            let statics = slice(&points.inners[k], inner.body.static_columns() * runner.tile, t);
            runner.main_reverse(
                &inner.body,
                &block.inner_mains[k],
                &self.inner_seeds[..runner.tile],
            );
            runner.network_reverse(&inner.body, statics, weights, &mut self.unknown_gradient);
            at += tile;
        }
    }

    /// Adjoints of an integral to its quadrature points.
    fn spread_seeds(&mut self, inner: &Inner, at: usize) {
        for (q, w) in inner.weights.iter().enumerate() {
            for p in 0..OUTER {
                self.inner_seeds[q * OUTER + p] = w * self.outer.input_adjoint[at + p];
            }
        }
    }

    /// Adds what has been accumulated to a component's gradient and forgets it.
    pub(crate) fn drain(
        &mut self,
        block: &Block,
        field_columns: &[Option<usize>],
        unknown_columns: &[Option<usize>],
        fields: &[FieldForm],
        gradient: &mut [f64],
    ) {
        let mut drain = |workspace: &mut Workspace, field: usize| {
            if let Some(first) = field_columns[field] {
                let n = fields[field].mlp.n_weights();
                workspace.drain_gradient(&mut gradient[first..first + n]);
            }
        };
        for (i, w) in block.lowered.instances.iter().zip(&mut self.outer.workspaces) {
            drain(w, i.field);
        }
        for (inner, runner) in block.lowered.inners.iter().zip(&mut self.inners) {
            for (i, w) in inner.body.instances.iter().zip(&mut runner.workspaces) {
                drain(w, i.field);
            }
        }
        for (u, value) in self.unknown_gradient.iter_mut().enumerate() {
            if let Some(column) = unknown_columns[u] {
                gradient[column] += *value;
            }
            *value = 0.0;
        }
    }

    /// Writes the weighted residuals `sqrt(weight/n) r/scale` and their Jacobian rows of one tile.
    /// Rows of a block are ordered `[row][point]`.
    pub(crate) fn jacobian(
        &mut self,
        block: &Block,
        points: &PointSet,
        t: usize,
        weights: &Weights<'_>,
        residuals: &mut [f64],
        sink: &mut JacobianSink<'_>,
    ) {
        self.forward(block, points, t, weights);
        let lowered = &block.lowered;
        let (tile, valid) = (block.tile(), Self::valid(block, points, t));
        let statics = slice(&points.statics, lowered.static_columns() * tile, t);
        for (k, row) in block.rows.iter().enumerate() {
            let factor = (row.weight / points.n as f64).sqrt() / row.scale;
            let first = sink.first_row + k * points.n + t * tile;
            for p in 0..valid {
                residuals[first + p] = factor * self.outer.output(k)[p];
            }
            self.seeds.fill(0.0);
            self.seeds[k * tile..k * tile + valid].fill(factor);
            self.outer.main_reverse(lowered, &block.main, &self.seeds);
            add_rows(&mut self.outer, lowered, statics, weights, sink, (first, valid), 1);
            let mut at = (lowered.dynamic_inputs() - lowered.inners.len()) * tile;
            for (j, inner) in lowered.inners.iter().enumerate() {
                self.spread_seeds(inner, at);
                let runner = &mut self.inners[j];
                let statics =
                    slice(&points.inners[j], inner.body.static_columns() * runner.tile, t);
                runner.main_reverse(
                    &inner.body,
                    &block.inner_mains[j],
                    &self.inner_seeds[..runner.tile],
                );
                let nodes = inner.nodes.len();
                add_rows(runner, &inner.body, statics, weights, sink, (first, valid), nodes);
                at += tile;
            }
        }
    }
}

/// Adds per-point rows of all instances of a runner; with `nodes > 1` sums over quadrature nodes.
fn add_rows(
    runner: &mut Runner,
    lowered: &Lowered,
    statics: &[f64],
    weights: &Weights<'_>,
    sink: &mut JacobianSink<'_>,
    (first, valid): (usize, usize),
    nodes: usize,
) {
    let tile = runner.tile;
    let outer = tile / nodes;
    let mut at = 0;
    let add = |sink: &mut JacobianSink<'_>, column: usize, values: &[f64]| {
        let target = &mut sink.matrix[column * sink.m + first..][..valid];
        for chunk in values.chunks_exact(outer) {
            target.iter_mut().zip(chunk).for_each(|(t, v)| *t += v);
        }
    };
    for (k, instance) in lowered.instances.iter().enumerate() {
        let length = instance.streams.count() * tile;
        let network = weights.networks[instance.field];
        let mut rows = std::mem::take(&mut runner.jacobian);
        rows.clear();
        rows.resize(network.len() * tile, 0.0);
        let x = runner.features(lowered, statics, k);
        let adjoint = &runner.input_adjoint[at..at + length];
        runner.workspaces[k].jacobian(network, x, adjoint, &mut rows);
        if let Some(column) = sink.field_columns[instance.field] {
            for (w, values) in rows.chunks_exact(tile).enumerate() {
                add(sink, column + w, values);
            }
        }
        runner.jacobian = rows;
        at += length;
    }
    for &u in &lowered.unknowns {
        if let Some(column) = sink.unknown_columns[u] {
            let values = runner.input_adjoint[at..at + tile].to_vec();
            add(sink, column, &values);
        }
        at += tile;
    }
}

fn slice(all: &[f64], length: usize, t: usize) -> &[f64] {
    &all[t * length..(t + 1) * length]
}
