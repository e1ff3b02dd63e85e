//! Modes, identification, and the certificate of a surrogate.
#![allow(clippy::unwrap_used)]

mod known;

use known::{growth, mixture};
use rand::RngExt;
use surrogate_calibrate::start::{Residuals, find_modes, least_squares, starts_about};
use surrogate_calibrate::{
    Certificate, Chain, Draws, Fatal, Identification, Nuts, Options, Parameter, Posterior, Prior,
    Verdict, faces, from_fn, stream,
};

fn random_starts(count: usize, d: usize, width: f64) -> Vec<f64> {
    let mut rng = stream(5, 0);
    (0..count * d).map(|_| rng.random_range(-width..width)).collect()
}

#[test]
fn far_modes_are_told_apart_and_one_mode_is_one() {
    let modes = find_modes(&mixture(8.0), &random_starts(40, 2, 10.0)).unwrap();
    assert_eq!(modes.len(), 2, "{modes:?}");
    assert!((modes[0].x[0] - 8.0).abs() < 1e-4 && (modes[1].x[0] + 8.0).abs() < 1e-4);
    assert!((modes[0].logp - 0.7f64.ln()).abs() < 1e-6);
    assert_eq!(modes[0].reached_from + modes[1].reached_from, 40);
    assert_eq!(find_modes(&growth(), &random_starts(20, 2, 1.0)).unwrap().len(), 1);
    let starts = starts_about(&mixture(8.0), &modes, 3, 1).unwrap();
    assert!(starts[0] > 4.0 && starts[2] < -4.0 && starts[4] > 4.0, "{starts:?}");
    assert!(starts[0] != starts[4] && starts[0] != modes[0].x[0]);
    assert_eq!(starts, starts_about(&mixture(8.0), &modes, 3, 1).unwrap());
}

#[test]
fn a_broad_low_mode_counts_by_its_mass_and_a_narrow_one_is_left_out() {
    // two normals: one of deviation 1, one of 1e-3 whose top is `higher` nats above
    let pair = |higher: f64| {
        from_fn(1, move |x, g| {
            let (a, b) = (-0.5 * x[0] * x[0], higher - 0.5 * ((x[0] - 20.0) / 1e-3).powi(2));
            g[0] = if a > b { -x[0] } else { -(x[0] - 20.0) / 1e-6 };
            a.max(b)
        })
    };
    let starts = [-2.0, 1.0, 19.999, 20.001];
    // masses: 1 against 1e-3 e^higher
    let found = |higher| find_modes(&pair(higher), &starts).unwrap();
    assert_eq!(found(2.0).len(), 2);
    assert!((found(2.0)[0].log_mass - found(2.0)[1].log_mass - (2.0 + 1e-3f64.ln())).abs() < 1e-3);
    assert_eq!(found(-9.0).len(), 1);
    assert_eq!(found(25.0).len(), 1);
}

#[test]
fn a_ridge_is_one_mode() {
    // the data know the sum of two parameters alone
    let ridge = from_fn(2, |x, g| {
        let r = (x[0] + x[1] - 1.0) / 0.01;
        g[0] = -r / 0.01 - 1e-4 * x[0];
        g[1] = -r / 0.01 - 1e-4 * x[1];
        -0.5 * (r * r + 1e-4 * (x[0] * x[0] + x[1] * x[1]))
    });
    assert_eq!(find_modes(&ridge, &random_starts(20, 2, 3.0)).unwrap().len(), 1);
}

#[test]
fn starts_outside_the_support_are_skipped_and_failures_told() {
    let half = from_fn(1, |x, g| {
        g[0] = 1.0 / x[0] - x[0];
        if x[0] > 0.0 { x[0].ln() - 0.5 * x[0] * x[0] } else { f64::NAN }
    });
    let modes = find_modes(&half, &[-1.0, 2.0, 0.1, -3.0]).unwrap();
    assert_eq!((modes.len(), modes[0].reached_from), (1, 2));
    assert!((modes[0].x[0] - 1.0).abs() < 1e-5);
    assert!(find_modes(&half, &[-1.0]).is_err());
    assert!(find_modes(&growth(), &[1.0, 2.0, 3.0]).is_err());
    let broken = surrogate_calibrate::without_gradient(1, |_| 0.0);
    let message = find_modes(&broken, &[0.0]).unwrap_err().to_string();
    assert!(message.contains("no gradient"), "{message}");
}

/// `y = a exp(-b t)` at ten times.
struct Fall;

impl Residuals for Fall {
    fn dim(&self) -> usize {
        2
    }
    fn count(&self) -> usize {
        10
    }
    fn residuals(&self, x: &[f64], r: &mut [f64], j: &mut [f64]) -> Result<(), Fatal> {
        for k in 0..10 {
            let t = 0.3 * k as f64;
            let fall = (-x[1] * t).exp();
            r[k] = (x[0] * fall - 2.0 * (-0.7 * t).exp()) / 0.01;
            j[2 * k] = fall / 0.01;
            j[2 * k + 1] = -t * x[0] * fall / 0.01;
        }
        Ok(())
    }
}

#[test]
fn least_squares_ends_at_the_truth_with_its_covariance() {
    let end = least_squares(&Fall, &[0.3, 3.0]).unwrap();
    assert!((end.x[0] - 2.0).abs() < 1e-8 && (end.x[1] - 0.7).abs() < 1e-8);
    let covariance = end.covariance.unwrap();
    assert!(covariance[0] > 0.0 && covariance[0].sqrt() < 0.02);
    assert!(least_squares(&Fall, &[1.0]).is_err());
    assert!(least_squares(&Fall, &[f64::NAN, 1.0]).is_err());
}

fn prior_draws(d: usize, sd: f64) -> Draws {
    let mut rng = stream(9, 0);
    let one = |_| {
        let u: f64 = (0..12).map(|_| rng.random::<f64>()).sum();
        sd * (u - 6.0)
    };
    let positions = (0..4000 * d).map(one).collect();
    Draws { dim: d, chains: vec![Chain { positions, ..Chain::default() }], stopped: false }
}

#[test]
fn the_data_inform_one_direction_of_a_ridge() {
    let prior = prior_draws(2, 1.0);
    let mut posterior = prior.clone();
    for x in posterior.chains[0].positions.chunks_exact_mut(2) {
        // only the sum is known, to a tenth
        let (sum, difference) = (x[0] + x[1], x[0] - x[1]);
        (x[0], x[1]) = (0.05 * sum + 0.5 * difference, 0.05 * sum - 0.5 * difference);
    }
    let found = Identification::new(&posterior, &prior).unwrap();
    assert_eq!(found.informed(), 1);
    assert!((found.information[0] - 100.0).abs() < 1.0, "{:?}", found.information);
    assert!((found.information[1] - 1.0).abs() < 0.01);
    assert!((found.directions[0][0] - found.directions[0][1]).abs() < 0.05);
    assert!(found.contraction.iter().all(|c| (c - 0.495).abs() < 0.05));
}

#[test]
fn mass_at_a_face_of_the_box_is_seen() {
    let prior = Prior::LogUniform { low: 0.2, high: 5.0 };
    let parameter = Parameter::new("D", prior).unwrap();
    let lean = from_fn(1, |x, g| {
        g[0] = -40.0 * x[0];
        -20.0 * x[0] * x[0]
    });
    let posterior = Posterior::new(vec![parameter.clone()], lean).unwrap();
    let draws = posterior.parameters_of(&Nuts::default().sample(&posterior).unwrap());
    let face = faces(&draws, std::slice::from_ref(&parameter))[0];
    assert!(face.low > 0.05 && face.high < 0.001 && face.leaning(), "{face:?}");
    let flat = from_fn(1, |_, g| {
        g[0] = 0.0;
        0.0
    });
    let posterior = Posterior::new(vec![parameter.clone()], flat).unwrap();
    let draws = posterior.parameters_of(&Nuts::default().sample(&posterior).unwrap());
    assert!(!faces(&draws, &[parameter])[0].leaning());
}

#[test]
fn a_good_surrogate_is_reweighted_and_a_bad_one_refused() {
    let normal = |mean: f64, sd: f64| {
        from_fn(2, move |x, g| {
            let r = [(x[0] - mean) / sd, x[1] / sd];
            g.copy_from_slice(&[-r[0] / sd, -r[1] / sd]);
            -0.5 * (r[0] * r[0] + r[1] * r[1])
        })
    };
    let full = normal(0.0, 1.0);
    let good = normal(0.1, 1.05);
    let nuts = Nuts { seed: 3, ..Nuts::default() };
    let draws = nuts.sample_with(&good, Options::default()).unwrap();
    let certificate = Certificate::new(&good, &full, &draws, 500).unwrap();
    assert_eq!(certificate.verdict(), Verdict::Reweight);
    assert!(certificate.mean(|x| x[0]).abs() < 0.15);
    assert_eq!(certificate.log_ratios.len(), 500);
    let bad = normal(3.0, 0.4);
    let draws = nuts.sample(&bad).unwrap();
    let certificate = Certificate::new(&bad, &full, &draws, 500).unwrap();
    assert_eq!(certificate.verdict(), Verdict::Refuse, "{}", certificate.weights.k_hat);
}
