//! A crystal and its pattern as rows for the network, with what is to be predicted.

use surrogate_crystal::symmetry::SymmetricStructure;

use crate::peaks::{PEAK_NUMBERS, Peak, numbers};
use crate::sequence::{AtomicVolumes, Choice, SequenceError, Writing, rows};
use crate::vocabulary::Vocabulary;

/// Size of an atom in angstrom where the composition is not given.
pub const COMMON_SIZE: f64 = 2.5;

/// A token of the network's input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Its row of the vocabulary.
    pub row: usize,
    /// Features of its place.
    pub place: Vec<u16>,
}

/// What the output of a row of the network is to predict.
#[derive(Debug, Clone)]
pub struct Target {
    /// Row of the sequence, peaks included.
    pub at: usize,
    /// Row of the vocabulary.
    pub row: usize,
    /// What is permitted.
    pub choice: Choice,
}

/// One sequence of the network: peaks, then tokens.
#[derive(Debug, Clone, Default)]
pub struct Example {
    /// Numbers of the peaks, [`PEAK_NUMBERS`] each.
    pub peaks: Vec<f32>,
    /// The tokens, the beginning first.
    pub tokens: Vec<Token>,
    /// Number of rows, peaks included, that see each other.
    pub given: usize,
    /// What is to be predicted.
    pub targets: Vec<Target>,
}

impl Example {
    /// Number of peaks.
    #[must_use]
    pub fn peak_count(&self) -> usize {
        self.peaks.len() / PEAK_NUMBERS
    }

    /// Number of all rows.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.peak_count() + self.tokens.len()
    }

    /// What a search begins with: the peaks, and the composition where it is given.
    #[must_use]
    pub fn question(peaks: &[Peak], writing: &Writing, size: Option<f64>) -> Self {
        let mut example = Self::default();
        for &peak in peaks {
            numbers(peak, size.unwrap_or(COMMON_SIZE), size.is_some(), &mut example.peaks);
        }
        // the composition is written anew to have each token's place
        let mut again = Writing::new();
        let vocabulary = Vocabulary::get();
        let mut tokens = vec![vocabulary.begin()];
        for (element, count) in writing.composition() {
            tokens.push(vocabulary.elements().start + usize::from(element.atomic_number()) - 1);
            tokens.push(vocabulary.counts().start + count - 1);
        }
        let last = tokens.len() - 1;
        for (place, row) in tokens.into_iter().enumerate() {
            if place > 0 {
                again.push(row);
            }
            if place == last && size.is_some() {
                again.close_composition();
            }
            example.tokens.push(token(&again, row, place));
        }
        example.given = example.rows();
        example
    }

    /// A canonical crystal with its peaks; with `composition_given` only what follows the composition is to
    /// be predicted.
    ///
    /// # Errors
    ///
    /// Crystals that have no sequence.
    pub fn of(
        crystal: &SymmetricStructure,
        peaks: &[Peak],
        volumes: &AtomicVolumes,
        composition_given: bool,
    ) -> Result<Self, SequenceError> {
        let rows = rows(crystal, volumes)?;
        let composition = crate::sequence::composition(crystal);
        let size = composition_given.then(|| volumes.size(&composition));
        let mut example = Self::default();
        for &peak in peaks {
            numbers(peak, size.unwrap_or(COMMON_SIZE), size.is_some(), &mut example.peaks);
        }
        let before = example.peak_count();
        let given = if composition_given { 1 + 2 * composition.len() } else { 1 };
        example.given = before + given;
        let mut writing = Writing::new();
        example.tokens.push(token(&writing, Vocabulary::get().begin(), 0));
        for (k, &row) in rows.iter().enumerate() {
            if composition_given && k + 1 == given {
                writing.close_composition();
                // what comes next is the group, whatever the order of elements
                if let Some(last) = example.tokens.last_mut() {
                    *last = token(&writing, last.row, k);
                }
            }
            let choice = writing.next().ok_or(SequenceError::Grammar)?;
            if !choice.permits(row) {
                return Err(SequenceError::Grammar);
            }
            writing.write(&choice, row);
            if k + 1 >= given {
                example.targets.push(Target { at: before + k, row, choice });
            }
            if k + 1 < rows.len() {
                example.tokens.push(token(&writing, row, k + 1));
            }
        }
        if writing.next().is_some() {
            return Err(SequenceError::Grammar);
        }
        Ok(example)
    }
}

/// A token just written.
pub(crate) fn token(after: &Writing, row: usize, place: usize) -> Token {
    let mut features = Vec::with_capacity(4);
    if let Some(next) = after.next_kind() {
        Vocabulary::get().place_features(next, after.placing(), place, &mut features);
    }
    Token { row, place: features }
}
