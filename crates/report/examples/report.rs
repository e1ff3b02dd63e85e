//! Writes `report.html` and `figures/` into the run directories given, without the whole program.

fn main() -> Result<(), surrogate_report::ReportError> {
    for run in std::env::args_os().skip(1) {
        surrogate_report::report(run.as_ref())?;
    }
    Ok(())
}
