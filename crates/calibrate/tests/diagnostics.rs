//! Diagnostics equal those of ArviZ on the draws of `data/make_arviz_goldens.py`.
#![allow(clippy::unwrap_used)]

use serde_json::Value;
use surrogate_calibrate::diagnostics::{
    e_bfmi, ess_bulk, ess_mean, ess_tail, mcse_mean, mcse_quantile, mcse_sd, pareto_smooth, r_hat,
    summary,
};

/// Numbers in (0, 1) of the generator of the script.
fn numbers(seed: u64, count: usize) -> Vec<f64> {
    const MODULUS: u64 = (1 << 31) - 1;
    let mut state = seed;
    (0..count)
        .map(|_| {
            state = state * 48271 % MODULUS;
            state as f64 / MODULUS as f64
        })
        .collect()
}

fn draws(kind: &str, chains: usize, length: usize, seed: u64) -> Vec<Vec<f64>> {
    let u = numbers(seed, chains * length);
    let memory = match kind {
        "iid" => 0.0,
        "antithetic" => -0.6,
        _ => 0.8,
    };
    let mut x = vec![vec![0.0; length]; chains];
    for c in 0..chains {
        let mut before = 0.0;
        for k in 0..length {
            before = memory * before + u[c * length + k] - 0.5;
            x[c][k] = before;
        }
    }
    for (c, chain) in x.iter_mut().enumerate() {
        for x in chain {
            match kind {
                "shifted" if c == 0 => *x += 0.7,
                "heavy" => *x = 1.0 / (0.01 + *x * *x) * x.signum(),
                "ties" => *x = (4.0 * *x).floor(),
                "wide" if c == 1 => *x *= 3.0,
                _ => {}
            }
        }
    }
    x
}

/// Agreement to 1e-8, relative to numbers above 1; a null is NaN.
fn agree(what: &str, ours: f64, golden: &Value) {
    match golden.as_f64() {
        None => assert!(!ours.is_finite(), "{what}: {ours} where ArviZ has none"),
        Some(golden) => {
            let gap = (ours - golden).abs() / golden.abs().max(1.0);
            assert!(gap < 1e-8, "{what}: {ours} against {golden}");
        }
    }
}

fn goldens() -> Value {
    serde_json::from_str(include_str!("data/arviz.json")).unwrap()
}

#[test]
fn convergence_diagnostics_equal_those_of_arviz() {
    let goldens = goldens();
    let cases = goldens["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let size = |name: &str| case[name].as_u64().unwrap() as usize;
        let kind = case["kind"].as_str().unwrap();
        let x = draws(kind, size("chains"), size("length"), case["seed"].as_u64().unwrap());
        let all = summary(&x);
        let ours = [
            ("mean", all.mean),
            ("sd", all.sd),
            ("q5", all.q5),
            ("q95", all.q95),
            ("r_hat", r_hat(&x)),
            ("ess_bulk", ess_bulk(&x)),
            ("ess_tail", ess_tail(&x)),
            ("ess_mean", ess_mean(&x)),
            ("mcse_mean", mcse_mean(&x)),
            ("mcse_sd", mcse_sd(&x)),
            ("mcse_q10", mcse_quantile(&x, 0.1)),
        ];
        for (name, ours) in ours {
            agree(&format!("{kind} {name}"), ours, &case[name]);
        }
        for (chain, golden) in x.iter().zip(case["e_bfmi"].as_array().unwrap()) {
            agree(&format!("{kind} e_bfmi"), e_bfmi(chain), golden);
        }
    }
}

#[test]
fn smoothed_weights_equal_those_of_arviz() {
    for case in goldens()["tails"].as_array().unwrap() {
        let power = case["power"].as_f64().unwrap();
        let u = numbers(case["seed"].as_u64().unwrap(), case["count"].as_u64().unwrap() as usize);
        let weight = |u: &f64| if power > 0.0 { -power * u.ln() } else { -0.1 * u };
        let log_weights: Vec<f64> = u.iter().map(weight).collect();
        let smooth = pareto_smooth(&log_weights, case["reff"].as_f64().unwrap());
        agree(&format!("tail {power} k"), smooth.k_hat, &case["k_hat"]);
        for (ours, golden) in smooth.log_weights.iter().zip(case["first"].as_array().unwrap()) {
            agree(&format!("tail {power} weight"), *ours, golden);
        }
        let greatest = smooth.log_weights.iter().copied().fold(f64::MIN, f64::max);
        agree(&format!("tail {power} greatest"), greatest, &case["greatest"]);
    }
}

#[test]
fn too_few_or_broken_draws_have_no_diagnostics() {
    assert!(r_hat(&[vec![1.0, 2.0, 3.0], vec![1.0, 2.0, 3.0]]).is_nan());
    assert!(ess_bulk(&[vec![1.0, f64::NAN, 3.0, 4.0, 5.0]]).is_nan());
    assert!(r_hat(&[]).is_nan());
    assert!(pareto_smooth(&[], 1.0).k_hat.is_infinite());
}
