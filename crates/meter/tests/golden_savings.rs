//! Savings on the recorded traces of 2020, to 0.1 points. Skipped aloud where the traces are not
//! beside the repository.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::path::Path;

use surrogate_meter::schedule::{Trace, backtest};

/// Region, job and slack in hours; intensity at once, saved by shifting and by suspending.
const GOLDEN: [(&str, usize, usize, f64, f64, f64); 9] = [
    ("GB", 4, 8, 236.6, 12.5, 13.5),
    ("GB", 4, 24, 236.6, 24.0, 24.8),
    ("GB", 12, 24, 234.6, 15.8, 19.9),
    ("GB", 24, 72, 234.2, 22.0, 30.4),
    ("FR", 4, 24, 55.4, 12.6, 13.1),
    ("FR", 24, 72, 55.4, 15.4, 18.5),
    ("DE", 4, 24, 312.4, 20.7, 21.0),
    ("DE", 12, 24, 313.3, 14.4, 17.6),
    ("DE", 24, 72, 313.2, 21.3, 27.6),
];

#[test]
fn savings_on_the_traces_of_2020_are_the_published_ones() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/energy/traces");
    if !folder.exists() {
        eprintln!("skipped: no traces in {}", folder.display());
        return;
    }
    for (region, job, slack, now, shift, suspend) in GOLDEN {
        let file = folder.join(format!("{region}_2020_hourly.csv"));
        let trace = Trace::parse(&std::fs::read_to_string(file).unwrap()).unwrap();
        assert_eq!(trace.g_per_kwh.len(), 8784);
        let found = backtest(&trace, job, slack).unwrap();
        let close = |found: f64, golden: f64| (found - golden).abs() <= 0.0501;
        assert!(
            close(found.now_g_per_kwh, now)
                && close(found.saving_percent_shift, shift)
                && close(found.saving_percent_suspend, suspend),
            "{region} {job}/{slack}: {found:?}"
        );
    }
}
