//! The zones of the kernel's powercap tree and what each one counts.
//!
//! A zone is known by its `name` file, never by its number: numbers move between machines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What a zone counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Domain {
    /// A processor package (or die of one): `package-<n>` or `package-<n>-die-<d>`.
    Package,
    /// Memory, with the name of the package zone it lies in; `None` at the top level.
    Dram(Option<String>),
    /// The whole platform, packages included: `psys`.
    Platform,
    /// Something that others contain or that contains others, with the reason for leaving it out.
    Overlapping(&'static str),
}

/// One zone directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Zone {
    /// Directory name, e.g. `intel-rapl:0:2`.
    pub(crate) id: String,
    pub(crate) dir: PathBuf,
    pub(crate) name: String,
    pub(crate) domain: Domain,
}

impl Zone {
    /// Zones of one key count the same thing through different readers.
    pub(crate) fn channel_name(&self) -> String {
        match &self.domain {
            Domain::Dram(Some(package)) => {
                format!("dram-{}", package.strip_prefix("package-").unwrap_or(package))
            }
            Domain::Dram(None) => format!("dram:{}", self.id.rsplit(':').next().unwrap_or("0")),
            Domain::Package | Domain::Platform | Domain::Overlapping(_) => self.name.clone(),
        }
    }

    /// The package that this zone is a die of; `None` if it is not one.
    pub(crate) fn socket_of_die(&self) -> Option<&str> {
        self.name.split_once("-die-").map(|(socket, _)| socket)
    }
}

/// Lists the zones under `powercap`, twins through `mmio` last, else by number.
pub(crate) fn list(powercap: &Path) -> io::Result<Vec<Zone>> {
    let mut named: Vec<(String, String)> = fs::read_dir(powercap)?
        .filter_map(Result::ok)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|id| !numbers(id).is_empty())
        .filter_map(|id| {
            let name = fs::read(powercap.join(&id).join("name")).ok()?;
            Some((id, String::from_utf8_lossy(&name).trim().to_owned()))
        })
        .collect();
    named.sort_by_key(|(id, _)| (id.contains("mmio"), numbers(id), id.clone()));
    let zones = named.iter().map(|(id, name)| {
        let parent = id.rsplit_once(':').map(|(parent, _)| parent);
        let package = named
            .iter()
            .find(|(other, name)| Some(other.as_str()) == parent && is_package(name))
            .map(|(_, name)| name.clone());
        Zone {
            id: id.clone(),
            dir: powercap.join(id),
            name: name.clone(),
            domain: domain_of(name, package),
        }
    });
    Ok(zones.collect())
}

fn domain_of(name: &str, package: Option<String>) -> Domain {
    match name {
        "dram" => Domain::Dram(package),
        "psys" => Domain::Platform,
        "core" | "uncore" => Domain::Overlapping("it is a part of its package"),
        _ if is_package(name) => Domain::Package,
        _ => Domain::Overlapping("a zone of this name is not known to lie outside the packages"),
    }
}

/// `package-<n>` or `package-<n>-die-<d>`, numbers of any length.
fn is_package(name: &str) -> bool {
    let number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let Some(rest) = name.strip_prefix("package-") else {
        return false;
    };
    match rest.split_once("-die-") {
        Some((package, die)) => number(package) && number(die),
        None => number(rest),
    }
}

/// The numbers after the colons of a zone's directory name; empty if it has none.
fn numbers(id: &str) -> Vec<u64> {
    id.split(':').skip(1).map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn package_names_of_any_length_are_known() {
        for name in ["package-0", "package-12", "package-0-die-1", "package-10-die-11"] {
            assert!(is_package(name), "{name}");
        }
        for name in ["package-", "package-x", "package-0-die-", "core", "", "package-0-die-1-2"] {
            assert!(!is_package(name), "{name}");
        }
    }

    #[test]
    fn zone_numbers_sort_as_numbers() {
        assert!(numbers("intel-rapl:2") < numbers("intel-rapl:10"));
        assert_eq!(numbers("intel-rapl:10:3"), [10, 3]);
        assert!(numbers("intel-rapl").is_empty());
    }
}
