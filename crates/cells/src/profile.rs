//! Currents over time: as files give them, and random ones to learn from.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

/// Length of random profiles in s, at least; sustained currents last as long as the cell.
const LENGTH_S: f64 = 3600.0;
/// Part of the largest discharge that random profiles charge with.
pub(crate) const CHARGE: f64 = 0.5;
/// Kinds of random profiles.
pub(crate) const KINDS: u64 = 8;

/// A current over time: straight lines between its points, and a jump where a time stands twice.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Profile {
    /// Times in s from 0 on, never falling.
    pub time_s: Vec<f64>,
    /// Currents in A, positive on discharge.
    pub current_a: Vec<f64>,
}

impl Profile {
    /// One current in A for a time in s.
    pub fn constant(current_a: f64, duration_s: f64) -> Self {
        Self { time_s: vec![0.0, duration_s], current_a: vec![current_a; 2] }
    }

    /// Current in A at a time in s; after a jump there, and that of the ends outside.
    pub fn at(&self, time_s: f64) -> f64 {
        self.between(self.time_s.partition_point(|t| *t <= time_s), time_s)
    }

    /// The same, but before a jump.
    pub fn before(&self, time_s: f64) -> f64 {
        self.between(self.time_s.partition_point(|t| *t < time_s), time_s)
    }

    /// Current at a time before the point `after`.
    fn between(&self, after: usize, time_s: f64) -> f64 {
        match (after.checked_sub(1), self.time_s.get(after)) {
            (None, _) => self.current_a.first().copied().unwrap_or(0.0),
            (Some(before), None) => self.current_a[before],
            (Some(before), Some(next)) => {
                let (t, i) = (self.time_s[before], self.current_a[before]);
                i + (time_s - t) / (next - t) * (self.current_a[after] - i)
            }
        }
    }

    /// Lowest and highest current in A.
    pub fn range_a(&self) -> (f64, f64) {
        let ends = (f64::INFINITY, f64::NEG_INFINITY);
        self.current_a.iter().fold(ends, |(low, high), i| (low.min(*i), high.max(*i)))
    }

    /// A random profile for a cell whose current of one hour is `one_a`, and the state of charge at which
    /// it starts: `None` for the initial state of the cell, which half of them have. C-rates lie between `-CHARGE * top` and `top`. By its `number` it is
    /// a sustained discharge or charge, long holds, pulses with rests, or noise as of driving.
    pub fn random(top: f64, one_a: f64, number: u64, random: &mut impl Rng) -> (Self, Option<f64>) {
        let initial = random.random_bool(0.5);
        let anywhere = random.random_range(0.05..1.0);
        let start = (!initial).then_some(anywhere);
        let mut draw = Draw { top, one_a, random, profile: Self::default() };
        match number % KINDS {
            0 | 1 => draw.sustained(),
            2 => {
                let low = 0.8 * anywhere;
                draw.charge(low);
                return (draw.profile, Some(low));
            }
            3 => draw.holds(),
            4 => draw.pulses(),
            5 => draw.mixed(),
            _ => draw.driving(LENGTH_S),
        }
        (draw.profile, start)
    }
}

/// A random profile while it is drawn.
struct Draw<'a, R> {
    top: f64,
    one_a: f64,
    random: &'a mut R,
    profile: Profile,
}

impl<R: Rng> Draw<'_, R> {
    fn now(&self) -> f64 {
        self.profile.time_s.last().copied().unwrap_or(0.0)
    }

    /// A C-rate of discharge: small ones as often as large ones.
    fn rate(&mut self) -> f64 {
        self.top * 20_f64.powf(-self.random.random::<f64>())
    }

    fn normal(&mut self) -> f64 {
        StandardNormal.sample(self.random)
    }

    /// Adds a point; a second one at the same time is a jump.
    fn point(&mut self, time_s: f64, c_rate: f64) {
        let c_rate = c_rate.clamp(-CHARGE * self.top, self.top);
        self.profile.time_s.push(time_s);
        self.profile.current_a.push(c_rate * self.one_a);
    }

    /// Holds a C-rate for a time, after a jump.
    fn hold(&mut self, c_rate: f64, duration_s: f64) {
        let now = self.now();
        self.point(now, c_rate);
        self.point(now + duration_s, c_rate);
    }

    /// One or two currents until the cell is empty, sometimes with a rest between them.
    fn sustained(&mut self) {
        // more of the high ones, which are the difficult ones
        let u: f64 = self.random.random();
        let rate = if self.random.random_bool(0.7) {
            self.top * (0.2 + 0.8 * u)
        } else {
            self.top * 20_f64.powf(-u)
        };
        let whole = 3600.0 * 1.15 / rate;
        if self.random.random_bool(0.6) {
            return self.hold(rate, whole);
        }
        let part: f64 = self.random.random_range(0.1..0.8);
        self.hold(rate, part * whole);
        if self.random.random_bool(0.6) {
            let rest = 60.0 * 60_f64.powf(self.random.random::<f64>());
            self.hold(0.0, rest);
        }
        let second = self.rate();
        self.hold(second, 3600.0 * 1.15 * (1.0 - part) / second);
    }

    /// A charge, a rest, and often a discharge after it.
    fn charge(&mut self, start: f64) {
        let rate = self.rate() * CHARGE;
        let until = self.random.random_range(0.3..1.1);
        self.hold(-rate, 3600.0 * until * (1.05 - start) / rate);
        let rest = 10.0 * 200_f64.powf(self.random.random::<f64>());
        self.hold(0.0, rest);
        let rate = self.rate();
        self.hold(rate, 3600.0 * 1.1 / rate);
    }

    /// Levels that last for minutes, rests and charge among them.
    fn holds(&mut self) {
        while self.now() < LENGTH_S {
            let duration = 30.0 * 40_f64.powf(self.random.random::<f64>());
            let level = match self.random.random_range(0..10) {
                0 | 1 => 0.0,
                2 | 3 => -CHARGE * self.rate(),
                _ => self.rate(),
            };
            self.hold(level, duration);
        }
    }

    /// Pulses of one current with rests between them.
    fn pulses(&mut self) {
        let rate = self.rate();
        let pulse = 5.0 * 100_f64.powf(self.random.random::<f64>());
        let rest = 5.0 * 200_f64.powf(self.random.random::<f64>());
        let base = if self.random.random_bool(0.3) { 0.3 * self.rate() } else { 0.0 };
        while self.now() < LENGTH_S {
            self.hold(rate, pulse);
            self.hold(base, rest);
        }
    }

    /// Driving, then one of the others, or the reverse.
    fn mixed(&mut self) {
        let length = LENGTH_S * self.random.random_range(0.2..0.8);
        if self.random.random_bool(0.5) {
            self.driving(length);
            self.sustained();
        } else {
            let (rate, duration) = (self.rate(), self.random.random_range(200.0..1500.0));
            self.hold(rate, duration);
            self.driving(duration + length);
        }
    }

    /// Levels around a mean with ramps, rests and noise, until a time in s.
    fn driving(&mut self, until_s: f64) {
        let mean = self.top * self.random.random_range(0.05..0.6);
        let spread = self.top * self.random.random_range(0.1..0.5);
        let slow: f64 = 3.0 * 70_f64.powf(self.random.random::<f64>());
        let calm = self.random.random_bool(0.5);
        let noise = if calm { 0.0 } else { self.top * self.random.random_range(0.0..0.2) };
        let mut last = mean;
        while self.now() < until_s {
            let wait = -2.0 * (1.0 - self.random.random::<f64>()).ln();
            let duration = slow * wait.clamp(0.3, 4.0);
            let level = match self.random.random_bool(0.15) {
                true => 0.0,
                false => (mean + spread * self.normal()).clamp(-CHARGE * self.top, self.top),
            };
            let ramps = self.random.random_bool(0.3);
            let parts = if noise > 0.0 { (duration / 5.0).ceil().min(20.0) as usize } else { 1 };
            let start = self.now();
            self.point(start, if ramps { last } else { level });
            for k in 1..=parts {
                let way = k as f64 / parts as f64;
                let value = if ramps { last + way * (level - last) } else { level };
                let value = value + noise * self.normal();
                self.point(start + duration * way, value);
            }
            last = level;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    use super::*;

    #[test]
    fn a_jump_has_two_sides() {
        let profile =
            Profile { time_s: vec![0.0, 10.0, 10.0, 20.0], current_a: vec![1.0, 2.0, 5.0, 5.0] };
        assert_eq!((profile.before(10.0), profile.at(10.0)), (2.0, 5.0));
        assert_eq!((profile.at(5.0), profile.before(5.0)), (1.5, 1.5));
        assert_eq!((profile.at(-1.0), profile.at(99.0)), (1.0, 5.0));
    }

    #[test]
    fn random_profiles_hold_what_users_ask() {
        let mut random = ChaCha8Rng::seed_from_u64(1);
        let all: Vec<(Profile, Option<f64>)> =
            (0..200).map(|k| Profile::random(2.2, 5.0, k, &mut random)).collect();
        for (profile, start) in &all {
            let (low, high) = profile.range_a();
            assert!(low >= -5.5 - 1e-9 && high <= 11.0 + 1e-9, "{low} .. {high} A");
            assert!(start.is_none_or(|s| (0.0..=1.0).contains(&s)));
            assert!(profile.time_s.windows(2).all(|pair| pair[0] <= pair[1]));
        }
        // sustained currents of at least 2C that empty a full cell
        let sustained = |(profile, start): &&(Profile, Option<f64>)| {
            let (low, high) = profile.range_a();
            start.is_none() && low == high && high >= 10.0
        };
        assert!(all.iter().filter(sustained).count() >= 2);
        let charged = |(profile, _): &&(Profile, Option<f64>)| profile.range_a().0 < -2.0;
        assert!(all.iter().filter(charged).count() >= 20);
    }
}
