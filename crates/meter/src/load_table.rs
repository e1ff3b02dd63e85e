//! Idle and full-load power of a hardware thread by microarchitecture.
//!
//! Powers: Cloud Carbon Footprint coefficients (2026-04, from SPECpower_ssj2008 results of
//! servers). Family and model numbers: the vendors' lists as the Linux kernel has them. Cascade Lake
//! shares its number with Skylake's servers; the row is their geometric mean. Left out: rows that
//! the source copies from another microarchitecture, and EPYC 5, whose row (3.7 to 9.0 W) does not
//! fit its neighbours (0.5 to 2.6 W).

/// One microarchitecture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Microarchitecture {
    pub(crate) name: &'static str,
    vendor: &'static str,
    family: u32,
    models: &'static [u32],
    /// Power of an idle hardware thread, W.
    pub(crate) idle_w: f64,
    /// Power of a fully loaded one, W.
    pub(crate) max_w: f64,
}

const fn intel(
    name: &'static str,
    models: &'static [u32],
    idle_w: f64,
    max_w: f64,
) -> Microarchitecture {
    Microarchitecture { name, vendor: "GenuineIntel", family: 6, models, idle_w, max_w }
}

const fn epyc(
    name: &'static str,
    family: u32,
    models: &'static [u32],
    idle_w: f64,
    max_w: f64,
) -> Microarchitecture {
    Microarchitecture { name, vendor: "AuthenticAMD", family, models, idle_w, max_w }
}

const TABLE: [Microarchitecture; 14] = [
    intel("Sandy Bridge", &[42, 45], 2.21, 8.63),
    intel("Ivy Bridge", &[58, 62], 1.71, 5.56),
    intel("Haswell", &[60, 63, 69, 70], 1.86, 5.60),
    intel("Broadwell", &[61, 71, 79, 86], 0.71, 3.69),
    intel("Skylake or Cascade Lake", &[85], 0.65, 4.08),
    intel("Coffee Lake", &[158], 1.14, 5.42),
    intel("Ice Lake", &[106, 108], 0.77, 3.76),
    intel("Sapphire Rapids", &[143], 1.04, 4.16),
    intel("Emerald Rapids", &[207], 0.81, 4.48),
    intel("Granite Rapids", &[173, 174], 0.58, 2.53),
    epyc("EPYC 1", 23, &[1], 0.85, 2.60),
    epyc("EPYC 2", 23, &[49], 0.47, 1.69),
    epyc("EPYC 3", 25, &[1], 0.46, 1.96),
    epyc("EPYC 4", 25, &[17, 160], 0.74, 2.28),
];

/// The row of a processor, if the table has one.
pub(crate) fn microarchitecture(
    vendor: &str,
    family: u32,
    model: u32,
) -> Option<Microarchitecture> {
    let is = |row: &&Microarchitecture| {
        row.vendor == vendor && row.family == family && row.models.contains(&model)
    };
    TABLE.iter().find(is).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_told_apart_by_vendor_family_and_model() {
        let name = |vendor, family, model| microarchitecture(vendor, family, model).map(|m| m.name);
        assert_eq!(name("GenuineIntel", 6, 207), Some("Emerald Rapids"));
        assert_eq!(name("AuthenticAMD", 23, 1), Some("EPYC 1"));
        assert_eq!(name("AuthenticAMD", 25, 1), Some("EPYC 3"));
        assert_eq!(name("GenuineIntel", 25, 1), None);
    }

    #[test]
    fn no_model_stands_in_two_rows_and_load_draws_more_than_idle() {
        for (i, row) in TABLE.iter().enumerate() {
            assert!(0.0 < row.idle_w && row.idle_w < row.max_w, "{}", row.name);
            for model in row.models {
                let found = microarchitecture(row.vendor, row.family, *model);
                assert_eq!(found, Some(TABLE[i]), "{} {model}", row.name);
            }
        }
    }

    #[test]
    fn the_stated_interval_holds_most_rows() {
        // the spread of the rows about the default, on which the model's factor of 2 rests
        let within = |value: f64, centre: f64| (0.5..=2.0).contains(&(value / centre));
        let (idle, max) = crate::load_model::UNKNOWN;
        let held = TABLE.iter().filter(|r| within(r.idle_w, idle) && within(r.max_w, max)).count();
        assert!(held * 100 >= TABLE.len() * 68, "{held} of {}", TABLE.len());
    }
}
