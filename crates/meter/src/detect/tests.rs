//! The whole search on fake machines.
#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use std::cell::Cell;
use std::fs::{self, File};
use std::io;
use std::path::Path;

use super::*;
use crate::finding::RejectionKind;
use crate::provenance::Provenance;

/// A fake `/sys` and `/proc` under one root, as a container would mount them.
struct FakeMachine {
    root: tempfile::TempDir,
    step: Cell<u64>,
}

impl FakeMachine {
    fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap(), step: Cell::new(0) }
    }

    fn file(&self, path: &str, text: &str) -> &Self {
        let path = self.root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    fn zone(&self, id: &str, name: &str) -> &Self {
        self.file(&format!("host/sys/class/powercap/{id}/name"), name)
            .file(&format!("host/sys/class/powercap/{id}/energy_uj"), "1000")
    }

    fn perf_event(&self, name: &str) -> &Self {
        let unit = "host/sys/bus/event_source/devices/power";
        self.file(&format!("{unit}/type"), "9")
            .file(&format!("{unit}/cpumask"), "0")
            .file(&format!("{unit}/events/{name}"), "event=0x02")
            .file(&format!("{unit}/events/{name}.scale"), "1e-6")
            .file(&format!("{unit}/events/{name}.unit"), "Joules")
    }

    fn options(&self) -> DetectOptions {
        DetectOptions {
            sysfs_root: self.root.path().join("host/sys"),
            proc_root: self.root.path().join("host/proc"),
            visible_gpus: None,
            wall_command: None,
            calibrations: None,
        }
    }

    /// Searches; zones named in `moving` move with the load, perf events are what `open` gives.
    fn detect(&self, moving: &[&str], open: perf::Opener<'_>) -> Detection {
        detect_with(&self.options(), open, &mut || {
            self.step.set(self.step.get() + 1);
            for id in moving {
                let path = format!("host/sys/class/powercap/{id}/energy_uj");
                self.file(&path, &(1_000 + self.step.get() * 5_000_000).to_string());
            }
        })
    }
}

fn denied(_: perf::EventCode) -> io::Result<File> {
    Err(io::Error::from(io::ErrorKind::PermissionDenied))
}

fn names(detection: &Detection) -> Vec<(&str, Provenance)> {
    detection.found().map(|c| (c.name.as_str(), c.provenance)).collect()
}

#[test]
fn another_sysfs_root_is_searched_in_a_container() {
    let machine = FakeMachine::new();
    machine.zone("intel-rapl:0", "package-0").zone("intel-rapl:0:1", "dram");
    let found = machine.detect(&["intel-rapl:0", "intel-rapl:0:1"], &mut denied);
    let expected = [("package-0", Provenance::Measured), ("dram-0", Provenance::Measured)];
    assert_eq!(names(&found)[..2], expected);
}

#[test]
fn powercap_stands_in_for_perf_events_that_may_not_be_opened() {
    let machine = FakeMachine::new();
    machine.perf_event("energy-pkg").zone("intel-rapl:0", "package-0");
    let found = machine.detect(&["intel-rapl:0"], &mut denied);
    let expected = [("package-0", Provenance::Measured), ("memory", Provenance::Estimated)];
    assert_eq!(names(&found)[..2], expected);
    let refused = found.rejected.iter().find(|r| r.what.contains("energy-pkg")).unwrap();
    assert!(refused.unlock.as_ref().unwrap().contains("cap_perfmon"));
}

/// A pipe that gives 0, then 5 J for ever.
fn live(_: perf::EventCode) -> io::Result<File> {
    use std::io::Write;
    let (reader, mut writer) = io::pipe()?;
    writer.write_all(&0_u64.to_ne_bytes())?;
    for _ in 0..100 {
        writer.write_all(&5_000_000_u64.to_ne_bytes())?;
    }
    Ok(File::from(std::os::fd::OwnedFd::from(reader)))
}

#[test]
fn perf_and_powercap_of_one_package_are_counted_once() {
    let machine = FakeMachine::new();
    machine.perf_event("energy-pkg").zone("intel-rapl:0", "package-0").zone("intel-rapl:1", "psys");
    let found = machine.detect(&["intel-rapl:0", "intel-rapl:1"], &mut live);
    assert_eq!(found.found().filter(|c| c.name.starts_with("package")).count(), 1);
    assert!(found.found().next().unwrap().how.contains("perf event"));
    for what in ["intel-rapl:0 ", "intel-rapl:1 "] {
        let rejected = found.rejected.iter().find(|r| r.what.starts_with(what)).unwrap();
        assert_eq!(rejected.kind, RejectionKind::Redundant, "{what}");
    }
}

#[test]
fn a_platform_counter_covers_processor_and_memory() {
    let machine = FakeMachine::new();
    machine.zone("intel-rapl:0", "psys");
    let found = machine.detect(&["intel-rapl:0"], &mut denied);
    assert_eq!(names(&found)[0], ("psys", Provenance::Measured));
    assert!(found.found().all(|c| c.name != "cpu" && c.name != "memory"));
}

#[test]
fn a_dead_platform_event_leaves_the_load_model_and_a_reason() {
    // the machine that this was written on: only energy-psys is listed, and it stays at 0 J
    let machine = FakeMachine::new();
    machine.perf_event("energy-psys");
    let dead = |_: perf::EventCode| {
        use std::io::Write;
        let (reader, mut writer) = io::pipe()?;
        for _ in 0..100 {
            writer.write_all(&0_u64.to_ne_bytes())?;
        }
        Ok(File::from(std::os::fd::OwnedFd::from(reader)))
    };
    let mut dead = dead;
    let found = machine.detect(&[], &mut dead);
    let expected = [("cpu", Provenance::Estimated), ("memory", Provenance::Estimated)];
    assert_eq!(names(&found)[..2], expected);
    let psys = found.rejected.iter().find(|r| r.what.contains("energy-psys")).unwrap();
    assert!(psys.why.contains("dead"), "{psys}");
    let gap = found.rejected.iter().find(|r| r.what == "cpu package counter").unwrap();
    assert!(gap.why.contains("no perf event of it is live"), "{gap}");
}

#[test]
fn the_interface_with_more_live_sockets_is_taken() {
    let machine = FakeMachine::new();
    machine.perf_event("energy-pkg").zone("intel-rapl:0", "package-0");
    machine.zone("intel-rapl:1", "package-1");
    // perf lists two sockets, of which one is dead
    machine.file("host/sys/bus/event_source/devices/power/cpumask", "0,1");
    let mut open = |code: perf::EventCode| if code.cpu == 0 { live(code) } else { denied(code) };
    let found = machine.detect(&["intel-rapl:0", "intel-rapl:1"], &mut open);
    let packages: Vec<&str> =
        found.found().filter(|c| c.name.starts_with("package")).map(|c| c.name.as_str()).collect();
    assert_eq!(packages, ["package-0", "package-1"]);
    assert!(found.found().next().unwrap().how.contains("powercap"));
}

#[test]
fn a_wall_command_replaces_every_part_and_a_failing_one_none() {
    let machine = FakeMachine::new();
    machine.zone("intel-rapl:0", "package-0");
    let mut options = machine.options();
    options.wall_command = Some("echo 61 W".to_owned());
    let found = detect_with(&options, &mut denied, &mut || ());
    assert_eq!(names(&found), [("wall", Provenance::Measured)]);
    options.wall_command = Some("exit 1".to_owned());
    let found = detect_with(&options, &mut denied, &mut || ());
    assert!(found.found().count() >= 2);
    assert!(found.rejected[0].why.contains("stand in"), "{}", found.rejected[0]);
}

#[test]
fn the_host_s_calibration_is_applied_to_the_channels_it_was_made_with() {
    let machine = FakeMachine::new();
    machine.file("host/proc/sys/kernel/hostname", "lab 1\n");
    let text = "surrogate-meter calibration 1\nchannel cpu\nchannel memory\nwatts 10 40\n\
                watts 30 65\n";
    machine.file("settings/lab_1.calibration", text);
    let mut options = machine.options();
    options.calibrations = Some(machine.root.path().join("settings"));
    let found = detect_with(&options, &mut denied, &mut || ());
    let expected = [
        ("cpu", Provenance::Calibrated),
        ("memory", Provenance::Calibrated),
        ("rest", Provenance::Calibrated),
    ];
    assert_eq!(names(&found)[..3], expected);
    machine.file("settings/lab_1.calibration", &text.replace("channel memory\n", ""));
    let found = detect_with(&options, &mut denied, &mut || ());
    assert_eq!(names(&found)[0], ("cpu", Provenance::Estimated));
    let why = found.rejected.iter().find(|r| r.what == "wall calibration").unwrap();
    assert!(why.why.contains("made with the channels cpu"), "{why}");
}

#[test]
fn this_machine_is_searched_without_a_crash_and_nothing_dead_is_called_measured() {
    let found = detect(&DetectOptions { visible_gpus: None, ..DetectOptions::default() });
    assert!(found.found().count() >= 1);
    let psys_dead =
        found.rejected.iter().any(|r| r.what.contains("psys") && r.why.contains("dead"));
    if psys_dead {
        assert!(found.found().all(|c| c.name != "psys"));
    }
    if !Path::new("/sys/class/powercap").exists() && psys_dead {
        assert!(found.found().any(|c| c.provenance == Provenance::Estimated));
    }
}
