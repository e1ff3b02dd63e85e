//! Errors of a surrogate for any current at fresh random profiles: `runs box(0|1) model`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
use rand::SeedableRng;
use std::time::Instant;
use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::solve::{Model, Parameter};
use surrogate_cells::*;

fn main() {
    let a: Vec<String> = std::env::args().skip(1).collect();
    let axis = |p| Axis { quantity: Quantity::Factor(p), lower: 0.5, upper: 2.0, log: true };
    let axes = if a[1] == "1" {
        vec![
            axis(Parameter::DiffusivityN),
            axis(Parameter::DiffusivityP),
            axis(Parameter::ExchangeCurrentN),
            axis(Parameter::ExchangeCurrentP),
        ]
    } else {
        vec![]
    };
    let model = if a[2] == "spm" { Model::Spm } else { Model::P2d };
    let mut problem = CellProblem::new(chen2020(), model, axes).unwrap();
    problem.options.voltage_tolerance_v = 2e-4;
    problem.options.reaction_tolerance = 1e-2;
    let t = Instant::now();
    let s = DriveSurrogate::train(problem.clone(), a[0].parse().unwrap(), 1).unwrap();
    println!("trained in {:.1} s", t.elapsed().as_secs_f64());
    let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(77);
    let (mut mean, mut rms, mut worst, mut solver, mut ours) = (vec![], vec![], 0.0f64, 0.0, 0.0);
    for _ in 0..24 {
        let point: Vec<f64> =
            problem.axes.iter().map(|a| a.at(rand::RngExt::random(&mut random))).collect();
        let profile = Profile::random(3600.0, 5.0, &mut random);
        let t = Instant::now();
        let sol = s.solve(&point, &profile, 1.0).unwrap();
        solver += t.elapsed().as_secs_f64();
        let times: Vec<f64> =
            (0..3600).map(f64::from).filter(|t| *t <= 0.99 * sol.end_time_s()).collect();
        let t = Instant::now();
        let v = s.voltages(&point, &profile, 1.0, &times);
        ours += t.elapsed().as_secs_f64();
        let e: Vec<f64> =
            times.iter().zip(&v).map(|(t, v)| 1e3 * (v - sol.voltage_at(*t))).collect();
        let k = (0..e.len()).max_by(|a, b| e[*a].abs().total_cmp(&e[*b].abs())).unwrap();
        let first = e.iter().position(|e| e.abs() > 8.0).unwrap_or(0);
        println!(
            "end {:.1} {:?} worst at {} s: {:.4} V ours {:.4}, I {:.2}; first {} {:.4} {:.4} I {:.2}",
            sol.end_time_s(),
            sol.ended[0],
            times[k],
            sol.voltage_at(times[k]),
            v[k],
            profile.at(times[k]),
            times[first],
            sol.voltage_at(times[first]),
            v[first],
            profile.at(times[first])
        );
        mean.push(e.iter().map(|e| e.abs()).sum::<f64>() / e.len() as f64);
        rms.push((e.iter().map(|e| e * e).sum::<f64>() / e.len() as f64).sqrt());
        worst = e.iter().fold(worst, |w, e| w.max(e.abs()));
    }
    println!(
        "mean error by profile {mean:.3?}\nmean {:.3} mV, largest mean {:.3}, rms {:.3}, worst point {worst:.1} mV; solver {:.1} ms, surrogate {:.2} ms",
        mean.iter().sum::<f64>() / 24.0,
        mean.iter().copied().fold(0.0, f64::max),
        rms.iter().sum::<f64>() / 24.0,
        solver / 24.0 * 1e3,
        ours / 24.0 * 1e3
    );
}
