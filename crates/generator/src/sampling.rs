//! Crystals drawn from the model, one token after the other, never against the grammar.

use rand::{Rng, RngExt};
use surrogate_crystal::Element;
use surrogate_crystal::symmetry::{SpaceGroup, SymmetricStructure};

use crate::example::{Example, token};
use crate::model::{Model, dot};
use crate::network::{Decoder, softmax};
use crate::peaks::Peak;
use crate::sequence::Writing;
use crate::vocabulary::{Kind, MOST_TOKENS, Vocabulary};

/// What is known of a crystal besides its peaks.
#[derive(Debug, Clone, Default)]
pub struct Givens {
    /// Atoms of each element in the primitive cell, elements ascending; drawn if empty.
    pub composition: Vec<(Element, usize)>,
    /// Its space group.
    pub group: Option<&'static SpaceGroup>,
    /// Free cell parameters of the group.
    pub cell: Option<Vec<f64>>,
}

/// A crystal drawn.
#[derive(Debug, Clone)]
pub struct Sample {
    /// The crystal, its numbers in the middle of their levels.
    pub crystal: SymmetricStructure,
    /// Logarithm of its probability, of what was drawn.
    pub log_probability: f64,
}

/// A sequence being drawn.
struct Draft {
    writing: Writing,
    log_probability: f64,
    tokens: usize,
    /// Normed output of its last row.
    output: Vec<f32>,
}

/// Draws `count` crystals at a `temperature` (1 as the model has it, less for likelier ones). Those that become
/// too long to be written are left out, so that fewer may come back. A given group that cannot hold the
/// composition gives none.
pub fn sample(
    model: &Model,
    vectors: &[f32],
    peaks: &[Peak],
    givens: &Givens,
    count: usize,
    temperature: f64,
    rng: &mut impl Rng,
) -> Vec<Sample> {
    let mut begun = Writing::new();
    let vocabulary = Vocabulary::get();
    for (element, number) in &givens.composition {
        let element = vocabulary.elements().start + usize::from(element.atomic_number()) - 1;
        let number = vocabulary.counts().start + number - 1;
        if !(begun.push(element) && begun.push(number)) {
            return Vec::new();
        }
    }
    let size = (!givens.composition.is_empty()).then(|| model.volumes.size(&givens.composition));
    let question = Example::question(peaks, &begun, size);
    if size.is_some() {
        begun.close_composition();
    }
    let (x, _) = model.embed(vectors, std::slice::from_ref(&question));
    let (mut decoder, output) = Decoder::begin(&model.layout, &model.weights, &x, count);
    let draft =
        Draft { writing: begun, log_probability: 0.0, tokens: question.tokens.len(), output };
    let mut drafts: Vec<Draft> = (0..count).map(|_| draft.clone()).collect();
    let mut open: Vec<usize> = (0..count).collect();
    let mut logits = Vec::new();
    while !open.is_empty() {
        let mut x = Vec::new();
        let mut next = Vec::new();
        for &k in &open {
            let draft = &mut drafts[k];
            let Some(row) = draft.choose(model, vectors, givens, temperature, &mut logits, rng)
            else {
                continue;
            };
            if draft.writing.next_kind().is_none() {
                continue;
            }
            if draft.tokens == MOST_TOKENS {
                continue;
            }
            let token = token(&draft.writing, row, draft.tokens);
            draft.tokens += 1;
            model.embed_token(vectors, &token, &mut x);
            next.push(k);
        }
        decoder.step(&next, &mut x);
        let d = model.layout.shape.width;
        for (&k, output) in next.iter().zip(x.chunks_exact(d)) {
            drafts[k].output.clear();
            drafts[k].output.extend_from_slice(output);
        }
        open = next;
    }
    let finished = drafts.into_iter().filter_map(|draft| {
        let crystal = draft.writing.crystal(&model.volumes)?;
        Some(Sample { crystal, log_probability: draft.log_probability })
    });
    finished.collect()
}

impl Clone for Draft {
    fn clone(&self) -> Self {
        Self {
            writing: self.writing.clone(),
            log_probability: self.log_probability,
            tokens: self.tokens,
            output: self.output.clone(),
        }
    }
}

impl Draft {
    /// Draws the next row and writes it.
    fn choose(
        &mut self,
        model: &Model,
        vectors: &[f32],
        givens: &Givens,
        temperature: f64,
        logits: &mut Vec<f32>,
        rng: &mut impl Rng,
    ) -> Option<usize> {
        let choice = self.writing.next()?;
        if let Some(row) = self.given(model, givens, choice.kind) {
            if !choice.permits(row) {
                return None;
            }
            self.writing.write(&choice, row);
            return Some(row);
        }
        let d = model.layout.shape.width;
        logits.clear();
        logits.extend(choice.rows.clone().map(|row| {
            if choice.permits(row) {
                dot(&self.output, &vectors[row * d..(row + 1) * d]) / temperature as f32
            } else {
                f32::NEG_INFINITY
            }
        }));
        let seen = logits.len();
        softmax(logits, seen);
        let permitted = |k: usize| choice.permits(choice.rows.start + k);
        let all: f32 = (0..seen).filter(|&k| permitted(k)).map(|k| logits[k]).sum();
        let mut left = all * rng.random::<f32>();
        let mut chosen = None;
        for (k, &p) in logits.iter().enumerate() {
            if permitted(k) {
                chosen = Some(k);
                left -= p;
                if left < 0.0 {
                    break;
                }
            }
        }
        let k = chosen?;
        self.log_probability += f64::from((logits[k] / all).max(f32::MIN_POSITIVE)).ln();
        let row = choice.rows.start + k;
        self.writing.write(&choice, row);
        Some(row)
    }

    /// The row of what is given.
    fn given(&self, model: &Model, givens: &Givens, kind: Kind) -> Option<usize> {
        let vocabulary = Vocabulary::get();
        match kind {
            Kind::Group | Kind::Element => givens
                .group
                .filter(|_| kind == Kind::Group)
                .map(|g| vocabulary.groups().start + usize::from(g.number) - 1),
            Kind::Length(_) | Kind::Angle(_) => {
                let value = *givens.cell.as_ref()?.get(self.writing.cell_written())?;
                let size = model.volumes.size(self.writing.composition());
                crate::sequence::cell_row(kind, value, size)
            }
            _ => None,
        }
    }
}
