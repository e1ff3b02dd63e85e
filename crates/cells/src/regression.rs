//! Least squares of a network against values and derivatives at scattered points.

use rayon::prelude::*;
use surrogate_engine::optimize::Objective;
use surrogate_jet::{Mlp, Streams, Workspace};

/// Parts that are summed apart, so that sums do not depend on the number of threads.
const PARTS: usize = 8;

/// Inputs, targets and weights: `inputs [point][input][stream]`, `targets` and `weights`
/// `[point][output][stream]`. Stream 0 is the value, the others are derivatives along directions.
#[derive(Debug, Clone, Default)]
pub(crate) struct Points {
    pub(crate) inputs: Vec<f64>,
    pub(crate) targets: Vec<f64>,
    pub(crate) weights: Vec<f64>,
}

/// Mean of the weighted squares, plus the squares of the network's weights times `decay`.
pub(crate) struct Regression {
    mlp: Mlp,
    streams: usize,
    count: usize,
    decay: f64,
    parts: Vec<Part>,
}

struct Part {
    workspace: Workspace,
    tiles: Vec<Tile>,
    adjoint: Vec<f64>,
    gradient: Vec<f64>,
}

/// A tile in the layout of the kernel, `[unit][stream][point]`; weights are zero where it has no point.
struct Tile {
    inputs: Vec<f64>,
    targets: Vec<f64>,
    weights: Vec<f64>,
}

/// `[point][unit][stream]` to `[unit][stream][lane]`, the last point repeated, or zeros after it.
fn tiled(list: &[f64], per_point: usize, tile: usize, repeat: bool) -> Vec<f64> {
    let count = list.len() / per_point;
    let mut out = vec![0.0; per_point * tile];
    for lane in 0..tile {
        if lane >= count && !repeat {
            break;
        }
        let point = &list[lane.min(count - 1) * per_point..][..per_point];
        for (unit, value) in point.iter().enumerate() {
            out[unit * tile + lane] = *value;
        }
    }
    out
}

/// Streams of a value and first derivatives along `directions`.
pub(crate) fn streams(directions: usize) -> Streams {
    Streams { orders: vec![1; directions] }
}

impl Regression {
    /// Of a network with `directions` derivatives.
    pub(crate) fn new(mlp: &Mlp, directions: usize, points: &Points, decay: f64) -> Self {
        let streams = streams(directions);
        let (s, tile) = (streams.count(), Workspace::default_tile(mlp, &streams));
        let (per_in, per_out) = (mlp.inputs * s, mlp.outputs * s);
        let tiles: Vec<Tile> = (points.inputs.chunks(per_in * tile))
            .zip(points.targets.chunks(per_out * tile).zip(points.weights.chunks(per_out * tile)))
            .map(|(x, (y, w))| Tile {
                inputs: tiled(x, per_in, tile, true),
                targets: tiled(y, per_out, tile, true),
                weights: tiled(w, per_out, tile, false),
            })
            .collect();
        let each = tiles.len().div_ceil(PARTS).max(1);
        let mut tiles = tiles.into_iter();
        let mut parts = vec![];
        loop {
            let tiles: Vec<Tile> = tiles.by_ref().take(each).collect();
            if tiles.is_empty() {
                break;
            }
            parts.push(Part {
                workspace: Workspace::new(mlp, &streams, tile),
                tiles,
                adjoint: vec![0.0; per_out * tile],
                gradient: vec![0.0; mlp.n_weights()],
            });
        }
        let count = (points.inputs.len() / per_in).max(1);
        Self { mlp: mlp.clone(), streams: s, count, decay, parts }
    }

    /// Mean of the weighted squares.
    pub(crate) fn misfit(&mut self, weights: &[f64]) -> f64 {
        let each: Vec<f64> = self.parts.par_iter_mut().map(|part| part.misfit(weights)).collect();
        each.iter().sum::<f64>() / self.count as f64
    }
}

impl Part {
    fn misfit(&mut self, weights: &[f64]) -> f64 {
        let mut sum = 0.0;
        for tile in &self.tiles {
            self.workspace.forward(weights, &tile.inputs);
            let rows = self.workspace.output().iter().zip(tile.targets.iter().zip(&tile.weights));
            sum += rows.map(|(out, (y, w))| ((out - y) * w).powi(2)).sum::<f64>();
        }
        sum
    }

    fn gradient(&mut self, weights: &[f64]) -> f64 {
        let mut sum = 0.0;
        for tile in &self.tiles {
            self.workspace.forward(weights, &tile.inputs);
            let rows = self.workspace.output().iter().zip(tile.targets.iter().zip(&tile.weights));
            for ((out, (y, w)), adjoint) in rows.zip(&mut self.adjoint) {
                let r = (out - y) * w;
                sum += r * r;
                *adjoint = 2.0 * r * w;
            }
            self.workspace.reverse(weights, &tile.inputs, &self.adjoint);
        }
        self.gradient.fill(0.0);
        self.workspace.drain_gradient(&mut self.gradient);
        sum
    }
}

impl Objective for Regression {
    fn n(&self) -> usize {
        self.mlp.n_weights()
    }

    fn value_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let each: Vec<f64> = self.parts.par_iter_mut().map(|part| part.gradient(x)).collect();
        let mut value = each.iter().sum::<f64>() / self.count as f64;
        for (g, w) in gradient.iter_mut().zip(x) {
            *g = 2.0 * self.decay * w;
            value += self.decay * w * w;
        }
        for part in &self.parts {
            for (g, p) in gradient.iter_mut().zip(&part.gradient) {
                *g += p / self.count as f64;
            }
        }
        value
    }

    fn value(&mut self, x: &[f64]) -> f64 {
        self.misfit(x) + self.decay * x.iter().map(|w| w * w).sum::<f64>()
    }

    fn residuals(&self) -> usize {
        self.count * self.mlp.outputs * self.streams
    }

    /// Not used: no least-squares method trains these networks.
    fn jacobian(&mut self, _: &[f64], r: &mut [f64], jacobian: &mut [f64]) {
        r.fill(f64::NAN);
        jacobian.fill(f64::NAN);
    }
}
