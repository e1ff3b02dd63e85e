//! Likelihoods of curves: gradients by differences, densities against dense matrices.
#![allow(clippy::unwrap_used)]

use rand_distr::{Distribution, StandardNormal};
use surrogate_calibrate::likelihood::{Curve, CurveLikelihood, CurveModel, Noise, SurrogateError};
use surrogate_calibrate::{
    CalibrateError, Fatal, LogDensity, Nuts, Parameter, Posterior, Prior, stream,
};

/// `a exp(-b t) + c t` at the times of all curves, `c` scaled by the number of the curve.
#[derive(Clone)]
struct Decay {
    times: Vec<Vec<f64>>,
}

impl CurveModel for Decay {
    fn parameters(&self) -> usize {
        3
    }
    fn points(&self) -> usize {
        self.times.iter().map(Vec::len).sum()
    }
    fn predict(&self, x: &[f64], values: &mut [f64], jacobian: &mut [f64]) -> Result<(), Fatal> {
        let n = self.points();
        for (b, x) in x.chunks_exact(3).enumerate() {
            let mut i = 0;
            for (c, times) in self.times.iter().enumerate() {
                let slope = c as f64 + 1.0;
                for &t in times {
                    let fall = (-x[1] * t).exp();
                    values[b * n + i] = x[0] * fall + x[2] * slope * t;
                    jacobian[(b * 3) * n + i] = fall;
                    jacobian[(b * 3 + 1) * n + i] = -t * x[0] * fall;
                    jacobian[(b * 3 + 2) * n + i] = slope * t;
                    i += 1;
                }
            }
        }
        Ok(())
    }
}

fn decay() -> Decay {
    let even = (0..25).map(|k| f64::from(k) * 0.2).collect();
    let uneven = (0..15).map(|k| 0.05 * f64::from(k).powf(1.7)).collect();
    Decay { times: vec![even, uneven] }
}

const TRUTH: [f64; 3] = [1.5, 0.8, -0.1];

fn curves(model: &Decay, sigma: f64, seed: u64) -> Vec<Curve> {
    let mut values = vec![0.0; model.points()];
    model.predict(&TRUTH, &mut values, &mut vec![0.0; model.points() * 3]).unwrap();
    let mut rng = stream(seed, 0);
    let mut noisy = values.into_iter().map(|v| {
        let z: f64 = StandardNormal.sample(&mut rng);
        v + sigma * z
    });
    let curve =
        |t: &Vec<f64>| Curve { times: t.clone(), values: noisy.by_ref().take(t.len()).collect() };
    model.times.iter().map(curve).collect()
}

/// Validation errors of an imagined surrogate: three smooth shapes of random size, not centred.
fn errors(points: usize) -> Vec<Vec<f64>> {
    let mut rng = stream(77, 0);
    (0..12)
        .map(|_| {
            let z: Vec<f64> = (0..3).map(|_| StandardNormal.sample(&mut rng)).collect();
            (0..points)
                .map(|i| {
                    let t = i as f64 / points as f64;
                    0.01 * (1.0 + z[0] + z[1] * (3.0 * t).sin() + 0.5 * z[2] * (9.0 * t).cos())
                })
                .collect()
        })
        .collect()
}

/// Every combination of noise, surrogate error and discrepancy, with a point to look at.
fn menu() -> Vec<(CurveLikelihood<Decay>, Vec<f64>)> {
    let mut menu = Vec::new();
    for noise in [Noise::Independent, Noise::Ar1] {
        for (aware, smooth) in [(false, false), (true, false), (false, true), (true, true)] {
            let model = decay();
            let mut l =
                CurveLikelihood::new(curves(&model, 0.02, 1), model.clone(), noise).unwrap();
            if aware {
                let error = SurrogateError::from_validation(&errors(40), 3).unwrap();
                l = l.with_surrogate_error(error).unwrap();
            }
            if smooth {
                l = l.with_discrepancy().unwrap();
            }
            let mut x = vec![1.45, 0.82, -0.11];
            for name in l.nuisances() {
                let value = match name.split('[').next().unwrap() {
                    "sigma" => 0.025,
                    "rho" => 0.4,
                    "delta" => 0.015,
                    _ => 0.2,
                };
                x.push(value * if name.ends_with("[1]") { 1.3 } else { 1.0 });
            }
            menu.push((l, x));
        }
    }
    menu
}

fn logp(density: &impl LogDensity, x: &[f64]) -> f64 {
    let mut logp = [0.0];
    density.logp_batch(x, &mut logp).unwrap();
    logp[0]
}

/// Both curves cut to their first points.
fn ended(seed: u64) -> Vec<Curve> {
    let mut cut = curves(&decay(), 0.02, seed);
    cut.iter_mut().zip([9, 6]).for_each(|(c, n)| c.values.truncate(n));
    cut
}

/// Data less predictions of both curves, and less the surrogate's mean error where it is known.
fn residuals(l: &CurveLikelihood<Decay>, aware: bool, x: &[f64]) -> Vec<Vec<f64>> {
    let (model, error) = (l.model(), SurrogateError::from_validation(&errors(40), 3).unwrap());
    let (mut values, mut jacobian) = (vec![0.0; model.points()], vec![0.0; 3 * model.points()]);
    model.predict(&x[..3], &mut values, &mut jacobian).unwrap();
    let mut next = 0..;
    let mut less = |y: &f64| {
        let i = next.next().unwrap();
        y - values[i] - if aware { error.moments(i).0 } else { 0.0 }
    };
    curves(model, 0.02, 1).iter().map(|c| c.values.iter().map(&mut less).collect()).collect()
}

#[test]
fn whitened_residuals_have_the_density_of_independent_normals() {
    for (k, (l, x)) in menu().into_iter().enumerate() {
        let aware = k % 4 % 2 == 1;
        let moved = [&[1.2, 0.9, 0.05], &x[3..]].concat();
        let white = |x: &[f64]| l.whitened(&residuals(&l, aware, x), &x[3..]);
        let square = |x: &[f64]| white(x).iter().flatten().map(|e| e * e).sum::<f64>();
        let ours = -0.5 * (square(&x) - square(&moved));
        let exact = logp(&l, &x) - logp(&l, &moved);
        assert!((ours - exact).abs() < 1e-8 * exact.abs().max(1.0), "{k}: {ours} {exact}");
        // each follows from the points before it
        let mut other = residuals(&l, aware, &x);
        *other[1].last_mut().unwrap() += 0.1;
        let (before, after) = (white(&x), l.whitened(&other, &x[3..]));
        assert_eq!(before[0], after[0]);
        let (last, rest) = after[1].split_last().unwrap();
        assert!(rest == &before[1][..rest.len()] && last > before[1].last().unwrap(), "{k}");
    }
}

#[test]
fn a_curve_that_counts_half_is_a_density_to_the_power_of_a_half() {
    let model = decay();
    let plain = CurveLikelihood::new(curves(&model, 0.02, 1), model, Noise::Independent).unwrap();
    let half = plain.clone().with_shares(vec![0.5, 0.5]).unwrap();
    let (a, b) = ([1.5, 0.8, -0.1, 0.02, 0.03], [1.4, 0.9, -0.2, 0.05, 0.01]);
    let whole = logp(&plain, &a) - logp(&plain, &b);
    assert!((logp(&half, &a) - logp(&half, &b) - 0.5 * whole).abs() < 1e-9 * whole.abs());
    assert!(plain.clone().with_shares(vec![0.5]).is_err());
    assert!(plain.with_shares(vec![0.0, 1.0]).is_err());
}

#[test]
fn an_experiment_that_ended_early_is_one_without_the_later_points() {
    let model = decay();
    let times = model.times.iter().zip([9, 6]).map(|(t, n)| t[..n].to_vec()).collect();
    let short = Decay { times };
    for noise in [Noise::Independent, Noise::Ar1] {
        let whole = CurveLikelihood::new(ended(1), model.clone(), noise).unwrap();
        let mut cut = ended(1);
        cut.iter_mut().for_each(|c| c.times.truncate(c.values.len()));
        let short = CurveLikelihood::new(cut, short.clone(), noise).unwrap();
        let whole = whole.with_discrepancy().unwrap();
        let short = short.with_discrepancy().unwrap();
        let mut x = vec![1.4, 0.9, -0.12];
        x.resize(whole.dim(), 0.1);
        let (mut a, mut b) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        let (mut p, mut q) = ([0.0], [0.0]);
        whole.logp_grad_batch(&x, &mut p, &mut a).unwrap();
        short.logp_grad_batch(&x, &mut q, &mut b).unwrap();
        assert!((p[0] - q[0]).abs() < 1e-9 * p[0].abs(), "{p:?} {q:?}");
        assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-9 * (1.0 + a.abs())));
    }
}

#[test]
fn gradients_agree_with_differences() {
    let shared = |(l, x): &(CurveLikelihood<Decay>, Vec<f64>)| {
        (l.clone().with_shares(vec![0.3, 1.0]).unwrap(), x.clone())
    };
    for (l, x) in menu().iter().map(shared).chain(menu()) {
        assert_eq!(l.dim(), x.len());
        let mut gradient = vec![0.0; x.len()];
        l.logp_grad_batch(&x, &mut [0.0], &mut gradient).unwrap();
        for k in 0..x.len() {
            let h = 1e-5 * x[k].abs();
            let at = |s: f64| {
                let mut y = x.clone();
                y[k] += s * h;
                logp(&l, &y)
            };
            let slope = (8.0 * (at(1.0) - at(-1.0)) - (at(2.0) - at(-2.0))) / (12.0 * h);
            let gap = (gradient[k] - slope).abs();
            assert!(
                gap < 1e-6 * (1.0 + slope.abs()),
                "{:?} {k}: {} {slope}",
                l.nuisances(),
                gradient[k]
            );
        }
    }
}

/// Log-density of a normal by a dense covariance matrix.
fn dense(residual: &[f64], covariance: &dyn Fn(usize, usize) -> f64) -> f64 {
    let n = residual.len();
    let mut l = vec![vec![0.0; n]; n];
    let (mut square, mut log_det) = (0.0, 0.0);
    let mut z = vec![0.0; n];
    for i in 0..n {
        for j in 0..=i {
            let dot: f64 = (0..j).map(|k| l[i][k] * l[j][k]).sum();
            let value: f64 = covariance(i, j) - dot;
            l[i][j] = if i == j { value.sqrt() } else { value / l[j][j] };
        }
        z[i] = (residual[i] - (0..i).map(|k| l[i][k] * z[k]).sum::<f64>()) / l[i][i];
        square += z[i] * z[i];
        log_det += 2.0 * l[i][i].ln();
    }
    -0.5 * (square + log_det + n as f64 * (2.0 * std::f64::consts::PI).ln())
}

#[test]
fn densities_equal_those_of_dense_covariances() {
    let model = decay();
    let data = curves(&model, 0.02, 1);
    let all: Vec<f64> = data.iter().flat_map(|c| c.values.clone()).collect();
    let times: Vec<(usize, f64)> =
        model.times.iter().enumerate().flat_map(|(c, t)| t.iter().map(move |&t| (c, t))).collect();
    let errors = errors(40);
    let mean: Vec<f64> = (0..40).map(|i| errors.iter().map(|e| e[i]).sum::<f64>() / 12.0).collect();
    for (index, (l, x)) in menu().into_iter().enumerate() {
        let (ar1, aware, smooth) = (index >= 4, index % 2 == 1, index % 4 >= 2);
        let mut prediction = vec![0.0; 40];
        model.predict(&x[..3], &mut prediction, &mut [0.0; 120]).unwrap();
        let residual: Vec<f64> =
            (0..40).map(|i| all[i] - prediction[i] - if aware { mean[i] } else { 0.0 }).collect();
        let each = (x.len() - 3) / 2;
        let covariance = |i: usize, j: usize| {
            let ((c, t), (d, s)) = (times[i], times[j]);
            let mut sum = 0.0;
            if aware {
                let product = |e: &Vec<f64>| (e[i] - mean[i]) * (e[j] - mean[j]);
                // of twelve errors and three modes, widened for their small number
                let open = 13.0 / 12.0 * 11.0 / 7.0;
                sum += open * errors.iter().map(product).sum::<f64>() / 11.0;
            }
            if c == d {
                let own = &x[3 + c * each..][..each];
                let curve = &model.times[c];
                let duration = curve[curve.len() - 1] - curve[0];
                if ar1 {
                    let steps = (t - s).abs() / duration * (curve.len() - 1) as f64;
                    sum += own[0] * own[0] * own[1].powf(steps);
                } else if i == j {
                    sum += own[0] * own[0];
                }
                if smooth {
                    let apart = (t - s) / duration / own[each - 1];
                    sum += own[each - 2].powi(2) * (-0.5 * apart * apart).exp();
                }
            }
            sum
        };
        let exact = dense(&residual, &covariance);
        let ours = logp(&l, &x);
        // the sines of the discrepancy are an approximation of its kernel
        let bound = if smooth { 0.05 } else { 1e-9 };
        assert!((ours - exact).abs() < bound * exact.abs(), "{index}: {ours} {exact}");
    }
}

#[test]
fn parameters_and_noise_are_recovered() {
    let model = decay();
    let data = curves(&model, 0.02, 4);
    let likelihood = CurveLikelihood::new(data, model, Noise::Independent).unwrap();
    let wide = Prior::Normal { mean: 0.0, sd: 3.0 };
    let mut unknowns: Vec<Parameter> =
        ["a", "b", "c"].map(|name| Parameter::new(name, wide).unwrap()).to_vec();
    for name in likelihood.nuisances() {
        unknowns.push(Parameter::new(name, Prior::HalfNormal { sd: 0.1 }).unwrap());
    }
    let posterior = Posterior::new(unknowns, likelihood).unwrap();
    let nuts = Nuts { draws: 500, seed: 2, ..Nuts::default() };
    let draws = posterior.parameters_of(&nuts.sample(&posterior).unwrap());
    let (means, covariance) = (draws.means(), draws.covariance());
    for (k, truth) in TRUTH.iter().chain(&[0.02, 0.02]).enumerate() {
        let sd = covariance[k * 5 + k].sqrt();
        assert!((means[k] - truth).abs() < 4.0 * sd, "{k}: {} {sd}", means[k]);
    }
}

#[test]
fn batches_of_curves_are_what_single_ones_are() {
    for (l, x) in menu() {
        let d = x.len();
        let other: Vec<f64> = x.iter().map(|x| 1.05 * x).collect();
        let both = [x.clone(), other.clone()].concat();
        let (mut together, mut gradients) = ([0.0; 2], vec![0.0; 2 * d]);
        l.logp_grad_batch(&both, &mut together, &mut gradients).unwrap();
        for (b, x) in [x, other].iter().enumerate() {
            let (mut alone, mut gradient) = ([0.0], vec![0.0; d]);
            l.logp_grad_batch(x, &mut alone, &mut gradient).unwrap();
            assert_eq!((alone[0], &gradient[..]), (together[b], &gradients[b * d..][..d]));
        }
    }
}

#[test]
fn impossible_noise_and_predictions_are_rejected_not_fatal() {
    for (l, mut x) in menu() {
        let (mut logp, mut gradient) = ([0.0], vec![0.0; x.len()]);
        x[3] = 0.0;
        l.logp_grad_batch(&x, &mut logp, &mut gradient).unwrap();
        assert_eq!(logp[0], f64::NEG_INFINITY);
        x[0] = f64::NAN;
        l.logp_grad_batch(&x, &mut logp, &mut gradient).unwrap();
        assert_eq!(logp[0], f64::NEG_INFINITY);
    }
}

#[test]
fn modes_carry_the_variance_of_the_errors() {
    let error = SurrogateError::from_validation(&errors(40), 20).unwrap();
    assert_eq!(error.rank(), 3);
    assert!(error.left_out() < 1e-12);
    assert!(SurrogateError::from_validation(&errors(40), 1).unwrap().left_out() > 0.05);
    assert!(SurrogateError::from_validation(&errors(40)[..1], 3).is_err());
}

#[test]
fn bad_curves_are_refused_with_their_place() {
    let make = |curves: Vec<Curve>| {
        let model = Decay { times: curves.iter().map(|c| c.times.clone()).collect() };
        CurveLikelihood::new(curves, model, Noise::Independent).map(|_| ()).unwrap_err()
    };
    let curve =
        |times: &[f64], values: &[f64]| Curve { times: times.into(), values: values.into() };
    let good = curve(&[0.0, 1.0], &[1.0, 2.0]);
    let empty = make(vec![good.clone(), curve(&[], &[])]);
    assert!(matches!(empty, CalibrateError::EmptyCurve { curve: 1 }));
    let missing = make(vec![curve(&[0.0, 1.0], &[1.0, f64::NAN])]);
    assert!(matches!(missing, CalibrateError::NotFinite { curve: 0, point: 1, .. }));
    let back = make(vec![curve(&[0.0, 1.0, 0.5], &[1.0, 2.0, 3.0])]);
    assert!(matches!(back, CalibrateError::UnsortedTimes { curve: 0, point: 2 }));
}
