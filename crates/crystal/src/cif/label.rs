//! Elements from type symbols and labels.

use std::collections::BTreeSet;

use crate::Element;

/// What a type symbol or label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Named {
    /// An atom.
    Atom(Element),
    /// The oxygen of water or of a hydroxyl group, whose hydrogen it counts in.
    OxygenOfWater,
    /// A vacancy or dummy: nothing that scatters.
    Nothing,
}

/// Letters of water and hydroxyl groups in type symbols, and of water in labels.
const WATER_TYPES: [&str; 6] = ["wat", "hoh", "h2o", "oh", "oh2", "ow"];
const WATER_LABELS: [&str; 3] = ["wat", "hoh", "h2o"];

/// The last element of which form factors are known.
const HEAVIEST: u8 = 98;

/// Letters of what does not scatter.
const NOTHING: [&str; 5] = ["vac", "va", "du", "dum", "dummy"];

/// What a type symbol names: an element and its charge, such as `Fe`, `Fe3+`, `O-2` or `Ti(IV)`, and numbers such as of
/// `O1`; or water, hydroxyl, vacancies and dummies as databases write them.
pub(super) fn of_type_symbol(text: &str) -> Option<Named> {
    let (letters, rest) = split(text);
    if let Some(named) = no_element(text, letters, rest, &WATER_TYPES) {
        return Some(named);
    }
    let (before, oxidation) = match rest.split_once('(') {
        Some((before, within)) => (before, within.strip_suffix(')')?),
        None => (rest, ""),
    };
    let charge = before.chars().all(|c| c.is_ascii_digit() || "+-.*'\u{2212}".contains(c))
        && oxidation.chars().all(|c| c.is_ascii_digit() || "+-IVX".contains(c));
    if charge { symbol(letters).map(Named::Atom) } else { None }
}

/// What a label names: an element, then numbers and the name of the site, such as `Fe1A`, `O(2)`, `AlT1` or `Ob`. Where
/// it can be read in two ways (`SIT1`, `CA2`), `elements` of the formula decide; where they do not, two letters that are
/// all of the name count (`CA2`), and others are not read. Mixed sites (`CaNa`) and `T` (a tetrahedron) name no
/// element.
pub(super) fn of_label(text: &str, elements: Option<&BTreeSet<Element>>) -> Option<Named> {
    let (letters, rest) = split(text);
    if let Some(named) = no_element(text, letters, rest, &WATER_LABELS) {
        // a capital behind is the name of a site of vanadium
        if named != Named::Nothing || !letters.starts_with("VA") || letters.len() > 2 {
            return Some(named);
        }
    }
    let separated = rest.trim_start_matches(['_', '/', ',', '+', '-']);
    if separated.len() < rest.len() && begins_with_element(separated) {
        return None;
    }
    let one = letters.get(..1).filter(|l| !l.eq_ignore_ascii_case("t"));
    let one = one.and_then(symbol);
    let two = letters.get(..2).and_then(symbol);
    let stated = |e: &Element| elements.is_some_and(|all| all.contains(e));
    let capitals = letters.bytes().all(|b| b.is_ascii_uppercase());
    let read = match letters.len() {
        0 => None,
        1 => one,
        2 if two.is_some() => {
            let other = one.filter(|e| capitals && stated(e) && !two.is_some_and(|t| stated(&t)));
            other.or(two)
        }
        2.. if capitals => {
            let certain = letters.len() == 2 || two.is_none() && letters.starts_with('O');
            two.filter(stated).or(one.filter(|e| certain || stated(e)))
        }
        _ => of_proper_case(letters, one, two),
    };
    read.map(Named::Atom)
}

/// An element in its usual spelling before the name of a site: `AlT`, `OHa`, `Ob`.
fn of_proper_case(letters: &str, one: Option<Element>, two: Option<Element>) -> Option<Element> {
    let site = |suffix: &str| {
        suffix.starts_with(|c: char| c.is_ascii_uppercase()) && !begins_with_element(suffix)
    };
    if begins_with_element(letters) {
        return two.filter(|_| site(&letters[2..]));
    }
    let capital = letters.starts_with(|c: char| c.is_ascii_uppercase());
    let suffix = &letters[1..];
    let small = suffix.bytes().all(|b| b.is_ascii_lowercase());
    one.filter(|e| {
        let most = match e.symbol() {
            "O" => 3,
            "H" => 1,
            _ => 0,
        };
        capital && (site(suffix) || small && suffix.len() <= most)
    })
}

/// Whether a text begins with an element of two letters in its usual spelling.
fn begins_with_element(text: &str) -> bool {
    let two = text.get(..2).filter(|t| t.bytes().all(|b| b.is_ascii_alphabetic()));
    two.is_some_and(|t| Element::from_symbol(t).is_some_and(|e| e.symbol() == t))
}

/// The element of a symbol; in other than its usual spelling none of those that no crystal has: `NH4` is no nihonium.
fn symbol(letters: &str) -> Option<Element> {
    Element::from_symbol(letters).filter(|e| e.symbol() == letters || e.atomic_number() <= HEAVIEST)
}

/// Letters at the beginning, and the rest.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(text.len());
    text.split_at(end)
}

/// Water and nothing.
fn no_element(text: &str, letters: &str, rest: &str, water: &[&str]) -> Option<Named> {
    let is = |all: &[&str], word: &str| all.iter().any(|w| w.eq_ignore_ascii_case(word));
    let numbered = rest.chars().all(|c| !c.is_ascii_alphabetic());
    if is(water, text.trim()) || numbered && is(water, letters) {
        return Some(Named::OxygenOfWater);
    }
    (numbered && is(&NOTHING, letters)).then_some(Named::Nothing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(named: Option<Named>) -> &'static str {
        match named {
            Some(Named::Atom(element)) => element.symbol(),
            Some(Named::OxygenOfWater) => "water",
            Some(Named::Nothing) => "nothing",
            None => "none",
        }
    }

    #[test]
    fn type_symbols_are_elements_with_their_charge() {
        let expected = [
            ("Fe", "Fe3+ FE Fe+3 Fe3.5+ Fe(III) Fe1 fe"),
            ("O", "O2- O-2 O0+ O1 O"),
            ("H", "D T H1-"),
            ("water", "Wat OH H2O HOH WAT OH2 OW"),
            ("nothing", "Vac VAC Va Du Dummy"),
            ("none", "Uiso NH4 SO4 Fe3+/Fe2+ Ca/Sr X M 12C Me Vx ? Fe1A"),
        ];
        for (element, texts) in expected {
            for text in texts.split(' ') {
                assert_eq!(word(of_type_symbol(text)), element, "{text}");
            }
        }
    }

    #[test]
    fn labels_are_elements_with_the_name_of_a_site() {
        let expected = [
            ("Al", "Al Al1 AlT AlT1 Al3+ al1 AL1"),
            ("Fe", "FeM1 Fe1A Fe_2 Fe(1) Fe-1 FE1"),
            ("O", "Ob Oh2 OW OA1 OBm OHa OH OH1 Oap O-H O1W OHA"),
            ("Cs", "CsA"),
            ("V", "V1 VA1"),
            ("Ca", "CA1 Ca"),
            ("H", "Hw D2 H1A"),
            ("Si", "SiT1 Si"),
            ("water", "Wat Wat1 HOH H2O"),
            ("nothing", "Vac VAC1 Va Du1"),
            (
                "none",
                "T T1 M1 Me1 Ln1 REE Cat An AlSi1 Al_Si CaNa Na/Ca Uiso X1 Q1 SIT1 1Fe _Fe K/Na",
            ),
        ];
        for (element, texts) in expected {
            for text in texts.split(' ') {
                assert_eq!(word(of_label(text, None)), element, "{text}");
            }
        }
    }

    #[test]
    fn the_formula_decides_between_two_readings() {
        let read = |text: &str, formula: &[&str]| {
            let elements = formula.iter().map(|s| Element::from_symbol(s).unwrap()).collect();
            word(of_label(text, Some(&elements)))
        };
        assert_eq!(read("SIT1", &["Si", "O"]), "Si");
        assert_eq!(read("SIT1", &["S", "O"]), "S");
        assert_eq!(read("CA1", &["C", "O"]), "C");
        assert_eq!(read("CA1", &["Ca", "C", "O"]), "Ca");
        assert_eq!(read("REE", &["O"]), "none");
        assert_eq!(read("NO3", &["N"]), "N");
    }
}
