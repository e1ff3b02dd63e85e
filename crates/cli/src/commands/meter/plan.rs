//! `surrogate meter plan`

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use surrogate_meter::schedule::{Costs, Job, Plan, Trace, backtest, plan};

use crate::failure::Failure;
use crate::footprint::scaled;
use crate::progress::{duration, parse_duration, parse_energy};
use crate::terminal::Terminal;

/// `surrogate meter plan`
#[derive(Args, Debug)]
pub struct PlanArguments {
    /// How long the job runs, such as 4h.
    #[arg(long, value_name = "TIME")]
    pub duration: String,
    /// How much later it may end than if it ran at once, such as 24h.
    #[arg(long, value_name = "TIME")]
    pub slack: String,
    /// CSV of carbon intensities by time (columns time and gco2e_per_kwh): a forecast or a record.
    #[arg(long, value_name = "FILE.csv")]
    pub trace: PathBuf,
    /// Earliest start, as the trace writes times [default: its first row].
    #[arg(long, value_name = "TIME", conflicts_with = "backtest")]
    pub from: Option<String>,
    /// Power of the job, W.
    #[arg(long, value_name = "W", default_value_t = 100.0)]
    pub power: f64,
    /// Power of the machine while it waits, W.
    #[arg(long, value_name = "W", default_value_t = 0.0)]
    pub idle_power: f64,
    /// Energy of a pause (checkpoint written, read, lost steps repeated), such as 500J.
    #[arg(long, value_name = "ENERGY")]
    pub resume_energy: Option<String>,
    /// Replay every start of the trace with perfect foresight, and say what would have been saved.
    #[arg(long)]
    pub backtest: bool,
}

/// Plans a job, or replays the trace.
pub fn run(arguments: &PlanArguments, terminal: &Terminal) -> Result<u8, Failure> {
    let path = arguments.trace.display();
    let text = std::fs::read_to_string(&arguments.trace)
        .map_err(|error| Failure::user(format!("{path}: {error}")))?;
    let trace = Trace::parse(&text).map_err(|error| Failure::user(format!("{path}: {error}")))?;
    let hours = |text: &str, option: &str| {
        let zero = text.trim().parse() == Ok(0.0);
        let seconds = if zero { Some(0.0) } else { parse_duration(text) };
        seconds.map(|s| s / 3_600.0).ok_or_else(|| {
            let help = "times are written as 90m, 4h or 24h";
            Failure::helped(format!("{option} {text:?} is no time"), help)
        })
    };
    let slots = trace.slots_of(hours(&arguments.duration, "--duration")?);
    let slack = trace.slots_of(hours(&arguments.slack, "--slack")?);
    if arguments.backtest {
        return replay(&trace, slots, slack, terminal);
    }
    let earliest = match &arguments.from {
        None => 0,
        Some(time) => trace.slot_at(time).ok_or_else(|| {
            Failure::helped(
                format!("--from {time:?} is not in the trace"),
                format!("times are written like {}", trace.times.first().map_or("", |t| t)),
            )
        })?,
    };
    let resume_j = match &arguments.resume_energy {
        None => 0.0,
        Some(text) => parse_energy(text).ok_or_else(|| {
            Failure::user(format!("--resume-energy {text:?} is no energy, such as 500J"))
        })?,
    };
    let costs = Costs { run_w: arguments.power, idle_w: arguments.idle_power, resume_j };
    let plans = plan(&trace, Job { earliest, slots, slack }, costs)
        .map_err(|error| Failure::user(error.to_string()))?;
    let best = best_of(&plans);
    let now_g = plans[0].emissions_g;
    let mut text = String::new();
    for plan in &plans {
        let saved = percent(plan, now_g);
        let mark = if std::ptr::eq(plan, best) { "  <- best" } else { "" };
        text.push_str(&format!(
            "{:8} {:>12}  saves {saved:5.1} %  {}  ends {} later, {} pause(s){mark}\n",
            plan.strategy.word(),
            scaled(plan.emissions_g, "gCO2e"),
            spans(&trace, plan).join(", "),
            duration(plan.delay as f64 * trace.slot_h * 3_600.0),
            plan.pauses,
        ));
    }
    if !terminal.json {
        terminal.data(&text);
    }
    terminal.say("by average intensity (attributional): emissions avoided may differ");
    terminal.json(&json!({
        "plans": plans.iter().map(|p| plan_json(&trace, p, now_g)).collect::<Vec<_>>(),
        "best": best.strategy.word(),
    }));
    Ok(0)
}

/// The plan with the least emissions; of equal ones the simplest, which comes first.
fn best_of(plans: &[Plan; 3]) -> &Plan {
    let [now, shift, suspend] = plans;
    let less = |a: &Plan, b: &Plan| a.emissions_g < b.emissions_g * (1.0 - 1e-9);
    let best = if less(shift, now) { shift } else { now };
    if less(suspend, best) { suspend } else { best }
}

fn percent(plan: &Plan, now_g: f64) -> f64 {
    if now_g > 0.0 { 100.0 * (1.0 - plan.emissions_g / now_g) } else { 0.0 }
}

/// First slots of the pieces with their lengths: `2020-01-01T03:00 for 2 h 00 min`.
fn spans(trace: &Trace, plan: &Plan) -> Vec<String> {
    pieces(plan)
        .into_iter()
        .map(|(start, length)| {
            let time = trace.times.get(start).cloned().unwrap_or_else(|| format!("slot {start}"));
            format!("{time} for {}", duration(length as f64 * trace.slot_h * 3_600.0))
        })
        .collect()
}

/// Start and length of each piece, in slots.
fn pieces(plan: &Plan) -> Vec<(usize, usize)> {
    let mut pieces: Vec<(usize, usize)> = Vec::new();
    for &slot in &plan.run {
        match pieces.last_mut() {
            Some((start, length)) if *start + *length == slot => *length += 1,
            _ => pieces.push((slot, 1)),
        }
    }
    pieces
}

fn plan_json(trace: &Trace, plan: &Plan, now_g: f64) -> Value {
    json!({
        "strategy": plan.strategy.word(),
        "emissions_g": plan.emissions_g,
        "saving_percent": percent(plan, now_g),
        "pauses": plan.pauses,
        "delay_h": plan.delay as f64 * trace.slot_h,
        "run": pieces(plan).into_iter().map(|(start, length)| json!({
            "slot": start,
            "start": trace.times.get(start),
            "hours": length as f64 * trace.slot_h,
        })).collect::<Vec<_>>(),
    })
}

fn replay(trace: &Trace, slots: usize, slack: usize, terminal: &Terminal) -> Result<u8, Failure> {
    let found = backtest(trace, slots, slack).map_err(|e| Failure::user(e.to_string()))?;
    if !terminal.json {
        terminal.data(&format!(
            "{} starts: at once {:.1} gCO2e/kWh, shifting saves {:.1} %, pausing {:.1} %\n",
            found.starts,
            found.now_g_per_kwh,
            found.saving_percent_shift,
            found.saving_percent_suspend
        ));
    }
    terminal.json(&json!({ "backtest": {
        "now_g_per_kwh": found.now_g_per_kwh,
        "saving_percent_shift": found.saving_percent_shift,
        "saving_percent_suspend": found.saving_percent_suspend,
    }}));
    Ok(0)
}
