//! The table `[crystal]`: a generator of crystal structures that learns from a library.
//!
//! ```toml
//! [crystal]
//! library = "library.txt"    # of its own where none is named
//! test = "test.csv.zst"      # known crystals that are kept out of training
//! ```
//!
//! This crate knows no crystals: it reads the numbers, hands over the text of the library, and names the table.

use crate::diagnose::{ErrorKind, Mistake};
use crate::gather::{ReadFile, reason};
use crate::scope::Session;
use crate::section::{Section, wrong_type};
use crate::tree::Table;

/// Tables and keys at the top of a file with `[crystal]`.
const TOP: [&str; 5] = ["title", "description", "crystal", "network", "train"];

/// Largest width of a network, and most layers and heads.
const MOST: usize = 4096;

/// Numbers in the products of a network's layers while it learns on a GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits, 8 of them for the exponent. Weights, sums and all else keep 32.
    Bf16,
}

impl Precision {
    /// Its name in files.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

/// What the tables `[crystal]` and `[network]` say; `None` lets the generator choose.
#[derive(Clone, Debug, PartialEq)]
pub struct CrystalTable {
    /// Name of the library, relative to the problem file, and what stands in it.
    pub library: Option<(String, String)>,
    /// Name of a table of known crystals that are kept out of training, relative to the problem file.
    pub test: Option<String>,
    /// Most atoms in the primitive cell of crystals to learn from.
    pub max_atoms: Option<usize>,
    /// Crystals that are kept for judging and never trained on.
    pub held_out: Option<usize>,
    /// Examples of a step.
    pub batch: Option<usize>,
    /// Share of examples whose elements are exchanged.
    pub exchanged: Option<f64>,
    /// Share of patterns with noise, texture, displacement and a laboratory's range.
    pub disturbed: Option<f64>,
    /// Share of examples whose composition is given.
    pub composition_given: Option<f64>,
    /// Numbers that stand for a token.
    pub width: Option<usize>,
    /// Layers.
    pub layers: Option<usize>,
    /// Heads of attention.
    pub heads: Option<usize>,
    /// Numbers in products on a GPU.
    pub precision: Precision,
}

impl Session {
    /// The table, and what is left of the file; nothing if it has mistakes, which are reported.
    pub(crate) fn crystal_table(
        &mut self,
        root: &Table,
        read_file: ReadFile<'_>,
    ) -> Option<(CrystalTable, Table)> {
        for (key, _) in &root.entries {
            if !TOP.contains(&key.string.as_str()) && crate::load::TOP.contains(&&*key.string) {
                let message = format!("a file with [crystal] has no [{}]", key.string);
                let help = "[crystal], [network] and [train] are known: leave this table out";
                self.report(
                    Mistake::new(ErrorKind::NotAllowed, message).at(key.span, "").help(help),
                );
            }
        }
        let section = Section::of(&mut self.reporter, root.get("crystal")?, "[crystal]")?;
        let known = [
            "library",
            "test",
            "max_atoms",
            "held_out",
            "batch",
            "exchanged",
            "disturbed",
            "composition_given",
        ];
        section.check(&mut self.reporter, &known);
        let file = section.text(&mut self.reporter, "library");
        let library = file.and_then(|file| match read_file(&file.string) {
            Ok(text) => Some((file.string.clone(), text)),
            Err(e) => {
                let message = format!("cannot read `{}`: {}", file.string, reason(&e));
                let help = "`library` is relative to the file it stands in; `surrogate data import` \
                            makes one";
                self.report(
                    Mistake::new(ErrorKind::File, message).at(file.whole(), "").help(help),
                );
                None
            }
        });
        let test = section.text(&mut self.reporter, "test").map(|file| file.string.clone());
        let max_atoms = section.count(&mut self.reporter, "max_atoms", 1..=96);
        let held_out = section.count(&mut self.reporter, "held_out", 0..=100_000);
        let batch = section.count(&mut self.reporter, "batch", 4..=65_536);
        let mut share = |key: &str| self.share(&section, key);
        let exchanged = share("exchanged");
        let disturbed = share("disturbed");
        let composition_given = share("composition_given");
        let (mut width, mut layers, mut heads, mut precision) = (None, None, None, None);
        if let Some(value) = root.get("network") {
            let network = Section::of(&mut self.reporter, value, "[network]")?;
            network.check(&mut self.reporter, &["width", "layers", "heads", "precision"]);
            width = network.count(&mut self.reporter, "width", 8..=MOST);
            layers = network.count(&mut self.reporter, "layers", 1..=MOST);
            heads = network.count(&mut self.reporter, "heads", 1..=MOST);
            let choices = [Precision::F32, Precision::Bf16].map(|p| (p.name(), p));
            precision = network.choice(&mut self.reporter, "precision", &choices);
            if let (Some(width), Some(heads), Some(at)) = (width, heads, network.get("heads"))
                && width % heads != 0
            {
                let message = format!("`width` {width} is no multiple of `heads` {heads}");
                self.report(Mistake::new(ErrorKind::Range, message).at(at.span, ""));
            }
        }
        let mut rest = root.clone();
        rest.remove("crystal");
        rest.remove("network");
        let table = CrystalTable {
            library,
            test,
            max_atoms,
            held_out,
            batch,
            exchanged,
            disturbed,
            composition_given,
            width,
            layers,
            heads,
            precision: precision.unwrap_or_default(),
        };
        Some((table, rest))
    }

    /// A number from 0 to 1.
    fn share(&mut self, section: &Section<'_>, key: &str) -> Option<f64> {
        let value = section.get(key)?;
        let Some(number) = value.as_number() else {
            wrong_type(&mut self.reporter, value, key, "a number between 0 and 1");
            return None;
        };
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        let message = format!("`{key}` must lie between 0 and 1");
        self.report(Mistake::new(ErrorKind::Range, message).at(value.span, ""));
        None
    }
}
