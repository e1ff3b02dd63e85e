//! What a search is told of the composition: a formula, elements, or nothing.

use std::collections::BTreeMap;

use rand::Rng;
use surrogate_crystal::diffraction::FormFactor;
use surrogate_crystal::retrieve::{Library, Query};
use surrogate_crystal::{Element, parse_formula, reduced_formula};

use super::arguments::{Generate, Proposer};
use super::conditions::Conditions;
use crate::failure::Failure;
use crate::generator::Generator;

/// Compositions that are searched where no formula is given.
const TRIED: usize = 12;
/// Crystals that a generator draws to find them.
const DRAWN: usize = 512;

/// What is known of the composition.
pub enum Chemistry {
    /// Atoms of a formula unit.
    Formula(BTreeMap<Element, usize>),
    /// Elements alone.
    Elements(Vec<Element>),
    /// Nothing.
    Unknown,
}

impl Chemistry {
    /// Reads `--formula` or `--elements`.
    ///
    /// # Errors
    /// A formula or element that is none, too many elements, nothing at all where no generator draws.
    pub fn read(arguments: &Generate, draws: bool) -> Result<Self, Failure> {
        let most = match arguments.proposer {
            Proposer::Direct => usize::MAX,
            _ => Library::MOST_ELEMENTS,
        };
        if let Some(text) = &arguments.formula {
            return Ok(Self::Formula(formula(text, most)?));
        }
        if !arguments.elements.is_empty() {
            return Ok(Self::Elements(elements(&arguments.elements, most)?));
        }
        if draws {
            return Ok(Self::Unknown);
        }
        Err(Failure::helped(
            "neither --formula nor --elements is given, and prototypes do not say what a crystal is made of",
            "give --formula, or --elements, or let a generator draw the composition with --proposer generator",
        ))
    }

    /// Elements in the order in which they were written.
    pub fn elements(&self, arguments: &Generate) -> Vec<Element> {
        match self {
            Self::Formula(unit) => in_order(arguments.formula.as_deref().unwrap_or_default(), unit),
            Self::Elements(elements) => elements.clone(),
            Self::Unknown => Vec::new(),
        }
    }

    /// In words, for the page.
    pub fn words(&self, arguments: &Generate) -> String {
        match self {
            Self::Formula(_) => arguments.formula.clone().unwrap_or_default(),
            Self::Elements(elements) => {
                elements.iter().map(Element::to_string).collect::<Vec<_>>().join("-")
            }
            Self::Unknown => "a compound that is not known".to_string(),
        }
    }
}

/// Compositions of primitive cells that fit a pattern where only elements, or nothing, is known: those whose
/// prototypes come nearest to the pattern, and those that a generator draws most often.
///
/// # Errors
/// No composition at all.
pub fn likely(
    elements: &[Element],
    most: usize,
    sources: (Option<&Library>, Option<&Generator>),
    conditions: &Conditions,
    query: &dyn Fn(BTreeMap<Element, usize>) -> Query,
    rng: &mut impl Rng,
) -> Result<Vec<BTreeMap<Element, usize>>, Failure> {
    let mut found: Vec<BTreeMap<Element, usize>> = Vec::new();
    if let Some(generator) = sources.1 {
        let blank = query(BTreeMap::new());
        let drawn = generator.compositions(&blank, conditions.group, DRAWN, rng);
        let right = |c: &BTreeMap<Element, usize>| {
            let fits = elements.is_empty()
                || c.keys().all(|e| elements.contains(e)) && c.len() == elements.len();
            fits && c.values().sum::<usize>() <= most
                && c.keys().all(|e| FormFactor::of(*e).is_some())
        };
        found.extend(drawn.into_iter().map(|(c, _)| c).filter(right).take(TRIED));
    }
    if let (Some(library), false) = (sources.0, elements.is_empty()) {
        let library =
            conditions.group.map_or_else(|| library.clone(), |g| library.in_group(g.number));
        let mut near: Vec<(f64, BTreeMap<Element, usize>)> = Vec::new();
        for counts in counts(elements.len(), most) {
            if library.count_of(counts.iter().copied()) == 0 {
                continue;
            }
            let composition: BTreeMap<_, _> = elements.iter().copied().zip(counts).collect();
            let proposals = library.scan(&query(composition.clone()));
            let first = proposals.map_err(|e| Failure::user(e.to_string()))?.into_iter().next();
            near.extend(first.map(|p| (p.cosine, composition)));
        }
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        found.extend(near.into_iter().map(|(_, c)| c).take(TRIED));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|c| seen.insert(c.clone()));
    if found.is_empty() {
        return Err(Failure::helped(
            "no composition could be found for this pattern",
            "give --formula, more --max-atoms, or another --space-group",
        ));
    }
    Ok(found)
}

/// All ways to give each of so many elements at least one atom, with at most `most` in all.
fn counts(elements: usize, most: usize) -> Vec<Vec<usize>> {
    let mut all: Vec<Vec<usize>> = vec![Vec::new()];
    for left in (0..elements).rev() {
        let longer = |begun: Vec<usize>| {
            let used: usize = begun.iter().sum();
            let room = most.saturating_sub(used + left);
            (1..=room).map(move |n| begun.iter().copied().chain([n]).collect::<Vec<usize>>())
        };
        all = all.into_iter().flat_map(longer).collect();
    }
    all
}

/// Elements by their symbols.
fn elements(symbols: &[String], most: usize) -> Result<Vec<Element>, Failure> {
    let mut all = Vec::new();
    for symbol in symbols {
        let element = Element::from_symbol(symbol.trim()).ok_or_else(|| {
            Failure::helped(
                format!("--elements {symbol}: there is no such element"),
                "symbols with commas between them, such as Pb,Se",
            )
        })?;
        if !all.contains(&element) {
            all.push(element);
        }
    }
    refuse("--elements", &symbols.join(","), &all, most)?;
    Ok(all)
}

/// Refuses more elements than `most`, those of prototypes, and those without a form factor.
fn refuse(option: &str, text: &str, elements: &[Element], most: usize) -> Result<(), Failure> {
    let found = elements.len();
    if found > most {
        return Err(Failure::helped(
            format!(
                "{option} {text}: {found} elements; prototypes of a library have at most {most}"
            ),
            "--proposer direct looks for structures without prototypes",
        ));
    }
    if let Some(e) = elements.iter().find(|e| FormFactor::of(**e).is_none()) {
        return Err(Failure::user(format!(
            "{option} {text}: there is no form factor for {e}; the table ends with californium"
        )));
    }
    Ok(())
}

/// The formula with the smallest whole numbers.
fn formula(text: &str, most: usize) -> Result<BTreeMap<Element, usize>, Failure> {
    let help = "symbols with whole numbers and round brackets, such as PbSe or Ca(OH)2";
    let amounts =
        parse_formula(text).map_err(|e| Failure::helped(format!("--formula {text}: {e}"), help))?;
    refuse("--formula", text, &amounts.keys().copied().collect::<Vec<_>>(), most)?;
    Ok(reduced_formula(&amounts))
}

/// Elements in the order in which their symbols first stand in the text.
fn in_order(text: &str, amounts: &BTreeMap<Element, usize>) -> Vec<Element> {
    let place = |e: &Element| {
        let symbol = e.symbol();
        let ends = |k: usize| !text[k + symbol.len()..].starts_with(|c: char| c.is_lowercase());
        text.match_indices(symbol).map(|(k, _)| k).find(|&k| ends(k)).unwrap_or(text.len())
    };
    let mut elements: Vec<Element> = amounts.keys().copied().collect();
    elements.sort_by_key(place);
    elements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_element_has_an_atom_and_all_fit() {
        assert_eq!(counts(1, 3), [[1], [2], [3]]);
        assert_eq!(counts(2, 3), [[1, 1], [1, 2], [2, 1]]);
        // choices of three positive numbers with a sum of at most ten
        assert_eq!(counts(3, 10).len(), 120);
        assert!(counts(4, 3).is_empty());
    }
}
