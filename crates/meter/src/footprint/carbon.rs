//! Carbon intensity of electricity: by country, given, or from a table of the user's.
//!
//! Location-based yearly averages. A year's average says little of an hour: on the hourly grids of
//! GB, FR and DE in 2020 the mean over a job of up to a day strays from the year's mean by 25 to
//! 35 % (one sigma), over a week by 15 to 25 %; hence 32 %, 25 % and, for longer runs, 10 % for
//! what publishers and years differ by.

use crate::provenance::Provenance;
use crate::quantity::Quantity;
use crate::wall_command::{CommandFault, output_of};

/// The table that this crate ships: see `data/energy/README.md` of the repository.
const TABLE: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/energy/carbon_intensity.csv"));
/// What the table is made from.
const TABLE_SOURCE: &str = "Our World in Data (Ember; Energy Institute), yearly average";
/// When the table was published.
const TABLE_VINTAGE: &str = "2026-08";

/// One row of a table.
#[derive(Debug, Clone, PartialEq)]
pub struct Zone {
    /// Codes and names that it goes by.
    pub names: Vec<String>,
    /// gCO2e/kWh.
    pub g_per_kwh: f64,
    /// Year of the value; empty if the table does not say.
    pub year: String,
}

/// Intensities by country or zone.
#[derive(Debug, Clone, PartialEq)]
pub struct CarbonTable {
    zones: Vec<Zone>,
    source: String,
    vintage: String,
}

/// Why there is no intensity.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CarbonError {
    /// No zone of that name.
    #[error("no carbon intensity for {name:?}{}", near(nearest))]
    Unknown {
        /// What was asked for.
        name: String,
        /// Names that begin alike.
        nearest: Vec<String>,
    },
    /// The table has no column of intensities.
    #[error(
        "the carbon table has no column that begins with gco2e_per_kwh; its columns are {columns}"
    )]
    NoColumn {
        /// Names of the columns.
        columns: String,
    },
    /// A row's intensity is no number.
    #[error("line {line} of the carbon table: {text:?} is no number of gCO2e/kWh")]
    NotANumber {
        /// Line of the file, the header being 1.
        line: usize,
        /// What stands there.
        text: String,
    },
}

fn near(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "; use an ISO 3166 code such as DE or DEU, or a country's English name".to_owned()
    } else {
        format!("; did you mean {}?", nearest.join(", "))
    }
}

impl CarbonTable {
    /// The table that this crate ships.
    ///
    /// # Errors
    /// Never for the table as shipped; a test reads it.
    pub fn shipped() -> Result<Self, CarbonError> {
        Self::parse(TABLE, TABLE_SOURCE, TABLE_VINTAGE)
    }

    /// Reads CSV with a header. The last column whose name begins with `gco2e_per_kwh` holds the
    /// intensity (a year at its end is that of the value); `year` a year; `iso2`, `iso3`, `code`,
    /// `zone` and `name` what a row goes by. Rows without an intensity are left out.
    ///
    /// # Errors
    /// [`CarbonError`], with the line.
    pub fn parse(csv: &str, source: &str, vintage: &str) -> Result<Self, CarbonError> {
        let mut lines = csv.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
        let header = lines.next().map_or("", |(_, line)| line);
        let columns = fields(header);
        let value_at = columns.iter().rposition(|c| c.starts_with("gco2e_per_kwh"));
        let value_at =
            value_at.ok_or_else(|| CarbonError::NoColumn { columns: columns.join(", ") })?;
        let column_year = columns[value_at].trim_start_matches("gco2e_per_kwh");
        let column_year = column_year.trim_start_matches('_').to_owned();
        let year_at = columns.iter().position(|c| c == "year");
        let name_at: Vec<usize> = (0..columns.len())
            .filter(|&i| ["iso2", "iso3", "code", "zone", "name"].contains(&columns[i].as_str()))
            .collect();
        let mut zones = Vec::new();
        for (at, line) in lines {
            let row = fields(line);
            let text = row.get(value_at).cloned().unwrap_or_default();
            if text.is_empty() {
                continue;
            }
            let value = text.parse().ok().filter(|g: &f64| g.is_finite() && *g >= 0.0);
            let g_per_kwh = value.ok_or(CarbonError::NotANumber { line: at + 1, text })?;
            let year = year_at.and_then(|i| row.get(i)).unwrap_or(&column_year).clone();
            let names = name_at.iter().filter_map(|&i| row.get(i)).filter(|n| !n.is_empty());
            zones.push(Zone { names: names.cloned().collect(), g_per_kwh, year });
        }
        Ok(Self { zones, source: source.to_owned(), vintage: vintage.to_owned() })
    }

    /// The zones.
    #[must_use]
    pub fn zones(&self) -> &[Zone] {
        &self.zones
    }

    /// The intensity of a country or zone for a run of `run_s` seconds, gCO2e/kWh.
    ///
    /// # Errors
    /// [`CarbonError::Unknown`], with names that begin alike.
    pub fn of(&self, name: &str, run_s: f64) -> Result<Quantity, CarbonError> {
        let wanted = name.trim().to_lowercase();
        let is = |n: &&Zone| n.names.iter().any(|n| n.to_lowercase() == wanted);
        let zone = self.zones.iter().find(is).ok_or_else(|| self.unknown(name, &wanted))?;
        let sigma = zone.g_per_kwh * yearly_sigma(run_s);
        let interval = ((zone.g_per_kwh - sigma).max(0.0), zone.g_per_kwh + sigma);
        let label = zone.names.last().map_or("", String::as_str);
        let source = format!("{label} {}, {}", zone.year, self.source);
        Ok(Quantity::new(zone.g_per_kwh, interval, "gCO2e/kWh").from_source(
            Provenance::Assumed,
            source,
            self.vintage.clone(),
        ))
    }

    /// The world's average, for want of a country: the interval is that of the table's countries
    /// (16th to 84th in a hundred).
    ///
    /// # Errors
    /// [`CarbonError::Unknown`] if the table has no row `WORLD`.
    pub fn world(&self) -> Result<Quantity, CarbonError> {
        let mut world = self.of("WORLD", f64::INFINITY)?;
        let mut all: Vec<f64> = self.zones.iter().map(|zone| zone.g_per_kwh).collect();
        all.sort_by(f64::total_cmp);
        let at = |share: f64| all[((all.len() - 1) as f64 * share).round() as usize];
        (world.low, world.high) = (world.value.min(at(0.16)), world.value.max(at(0.84)));
        world.source = format!("no country given: world average, {}", self.source);
        Ok(world)
    }

    fn unknown(&self, name: &str, wanted: &str) -> CarbonError {
        let alike = |n: &&String| {
            let n = n.to_lowercase();
            wanted.len() >= 2 && (n.starts_with(wanted) || (n.len() > 3 && wanted.starts_with(&n)))
        };
        let nearest = self.zones.iter().flat_map(|zone| &zone.names).filter(alike).take(3);
        CarbonError::Unknown { name: name.to_owned(), nearest: nearest.cloned().collect() }
    }
}

/// One sigma of a yearly average for a run of `run_s` seconds; see the module's head.
fn yearly_sigma(run_s: f64) -> f64 {
    match run_s / 86_400.0 {
        days if days <= 1.0 => 0.32,
        days if days <= 7.0 => 0.25,
        _ => 0.10,
    }
}

/// An intensity that the user states, gCO2e/kWh; `sigma` in the same unit if it is known.
#[must_use]
pub fn given(g_per_kwh: f64, sigma: Option<f64>) -> Quantity {
    let sigma = sigma.unwrap_or(0.0);
    let interval = ((g_per_kwh - sigma).max(0.0), g_per_kwh + sigma);
    Quantity::new(g_per_kwh, interval, "gCO2e/kWh").from_source(
        Provenance::Assumed,
        "given by the user",
        "",
    )
}

/// The intensity that a command of the user prints, gCO2e/kWh, now; one sigma is taken as 10 %.
///
/// # Errors
/// [`CommandFault`] if it fails or prints no number of 0 or more.
pub fn from_command(command: &str) -> Result<Quantity, CommandFault> {
    let text = output_of(command)?;
    let number = text.split_whitespace().next().and_then(|word| word.parse::<f64>().ok());
    let value = number.filter(|g| g.is_finite() && *g >= 0.0);
    let value = value.ok_or(CommandFault::Text { text })?;
    Ok(given(value, Some(0.1 * value)).from_source(
        Provenance::Assumed,
        format!("printed by the command `{command}`"),
        "now",
    ))
}

/// Fields of a line of CSV; quoted ones may hold commas.
fn fields(line: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for c in line.trim_start_matches('\u{feff}').trim_end().chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => {
                let last = fields.len() - 1;
                fields[last].push(c);
            }
        }
    }
    fields.iter().map(|field| field.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_table_is_whole_and_plausible() {
        let table = CarbonTable::shipped().unwrap();
        assert!(table.zones().len() > 200);
        assert!(table.zones().iter().all(|z| (0.0..1_500.0).contains(&z.g_per_kwh)));
        assert!(table.zones().iter().all(|z| z.names.len() >= 2 && z.year.len() == 4));
    }

    #[test]
    fn a_country_goes_by_code_and_name() {
        let table = CarbonTable::shipped().unwrap();
        let france = table.of("FR", 60.0).unwrap();
        assert_eq!(france, table.of("fra", 60.0).unwrap());
        assert_eq!(france, table.of("France", 60.0).unwrap());
        assert!((france.value - 44.18).abs() < 0.01);
        assert!(france.source.contains("France 2024") && !france.vintage.is_empty());
        assert_eq!(france.provenance, Provenance::Assumed);
    }

    #[test]
    fn a_short_run_is_less_certain_than_a_year() {
        let table = CarbonTable::shipped().unwrap();
        let sigma = |s: f64| table.of("DE", s).unwrap().sigma();
        assert!(sigma(60.0) > sigma(3.0 * 86_400.0));
        assert!(sigma(3.0 * 86_400.0) > sigma(1e8));
    }

    #[test]
    fn without_a_country_the_interval_spans_most_countries() {
        let world = CarbonTable::shipped().unwrap().world().unwrap();
        assert!(world.low < 200.0 && world.high > 550.0, "{world:?}");
        assert!(world.source.contains("no country given"));
    }

    #[test]
    fn a_command_s_number_is_taken_and_a_word_is_not() {
        let live = from_command("echo 120 g/kWh").unwrap();
        assert_eq!((live.value, live.high.round()), (120.0, 132.0));
        assert!(matches!(from_command("echo windy"), Err(CommandFault::Text { .. })));
        assert!(from_command("exit 4").is_err());
    }

    #[test]
    fn an_unknown_country_names_its_neighbours() {
        let table = CarbonTable::shipped().unwrap();
        let error = table.of("Germ", 1.0).unwrap_err();
        assert!(error.to_string().contains("did you mean Germany?"), "{error}");
        assert!(table.of("zz", 1.0).unwrap_err().to_string().contains("ISO 3166"));
    }

    #[test]
    fn a_table_of_zones_by_year_gives_its_last_year() {
        let csv = "zone,name,gco2e_per_kwh_2023,gco2e_per_kwh_2024\nDK-DK1,\"Jutland, DK\",90,80\n\
                   X,Nowhere,5,\n";
        let table = CarbonTable::parse(csv, "a file", "").unwrap();
        let zone = table.of("dk-dk1", 1e9).unwrap();
        assert_eq!((zone.value, table.zones().len()), (80.0, 1));
        assert!(zone.source.contains("Jutland, DK 2024"));
        assert!(CarbonTable::parse("a,b\n", "", "").is_err());
        let wrong = CarbonTable::parse("name,gco2e_per_kwh\nA,many\n", "", "").unwrap_err();
        assert_eq!(wrong, CarbonError::NotANumber { line: 2, text: "many".to_owned() });
    }
}
