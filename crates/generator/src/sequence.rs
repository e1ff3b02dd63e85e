//! Crystals as sequences of tokens, and the grammar that keeps every sequence a crystal.
//!
//! ```text
//! begin (element count)+ group length.. angle.. (position coordinate..)+
//! ```
//!
//! Elements ascend; counts are atoms in the primitive cell. Orbits follow element after element, by
//! letter, so that neither their elements nor the end need tokens: a sequence ends when every atom
//! is placed. Lengths are relative to the size of an atom, the cube root of the mean volume that
//! the elements of the composition usually have. At each place the grammar permits only what
//! can still be completed.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use surrogate_crystal::symmetry::{Orbit, SpaceGroup, SymmetricStructure};
use surrogate_crystal::{CellParameters, Element, Lattice};
use thiserror::Error;

use crate::feasible::{Floor, Places};
use crate::vocabulary::{
    ANGLE_FIRST, ANGLE_LEVELS, COORDINATE_LEVELS, Kind, LENGTH_FIRST, LENGTH_LEVELS, LENGTH_STEP,
    MOST_ATOMS, MOST_TOKENS, Vocabulary, cell_kinds,
};

/// Why a crystal has no sequence.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum SequenceError {
    /// More atoms of an element than there are tokens for.
    #[error(
        "{count} atoms of {element} in the primitive cell: at most {MOST_ATOMS} can be written"
    )]
    TooManyAtoms {
        /// The element.
        element: Element,
        /// Its atoms.
        count: usize,
    },
    /// More tokens than a sequence has.
    #[error("the crystal takes {0} tokens: at most {MOST_TOKENS} can be written")]
    TooLong(usize),
    /// A cell parameter out of the range of its levels.
    #[error("a cell parameter of {0} is out of the range that can be written")]
    Cell(f64),
    /// Orbits that the grammar does not permit.
    #[error("the orbits of the crystal do not follow the grammar")]
    Grammar,
}

/// Volumes of atoms in cubic angstrom by atomic number.
#[derive(Debug, Clone, PartialEq)]
pub struct AtomicVolumes(pub Vec<f64>);

impl AtomicVolumes {
    /// Cube root of the mean volume of the atoms of a composition, in angstrom.
    #[must_use]
    pub fn size(&self, composition: &[(Element, usize)]) -> f64 {
        let atoms: usize = composition.iter().map(|(_, n)| n).sum();
        let volume = |e: &Element| self.0.get(usize::from(e.atomic_number())).copied();
        let sum: f64 = composition.iter().map(|(e, n)| *n as f64 * volume(e).unwrap_or(15.0)).sum();
        (sum / atoms.max(1) as f64).cbrt()
    }
}

/// What may stand at the next place.
#[derive(Debug, Clone)]
pub struct Choice {
    /// What it stands for.
    pub kind: Kind,
    /// Rows of the vocabulary it is one of.
    pub rows: Range<usize>,
    /// Which of these are permitted; all where nothing is said.
    pub allowed: Option<Arc<Vec<bool>>>,
}

impl Choice {
    /// Whether a row may stand there.
    #[must_use]
    pub fn permits(&self, row: usize) -> bool {
        self.rows.contains(&row) && self.allowed.as_ref().is_none_or(|a| a[row - self.rows.start])
    }
}

/// An orbit whose coordinates are levels.
#[derive(Debug, Clone)]
struct Written {
    element: Element,
    position: usize,
    levels: Vec<usize>,
}

/// A crystal being written.
#[derive(Debug, Clone)]
pub struct Writing {
    composition: Vec<(Element, usize)>,
    /// An element whose count is awaited.
    awaiting: Option<Element>,
    /// Whether the composition is complete.
    complete: bool,
    group: Option<&'static SpaceGroup>,
    places: Option<Arc<Places>>,
    cell: Vec<usize>,
    orbits: Vec<Written>,
    /// Element being placed, and its atoms that are left, in the primitive cell.
    current: usize,
    left: usize,
    used: Vec<bool>,
    floor: Floor,
}

impl Default for Writing {
    fn default() -> Self {
        Self::new()
    }
}

impl Writing {
    /// Nothing but the beginning.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            composition: Vec::new(),
            awaiting: None,
            complete: false,
            group: None,
            places: None,
            cell: Vec::new(),
            orbits: Vec::new(),
            current: 0,
            left: 0,
            used: Vec::new(),
            floor: Floor::NONE,
        }
    }

    /// The composition so far.
    #[must_use]
    pub fn composition(&self) -> &[(Element, usize)] {
        &self.composition
    }

    /// Number of cell parameters that are written.
    #[must_use]
    pub const fn cell_written(&self) -> usize {
        self.cell.len()
    }

    /// Says that the composition is complete, so that the group follows.
    pub const fn close_composition(&mut self) {
        self.complete = true;
    }

    /// Element being placed with the number of its atoms that are left.
    #[must_use]
    pub fn placing(&self) -> Option<(Element, usize)> {
        self.group?;
        self.composition.get(self.current).map(|(e, _)| (*e, self.left))
    }

    /// What comes next, without what is permitted; nothing if the crystal is complete.
    #[must_use]
    pub fn next_kind(&self) -> Option<Kind> {
        if self.awaiting.is_some() {
            return Some(Kind::Count);
        }
        let Some(group) = self.group else {
            return Some(if self.complete { Kind::Group } else { Kind::Element });
        };
        if let Some(&kind) = cell_kinds(group.system()).get(self.cell.len()) {
            return Some(kind);
        }
        if let Some(last) = self.orbits.last()
            && let Some(&axis) = group.positions[last.position].free().get(last.levels.len())
        {
            return Some(Kind::Coordinate(axis));
        }
        (self.current < self.composition.len()).then_some(Kind::Position)
    }

    /// What may come next; nothing if the crystal is complete.
    #[must_use]
    pub fn next(&self) -> Option<Choice> {
        let vocabulary = Vocabulary::get();
        let kind = self.next_kind()?;
        let all = |rows| Choice { kind, rows, allowed: None };
        Some(match (kind, self.group) {
            (Kind::Count, _) => all(vocabulary.counts()),
            (Kind::Length(_), _) => all(vocabulary.lengths()),
            (Kind::Angle(_), _) => {
                Choice { kind, rows: vocabulary.angles(), allowed: self.angles_that_span() }
            }
            (Kind::Coordinate(_), _) => all(vocabulary.coordinates()),
            (Kind::Position, Some(group)) => {
                let allowed = (0..group.positions.len()).map(|k| self.permits_position(group, k));
                let allowed = Some(Arc::new(allowed.collect()));
                Choice { kind, rows: vocabulary.positions(group), allowed }
            }
            _ => self.next_of_composition(),
        })
    }

    /// An element that follows those there are, or the group.
    fn next_of_composition(&self) -> Choice {
        let vocabulary = Vocabulary::get();
        let counts: Vec<usize> = self.composition.iter().map(|(_, n)| *n).collect();
        if self.complete {
            let allowed = Some(groups_for(&counts));
            return Choice { kind: Kind::Group, rows: vocabulary.groups(), allowed };
        }
        let last = self.composition.last().map_or(0, |(e, _)| usize::from(e.atomic_number()));
        let elements = (1..=vocabulary.elements().len()).map(|z| z > last);
        let groups = groups_for(&counts);
        let groups = groups.iter().map(|&g| g && !counts.is_empty());
        Choice {
            kind: Kind::Element,
            rows: vocabulary.elements().start..vocabulary.groups().end,
            allowed: Some(Arc::new(elements.chain(groups).collect())),
        }
    }

    /// Third angles that span a cell with the first two; all for the others.
    fn angles_that_span(&self) -> Option<Arc<Vec<bool>>> {
        let [_, _, _, alpha, beta] = self.cell[..] else { return None };
        let angle = |level: usize| ANGLE_FIRST + level as f64;
        let spans = |gamma: usize| {
            let angles_deg = [angle(alpha), angle(beta), angle(gamma)];
            Lattice::from_parameters(CellParameters { lengths: [1.0; 3], angles_deg }).is_ok()
        };
        Some(Arc::new((0..ANGLE_LEVELS).map(spans).collect()))
    }

    /// Whether an orbit on a position leaves a way to place all others.
    fn permits_position(&self, group: &SpaceGroup, position: usize) -> bool {
        let wyckoff = &group.positions[position];
        let free = wyckoff.degrees_of_freedom() > 0;
        let multiplicity = wyckoff.multiplicity / group.centring.len();
        let open = wyckoff.letter > self.floor.letter
            || (wyckoff.letter == self.floor.letter && (free || self.floor.inclusive));
        if !open || multiplicity > self.left || (!free && self.used[position]) {
            return false;
        }
        let Some(places) = &self.places else { return false };
        let mut used = self.used.clone();
        used[position] = !free;
        let mut counts = vec![self.left - multiplicity];
        counts.extend(self.composition[self.current + 1..].iter().map(|(_, n)| *n));
        let floor = Floor { letter: wyckoff.letter, inclusive: false };
        places.can_hold(&counts, &used, floor)
    }

    /// Writes a row that [`Writing::next`] permits. False, and nothing is changed, if it does not.
    pub fn push(&mut self, row: usize) -> bool {
        let Some(choice) = self.next() else { return false };
        if !choice.permits(row) {
            return false;
        }
        self.write(&choice, row);
        true
    }

    /// Writes a row of a choice just made.
    pub fn write(&mut self, choice: &Choice, row: usize) {
        let vocabulary = Vocabulary::get();
        let place = row - choice.rows.start;
        match choice.kind {
            Kind::Element | Kind::Group if vocabulary.groups().contains(&row) => {
                self.complete = true;
                let number = (row - vocabulary.groups().start + 1) as u16;
                if let Some(group) = SpaceGroup::get(number) {
                    self.group = Some(group);
                    self.places = Some(places_of(group));
                    self.used = vec![false; group.positions.len()];
                    self.left = self.composition.first().map_or(0, |(_, n)| *n);
                }
            }
            Kind::Element | Kind::Group => {
                self.awaiting = Element::from_atomic_number((place + 1) as u8);
            }
            Kind::Count => {
                if let Some(element) = self.awaiting.take() {
                    self.composition.push((element, place + 1));
                }
            }
            Kind::Length(_) | Kind::Angle(_) => self.cell.push(place),
            Kind::Position => self.begin_orbit(place),
            Kind::Coordinate(_) => {
                if let Some(orbit) = self.orbits.last_mut() {
                    orbit.levels.push(place);
                }
            }
        }
    }

    fn begin_orbit(&mut self, position: usize) {
        let Some(group) = self.group else { return };
        let wyckoff = &group.positions[position];
        let (element, _) = self.composition[self.current];
        self.orbits.push(Written { element, position, levels: Vec::new() });
        self.used[position] |= wyckoff.degrees_of_freedom() == 0;
        self.left -= wyckoff.multiplicity / group.centring.len();
        self.floor = Floor { letter: wyckoff.letter, inclusive: false };
        if self.left == 0 {
            self.current += 1;
            self.left = self.composition.get(self.current).map_or(0, |(_, n)| *n);
            self.floor = Floor::NONE;
        }
    }

    /// The crystal, each number in the middle of its level; nothing before it is complete.
    #[must_use]
    pub fn crystal(&self, volumes: &AtomicVolumes) -> Option<SymmetricStructure> {
        let group = self.group?;
        if self.next().is_some() {
            return None;
        }
        let size = volumes.size(&self.composition);
        let kinds = cell_kinds(group.system());
        let cell = kinds.iter().zip(&self.cell).map(|(kind, &level)| match kind {
            Kind::Length(_) => size * (LENGTH_FIRST + LENGTH_STEP * (level as f64 + 0.5)).exp(),
            _ => ANGLE_FIRST + level as f64,
        });
        let coordinate = |&level: &usize| (level as f64 + 0.5) / COORDINATE_LEVELS as f64;
        let orbits = self.orbits.iter().map(|o| Orbit {
            element: o.element,
            position: o.position,
            parameters: o.levels.iter().map(coordinate).collect(),
        });
        let crystal = SymmetricStructure { group, cell: cell.collect(), orbits: orbits.collect() };
        crystal.primitive_lattice().is_ok().then_some(crystal)
    }
}

/// Places of each group, made once.
fn places_of(group: &SpaceGroup) -> Arc<Places> {
    static PLACES: Mutex<BTreeMap<u16, Arc<Places>>> = Mutex::new(BTreeMap::new());
    let mut known = PLACES.lock().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(group.number).or_insert_with(|| Arc::new(Places::of(group))))
}

/// Which groups can hold these numbers of atoms; remembered.
fn groups_for(counts: &[usize]) -> Arc<Vec<bool>> {
    type Known = HashMap<Vec<usize>, Arc<Vec<bool>>>;
    static KNOWN: Mutex<Option<Known>> = Mutex::new(None);
    /// Compositions that are remembered.
    const MOST: usize = 50_000;
    let mut sorted = counts.to_vec();
    sorted.sort_unstable();
    if let Some(known) = KNOWN.lock().unwrap_or_else(PoisonError::into_inner).as_ref()
        && let Some(groups) = known.get(&sorted)
    {
        return Arc::clone(groups);
    }
    let holds = |number: u16| {
        SpaceGroup::get(number).is_some_and(|group| {
            let used = vec![false; group.positions.len()];
            places_of(group).can_hold(&sorted, &used, Floor::NONE)
        })
    };
    let groups = Arc::new((1..=230).map(holds).collect::<Vec<_>>());
    let mut guard = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = guard.get_or_insert_default();
    if known.len() >= MOST {
        known.clear();
    }
    known.insert(sorted, Arc::clone(&groups));
    groups
}

/// Atoms of each element in the primitive cell, elements ascending.
#[must_use]
pub fn composition(crystal: &SymmetricStructure) -> Vec<(Element, usize)> {
    let mut amounts: BTreeMap<Element, usize> = BTreeMap::new();
    for orbit in &crystal.orbits {
        *amounts.entry(orbit.element).or_default() +=
            crystal.wyckoff(orbit).multiplicity / crystal.group.centring.len();
    }
    amounts.into_iter().collect()
}

/// Row of a cell parameter for atoms of a size; none out of the range of levels.
pub(crate) fn cell_row(kind: Kind, value: f64, size: f64) -> Option<usize> {
    let vocabulary = Vocabulary::get();
    let (level, levels, first) = match kind {
        Kind::Length(_) => (
            (((value / size).ln() - LENGTH_FIRST) / LENGTH_STEP).floor(),
            LENGTH_LEVELS,
            vocabulary.lengths().start,
        ),
        _ => ((value - ANGLE_FIRST).round(), ANGLE_LEVELS, vocabulary.angles().start),
    };
    (level >= 0.0 && level < levels as f64).then(|| first + level as usize)
}

/// Rows of a canonical crystal, without the beginning, and the size of its atoms.
///
/// # Errors
///
/// Crystals that are too large, and cells out of range.
pub fn rows(
    crystal: &SymmetricStructure,
    volumes: &AtomicVolumes,
) -> Result<Vec<usize>, SequenceError> {
    let vocabulary = Vocabulary::get();
    let composition = composition(crystal);
    let mut rows = Vec::new();
    for &(element, count) in &composition {
        if count > MOST_ATOMS {
            return Err(SequenceError::TooManyAtoms { element, count });
        }
        rows.push(vocabulary.elements().start + usize::from(element.atomic_number()) - 1);
        rows.push(vocabulary.counts().start + count - 1);
    }
    rows.push(vocabulary.groups().start + usize::from(crystal.group.number) - 1);
    let size = volumes.size(&composition);
    for (kind, &value) in cell_kinds(crystal.group.system()).iter().zip(&crystal.cell) {
        rows.push(cell_row(*kind, value, size).ok_or(SequenceError::Cell(value))?);
    }
    let level = |x: &f64| {
        let level = ((x - x.floor() + 1e-6) * COORDINATE_LEVELS as f64).floor() as usize;
        level % COORDINATE_LEVELS
    };
    let mut orbits: Vec<(Element, char, Vec<usize>, usize)> = crystal
        .orbits
        .iter()
        .map(|o| {
            let letter = crystal.wyckoff(o).letter;
            (o.element, letter, o.parameters.iter().map(level).collect(), o.position)
        })
        .collect();
    orbits.sort_unstable();
    for (_, _, levels, position) in orbits {
        rows.push(vocabulary.positions(crystal.group).start + position);
        rows.extend(levels.iter().map(|l| vocabulary.coordinates().start + l));
    }
    if rows.len() > MOST_TOKENS {
        return Err(SequenceError::TooLong(rows.len()));
    }
    Ok(rows)
}
