//! A wall plug, BMC or power strip, read by a command of the user.
//!
//! The command prints one number, with a unit if it is not watts: `41.2`, `41.2 W`, `0.3 kW` for
//! power; `12.5 kWh`, `90 Wh`, `3 MJ`, `5 kJ`, `7 J` for a counter of energy. It runs on a thread
//! of its own, so that a slow one holds up nothing. Power holds until the next reading. The reading
//! covers the whole machine, so no part is counted beside it. One sigma of the plug's scale is
//! taken as 3 %.

use std::io::Read as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::clock::Moment;
use crate::counter::{Accumulator, CounterTraits};
use crate::power_integral::PowerIntegral;
use crate::provenance::Provenance;
use crate::source::{Channel, Scope, Source, Uncertainty};

/// Mean power of a machine above which a reading is not believed, W.
const LIMIT_W: f64 = 100_000.0;
/// Relative standard uncertainty of a plug meter.
const SCALE_SIGMA: f64 = 0.03;
/// Time between two runs of the command.
const PERIOD: Duration = Duration::from_secs(1);
/// A run of the command that takes longer is ended.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A reading of power holds at most so long, ns.
const HOLD_NS: u64 = 10_000_000_000;

/// Why a command gave no reading.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CommandFault {
    /// The shell could not be started.
    #[error("it could not be started ({reason})")]
    Start {
        /// The system's reason.
        reason: String,
    },
    /// It ran for too long.
    #[error("it took more than {} s", TIMEOUT.as_secs())]
    Slow,
    /// It ended with an exit code other than 0.
    #[error("it ended with {status}")]
    Status {
        /// Its end, in the system's words.
        status: String,
    },
    /// It printed no number, or one with an unknown unit.
    #[error("it printed {text:?}; wanted is a number, with its unit if it has one")]
    Text {
        /// What it printed.
        text: String,
    },
}

/// One reading of the command.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WallReading {
    /// Present power, W.
    Power {
        /// Watts.
        watts: f64,
    },
    /// Energy since some fixed moment, J.
    Energy {
        /// Joules.
        joules: f64,
    },
}

/// Runs `command` in a shell, once.
///
/// # Errors
/// [`CommandFault`]
pub fn read_wall(command: &str) -> Result<WallReading, CommandFault> {
    let text = output_of(command)?;
    parse(&text).ok_or(CommandFault::Text { text })
}

/// What `command` prints, without white space around it.
pub(crate) fn output_of(command: &str) -> Result<String, CommandFault> {
    let started = Instant::now();
    let mut child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| CommandFault::Start { reason: error.to_string() })?;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < TIMEOUT => thread::sleep(Duration::from_millis(5)),
            _ => {
                end(&mut child);
                return Err(CommandFault::Slow);
            }
        }
    };
    if !status.success() {
        return Err(CommandFault::Status { status: status.to_string() });
    }
    let mut text = String::new();
    if let Some(mut out) = child.stdout.take() {
        // what is no text shows in the message of whoever reads it
        let _ = out.by_ref().take(4_096).read_to_string(&mut text);
    }
    Ok(text.trim().to_owned())
}

fn end(child: &mut Child) {
    // a child that is already gone needs no end
    let _ = child.kill();
    let _ = child.wait();
}

/// The first number of `text` and the unit after it.
fn parse(text: &str) -> Option<WallReading> {
    let text = text.trim();
    let split = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c)));
    let (number, rest) = text.split_at(split.unwrap_or(text.len()));
    let value: f64 = number.parse().ok().filter(|v: &f64| v.is_finite() && *v >= 0.0)?;
    let power = |factor: f64| Some(WallReading::Power { watts: value * factor });
    let energy = |factor: f64| Some(WallReading::Energy { joules: value * factor });
    match rest.split_whitespace().next().unwrap_or("W") {
        "W" => power(1.0),
        "kW" => power(1e3),
        "mW" => power(1e-3),
        "J" => energy(1.0),
        "kJ" => energy(1e3),
        "MJ" => energy(1e6),
        "Wh" => energy(3.6e3),
        "kWh" => energy(3.6e6),
        _ => None,
    }
}

/// Readings that the command's thread has made and the source has not taken yet.
#[derive(Default)]
struct Inbox {
    readings: Vec<(Instant, WallReading)>,
    fault: Option<CommandFault>,
    stop: bool,
}

#[derive(Default)]
struct Shared {
    inbox: Mutex<Inbox>,
    wake: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inbox> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Method {
    Power(PowerIntegral),
    Energy(Accumulator),
}

/// The whole machine as a command of the user reads it.
pub struct WallSource {
    channel: Channel,
    shared: Arc<Shared>,
    method: Method,
    energy_uj: u64,
    fault: Option<CommandFault>,
}

impl WallSource {
    /// Runs the command once, then once a second on a thread of its own until dropped.
    ///
    /// # Errors
    /// If the first run gives no reading, or a power of 0 W: a running machine draws more.
    pub fn start(command: &str) -> Result<Self, CommandFault> {
        let first = read_wall(command)?;
        let (method, what) = match first {
            WallReading::Power { watts } if watts <= 0.0 => {
                return Err(CommandFault::Text { text: format!("{watts} W") });
            }
            WallReading::Power { .. } => {
                (Method::Power(PowerIntegral::new(LIMIT_W, HOLD_NS)), "power, held until the next")
            }
            WallReading::Energy { .. } => {
                let traits = CounterTraits {
                    range_uj: None,
                    limit_w: LIMIT_W,
                    update_s: PERIOD.as_secs_f64(),
                    scale_sigma: SCALE_SIGMA,
                };
                (Method::Energy(Accumulator::new(traits)), "energy")
            }
        };
        let shared = Arc::new(Shared::default());
        shared.lock().readings.push((Instant::now(), first));
        let (inbox, text) = (Arc::clone(&shared), command.to_owned());
        thread::Builder::new()
            .name("surrogate-wall".to_owned())
            .spawn(move || read_until_stopped(&inbox, &text))
            .map_err(|error| CommandFault::Start { reason: error.to_string() })?;
        Ok(Self {
            channel: Channel {
                name: "wall".to_owned(),
                provenance: Provenance::Measured,
                how: format!("whole machine by the command `{command}`, once a second: {what}"),
                family: "wall".to_owned(),
            },
            shared,
            method,
            energy_uj: 0,
            fault: None,
        })
    }
}

fn read_until_stopped(shared: &Shared, command: &str) {
    let mut inbox = shared.lock();
    while !inbox.stop {
        inbox = shared.wake.wait_timeout(inbox, PERIOD).unwrap_or_else(PoisonError::into_inner).0;
        if inbox.stop {
            break;
        }
        drop(inbox);
        let reading = read_wall(command);
        let now = Instant::now();
        inbox = shared.lock();
        match reading {
            Ok(reading) => {
                inbox.readings.push((now, reading));
                inbox.fault = None;
            }
            Err(fault) => inbox.fault = Some(fault),
        }
    }
}

impl Source for WallSource {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn read(&mut self, now: Moment) -> u64 {
        let (readings, fault) = {
            let mut inbox = self.shared.lock();
            (std::mem::take(&mut inbox.readings), inbox.fault.clone())
        };
        self.fault = fault;
        for (at, reading) in readings {
            let age_ns = u64::try_from(at.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let at_ns = now.wall_ns.saturating_sub(age_ns);
            match (&mut self.method, reading) {
                (Method::Power(integral), WallReading::Power { watts }) => {
                    integral.take(Some(watts), at_ns);
                }
                (Method::Energy(counter), WallReading::Energy { joules }) => {
                    let moment = Moment { wall_ns: at_ns, ..now };
                    counter.take(Some((joules * 1e6).round() as u64), moment);
                }
                _ => {
                    let text = "power and energy in turn".to_owned();
                    self.fault = Some(CommandFault::Text { text });
                }
            }
        }
        let energy_uj = match &mut self.method {
            Method::Power(integral) => integral.energy_uj(now.wall_ns),
            Method::Energy(counter) => counter.take(None, now),
        };
        self.energy_uj = self.energy_uj.max(energy_uj);
        self.energy_uj
    }

    fn uncertainty(&self) -> Uncertainty {
        match &self.method {
            Method::Energy(counter) => counter.uncertainty(),
            Method::Power(integral) => {
                let scale = SCALE_SIGMA * self.energy_uj as f64;
                let sigma = scale.hypot(integral.step_sigma_uj()) + integral.unseen_uj();
                Uncertainty::additive(self.energy_uj, sigma.round() as u64)
            }
        }
    }

    fn trouble(&self) -> Option<String> {
        let method = match &self.method {
            Method::Power(integral) => integral.trouble(),
            // between two readings a counter is not silent
            Method::Energy(counter) => self.fault.as_ref().and_then(|_| counter.trouble()),
        };
        let fault = self.fault.as_ref().map(|fault| format!("last run of the command: {fault}"));
        let parts: Vec<String> = method.into_iter().chain(fault).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }
}

impl Drop for WallSource {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_read_and_others_are_not() {
        assert_eq!(parse("41.5\n"), Some(WallReading::Power { watts: 41.5 }));
        assert_eq!(parse(" 0.3 kW extra"), Some(WallReading::Power { watts: 300.0 }));
        assert_eq!(parse("2kWh"), Some(WallReading::Energy { joules: 7.2e6 }));
        for text in ["", "W", "-3 W", "nan", "12 horsepower", "power: 3 W"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_command_that_fails_says_how() {
        assert!(matches!(read_wall("exit 3"), Err(CommandFault::Status { .. })));
        assert!(matches!(read_wall("echo moo"), Err(CommandFault::Text { .. })));
        assert!(matches!(WallSource::start("echo 0"), Err(CommandFault::Text { .. })));
    }

    #[test]
    fn constant_power_gives_power_times_time() {
        let mut source = WallSource::start("echo 50 W").unwrap();
        let clock = crate::clock::Clock::start(crate::cpu_time::CpuScope::Process);
        assert!(source.read(clock.now()) < 50_000);
        while clock.wall_ns() < 30_000_000 {
            std::hint::spin_loop();
        }
        let now = clock.now();
        let energy_j = source.read(now) as f64 * 1e-6;
        let expected = 50.0 * now.wall_ns as f64 * 1e-9;
        assert!((energy_j - expected).abs() < 0.05 * expected, "{energy_j} and {expected}");
        assert_eq!(source.trouble(), None);
        assert_eq!(source.channel().provenance, Provenance::Measured);
    }
}
