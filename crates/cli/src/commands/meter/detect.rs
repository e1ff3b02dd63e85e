//! `surrogate meter detect`

use clap::Args;
use serde_json::json;
use surrogate_meter::{RejectionKind, detect};

use crate::counters::Counters;
use crate::failure::Failure;
use crate::terminal::Terminal;

/// `surrogate meter detect`
#[derive(Args, Debug)]
pub struct Detect {
    /// Where the counters are.
    #[command(flatten)]
    pub counters: Counters,
}

/// Shows what is read and what is not.
pub fn run(arguments: &Detect, terminal: &Terminal) -> Result<u8, Failure> {
    let detection = detect(&arguments.counters.options());
    let mut text = String::from("read:\n");
    for channel in detection.found() {
        let (name, word) = (&channel.name, channel.provenance.word());
        text.push_str(&format!("  {name:14} {word:10} {}\n", channel.how));
    }
    text.push_str("not read:\n");
    for rejection in &detection.rejected {
        let kind = match rejection.kind {
            RejectionKind::Redundant => "redundant",
            RejectionKind::Missing => "missing",
        };
        text.push_str(&format!("  {} ({kind}): {}\n", rejection.what, rejection.why));
        if let Some(unlock) = &rejection.unlock {
            text.push_str(&format!("    to unlock: {unlock}\n"));
        }
    }
    if !terminal.json {
        terminal.data(&text);
    }
    terminal.json(&json!({
        "channels": detection.found().map(|c| json!({
            "name": c.name,
            "provenance": c.provenance.word(),
            "how": c.how,
        })).collect::<Vec<_>>(),
        "rejected": detection.rejected.iter().map(|r| json!({
            "what": r.what,
            "why": r.why,
            "unlock": r.unlock,
            "missing": r.kind == RejectionKind::Missing,
        })).collect::<Vec<_>>(),
    }));
    Ok(0)
}
