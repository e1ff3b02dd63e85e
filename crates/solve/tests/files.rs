//! The problem files of the repository.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod support;

use std::path::Path;

use surrogate_problem::Problem;
use surrogate_solve::{Options, Solver};

fn load(name: &str) -> Problem {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
    let path = root.join("../../problems").join(name);
    surrogate_problem::load(&path, &[]).map_err(|e| format!("{e:?}")).unwrap()
}

#[test]
fn every_problem_file_is_solved_or_refused_in_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).canonicalize().unwrap();
    let mut names: Vec<String> = std::fs::read_dir(folder.join("../../problems"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        // the physics of a cell is not written in its file
        .filter(|name| name.ends_with(".toml") && !name.starts_with("p2d"))
        .collect();
    names.sort();
    for name in names {
        let problem = load(&name);
        let solver = match Solver::prepare(&problem, Options::default()) {
            Ok(solver) => solver,
            Err(error) => {
                eprintln!("{name}: {error}");
                continue;
            }
        };
        let parameters: Vec<f64> = problem.parameters.iter().map(|p| p.nominal).collect();
        let time = problem.coordinates.iter().find(|c| c.name == "t");
        let times: Vec<f64> = time.map_or(Vec::new(), |t| {
            (0..=20).map(|k| t.lower + (t.upper - t.lower) * f64::from(k) / 20.0).collect()
        });
        let s = solver.solve(&parameters, &times).unwrap();
        let estimate = solver.estimate_error(&parameters, &times).unwrap();
        eprintln!("{name}: {:?} {estimate:?} {:?}", s.statistics, solver.missing_outputs());
        for field in &s.fields {
            assert!(field.values.iter().flatten().all(|v| v.is_finite()), "{name}");
        }
    }
}

#[test]
fn the_file_of_the_single_particle_model_means_the_same_as_the_one_written_by_hand() {
    let (file, hand) = (load("spm.toml"), support::spm::problem());
    let times: Vec<f64> = (0..=100).map(|k| 13.5 * f64::from(k)).collect();
    let solve = |problem: &Problem, parameters: &[f64]| {
        let solver = Solver::prepare(problem, Options::default()).unwrap();
        let k = problem.outputs.iter().position(|o| o.name == "voltage").unwrap();
        solver.solve(parameters, &times).unwrap().outputs.swap_remove(k)
    };
    for given in [[0.5, 1.0], [2.0, 4.0]] {
        let ordered: Vec<f64> = file
            .parameters
            .iter()
            .map(|p| if p.name.contains("i0") { given[0] } else { given[1] })
            .collect();
        let (a, b) = (solve(&file, &ordered), solve(&hand, &given));
        let worst = a.iter().zip(&b).fold(0.0_f64, |w, (a, b)| w.max((a - b).abs()));
        eprintln!("file against hand: {worst:.2e} V");
        assert!(worst < 1e-5);
    }
}
