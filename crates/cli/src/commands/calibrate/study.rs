//! What is inferred from what, read and compiled.

use surrogate_problem::Problem;
use surrogate_problem::model::{Output, Unit};

use super::arguments::Calibrate;
use super::experiment::Experiment;
use super::model::{Prepared, Sides};
use super::plan::{Plan, Request};
use super::unknowns::Unknowns;
use crate::failure::Failure;
use crate::places::time_coordinate;
use crate::terminal::Terminal;
use crate::trained::Trained;

/// A surrogate, the curves measured, and what is unknown.
pub struct Study {
    /// The surrogate and its problem.
    pub trained: Trained,
    /// The output that was measured.
    pub output: Output,
    /// What is unknown.
    pub unknowns: Unknowns,
    /// Curves that are fitted.
    pub curves: Vec<Experiment>,
    /// Models of them, and priors.
    pub prepared: Prepared,
    /// Curves that are not fitted, but held against what the posterior predicts of them.
    pub held_out: Option<HeldOut>,
}

/// Curves that are not fitted.
pub struct HeldOut {
    /// The curves.
    pub curves: Vec<Experiment>,
    /// Their models.
    pub sides: Sides,
}

impl Study {
    /// Reads all curves, and compiles their models.
    ///
    /// # Errors
    /// Curves, unknowns, priors or a likelihood that do not fit the surrogate or each other.
    pub fn read(
        plan: &Plan,
        mut trained: Trained,
        arguments: &Calibrate,
        terminal: &Terminal,
    ) -> Result<Self, Failure> {
        let problem = &trained.problem;
        let output = observed(problem, plan.observe.as_deref())?;
        let read = |what: &str, requests: &[Request]| {
            let mut curves = Vec::new();
            for request in requests {
                let most = arguments.points;
                let curve = Experiment::read(request, problem, &output, &plan.of_current, most)?;
                say(what, &curve, problem, terminal);
                curves.push(curve);
            }
            Ok::<_, Failure>(curves)
        };
        let curves = read("curve", &plan.curves)?;
        let mut requests = plan.held_out.as_slice();
        if arguments.sbc.is_some() && !requests.is_empty() {
            terminal.say(
                "note      --sbc predicts no curves: those of [[calibrate.predict]] are left out",
            );
            requests = &[];
        }
        let others = read("held out", requests)?;
        let unknowns = Unknowns::choose(&plan.parameters, problem, &curves)?;
        check(problem, &unknowns, &curves, &others)?;
        announce(&unknowns, problem, &curves, terminal);
        let prepared = Prepared::new(plan, &mut trained, &output, &unknowns, &curves, terminal)?;
        let held_out = match others.is_empty() {
            true => None,
            false => {
                let sides = Sides::new(&mut trained, &output, &unknowns, &others)?;
                Some(HeldOut { curves: others, sides })
            }
        };
        Ok(Self { trained, output, unknowns, curves, prepared, held_out })
    }

    /// The unit of time.
    pub fn time(&self) -> Unit {
        let problem = &self.trained.problem;
        time_coordinate(problem).map_or(Unit::one(), |t| problem.coordinates[t].unit.clone())
    }
}

/// Refuses held-out curves that state an unknown, or do not state what the fitted curves state.
fn check(
    problem: &Problem,
    unknowns: &Unknowns,
    fitted: &[Experiment],
    held_out: &[Experiment],
) -> Result<(), Failure> {
    for (k, p) in problem.parameters.iter().enumerate() {
        let name = &p.name;
        for curve in held_out {
            match curve.stated[k] {
                Some(_) if unknowns.list.contains(&k) => {
                    return Err(Failure::helped(
                        format!("`{name}` is unknown, and stated for {} to predict", curve.name),
                        "take it out of --predict, or leave it out of the unknowns (--parameters)",
                    ));
                }
                None if fitted.iter().any(|f| f.stated[k].is_some()) => {
                    return Err(Failure::helped(
                        format!(
                            "`{name}` is stated for the fitted curves and not for {}",
                            curve.name
                        ),
                        format!("--predict {},{name}=VALUE", curve.name),
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// The output that was measured: the one named, the one in V, or the only curve there is.
fn observed(problem: &Problem, name: Option<&str>) -> Result<Output, Failure> {
    let time = time_coordinate(problem);
    let curve = |o: &&Output| time.is_some() && o.coordinates.iter().all(|&c| Some(c) == time);
    let curves: Vec<&Output> = problem.outputs.iter().filter(curve).collect();
    let names = || curves.iter().map(|o| o.name.as_str()).collect::<Vec<_>>().join(", ");
    let volts: Vec<&&Output> = curves.iter().filter(|o| o.unit.text == "V").collect();
    let found = match (name, volts.as_slice(), curves.as_slice()) {
        (Some(name), _, _) => curves.iter().find(|o| o.name == name).copied(),
        (None, [only], _) => Some(**only),
        (None, _, [only]) => Some(*only),
        _ => None,
    };
    found.cloned().ok_or_else(|| {
        if curves.is_empty() {
            return Failure::helped(
                "this surrogate has no output along time",
                "state one under [outputs] of the problem file and train anew",
            );
        }
        let message = match name {
            Some(name) => format!("the surrogate has no curve `{name}`"),
            None => "which output was measured?".to_string(),
        };
        Failure::helped(message, format!("--observe one of: {}", names()))
    })
}

/// Says what was read of a curve; `what` it is.
fn say(what: &str, curve: &Experiment, problem: &Problem, terminal: &Terminal) {
    let stated = problem.parameters.iter().zip(&curve.stated);
    let stated: Vec<String> = stated
        .filter_map(|(p, v)| Some(format!("{} = {}", p.name, (*v)? / p.unit.factor)))
        .collect();
    let (name, points) = (&curve.name, curve.times.len());
    terminal.say(format!("{what:9} {name}: {points} points  {}", stated.join(", ")));
    curve.notes.iter().for_each(|note| terminal.say(format!("          {note}")));
}

fn announce(unknowns: &Unknowns, problem: &Problem, curves: &[Experiment], terminal: &Terminal) {
    let names: Vec<&str> =
        unknowns.list.iter().map(|&k| problem.parameters[k].name.as_str()).collect();
    terminal.say(format!("unknown   {}", names.join(", ")));
    let nominal = unknowns.nominal(problem, curves);
    if !nominal.is_empty() {
        terminal.say(format!("nominal   {}", nominal.join(", ")));
    }
}
