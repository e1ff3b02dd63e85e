//! Correction of the meter by a wall plug: P_wall = a + b P_meter, fitted on this host.
//!
//! Once a host is calibrated, each channel is multiplied by b and a channel `rest` adds a for every
//! second: power supply losses, fans, disks. These numbers are called calibrated. One sigma is the
//! residual of the fit over its mean power; with two points there is none, and 9.4 % is taken, what
//! such a fit leaves on published runs on processors.
//!
//! Source: Fischer (2025), whose 318 published runs give offsets near 50 W, slopes of 1.1 to 1.25
//! and residuals of 4.4 % (GPU) and 9.4 % (processor).

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::clock::{Moment, seconds};
use crate::provenance::Provenance;
use crate::source::{Channel, Scope, Source, Uncertainty};

/// Relative sigma where the fit leaves no residual to judge by.
const UNKNOWN_RESIDUAL: f64 = 0.094;
/// Two readings of the meter closer than this, relative, are one load.
const DISTINCT: f64 = 0.05;
/// First line of a file.
const HEADER: &str = "surrogate-meter calibration 1";

/// Mean powers under one load, W.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CalibrationPoint {
    /// What the meter said, W.
    pub meter_w: f64,
    /// What the plug said, W.
    pub wall_w: f64,
}

/// The readings of one host.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Calibration {
    /// Channels that the meter had; the fit holds for these only.
    pub channels: Vec<String>,
    /// The readings, in the order in which they were made.
    pub points: Vec<CalibrationPoint>,
}

/// The fitted line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WallLine {
    /// Power that the meter never sees, W; 0 or more.
    pub offset_w: f64,
    /// Watts at the plug for each watt of the meter.
    pub slope: f64,
    /// Standard deviation of the residuals over the mean wall power.
    pub relative_sigma: f64,
}

/// Why there is no calibration.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// One load only.
    #[error(
        "{points} reading(s) under {loads} load(s): a line needs two loads, such as idle and busy"
    )]
    OneLoad {
        /// Readings.
        points: usize,
        /// Loads that can be told apart.
        loads: usize,
    },
    /// The plug does not follow the meter.
    #[error("the plug's power falls as the meter's rises (slope {slope:.3}): check the readings")]
    Falling {
        /// The slope.
        slope: f64,
    },
    /// A reading is no power.
    #[error("{watts} is no power: wanted is a number of watts above 0")]
    Power {
        /// What was given.
        watts: f64,
    },
    /// A file is not one of ours.
    #[error("{path}: line {line} of the calibration cannot be read: {text:?}")]
    Format {
        /// The file.
        path: PathBuf,
        /// Line of the file.
        line: usize,
        /// What stands there.
        text: String,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        source: io::Error,
    },
}

impl Calibration {
    /// Adds the readings of one load.
    ///
    /// # Errors
    /// [`CalibrationError::Power`]
    pub fn add(&mut self, point: CalibrationPoint) -> Result<(), CalibrationError> {
        for watts in [point.meter_w, point.wall_w] {
            if !(watts.is_finite() && watts > 0.0) {
                return Err(CalibrationError::Power { watts });
            }
        }
        self.points.push(point);
        Ok(())
    }

    /// Fits the line by least squares. A negative offset means that the meter sees more than the
    /// plug when idle; then the line goes through the origin.
    ///
    /// # Errors
    /// [`CalibrationError::OneLoad`], [`CalibrationError::Falling`]
    pub fn line(&self) -> Result<WallLine, CalibrationError> {
        let n = self.points.len() as f64;
        let mut loads: Vec<f64> = self.points.iter().map(|p| p.meter_w).collect();
        loads.sort_by(f64::total_cmp);
        loads.dedup_by(|b, a| *b <= *a * (1.0 + DISTINCT));
        if loads.len() < 2 {
            let (points, loads) = (self.points.len(), loads.len());
            return Err(CalibrationError::OneLoad { points, loads });
        }
        let mean = |of: fn(&CalibrationPoint) -> f64| self.points.iter().map(of).sum::<f64>() / n;
        let (x, y) = (mean(|p| p.meter_w), mean(|p| p.wall_w));
        let cross = |a: f64, b: f64| {
            self.points.iter().map(|p| (p.meter_w - a) * (p.wall_w - b)).sum::<f64>()
        };
        let square = |a: f64| self.points.iter().map(|p| (p.meter_w - a).powi(2)).sum::<f64>();
        let mut slope = cross(x, y) / square(x);
        let mut offset_w = y - slope * x;
        let mut parameters = 2.0;
        if offset_w < 0.0 {
            (slope, offset_w, parameters) = (cross(0.0, 0.0) / square(0.0), 0.0, 1.0);
        }
        if slope.is_nan() || slope <= 0.0 {
            return Err(CalibrationError::Falling { slope });
        }
        let residual = |p: &CalibrationPoint| (p.wall_w - offset_w - slope * p.meter_w).powi(2);
        let squares: f64 = self.points.iter().map(residual).sum();
        let free = n - parameters;
        let relative_sigma = if n > 2.0 {
            (squares / free).sqrt() / y
        } else {
            UNKNOWN_RESIDUAL.max(squares.sqrt() / y)
        };
        Ok(WallLine { offset_w, slope, relative_sigma })
    }

    /// Range of the plug's powers, W: outside it the line is extrapolated.
    #[must_use]
    pub fn wall_range_w(&self) -> Option<(f64, f64)> {
        let powers = || self.points.iter().map(|p| p.wall_w);
        Some((powers().reduce(f64::min)?, powers().reduce(f64::max)?))
    }

    /// The file of `host` in `folder`.
    #[must_use]
    pub fn path(folder: &Path, host: &str) -> PathBuf {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' };
        folder.join(format!("{}.calibration", host.chars().map(plain).collect::<String>()))
    }

    /// Where calibrations are kept: `surrogate` in the user's folder for settings. `None` if the
    /// environment names none.
    #[must_use]
    pub fn folder() -> Option<PathBuf> {
        let from = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let settings = from("XDG_CONFIG_HOME").map(PathBuf::from);
        let settings = settings.or_else(|| Some(PathBuf::from(from("HOME")?).join(".config")));
        Some(settings?.join("surrogate"))
    }

    /// Reads a file; `None` if there is none.
    ///
    /// # Errors
    /// [`CalibrationError::File`], [`CalibrationError::Format`]
    pub fn read(path: &Path) -> Result<Option<Self>, CalibrationError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(CalibrationError::File { path: path.to_owned(), source }),
        };
        let mut calibration = Self::default();
        for (at, line) in text.lines().enumerate() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let number = |i: usize| words.get(i).and_then(|w| w.parse::<f64>().ok());
            let understood = match words.first() {
                _ if at == 0 => line == HEADER,
                None => true,
                Some(&"channel") => {
                    calibration.channels.extend(words.get(1).map(|&w| w.to_owned()));
                    words.len() == 2
                }
                Some(&"watts") => match (number(1), number(2)) {
                    (Some(meter_w), Some(wall_w)) => {
                        calibration.add(CalibrationPoint { meter_w, wall_w }).is_ok()
                    }
                    _ => false,
                },
                _ => false,
            };
            if !understood {
                let (path, text) = (path.to_owned(), line.to_owned());
                return Err(CalibrationError::Format { path, line: at + 1, text });
            }
        }
        Ok(Some(calibration))
    }

    /// Writes a file whole: to a temporary one beside it, then renamed.
    ///
    /// # Errors
    /// [`CalibrationError::File`]
    pub fn write(&self, path: &Path) -> Result<(), CalibrationError> {
        let mut text = format!("{HEADER}\n");
        for channel in &self.channels {
            let _ = writeln!(text, "channel {channel}");
        }
        for point in &self.points {
            let _ = writeln!(text, "watts {} {}", point.meter_w, point.wall_w);
        }
        let temporary = path.with_extension("calibration.new");
        let written = path
            .parent()
            .map_or(Ok(()), fs::create_dir_all)
            .and_then(|()| fs::write(&temporary, text))
            .and_then(|()| fs::rename(&temporary, path));
        written.map_err(|source| CalibrationError::File { path: path.to_owned(), source })
    }
}

/// Corrects `sources` by `line` and adds the channel `rest`.
#[must_use]
pub fn calibrated(sources: Vec<Box<dyn Source>>, line: WallLine) -> Vec<Box<dyn Source>> {
    let mut corrected: Vec<Box<dyn Source>> = Vec::with_capacity(sources.len() + 1);
    for inner in sources {
        let channel = Channel {
            provenance: Provenance::Calibrated,
            how: format!("{:.4} x {}", line.slope, inner.channel().how),
            family: FAMILY.to_owned(),
            ..inner.channel().clone()
        };
        corrected.push(Box::new(Corrected { channel, inner, line, energy_uj: 0 }));
    }
    let channel = Channel {
        name: "rest".to_owned(),
        provenance: Provenance::Calibrated,
        how: format!("{:.2} W that the other channels do not see, by the wall plug", line.offset_w),
        family: FAMILY.to_owned(),
    };
    corrected.push(Box::new(Rest { channel, line, start_ns: None, energy_uj: 0 }));
    corrected
}

/// All channels of a calibrated meter err together.
const FAMILY: &str = "wall calibration";

struct Corrected {
    channel: Channel,
    inner: Box<dyn Source>,
    line: WallLine,
    energy_uj: u64,
}

fn relative(energy_uj: u64, line: WallLine) -> u64 {
    (energy_uj as f64 * line.relative_sigma).round() as u64
}

impl Source for Corrected {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn scope(&self) -> Scope {
        self.inner.scope()
    }

    fn read(&mut self, now: Moment) -> u64 {
        let energy = self.line.slope * self.inner.read(now) as f64;
        self.energy_uj = self.energy_uj.max(energy.round() as u64);
        self.energy_uj
    }

    fn uncertainty(&self) -> Uncertainty {
        let mut sigma = relative(self.energy_uj, self.line);
        if self.inner.trouble().is_some() {
            // what the source missed, the plug's line cannot know
            let own = self.inner.uncertainty().sigma_uj as f64 * self.line.slope;
            sigma = sigma.max(own.round() as u64);
        }
        Uncertainty::additive(self.energy_uj, sigma)
    }

    fn trouble(&self) -> Option<String> {
        self.inner.trouble()
    }
}

struct Rest {
    channel: Channel,
    line: WallLine,
    start_ns: Option<u64>,
    energy_uj: u64,
}

impl Source for Rest {
    fn channel(&self) -> &Channel {
        &self.channel
    }

    fn scope(&self) -> Scope {
        Scope::Machine
    }

    fn read(&mut self, now: Moment) -> u64 {
        let start_ns = *self.start_ns.get_or_insert(now.wall_ns);
        let energy_j = self.line.offset_w * seconds(now.wall_ns.saturating_sub(start_ns));
        self.energy_uj = self.energy_uj.max((energy_j * 1e6).round() as u64);
        self.energy_uj
    }

    fn uncertainty(&self) -> Uncertainty {
        Uncertainty::additive(self.energy_uj, relative(self.energy_uj, self.line))
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests;
