//! Names of space groups: Hermann-Mauguin symbols in the spellings of databases, and Hall symbols.
//!
//! The index is derived from the 530 settings of `moyo`: short and full symbols, monoclinic ones without
//! the axes that hold nothing (`P 21/n`), cubic ones before 1992 (`F m 3 m`), and the symbols that groups
//! with an e-glide had before 1992 (`C m c a` for `C m c e`), which follow from the one of the standard setting
//! by the change of axes.

use std::collections::HashMap;
use std::sync::OnceLock;

use moyo::data::{Centering, HallSymbol, HallSymbolEntry, Setting, hall_symbol_entry};

use super::SpaceGroup;
use super::closure::generated;
use crate::cif::Operation;
use crate::structure::wrapped;

/// Number of settings in the tables.
const SETTINGS: i32 = 530;

/// The glide that stood for `e` in the standard setting before 1992, by the number of the group.
const FORMER_GLIDES: [(i32, char); 5] = [(39, 'b'), (41, 'b'), (64, 'a'), (67, 'a'), (68, 'a')];

/// A setting of a space group: axes, origin, and a centring where it is not the tables'.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupSetting {
    hall_number: i32,
    /// A centring that the tables have for no setting of the group, such as of `C -1`.
    centring: Option<Centering>,
}

impl GroupSetting {
    /// All settings of a group, the standard one first (unique axis b, cell choice 1, hexagonal axes, origin 2).
    #[must_use]
    pub fn of_number(number: u16) -> Vec<Self> {
        let number = i32::from(number);
        let all = (1..=SETTINGS).filter_map(hall_symbol_entry).filter(|e| e.number == number);
        let mut all: Vec<Self> =
            all.map(|e| Self { hall_number: e.hall_number, centring: None }).collect();
        all.sort_by_key(|s| !s.is_standard());
        all
    }

    /// Settings that a Hermann-Mauguin symbol leaves open, the usual one first; none where it is not known.
    ///
    /// Short and full symbols, with and without blanks, underscores and brackets, of today and before 1992;
    /// with `:1`, `:2`, `:H`, `:R` or a code of axes behind, or those letters, S or Z (origin 1 and 2) alone;
    /// with a centring that the tables do not have; PDB's `H 3` for `R 3:H`.
    #[must_use]
    pub fn of_name(name: &str) -> Vec<Self> {
        let (symbol, setting) = match name.split_once(':') {
            Some((symbol, setting)) => (symbol, Some(setting.trim().to_lowercase())),
            None => (name, None),
        };
        let symbol = plain(symbol);
        if setting.is_some() {
            return of_symbol(&symbol, setting.as_deref());
        }
        let whole = of_symbol(&symbol, None);
        let Some(last) = symbol.chars().next_back().filter(|_| whole.is_empty()) else {
            return whole;
        };
        let rest = &symbol[..symbol.len() - last.len_utf8()];
        match last {
            's' | 'z' => {
                let origin = if last == 's' { "1" } else { "2" };
                let chosen = of_symbol(rest, Some(origin));
                if chosen.is_empty() { of_symbol(rest, None) } else { chosen }
            }
            'h' | 'r' | '1' | '2' => of_symbol(rest, Some(&last.to_string())),
            _ => Vec::new(),
        }
    }

    /// Number of the group in the International Tables; none with a centring of its own.
    #[must_use]
    pub fn number(&self) -> Option<u16> {
        let number = hall_symbol_entry(self.hall_number)?.number;
        self.centring.is_none().then(|| u16::try_from(number).ok())?
    }

    /// Images in the cell of a point on the Wyckoff position of a letter; none with a centring of its own.
    #[must_use]
    pub fn multiplicity(&self, letter: char) -> Option<usize> {
        let group = SpaceGroup::get(self.number()?)?;
        let position = &group.positions[group.position_of_letter(letter)?];
        // the tables' axes are hexagonal; a rhombohedral cell is a third
        let whole = hall_symbol_entry(self.hall_number)?.centering.order();
        Some(position.multiplicity * whole / group.centring.len())
    }

    /// All operations, those of the centring included.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        // numbers are those of the tables, see the constructors
        let symbol = HallSymbol::from_hall_number(self.hall_number);
        symbol.map_or(Vec::new(), |symbol| operations_of(&symbol, self.centring))
    }

    /// Whether another setting differs by the choice of the origin alone.
    #[must_use]
    pub fn differs_by_origin(&self, other: &Self) -> bool {
        let entries = (hall_symbol_entry(self.hall_number), hall_symbol_entry(other.hall_number));
        let (Some(a), Some(b)) = entries else { return false };
        let axes = |e: &HallSymbolEntry| e.setting.trim_start_matches(['1', '2']);
        let origin = |e: &HallSymbolEntry| e.setting.starts_with(['1', '2']);
        self != other && a.number == b.number && origin(&a) && origin(&b) && axes(&a) == axes(&b)
    }

    /// Symbol with its setting, such as `F d -3 m:2`.
    #[must_use]
    pub fn symbol(&self) -> String {
        let Some(entry) = hall_symbol_entry(self.hall_number) else { return String::new() };
        let symbol = match self.centring {
            Some(centring) => format!("{centring:?}{}", &entry.hm_short[1..]),
            None => entry.hm_short.to_string(),
        };
        if matches!(entry.setting, "1" | "2" | "H" | "R") {
            format!("{symbol}:{}", entry.setting)
        } else {
            symbol
        }
    }

    /// Whether it is the standard setting of its group.
    #[must_use]
    pub fn is_standard(&self) -> bool {
        let entry = hall_symbol_entry(self.hall_number);
        entry.is_some_and(|e| Setting::Standard.hall_number(e.number) == Some(self.hall_number))
    }
}

/// All operations of a Hall symbol, with its centring or another.
pub(super) fn operations_of(symbol: &HallSymbol, centring: Option<Centering>) -> Vec<Operation> {
    let points = centring.unwrap_or(symbol.centering).lattice_points();
    let coset = symbol.traverse();
    let moved = |point| {
        let shifted = coset.iter().map(move |o| Operation {
            rotation: o.rotation,
            translation: wrapped(o.translation + point),
        });
        shifted.collect::<Vec<_>>()
    };
    points.into_iter().flat_map(moved).collect()
}

/// All operations of a Hall symbol, as the tables of crystallography write it: `-R 3 2"c`, `-P 4n 2n`. None where it is
/// no such symbol.
#[must_use]
pub fn operations_of_hall_symbol(text: &str) -> Option<Vec<Operation>> {
    let text = text.replace('"', "=").replace('\'', "^").replace('_', " ").to_lowercase();
    let mut tokens: Vec<String> = text.split_whitespace().map(str::to_string).collect();
    if let Some(lattice) = tokens.first_mut() {
        *lattice = lattice.to_uppercase();
    }
    // moyo's reader expects a symbol that follows the grammar
    let (lattice, rest) = tokens.split_first()?;
    let shift = rest.iter().position(|t| t.starts_with('(')).unwrap_or(rest.len());
    let well_formed = is_lattice(lattice)
        && shift > 0
        && rest[..shift].iter().all(|t| is_rotation(t))
        && is_shift(&rest[shift..]);
    if !well_formed {
        return None;
    }
    let symbol = HallSymbol::new(&tokens.join(" "))?;
    let translations = symbol.centering.lattice_points().into_iter();
    let centring = translations.map(|t| Operation { translation: t, ..Operation::identity() });
    let own = symbol.generators.iter();
    let own = own.map(|o| Operation { rotation: o.rotation, translation: o.translation });
    generated(&centring.chain(own).collect::<Vec<_>>()).map(|(_, all)| all)
}

/// `-P`
fn is_lattice(token: &str) -> bool {
    let letter = token.strip_prefix('-').unwrap_or(token);
    letter.len() == 1 && letter.chars().all(|c| "PABCIRF".contains(c))
}

/// `-2=c`: order, axis, translations.
fn is_rotation(token: &str) -> bool {
    let token = token.strip_prefix('-').unwrap_or(token);
    let Some(rest) = token.strip_prefix(['1', '2', '3', '4', '6']) else { return false };
    let rest = rest.strip_prefix(['^', '=']).unwrap_or(rest);
    let rest = rest.strip_prefix(['x', 'y', 'z', '*']).unwrap_or(rest);
    rest.chars().all(|c| "12345abcnuvwd".contains(c))
}

/// `(0 0 1)` in three tokens, or nothing.
fn is_shift(tokens: &[String]) -> bool {
    let text = tokens.join(" ");
    let inner = text.strip_prefix('(').and_then(|t| t.strip_suffix(')'));
    let whole = |t: &str| t.parse::<i8>().is_ok() && !t.starts_with('+');
    tokens.is_empty() || tokens.len() == 3 && inner.is_some_and(|t| t.split(' ').all(whole))
}

/// Settings of a plain symbol, those of a code of origin or axes.
fn of_symbol(symbol: &str, setting: Option<&str>) -> Vec<GroupSetting> {
    let chosen = |hall_numbers: &[i32], centring: Option<Centering>| {
        let entries = hall_numbers.iter().filter_map(|&n| hall_symbol_entry(n));
        let fits = |e: &HallSymbolEntry| {
            let code = e.setting.to_lowercase();
            setting.is_none_or(|s| {
                !s.is_empty() && (code.starts_with(s) || code.trim_start_matches(['1', '2']) == s)
            })
        };
        let fitting = entries.filter(fits);
        fitting.map(|e| GroupSetting { hall_number: e.hall_number, centring }).collect::<Vec<_>>()
    };
    let index = index();
    if let Some(found) = index.get(symbol) {
        return chosen(found, None);
    }
    let Some(letter) = symbol.chars().next().filter(char::is_ascii) else { return Vec::new() };
    let primitive = index.get(&format!("p{}", &symbol[1..]));
    let centring = match letter {
        'a' => Centering::A,
        'b' => Centering::B,
        'c' => Centering::C,
        'i' => Centering::I,
        'f' => Centering::F,
        // the Protein Data Bank's letter for hexagonal axes
        'h' => {
            let rhombohedral = of_symbol(&format!("r{}", &symbol[1..]), Some("h"));
            return if setting.is_none_or(|s| s == "h") { rhombohedral } else { Vec::new() };
        }
        _ => return Vec::new(),
    };
    primitive.map_or(Vec::new(), |found| chosen(found, Some(centring)))
}

/// Hall numbers by plain symbols, the standard settings first.
fn index() -> &'static HashMap<String, Vec<i32>> {
    static INDEX: OnceLock<HashMap<String, Vec<i32>>> = OnceLock::new();
    INDEX.get_or_init(|| {
        let mut index: HashMap<String, Vec<i32>> = HashMap::new();
        for entry in (1..=SETTINGS).filter_map(hall_symbol_entry) {
            for symbol in symbols(&entry) {
                let same = index.entry(plain(&symbol)).or_default();
                if !same.contains(&entry.hall_number) {
                    same.push(entry.hall_number);
                }
            }
        }
        let standard = |n: &i32| !GroupSetting { hall_number: *n, centring: None }.is_standard();
        index.values_mut().for_each(|same| same.sort_by_key(standard));
        index
    })
}

/// Symbols of a setting.
fn symbols(entry: &HallSymbolEntry) -> Vec<String> {
    let mut all = vec![entry.hm_full.to_string()];
    match entry.number {
        // the short symbol of the tables is that of the standard setting in all
        3..=15 => {
            all.push(entry.hm_full.split(' ').filter(|t| *t != "1").collect::<Vec<_>>().join(" "));
        }
        200..=206 | 221..=230 => {
            all.push(entry.hm_short.to_string());
            all.extend([entry.hm_short, entry.hm_full].map(|symbol| symbol.replace("-3", "3")));
        }
        _ => all.push(entry.hm_short.to_string()),
    }
    if let Some((_, glide)) = FORMER_GLIDES.iter().find(|(number, _)| *number == entry.number) {
        let standard = Setting::Standard.hall_number(entry.number).and_then(hall_symbol_entry);
        let axes = entry.setting.trim_start_matches(['1', '2']);
        let former = |symbol: &str| in_axes(&symbol.replace('e', &glide.to_string()), axes);
        all.extend(standard.iter().flat_map(|e| [former(e.hm_short), former(e.hm_full)]));
    }
    all
}

/// An orthorhombic symbol in other axes: with `cab` the new first axis is the old third.
fn in_axes(symbol: &str, axes: &str) -> String {
    let letters: Vec<char> = axes.chars().filter(|c| *c != '-').collect();
    let [a, b, c] = letters[..] else { return symbol.to_string() };
    let new_of = |old: char| [a, b, c].iter().position(|p| *p == old);
    let renamed = |letter: char| -> char {
        let lower = letter.to_ascii_lowercase();
        let new = new_of(lower).map_or(lower, |k| ['a', 'b', 'c'][k]);
        if letter.is_ascii_uppercase() { new.to_ascii_uppercase() } else { new }
    };
    let tokens: Vec<String> = symbol.split(' ').map(|t| t.chars().map(renamed).collect()).collect();
    let [lattice, directions @ ..] = &tokens[..] else { return symbol.to_string() };
    let old = |p: char| directions.get(usize::from(p as u8 - b'a')).cloned().unwrap_or_default();
    format!("{lattice} {} {} {}", old(a), old(b), old(c))
}

/// A symbol as it is compared: small letters, no blanks and marks of subscripts; a number or word in brackets behind
/// a blank left out; a bar above a digit before it.
fn plain(symbol: &str) -> String {
    let symbol = match symbol.trim().rsplit_once(" (") {
        Some((before, within)) if within.ends_with(')') => before,
        _ => symbol,
    };
    let symbol = symbol.to_lowercase().replace("<sub>", "").replace("</sub>", "");
    let mut text = String::new();
    for c in symbol.chars() {
        match c {
            '\u{304}' | '\u{305}' => {
                let last = text.pop();
                text.push('-');
                text.extend(last);
            }
            '\u{2212}' | '\u{2013}' => text.push('-'),
            '\u{2080}'..='\u{2089}' => text.extend(char::from_digit(c as u32 - 0x2080, 10)),
            '_' | '~' | '(' | ')' => {}
            c if c.is_whitespace() => {}
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::symmetry::closure::is_subgroup;

    fn first(name: &str) -> Option<i32> {
        GroupSetting::of_name(name).first().map(|s| s.hall_number)
    }

    #[test]
    fn every_setting_has_its_symbols_and_its_hall_symbol() {
        for entry in (1..=SETTINGS).filter_map(hall_symbol_entry) {
            let full = GroupSetting::of_name(&format!("{}:{}", entry.hm_full, entry.setting));
            let own = GroupSetting { hall_number: entry.hall_number, centring: None };
            if entry.setting.is_empty() {
                assert!(GroupSetting::of_name(entry.hm_full).contains(&own), "{entry:?}");
            } else {
                assert!(full.contains(&own), "{entry:?}");
            }
            let quoted = entry.hall_symbol.replace('=', "\"").replace('^', "'");
            let found = operations_of_hall_symbol(&quoted).unwrap();
            let all = own.operations();
            assert!(found.len() == all.len() && is_subgroup(&found, &all), "{entry:?}");
        }
        for number in 1..=230 {
            assert!(GroupSetting::of_number(number)[0].is_standard());
        }
    }

    #[test]
    fn one_symbol_is_one_group() {
        for (symbol, hall_numbers) in index() {
            let number = |n: &i32| hall_symbol_entry(*n).unwrap().number;
            let all: std::collections::HashSet<i32> = hall_numbers.iter().map(number).collect();
            assert_eq!(all.len(), 1, "{symbol}");
        }
    }

    #[test]
    fn symbols_with_an_e_glide_keep_those_of_before_1992() {
        // International Tables A (1983), table 4.3.1
        let all = [
            (39, "A b m 2, B m a 2, B 2 c m, C 2 m b, C m 2 a, A c 2 m"),
            (41, "A b a 2, B b a 2, B 2 c b, C 2 c b, C c 2 a, A c 2 a"),
            (64, "C m c a, C c m b, A b m a, A c a m, B b c m, B m a b"),
            (67, "C m m a, C m m b, A b m m, A c m m, B m c m, B m a m"),
            (68, "C c c a, C c c b, A b a a, A c a a, B b c b, B b a b"),
        ];
        for (number, names) in all {
            let mut halls = Vec::new();
            for name in names.split(", ") {
                let found = GroupSetting::of_name(name);
                assert!(found.iter().all(|s| s.number() == Some(number)), "{name}");
                halls.push(found[0].hall_number);
            }
            halls.sort_unstable();
            halls.dedup();
            assert_eq!(halls.len(), 6, "{names}");
        }
        assert_eq!(first("A b m a"), Some(306));
        assert_eq!(first("C c c b:2"), Some(325));
        assert_eq!(first("C 2/m 2/c 21/a"), Some(304));
    }

    #[test]
    fn spellings_of_databases_and_programs_are_known() {
        let same = [
            (
                81,
                "P 21/c|P21/c|P 2(1)/c|P2_1/c|P 1 21/c 1|P 2₁/c|P 2<sub>1</sub>/c|P 21/c (No. 14)",
            ),
            (82, "P 21/n|P 1 21/n 1|P2(1)/n|P 21/n :b2"),
            (99, "B 2/b|B 1 1 2/b"),
            (460, "R -3 c H|R-3cH|R -3 c :H|R -3 c|H -3 c|R-3c:h"),
            (461, "R -3 c R|R -3 c:R|R-3cr"),
            (525, "F d -3 m S|F d -3 m:1|Fd-3mS|F d 3 m S|F d -3 m 1"),
            (526, "F d -3 m Z|F d -3 m|Fd3m|F 41/d -3 2/m|F d -3 m 2"),
            (523, "F m -3 m|Fm3m|F M 3 M|Fm3̅m|F 4/m 3 2/m|F m -3 m S|Fm-3m (225)"),
            (501, "P a -3|Pa3|P a 3"),
            (530, "I a -3 d|I a 3 d"),
        ];
        for (hall_number, names) in same {
            for name in names.split('|') {
                assert_eq!(first(name), Some(hall_number), "{name}");
            }
        }
        let unknown =
            ["", ":", ":1", "P 42/m n q", "F m -3 m:1", "F m -3 m 1", "R -3 c:1", "(", "é"];
        assert!(unknown.iter().all(|name| first(name).is_none()));
        assert_eq!(GroupSetting::of_name("F d -3 m").len(), 2);
    }

    #[test]
    fn centrings_that_no_table_has_are_added() {
        let pairs = [
            ("C -1", "-C 1"),
            ("I 1 21 1", "I 2yb"),
            ("F 4/m m m", "-F 4 2"),
            ("C 1 1 21", "C 2c"),
            ("C -4 2 m", "C -4 2"),
            ("B 1 2 1", "B 2y"),
        ];
        for (name, hall) in pairs {
            let named = GroupSetting::of_name(name)[0].operations();
            let known = operations_of_hall_symbol(hall).unwrap();
            assert!(named.len() == known.len() && is_subgroup(&named, &known), "{name}");
        }
    }

    #[test]
    fn other_texts_are_no_hall_symbols() {
        for text in
            ["", "P", "Q 2", "-P 5", "P 2yq", "P 4 (0 0", "P 4 (0 0 x)", "P 6 4x", "é 2", "P -"]
        {
            assert!(operations_of_hall_symbol(text).is_none(), "{text}");
        }
        assert_eq!(operations_of_hall_symbol("P 31 2 (0 0 4)").unwrap().len(), 6);
    }
}
