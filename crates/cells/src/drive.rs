//! Any current: a surrogate that carries the state of the cell.
//!
//! One particle for each electrode is followed exactly through any current that is linear between given
//! times (in shells where the diffusivity depends on stoichiometry), so that SPM needs no network at all. What P2D adds (uneven reaction, the electrolyte) is a
//! network of the present state: the current, the particle, a few relaxations of the current with the
//! time constants of the electrolyte, and how far the front of the electrode runs ahead of its back. It
//! has no memory of its own, and no profile that it was trained on.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use surrogate_battery::solve::{
    Control, Model, Options, Parameter, ProtocolStep, Solution, simulate,
};

use crate::CellsError;
use crate::followed::{Follower, Looks, Particle};
use crate::half::{Frame, Half};
use crate::lesson::{DriveNetwork, places_count};
use crate::particle::averages;
use crate::problem::{CellProblem, Quantity};
use crate::profile::{CHARGE, Profile};
use crate::surrogate::halves;
use crate::training::Array;

/// Time constants of the relaxations, in those of the electrolyte.
const RELAXATIONS: [f64; 5] = [0.15, 0.6, 2.0, 8.0, 40.0];
/// Features of an electrode at a time.
pub(crate) const FEATURES: usize = 8 + RELAXATIONS.len();
/// Longest step in s in which the state is advanced, and after which a curve is looked at.
const LONGEST_S: f64 = 10.0;
/// Scale of the unevenness in features.
const UNEVEN: f64 = 5.0;
/// Largest C-rate of random profiles where the box names none.
const TOP: f64 = 2.2;

/// A surrogate for any current, for a cell over its box.
#[derive(Debug, Clone)]
pub struct DriveSurrogate {
    pub(crate) problem: CellProblem,
    halves: [Half; 2],
    followers: [Follower; 2],
    /// Networks of both electrodes with shift and scale; none for single particles.
    networks: Option<[DriveNetwork; 2]>,
}

/// Voltages under a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Driven {
    /// At the times asked for, V; not a number after the end.
    pub voltage_v: Vec<f64>,
    /// The first cut-off that is reached, if one is.
    pub end: Option<CutOff>,
}

/// Where a cut-off is reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CutOff {
    /// Time in s.
    pub time_s: f64,
    /// Whether it is the upper one, on charge.
    pub upper: bool,
}

/// The state of the cell at a time.
#[derive(Debug, Clone)]
struct State {
    particles: [Particle; 2],
    /// Relaxations of the C-rate.
    relaxed: [f64; RELAXATIONS.len()],
    /// How far the fronts of the electrodes run ahead, stoichiometry.
    uneven: [f64; 2],
}

/// What a network is told of an electrode, and the potential of its particle in V.
pub(crate) type Seen = ([f64; FEATURES], f64);

/// A way through a profile.
#[derive(Clone)]
pub(crate) struct Walk<'a> {
    surrogate: &'a DriveSurrogate,
    profile: &'a Profile,
    frames: [Frame<f64>; 2],
    state: State,
    now: f64,
    /// Next point of the profile.
    next: usize,
}

/// A place on the way: a time, and whether a jump there is still to come.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Look {
    pub(crate) time: f64,
    pub(crate) before: bool,
}

impl Walk<'_> {
    /// Goes on to a later place, and says what is seen of both electrodes there.
    pub(crate) fn to(&mut self, look: Look) -> [Seen; 2] {
        let one = self.surrogate.problem.cell.nominal_capacity_a_h;
        let times = &self.profile.time_s;
        while self.now < look.time {
            while times.get(self.next).is_some_and(|knot| *knot <= self.now) {
                self.next += 1;
            }
            let knot = times.get(self.next).copied().unwrap_or(f64::INFINITY);
            let to = knot.min(look.time).min(self.now + LONGEST_S);
            let rates = [self.profile.at(self.now) / one, self.profile.before(to) / one];
            self.surrogate.advance(&self.frames, &mut self.state, to - self.now, rates);
            self.now = to;
        }
        let rate = self.rate(look);
        [0, 1].map(|e| self.surrogate.look(e, &self.frames[e], &self.state, rate))
    }

    fn rate(&self, look: Look) -> f64 {
        let current =
            if look.before { self.profile.before(look.time) } else { self.profile.at(look.time) };
        current / self.surrogate.problem.cell.nominal_capacity_a_h
    }
}

impl DriveSurrogate {
    /// Without networks: exact for SPM with constant diffusivities.
    pub fn single_particles(problem: CellProblem) -> Self {
        let halves = halves(&problem);
        let followers = halves.each_ref().map(Follower::of);
        Self { halves, followers, problem, networks: None }
    }

    pub(crate) fn with_networks(problem: CellProblem, networks: [DriveNetwork; 2]) -> Self {
        Self { networks: Some(networks), ..Self::single_particles(problem) }
    }

    /// Whether one exact particle for each electrode is all of the model.
    pub(crate) fn exact(&self) -> bool {
        self.problem.model == Model::Spm && self.halves.iter().all(Half::constant)
    }

    /// C-rates of the profiles that it learns from; without end where nothing is learned.
    pub fn c_rates(&self) -> (f64, f64) {
        if self.exact() {
            return (f64::NEG_INFINITY, f64::INFINITY);
        }
        let top = self.top();
        (-CHARGE * top, top)
    }

    /// Current of one C, A.
    pub fn nominal_a(&self) -> f64 {
        self.problem.cell.nominal_capacity_a_h
    }

    /// Lower and upper cut-off, V.
    pub fn cut_offs_v(&self) -> [f64; 2] {
        [self.problem.cell.lower_cutoff_v, self.problem.cell.upper_cutoff_v]
    }

    pub(crate) fn top(&self) -> f64 {
        let axis = self.problem.axes.iter().find(|axis| axis.quantity == Quantity::CRate);
        axis.map_or(TOP, |axis| axis.upper)
    }

    /// Stoichiometries of the initial state of the cell, negative first.
    pub fn initial(&self) -> [f64; 2] {
        self.halves.each_ref().map(Half::start)
    }

    /// Those of a state of charge.
    pub fn at_state_of_charge(&self, state_of_charge: f64) -> [f64; 2] {
        let cell = &self.problem.cell;
        [&cell.negative, &cell.positive].map(|e| e.stoichiometry_at(state_of_charge))
    }

    /// A random profile at a random point of the box, and where it starts.
    pub fn random(&self, seed: u64, number: u64) -> (Vec<f64>, Profile, [f64; 2]) {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(100 + number);
        let point = self.problem.axes.iter().map(|axis| axis.at(random.random())).collect();
        let one = self.problem.cell.nominal_capacity_a_h;
        let (profile, charge) = Profile::random(self.top(), one, number, &mut random);
        (point, profile, charge.map_or(self.initial(), |soc| self.at_state_of_charge(soc)))
    }

    /// The reference solution under a profile from stoichiometries of both electrodes, down to the lower
    /// cut-off on discharge or up to the upper one on charge.
    ///
    /// # Errors
    /// What the solver says.
    pub fn solve(
        &self,
        point: &[f64],
        profile: &Profile,
        start: [f64; 2],
    ) -> Result<Solution, CellsError> {
        let mut cell = self.problem.cell.clone();
        [cell.initial.stoichiometry_n, cell.initial.stoichiometry_p] = start;
        let control = Control::Profile {
            time_s: profile.time_s.clone(),
            current_a: profile.current_a.clone(),
        };
        let step = ProtocolStep {
            lower_v: Some(cell.lower_cutoff_v),
            upper_v: Some(cell.upper_cutoff_v),
            ..ProtocolStep::new(control)
        };
        let (_, multipliers) = self.problem.conditions(point);
        let options = Options { multipliers, ..self.problem.options.clone() };
        Ok(simulate(&cell, self.problem.model, &[step], &options)?)
    }

    /// Places on the axes that do not vary the current.
    pub(crate) fn places(&self, point: &[f64]) -> Vec<f64> {
        let places = self.problem.places(point);
        let axes = self.problem.axes.iter().zip(places);
        axes.filter(|(axis, _)| axis.quantity != Quantity::CRate).map(|(_, place)| place).collect()
    }

    pub(crate) fn walk<'a>(
        &'a self,
        point: &[f64],
        profile: &'a Profile,
        start: [f64; 2],
    ) -> Walk<'a> {
        let mut factors = self.problem.factors::<f64>(point);
        // frames are those of 1C, whatever the point says of the current
        factors[Parameter::Current as usize] = 1.0;
        Walk {
            surrogate: self,
            profile,
            frames: self.halves.each_ref().map(|half| half.frame(&factors)),
            state: State {
                particles: [0, 1].map(|e| self.followers[e].at_rest(start[e])),
                relaxed: [0.0; RELAXATIONS.len()],
                uneven: [0.0; 2],
            },
            now: 0.0,
            next: 0,
        }
    }

    fn advance(&self, frames: &[Frame<f64>; 2], state: &mut State, dt: f64, c_rate: [f64; 2]) {
        let middle = 0.5 * (c_rate[0] + c_rate[1]);
        for (e, frame) in frames.iter().enumerate() {
            let (follower, particle) = (&self.followers[e], &mut state.particles[e]);
            let mean = follower.look(particle).mean;
            let (pace, push) = self.halves[e].unevenness(frame, mean, middle);
            let [decay, all, _] = averages(dt * pace);
            state.uneven[e] = decay * state.uneven[e] + dt * push * all;
            let flux = c_rate.map(|c| c * frame.size);
            follower.advance(particle, frame.rate, dt, flux);
        }
        for (relaxed, slower) in state.relaxed.iter_mut().zip(RELAXATIONS) {
            let z = dt * frames[0].relaxation / slower;
            let [decay, all, late] = averages(z);
            *relaxed = decay * *relaxed + z * ((all - late) * c_rate[0] + late * c_rate[1]);
        }
    }

    fn look(&self, e: usize, frame: &Frame<f64>, state: &State, c_rate: f64) -> Seen {
        let Looks { mean, surface, slowest } = self.followers[e].look(&state.particles[e]);
        let (potential, [held, room]) = self.halves[e].under(frame, surface, c_rate);
        let size = frame.size.abs().max(1e-3);
        let mut features = [0.0; FEATURES];
        features[..8].copy_from_slice(&[
            c_rate,
            4.0 * (mean - 0.5),
            4.0 * (surface - 0.5),
            0.15 * held + 1.0,
            0.15 * room + 1.0,
            2.0 * (surface - mean) / size,
            10.0 * slowest / size,
            UNEVEN * state.uneven[e],
        ]);
        features[8..].copy_from_slice(&state.relaxed);
        (features, potential)
    }

    /// Voltages under a profile from stoichiometries of both electrodes, at times in s that never fall
    /// (where one stands twice, before and after a jump). The C-rate of the point has no effect.
    pub fn voltages(
        &self,
        point: &[f64],
        profile: &Profile,
        start: [f64; 2],
        times: &[f64],
    ) -> Driven {
        let (looks, asked) = looks(profile, times);
        let mut walk = self.walk(point, profile, start);
        let before_all = walk.clone();
        let seen: Vec<[Seen; 2]> = looks.iter().map(|look| walk.to(*look)).collect();
        let places = self.places(point);
        let voltages = self.voltages_of(&places, &seen);
        let over = |(k, look): (usize, &Look)| self.over(voltages[k], walk.rate(*look));
        let first = looks.iter().enumerate().position(over);
        let end = first.map(|k| {
            let upper = walk.rate(looks[k]) < 0.0;
            let from = k.checked_sub(1).map_or(looks[0], |k| looks[k]);
            let mut walk = before_all;
            walk.to(from);
            CutOff { time_s: self.narrowed(walk, &places, from, looks[k]), upper }
        });
        let last = first.unwrap_or(looks.len());
        let at = |k: &usize| if *k < last { voltages[*k] } else { f64::NAN };
        Driven { voltage_v: asked.iter().map(at).collect(), end }
    }

    /// Whether a voltage is beyond the cut-off towards which a current drives it.
    fn over(&self, voltage: f64, c_rate: f64) -> bool {
        let cell = &self.problem.cell;
        voltage.is_nan()
            || (c_rate > 0.0 && voltage <= cell.lower_cutoff_v)
            || (c_rate < 0.0 && voltage >= cell.upper_cutoff_v)
    }

    /// Time in s of the cut-off between two places, from a walk to the first.
    fn narrowed(&self, mut walk: Walk, places: &[f64], from: Look, to: Look) -> f64 {
        const PLACES: usize = 16;
        let (mut low, mut high) = (from.time, to.time);
        while high - low > 1e-9 * high {
            let mut ahead = walk.clone();
            let part = |k: usize| low + (high - low) * (k + 1) as f64 / (PLACES + 1) as f64;
            let looks: Vec<Look> =
                (0..PLACES).map(|k| Look { time: part(k), before: true }).collect();
            let seen: Vec<[Seen; 2]> = looks.iter().map(|look| ahead.to(*look)).collect();
            let voltages = self.voltages_of(places, &seen);
            let over = |(v, look): (&f64, &Look)| self.over(*v, walk.rate(*look));
            match voltages.iter().zip(&looks).position(over) {
                None => low = looks[PLACES - 1].time,
                Some(k) => {
                    high = looks[k].time;
                    low = k.checked_sub(1).map_or(low, |k| looks[k].time);
                }
            }
            walk.to(Look { time: low, before: true });
        }
        0.5 * (low + high)
    }

    fn voltages_of(&self, places: &[f64], seen: &[[Seen; 2]]) -> Vec<f64> {
        let mut out: Vec<f64> = seen.iter().map(|[n, p]| p.1 - n.1).collect();
        for (e, network) in self.networks.iter().flatten().enumerate() {
            let sign = if e == 0 { -1.0 } else { 1.0 };
            let added = network.added(places, seen.iter().map(|s| &s[e].0));
            out.iter_mut().zip(added).for_each(|(v, a)| *v += sign * a);
        }
        out
    }

    /// Its weights, as named arrays.
    pub fn arrays(&self) -> Vec<Array> {
        let networks = self.networks.iter().flatten().enumerate();
        networks.flat_map(|(e, n)| n.arrays(&format!("drive {e}"))).collect()
    }

    /// The surrogate of a problem from its weights; `None` where there are none, unless the model needs
    /// none.
    pub fn from_arrays(problem: CellProblem, arrays: &[Array]) -> Option<Self> {
        let out = Self::single_particles(problem);
        if out.exact() {
            return Some(out);
        }
        let places = places_count(&out.problem);
        let read = |e: usize| DriveNetwork::read(places, &format!("drive {e}"), arrays);
        let networks = [read(0)?, read(1)?];
        Some(Self { networks: Some(networks), ..out })
    }
}

/// Places at which a curve is looked at: times asked for, both sides of all points of the profile, and
/// steps between them; and which of them were asked for.
fn looks(profile: &Profile, times: &[f64]) -> (Vec<Look>, Vec<usize>) {
    let (mut looks, mut asked): (Vec<Look>, Vec<usize>) = (vec![], vec![]);
    let length = times.last().copied().unwrap_or(0.0);
    let mut knots = profile.time_s.iter().copied().take_while(|t| *t <= length).peekable();
    let mut now = 0.0;
    let go = |looks: &mut Vec<Look>, now: &mut f64, to: f64| {
        while to - *now > LONGEST_S {
            *now += LONGEST_S;
            looks.push(Look { time: *now, before: true });
        }
        *now = to;
    };
    for (k, &time) in times.iter().enumerate() {
        while let Some(knot) = knots.next_if(|knot| *knot < time) {
            go(&mut looks, &mut now, knot);
            looks.push(Look { time: knot, before: true });
            looks.push(Look { time: knot, before: false });
        }
        go(&mut looks, &mut now, time);
        let before = times.get(k + 1) == Some(&time);
        asked.push(looks.len());
        looks.push(Look { time, before });
    }
    (looks, asked)
}
