//! A cumulative hardware counter as a [`Source`], whatever the kernel calls it.

use crate::clock::Moment;
use crate::counter::{Accumulator, CounterTraits};
use crate::counter_file::CounterFault;
use crate::finding::Rejection;
use crate::liveness::{self, Sighting};
use crate::provenance::Provenance;
use crate::source::{Channel, Scope, Source, Uncertainty};

/// Mean power of one counter above which an increment is not believed, W.
const LIMIT_W: f64 = 2_000.0;
/// Time between two updates of a counter, s.
const UPDATE_S: f64 = 1e-3;
/// Two dies whose counters differ by less than this, twice, are one counter, µJ.
pub(crate) const MIRROR_UJ: u64 = 1_000_000;

/// What a counter covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// A processor package, or a die of one.
    Package,
    /// The memory of one socket.
    Memory,
    /// The whole platform as its mainboard meters it; it contains the packages.
    Platform,
}

impl Part {
    /// Relative standard uncertainty of the scale: packages 5 %, memory and platform 10 %.
    fn scale_sigma(self) -> f64 {
        if self == Self::Package { 0.05 } else { 0.10 }
    }

    /// Counters of one family err together.
    fn family(self) -> &'static str {
        match self {
            Self::Package => "rapl",
            Self::Memory => "rapl dram",
            Self::Platform => "rapl psys",
        }
    }

    /// In words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Package => "processor package",
            Self::Memory => "memory of one socket",
            Self::Platform => "the platform as the mainboard meters it, packages included",
        }
    }
}

/// Something that gives the raw number of a counter.
pub(crate) trait RawCounter: Send {
    /// The present number, µJ.
    fn read_uj(&mut self) -> Result<u64, CounterFault>;
}

/// A live counter.
pub(crate) struct CounterSource<C> {
    channel: Channel,
    raw: C,
    counter: Accumulator,
}

impl<C: RawCounter> CounterSource<C> {
    /// A source of `part`; `range_uj` is where the counter starts again at 0, if known.
    pub(crate) fn new(
        name: String,
        how: String,
        part: Part,
        range_uj: Option<u64>,
        raw: C,
    ) -> Self {
        let channel = Channel {
            name,
            provenance: Provenance::Measured,
            how,
            family: part.family().to_owned(),
        };
        let counter = Accumulator::new(CounterTraits {
            range_uj,
            limit_w: LIMIT_W,
            update_s: UPDATE_S,
            scale_sigma: part.scale_sigma(),
        });
        Self { channel, raw, counter }
    }
}

impl<C: RawCounter> Source for CounterSource<C> {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn read(&mut self, now: Moment) -> u64 {
        self.counter.take(self.raw.read_uj().ok(), now)
    }

    fn uncertainty(&self) -> Uncertainty {
        self.counter.uncertainty()
    }

    fn trouble(&self) -> Option<String> {
        self.counter.trouble()
    }
}

/// What a search through one interface of the kernel gave.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) packages: Vec<Box<dyn Source>>,
    pub(crate) drams: Vec<Box<dyn Source>>,
    /// Looked for only where no package counter lives.
    pub(crate) platforms: Vec<Box<dyn Source>>,
    pub(crate) rejected: Vec<Rejection>,
    /// Why there is nothing at all, if so.
    pub(crate) absent: Option<String>,
    /// Package counters that exist, live or not.
    pub(crate) packages_listed: usize,
}

/// A counter that can be read, before and after the proof of life.
pub(crate) struct Candidate<T, C> {
    /// What the interface knows of it.
    pub(crate) what: T,
    pub(crate) raw: C,
    pub(crate) seen: Sighting,
}

/// Keeps the counters that move under `load`; the others are rejected by name.
pub(crate) fn living<T, C: RawCounter>(
    open: Vec<(T, C)>,
    load: &mut dyn FnMut(),
    label: impl Fn(&T) -> String,
    rejected: &mut Vec<Rejection>,
) -> Vec<Candidate<T, C>> {
    let (whats, mut raws): (Vec<_>, Vec<_>) = open.into_iter().unzip();
    let sightings = liveness::watch(&mut raws, |raw| raw.read_uj().ok(), load);
    let mut alive = Vec::new();
    for ((what, raw), seen) in whats.into_iter().zip(raws).zip(sightings) {
        if seen.moved() {
            alive.push(Candidate { what, raw, seen });
            continue;
        }
        let why = match (seen.before, seen.after) {
            (Some(uj), Some(_)) => {
                let window = liveness::STEP * liveness::STEPS;
                format!("the counter is dead: it stayed at {uj} uJ through {window:?} of load")
            }
            _ => "it vanished or became unreadable while it was watched".to_owned(),
        };
        rejected.push(Rejection::missing(label(&what), why));
    }
    alive
}

/// Whether two counters showed the same numbers at both readings.
pub(crate) fn same_numbers(a: Sighting, b: Sighting) -> bool {
    let close = |x: Option<u64>, y: Option<u64>| match (x, y) {
        (Some(x), Some(y)) => x.abs_diff(y) <= MIRROR_UJ,
        _ => false,
    };
    close(a.before, b.before) && close(a.after, b.after)
}
