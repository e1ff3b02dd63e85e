//! The samplers beside NUTS on densities with known answers.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod known;

use known::{correlated, deviations, ess_per_1000, funnel, grid_moments, growth, mixture, worst_z};
use std::ops::ControlFlow;
use surrogate_calibrate::diagnostics::r_hat;
use surrogate_calibrate::{
    Anchored, DelayedAcceptance, Ensemble, Hmc, LogDensity, Options, Parameter, Posterior, Prior,
    Tempered, from_fn, unwatched, without_gradient,
};

fn squares(d: usize) -> Vec<f64> {
    deviations(d).iter().map(|s| s * s).collect()
}

#[test]
fn many_chains_draw_a_correlated_normal() {
    let draws = Hmc { draws: 400, seed: 1, ..Hmc::default() }.sample(&correlated(10, 0.9)).unwrap();
    let z = worst_z(&draws, &[0.0; 10], &squares(10));
    let efficiency = ess_per_1000(&draws);
    let last = &draws.chains[0].stats;
    println!(
        "max |z| {z:.2}, {efficiency:.0} ESS per 1000 gradients, step {:.2}",
        last.step_size[0]
    );
    assert!(z < 4.0);
    assert!(r_hat(&draws.coordinate(0)) < 1.01);
    assert!(efficiency > 40.0);
}

#[test]
fn many_chains_draw_a_funnel_near_modes_and_an_equation() {
    let hmc = Hmc { draws: 400, seed: 2, ..Hmc::default() };
    let narrow = Hmc { target_accept: 0.9, ..hmc.clone() };
    let z = worst_z(&narrow.sample(&funnel(1.0)).unwrap(), &[0.0, 0.0], &[1.0, 0.5f64.exp()]);
    println!("funnel {z:.2}");
    assert!(z < 4.0);
    let z = worst_z(&hmc.sample(&mixture(2.0)).unwrap(), &[0.8, 0.0], &[5.0, 1.0]);
    println!("modes {z:.2}");
    assert!(z < 4.0);
    let (first, second) = grid_moments(&growth(), [-1.5, 0.8], [1.5, 2.6]);
    let z = worst_z(&hmc.sample(&growth()).unwrap(), &first, &second);
    println!("equation {z:.2}");
    assert!(z < 4.0);
}

#[test]
fn stretching_walkers_need_no_gradient() {
    let narrow = without_gradient(3, |x| {
        -0.5 * (x[0] * x[0] + 100.0 * (x[1] - x[0]).powi(2) + 0.01 * x[2] * x[2])
    });
    let draws = Ensemble { seed: 1, draws: 1000, ..Ensemble::default() }.sample(&narrow).unwrap();
    let z = worst_z(&draws, &[0.0; 3], &[1.0, 1.01, 100.0]);
    println!("max |z| {z:.2}");
    assert!(z < 4.0);
    assert!(Ensemble { walkers: Some(7), ..Ensemble::default() }.sample(&narrow).is_err());
    assert!(Ensemble { walkers: Some(4), ..Ensemble::default() }.sample(&narrow).is_err());
}

#[test]
fn tempering_finds_far_modes_with_their_weights_and_the_evidence() {
    let density = Anchored { density: mixture(8.0), mean: vec![0.0; 2], sd: vec![6.0, 2.0] };
    let tempered = Tempered { runs: 12, seed: 1, ..Tempered::default() };
    let found = tempered.sample(&density, &unwatched).unwrap();
    let share = |positions: &[f64]| {
        positions.chunks_exact(2).filter(|x| x[0] > 0.0).count() as f64 * 2.0
            / positions.len() as f64
    };
    let shares: Vec<f64> = found.draws.chains.iter().map(|c| share(&c.positions)).collect();
    let mean = shares.iter().sum::<f64>() / 12.0;
    let se = (shares.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 11.0 / 12.0).sqrt();
    let z = (found.log_evidence - (2.0 * std::f64::consts::PI).ln()) / found.log_evidence_se;
    println!("weight {mean:.3} +- {se:.3}, evidence z {z:.2}, steps {:?}", found.temperatures);
    assert!((mean - 0.7).abs() < 4.0 * se && se < 0.02);
    assert!(z.abs() < 4.0 && found.log_evidence_se < 0.1);
}

#[test]
fn tempering_a_posterior_gives_its_evidence() {
    // one reading 1.2 of sd 0.5 of a normal of sd 1: evidence N(1.2; 0, sqrt(1.25))
    let x = Parameter::new("x", Prior::Normal { mean: 0.0, sd: 1.0 }).unwrap();
    let reading = from_fn(1, |x, g| {
        g[0] = (1.2 - x[0]) / 0.25;
        -2.0 * (x[0] - 1.2).powi(2) - 0.5 * (2.0 * std::f64::consts::PI * 0.25).ln()
    });
    let posterior = Posterior::new(vec![x], reading).unwrap();
    let found = Tempered { runs: 8, seed: 3, ..Tempered::default() }
        .sample(&posterior, &unwatched)
        .unwrap();
    let exact = -0.5 * 1.44 / 1.25 - 0.5 * (2.0 * std::f64::consts::PI * 1.25).ln();
    assert!((found.log_evidence - exact).abs() < 4.0 * found.log_evidence_se + 1e-3);
    assert!((found.draws.means()[0] - 0.96).abs() < 0.03);
}

#[test]
fn a_biased_surrogate_is_corrected_by_delayed_acceptance() {
    // the surrogate is off by 0.6 sd and 30 % too wide, and knows nothing of the third moment
    let surrogate = from_fn(2, |x, g| {
        g[0] = -(x[0] - 0.6) / 1.69;
        g[1] = -x[1] / 1.69;
        0.5 * (g[0] * (x[0] - 0.6) + g[1] * x[1])
    });
    let full = without_gradient(2, |x| -0.5 * (x[0] * x[0] + x[1] * x[1]));
    let delayed = DelayedAcceptance { draws: 1000, seed: 1, ..DelayedAcceptance::default() };
    let found = delayed.sample(&surrogate, &full, Options::default()).unwrap();
    let z = worst_z(&found.draws, &[0.0, 0.0], &[1.0, 1.0]);
    println!("max |z| {z:.2}, acceptance {:.2}", found.acceptance);
    assert!(z < 4.0);
    assert!(found.acceptance > 0.4 && found.acceptance < 0.95);
    assert_eq!(found.full_evaluations, 8 * (1 + 20 + 1000));
    let same = delayed.sample(&surrogate, &surrogate, Options::default()).unwrap();
    assert!((same.acceptance - 1.0).abs() < 1e-12);
}

#[test]
fn every_sampler_repeats_itself_by_its_seed_and_can_be_stopped() {
    let density = growth();
    let anchored = Anchored { density: growth(), mean: vec![0.0, 1.5], sd: vec![1.0, 1.0] };
    let hmc = Hmc { chains: 8, tune: 60, draws: 30, ..Hmc::default() };
    let ensemble = Ensemble { tune: 30, draws: 20, thin: 1, ..Ensemble::default() };
    let tempered = Tempered { runs: 2, particles: 100, moves: 3, ..Tempered::default() };
    let delayed = DelayedAcceptance { tune: 60, draws: 20, ..DelayedAcceptance::default() };
    assert_eq!(hmc.sample(&density).unwrap(), hmc.sample(&density).unwrap());
    assert_eq!(ensemble.sample(&density).unwrap(), ensemble.sample(&density).unwrap());
    let temper = || tempered.sample(&anchored, &unwatched).unwrap();
    assert_eq!(temper(), temper());
    let delay = || delayed.sample(&density, &density, Options::default()).unwrap();
    assert_eq!(delay(), delay());
    assert_ne!(
        hmc.sample(&density).unwrap(),
        Hmc { seed: 1, ..hmc.clone() }.sample(&density).unwrap()
    );

    let stop = |p: &surrogate_calibrate::Progress| {
        if p.done == 70 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let part = hmc.sample_with(&density, Options { watch: &stop, ..Options::default() }).unwrap();
    assert!(part.stopped);
    assert_eq!(part.draws(), 10);
}

#[test]
fn a_batch_gives_each_point_what_it_would_get_alone() {
    let density = growth();
    let points = [0.1, 1.4, -0.3, 1.7, 0.5, 1.2];
    let (mut together, mut gradients) = ([0.0; 3], [0.0; 6]);
    density.logp_grad_batch(&points, &mut together, &mut gradients).unwrap();
    for b in 0..3 {
        let (mut alone, mut gradient) = ([0.0], [0.0; 2]);
        density.logp_grad_batch(&points[2 * b..][..2], &mut alone, &mut gradient).unwrap();
        assert_eq!((alone[0], &gradient[..]), (together[b], &gradients[2 * b..][..2]));
    }
}
