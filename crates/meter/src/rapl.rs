//! Processor and memory energy counters through the kernel's powercap tree (Intel RAPL, AMD).
//!
//! Counted: every live `package-*` and every live `dram`. Not counted: `core` and `uncore` (parts
//! of a package), `psys` (contains the packages), a second reader of one zone (`mmio`), and dies
//! that mirror one socket's counter (AMD).
//!
//! The scale's one sigma is taken as 5 % for packages and 10 % for memory; the counters are
//! refreshed about every millisecond.

use std::path::Path;

use crate::clock::Moment;
use crate::counter::{Accumulator, CounterTraits};
use crate::counter_file::{CounterFault, CounterFile, number_in};
use crate::finding::Rejection;
use crate::liveness::{self, Sighting};
use crate::provenance::Provenance;
use crate::rapl_zones::{self, Domain, Zone};
use crate::source::{Channel, Source, Uncertainty};

/// Mean power of one zone above which an increment is not believed, W.
const LIMIT_W: f64 = 2_000.0;
/// Time between two updates of a counter, s.
const UPDATE_S: f64 = 1e-3;
/// Two dies whose counters differ by less than this, twice, are one counter, µJ.
const MIRROR_UJ: u64 = 1_000_000;

/// One powercap zone.
#[derive(Debug)]
pub(crate) struct RaplSource {
    channel: Channel,
    file: CounterFile,
    counter: Accumulator,
}

impl RaplSource {
    fn new(zone: &Zone, file: CounterFile) -> Self {
        let (scale_sigma, what) = match zone.domain {
            Domain::Dram(_) => (0.10, "memory of one socket"),
            _ => (0.05, "processor package"),
        };
        let range_uj = number_in(&zone.dir.join("max_energy_range_uj")).filter(|&uj| uj > 0);
        let wrap = if range_uj.is_some() { "" } else { "; its range is unknown" };
        Self {
            channel: Channel {
                name: zone.channel_name(),
                provenance: Provenance::Measured,
                how: format!(
                    "powercap counter {} ({}): {what}, all processes on it{wrap}",
                    zone.id, zone.name
                ),
                family: if matches!(zone.domain, Domain::Dram(_)) { "rapl dram" } else { "rapl" }
                    .to_owned(),
            },
            file,
            counter: Accumulator::new(CounterTraits {
                range_uj,
                limit_w: LIMIT_W,
                update_s: UPDATE_S,
                scale_sigma,
            }),
        }
    }
}

impl Source for RaplSource {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn read(&mut self, now: Moment) -> u64 {
        let raw_uj = self.file.read().ok();
        self.counter.take(raw_uj, now)
    }

    fn uncertainty(&self) -> Uncertainty {
        self.counter.uncertainty()
    }

    fn trouble(&self) -> Option<String> {
        self.counter.trouble()
    }
}

/// What the search for zones gave.
#[derive(Debug, Default)]
pub(crate) struct RaplFindings {
    pub(crate) packages: Vec<RaplSource>,
    pub(crate) drams: Vec<RaplSource>,
    pub(crate) rejected: Vec<Rejection>,
    /// Why there is no zone at all, if so.
    pub(crate) absent: Option<String>,
}

struct Candidate {
    zone: Zone,
    file: CounterFile,
    seen: Sighting,
}

/// Finds the live zones under `sysfs_root`; `load` keeps the machine busy for one step.
pub(crate) fn find(sysfs_root: &Path, load: &mut dyn FnMut()) -> RaplFindings {
    let mut findings = RaplFindings::default();
    let zones = match rapl_zones::list(&sysfs_root.join("class/powercap")) {
        Ok(zones) => zones,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            findings.absent = Some("the kernel shows no powercap tree on this machine".to_owned());
            return findings;
        }
        Err(error) => {
            findings.absent = Some(format!("the powercap tree cannot be listed ({error})"));
            return findings;
        }
    };
    if zones.is_empty() {
        findings.absent = Some("the powercap tree has no zones".to_owned());
    }
    let alive = living(open_all(zones, &mut findings.rejected), load, &mut findings.rejected);
    for candidate in without_doubles(alive, &mut findings.rejected) {
        let source = RaplSource::new(&candidate.zone, candidate.file);
        match candidate.zone.domain {
            Domain::Dram(_) => findings.drams.push(source),
            _ => findings.packages.push(source),
        }
    }
    findings
}

fn label(zone: &Zone) -> String {
    format!("{} ({})", zone.id, zone.name)
}

fn open_all(zones: Vec<Zone>, rejected: &mut Vec<Rejection>) -> Vec<(Zone, CounterFile)> {
    let mut open = Vec::new();
    for zone in zones {
        if let Domain::Overlapping(reason) = zone.domain {
            rejected.push(Rejection::redundant(label(&zone), reason));
            continue;
        }
        let path = zone.dir.join("energy_uj");
        let opened = CounterFile::open(path.clone()).and_then(|mut file| file.read().map(|_| file));
        match opened {
            Ok(file) => open.push((zone, file)),
            Err(CounterFault::Denied) => rejected.push(
                Rejection::missing(label(&zone), "its energy_uj may only be read by root")
                    .unlocked_by(format!(
                        "sudo chmod a+r {}  # until the next boot",
                        path.display()
                    )),
            ),
            Err(fault) => rejected.push(Rejection::missing(
                label(&zone),
                format!("its energy_uj is of no use: {fault}"),
            )),
        }
    }
    open
}

fn living(
    open: Vec<(Zone, CounterFile)>,
    load: &mut dyn FnMut(),
    rejected: &mut Vec<Rejection>,
) -> Vec<Candidate> {
    let (zones, mut files): (Vec<_>, Vec<_>) = open.into_iter().unzip();
    let sightings = liveness::watch(&mut files, |file| file.read().ok(), load);
    let mut alive = Vec::new();
    for ((zone, file), seen) in zones.into_iter().zip(files).zip(sightings) {
        if seen.moved() {
            alive.push(Candidate { zone, file, seen });
            continue;
        }
        let why = match (seen.before, seen.after) {
            (Some(uj), Some(_)) => {
                let window = liveness::STEP * liveness::STEPS;
                format!("the counter is dead: it stayed at {uj} uJ through {window:?} of load")
            }
            _ => "it vanished or became unreadable while it was watched".to_owned(),
        };
        rejected.push(Rejection::missing(label(&zone), why));
    }
    alive
}

/// Keeps one reader for each thing counted.
fn without_doubles(alive: Vec<Candidate>, rejected: &mut Vec<Rejection>) -> Vec<Candidate> {
    let nested_dram = alive.iter().any(|c| matches!(c.zone.domain, Domain::Dram(Some(_))));
    let mut kept: Vec<Candidate> = Vec::new();
    for candidate in alive {
        let zone = &candidate.zone;
        let twin = kept.iter().find(|k| k.zone.channel_name() == zone.channel_name());
        let mirror = kept.iter().find(|k| mirrors(k, &candidate));
        let reason = if let Some(twin) = twin {
            Some(format!("{} counts the same", twin.zone.id))
        } else if let Some(mirror) = mirror {
            Some(format!("it mirrors the counter of {}", label(&mirror.zone)))
        } else if nested_dram && zone.domain == Domain::Dram(None) {
            Some("the packages' own dram zones count the same".to_owned())
        } else {
            None
        };
        match reason {
            Some(reason) => rejected.push(Rejection::redundant(label(zone), reason)),
            None => kept.push(candidate),
        }
    }
    kept
}

/// Whether two dies of one package show one and the same counter.
fn mirrors(a: &Candidate, b: &Candidate) -> bool {
    fn socket(candidate: &Candidate) -> Option<&str> {
        candidate.zone.name.split_once("-die-").map(|(socket, _)| socket)
    }
    let close = |x: Option<u64>, y: Option<u64>| match (x, y) {
        (Some(x), Some(y)) => x.abs_diff(y) <= MIRROR_UJ,
        _ => false,
    };
    socket(a).is_some()
        && socket(a) == socket(b)
        && close(a.seen.before, b.seen.before)
        && close(a.seen.after, b.seen.after)
}

#[cfg(test)]
mod tests;
