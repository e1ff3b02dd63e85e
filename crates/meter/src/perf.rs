//! Energy counters as perf events: the kernel's `power` unit (Intel RAPL, AMD).
//!
//! The kernel accumulates these in 64 bits, so they do not wrap; a decrease is a reset. One event
//! is opened for each CPU of the unit's `cpumask`, which holds one CPU for each socket (or die).
//! Counted: `energy-pkg` and `energy-ram`; `energy-psys`, which contains the packages, only where
//! no package lives; `energy-cores` and `energy-gpu` are parts of a package. That an event is
//! listed proves nothing: kernels list events that stay at 0.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use crate::counter_file::{CounterFault, number_in};
use crate::counter_source::{
    Candidate, CounterSource, Counters, Part, RawCounter, living, same_numbers,
};
use crate::finding::Rejection;
use crate::source::Source;

/// How one event is opened on one CPU; tests put in pipes.
pub(crate) type Opener<'a> = &'a mut dyn FnMut(EventCode) -> io::Result<File>;

/// What the kernel needs to open an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EventCode {
    /// Number of the performance unit.
    pub(crate) unit: u32,
    /// Number of the event within the unit.
    pub(crate) event: u64,
    /// CPU whose socket is counted.
    pub(crate) cpu: u32,
}

/// An open event: every read gives the present count as 8 bytes.
struct PerfCounter {
    file: File,
    uj_per_count: f64,
}

impl RawCounter for PerfCounter {
    fn read_uj(&mut self) -> Result<u64, CounterFault> {
        let mut count = [0_u8; 8];
        self.file.read_exact(&mut count)?;
        // f64 holds a count to 2^-52 of its size: below a microjoule up to 4 GJ
        Ok((u64::from_ne_bytes(count) as f64 * self.uj_per_count).round() as u64)
    }
}

/// One event on one socket.
struct Place {
    event: String,
    cpu: u32,
    part: Part,
    /// `0`, or `0-die-1` where a socket has several counters.
    socket: String,
    package: u64,
}

impl Place {
    fn label(&self) -> String {
        format!("perf event power/{}/ on cpu {}", self.event, self.cpu)
    }

    fn channel_name(&self) -> String {
        match self.part {
            Part::Package => format!("package-{}", self.socket),
            Part::Memory => format!("dram-{}", self.socket),
            Part::Platform => "psys".to_owned(),
        }
    }
}

/// Finds the live events under `sysfs_root`; `load` keeps the machine busy for one step.
pub(crate) fn find(sysfs_root: &Path, open: Opener<'_>, load: &mut dyn FnMut()) -> Counters {
    let mut found = Counters::default();
    let unit_dir = sysfs_root.join("bus/event_source/devices/power");
    let Some(unit) = number_in(&unit_dir.join("type")).and_then(|n| u32::try_from(n).ok()) else {
        found.absent = Some("the kernel has no perf unit `power`".to_owned());
        return found;
    };
    let sockets = sockets(sysfs_root, &unit_dir);
    let mut main = Vec::new();
    let mut platform = Vec::new();
    for (event, part) in events(&unit_dir, &mut found.rejected) {
        let scale = match scale_of(&unit_dir, &event) {
            Ok(scale) => scale,
            Err(why) => {
                let what = format!("perf event power/{event}/");
                found.rejected.push(Rejection::missing(what, why));
                continue;
            }
        };
        for (cpu, (package, socket)) in &sockets {
            let (event, socket) = (event.clone(), socket.clone());
            let place = Place { event, cpu: *cpu, part, socket, package: *package };
            found.packages_listed += usize::from(part == Part::Package);
            if part == Part::Platform { &mut platform } else { &mut main }.push((
                place,
                scale,
                EventCode { unit, event: scale.code, cpu: *cpu },
            ));
        }
    }
    let main = open_all(main, open, &mut found.rejected);
    let alive = living(main, load, Place::label, &mut found.rejected);
    for candidate in without_mirrors(alive, &mut found.rejected) {
        match candidate.what.part {
            Part::Memory => found.drams.push(source(candidate)),
            Part::Package | Part::Platform => found.packages.push(source(candidate)),
        }
    }
    if found.packages.is_empty() {
        let platform = open_all(platform, open, &mut found.rejected);
        let alive = living(platform, load, Place::label, &mut found.rejected);
        // on several sockets the first reports the whole platform
        found.platforms.extend(alive.into_iter().next().map(source));
    } else {
        let reason = "it contains the packages: counted on top, it would double";
        let redundant = platform.iter().map(|(p, ..)| Rejection::redundant(p.label(), reason));
        found.rejected.extend(redundant);
    }
    found
}

fn source(candidate: Candidate<Place, PerfCounter>) -> Box<dyn Source> {
    let place = candidate.what;
    let how = format!("{}: {}, all processes on it", place.label(), place.part.words());
    Box::new(CounterSource::new(place.channel_name(), how, place.part, None, candidate.raw))
}

/// One CPU for each socket or die, with the package's number and the socket's name.
fn sockets(sysfs_root: &Path, unit_dir: &Path) -> BTreeMap<u32, (u64, String)> {
    let mask = fs::read_to_string(unit_dir.join("cpumask")).unwrap_or_default();
    let cpus: Vec<u32> = cpu_list(mask.trim());
    let of = |cpu: u32, what: &str| {
        number_in(&sysfs_root.join(format!("devices/system/cpu/cpu{cpu}/topology/{what}")))
    };
    // without a topology file, CPUs count as sockets in their order
    let package = |(i, &cpu): (usize, &u32)| of(cpu, "physical_package_id").unwrap_or(i as u64);
    let packages: Vec<u64> = cpus.iter().enumerate().map(package).collect();
    let name = |(i, &cpu): (usize, &u32)| {
        let package = packages[i];
        let several = packages.iter().filter(|&&p| p == package).count() > 1;
        let nth = packages[..i].iter().filter(|&&p| p == package).count() as u64;
        let die = of(cpu, "die_id").unwrap_or(nth);
        let name = if several { format!("{package}-die-{die}") } else { package.to_string() };
        (cpu, (package, name))
    };
    cpus.iter().enumerate().map(name).collect()
}

/// `0,28` or `0-1`; what is no number is left out.
fn cpu_list(text: &str) -> Vec<u32> {
    let mut cpus = Vec::new();
    for part in text.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse(), last.trim().parse::<u32>()) {
            cpus.extend((first..=last).take(4_096));
        }
    }
    cpus
}

/// The energy events that the unit lists, those inside a package left out.
fn events(unit_dir: &Path, rejected: &mut Vec<Rejection>) -> Vec<(String, Part)> {
    let listed = fs::read_dir(unit_dir.join("events")).into_iter().flatten();
    let mut names: Vec<String> = listed
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("energy-") && !name.contains('.'))
        .collect();
    names.sort();
    let mut kept = Vec::new();
    for name in names {
        let part = match name.as_str() {
            "energy-pkg" => Part::Package,
            "energy-ram" => Part::Memory,
            "energy-psys" => Part::Platform,
            _ => {
                let what = format!("perf event power/{name}/");
                rejected.push(Rejection::redundant(what, "it is a part of its package"));
                continue;
            }
        };
        kept.push((name, part));
    }
    kept
}

/// How an event is asked for, and what one count is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Scale {
    code: u64,
    uj_per_count: f64,
}

fn scale_of(unit_dir: &Path, event: &str) -> Result<Scale, String> {
    let text = |ending: &str| {
        let text = fs::read_to_string(unit_dir.join("events").join(format!("{event}{ending}")));
        text.map(|text| text.trim().to_owned()).unwrap_or_default()
    };
    let code = text("");
    let number = code.split(',').find_map(|part| part.trim().strip_prefix("event=0x"));
    let number = number.and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let number = number.ok_or_else(|| format!("its code cannot be read: {code:?}"))?;
    let unit = text(".unit");
    if unit != "Joules" {
        return Err(format!("its unit is {unit:?}, not Joules"));
    }
    let scale: Option<f64> = text(".scale").parse().ok();
    let scale = scale.filter(|joules| joules.is_finite() && *joules > 0.0);
    let joules = scale.ok_or_else(|| format!("its scale is no number: {:?}", text(".scale")))?;
    Ok(Scale { code: number, uj_per_count: joules * 1e6 })
}

fn open_all(
    places: Vec<(Place, Scale, EventCode)>,
    open: Opener<'_>,
    rejected: &mut Vec<Rejection>,
) -> Vec<(Place, PerfCounter)> {
    let mut opened = Vec::new();
    for (place, scale, code) in places {
        match open(code) {
            Ok(file) => {
                opened.push((place, PerfCounter { file, uj_per_count: scale.uj_per_count }));
            }
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                let why = "the kernel lets only privileged programs count a whole socket";
                let program = std::env::current_exe()
                    .map_or_else(|_| "PROGRAM".to_owned(), |path| path.display().to_string());
                let command = format!("sudo setcap cap_perfmon=ep {program}");
                rejected.push(Rejection::missing(place.label(), why).unlocked_by(command));
            }
            Err(error) => {
                let why = format!("the kernel refuses it ({error})");
                rejected.push(Rejection::missing(place.label(), why));
            }
        }
    }
    opened
}

/// Keeps one of the dies of a socket that show one and the same counter.
fn without_mirrors(
    alive: Vec<Candidate<Place, PerfCounter>>,
    rejected: &mut Vec<Rejection>,
) -> Vec<Candidate<Place, PerfCounter>> {
    let mut kept: Vec<Candidate<Place, PerfCounter>> = Vec::new();
    for candidate in alive {
        let mirror = kept.iter().find(|k| {
            k.what.part == candidate.what.part
                && k.what.package == candidate.what.package
                && same_numbers(k.seen, candidate.seen)
        });
        if let Some(mirror) = mirror {
            let why = format!("it mirrors {}", mirror.what.label());
            rejected.push(Rejection::redundant(candidate.what.label(), why));
        } else {
            kept.push(candidate);
        }
    }
    kept
}

/// Asks the kernel for an event that counts all processes on one CPU's socket.
#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
pub(crate) fn open_event(code: EventCode) -> io::Result<File> {
    use std::os::fd::FromRawFd;

    /// The first version of the kernel's `perf_event_attr`, 64 bytes.
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        kind: u32,
        size: u32,
        config: u64,
        period: u64,
        sample_type: u64,
        read_format: u64,
        flags: u64,
        wakeup: u32,
        breakpoint: u32,
        config1: u64,
    }
    let attributes = Attributes {
        kind: code.unit,
        size: size_of::<Attributes>() as u32,
        config: code.event,
        ..Attributes::default()
    };
    let cpu = i64::from(code.cpu);
    // SAFETY: the pointer is to a live struct of the size that its `size` field states; the kernel
    // only reads it. The other arguments are numbers: all processes, this CPU, no group, close on
    // exec.
    let fd = unsafe {
        libc::syscall(libc::SYS_perf_event_open, &raw const attributes, -1_i64, cpu, -1_i64, 8_u64)
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just given this descriptor to us, and nobody else holds it.
    i32::try_from(fd)
        .map(|fd| unsafe { File::from_raw_fd(fd) })
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))
}

/// Other systems have no perf events.
#[cfg(not(target_os = "linux"))]
pub(crate) fn open_event(_code: EventCode) -> io::Result<File> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

#[cfg(test)]
mod tests;
