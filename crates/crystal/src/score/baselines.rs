//! Methods that every other is shown beside: from chemistry alone, and by lookup.

use std::collections::{HashMap, HashSet};

use rand::Rng;

use super::bonds::mendeleev_number;
use super::judge::{Proposer, ProposerError, Ranked};
use crate::Element;
use crate::retrieve::{Kind, Library, Prototype, Query, SearchOptions, orders, search};

/// From the composition: the most frequent prototypes of its numbers of atoms. The pattern is not used.
pub struct MostFrequent<'a> {
    /// Prototypes.
    pub library: &'a Library,
}

/// From the composition: templates whose elements are nearest in the Mendeleev numbers, as sum over the
/// atoms of a cell. The pattern is not used.
pub struct NearestTemplate<'a> {
    /// Prototypes.
    pub library: &'a Library,
}

/// By lookup: prototypes with the elements of the composition and the size of the pattern, ranked by
/// coarse patterns.
pub struct Retrieval<'a> {
    /// Prototypes.
    pub library: &'a Library,
}

/// By lookup, refined against the pattern and ranked by `R_wp`.
pub struct RefinedRetrieval<'a, R> {
    /// Prototypes.
    pub library: &'a Library,
    /// How far it goes.
    pub options: SearchOptions,
    /// Where every search begins, so that none depends on those before.
    pub rng: R,
}

impl Proposer for MostFrequent<'_> {
    fn name(&self) -> &'static str {
        "most frequent prototype"
    }

    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError> {
        let mut kinds: HashMap<Kind, (usize, Template<'_>)> = HashMap::new();
        for template in templates(self.library, query) {
            let kind = template.prototype.kind();
            let (members, best) = kinds.entry(kind).or_insert((0, template.clone()));
            if template.is_first {
                *members += template.prototype.members;
            }
            if template.distance < best.distance {
                *best = template;
            }
        }
        let mut kinds: Vec<(usize, Template<'_>)> = kinds.into_values().collect();
        kinds.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.place.cmp(&b.1.place)));
        let best = kinds.into_iter().take(count);
        Ok(best.map(|(_, template)| template.ranked(self.library)).collect())
    }
}

impl Proposer for NearestTemplate<'_> {
    fn name(&self) -> &'static str {
        "nearest template"
    }

    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError> {
        let mut all = templates(self.library, query);
        if all.iter().any(|template| template.prototype.known.is_empty()) {
            return Err(
                "the library is anonymous: it does not say what elements crystals had".into()
            );
        }
        all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then(a.place.cmp(&b.place)));
        let mut known = HashSet::new();
        all.retain(|template| known.insert(template.label()));
        Ok(all.into_iter().take(count).map(|template| template.ranked(self.library)).collect())
    }
}

impl Proposer for Retrieval<'_> {
    fn name(&self) -> &'static str {
        "retrieval"
    }

    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError> {
        let prototypes = self.library.prototypes();
        let proposals = self.library.scan(query)?.into_iter().take(count);
        let ranked = proposals.map(|p| Ranked {
            structure: prototypes[p.prototype].crystal(&p.elements, p.scale),
            r_wp: None,
        });
        Ok(ranked.collect())
    }
}

impl<R: Rng + Clone> Proposer for RefinedRetrieval<'_, R> {
    fn name(&self) -> &'static str {
        "retrieval, refined"
    }

    fn propose(&mut self, query: &Query, count: usize) -> Result<Vec<Ranked>, ProposerError> {
        let found = search(&[self.library], query, self.options, &mut self.rng.clone())?;
        let ranked = found.into_iter().take(count);
        Ok(ranked.map(|c| Ranked { structure: c.structure, r_wp: c.r_wp }).collect())
    }
}

/// A prototype with an assignment of elements.
#[derive(Clone)]
struct Template<'a> {
    place: usize,
    prototype: &'a Prototype,
    elements: Vec<Element>,
    /// Least chemical distance from the elements of a known crystal.
    distance: f64,
    /// Whether it is the first assignment of its prototype.
    is_first: bool,
}

impl Template<'_> {
    /// The crystal, of the size that the volumes of its elements say.
    fn ranked(&self, library: &Library) -> Ranked {
        let wanted = library.volume(&self.elements, &self.prototype.counts);
        let scale = (wanted / self.prototype.volume).cbrt();
        Ranked { structure: self.prototype.crystal(&self.elements, scale), r_wp: None }
    }

    /// Group, elements and letters, by which equal proposals are one.
    fn label(&self) -> (u16, Vec<(Element, char)>) {
        let structure = &self.prototype.structure;
        let slot = |e: Element| self.elements[usize::from(e.atomic_number()) - 1];
        let mut letters: Vec<(Element, char)> =
            structure.letters().into_iter().map(|(e, letter)| (slot(e), letter)).collect();
        letters.sort_unstable();
        (structure.group.number, letters)
    }
}

/// Every prototype of the query's numbers of atoms with every assignment of its elements.
fn templates<'a>(library: &'a Library, query: &Query) -> Vec<Template<'a>> {
    let mut known: Vec<(usize, Element)> =
        query.composition.iter().map(|(e, n)| (*n, *e)).collect();
    known.sort_unstable();
    let (counts, elements): (Vec<usize>, Vec<Element>) = known.into_iter().unzip();
    let mut all = Vec::new();
    let mut of_counts = library.of_counts(&counts).peekable();
    if of_counts.peek().is_none() {
        return all;
    }
    let assignments = orders(&elements, &counts);
    for (place, prototype) in of_counts {
        for (k, assigned) in assignments.iter().enumerate() {
            let each = prototype.known.iter().map(|had| distance(had, assigned, &counts));
            let distance = each.fold(f64::INFINITY, f64::min);
            let (elements, is_first) = (assigned.clone(), k == 0);
            all.push(Template { place, prototype, elements, distance, is_first });
        }
    }
    all
}

/// Sum over the atoms of the differences of Mendeleev numbers.
fn distance(a: &[Element], b: &[Element], counts: &[usize]) -> f64 {
    let number = |e: &Element| f64::from(mendeleev_number(*e));
    a.iter().zip(b).zip(counts).map(|((a, b), &n)| n as f64 * (number(a) - number(b)).abs()).sum()
}
