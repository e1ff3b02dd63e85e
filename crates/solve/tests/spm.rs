//! The single-particle model: conservation, accuracy of the default setting, order.

mod support;

use support::spm;
use surrogate_solve::{Options, Solver};

fn times() -> Vec<f64> {
    let early = [0.01, 0.03, 0.1, 0.3, 1.0, 2.0, 3.0, 5.0, 8.0];
    early.into_iter().chain((1..=100).map(|k| 13.5 * f64::from(k))).collect()
}

#[test]
fn probe() {
    let p = spm::problem();
    let solver = Solver::prepare(&p, Options::default()).unwrap();
    let s = solver.solve(&[0.5, 1.0], &[0.0, 0.01, 1.0, 10.0, 100.0, 1350.0]).unwrap();
    eprintln!("{:?} {:?}", s.outputs, s.statistics);
    let t = times();
    let fine = Solver::prepare(&p, Options { cells: Some(320), tolerance: Some(1e-9) }).unwrap();
    for deg in [1.0, 3.0, 10.0] {
        let truth = fine.solve(&[0.5, deg], &t).unwrap();
        for (cells, tol) in [(10, 1e-8), (20, 1e-8), (40, 1e-8), (80,1e-8), (160,1e-8), (40, 1e-4), (40, 1e-5), (40, 1e-6), (40,1e-7)] {
            let o = Options { cells: Some(cells), tolerance: Some(tol) };
            let s = Solver::prepare(&p, o).unwrap().solve(&[0.5, deg], &t).unwrap();
            let (mut worst, mut at, mut late) = (0.0_f64, 0.0, 0.0_f64);
            for k in 0..t.len() {
                let e = (s.outputs[0][k] - truth.outputs[0][k]).abs();
                if e > worst { worst = e; at = t[k]; }
                if t[k] >= 5.0 { late = late.max(e); }
            }
            eprintln!("deg {deg} cells {cells} tol {tol:e}: {:.5} mV at {at}, late {:.5} {:?}", 1e3 * worst, 1e3*late, s.statistics);
        }
    }
}
