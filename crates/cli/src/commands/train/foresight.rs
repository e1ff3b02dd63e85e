//! What training will have taken at its end, worked out while it runs.
//!
//! Each stage of optimisers is forecast by itself (see `surrogate_meter::forecast`), for as many
//! iterations as its components may still do in it; a stage that has not begun costs per
//! iteration what the present one does, within a factor of two. The ends of the intervals add up
//! linearly, as the pace of the machine is common to all stages. A limit on time, energy or carbon
//! that comes first cuts the forecast. Training that converges early takes less.

use std::collections::BTreeMap;

use surrogate_engine::Event;
use surrogate_meter::footprint::CarbonRate;
use surrogate_meter::{Forecast, Progress, forecast};
use surrogate_run::schema::{Expectation, ForecastLine};

use super::Limits;
use crate::footprint::scaled;
use crate::progress::duration;

/// Share of a stage, or of the time limit, that must be seen first.
const SEEN: f64 = 0.05;
/// Shares between two recorded forecasts.
const RECORD_EVERY: f64 = 0.05;
/// Moments kept of a stage; beyond that every second one is dropped.
const MOMENTS: usize = 80;
/// Seconds between two moments at first.
const FIRST_EVERY_S: f64 = 0.1;
/// Uncertainty of a stage that has not begun, as a factor.
const UNSEEN: f64 = 2.0;

/// A moment of a stage: iterations, energy and time since its start.
#[derive(Debug, Clone, Copy, Default)]
struct Moment {
    steps: f64,
    joules: f64,
    seconds: f64,
}

/// Where a component stands.
#[derive(Debug, Clone, Copy)]
struct Place {
    stage: usize,
    in_stage: usize,
    iteration: usize,
    ended: bool,
}

/// Forecasts from events.
pub struct Foresight {
    /// Iterations of each stage, for one component.
    planned: Vec<usize>,
    /// Components that train.
    components: usize,
    places: BTreeMap<usize, Place>,
    /// Moments of each stage, the first of which is its start.
    stages: Vec<Vec<Moment>>,
    /// Sums of each stage up to the last moment.
    sums: Vec<Moment>,
    last: Option<Moment>,
    /// Iterations since the last reading, by stage.
    unread: Vec<usize>,
    every_s: f64,
    /// Stage and share of the last line recorded.
    recorded: (String, f64),
    expected: Option<ForecastLine>,
}

impl Foresight {
    /// Before the first event of `components` that train in stages of `planned` iterations.
    pub fn new(planned: Vec<usize>, components: usize) -> Self {
        let count = planned.len();
        Self {
            planned,
            components,
            places: BTreeMap::new(),
            stages: vec![vec![Moment::default()]; count],
            sums: vec![Moment::default(); count],
            last: None,
            unread: vec![0; count],
            every_s: FIRST_EVERY_S,
            recorded: (String::new(), 0.0),
            expected: None,
        }
    }

    /// Takes in an event; true once it is time to look at the meter again.
    pub fn is_due(&mut self, event: &Event, seconds: f64) -> bool {
        let before: usize = self.planned.iter().take(event.stage_index).sum();
        let place = self.places.entry(event.component).or_insert(Place {
            stage: event.stage_index,
            in_stage: event.iteration.saturating_sub(before),
            iteration: event.iteration,
            ended: false,
        });
        let steps = event.iteration - place.iteration;
        place.in_stage =
            if place.stage == event.stage_index { place.in_stage + steps } else { steps };
        (place.stage, place.iteration) = (event.stage_index, event.iteration);
        place.ended = event.ended.is_some();
        if let Some(unread) = self.unread.get_mut(event.stage_index) {
            *unread += steps;
        }
        self.last.is_none_or(|last| seconds - last.seconds >= self.every_s)
    }

    /// A reading of the meter: energy and time since the start of training.
    pub fn look(
        &mut self,
        event: &Event,
        joules: f64,
        seconds: f64,
        rate: CarbonRate,
        limits: &Limits,
    ) {
        let now = Moment { steps: 0.0, joules, seconds };
        let unread: Vec<usize> = self.unread.iter_mut().map(std::mem::take).collect();
        let Some(before) = self.last.replace(now) else {
            return; // iterations before the first reading have no known cost
        };
        for (sum, steps) in self.sums.iter_mut().zip(unread) {
            sum.steps += steps as f64;
        }
        let Some(sum) = self.sums.get_mut(event.stage_index) else { return };
        sum.joules += (joules - before.joules).max(0.0);
        sum.seconds += (seconds - before.seconds).max(0.0);
        let moments = &mut self.stages[event.stage_index];
        moments.push(*sum);
        if moments.len() > MOMENTS {
            let mut kept = 0;
            moments.retain(|_| {
                kept += 1;
                kept % 2 == 1
            });
            self.every_s *= 2.0;
        }
        self.expected = self.expect(event, now, rate, limits);
    }

    /// What was used since the last reading is not training's: the next reading begins anew.
    pub fn skip(&mut self) {
        self.last = None;
    }

    /// The forecast in words, if there is one.
    pub fn words(&self) -> Option<String> {
        let line = self.expected.as_ref()?;
        let joules = |j: f64| scaled(j, "J");
        let (energy, time) = (&line.energy_j, &line.seconds);
        Some(format!(
            "{} ({} to {}), {}, {} in all",
            joules(energy.value),
            joules(energy.low),
            joules(energy.high),
            scaled(line.carbon_g.value, "gCO2e"),
            duration(time.value)
        ))
    }

    /// The forecast for the record, each time a further twentieth of a stage is done.
    pub fn record(&mut self) -> Option<&ForecastLine> {
        let line = self.expected.as_ref()?;
        let (stage, share) = &self.recorded;
        if *stage == line.stage && line.share < share + RECORD_EVERY {
            return None;
        }
        self.recorded = (line.stage.clone(), line.share);
        self.expected.as_ref()
    }

    /// Iterations that a stage may still take, over all components.
    fn to_come(&self, stage: usize) -> f64 {
        let planned = self.planned[stage];
        let known = self.places.values().map(|place| match place.stage.cmp(&stage) {
            _ if place.ended => 0,
            std::cmp::Ordering::Less => planned,
            std::cmp::Ordering::Equal => planned.saturating_sub(place.in_stage),
            std::cmp::Ordering::Greater => 0,
        });
        let unseen = self.components.saturating_sub(self.places.len());
        (known.sum::<usize>() + unseen * planned) as f64
    }

    fn expect(
        &self,
        event: &Event,
        now: Moment,
        rate: CarbonRate,
        limits: &Limits,
    ) -> Option<ForecastLine> {
        let stage = event.stage_index;
        let all = (self.planned[stage] * self.components) as f64;
        let of_stage = if all > 0.0 { 1.0 - self.to_come(stage) / all } else { 1.0 };
        let of_limits = reached(now, rate, limits).into_iter().fold(0.0, f64::max);
        let share = of_stage.max(of_limits);
        if share < SEEN {
            return None;
        }
        let energy = self.whole(stage, now.joules, |m| m.joules)?;
        let time = self.whole(stage, now.seconds, |m| m.seconds)?;
        let (energy, time, bound) = cut(energy, time, now, rate, limits);
        let carbon = Forecast {
            value: rate.grams(energy.value, time.value),
            low: rate.grams(energy.low, time.low),
            high: rate.grams(energy.high, time.high),
        };
        Some(ForecastLine {
            time_s: now.seconds,
            step: event.total as u64,
            stage: event.stage.to_string(),
            share,
            bound: bound.to_string(),
            used_j: now.joules,
            energy_j: expectation(energy),
            carbon_g: expectation(carbon),
            seconds: expectation(time),
        })
    }

    /// What all stages together will have used, where `used` is so far.
    fn whole(&self, present: usize, used: f64, of: fn(&Moment) -> f64) -> Option<Forecast> {
        let progress = |m: &Moment| Progress { steps: m.steps, used: of(m) };
        let seen = self.sums[present];
        let mean = of(&seen) / seen.steps;
        let mut sum = Forecast { value: used, low: used, high: used };
        for stage in 0..self.planned.len() {
            let steps = self.to_come(stage);
            if steps == 0.0 {
                continue;
            }
            let moments: Vec<Progress> = self.stages[stage].iter().map(progress).collect();
            let so_far = self.sums[stage];
            let found = forecast(&moments, so_far.steps + steps).map(|f| {
                let past = moments.last().map_or(0.0, |m| m.used);
                Forecast { value: f.value - past, low: f.low - past, high: f.high - past }
            });
            let rest = match found {
                Ok(rest) => rest,
                Err(_) if stage == present => return None,
                Err(_) => {
                    let value = mean * steps;
                    Forecast { value, low: value / UNSEEN, high: value * UNSEEN }
                }
            };
            sum.value += rest.value;
            sum.low += rest.low;
            sum.high += rest.high;
        }
        sum.value.is_finite().then_some(sum)
    }
}

/// Shares of the limits that are used.
fn reached(now: Moment, rate: CarbonRate, limits: &Limits) -> [f64; 3] {
    let of = |used: f64, limit: Option<f64>| limit.map_or(0.0, |limit| used / limit);
    [
        of(now.seconds, limits.time_s),
        of(now.joules, limits.energy_j),
        of(rate.grams(now.joules, now.seconds), limits.carbon_g),
    ]
}

/// Cuts a forecast where the first limit is expected to be reached; the last word names it.
fn cut(
    energy: Forecast,
    time: Forecast,
    now: Moment,
    rate: CarbonRate,
    limits: &Limits,
) -> (Forecast, Forecast, &'static str) {
    let grams = |joules, seconds| rate.grams(joules, seconds);
    let (now_g, end_g) = (grams(now.joules, now.seconds), grams(energy.value, time.value));
    let part = |now: f64, end: f64, limit: Option<f64>| {
        limit
            .filter(|limit| *limit < end)
            .map_or(1.0, |limit| ((limit - now) / (end - now)).max(0.0))
    };
    let (share, bound) = [
        (part(now.seconds, time.value, limits.time_s), "time limit"),
        (part(now.joules, energy.value, limits.energy_j), "energy limit"),
        (part(now_g, end_g, limits.carbon_g), "carbon limit"),
    ]
    .into_iter()
    .fold((1.0, "all iterations"), |first, other| if other.0 < first.0 { other } else { first });
    let up_to = |end: Forecast, now: f64, limit: Option<f64>| {
        let at = |x: f64| (now + share * (x - now)).min(limit.unwrap_or(f64::INFINITY).max(now));
        Forecast { value: at(end.value), low: at(end.low), high: at(end.high) }
    };
    let energy = up_to(energy, now.joules, limits.energy_j);
    (energy, up_to(time, now.seconds, limits.time_s), bound)
}

fn expectation(f: Forecast) -> Expectation {
    Expectation { value: f.value, low: f.low, high: f.high }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: CarbonRate = CarbonRate { g_per_j: 0.01, g_per_s: 0.0 };

    fn event(component: usize, stage_index: usize, iteration: usize) -> Event {
        Event {
            component,
            fields: Vec::new(),
            stage: "adam",
            stage_index,
            iteration,
            total: iteration,
            loss: 1.0,
            held_out: None,
            rows: Vec::new(),
            cuts: 0,
            ended: None,
        }
    }

    fn no_limits() -> Limits {
        Limits { time_s: None, energy_j: None, carbon_g: None, stages_s: Vec::new() }
    }

    /// 25 iterations at a time, each 1 J and 0.05 s, after 100 J and 3 s of preparation.
    fn run(foresight: &mut Foresight, stage: usize, iterations: usize, limits: &Limits) {
        for done in (0..=iterations).step_by(25) {
            let (joules, seconds) = (100.0 + done as f64, 3.0 + 0.05 * done as f64);
            if foresight.is_due(&event(0, stage, done), seconds) {
                foresight.look(&event(0, stage, done), joules, seconds, RATE, limits);
            }
        }
    }

    #[test]
    fn nothing_is_said_before_a_twentieth_is_done() {
        let mut foresight = Foresight::new(vec![10_000], 1);
        run(&mut foresight, 0, 475, &no_limits());
        assert!(foresight.words().is_none());
        run(&mut foresight, 0, 525, &no_limits());
        assert!(foresight.words().is_some());
    }

    #[test]
    fn a_steady_stage_is_forecast_with_what_came_before_it() {
        let mut foresight = Foresight::new(vec![10_000], 1);
        run(&mut foresight, 0, 1_000, &no_limits());
        let line = foresight.expected.unwrap();
        assert!((line.energy_j.value - 10_100.0).abs() < 1.0, "{line:?}");
        assert!((line.seconds.value - 503.0).abs() < 0.1, "{line:?}");
        assert!((line.carbon_g.value - 101.0).abs() < 0.1);
        assert!(line.energy_j.low < 10_100.0 && line.energy_j.high > 10_100.0);
        assert_eq!(line.bound, "all iterations");
    }

    #[test]
    fn a_limit_that_comes_first_cuts_the_forecast() {
        for (limits, bound, joules, seconds) in [
            (Limits { time_s: Some(103.0), ..no_limits() }, "time limit", 2_100.0, 103.0),
            (Limits { energy_j: Some(1_600.0), ..no_limits() }, "energy limit", 1_600.0, 78.0),
            (Limits { carbon_g: Some(11.0), ..no_limits() }, "carbon limit", 1_100.0, 53.0),
        ] {
            let mut foresight = Foresight::new(vec![10_000], 1);
            run(&mut foresight, 0, 700, &limits);
            let line = foresight.expected.unwrap();
            assert_eq!(line.bound, bound);
            assert!((line.energy_j.value / joules - 1.0).abs() < 1e-3, "{line:?}");
            assert!((line.seconds.value / seconds - 1.0).abs() < 1e-3, "{line:?}");
        }
    }

    #[test]
    fn stages_and_components_to_come_are_counted_within_a_factor_of_two() {
        let mut foresight = Foresight::new(vec![1_000, 500], 2);
        run(&mut foresight, 0, 1_000, &no_limits());
        let line = foresight.expected.unwrap();
        // 100 J before, 1000 + 1000 iterations of the first stage, 500 + 500 of the second
        assert!((line.energy_j.value - 3_100.0).abs() < 1.0, "{line:?}");
        assert!(line.energy_j.low < 2_600.0 && line.energy_j.high > 4_100.0, "{line:?}");
    }

    #[test]
    fn a_component_that_has_ended_needs_nothing_more() {
        let mut foresight = Foresight::new(vec![1_000], 1);
        run(&mut foresight, 0, 500, &no_limits());
        let end = Event { ended: Some(surrogate_engine::Ending::Target), ..event(0, 0, 525) };
        foresight.is_due(&end, 40.0);
        foresight.look(&end, 700.0, 40.0, RATE, &no_limits());
        let line = foresight.expected.unwrap();
        assert_eq!((line.energy_j.value, line.energy_j.high, line.share), (700.0, 700.0, 1.0));
    }

    #[test]
    fn a_pause_is_no_part_of_the_pace() {
        let mut foresight = Foresight::new(vec![10_000], 1);
        run(&mut foresight, 0, 1_000, &no_limits());
        let before = foresight.expected.clone().unwrap();
        foresight.skip();
        let mut at = |done: usize, joules: f64, seconds: f64| {
            if foresight.is_due(&event(0, 0, done), seconds) {
                foresight.look(&event(0, 0, done), joules, seconds, RATE, &no_limits());
            }
            foresight.expected.clone().unwrap()
        };
        at(1_000, 6_100.0, 53.0); // 5000 J of waiting
        let after = at(1_025, 6_125.0, 54.25);
        let paid = after.energy_j.value - before.energy_j.value;
        assert!((paid - 5_000.0).abs() < 10.0, "{after:?}");
    }

    #[test]
    fn one_line_is_recorded_for_each_further_twentieth_and_moments_stay_few() {
        let mut foresight = Foresight::new(vec![20_000], 1);
        let (mut lines, limits) = (0, no_limits());
        for done in (0..=20_000).step_by(25) {
            let seconds = 0.2 * done as f64;
            if foresight.is_due(&event(0, 0, done), seconds) {
                foresight.look(&event(0, 0, done), done as f64, seconds, RATE, &limits);
            }
            lines += usize::from(foresight.record().is_some());
        }
        assert!((10..=20).contains(&lines), "{lines}");
        assert!(foresight.stages[0].len() <= MOMENTS);
    }
}
