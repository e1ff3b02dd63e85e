//! Faults and oddities of a powercap tree, on a fake one in a temporary directory.
#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use std::fs;
use std::path::PathBuf;

use super::*;
use crate::clock::Moment;
use crate::finding::RejectionKind;

const EVERYTHING: Wanted = Wanted { packages: true, drams: true };

/// A powercap tree whose counters move by a joule at every load step, unless told otherwise.
struct FakeTree {
    root: tempfile::TempDir,
    moving: Vec<String>,
}

impl FakeTree {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("class/powercap")).unwrap();
        Self { root, moving: Vec::new() }
    }

    fn dir(&self, id: &str) -> PathBuf {
        self.root.path().join("class/powercap").join(id)
    }

    fn still(&mut self, id: &str, name: &str, energy: &str) -> &mut Self {
        fs::create_dir_all(self.dir(id)).unwrap();
        fs::write(self.dir(id).join("name"), format!("{name}\n")).unwrap();
        fs::write(self.dir(id).join("max_energy_range_uj"), "262143328850\n").unwrap();
        self.set(id, energy);
        self
    }

    fn moving(&mut self, id: &str, name: &str, energy: &str) -> &mut Self {
        self.moving.push(id.to_owned());
        self.still(id, name, energy)
    }

    fn set(&self, id: &str, energy: &str) {
        fs::write(self.dir(id).join("energy_uj"), format!("{energy}\n")).unwrap();
    }

    fn advance(&self, id: &str, by_uj: u64) {
        let path = self.dir(id).join("energy_uj");
        let old: u64 = fs::read_to_string(path).unwrap().trim().parse().unwrap();
        self.set(id, &(old + by_uj).to_string());
    }

    fn find(&self) -> Counters {
        self.find_with(&CounterFile::open)
    }

    fn find_with(&self, open: Opener<'_>) -> Counters {
        find(self.root.path(), EVERYTHING, open, &mut || {
            for id in &self.moving {
                self.advance(id, 1_000_000);
            }
        })
    }
}

fn names(sources: &[Box<dyn Source>]) -> Vec<&str> {
    sources.iter().map(|source| source.channel().name.as_str()).collect()
}

fn why<'a>(findings: &'a Counters, what: &str) -> (&'a str, RejectionKind) {
    let rejection = findings.rejected.iter().find(|r| r.what.starts_with(what)).unwrap();
    (&rejection.why, rejection.kind)
}

fn at(seconds: u64) -> Moment {
    Moment { wall_ns: seconds * 1_000_000_000, cpu_ns: 0 }
}

#[test]
fn packages_and_dram_are_counted_once_and_psys_never() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "psys", "900")
        .moving("intel-rapl:1", "package-1", "100")
        .moving("intel-rapl:1:0", "core", "50")
        .moving("intel-rapl:1:1", "dram", "70")
        .moving("intel-rapl:2", "package-0", "500000000")
        .moving("intel-rapl:2:2", "dram", "10")
        .moving("intel-rapl-mmio:0", "package-0", "500000000")
        .moving("intel-rapl:3", "dram", "5");
    let findings = tree.find();
    assert_eq!(names(&findings.packages), ["package-1", "package-0"]);
    assert_eq!(names(&findings.drams), ["dram-1", "dram-0"]);
    for what in ["intel-rapl:0 ", "intel-rapl:1:0", "intel-rapl-mmio:0", "intel-rapl:3"] {
        assert_eq!(why(&findings, what).1, RejectionKind::Redundant, "{what}");
    }
}

#[test]
fn a_live_twin_stands_in_for_a_dead_zone() {
    let mut tree = FakeTree::new();
    tree.still("intel-rapl:0", "package-0", "7").moving("intel-rapl-mmio:0", "package-0", "7");
    let findings = tree.find();
    assert_eq!(names(&findings.packages), ["package-0"]);
    assert!(findings.packages[0].channel().how.contains("mmio"));
}

#[test]
fn a_counter_that_does_not_move_is_rejected_with_its_value() {
    let mut tree = FakeTree::new();
    tree.still("intel-rapl:0", "package-0", "0");
    let findings = tree.find();
    assert!(findings.packages.is_empty());
    let (reason, kind) = why(&findings, "intel-rapl:0");
    assert!(reason.contains("dead") && reason.contains("0 uJ") && reason.contains("100ms"));
    assert_eq!(kind, RejectionKind::Missing);
}

#[test]
fn dies_that_mirror_one_socket_are_counted_once() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "package-0-die-0", "5000000")
        .moving("intel-rapl:1", "package-0-die-1", "5000400")
        .moving("intel-rapl:2", "package-1-die-0", "5000000")
        .moving("intel-rapl:3", "package-1-die-1", "990000000");
    let findings = tree.find();
    let expected = ["package-0-die-0", "package-1-die-0", "package-1-die-1"];
    assert_eq!(names(&findings.packages), expected);
    assert!(why(&findings, "intel-rapl:1").0.contains("mirrors"));
}

#[test]
fn twelve_sockets_are_all_counted_in_order() {
    let mut tree = FakeTree::new();
    for i in 0..12 {
        let start = (i * 10_000_000).to_string();
        tree.moving(&format!("intel-rapl:{i}"), &format!("package-{i}"), &start);
    }
    let findings = tree.find();
    let expected: Vec<String> = (0..12).map(|i| format!("package-{i}")).collect();
    assert_eq!(names(&findings.packages), expected);
}

#[test]
fn odd_content_is_rejected_without_a_panic() {
    let mut tree = FakeTree::new();
    tree.still("intel-rapl:0", "package-0", "twelve")
        .still("intel-rapl:1", "package-1", "")
        .still("intel-rapl:2", "package-2", "-5")
        .still("intel-rapl:3", "package-3", "99999999999999999999999999999999999999999")
        .still("intel-rapl:4", "package-4", "1")
        .still("intel-rapl:5", "", "1")
        .moving("intel-rapl:6", "package-6", "1");
    fs::remove_file(tree.dir("intel-rapl:4").join("energy_uj")).unwrap();
    fs::create_dir(tree.dir("intel-rapl:4").join("energy_uj")).unwrap();
    fs::write(tree.dir("intel-rapl:5").join("name"), [0xff, 0xfe, 0]).unwrap();
    fs::create_dir_all(tree.dir("intel-rapl:7")).unwrap();
    fs::create_dir_all(tree.dir("dtpm:x")).unwrap();
    fs::write(tree.dir("intel-rapl:6").join("max_energy_range_uj"), "no idea").unwrap();
    let findings = tree.find();
    assert_eq!(names(&findings.packages), ["package-6"]);
    assert!(findings.packages[0].channel().how.contains("range is unknown"));
    assert!(why(&findings, "intel-rapl:0").0.contains("twelve"));
    assert_eq!(findings.rejected.len(), 6);
}

#[test]
fn an_unreadable_counter_is_rejected_with_the_command_that_unlocks_it() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "package-0", "1").moving("intel-rapl:0:0", "dram", "1");
    let findings = tree.find_with(&|path| {
        if path.to_string_lossy().contains("intel-rapl:0/") {
            let denied = std::io::Error::from(std::io::ErrorKind::PermissionDenied);
            return Err(CounterFault::from(denied));
        }
        CounterFile::open(path)
    });
    let rejection = &findings.rejected[0];
    assert!(rejection.unlock.as_ref().unwrap().starts_with("sudo chmod a+r "));
    assert!(rejection.unlock.as_ref().unwrap().contains("intel-rapl:0/energy_uj"));
    assert_eq!(names(&findings.drams), ["dram-0"], "what can be read is still read");
}

#[test]
fn a_live_platform_counter_is_used_only_where_no_package_lives() {
    let mut tree = FakeTree::new();
    tree.still("intel-rapl:0", "package-0", "5").moving("intel-rapl:1", "psys", "9000000");
    let findings = tree.find();
    assert!(findings.packages.is_empty());
    assert_eq!(names(&findings.platforms), ["psys"]);
    tree.moving("intel-rapl:2", "package-1", "77");
    let findings = tree.find();
    assert!(findings.platforms.is_empty());
    assert_eq!(why(&findings, "intel-rapl:1").1, RejectionKind::Redundant);
}

#[test]
fn a_dead_platform_counter_is_named_dead() {
    let mut tree = FakeTree::new();
    tree.still("intel-rapl:0", "psys", "0");
    let findings = tree.find();
    assert!(findings.platforms.is_empty());
    let (reason, kind) = why(&findings, "intel-rapl:0");
    assert!(reason.contains("dead") && kind == RejectionKind::Missing);
}

#[test]
fn zones_that_perf_covers_are_left_alone() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "package-0", "5").moving("intel-rapl:0:1", "dram", "5");
    let wanted = Wanted { packages: false, drams: true };
    let path = tree.dir("intel-rapl:0:1").join("energy_uj");
    let findings = find(tree.root.path(), wanted, &CounterFile::open, &mut || {
        fs::write(&path, "1000005").unwrap();
    });
    assert!(findings.packages.is_empty());
    assert_eq!(names(&findings.drams), ["dram-0"]);
    assert!(why(&findings, "intel-rapl:0").0.contains("perf"));
}

#[test]
fn a_machine_without_powercap_says_so() {
    let empty = tempfile::tempdir().unwrap();
    let findings = find(empty.path(), EVERYTHING, &CounterFile::open, &mut || ());
    assert!(findings.absent.unwrap().contains("no powercap"));
    assert!(findings.rejected.is_empty());
}

#[test]
fn a_zone_that_vanishes_in_mid_run_keeps_its_energy_and_says_so() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "package-0", "1000");
    let mut source = tree.find().packages.pop().unwrap();
    assert_eq!(source.read(at(1)), 0);
    tree.advance("intel-rapl:0", 50_000_000);
    assert_eq!(source.read(at(2)), 50_000_000);
    assert_eq!(source.trouble(), None);
    // A real zone that is gone fails on the open file too; here emptying the file does that.
    fs::write(tree.dir("intel-rapl:0").join("energy_uj"), "").unwrap();
    fs::remove_dir_all(tree.dir("intel-rapl:0")).unwrap();
    assert_eq!(source.read(at(3)), 50_000_000);
    assert!(source.trouble().unwrap().contains("unreadable for the last 1.000 s"));
    assert!(source.uncertainty().sigma_uj >= 50_000_000, "a second at 50 W is not known");
}

#[test]
fn a_zone_that_comes_back_is_read_again() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "package-0", "1000");
    let mut source = tree.find().packages.pop().unwrap();
    source.read(at(1));
    let path = tree.dir("intel-rapl:0").join("energy_uj");
    let raw: u64 = fs::read_to_string(&path).unwrap().trim().parse().unwrap();
    fs::write(&path, "").unwrap();
    fs::remove_file(&path).unwrap();
    assert_eq!(source.read(at(2)), 0);
    tree.set("intel-rapl:0", &(raw + 30_000_000).to_string());
    assert_eq!(source.read(at(3)), 30_000_000);
    assert_eq!(source.trouble(), None);
}

#[test]
fn a_zone_wraps_at_its_own_range() {
    let mut tree = FakeTree::new();
    tree.moving("intel-rapl:0", "package-0", "1000");
    let mut source = tree.find().packages.pop().unwrap();
    tree.set("intel-rapl:0", "262143000000");
    source.read(at(1));
    tree.set("intel-rapl:0", "671150");
    assert_eq!(source.read(at(2)), 1_000_000);
    assert_eq!(source.trouble(), None);
}
