//! The present carbon intensity from a public service. Nothing is asked unless [`ask`] is called.
//!
//! Requests go through the system's `curl`, which knows the system's certificates and proxies; keys
//! come from the environment and reach it through its standard input, so that no list of processes
//! shows them.
//!
//! | service | key | signal |
//! |---|---|---|
//! | Electricity Maps | `ELECTRICITY_MAPS_TOKEN` | average |
//! | WattTime | `WATTTIME_TOKEN` | marginal |
//! | UK Carbon Intensity | none | average, Great Britain |

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::provenance::Provenance;
use crate::quantity::Quantity;

/// Grams of a pound over the kilowatt-hours of a megawatt-hour.
const G_PER_KWH_OF_LB_PER_MWH: f64 = 453.592_37 / 1_000.0;
/// Relative sigma of a service's estimate; services state none.
const SIGMA: f64 = 0.10;

/// A service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Electricity Maps, version 3.
    ElectricityMaps,
    /// WattTime, version 3.
    WattTime,
    /// The national grid operator's service for Great Britain.
    UkCarbonIntensity,
}

impl Provider {
    /// Lower-case word for options and files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::ElectricityMaps => "electricity-maps",
            Self::WattTime => "watttime",
            Self::UkCarbonIntensity => "uk-carbon-intensity",
        }
    }

    /// The inverse of [`Provider::word`].
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::ElectricityMaps, Self::WattTime, Self::UkCarbonIntensity]
            .into_iter()
            .find(|provider| provider.word() == word)
    }

    const fn base(self) -> &'static str {
        match self {
            Self::ElectricityMaps => "https://api.electricitymap.org",
            Self::WattTime => "https://api.watttime.org",
            Self::UkCarbonIntensity => "https://api.carbonintensity.org.uk",
        }
    }

    /// Name of the environment variable of the key.
    const fn key_name(self) -> Option<&'static str> {
        match self {
            Self::ElectricityMaps => Some("ELECTRICITY_MAPS_TOKEN"),
            Self::WattTime => Some("WATTTIME_TOKEN"),
            Self::UkCarbonIntensity => None,
        }
    }
}

/// What an intensity tells: the mix of all plants, or the plant that follows demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Of the mix: for accounts.
    Average,
    /// Of the plant at the margin: for decisions; not to be mixed with averages.
    Marginal,
}

/// A service's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct LiveIntensity {
    /// gCO2e/kWh, with the time that it holds for as its vintage.
    pub intensity: Quantity,
    /// Which of the two kinds it is.
    pub signal: Signal,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The key is missing.
    #[error("{service} wants a key: set {variable}")]
    NoKey {
        /// The service.
        service: &'static str,
        /// The environment variable.
        variable: &'static str,
    },
    /// The zone's name is none.
    #[error("{zone:?} is no name of a zone: letters, digits, - and _ only")]
    Zone {
        /// What was given.
        zone: String,
    },
    /// `curl` could not be run.
    #[error("the program curl cannot be run: {source}")]
    Curl {
        /// The system's reason.
        #[source]
        source: io::Error,
    },
    /// The request failed.
    #[error("{service} did not answer: {reason}")]
    Request {
        /// The service.
        service: &'static str,
        /// curl's words.
        reason: String,
    },
    /// The answer is not of the service's form.
    #[error("{service} answered without an intensity: {text}")]
    Answer {
        /// The service.
        service: &'static str,
        /// The beginning of the answer.
        text: String,
    },
}

/// Asks `provider` for the present intensity of `zone` (ignored by the service for Great Britain).
/// `base` replaces the service's address, for tests and proxies. Takes at most 10 s.
///
/// # Errors
/// [`LiveError`]
pub fn ask(provider: Provider, zone: &str, base: Option<&str>) -> Result<LiveIntensity, LiveError> {
    let service = provider.word();
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let needs_zone = provider != Provider::UkCarbonIntensity;
    if needs_zone && (zone.is_empty() || !zone.chars().all(plain)) {
        return Err(LiveError::Zone { zone: zone.to_owned() });
    }
    let key = match provider.key_name() {
        None => None,
        Some(variable) => match std::env::var(variable) {
            Ok(key) if !key.is_empty() => Some(key),
            _ => return Err(LiveError::NoKey { service, variable }),
        },
    };
    let path = match provider {
        Provider::ElectricityMaps => format!("/v3/carbon-intensity/latest?zone={zone}"),
        Provider::WattTime => format!("/v3/forecast?region={zone}&signal_type=co2_moer"),
        Provider::UkCarbonIntensity => "/intensity".to_owned(),
    };
    let header = key.map(|key| match provider {
        Provider::WattTime => format!("Authorization: Bearer {key}"),
        _ => format!("auth-token: {key}"),
    });
    let url = format!("{}{path}", base.unwrap_or(provider.base()));
    let text = get(service, &url, header.as_deref())?;
    read(provider, &text)
        .ok_or_else(|| LiveError::Answer { service, text: text.chars().take(200).collect() })
}

fn get(service: &'static str, url: &str, header: Option<&str>) -> Result<String, LiveError> {
    let quoted =
        |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"").replace(['\n', '\r'], "");
    let mut config = format!("url = \"{}\"\n", quoted(url));
    if let Some(header) = header {
        config.push_str(&format!("header = \"{}\"\n", quoted(header)));
    }
    let curl = |source| LiveError::Curl { source };
    let mut child = Command::new("curl")
        .args(["--silent", "--show-error", "--fail", "--max-time", "10", "--config", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(curl)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(config.as_bytes()).map_err(curl)?;
    }
    let output = child.wait_with_output().map_err(curl)?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(LiveError::Request { service, reason });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The intensity in a service's answer.
fn read(provider: Provider, text: &str) -> Option<LiveIntensity> {
    let json: Value = serde_json::from_str(text).ok()?;
    let (value, time, signal) = match provider {
        Provider::ElectricityMaps => {
            (json["carbonIntensity"].as_f64()?, &json["datetime"], Signal::Average)
        }
        Provider::WattTime => {
            if json["meta"]["units"] != "lbs_co2_per_mwh" {
                return None;
            }
            let first = &json["data"][0];
            let pounds = first["value"].as_f64()?;
            (pounds * G_PER_KWH_OF_LB_PER_MWH, &first["point_time"], Signal::Marginal)
        }
        Provider::UkCarbonIntensity => {
            let first = &json["data"][0];
            let both = &first["intensity"];
            let value = both["actual"].as_f64().or_else(|| both["forecast"].as_f64())?;
            (value, &first["from"], Signal::Average)
        }
    };
    if !(value.is_finite() && value >= 0.0) {
        return None;
    }
    let interval = (value * (1.0 - SIGMA), value * (1.0 + SIGMA));
    let intensity = Quantity::new(value, interval, "gCO2e/kWh").from_source(
        Provenance::Assumed,
        provider.word(),
        time.as_str().unwrap_or_default(),
    );
    Some(LiveIntensity { intensity, signal })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader};
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    const MAPS: &str = r#"{"zone":"DE","carbonIntensity":302,"datetime":"2026-04-25T18:00:00.000Z",
        "updatedAt":"2026-04-25T18:07:01.000Z","emissionFactorType":"lifecycle","isEstimated":true}"#;
    const UK: &str = r#"{"data":[{"from":"2026-01-20T12:00Z","to":"2026-01-20T12:30Z",
        "intensity":{"forecast":266,"actual":null,"index":"moderate"}}]}"#;
    const WATT_TIME: &str = r#"{"data":[{"point_time":"2026-07-15T00:00:00+00:00","value":870.0}],
        "meta":{"region":"CAISO_NORTH","units":"lbs_co2_per_mwh","signal_type":"co2_moer"}}"#;

    /// Serves one request with `body` and gives its lines.
    fn serve(
        status: &'static str,
        body: &'static str,
    ) -> (String, thread::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let lines: Vec<String> =
                lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
            let length = body.len();
            write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}").unwrap();
            lines
        });
        (base, server)
    }

    fn has_curl() -> bool {
        Command::new("curl").arg("--version").stdout(Stdio::null()).status().is_ok()
    }

    #[test]
    fn a_service_is_asked_once_and_its_answer_read() {
        if !has_curl() {
            return;
        }
        let (base, server) = serve("200 OK", UK);
        let answer = ask(Provider::UkCarbonIntensity, "", Some(&base)).unwrap();
        assert!(server.join().unwrap()[0].starts_with("GET /intensity "));
        assert_eq!((answer.intensity.value, answer.signal), (266.0, Signal::Average));
        assert_eq!(answer.intensity.vintage, "2026-01-20T12:00Z");
        assert_eq!(answer.intensity.provenance, Provenance::Assumed);
    }

    #[test]
    fn a_failing_service_is_named() {
        if !has_curl() {
            return;
        }
        let (base, server) = serve("503 Service Unavailable", "busy");
        let error = ask(Provider::UkCarbonIntensity, "", Some(&base)).unwrap_err();
        server.join().unwrap();
        assert!(error.to_string().contains("503"), "{error}");
        let (base, server) = serve("200 OK", "<html>no</html>");
        let error = ask(Provider::UkCarbonIntensity, "", Some(&base)).unwrap_err();
        server.join().unwrap();
        assert!(matches!(error, LiveError::Answer { .. }), "{error}");
    }

    #[test]
    fn a_key_travels_in_the_service_s_header() {
        if !has_curl() {
            return;
        }
        let (base, server) = serve("200 OK", MAPS);
        let text = get("test", &format!("{base}/v3/x?zone=DE"), Some("auth-token: s\"ec\\ret"));
        let lines = server.join().unwrap();
        assert!(lines.iter().any(|line| line == "auth-token: s\"ec\\ret"), "{lines:?}");
        let answer = read(Provider::ElectricityMaps, &text.unwrap()).unwrap();
        assert_eq!(answer.intensity.value, 302.0);
    }

    #[test]
    fn pounds_become_grams_and_marginal_stays_marginal() {
        let answer = read(Provider::WattTime, WATT_TIME).unwrap();
        assert!((answer.intensity.value - 394.625).abs() < 0.01);
        assert_eq!(answer.signal, Signal::Marginal);
        let other_unit = WATT_TIME.replace("lbs_co2_per_mwh", "percent");
        assert_eq!(read(Provider::WattTime, &other_unit), None);
    }

    #[test]
    fn zones_that_are_none_and_missing_keys_are_refused_without_a_request() {
        let zone = ask(Provider::ElectricityMaps, "DE&x=1", Some("http://127.0.0.1:9"));
        assert!(matches!(zone, Err(LiveError::Zone { .. })));
        if std::env::var_os("WATTTIME_TOKEN").is_none() {
            let key = ask(Provider::WattTime, "CAISO_NORTH", Some("http://127.0.0.1:9"));
            assert!(matches!(key, Err(LiveError::NoKey { .. })));
        }
    }
}
