//! A constant-current discharge of a built-in cell, for comparisons with other programs.
//!
//! `discharge CELL C_RATE SETTING [MODEL]` reads times in s from standard input, one a line, and
//! prints the end of discharge in s with the CPU seconds of one simulation, then the voltages at
//! those times. SETTING is `default`, `fine` or `sensitivities`, MODEL `p2d` (default), `spme` or `spm`.
#![allow(clippy::print_stdout, clippy::print_stderr, clippy::disallowed_methods)]

use std::error::Error;
use std::io::Read;
use std::time::Instant;

use surrogate_battery::cell::sets;
use surrogate_battery::solve::{Model, Options, ProtocolStep, simulate};

fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [name, c_rate, setting, rest @ ..] = words.as_slice() else {
        return Err("usage: discharge CELL C_RATE default|fine|sensitivities [p2d|spme|spm]".into());
    };
    let model = match rest.first().map(String::as_str) {
        Some("spm") => Model::Spm,
        Some("spme") => Model::Spme,
        _ => Model::P2d,
    };
    let options = match setting.as_str() {
        "fine" => Options::fine(),
        "sensitivities" => Options { sensitivities: true, ..Options::default() },
        _ => Options::default(),
    };
    let cell = sets::named(name)?;
    let protocol = [ProtocolStep::discharge(&cell, c_rate.parse()?)];
    let solution = simulate(&cell, model, &protocol, &options)?;
    let mut least = f64::INFINITY;
    for _ in 0..60 {
        let start = Instant::now();
        simulate(&cell, model, &protocol, &options)?;
        least = least.min(start.elapsed().as_secs_f64());
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    println!("{},{least}", solution.end_time_s());
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        println!("{:.9}", solution.voltage_at(line.trim().parse()?));
    }
    eprintln!("{:?} {:?}", solution.ended, solution.work);
    Ok(())
}
