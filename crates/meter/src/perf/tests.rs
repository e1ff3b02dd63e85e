//! Perf events on a fake device tree; a pipe stands in for each event.
#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use std::collections::HashMap;
use std::io::{PipeReader, PipeWriter, Write, pipe};
use std::os::fd::OwnedFd;

use super::*;
use crate::clock::Moment;
use crate::finding::RejectionKind;

/// Counts of one joule at the usual scale of 2^-32 J.
const JOULE: u64 = 1 << 32;

struct FakeUnit {
    root: tempfile::TempDir,
    /// Counts that each (event, cpu) gives, one a read.
    counts: HashMap<(u64, u32), Vec<u64>>,
    writers: Vec<PipeWriter>,
}

impl FakeUnit {
    /// A unit with one CPU a socket; `cpus` are (CPU, package, die).
    fn new(cpus: &[(u32, u64, u64)]) -> Self {
        let root = tempfile::tempdir().unwrap();
        let unit = root.path().join("bus/event_source/devices/power");
        fs::create_dir_all(unit.join("events")).unwrap();
        fs::write(unit.join("type"), "9\n").unwrap();
        let mask: Vec<String> = cpus.iter().map(|(cpu, ..)| cpu.to_string()).collect();
        fs::write(unit.join("cpumask"), mask.join(",") + "\n").unwrap();
        for (cpu, package, die) in cpus {
            let topology = root.path().join(format!("devices/system/cpu/cpu{cpu}/topology"));
            fs::create_dir_all(&topology).unwrap();
            fs::write(topology.join("physical_package_id"), format!("{package}\n")).unwrap();
            fs::write(topology.join("die_id"), format!("{die}\n")).unwrap();
        }
        Self { root, counts: HashMap::new(), writers: Vec::new() }
    }

    fn event(self, name: &str, code: u64) -> Self {
        self.event_in(name, code, "2.3283064365386962890625e-10", "Joules")
    }

    fn event_in(self, name: &str, code: u64, scale: &str, unit: &str) -> Self {
        let events = self.root.path().join("bus/event_source/devices/power/events");
        fs::write(events.join(name), format!("event=0x{code:02x}\n")).unwrap();
        fs::write(events.join(format!("{name}.scale")), format!("{scale}\n")).unwrap();
        fs::write(events.join(format!("{name}.unit")), format!("{unit}\n")).unwrap();
        self
    }

    fn counts(mut self, code: u64, cpu: u32, counts: &[u64]) -> Self {
        self.counts.insert((code, cpu), counts.to_vec());
        self
    }

    fn find(&mut self) -> Counters {
        let (counts, writers) = (&self.counts, &mut self.writers);
        let mut open = |code: EventCode| {
            assert_eq!(code.unit, 9);
            let Some(counts) = counts.get(&(code.event, code.cpu)) else {
                return Err(io::Error::from(io::ErrorKind::PermissionDenied));
            };
            let (reader, mut writer): (PipeReader, PipeWriter) = pipe()?;
            for count in counts {
                writer.write_all(&count.to_ne_bytes())?;
            }
            // a dead counter gives its last number for ever: enough for the whole watch
            for _ in 0..60 {
                writer.write_all(&counts.last().unwrap().to_ne_bytes())?;
            }
            writers.push(writer);
            Ok(File::from(OwnedFd::from(reader)))
        };
        find(self.root.path(), &mut open, &mut || ())
    }
}

fn names(sources: &[Box<dyn Source>]) -> Vec<&str> {
    sources.iter().map(|source| source.channel().name.as_str()).collect()
}

fn rejection<'a>(found: &'a Counters, what: &str) -> &'a Rejection {
    found.rejected.iter().find(|r| r.what.contains(what)).unwrap()
}

fn at(second: u64) -> Moment {
    Moment { wall_ns: second * 1_000_000_000, cpu_ns: 0 }
}

#[test]
fn two_sockets_with_memory_are_counted_and_psys_is_not() {
    let mut unit = FakeUnit::new(&[(0, 0, 0), (28, 1, 0)])
        .event("energy-pkg", 2)
        .event("energy-ram", 3)
        .event("energy-psys", 5)
        .event("energy-cores", 1)
        .counts(2, 0, &[0, JOULE])
        .counts(2, 28, &[0, 9 * JOULE])
        .counts(3, 0, &[7, 7 + JOULE])
        .counts(3, 28, &[0, 5 * JOULE])
        .counts(5, 0, &[0, JOULE]);
    let found = unit.find();
    assert_eq!(names(&found.packages), ["package-0", "package-1"]);
    assert_eq!(names(&found.drams), ["dram-0", "dram-1"]);
    assert!(found.platforms.is_empty());
    assert_eq!(rejection(&found, "energy-psys").kind, RejectionKind::Redundant);
    assert_eq!(rejection(&found, "energy-cores").kind, RejectionKind::Redundant);
}

#[test]
fn a_count_is_turned_into_microjoules_by_the_kernel_s_scale() {
    let mut unit = FakeUnit::new(&[(0, 0, 0)]).event("energy-pkg", 2).counts(
        2,
        0,
        &[0, JOULE, 2 * JOULE, 52 * JOULE],
    );
    let mut source = unit.find().packages.pop().unwrap();
    assert_eq!(source.read(at(1)), 0);
    assert_eq!(source.read(at(2)), 50_000_000);
    assert_eq!(source.scope(), crate::source::Scope::Machine);
}

#[test]
fn a_listed_event_that_stays_at_zero_is_dead() {
    let mut unit = FakeUnit::new(&[(0, 0, 0)]).event("energy-psys", 5).counts(5, 0, &[0]);
    let found = unit.find();
    assert!(found.packages.is_empty() && found.platforms.is_empty());
    let dead = rejection(&found, "energy-psys");
    assert!(dead.why.contains("dead") && dead.why.contains("0 uJ"), "{dead}");
}

#[test]
fn a_live_platform_event_stands_in_where_no_package_lives() {
    let mut unit = FakeUnit::new(&[(0, 0, 0)])
        .event("energy-pkg", 2)
        .event("energy-psys", 5)
        .counts(2, 0, &[3])
        .counts(5, 0, &[0, 40 * JOULE]);
    let found = unit.find();
    assert_eq!(names(&found.platforms), ["psys"]);
    assert!(rejection(&found, "energy-pkg").why.contains("dead"));
}

#[test]
fn dies_that_mirror_their_socket_are_counted_once() {
    let mut unit = FakeUnit::new(&[(0, 0, 0), (8, 0, 1), (16, 1, 0), (24, 1, 1)])
        .event("energy-pkg", 2)
        .counts(2, 0, &[0, 8 * JOULE])
        .counts(2, 8, &[0, 8 * JOULE])
        .counts(2, 16, &[0, 8 * JOULE])
        .counts(2, 24, &[90 * JOULE, 99 * JOULE]);
    let found = unit.find();
    assert_eq!(names(&found.packages), ["package-0-die-0", "package-1-die-0", "package-1-die-1"]);
    assert!(rejection(&found, "cpu 8").why.contains("mirrors"));
}

#[test]
fn a_refused_event_names_the_command_that_unlocks_it() {
    let found = FakeUnit::new(&[(0, 0, 0)]).event("energy-pkg", 2).find();
    let unlock = rejection(&found, "energy-pkg").unlock.clone().unwrap();
    assert!(unlock.starts_with("sudo setcap cap_perfmon=ep "), "{unlock}");
    assert_eq!(found.packages_listed, 1);
}

#[test]
fn odd_scales_units_and_codes_are_refused_in_words() {
    let unit = FakeUnit::new(&[(0, 0, 0)]).event_in("energy-pkg", 2, "two", "Joules").event_in(
        "energy-ram",
        3,
        "1e-9",
        "Watts",
    );
    let events = unit.root.path().join("bus/event_source/devices/power/events");
    fs::write(events.join("energy-psys"), "config=7\n").unwrap();
    let mut unit = unit;
    let found = unit.find();
    assert!(rejection(&found, "energy-pkg").why.contains("two"));
    assert!(rejection(&found, "energy-ram").why.contains("Watts"));
    assert!(rejection(&found, "energy-psys").why.contains("config=7"));
}

#[test]
fn a_reset_event_is_an_unknown_interval() {
    let mut unit = FakeUnit::new(&[(0, 0, 0)]).event("energy-pkg", 2).counts(
        2,
        0,
        &[0, JOULE, 50 * JOULE, 90 * JOULE, 3 * JOULE, 33 * JOULE],
    );
    let mut source = unit.find().packages.pop().unwrap();
    assert_eq!(source.read(at(1)), 0);
    assert_eq!(source.read(at(2)), 40_000_000);
    assert_eq!(source.read(at(3)), 40_000_000);
    assert_eq!(source.read(at(4)), 70_000_000);
    assert!(source.trouble().unwrap().contains("went back"));
}

#[test]
fn a_machine_without_the_unit_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let found = find(empty.path(), &mut |_| panic!("nothing to open"), &mut || ());
    assert!(found.absent.unwrap().contains("no perf unit"));
}

#[test]
fn cpu_masks_are_lists_and_ranges() {
    assert_eq!(cpu_list("0,28"), [0, 28]);
    assert_eq!(cpu_list("0-2,7"), [0, 1, 2, 7]);
    assert!(cpu_list("").is_empty() && cpu_list("x-y").is_empty());
}
