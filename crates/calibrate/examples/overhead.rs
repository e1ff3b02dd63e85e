//! Time of a gradient in NUTS beside the density itself, on a normal of ten coordinates.
//!
//! Run with `cargo run --release -p surrogate-calibrate --example overhead`; the goal is 0.7 µs on one
//! core that is not shared.
#![allow(clippy::print_stdout)]

use std::hint::black_box;
use std::time::Instant;

use surrogate_calibrate::{CalibrateError, LogDensity, Nuts, from_fn};

fn main() -> Result<(), CalibrateError> {
    let normal = from_fn(10, |x, g| {
        g.iter_mut().zip(x).for_each(|(g, x)| *g = -x);
        -0.5 * x.iter().map(|x| x * x).sum::<f64>()
    });
    let (mut logp, mut gradient) = ([0.0], [0.0; 10]);
    let begin = Instant::now();
    for k in 0..1_000_000 {
        normal.logp_grad_batch(black_box(&[f64::from(k) * 1e-6; 10]), &mut logp, &mut gradient)?;
        black_box(&gradient);
    }
    let alone = begin.elapsed().as_secs_f64();
    println!("density alone {alone:.3} µs");
    for _ in 0..5 {
        let nuts = Nuts { chains: 1, threads: 1, draws: 50_000, ..Nuts::default() };
        let begin = Instant::now();
        let draws = nuts.sample(&normal)?;
        let each = 1e6 * begin.elapsed().as_secs_f64() / draws.gradients() as f64;
        let sampler = each - alone;
        println!(
            "in NUTS {each:.3} µs, {sampler:.3} the sampler's, {} gradients",
            draws.gradients()
        );
    }
    Ok(())
}
