//! `--green-window`: training in the hours of low carbon, by a trace of the grid's intensity.
//!
//! The process stays in memory while it waits, with a checkpoint on disk: killed there, it is
//! resumed like any other run. What waiting draws is metered as the stage `green.wait`.

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use clap::{Args, ValueEnum};
use serde_json::{Value, json};
use surrogate_meter::schedule::{Costs, Job, Plan, Saving, Span, Trace, plan, saving};
use surrogate_meter::{Meter, Provenance, Quantity, footprint::carbon};

use crate::failure::Failure;
use crate::footprint::scaled;
use crate::interrupts;
use crate::progress::{duration, parse_duration};
use crate::terminal::Terminal;

/// Sets the clock for tests, so that hours pass in seconds: `2026-01-01T00:00:00Z,3600` begins at
/// that moment and runs 3600 times as fast.
const CLOCK: &str = "SURROGATE_GREEN_CLOCK";
/// Seconds that each power is measured for.
const PROBE_S: f64 = 0.5;
/// Seconds of running power that going on after a pause is taken to cost.
const RESUME_S: f64 = 1.0;
/// Longest time between two looks at the clock while waiting.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// One sigma of a trace's intensities, relative: what publishers differ by.
const TRACE_SIGMA: f64 = 0.1;

/// Options of the green window.
#[derive(Args, Debug)]
#[command(next_help_heading = "Green window")]
pub struct GreenArguments {
    /// Train in the hours of low carbon; it may end so much later than if it started now, such as
    /// 24h.
    #[arg(long, value_name = "TIME", requires = "carbon_trace")]
    pub green_window: Option<String>,
    /// CSV of the grid's carbon intensity by time (columns time and gco2e_per_kwh): a forecast
    /// that holds the present moment.
    #[arg(long, value_name = "FILE.csv", requires = "green_window")]
    pub carbon_trace: Option<PathBuf>,
    /// Start later in one piece, or pause and go on.
    #[arg(long, value_enum, default_value = "shift", requires = "green_window")]
    pub green_mode: Mode,
    /// How long training will run [default: --max-time, or the file's max_time].
    #[arg(long, value_name = "TIME", requires = "green_window")]
    pub expected_time: Option<String>,
    /// Power while it trains, W [default: measured for half a second].
    #[arg(long, value_name = "W", requires = "green_window")]
    pub green_power: Option<f64>,
    /// Power while it waits, W; 0 if the machine is on anyway [default: measured for half a second].
    #[arg(long, value_name = "W", requires = "green_window")]
    pub green_idle_power: Option<f64>,
}

/// How the window is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Mode {
    /// One piece.
    Shift,
    /// Pieces, with a checkpoint between them.
    Suspend,
}

/// Hours since the start of the trace, now. By the wall clock: it goes on while a machine sleeps.
#[derive(Debug, Clone, Copy)]
struct TraceClock {
    start_h: f64,
    begun: SystemTime,
    speed: f64,
}

impl TraceClock {
    fn read(trace: &Trace, name: &str) -> Result<Self, Failure> {
        let (unix_s, speed) = match std::env::var(CLOCK) {
            Ok(text) => set_clock(&text)
                .ok_or_else(|| Failure::user(format!("{CLOCK}={text:?} is no clock")))?,
            Err(_) => (seconds(jiff::Timestamp::now()), 1.0),
        };
        let start_h = trace.hours_at(unix_s).ok_or_else(|| {
            Failure::helped(
                format!("{name} has no times: nobody can say which row is now"),
                "add a column `time`, such as 2026-01-31T13:00",
            )
        })?;
        Ok(Self { start_h, begun: SystemTime::now(), speed })
    }

    fn hours(&self) -> f64 {
        let elapsed = self.begun.elapsed().unwrap_or_default(); // set back: no time has passed
        self.start_h + elapsed.as_secs_f64() * self.speed / 3_600.0
    }

    /// When it will be so late.
    fn time_at(&self, hours: f64) -> SystemTime {
        let wait_s = (hours - self.start_h) * 3_600.0 / self.speed;
        self.begun + Duration::from_secs_f64(wait_s.max(0.0))
    }
}

fn seconds(moment: jiff::Timestamp) -> f64 {
    moment.as_millisecond() as f64 * 1e-3
}

fn set_clock(text: &str) -> Option<(f64, f64)> {
    let (start, speed) = text.split_once(',')?;
    let speed = speed.parse().ok().filter(|s: &f64| s.is_finite() && *s > 0.0)?;
    Some((seconds(start.parse().ok()?), speed))
}

/// A training in its window.
pub struct Green {
    trace: Trace,
    name: String,
    clock: TraceClock,
    mode: Mode,
    plan: Plan,
    now_g: f64,
    costs: Costs,
    pue: f64,
    spans: Vec<Span>,
    open_h: f64,
    open_j: f64,
}

impl Green {
    /// Chooses the hours; `None` without a window. Training takes `limit_s` if nothing else is
    /// said, the site `pue` times what is metered. The powers are metered as stage `green.probe`.
    pub fn choose(
        arguments: &GreenArguments,
        (limit_s, pue): (Option<f64>, f64),
        meter: &Meter,
        terminal: &Terminal,
    ) -> Result<Option<Self>, Failure> {
        let (Some(window), Some(path)) = (&arguments.green_window, &arguments.carbon_trace) else {
            return Ok(None);
        };
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::user(format!("{name}: {error}")))?;
        let trace = Trace::parse(&text).map_err(|e| Failure::user(format!("{name}: {e}")))?;
        let window_s = time_of(window, "--green-window")?;
        let expected_s = match (&arguments.expected_time, limit_s) {
            (Some(text), _) => time_of(text, "--expected-time")?,
            (None, Some(limit_s)) => limit_s,
            (None, None) => {
                return Err(Failure::helped(
                    "--green-window must know how long training will run",
                    "give --expected-time or --max-time",
                ));
            }
        };
        let powers = [arguments.green_power, arguments.green_idle_power];
        if powers.iter().flatten().any(|w| !(w.is_finite() && *w >= 0.0)) {
            return Err(Failure::user("powers of the green window must be 0 W or more"));
        }
        let clock = TraceClock::read(&trace, &name)?;
        let job = place(&trace, &clock, [expected_s, window_s], &name, terminal)?;
        let costs = costs(powers, pue, meter);
        let plans = plan(&trace, job, costs).map_err(|e| Failure::user(format!("{name}: {e}")))?;
        let now_g = plans[0].emissions_g;
        let last = if arguments.green_mode == Mode::Shift { 2 } else { 3 };
        let plan = plans.into_iter().take(last).reduce(|best, other| {
            let better = other.emissions_g < best.emissions_g * (1.0 - 1e-9);
            if better { other } else { best } // of equal ones the simplest, which comes first
        });
        let Some(plan) = plan else { return Ok(None) };
        let green = Self {
            open_h: clock.hours(),
            open_j: 0.0,
            spans: Vec::new(),
            mode: arguments.green_mode,
            trace,
            name,
            clock,
            plan,
            now_g,
            costs,
            pue,
        };
        green.announce(terminal);
        Ok(Some(green))
    }

    fn announce(&self, terminal: &Terminal) {
        let Costs { run_w, idle_w, .. } = self.costs;
        terminal.say(format!(
            "green     {}: first runs in {}, {} pause(s), expected {} instead of {} at once \
             ({run_w:.1} W running, {idle_w:.1} W waiting)",
            self.plan.strategy.word(),
            duration(self.next_start_h().map_or(0.0, |h| self.seconds_to(h))),
            self.plan.pauses,
            scaled(self.plan.emissions_g, "gCO2e"),
            scaled(self.now_g, "gCO2e"),
        ));
    }

    /// Mean intensity of the chosen hours, for limits and forecasts.
    pub fn planned_intensity(&self) -> Quantity {
        let slots = &self.plan.run;
        let sum: f64 = slots.iter().map(|&slot| self.trace.g_per_kwh[slot]).sum();
        self.quantity(sum / slots.len().max(1) as f64, "mean of the chosen hours")
    }

    /// Mean intensity of the energy used; as planned if none was used.
    pub fn intensity(&self) -> Quantity {
        match self.saving().mean_g_per_kwh() {
            Some(mean) => self.quantity(mean, "weighted by the energy of this session's training"),
            None => self.planned_intensity(),
        }
    }

    fn quantity(&self, g_per_kwh: f64, how: &str) -> Quantity {
        let source = format!("carbon trace {}, {how}", self.name);
        carbon::given(g_per_kwh, Some(TRACE_SIGMA * g_per_kwh)).from_source(
            Provenance::Assumed,
            source,
            "",
        )
    }

    /// The present slot; that before the trace is its first.
    fn slot(&self) -> usize {
        (self.clock.hours() / self.trace.slot_h).max(0.0) as usize
    }

    /// Start of the next hours to run in, h, if these are not such; `None` beyond the plan, too.
    fn next_start_h(&self) -> Option<f64> {
        let slot = self.slot();
        let next = self.plan.run.iter().find(|&&run| run >= slot)?;
        (*next > slot).then_some(*next as f64 * self.trace.slot_h)
    }

    fn seconds_to(&self, hours: f64) -> f64 {
        (hours - self.clock.hours()).max(0.0) * 3_600.0
    }

    /// When the present stretch of running ends with a pause; `None` if no pause is planned.
    pub fn pause_at(&self) -> Option<SystemTime> {
        let slot = self.slot();
        let run = &self.plan.run;
        let mut end = slot;
        while run.binary_search(&end).is_ok() {
            end += 1;
        }
        let more = run.last().is_some_and(|last| *last > end);
        (end > slot && more).then(|| self.clock.time_at(end as f64 * self.trace.slot_h))
    }

    /// Begins the account: nothing was used before.
    pub fn begin(&mut self, meter: &Meter) {
        (self.open_h, self.open_j) = (self.clock.hours(), joules(meter));
    }

    /// Books what was used since the last call.
    pub fn book(&mut self, meter: &Meter, ran: bool) {
        let (now_h, now_j) = (self.clock.hours(), joules(meter));
        self.spans.push(Span {
            start_h: self.open_h,
            hours: now_h - self.open_h,
            energy_kwh: self.pue * (now_j - self.open_j).max(0.0) / 3.6e6,
            ran,
        });
        (self.open_h, self.open_j) = (now_h, now_j);
    }

    /// Waits for the next hours to run in, if these are not such; says how long, in real seconds.
    pub fn wait(&mut self, meter: &Meter, terminal: &Terminal) -> f64 {
        let Some(next_h) = self.next_start_h() else { return 0.0 };
        terminal.say(format!(
            "green     waiting for {}; a checkpoint is written",
            duration(self.seconds_to(next_h))
        ));
        let begun = Instant::now();
        let stage = meter.stage("green.wait");
        let until = self.clock.time_at(next_h);
        loop {
            let left = until.duration_since(SystemTime::now()).unwrap_or_default();
            if left.is_zero() || interrupts::asked() {
                break;
            }
            thread::sleep(left.min(LOOK_EVERY));
        }
        drop(stage);
        self.book(meter, false);
        begun.elapsed().as_secs_f64()
    }

    /// What waiting saved so far.
    pub fn saving(&self) -> Saving {
        saving(&self.trace, &self.spans)
    }

    /// In a line.
    pub fn words(&self) -> String {
        let found = self.saving();
        format!(
            "waited {}; by the trace {} ({} of it waiting) instead of {} at once: saved {:.1} % of \
             the carbon of running (attributional)",
            duration(found.waited_h * 3_600.0),
            scaled(found.emitted_g, "gCO2e"),
            scaled(found.waiting_g, "gCO2e"),
            scaled(found.at_once_g, "gCO2e"),
            (10.0 * found.percent()).round() / 10.0 + 0.0, // no minus before a zero
        )
    }

    /// For `green.json`.
    pub fn json(&self) -> Value {
        let found = self.saving();
        json!({
            "trace": self.name,
            "mode": if self.mode == Mode::Shift { "shift" } else { "suspend" },
            "planned": {
                "strategy": self.plan.strategy.word(),
                "pauses": self.plan.pauses,
                "delay_h": self.plan.delay as f64 * self.trace.slot_h,
                "emissions_g": self.plan.emissions_g,
                "emissions_at_once_g": self.now_g,
                "running_w": self.costs.run_w,
                "waiting_w": self.costs.idle_w,
                "resume_j": self.costs.resume_j,
            },
            "waited_h": found.waited_h,
            "emitted_g": found.emitted_g,
            "waiting_g": found.waiting_g,
            "at_once_g": found.at_once_g,
            "saving_percent": found.percent(),
        })
    }
}

/// The job in slots of the trace, from the present one on. A trace that ends too early shortens
/// the window, and a warning says so.
fn place(
    trace: &Trace,
    clock: &TraceClock,
    [expected_s, window_s]: [f64; 2],
    name: &str,
    terminal: &Terminal,
) -> Result<Job, Failure> {
    let now_h = clock.start_h;
    let end_h = trace.g_per_kwh.len() as f64 * trace.slot_h;
    if !(0.0..end_h).contains(&now_h) {
        let first = trace.times.first().map_or("", String::as_str);
        let last = trace.times.last().map_or("", String::as_str);
        return Err(Failure::helped(
            format!("{name} reaches from {first} to {last}, and now is not in it"),
            "give a forecast that holds the present moment (times without a zone are UTC)",
        ));
    }
    let slots = |seconds: f64| trace.slots_of(seconds * clock.speed / 3_600.0);
    let earliest = (now_h / trace.slot_h) as usize;
    let left = trace.g_per_kwh.len() - earliest;
    let job = slots(expected_s).max(1);
    let wanted = trace.slots_of(window_s / 3_600.0);
    if left < job {
        return Err(Failure::helped(
            format!("{name} ends before training would, even if it started now"),
            "give a longer trace, or a shorter --expected-time",
        ));
    }
    let slack = wanted.min(left - job);
    if slack < wanted {
        let hours = slack as f64 * trace.slot_h;
        terminal.warn(format!(
            "{name} ends early: the green window is {} long",
            duration(hours * 3_600.0)
        ));
    }
    Ok(Job { earliest, slots: job, slack })
}

/// Powers as given, or measured: idle, then with all threads busy.
fn costs([given_run, given_idle]: [Option<f64>; 2], pue: f64, meter: &Meter) -> Costs {
    let _stage = meter.stage("green.probe");
    let watts = |work: &dyn Fn()| {
        let (before_j, begun) = (joules(meter), Instant::now());
        work();
        (joules(meter) - before_j).max(0.0) / begun.elapsed().as_secs_f64()
    };
    let idle = || thread::sleep(Duration::from_secs_f64(PROBE_S));
    let busy = || {
        rayon::broadcast(|_| {
            let begun = Instant::now();
            let mut x = 1.0_f64;
            while begun.elapsed().as_secs_f64() < PROBE_S {
                x = std::hint::black_box(x.mul_add(1.000_000_1, 1e-9));
            }
        });
    };
    let idle_w = pue * given_idle.unwrap_or_else(|| watts(&idle));
    // a machine that shows no power while busy still draws some: 1 mW keeps the plan defined
    let run_w = pue * given_run.unwrap_or_else(|| watts(&busy)).max(1e-3);
    Costs { run_w, idle_w, resume_j: RESUME_S * run_w }
}

fn time_of(text: &str, option: &str) -> Result<f64, Failure> {
    parse_duration(text).ok_or_else(|| {
        Failure::helped(format!("{option} {text:?} is no time"), "times are written as 90m or 24h")
    })
}

fn joules(meter: &Meter) -> f64 {
    meter.total().energy_uj as f64 * 1e-6
}
