//! The semi-discrete system: compiled laws evaluated on columns of points, scattered into rates
//! and residuals and, with their partial derivatives, into the Jacobian.

use surrogate_jet::Registers;

use crate::law::Law;
use crate::linear::Shape;
use crate::rodas::Dae;

/// A column that is a weighted sum of unknowns at each point.
#[derive(Clone, Debug)]
pub(crate) struct Gather {
    /// Input column.
    pub(crate) input: usize,
    /// Terms per point.
    pub(crate) width: usize,
    /// `[point][term]`.
    pub(crate) unknowns: Vec<u32>,
    /// `[point][term]`.
    pub(crate) weights: Vec<f64>,
}

/// Entries of the Jacobian that take one partial derivative: store, point, factor.
#[derive(Clone, Debug)]
pub(crate) struct Spread {
    /// Output of the full program.
    pub(crate) output: usize,
    /// Where it goes.
    pub(crate) entries: Vec<(u32, u32, f64)>,
}

/// One law on its points.
#[derive(Clone, Debug)]
pub(crate) struct Group {
    pub(crate) law: Law,
    pub(crate) tile: usize,
    /// Columns with places put in.
    pub(crate) columns: Vec<f64>,
    /// Input column and parameter.
    pub(crate) parameters: Vec<(usize, usize)>,
    pub(crate) times: Vec<usize>,
    pub(crate) gathers: Vec<Gather>,
    /// Columns that hold one unknown at all points.
    pub(crate) broadcasts: Vec<(usize, usize)>,
    /// Row, point, factor.
    pub(crate) scatter: Vec<(u32, u32, f64)>,
    pub(crate) spreads: Vec<Spread>,
}

impl Group {
    /// Input columns for given parameters.
    pub(crate) fn start_columns(&self, parameters: &[f64]) -> Vec<f64> {
        let mut columns = self.columns.clone();
        for &(input, p) in &self.parameters {
            columns[input * self.tile..][..self.tile].fill(parameters[p]);
        }
        columns
    }

    /// Puts time and unknowns into the columns.
    pub(crate) fn load(&self, t: f64, y: &[f64], columns: &mut [f64]) {
        let tile = self.tile;
        for &input in &self.times {
            columns[input * tile..][..tile].fill(t);
        }
        for &(input, unknown) in &self.broadcasts {
            columns[input * tile..][..tile].fill(y[unknown]);
        }
        for gather in &self.gathers {
            let column = &mut columns[gather.input * tile..][..tile];
            match gather.width {
                2 => gather.fill::<2>(y, column),
                4 => gather.fill::<4>(y, column),
                5 => gather.fill::<5>(y, column),
                7 => gather.fill::<7>(y, column),
                9 => gather.fill::<9>(y, column),
                width => {
                    let points = gather.unknowns.chunks_exact(width);
                    let points = points.zip(gather.weights.chunks_exact(width));
                    for (out, (unknowns, weights)) in column.iter_mut().zip(points) {
                        *out = unknowns.iter().zip(weights).map(|(&k, w)| w * y[k as usize]).sum();
                    }
                }
            }
            pad(column, gather.unknowns.len() / gather.width);
        }
    }
}

impl Gather {
    fn fill<const W: usize>(&self, y: &[f64], column: &mut [f64]) {
        let (unknowns, _) = self.unknowns.as_chunks::<W>();
        let (weights, _) = self.weights.as_chunks::<W>();
        for ((out, unknowns), weights) in column.iter_mut().zip(unknowns).zip(weights) {
            let mut sum = 0.0;
            for k in 0..W {
                sum += weights[k] * y[unknowns[k] as usize];
            }
            *out = sum;
        }
    }
}

/// Repeats the last point over the padding, so that it never makes a NaN of its own.
fn pad(column: &mut [f64], points: usize) {
    let last = column[points - 1];
    column[points..].fill(last);
}

/// A component on its meshes, ready to be integrated for any parameters.
#[derive(Clone, Debug)]
pub(crate) struct Discretisation {
    pub(crate) shape: Shape,
    pub(crate) mass: Vec<f64>,
    pub(crate) families: Vec<usize>,
    pub(crate) floors: Vec<f64>,
    pub(crate) groups: Vec<Group>,
    /// Constant terms: row, unknown, factor, and where the Jacobian stores it.
    pub(crate) linear: Vec<(usize, usize, f64, usize)>,
    /// Rows of auxiliary unknowns, whose residual is `value - unknown`.
    pub(crate) auxiliary: std::ops::Range<usize>,
}

/// A discretisation with parameters put in, and room to work.
pub(crate) struct System<'a> {
    plan: &'a Discretisation,
    /// Times between which nothing switches: those beyond count as these.
    limits: (f64, f64),
    columns: Vec<Vec<f64>>,
    registers: Vec<(Registers, Registers)>,
}

impl<'a> System<'a> {
    /// The system for given parameters.
    pub(crate) fn new(plan: &'a Discretisation, parameters: &[f64]) -> Self {
        let columns = plan.groups.iter().map(|g| g.start_columns(parameters)).collect();
        let registers = plan.groups.iter().map(|_| (Registers::new(), Registers::new())).collect();
        let limits = (f64::NEG_INFINITY, f64::INFINITY);
        Self { plan, limits, columns, registers }
    }

    /// Sees all times as within `limits`, so that no stage of a step looks past a switch.
    pub(crate) fn limit(&mut self, limits: (f64, f64)) {
        self.limits = limits;
    }

    /// Sets auxiliary unknowns to what they stand for.
    pub(crate) fn settle_auxiliary(&mut self, t: f64, y: &mut [f64]) {
        let mut f = vec![0.0; y.len()];
        for _ in 0..2 {
            self.rhs(t, y, &mut f);
            for row in self.plan.auxiliary.clone() {
                y[row] += f[row];
            }
        }
    }
}

impl Dae for System<'_> {
    fn shape(&self) -> Shape {
        self.plan.shape
    }
    fn mass(&self) -> &[f64] {
        &self.plan.mass
    }
    fn families(&self) -> &[usize] {
        &self.plan.families
    }
    fn floors(&self) -> &[f64] {
        &self.plan.floors
    }

    fn rhs(&mut self, t: f64, y: &[f64], f: &mut [f64]) {
        f.fill(0.0);
        for &(row, unknown, factor, _) in &self.plan.linear {
            f[row] += factor * y[unknown];
        }
        for ((group, columns), registers) in
            self.plan.groups.iter().zip(&mut self.columns).zip(&mut self.registers)
        {
            group.load(t.clamp(self.limits.0, self.limits.1), y, columns);
            group.law.value.forward(columns, group.tile, &mut registers.0);
            let value = registers.0.output(0);
            for &(row, point, factor) in &group.scatter {
                f[row as usize] += factor * value[point as usize];
            }
        }
    }

    fn linearise(&mut self, t: f64, y: &[f64], f: &mut [f64], j: &mut [f64], f_t: &mut [f64]) {
        f.fill(0.0);
        f_t.fill(0.0);
        j.fill(0.0);
        for &(row, unknown, factor, store) in &self.plan.linear {
            f[row] += factor * y[unknown];
            j[store] += factor;
        }
        for ((group, columns), registers) in
            self.plan.groups.iter().zip(&mut self.columns).zip(&mut self.registers)
        {
            group.load(t.clamp(self.limits.0, self.limits.1), y, columns);
            group.law.full.forward(columns, group.tile, &mut registers.1);
            let value = registers.1.output(0);
            for &(row, point, factor) in &group.scatter {
                f[row as usize] += factor * value[point as usize];
            }
            if let Some(output) = group.law.time_partial {
                let slope = registers.1.output(output);
                for &(row, point, factor) in &group.scatter {
                    f_t[row as usize] += factor * slope[point as usize];
                }
            }
            for spread in &group.spreads {
                let slope = registers.1.output(spread.output);
                for &(store, point, factor) in &spread.entries {
                    j[store as usize] += factor * slope[point as usize];
                }
            }
        }
    }
}
