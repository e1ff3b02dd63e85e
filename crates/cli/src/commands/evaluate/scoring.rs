//! Scores of methods that find structures: asked in turn, metered, compared, written.

use std::collections::HashSet;
use std::path::Path;
use std::time::Instant;

use serde_json::{Map, Value, json};
use surrogate_crystal::retrieve::{Kind, Query};
use surrogate_crystal::score::{
    Case, CaseScore, Paired, Proposer, ProposerError, Ranked, SLICES, Share, Slice, Summary, score,
};
use surrogate_meter::Meter;
use surrogate_run::{Column, Table};

use crate::cpu_time;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// Version of `scores.json`.
const FORMAT: u32 = 1;

/// What came of one method.
pub struct Scored {
    /// Its name.
    pub method: String,
    /// Cases in their order.
    pub scores: Vec<CaseScore>,
}

/// Asks every method about every case, one after the other. `refused` are cases that no method can be
/// asked about; they count as failures of each. Each method is a stage of the meter.
pub fn score_structures(
    cases: &[Case],
    refused: &[CaseScore],
    proposers: &mut [Box<dyn Proposer + '_>],
    known: &HashSet<Kind>,
    meter: &Meter,
    terminal: &Terminal,
) -> Vec<Scored> {
    let begin = Instant::now();
    let mut all = Vec::new();
    for proposer in proposers {
        let method = proposer.name().to_string();
        let mut metered = Metered { proposer: proposer.as_mut(), meter, stage: stage(&method) };
        let mut clock = || cpu_time::seconds(begin);
        let mut shown = Instant::now();
        let mut done = 0;
        let mut after = |_: &CaseScore| {
            done += 1;
            if shown.elapsed().as_secs() >= 10 {
                shown = Instant::now();
                terminal.say(format!("{method}: {done} of {}", cases.len()));
            }
            true
        };
        let mut scores = score(cases, &mut metered, known, &mut clock, &mut after);
        scores.extend_from_slice(refused);
        all.push(Scored { method, scores });
    }
    all
}

/// A method whose answers are metered, but not the scoring of them.
struct Metered<'a> {
    proposer: &'a mut dyn Proposer,
    meter: &'a Meter,
    stage: String,
}

impl Proposer for Metered<'_> {
    fn name(&self) -> &str {
        self.proposer.name()
    }

    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError> {
        let _stage = self.meter.stage(&self.stage);
        self.proposer.propose(query, count)
    }
}

/// Name of a method's stage.
pub fn stage(method: &str) -> String {
    method.chars().map(|c| if c.is_alphanumeric() { c } else { '-' }).collect()
}

/// A table for people.
pub fn words(scored: &[Scored]) -> String {
    let mut text = String::from(
        "method                     slice                 cases   strict @1            strict @20           \
         loose @1   R_wp    valid    CPU s\n",
    );
    for s in scored {
        for slice in &SLICES {
            let summary = Summary::of(&s.scores, slice);
            if summary.cases > 0 {
                text.push_str(&line(&s.method, slice, &summary));
            }
        }
    }
    text
}

fn line(method: &str, slice: &Slice, summary: &Summary) -> String {
    let share = |s: &Share| {
        let [low, high] = s.interval();
        let percent = [s.value(), low, high].map(|v| 100.0 * v);
        format!("{:5.1} ({:.1} to {:.1})", percent[0], percent[1], percent[2])
    };
    format!(
        "{method:26} {:21} {:5}   {:20} {:20} {:8.1} {:7.3} {:7.1} {:8.4}\n",
        slice.name,
        summary.cases,
        share(&summary.strict_1),
        share(&summary.strict_20),
        100.0 * summary.loose_1.value(),
        summary.mean_r_wp,
        100.0 * summary.valid.value(),
        summary.mean_seconds,
    )
}

/// What is said of all, for `scores.json`. `joules` gives what a method took.
pub fn json(scored: &[Scored], joules: &dyn Fn(&str) -> Option<f64>) -> Value {
    let methods: Vec<Value> = scored.iter().map(|s| method_json(s, joules(&s.method))).collect();
    let mut pairs = Vec::new();
    for (k, first) in scored.iter().enumerate() {
        for second in &scored[k + 1..] {
            pairs.push(pair_json(second, first));
        }
    }
    json!({ "format": FORMAT, "methods": methods, "differences": pairs })
}

fn method_json(scored: &Scored, joules: Option<f64>) -> Value {
    let mut slices = Map::new();
    for slice in &SLICES {
        let s = Summary::of(&scored.scores, slice);
        if s.cases == 0 {
            continue;
        }
        let share = |s: &Share| json!({ "value": finite(s.value()), "count": s.count, "of": s.of, "interval_95": s.interval() });
        let value = json!({
            "cases": s.cases, "failures": s.failures,
            "strict_1": share(&s.strict_1), "strict_20": share(&s.strict_20),
            "loose_1": share(&s.loose_1), "loose_20": share(&s.loose_20),
            "mean_rms": s.mean_rms, "mean_r_wp": finite(s.mean_r_wp),
            "median_r_wp": finite(s.median_r_wp),
            "median_wasserstein_per_angstrom": finite(s.median_wasserstein),
            "formula": share(&s.formula), "multiplicities": share(&s.multiplicities),
            "bonds": share(&s.bonds), "space_group": share(&s.group), "valid": share(&s.valid),
            "r_wp_below_0.01": share(&s.promised), "strict_of_these": share(&s.kept),
            "cpu_seconds_mean": finite(s.mean_seconds), "cpu_seconds_median": finite(s.median_seconds),
        });
        slices.insert(slice.name.to_string(), value);
    }
    let matched = scored.scores.iter().filter(|s| s.strict == Some(0)).count();
    let per_match = joules.filter(|_| matched > 0).map(|j| j / matched as f64);
    json!({ "method": scored.method, "energy_j": joules, "energy_j_per_strict_match": per_match, "slices": slices })
}

/// Strict matches of the first structures of two methods.
fn pair_json(first: &Scored, second: &Scored) -> Value {
    let right = |s: &CaseScore| s.strict == Some(0);
    let pairs = first.scores.iter().zip(&second.scores);
    let paired = Paired::counted(pairs.map(|(a, b)| (right(a), right(b))));
    json!({
        "first": first.method, "second": second.method, "of": "strict @1",
        "only_first": paired.only_first, "only_second": paired.only_second,
        "difference": finite(paired.difference()), "interval_95": paired.interval(),
        "p_value": paired.p_value(),
    })
}

/// JSON has no infinities.
fn finite(value: f64) -> Option<f64> {
    value.is_finite().then_some(value)
}

/// Writes one row a case and method.
pub fn write_cases(scored: &[Scored], path: &Path) -> Result<(), Failure> {
    let rows = || scored.iter().flat_map(|s| s.scores.iter().map(move |c| (s, c)));
    let words =
        |of: &dyn Fn(&Scored, &CaseScore) -> String| rows().map(|(s, c)| of(s, c)).collect();
    let numbers = |of: &dyn Fn(&CaseScore) -> f64| rows().map(|(_, c)| of(c)).collect::<Vec<f64>>();
    let rank = |r: Option<usize>| r.map_or(f64::NAN, |r| (r + 1) as f64);
    let flag = |b: bool| f64::from(u8::from(b));
    let table = Table::new(vec![
        Column::words("method", words(&|s, _| s.method.clone())),
        Column::words("id", words(&|_, c| c.id.clone())),
        Column::numbers("atoms", "", numbers(&|c| c.atoms as f64)),
        Column::numbers("seen", "", numbers(&|c| flag(c.seen))),
        Column::numbers("candidates", "", numbers(&|c| c.candidates as f64)),
        Column::numbers("strict_rank", "", numbers(&|c| rank(c.strict))),
        Column::numbers("loose_rank", "", numbers(&|c| rank(c.loose))),
        Column::numbers("rms", "", numbers(&|c| c.rms.unwrap_or(f64::NAN))),
        Column::numbers("r_wp", "", numbers(&|c| c.r_wp.unwrap_or(f64::NAN))),
        Column::numbers(
            "wasserstein",
            "1/angstrom",
            numbers(&|c| c.wasserstein.unwrap_or(f64::NAN)),
        ),
        Column::numbers("formula", "", numbers(&|c| flag(c.validity.formula))),
        Column::numbers("multiplicities", "", numbers(&|c| flag(c.validity.multiplicities))),
        Column::numbers("bonds", "", numbers(&|c| flag(c.validity.bonds))),
        Column::numbers("space_group", "", numbers(&|c| flag(c.validity.group))),
        Column::numbers("cpu", "s", numbers(&|c| c.seconds)),
    ]);
    Ok(table.write_csv(path)?)
}
