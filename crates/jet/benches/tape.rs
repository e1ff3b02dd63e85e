//! Time of a typical tape per instruction and point: three polynomials of degree 20, two
//! exponentials, a logarithm and 60 sums and products.
#![allow(clippy::print_stdout, clippy::cast_precision_loss, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;
use surrogate_jet::{
    Ends, Extrapolate, FitTolerance, Function, Isa, Op, Program, Registers, Table,
};

fn simple(program: &mut Program, count: u32) {
    for i in 0..count {
        let n = program.ops.len() as u32;
        program.ops.push(match i % 6 {
            0 => Op::Mul(n - 1, n - 3),
            1 => Op::Add(n - 1, n - 2),
            2 => Op::Scale(n - 1, 0.3),
            3 => Op::Fma(n - 1, n - 4, n - 2),
            4 => Op::Sub(n - 1, n - 5),
            _ => Op::Shift(n - 1, 0.1),
        });
    }
}

fn typical() -> Program {
    let mut program = Program { inputs: 3, ..Program::default() };
    for k in 0..3 {
        let p: Arc<[f64]> = (0..21).map(|i| 0.1 * f64::from((i * 7 + k) % 5) - 0.2).collect();
        program.polynomials.push(p);
        program.ops.push(Op::Input(k as u32));
    }
    program.ops.extend([Op::Poly(0, 0), Op::Poly(1, 1), Op::Poly(2, 2)]);
    program.ops.extend([Op::Unary(Function::Exp, 3), Op::Unary(Function::Exp, 4)]);
    program.ops.extend([Op::Add(6, 7), Op::Unary(Function::Ln, 8)]);
    simple(&mut program, 60);
    program.outputs = vec![program.ops.len() as u32 - 1];
    program
}

/// Sixty of the same instruction on an input near 0.5.
fn only(op: impl Fn(u32) -> Op) -> Program {
    let mut program = Program { inputs: 2, ..Program::default() };
    program.ops.extend([Op::Input(0), Op::Input(1)]);
    for i in 0..60 {
        program.ops.push(op(i % 2));
        program.outputs.push(2 + i);
    }
    program
}

/// Best nanoseconds of `f`.
fn best(mut f: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..40 {
        let start = Instant::now();
        for _ in 0..200 {
            f();
        }
        best = best.min(start.elapsed().as_secs_f64() / 200.0);
    }
    best * 1e9
}

fn measure(name: &str, program: &Program, isa: Isa, tile: usize) {
    let plan = program.prepare(&vec![true; program.inputs]).expect("well formed");
    let Some(plan) = plan.on(isa) else { return };
    let inputs: Vec<f64> =
        (0..program.inputs * tile).map(|i| 0.3 + 0.4 * ((i * 37) % 101) as f64 / 101.0).collect();
    let seeds = vec![1.0; program.outputs.len() * tile];
    let mut adjoint = vec![0.0; inputs.len()];
    let mut registers = Registers::new();
    plan.forward(&inputs, tile, &mut registers);
    let forward = best(|| plan.forward(black_box(&inputs), tile, &mut registers));
    let reverse = best(|| plan.reverse(black_box(&seeds), &mut registers, &mut adjoint));
    let groups = (program.ops.len() - program.inputs) as f64 * tile as f64 / 8.0;
    println!(
        "{name:10} {isa:?} tile {tile:3}: forward {:6.2} reverse {:6.2} ns per op per 8 points; \
         {:7.0} + {:7.0} ns",
        forward / groups,
        reverse / groups,
        forward,
        reverse
    );
}

fn main() {
    for isa in Isa::available() {
        for tile in [16, 32, 64, 128] {
            measure("typical", &typical(), isa, tile);
        }
    }
    let isa = Isa::detect();
    let mut sums = Program { inputs: 6, ..Program::default() };
    sums.ops.extend((0..6).map(Op::Input));
    simple(&mut sums, 60);
    sums.outputs = vec![65];
    for tile in [32, 64] {
        measure("simple", &sums, isa, tile);
    }
    for function in Function::ALL {
        measure(&format!("{function:?}"), &only(|r| Op::Unary(function, r)), isa, 64);
    }
    measure("Div", &only(|r| Op::Div(r, 1 - r)), isa, 64);
    measure("Sqrt", &only(Op::Sqrt), isa, 64);
    measure("Powf", &only(|r| Op::Powf(r, 1.3)), isa, 64);
    measure("Powi 5", &only(|r| Op::Powi(r, 5)), isa, 64);
    let mut poly = only(|r| Op::Poly(r, 0));
    poly.polynomials.push((0..13).map(f64::from).collect());
    measure("Poly 12", &poly, isa, 64);
    for (name, sharpness) in [("Table 1", 1.0), ("Table <=8", 5.0), ("Table many", 30.0)] {
        let tolerance = FitTolerance { absolute: 1e-12, relative: 1e-12 };
        let f = |x: f64| (sharpness * (x - 0.5)).tanh();
        let table =
            Table::fit(&f, (0.0, 1.0), tolerance, Extrapolate::Linear).expect("smooth").table;
        let mut program = only(|r| Op::Table(r, 0));
        let name = format!("{name}:{}x{}", table.intervals(), table.degree());
        program.tables.push(Arc::new(table));
        measure(&name, &program, isa, 64);
    }
    let x: Vec<f64> = (0..60).map(|i| f64::from(i * i) / 3481.0).collect();
    let y: Vec<f64> = x.iter().map(|x| x.sin()).collect();
    let spline = Table::spline(&x, &y, Ends::NotAKnot, Extrapolate::Linear).expect("increasing");
    let mut program = only(|r| Op::Table(r, 0));
    program.tables.push(Arc::new(spline));
    measure("Spline 60", &program, isa, 64);
}
