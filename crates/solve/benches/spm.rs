//! Time of one solve of the single-particle model, one thread: best and median of many.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::Instant;

use surrogate_solve::{Options, Solver};

fn main() {
    let problem = support::spm::problem();
    let times: Vec<f64> = (1..=100).map(|k| 13.5 * f64::from(k)).collect();
    println!("cells  tolerance  best us  median us  steps  rejected");
    let settings: [(Option<usize>, Option<f64>); 5] = [
        (None, None),
        (Some(16), Some(1e-4)),
        (Some(24), Some(1e-5)),
        (Some(32), Some(1e-6)),
        (Some(80), Some(1e-8)),
    ];
    for (cells, tolerance) in settings {
        let solver = Solver::prepare(&problem, Options { cells, tolerance }).unwrap();
        let mut spent = Vec::new();
        let mut work = None;
        for run in 0..400 {
            // a new parameter each time: nothing could be reused
            let parameters = [0.5 + 0.008 * f64::from(run), 1.0 + 0.02 * f64::from(run)];
            let begin = Instant::now();
            let solution = solver.solve(&parameters, &times).unwrap();
            spent.push(begin.elapsed().as_secs_f64() * 1e6);
            work.get_or_insert(solution.statistics);
        }
        spent.sort_by(f64::total_cmp);
        let (cells, tolerance) = solver.resolution();
        let work = work.unwrap();
        let (best, median) = (spent[0], spent[200]);
        println!(
            "{cells:5}  {tolerance:9.0e}  {best:7.0}  {median:9.0}  {:5}  {:8}",
            work.steps, work.rejected
        );
    }
}
