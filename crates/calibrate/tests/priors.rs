//! Priors: density, slope, distribution function and random numbers tell the same story, and
//! sampling the prior alone gives it back.
#![allow(clippy::unwrap_used)]

mod known;

use surrogate_calibrate::{
    CalibrateError, LogDensity, MultivariateNormal, Nuts, Parameter, Posterior, Prior, from_fn,
    stream,
};

const PRIORS: [Prior; 13] = [
    Prior::Uniform { low: -2.0, high: 3.0 },
    Prior::LogUniform { low: 0.2, high: 5.0 },
    Prior::Normal { mean: 1.0, sd: 0.5 },
    Prior::LogNormal { median: 2.0, sd_log: 0.4 },
    Prior::HalfNormal { sd: 0.7 },
    Prior::HalfCauchy { scale: 0.3 },
    Prior::Gamma { shape: 2.5, rate: 3.0 },
    Prior::Gamma { shape: 0.6, rate: 0.5 },
    Prior::Beta { alpha: 2.0, beta: 3.5 },
    Prior::TruncatedNormal { mean: 0.0, sd: 1.0, low: 0.5, high: 2.0 },
    Prior::TruncatedNormal { mean: 0.0, sd: 1.0, low: 6.0, high: f64::INFINITY },
    Prior::TruncatedNormal { mean: 1.0, sd: 2.0, low: f64::NEG_INFINITY, high: -9.0 },
    Prior::TruncatedNormal { mean: 1.0, sd: 1e-3, low: 0.0, high: 2.0 },
];

/// Greatest distance of the empirical distribution from the prior's.
fn kolmogorov(values: &mut [f64], cdf: impl Fn(f64) -> f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let gap = |(k, x): (usize, &f64)| (cdf(*x) - (k as f64 + 0.5) / n).abs();
    values.iter().enumerate().map(gap).fold(0.0, f64::max)
}

#[test]
fn slopes_and_distribution_functions_are_those_of_the_density() {
    let mut rng = stream(1, 0);
    for prior in PRIORS {
        prior.check().unwrap();
        for _ in 0..20 {
            let x = prior.sample(&mut rng);
            let h = 1e-6 * x.abs().min(1e-2) + 1e-12;
            let slope = (prior.logp(x + h) - prior.logp(x - h)) / (2.0 * h);
            let own = prior.gradient(x);
            assert!(
                (own - slope).abs() < 1e-3 * (1.0 + own.abs()),
                "{prior:?} at {x}: {own} {slope}"
            );
            let density = (prior.cdf(x + h) - prior.cdf(x - h)) / (2.0 * h);
            let own = prior.logp(x).exp();
            assert!(
                (own - density).abs() < 2e-3 * (1.0 + own),
                "{prior:?} at {x}: {own} {density}"
            );
        }
        let (low, high) = prior.support();
        assert_eq!((prior.cdf(low), prior.cdf(high)), (0.0, 1.0));
        assert!(!low.is_finite() || prior.logp(low - 1.0) == f64::NEG_INFINITY);
    }
}

#[test]
fn random_numbers_follow_their_prior() {
    for (k, prior) in PRIORS.into_iter().enumerate() {
        let mut rng = stream(2, k as u64);
        let mut values: Vec<f64> = (0..20_000).map(|_| prior.sample(&mut rng)).collect();
        let gap = kolmogorov(&mut values, |x| prior.cdf(x));
        assert!(gap < 1.95 / 20_000f64.sqrt(), "{prior:?}: {gap}");
    }
}

/// A likelihood that says nothing of `p` parameters.
fn silent(p: usize) -> impl LogDensity {
    from_fn(p, |_, g| {
        g.fill(0.0);
        0.0
    })
}

#[test]
fn sampling_the_prior_alone_gives_it_back() {
    for prior in PRIORS {
        let parameter = Parameter::new("x", prior).unwrap();
        let posterior = Posterior::new(vec![parameter.clone()], silent(1)).unwrap();
        let nuts = Nuts { draws: 3000, seed: 5, target_accept: 0.95, ..Nuts::default() };
        let draws = posterior.parameters_of(&nuts.sample(&posterior).unwrap());
        // the probability integral transform is uniform: mean 1/2, mean square 1/3
        let mut uniform = draws.clone();
        for chain in &mut uniform.chains {
            chain.positions.iter_mut().for_each(|x| *x = parameter.cdf(*x));
        }
        let z = known::worst_z(&uniform, &[0.5], &[1.0 / 3.0]);
        assert!(z < 4.0, "{prior:?}: {z}");
    }
}

#[test]
fn a_prior_is_cut_to_the_box_and_normalised_there() {
    let prior = Prior::Normal { mean: 0.0, sd: 1.0 };
    let parameter = Parameter::within("x", prior, 0.5, 1.5).unwrap();
    let posterior = Posterior::new(vec![parameter.clone()], silent(1)).unwrap();
    // integral over the coordinate is one
    let step = 1e-3;
    let integral: f64 = (-30_000..30_000)
        .map(|k| {
            let mut logp = [0.0];
            posterior.logp_batch(&[f64::from(k) * step], &mut logp).unwrap();
            logp[0].exp() * step
        })
        .sum();
    assert!((integral - 1.0).abs() < 1e-9, "{integral}");
    assert_eq!((parameter.cdf(0.5), parameter.cdf(1.5)), (0.0, 1.0));
    let far = Parameter::within("D", prior, 10.0, 11.0).unwrap_err();
    assert!(matches!(far, CalibrateError::PriorOutsideBox { ref name, .. } if name == "D"));
    let bad = Parameter::new("x", Prior::Normal { mean: 0.0, sd: -1.0 }).unwrap_err();
    assert_eq!(bad.to_string(), "prior normal: sd = -1 is not possible: a positive finite number");
}

#[test]
fn a_joint_normal_prior_is_sampled_with_its_correlation() {
    let covariance = [1.0, 0.6, 0.6, 2.0];
    let normal = MultivariateNormal::new(vec![1.0, -1.0], &covariance).unwrap();
    let all = f64::INFINITY;
    let parameters = vec![
        Parameter::of_joint_prior("a", -all, all),
        Parameter::new("c", Prior::HalfNormal { sd: 1.0 }).unwrap(),
        Parameter::of_joint_prior("b", -all, all),
    ];
    let posterior =
        Posterior::with_joint(parameters.clone(), Some((vec![0, 2], normal.clone())), silent(3))
            .unwrap();
    let draws =
        posterior.parameters_of(&Nuts { seed: 1, ..Nuts::default() }.sample(&posterior).unwrap());
    let found = draws.covariance();
    assert!((found[2] - 0.6).abs() < 0.15, "{found:?}");
    let mut rng = stream(3, 0);
    let product: f64 = (0..4000)
        .map(|_| {
            let x = posterior.sample_prior(&mut rng).unwrap();
            (x[0] - 1.0) * (x[2] + 1.0) / 4000.0
        })
        .sum();
    assert!((product - 0.6).abs() < 0.12, "{product}");
    assert!(Posterior::with_joint(parameters, Some((vec![0, 1], normal)), silent(3)).is_err());
    assert!(MultivariateNormal::new(vec![0.0, 0.0], &[1.0, 2.0, 2.0, 1.0]).is_err());
}
