//! Processor and memory energy counters through the kernel's powercap tree (Intel RAPL, AMD).
//!
//! Counted: every live `package-*` and every live `dram`. Not counted: `core` and `uncore` (parts
//! of a package), a second reader of one zone (`mmio`), dies that mirror one socket's counter
//! (AMD), and `psys`, which contains the packages; it is used only where no package lives.

use std::path::{Path, PathBuf};

use crate::counter_file::{CounterFault, CounterFile, number_in};
use crate::counter_source::{
    Candidate, CounterSource, Counters, Part, RawCounter, living, same_numbers,
};
use crate::finding::Rejection;
use crate::rapl_zones::{self, Domain, Zone};
use crate::source::Source;

/// Which zones are of use: those that another interface covers are not even opened.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted {
    pub(crate) packages: bool,
    pub(crate) drams: bool,
}

/// How a counter file is opened; tests put in one that fails.
pub(crate) type Opener<'a> = &'a dyn Fn(PathBuf) -> Result<CounterFile, CounterFault>;

/// Finds the live zones under `sysfs_root`; `load` keeps the machine busy for one step.
pub(crate) fn find(
    sysfs_root: &Path,
    wanted: Wanted,
    open: Opener<'_>,
    load: &mut dyn FnMut(),
) -> Counters {
    let mut found = Counters::default();
    let zones = match rapl_zones::list(&sysfs_root.join("class/powercap")) {
        Ok(zones) => zones,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            found.absent = Some("the kernel shows no powercap tree on this machine".to_owned());
            return found;
        }
        Err(error) => {
            found.absent = Some(format!("the powercap tree cannot be listed ({error})"));
            return found;
        }
    };
    if zones.is_empty() {
        found.absent = Some("the powercap tree has no zones".to_owned());
    }
    found.packages_listed = zones.iter().filter(|z| z.domain == Domain::Package).count();
    let (platforms, zones): (Vec<_>, Vec<_>) =
        zones.into_iter().partition(|zone| zone.domain == Domain::Platform);
    let zones = useful(zones, wanted, &mut found.rejected);
    let zones = open_all(zones, open, &mut found.rejected);
    let alive = living(zones, load, label, &mut found.rejected);
    for candidate in without_doubles(alive, &mut found.rejected) {
        match candidate.what.domain {
            Domain::Dram(_) => found.drams.push(source(candidate, Part::Memory)),
            _ => found.packages.push(source(candidate, Part::Package)),
        }
    }
    if wanted.packages && found.packages.is_empty() {
        let platforms = open_all(platforms, open, &mut found.rejected);
        let alive = living(platforms, load, label, &mut found.rejected);
        let first = without_doubles(alive, &mut found.rejected).into_iter().next();
        found.platforms.extend(first.map(|candidate| source(candidate, Part::Platform)));
    } else {
        let reason = "it contains the packages: counted on top, it would double";
        let redundant = platforms.iter().map(|zone| Rejection::redundant(label(zone), reason));
        found.rejected.extend(redundant);
    }
    found
}

fn label(zone: &Zone) -> String {
    format!("{} ({})", zone.id, zone.name)
}

fn source(candidate: Candidate<Zone, CounterFile>, part: Part) -> Box<dyn Source> {
    let zone = candidate.what;
    let range_uj = number_in(&zone.dir.join("max_energy_range_uj")).filter(|&uj| uj > 0);
    let wrap = if range_uj.is_some() { "" } else { "; its range is unknown" };
    let what = part.words();
    let how =
        format!("powercap counter {} ({}): {what}, all processes on it{wrap}", zone.id, zone.name);
    Box::new(CounterSource::new(zone.channel_name(), how, part, range_uj, candidate.raw))
}

/// Drops the zones that lie in others and those that are not wanted.
fn useful(zones: Vec<Zone>, wanted: Wanted, rejected: &mut Vec<Rejection>) -> Vec<Zone> {
    let covered = "the perf event of the same counter is read";
    let mut kept = Vec::new();
    for zone in zones {
        let reason = match zone.domain {
            Domain::Overlapping(reason) => Some(reason),
            Domain::Package if !wanted.packages => Some(covered),
            Domain::Dram(_) if !wanted.drams => Some(covered),
            _ => None,
        };
        match reason {
            Some(reason) => rejected.push(Rejection::redundant(label(&zone), reason)),
            None => kept.push(zone),
        }
    }
    kept
}

fn open_all(
    zones: Vec<Zone>,
    open: Opener<'_>,
    rejected: &mut Vec<Rejection>,
) -> Vec<(Zone, CounterFile)> {
    let mut opened = Vec::new();
    for zone in zones {
        let path = zone.dir.join("energy_uj");
        let file = open(path.clone()).and_then(|mut file| file.read_uj().map(|_| file));
        match file {
            Ok(file) => opened.push((zone, file)),
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
    opened
}

/// Keeps one reader for each thing counted.
fn without_doubles(
    alive: Vec<Candidate<Zone, CounterFile>>,
    rejected: &mut Vec<Rejection>,
) -> Vec<Candidate<Zone, CounterFile>> {
    let nested_dram = alive.iter().any(|c| matches!(c.what.domain, Domain::Dram(Some(_))));
    let mut kept: Vec<Candidate<Zone, CounterFile>> = Vec::new();
    for candidate in alive {
        let zone = &candidate.what;
        let twin = kept.iter().find(|k| k.what.channel_name() == zone.channel_name());
        let mirror = kept.iter().find(|k| {
            let socket = k.what.socket_of_die();
            socket.is_some()
                && socket == zone.socket_of_die()
                && same_numbers(k.seen, candidate.seen)
        });
        let reason = if let Some(twin) = twin {
            Some(format!("{} counts the same", twin.what.id))
        } else if let Some(mirror) = mirror {
            Some(format!("it mirrors the counter of {}", label(&mirror.what)))
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

#[cfg(test)]
mod tests;
