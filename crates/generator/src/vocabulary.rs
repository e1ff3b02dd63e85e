//! The tokens that a crystal is written with, and the features that each is a sum of.
//!
//! A token's vector is the sum of vectors of its features, so that what is rare shares what it has in
//! common with others: an element its period and column, a Wyckoff position its letter, multiplicity,
//! site symmetry and coordinates. The same vectors serve as input and as output.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::OnceLock;

use surrogate_crystal::Element;
use surrogate_crystal::symmetry::{CrystalSystem, SpaceGroup};

/// Most atoms of one element in the primitive cell.
pub const MOST_ATOMS: usize = 96;

/// Longest sequence.
pub const MOST_TOKENS: usize = 128;

/// Levels of a length: logarithm over the size of an atom, in steps.
pub const LENGTH_LEVELS: usize = 228;
/// Step of a length's logarithm.
pub const LENGTH_STEP: f64 = 0.02;
/// Logarithm at which the first level begins.
pub const LENGTH_FIRST: f64 = -0.6;

/// Levels of an angle.
pub const ANGLE_LEVELS: usize = 141;
/// Angle of the first level in degrees; steps are one degree.
pub const ANGLE_FIRST: f64 = 20.0;

/// Levels of a coordinate from 0 to 1.
pub const COORDINATE_LEVELS: usize = 96;

/// Number of elements.
const ELEMENTS: usize = 118;

/// Number of space groups.
const GROUPS: usize = 230;

/// What a place of a sequence stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An element of the composition, or, after the last, the space group.
    Element,
    /// Atoms of the element in the primitive cell.
    Count,
    /// The space group.
    Group,
    /// A free length of the cell, of a, b, c.
    Length(usize),
    /// A free angle of the cell, of alpha, beta, gamma.
    Angle(usize),
    /// The Wyckoff position of the next orbit.
    Position,
    /// A free coordinate, of x, y, z.
    Coordinate(usize),
}

impl Kind {
    const COUNT: usize = 13;

    const fn place(self) -> usize {
        match self {
            Self::Element => 0,
            Self::Count => 1,
            Self::Group => 2,
            Self::Length(k) => 3 + k,
            Self::Angle(k) => 6 + k,
            Self::Position => 9,
            Self::Coordinate(k) => 10 + k,
        }
    }
}

/// Rows of the vocabulary and their features.
#[derive(Debug)]
pub struct Vocabulary {
    /// Features of each row.
    rows: Vec<Vec<u16>>,
    /// Number of features.
    features: usize,
    counts: usize,
    elements: usize,
    groups: usize,
    /// First row of the positions of each group, and the end.
    positions: Vec<usize>,
    lengths: usize,
    angles: usize,
    coordinates: usize,
    /// First features of what is said of a place in the sequence.
    next: usize,
    placing: usize,
    left: usize,
    order: usize,
}

/// Gives numbers to features by name.
#[derive(Default)]
struct Names {
    known: HashMap<String, u16>,
}

impl Names {
    fn get(&mut self, name: String) -> u16 {
        let next = u16::try_from(self.known.len()).unwrap_or(u16::MAX);
        *self.known.entry(name).or_insert(next)
    }

    /// Numbers of a range of new features.
    fn range(&mut self, name: &str, count: usize) -> usize {
        let first = self.known.len();
        for k in 0..count {
            self.get(format!("{name} {k}"));
        }
        first
    }
}

impl Vocabulary {
    /// The one vocabulary.
    #[must_use]
    pub fn get() -> &'static Self {
        static VOCABULARY: OnceLock<Vocabulary> = OnceLock::new();
        VOCABULARY.get_or_init(Self::build)
    }

    fn build() -> Self {
        let mut names = Names::default();
        let mut rows: Vec<Vec<u16>> = vec![vec![names.get("begin".to_string())]];
        let counts = rows.len();
        rows.extend((1..=MOST_ATOMS).map(|n| vec![names.get(format!("count {n}"))]));
        let elements = rows.len();
        for z in 1..=ELEMENTS {
            rows.push(element_features("element", z).map(|name| names.get(name)).collect());
        }
        let groups = rows.len();
        let all: Vec<&'static SpaceGroup> =
            (1..=GROUPS as u16).filter_map(SpaceGroup::get).collect();
        for group in &all {
            let centring = group.symbol.chars().next().unwrap_or('P');
            let point = group.operations.len() / group.centring.len();
            rows.push(vec![
                names.get(format!("group {}", group.number)),
                names.get(format!("system {:?}", group.system())),
                names.get(format!("centring {centring}")),
                names.get(format!("order {point}")),
            ]);
        }
        let mut positions = Vec::with_capacity(GROUPS + 1);
        for group in &all {
            positions.push(rows.len());
            for position in &group.positions {
                let primitive = position.multiplicity / group.centring.len();
                rows.push(vec![
                    names.get(format!("position {} {}", group.number, position.letter)),
                    names.get(format!("letter {}", position.letter)),
                    names.get(format!("multiplicity {primitive}")),
                    names.get(format!("site {}", position.site_symmetry)),
                    names.get(format!("coordinates {}", position.coordinates)),
                ]);
            }
        }
        positions.push(rows.len());
        // neighbouring levels share coarser ones
        let mut levels = |name: &str, count: usize| {
            let first = rows.len();
            for k in 0..count {
                rows.push(vec![
                    names.get(format!("{name} {k}")),
                    names.get(format!("{name} by 4: {}", k / 4)),
                    names.get(format!("{name} by 16: {}", k / 16)),
                ]);
            }
            first
        };
        let lengths = levels("length", LENGTH_LEVELS);
        let angles = levels("angle", ANGLE_LEVELS);
        let coordinates = levels("coordinate", COORDINATE_LEVELS);
        let next = names.range("next", Kind::COUNT);
        let placing = names.known.len();
        for z in 1..=ELEMENTS {
            names.get(format!("placing {z}"));
        }
        let left = names.range("left", MOST_ATOMS + 1);
        let order = names.range("place", MOST_TOKENS);
        Self {
            rows,
            features: names.known.len(),
            counts,
            elements,
            groups,
            positions,
            lengths,
            angles,
            coordinates,
            next,
            placing,
            left,
            order,
        }
    }

    /// Number of rows.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.rows.len()
    }

    /// A vocabulary is never empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// Number of features.
    #[must_use]
    pub const fn features(&self) -> usize {
        self.features
    }

    /// Features of a row.
    #[must_use]
    pub fn features_of(&self, row: usize) -> &[u16] {
        &self.rows[row]
    }

    /// The row with which every sequence begins.
    #[must_use]
    pub const fn begin(&self) -> usize {
        0
    }

    /// Rows of numbers of atoms from 1.
    #[must_use]
    pub const fn counts(&self) -> Range<usize> {
        self.counts..self.elements
    }

    /// Rows of elements from hydrogen.
    #[must_use]
    pub const fn elements(&self) -> Range<usize> {
        self.elements..self.groups
    }

    /// Rows of space groups from 1; they follow the elements.
    #[must_use]
    pub const fn groups(&self) -> Range<usize> {
        self.groups..self.groups + GROUPS
    }

    /// Rows of the positions of a group, in the group's order.
    #[must_use]
    pub fn positions(&self, group: &SpaceGroup) -> Range<usize> {
        let k = usize::from(group.number) - 1;
        self.positions[k]..self.positions[k + 1]
    }

    /// Rows of lengths.
    #[must_use]
    pub const fn lengths(&self) -> Range<usize> {
        self.lengths..self.lengths + LENGTH_LEVELS
    }

    /// Rows of angles.
    #[must_use]
    pub const fn angles(&self) -> Range<usize> {
        self.angles..self.angles + ANGLE_LEVELS
    }

    /// Rows of coordinates.
    #[must_use]
    pub const fn coordinates(&self) -> Range<usize> {
        self.coordinates..self.coordinates + COORDINATE_LEVELS
    }

    /// Features of a place in a sequence besides those of its token: what comes next, the element being
    /// placed with the number of its atoms that are left, the number of the place.
    pub fn place_features(
        &self,
        next: Kind,
        placing: Option<(Element, usize)>,
        place: usize,
        out: &mut Vec<u16>,
    ) {
        let number = |k: usize| u16::try_from(k).unwrap_or(u16::MAX);
        out.push(number(self.next + next.place()));
        if let Some((element, left)) = placing {
            out.push(number(self.placing + usize::from(element.atomic_number()) - 1));
            out.push(number(self.left + left.min(MOST_ATOMS)));
        }
        out.push(number(self.order + place.min(MOST_TOKENS - 1)));
    }
}

/// Names of what an element shares with others.
fn element_features(name: &str, z: usize) -> impl Iterator<Item = String> {
    let (period, column) = period_and_column(z);
    [format!("{name} {z}"), format!("{name} period {period}"), format!("{name} column {column}")]
        .into_iter()
}

/// Period and column of the table of elements; lanthanides and actinides have columns of their own by
/// their place in the series.
#[must_use]
pub fn period_and_column(z: usize) -> (usize, usize) {
    const NOBLE: [usize; 8] = [0, 2, 10, 18, 36, 54, 86, 118];
    let period = NOBLE.iter().position(|&n| z <= n).unwrap_or(8);
    let (begin, end) = (NOBLE[period.max(1) - 1], NOBLE[period.min(7)]);
    let (from_begin, from_end) = (z - begin, end - z);
    let column = if z == 2 {
        18
    } else if from_begin <= 2 {
        from_begin
    } else if from_end < 6 {
        18 - from_end
    } else if period <= 5 {
        from_begin
    } else if from_begin <= 16 {
        // the f series, 19 for the first of it
        16 + from_begin
    } else {
        from_begin - 14
    };
    (period, column)
}

/// Free lengths and angles of a crystal system, as kinds in the order of the free cell parameters.
#[must_use]
pub const fn cell_kinds(system: CrystalSystem) -> &'static [Kind] {
    use Kind::{Angle, Length};
    match system {
        CrystalSystem::Triclinic => {
            &[Length(0), Length(1), Length(2), Angle(0), Angle(1), Angle(2)]
        }
        CrystalSystem::Monoclinic => &[Length(0), Length(1), Length(2), Angle(1)],
        CrystalSystem::Orthorhombic => &[Length(0), Length(1), Length(2)],
        CrystalSystem::Tetragonal | CrystalSystem::Hexagonal => &[Length(0), Length(2)],
        CrystalSystem::Cubic => &[Length(0)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_in_their_columns() {
        for (symbol, place) in [
            ("H", (1, 1)),
            ("He", (1, 18)),
            ("Li", (2, 1)),
            ("B", (2, 13)),
            ("Ne", (2, 18)),
            ("Fe", (4, 8)),
            ("Br", (4, 17)),
            ("Ag", (5, 11)),
            ("Ba", (6, 2)),
            ("La", (6, 19)),
            ("Yb", (6, 32)),
            ("Lu", (6, 3)),
            ("Hf", (6, 4)),
            ("Pb", (6, 14)),
            ("U", (7, 22)),
        ] {
            let z = Element::from_symbol(symbol).unwrap().atomic_number();
            assert_eq!(period_and_column(usize::from(z)), place, "{symbol}");
        }
    }

    #[test]
    fn every_position_of_every_group_has_a_row() {
        let vocabulary = Vocabulary::get();
        for number in 1..=230 {
            let group = SpaceGroup::get(number).unwrap();
            assert_eq!(vocabulary.positions(group).len(), group.positions.len());
        }
        assert_eq!(vocabulary.coordinates().end, vocabulary.len());
        assert!(vocabulary.features() < usize::from(u16::MAX));
    }
}
