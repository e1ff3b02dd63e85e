//! Straight-line programs, instruction by instruction, over all points at once.

use burn::tensor::Tensor;
use surrogate_jet::Function;
use surrogate_jet::tape::{Op, Program};

use crate::device::Device;
use crate::table::DeviceTable;

/// A program with its tables on a device.
pub(crate) struct DeviceProgram<'a> {
    program: &'a Program,
    tables: Vec<DeviceTable>,
    device: Device,
}

impl<'a> DeviceProgram<'a> {
    pub(crate) fn new(program: &'a Program, device: &Device) -> Self {
        let tables = program.tables.iter().map(|t| DeviceTable::new(t, device)).collect();
        Self { program, tables, device: device.clone() }
    }

    /// Outputs, `[n]` each, from inputs, `[n]` each.
    pub(crate) fn run(&self, inputs: &[Tensor<1>], n: usize) -> Vec<Tensor<1>> {
        let mut registers: Vec<Tensor<1>> = Vec::with_capacity(self.program.ops.len());
        for &op in &self.program.ops {
            let value = self.apply(op, inputs, n, |r| registers[r as usize].clone());
            registers.push(value);
        }
        let outputs = self.program.outputs.iter();
        outputs.map(|&o| registers[o as usize].clone()).collect()
    }

    fn apply(
        &self,
        op: Op,
        inputs: &[Tensor<1>],
        n: usize,
        v: impl Fn(u32) -> Tensor<1>,
    ) -> Tensor<1> {
        match op {
            Op::Const(c) => self.device.full(n, c),
            Op::Input(k) => inputs[k as usize].clone(),
            Op::Add(a, b) => v(a) + v(b),
            Op::Sub(a, b) => v(a) - v(b),
            Op::Mul(a, b) => v(a) * v(b),
            Op::Div(a, b) => v(a) / v(b),
            Op::Fma(a, b, c) => v(a) * v(b) + v(c),
            Op::Scale(a, c) => v(a) * c,
            Op::Shift(a, c) => v(a) + c,
            Op::Axpy(a, c, b) => v(a) * c + v(b),
            Op::Recip(a) => v(a).recip(),
            Op::Powi(a, n) => power(v(a), n),
            Op::Powf(a, c) => match integer(c) {
                Some(n) => power(v(a), n),
                None => v(a).powf_scalar(c),
            },
            Op::Sqrt(a) => v(a).sqrt(),
            Op::Unary(function, a) => unary(function, v(a)),
            Op::Min(a, b) => v(b).mask_where(v(a).lower_equal(v(b)), v(a)),
            Op::Max(a, b) => v(b).mask_where(v(a).greater_equal(v(b)), v(a)),
            Op::Clip(a, lo, hi) => {
                let (below, above) = (v(a).lower_elem(lo), v(a).greater_elem(hi));
                v(a).mask_fill(below, lo).mask_fill(above, hi)
            }
            Op::Select(c, a, b) => v(b).mask_where(v(c).greater_elem(0.0), v(a)),
            Op::Poly(a, k) => {
                let coefficients = &self.program.polynomials[k as usize];
                let first = self.device.full(n, coefficients[0]);
                coefficients[1..].iter().fold(first, |sum, &c| sum * v(a) + c)
            }
            Op::Table(a, k) => self.tables[k as usize].value(&v(a)),
        }
    }
}

/// Exponents that are taken as whole numbers, as on the tape.
#[allow(clippy::cast_possible_truncation, clippy::float_cmp)]
fn integer(c: f64) -> Option<i32> {
    (c.abs() <= 1024.0 && c.trunc() == c).then_some(c as i32)
}

/// `x^n` by squaring.
fn power(x: Tensor<1>, n: i32) -> Tensor<1> {
    let mut rest = n.unsigned_abs();
    let mut square = x.clone();
    let mut product: Option<Tensor<1>> = None;
    while rest > 0 {
        if rest & 1 == 1 {
            product = Some(match product {
                Some(p) => p * square.clone(),
                None => square.clone(),
            });
        }
        rest >>= 1;
        if rest > 0 {
            square = square.clone() * square;
        }
    }
    match product {
        Some(p) if n < 0 => p.recip(),
        Some(p) => p,
        None => x.ones_like(),
    }
}

fn unary(function: Function, x: Tensor<1>) -> Tensor<1> {
    match function {
        Function::Exp => x.exp(),
        Function::Ln => x.log(),
        Function::Sin => x.sin(),
        Function::Cos => x.cos(),
        Function::Tan => x.tan(),
        Function::Sinh => x.sinh(),
        Function::Cosh => x.cosh(),
        Function::Tanh => x.tanh(),
        Function::Asinh => x.asinh(),
        Function::Atan => x.atan(),
        Function::Erf => x.erf(),
        Function::Abs => x.abs(),
        Function::Sign => x.detach().sign(),
        Function::Step => {
            let positive = x.clone().greater_elem(0.0);
            x.zeros_like().mask_fill(positive, 1.0)
        }
    }
}
