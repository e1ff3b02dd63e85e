//! `surrogate data`: libraries of prototypes from tables of structures and CIF files.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::json;
use surrogate_crystal::retrieve::{Library, Source, compressed, write_library};

use crate::crystal::sources::Sources;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// `surrogate data`
#[derive(Args, Debug)]
pub struct Data {
    /// What to do.
    #[command(subcommand)]
    pub command: DataCommand,
}

/// Commands of `surrogate data`.
#[derive(Subcommand, Debug)]
pub enum DataCommand {
    /// Distil structures to a library of prototypes for `surrogate generate`.
    Import(Import),
}

/// `surrogate data import`
#[derive(Args, Debug)]
pub struct Import {
    /// Tables of structures (.csv, .csv.gz, .csv.zst), CIF files (.cif), folders of CIF files, and HDF5 files with texts
    /// of CIF files in `cif_string` (.h5).
    #[arg(required = true, value_name = "TABLE")]
    pub sources: Vec<PathBuf>,
    /// Tables and CIF files of structures that are left out, by their names: those to test on.
    #[arg(long, value_name = "TABLE", num_args = 1..)]
    pub leave_out: Vec<PathBuf>,
    /// Keep neither elements nor sizes of crystals: letters, shapes, coordinates and counts alone.
    #[arg(long)]
    pub anonymous: bool,
    /// Where to write the library; compressed if the name ends with .zst.
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Where the structures come from, such as "Materials Project 2023-11"; kept in the library.
    #[arg(long, value_name = "TEXT")]
    pub origin: String,
    /// Terms under which they are given, such as "CC BY 4.0"; kept in the library.
    #[arg(long, value_name = "TEXT")]
    pub licence: String,
}

/// Runs the command.
pub fn run(arguments: &Data, terminal: &Terminal) -> Result<u8, Failure> {
    match &arguments.command {
        DataCommand::Import(a) => import(a, terminal),
    }
}

fn import(arguments: &Import, terminal: &Terminal) -> Result<u8, Failure> {
    for (option, text) in [("--origin", &arguments.origin), ("--licence", &arguments.licence)] {
        if text.trim().is_empty() {
            return Err(Failure::user(format!("{option} is empty: say it, or `unknown`")));
        }
    }
    let mut sources = Sources::read(&arguments.sources, terminal)?;
    if !arguments.leave_out.is_empty() {
        let others = Sources::read(&arguments.leave_out, terminal)?;
        sources.without(&others.structures.into_iter().map(|(name, _)| name).collect());
    }
    let crystals = sources.crystals(Library::MOST_ELEMENTS);
    let source = Source {
        origin: arguments.origin.clone(),
        licence: arguments.licence.clone(),
        crystals: crystals.len(),
    };
    let library = Library::distil(crystals);
    let library = if arguments.anonymous { library.anonymous() } else { library }.rounded();
    sources.warn(terminal);
    if library.prototypes().is_empty() {
        return Err(Failure::user("there is no structure that a library can be made of"));
    }
    let text = write_library(&library, &source);
    let packed = arguments.out.extension().is_some_and(|e| e.eq_ignore_ascii_case("zst"));
    let bytes = if packed { compressed(&text) } else { text.into_bytes() };
    surrogate_run::write_atomic(&arguments.out, &bytes)?;
    let (crystals, prototypes) = (source.crystals, library.prototypes().len());
    terminal.say(format!(
        "wrote {}: {prototypes} prototypes of {crystals} crystals",
        arguments.out.display()
    ));
    terminal.json(&json!({
        "file": arguments.out,
        "crystals": crystals,
        "prototypes": prototypes,
        "left_out": sources.left_out,
        "origin": source.origin,
        "licence": source.licence,
    }));
    Ok(0)
}
