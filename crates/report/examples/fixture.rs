//! Writes the run directory that the notebooks and tests fall back to.
//!
//! ```text
//! cargo run -p surrogate-report --example fixture -- notebooks/fixtures first-surrogate
//! ```
//!
//! An existing directory is not overwritten: delete it first.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    let parent = words.next().unwrap_or_else(|| "notebooks/fixtures".to_owned());
    let name = words.next().unwrap_or_else(|| "first-surrogate".to_owned());
    fixture::write(parent.as_ref(), &name)?;
    Ok(())
}
