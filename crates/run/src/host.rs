//! What the machine, the process and the working copy say about themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::{Deserialize, Serialize};

/// The machine.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Hardware {
    /// Processor, as it names itself.
    pub cpu_model: String,
    /// Logical cores that this process may use.
    pub cores: u64,
    /// Memory, bytes; 0 if unknown.
    pub memory_bytes: u64,
    /// Operating system and architecture, such as `linux x86_64`.
    pub system: String,
    /// Anything else, such as `gpu0`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, String>,
}

impl Hardware {
    /// Asks this machine.
    #[must_use]
    pub fn detect() -> Self {
        let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
        let kilobytes: u64 = field(&meminfo, "MemTotal")
            .and_then(|s| s.split(' ').next()?.parse().ok())
            .unwrap_or(0);
        Self {
            cpu_model: field(&cpuinfo, "model name").unwrap_or("unknown").to_owned(),
            cores: std::thread::available_parallelism().map_or(1, |n| n.get() as u64),
            memory_bytes: kilobytes * 1024,
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            more: BTreeMap::new(),
        }
    }
}

/// Value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == name).then_some(value.trim())
    })
}

/// The process that writes a run, well enough described to tell later whether it still lives.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Start time in ticks since boot, which tells a process from a later one of the same id.
    pub start_ticks: Option<u64>,
    /// Name of the host.
    pub host: String,
    /// Random id of this boot of the host.
    pub boot_id: Option<String>,
}

/// Whether a process lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs on this machine.
    Alive,
    /// It is gone.
    Gone,
    /// It cannot be told, for example because it ran on another host.
    Unknown,
}

impl Process {
    /// This process.
    #[must_use]
    pub fn current() -> Self {
        let pid = std::process::id();
        Self {
            pid,
            start_ticks: start_ticks(pid),
            host: host_name(),
            boot_id: first_line("/proc/sys/kernel/random/boot_id"),
        }
    }

    /// Whether the process lives, as seen from here.
    #[must_use]
    pub fn liveness(&self) -> Liveness {
        let here = Self::current();
        if self.host != here.host {
            return Liveness::Unknown;
        }
        match (&self.boot_id, &here.boot_id) {
            (Some(then), Some(now)) if then != now => return Liveness::Gone,
            (Some(_), Some(_)) => {}
            _ => return Liveness::Unknown,
        }
        match (start_ticks(self.pid), self.start_ticks) {
            (None, _) => Liveness::Gone,
            (Some(now), Some(then)) if now != then => Liveness::Gone,
            (Some(_), _) => Liveness::Alive,
        }
    }
}

/// Field 22 of `/proc/PID/stat`, counted after the name in brackets, which may hold spaces.
fn start_ticks(pid: u32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)?.parse().ok()
}

fn host_name() -> String {
    first_line("/proc/sys/kernel/hostname")
        .or_else(|| std::env::var("HOSTNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

fn first_line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.lines().next()?.trim().to_owned())
}

/// State of the working copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GitState {
    /// Commit, full hexadecimal id.
    pub commit: String,
    /// Whether tracked files differ from it; `None` where there is no `git` command to ask.
    #[serde(default)]
    pub dirty: Option<bool>,
}

impl GitState {
    /// The working copy that holds `folder`, if there is one.
    ///
    /// The commit is read from the files of git itself; only `dirty` needs the command.
    #[must_use]
    pub fn detect(folder: &Path) -> Option<Self> {
        let top = folder.canonicalize().ok()?;
        let git = top.ancestors().find_map(git_folder)?;
        let commit = head_commit(&git)?;
        let status = Command::new("git")
            .arg("-C")
            .arg(&top)
            .args(["--no-optional-locks", "status", "--porcelain", "--untracked-files=no"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .output();
        let dirty =
            status.ok().filter(|out| out.status.success()).map(|out| !out.stdout.is_empty());
        Some(Self { commit, dirty })
    }
}

/// `.git` of a folder: a folder itself, or a file that names one (work trees).
fn git_folder(folder: &Path) -> Option<PathBuf> {
    let git = folder.join(".git");
    if git.is_dir() {
        return Some(git);
    }
    let text = fs::read_to_string(&git).ok()?;
    Some(folder.join(text.strip_prefix("gitdir:")?.trim()))
}

fn head_commit(git: &Path) -> Option<String> {
    let head = fs::read_to_string(git.join("HEAD")).ok()?;
    let Some(name) = head.trim().strip_prefix("ref:").map(str::trim) else {
        return Some(head.trim().to_owned());
    };
    // Branches of a work tree live in the folder that `commondir` names.
    let common = match fs::read_to_string(git.join("commondir")) {
        Ok(text) => git.join(text.trim()),
        Err(_) => git.to_owned(),
    };
    if let Ok(id) = fs::read_to_string(common.join(name)) {
        return Some(id.trim().to_owned());
    }
    let packed = fs::read_to_string(common.join("packed-refs")).ok()?;
    packed.lines().find_map(|line| {
        let (id, found) = line.split_once(' ')?;
        (found == name).then(|| id.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_lives_and_one_of_another_boot_does_not() {
        let here = Process::current();
        assert_eq!(here.liveness(), Liveness::Alive);
        let rebooted = Process { boot_id: Some("0000".to_owned()), ..here.clone() };
        assert_eq!(rebooted.liveness(), Liveness::Gone);
        let reused =
            Process { start_ticks: here.start_ticks.map(|ticks| ticks + 1), ..here.clone() };
        assert_eq!(reused.liveness(), Liveness::Gone);
        let elsewhere = Process { host: "another-host".to_owned(), ..here };
        assert_eq!(elsewhere.liveness(), Liveness::Unknown);
    }

    #[test]
    fn the_commit_is_found_in_loose_and_packed_references() {
        let folder = tempfile::tempdir().unwrap();
        let git = folder.path().join(".git");
        fs::create_dir_all(git.join("refs/heads")).unwrap();
        fs::write(git.join("HEAD"), "ref: refs/heads/main\n").unwrap();
        fs::write(git.join("packed-refs"), "# pack-refs\nabc refs/heads/main\n").unwrap();
        let inside = folder.path().join("deep/er");
        fs::create_dir_all(&inside).unwrap();
        assert_eq!(GitState::detect(&inside).unwrap().commit, "abc");
        fs::write(git.join("refs/heads/main"), "def\n").unwrap();
        assert_eq!(GitState::detect(&inside).unwrap().commit, "def");
    }

    #[test]
    fn hardware_has_cores() {
        assert!(Hardware::detect().cores >= 1);
    }
}
