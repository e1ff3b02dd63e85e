//! Errors of a surrogate of Chen2020 at fresh points: `solves sensitivities times width iterations decay seed`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]
use std::time::Instant;
use surrogate_battery::cell::sets::chen2020;
use surrogate_battery::solve::{Model, Options, Parameter};
use surrogate_cells::*;

fn main() {
    let a: Vec<f64> = std::env::args().skip(1).map(|a| a.parse().unwrap()).collect();
    let axis = |quantity, lower, upper| Axis { quantity, lower, upper, log: true };
    let f = |p| axis(Quantity::Factor(p), 0.2, 5.0);
    let axes = vec![
        axis(Quantity::CRate, 0.4, 2.2),
        f(Parameter::DiffusivityN),
        f(Parameter::DiffusivityP),
        f(Parameter::ExchangeCurrentN),
        f(Parameter::ExchangeCurrentP),
    ];
    let problem = CellProblem::new(chen2020(), Model::P2d, axes).unwrap();
    let settings = Settings {
        solves: a[0] as usize,
        sensitivities: a[1] > 0.0,
        times: a[2] as usize,
        width: a[3] as usize,
        iterations: a[4] as usize,
        decay: a[5],
        seed: a[6] as u64,
    };
    let start = Instant::now();
    let mut training = Training::new(problem.clone(), settings).unwrap();
    let mut last = Stage::Spread;
    loop {
        let p = training.slice(50).unwrap();
        if let Some(m) = p.misfit_v
            && p.done % 200 == 0
        {
            println!("{} {:.4} mV {:.1} s", p.done, 1e3 * m, start.elapsed().as_secs_f64());
        }
        if p.stage != last {
            println!("{:?} over at {:.1} s", last, start.elapsed().as_secs_f64());
            last = p.stage;
        }
        if p.stage == Stage::Done {
            break;
        }
    }
    let s = training.surrogate().unwrap();
    let mut fine = problem.clone();
    fine.options = Options {
        voltage_tolerance_v: 3e-4,
        reaction_tolerance: 2e-2,
        modes: 16,
        ..Options::default()
    };
    // fresh random points
    let mut state = 12345u64;
    let mut random = || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 11) as f64) / (1u64 << 53) as f64
    };
    let mut fields = [(0.0, 0.0); 7];
    let (mut r95, mut whole, mut ends) = (vec![], vec![], vec![]);
    let mut b = s.buffers();
    for _ in 0..256 {
        let point: Vec<f64> = problem.axes.iter().map(|a| a.at(random())).collect();
        let Ok(sol) = fine.solve(&point, false, false) else {
            println!("unsolved {point:?}");
            continue;
        };
        let end = sol.end_time_s();
        let times: Vec<f64> = (0..=400).map(|k| end * f64::from(k) / 400.0).collect();
        let mut v = vec![0.0; times.len()];
        s.voltages(&point, &times, &mut b, &mut v);
        let e: Vec<f64> =
            times.iter().zip(&v).map(|(t, v)| 1e3 * (v.max(2.5) - sol.voltage_at(*t))).collect();
        let rms = |e: &[f64]| (e.iter().map(|e| e * e).sum::<f64>() / e.len() as f64).sqrt();
        if r95.len() < 64 {
            let sol = problem.solve(&point, true, false).unwrap();
            let picked: Vec<usize> = (0..40)
                .map(|k| {
                    let t = (f64::from(k) + 0.5) / 40.0 * sol.end_time_s();
                    sol.time_s.partition_point(|s| *s < t).min(sol.time_s.len() - 1)
                })
                .collect();
            let ts: Vec<f64> = picked.iter().map(|k| sol.time_s[*k]).collect();
            let all = s.fields(&point, &ts, &mut b).unwrap();
            for (k, f) in picked.iter().zip(&all) {
                let truth = &sol.fields[*k];
                let mut add = |q: usize, a: f64, b: f64| {
                    fields[q].0 += (a - b).powi(2);
                    fields[q].1 += b * b;
                };
                for (x, c) in truth.electrolyte_x_m.iter().zip(&truth.electrolyte_mol_m3) {
                    add(0, f.at(Field::Electrolyte, *x), *c);
                }
                for (which, e) in [(0, &truth.negative), (1, &truth.positive)] {
                    for i in 0..8 {
                        // just inside the electrode
                        let x = e.x_m[i]
                            + if i == 7 && which == 0 {
                                -1e-12
                            } else if i == 0 && which == 1 {
                                1e-12
                            } else {
                                0.0
                            };
                        add(1, f.at(Field::ElectrolytePotential, x), e.electrolyte_potential_v[i]);
                        add(2, f.at(Field::SolidPotential, x), e.solid_potential_v[i]);
                        add(3 + which, f.at(Field::Reaction, x), e.reaction_current_a_m2[i]);
                        add(5 + which, f.at(Field::Surface, x), e.surface_stoichiometry[i]);
                    }
                }
            }
        }
        r95.push((rms(&e[..381]), point.clone()));
        if rms(&e) > 4.0 {
            let pot = s.potentials(&point, &times, &mut b);
            let en: Vec<f64> = (0..401)
                .map(|k| 1e3 * (pot[0][k] - sol.interpolated(&sol.negative_potential_v, times[k])))
                .collect();
            println!(
                "{point:.3?} {:?} end {end:.2} ours {:.2}; e95 {:.2} whole {:.2}; last {:?} V {:.3?} neg {:.2}",
                sol.ended[0],
                s.end_time_s(&point, &mut b),
                rms(&e[..381]),
                rms(&e),
                &e[392..].iter().map(|e| e.round()).collect::<Vec<_>>(),
                times[392..].iter().map(|t| sol.voltage_at(*t)).collect::<Vec<_>>(),
                rms(&en[..400])
            );
        }
        whole.push(rms(&e));
        ends.push((s.end_time_s(&point, &mut b) / end - 1.0).abs());
    }
    let all = |l: &[f64]| (l.iter().map(|e| e * e).sum::<f64>() / l.len() as f64).sqrt();
    r95.sort_by(|a, b| a.0.total_cmp(&b.0));
    whole.sort_by(f64::total_cmp);
    ends.sort_by(f64::total_cmp);
    let l: Vec<f64> = r95.iter().map(|r| r.0).collect();
    println!(
        "first 95 %: rms {:.3} median {:.3} worst {:.3} {:.3?} mV; whole rms {:.3} median {:.3} worst {:.2}; end median {:.1e} 99 % {:.1e} worst {:.1e}",
        all(&l),
        l[128],
        l[l.len() - 1],
        r95.last().unwrap().1,
        all(&whole),
        whole[128],
        whole.last().unwrap(),
        ends[128],
        ends[ends.len() * 99 / 100],
        ends.last().unwrap()
    );
    for (name, (e, t)) in ["c_e", "phi_e", "phi_s", "j_n", "j_p", "x_n", "x_p"].iter().zip(fields) {
        print!("{name} {:.2e}  ", (e / t as f64).sqrt());
    }
    println!();
    let point = problem.middle();
    let times: Vec<f64> = (0..100).map(|k| 3000.0 * f64::from(k) / 100.0).collect();
    let mut v = vec![0.0; 100];
    let mut by = vec![0.0; 500];
    let t = Instant::now();
    for _ in 0..1000 {
        s.voltages(&point, &times, &mut b, &mut v);
    }
    let one = t.elapsed().as_secs_f64() * 1e3;
    let t = Instant::now();
    for _ in 0..1000 {
        s.gradients(&point, &times, &mut b, &mut v, &mut by);
    }
    println!(
        "curve {one:.1} us, with gradient {:.1} us, total {:.1} s",
        t.elapsed().as_secs_f64() * 1e3,
        start.elapsed().as_secs_f64()
    );
}
