//! The loss of a component as an objective: `Σ_rows weight · mean((r/scale)²)`.

use burn::tensor::Tensor;
use surrogate_engine::optimize::Objective;
use surrogate_engine::{Block, Component, FieldForm, Loss, Lowered, PointSet, TrainingLoss};

use crate::device::{Device, read};
use crate::network::Network;
use crate::program::DeviceProgram;

/// Makes losses on a device for [`surrogate_engine::Training::with_loss`].
pub fn burn_loss(
    device: &Device,
) -> impl for<'a> Fn(&'a Component, &'a [FieldForm], Vec<PointSet>) -> Box<dyn TrainingLoss + 'a> + use<>
{
    let device = device.clone();
    move |component, forms, sets| Box::new(BurnLoss::new(component, forms, sets, &device))
}

/// The loss of a component on point sets, in tensor operations.
///
/// Panics if the device fails (out of memory): burn has no other way to say so.
pub struct BurnLoss<'a> {
    component: &'a Component,
    forms: &'a [FieldForm],
    device: Device,
    sets: Vec<PointSet>,
    blocks: Vec<DeviceBlock<'a>>,
    /// `[row]` over all blocks.
    row_weights: Vec<f64>,
    row_means: Vec<f64>,
    fused: Option<Loss<'a>>,
}

impl<'a> BurnLoss<'a> {
    /// A loss on given points (one set per block).
    #[must_use]
    pub fn new(
        component: &'a Component,
        forms: &'a [FieldForm],
        sets: Vec<PointSet>,
        device: &Device,
    ) -> Self {
        let rows = component.blocks.iter().flat_map(|b| &b.block.rows);
        let row_weights: Vec<f64> = rows.map(|r| r.weight).collect();
        Self {
            component,
            forms,
            device: device.clone(),
            blocks: on_device(component, &sets, device),
            sets,
            row_means: vec![0.0; row_weights.len()],
            row_weights,
            fused: None,
        }
    }

    /// Value at `variables`, and the tensor it was read from.
    fn forward(&mut self, variables: &Tensor<1>) -> (f64, Option<Tensor<1>>) {
        let networks: Vec<Option<Network>> = self
            .component
            .field_columns
            .iter()
            .zip(self.forms)
            .map(|(first, form)| first.map(|c| Network::new(&form.mlp, variables, c)))
            .collect();
        let trained =
            Trained { variables, networks, unknown_columns: &self.component.unknown_columns };
        let means: Vec<Tensor<1>> = self.blocks.iter().flat_map(|b| b.means(&trained)).collect();
        if means.is_empty() {
            return (0.0, None);
        }
        let means = Tensor::cat(means, 0);
        self.row_means = read(means.clone());
        let value = self.row_means.iter().zip(&self.row_weights).map(|(m, w)| w * m).sum();
        (value, Some((means * self.device.column(&self.row_weights)).sum()))
    }
}

impl TrainingLoss for BurnLoss<'_> {
    fn set_points(&mut self, sets: Vec<PointSet>) {
        self.blocks = on_device(self.component, &sets, &self.device);
        self.sets = sets;
        self.fused = None;
    }

    fn row_means(&self) -> &[f64] {
        &self.row_means
    }
}

impl Objective for BurnLoss<'_> {
    fn n(&self) -> usize {
        self.component.n
    }

    fn value_gradient(&mut self, x: &[f64], gradient: &mut [f64]) -> f64 {
        let variables = self.device.column(x).require_grad();
        let (value, loss) = self.forward(&variables);
        match loss.and_then(|loss| variables.grad(&loss.backward())) {
            Some(g) => gradient.copy_from_slice(&read(g)),
            None => gradient.fill(0.0),
        }
        value
    }

    fn value(&mut self, x: &[f64]) -> f64 {
        let variables = self.device.column(x);
        self.forward(&variables).0
    }

    fn residuals(&self) -> usize {
        let blocks = self.component.blocks.iter().zip(&self.sets);
        blocks.map(|(b, s)| b.block.rows.len() * s.n).sum()
    }

    /// By the fused kernels on the CPU: reverse mode over whole tensors would need a sweep for
    /// every residual.
    fn jacobian(&mut self, x: &[f64], r: &mut [f64], jacobian: &mut [f64]) {
        let fused = || Loss::new(self.component, self.forms, self.sets.clone());
        self.fused.get_or_insert_with(fused).jacobian(x, r, jacobian);
    }
}

/// What is trained, as tensors.
struct Trained<'a> {
    variables: &'a Tensor<1>,
    /// By field; none where the field is not of this component.
    networks: Vec<Option<Network>>,
    unknown_columns: &'a [Option<usize>],
}

impl Trained<'_> {
    /// A trained scalar at `n` points.
    fn unknown(&self, u: usize, n: usize, device: &Device) -> Tensor<1> {
        match self.unknown_columns[u] {
            Some(column) => self.variables.clone().narrow(0, column, 1).expand([n]),
            None => device.full(n, 0.0),
        }
    }
}

/// A block and its points on a device.
struct DeviceBlock<'a> {
    block: &'a Block,
    outer: DeviceSet<'a>,
    /// Integrands, and quadrature weights `[Q][1]`.
    inners: Vec<(DeviceSet<'a>, Tensor<2>)>,
}

fn on_device<'a>(
    component: &'a Component,
    sets: &[PointSet],
    device: &Device,
) -> Vec<DeviceBlock<'a>> {
    let blocks = component.blocks.iter().zip(sets);
    blocks.map(|(form, set)| DeviceBlock::new(&form.block, set, device)).collect()
}

impl<'a> DeviceBlock<'a> {
    fn new(block: &'a Block, points: &PointSet, device: &Device) -> Self {
        let lowered = &block.lowered;
        let inners = lowered.inners.iter().enumerate().map(|(k, inner)| {
            let q = inner.nodes.len();
            let columns = points.integrand_columns(block, k);
            let set = DeviceSet::new(&inner.body, &columns, points.n * q, device);
            (set, device.column(&inner.weights).reshape([q, 1]))
        });
        Self {
            block,
            inners: inners.collect(),
            outer: DeviceSet::new(lowered, &points.static_columns(block), points.n, device),
        }
    }

    /// Mean square of each row's scaled residual, `[1]` each.
    fn means(&self, trained: &Trained<'_>) -> Vec<Tensor<1>> {
        let n = self.outer.n;
        let integrals: Vec<Tensor<1>> = self
            .inners
            .iter()
            .map(|(set, weights)| {
                let integrand = set.run(trained, &[]).swap_remove(0);
                let by_node = integrand.reshape([set.n / n, n]) * weights.clone();
                by_node.sum_dim(0).reshape([n])
            })
            .collect();
        let residuals = self.outer.run(trained, &integrals).into_iter().zip(&self.block.rows);
        residuals
            .map(|(r, row)| {
                // burn-autodiff 0.22.0-pre.2 rounds the reciprocal to f32 when it differentiates a
                // division by a number
                let scaled = r * row.scale.recip();
                (scaled.clone() * scaled).mean()
            })
            .collect()
    }
}

/// Lowered expressions with their static columns on a device.
struct DeviceSet<'a> {
    lowered: &'a Lowered,
    main: DeviceProgram<'a>,
    n: usize,
    /// Network inputs of each instance, by stream, `[I][n]` each.
    features: Vec<Vec<Tensor<2>>>,
    statics: Vec<Tensor<1>>,
    device: Device,
}

impl<'a> DeviceSet<'a> {
    fn new(lowered: &'a Lowered, columns: &[Vec<f64>], n: usize, device: &Device) -> Self {
        let features = lowered.instances.iter().map(|instance| {
            // [input][stream]
            let own = &columns[instance.first_column..][..instance.columns];
            let count = instance.streams.count();
            let of_stream = |s: usize| {
                let rows: Vec<&[f64]> =
                    own.iter().skip(s).step_by(count).map(Vec::as_slice).collect();
                device.rows(&rows)
            };
            (0..count).map(of_stream).collect()
        });
        let fixed = &columns[columns.len() - lowered.statics..];
        Self {
            lowered,
            main: DeviceProgram::new(&lowered.main, device),
            n,
            features: features.collect(),
            statics: fixed.iter().map(|c| device.column(c)).collect(),
            device: device.clone(),
        }
    }

    /// Values of the expressions, `[n]` each.
    fn run(&self, trained: &Trained<'_>, integrals: &[Tensor<1>]) -> Vec<Tensor<1>> {
        let mut inputs = Vec::with_capacity(self.lowered.main.inputs);
        for (instance, features) in self.lowered.instances.iter().zip(&self.features) {
            let network = trained.networks[instance.field]
                .as_ref()
                .expect("rows of a component read no other component's networks");
            let streams = network.streams(features, &instance.streams.orders);
            inputs.extend(streams.into_iter().map(|s| s.reshape([self.n])));
        }
        let unknowns = self.lowered.unknowns.iter();
        inputs.extend(unknowns.map(|&u| trained.unknown(u, self.n, &self.device)));
        inputs.extend_from_slice(integrals);
        inputs.extend_from_slice(&self.statics);
        self.main.run(&inputs, self.n)
    }
}
