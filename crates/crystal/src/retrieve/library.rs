//! Prototypes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::OnceLock;

use nalgebra::{DMatrix, DVector};

use super::scan::Geometry;
use crate::Element;
use crate::symmetry::SymmetricStructure;

/// A crystal without its elements: each is a slot, numbered from 0 in order of their atoms.
#[derive(Debug, Clone)]
pub struct Prototype {
    /// Name of the first crystal of its kind.
    pub id: String,
    /// Its symmetric structure; slot k is the element of atomic number k + 1.
    pub structure: SymmetricStructure,
    /// Atoms of each slot in the primitive cell, ascending.
    pub counts: Vec<usize>,
    /// Elements that the first crystal had in the slots; none in an anonymous library.
    pub elements: Vec<Element>,
    /// Volume of its primitive cell in cubic angstrom.
    pub volume: f64,
    /// How many crystals of the table it stands for.
    pub members: usize,
    /// Elements that these had in the slots, those of the first before the others; none in an anonymous
    /// library.
    pub known: Vec<Vec<Element>>,
    /// Made on first use.
    pub(super) geometry: OnceLock<Geometry>,
}

/// Prototypes by formula type, and volumes of elements.
#[derive(Debug, Clone)]
pub struct Library {
    prototypes: Vec<Prototype>,
    /// Prototypes of each list of ascending counts of atoms in the primitive cell.
    by_counts: HashMap<Vec<usize>, Vec<usize>>,
    /// Volume per atom in cubic angstrom by atomic number.
    pub(super) volumes: Vec<f64>,
}

/// Number of a space group, and the sorted elements and letters of a crystal's orbits.
pub(super) type Label = (u16, Vec<(Element, char)>);

/// What crystals have in common that differ by their elements, size and free coordinates: the space
/// group, and which Wyckoff positions are occupied by the same element.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    group: u16,
    letters: Vec<(Element, char)>,
}

impl Kind {
    /// The kind of a crystal. None if it has more than [`Library::MOST_ELEMENTS`] elements.
    #[must_use]
    pub fn of(crystal: &SymmetricStructure) -> Option<Self> {
        naming(crystal).map(|(naming, _)| Self::named(&naming.structure))
    }

    /// The kind of a crystal whose elements are slots already.
    fn named(structure: &SymmetricStructure) -> Self {
        Self { group: structure.group.number, letters: structure.letters() }
    }
}

/// Relative difference of cell lengths and angles, at equal volume, within which prototypes are one.
const SAME_CELL: f64 = 0.01;

/// The same for fractional coordinates.
const SAME_COORDINATE: f64 = 0.008;

/// Volume of every atom of an anonymous library in cubic angstrom. Reflections are kept to a Q that is
/// enough for crystals of up to twice as much.
const ANONYMOUS_VOLUME: f64 = 20.0;

/// Least volume of an atom in cubic angstrom.
const LEAST_VOLUME: f64 = 3.0;

impl Library {
    /// Most elements of a prototype; crystals with more are left out.
    pub const MOST_ELEMENTS: usize = 5;

    /// Distils canonical structures. Those with more than five elements, or elements or cells that
    /// cannot be used, are left out.
    #[must_use]
    pub fn distil(crystals: impl IntoIterator<Item = (String, SymmetricStructure)>) -> Self {
        let mut rows: Vec<(BTreeMap<Element, usize>, f64)> = Vec::new();
        let prototypes =
            distilled(crystals, |crystal, volume| rows.push((composition(crystal), volume)));
        Self::of_parts(prototypes, element_volumes(&rows))
    }

    /// The same with volumes per atom that are known, in cubic angstrom by atomic number.
    #[must_use]
    pub fn distil_with(
        crystals: impl IntoIterator<Item = (String, SymmetricStructure)>,
        volumes: Vec<f64>,
    ) -> Self {
        Self::of_parts(distilled(crystals, |_, _| ()), volumes)
    }

    /// A library of prototypes, with volumes per atom by atomic number.
    pub(super) fn of_parts(prototypes: Vec<Prototype>, volumes: Vec<f64>) -> Self {
        let mut by_counts: HashMap<Vec<usize>, Vec<usize>> = HashMap::new();
        for (k, prototype) in prototypes.iter().enumerate() {
            by_counts.entry(prototype.counts.clone()).or_default().push(k);
        }
        Self { prototypes, by_counts, volumes }
    }

    /// The library without elements and sizes of crystals: each prototype is as large as it would be if
    /// every element took the same volume. What is expected of its size with other elements stays as it
    /// was.
    #[must_use]
    pub fn anonymous(mut self) -> Self {
        let had: Vec<f64> = self.prototypes.iter().map(|p| self.volume_of(p)).collect();
        for (prototype, had) in self.prototypes.iter_mut().zip(had) {
            let atoms: usize = prototype.counts.iter().sum();
            let factor = atoms as f64 * ANONYMOUS_VOLUME / had;
            let lengths = prototype.structure.cell_lengths();
            prototype.structure.cell[..lengths].iter_mut().for_each(|a| *a *= factor.cbrt());
            prototype.volume *= factor;
            prototype.elements.clear();
            prototype.known.clear();
            prototype.geometry = OnceLock::new();
        }
        self
    }

    /// Whether it keeps no elements of some prototype.
    #[must_use]
    pub fn is_anonymous(&self) -> bool {
        self.prototypes.iter().any(|p| p.elements.is_empty())
    }

    /// What the volumes of elements say of a prototype's own.
    pub(super) fn volume_of(&self, prototype: &Prototype) -> f64 {
        if prototype.elements.is_empty() {
            prototype.counts.iter().sum::<usize>() as f64 * ANONYMOUS_VOLUME
        } else {
            self.volume(&prototype.elements, &prototype.counts)
        }
    }

    /// The library with its numbers rounded to what structures are known to: lengths and angles to four
    /// decimals, coordinates to five, volumes to four.
    #[must_use]
    pub fn rounded(mut self) -> Self {
        let to = |value: &mut f64, steps: f64| *value = (*value * steps).round() / steps;
        for prototype in &mut self.prototypes {
            prototype.structure.cell.iter_mut().for_each(|v| to(v, 1e4));
            let orbits = prototype.structure.orbits.iter_mut();
            orbits.flat_map(|o| &mut o.parameters).for_each(|v| to(v, 1e5));
            // made anew from the rounded numbers
            prototype.geometry = OnceLock::new();
            if let Ok(lattice) = prototype.structure.primitive_lattice() {
                prototype.volume = lattice.volume();
            }
        }
        self.volumes.iter_mut().for_each(|v| to(v, 1e4));
        self
    }

    /// Number of prototypes with these numbers of atoms in the primitive cell, in any order.
    #[must_use]
    pub fn count_of(&self, counts: impl IntoIterator<Item = usize>) -> usize {
        let mut counts: Vec<usize> = counts.into_iter().collect();
        counts.sort_unstable();
        self.by_counts.get(&counts).map_or(0, Vec::len)
    }

    /// All prototypes.
    #[must_use]
    pub fn prototypes(&self) -> &[Prototype] {
        &self.prototypes
    }

    /// Kinds of its prototypes.
    #[must_use]
    pub fn kinds(&self) -> HashSet<Kind> {
        self.prototypes.iter().map(Prototype::kind).collect()
    }

    /// Prototypes with these numbers of atoms in the primitive cell, ascending.
    pub(crate) fn of_counts(&self, counts: &[usize]) -> impl Iterator<Item = (usize, &Prototype)> {
        let places = self.by_counts.get(counts).into_iter().flatten();
        places.map(|&k| (k, &self.prototypes[k]))
    }

    /// Share of a space group among its prototypes, each group with half a prototype more.
    #[must_use]
    pub fn group_share(&self, number: u16) -> f64 {
        let own = self.prototypes.iter().filter(|p| p.structure.group.number == number).count();
        (own as f64 + 0.5) / (self.prototypes.len() as f64 + 115.0)
    }

    /// Volumes of atoms in cubic angstrom by atomic number.
    #[must_use]
    pub fn volumes(&self) -> &[f64] {
        &self.volumes
    }

    /// Sum of the volumes of elements in cubic angstrom.
    #[must_use]
    pub fn volume(&self, elements: &[Element], counts: &[usize]) -> f64 {
        let each = elements.iter().zip(counts);
        each.map(|(e, &n)| self.volumes[usize::from(e.atomic_number())] * n as f64).sum()
    }
}

/// Prototypes of crystals, of which `seen` is told each with the volume of its primitive cell.
fn distilled(
    crystals: impl IntoIterator<Item = (String, SymmetricStructure)>,
    mut seen: impl FnMut(&SymmetricStructure, f64),
) -> Vec<Prototype> {
    let mut prototypes: Vec<Prototype> = Vec::new();
    let mut kinds: HashMap<Label, Vec<usize>> = HashMap::new();
    for (id, crystal) in crystals {
        let Some(prototype) = anonymous(id, &crystal) else { continue };
        seen(&crystal, prototype.volume);
        let key = (crystal.group.number, prototype.structure.letters());
        let known = kinds.entry(key).or_default();
        let same = known.iter().copied().find(|&k| is_same(&prototypes[k], &prototype));
        if let Some(k) = same {
            prototypes[k].members += 1;
            prototypes[k].known.push(prototype.elements);
            continue;
        }
        known.push(prototypes.len());
        prototypes.push(prototype);
    }
    prototypes
}

/// Atoms of each element in the primitive cell.
pub(super) fn composition(crystal: &SymmetricStructure) -> BTreeMap<Element, usize> {
    let mut amounts = BTreeMap::new();
    for orbit in &crystal.orbits {
        let atoms = crystal.wyckoff(orbit).multiplicity / crystal.group.centring.len();
        *amounts.entry(orbit.element).or_insert(0) += atoms;
    }
    amounts
}

/// The prototype of a crystal: elements become slots in the order of their counts; among slots of equal
/// counts every order is tried, and the one whose canonical description is smallest is taken.
fn anonymous(id: String, crystal: &SymmetricStructure) -> Option<Prototype> {
    let (Naming { structure, slots: elements, .. }, counts) = naming(crystal)?;
    let volume = structure.primitive_lattice().ok()?.volume();
    let geometry = OnceLock::from(Geometry::of(&structure)?);
    let known = vec![elements.clone()];
    Some(Prototype { id, structure, counts, elements, volume, members: 1, known, geometry })
}

/// The smallest of all ways to number the elements of a crystal, with the atoms of each slot.
fn naming(crystal: &SymmetricStructure) -> Option<(Naming, Vec<usize>)> {
    let amounts = composition(crystal);
    if amounts.len() > Library::MOST_ELEMENTS {
        return None;
    }
    let mut order: Vec<(usize, Element)> = amounts.iter().map(|(e, n)| (*n, *e)).collect();
    order.sort_unstable();
    let counts: Vec<usize> = order.iter().map(|(n, _)| *n).collect();
    let elements: Vec<Element> = order.iter().map(|(_, e)| *e).collect();
    let mut best: Option<Naming> = None;
    for slots in orders(&elements, &counts) {
        let mut structure = crystal.clone();
        for orbit in &mut structure.orbits {
            let slot = slots.iter().position(|e| *e == orbit.element)?;
            orbit.element = slot_element(slot)?;
        }
        let structure = structure.canonical();
        let parameters = structure.orbits.iter().flat_map(|o| &o.parameters);
        let steps = parameters.map(|p| (p * 200.0).round() as i64).collect();
        let naming = Naming { key: (structure.letters(), steps), structure, slots };
        if best.as_ref().is_none_or(|known| naming.key < known.key) {
            best = Some(naming);
        }
    }
    Some((best?, counts))
}

impl Prototype {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::named(&self.structure)
    }

    /// Every crystal that it stands for, canonical: their elements in its slots, at the size that the
    /// `volumes` of atoms say beside the first of them.
    #[must_use]
    pub fn crystals(&self, volumes: &[f64]) -> Vec<SymmetricStructure> {
        let volume = |elements: &[Element]| -> f64 {
            let each = elements.iter().zip(&self.counts);
            each.map(|(e, &n)| volumes[usize::from(e.atomic_number())] * n as f64).sum()
        };
        let had = volume(&self.elements);
        let made = |elements: &Vec<Element>| {
            self.crystal(elements, (volume(elements) / had).cbrt()).canonical()
        };
        self.known.iter().map(made).collect()
    }

    /// The crystal with given elements in its slots and all lengths multiplied by `scale`.
    #[must_use]
    pub fn crystal(&self, elements: &[Element], scale: f64) -> SymmetricStructure {
        let mut structure = self.structure.clone();
        let lengths = structure.cell_lengths();
        for length in &mut structure.cell[..lengths] {
            *length *= scale;
        }
        for orbit in &mut structure.orbits {
            orbit.element = elements[usize::from(orbit.element.atomic_number()) - 1];
        }
        structure
    }

    /// Its merged reflections; none if its pattern cannot be calculated.
    pub(super) fn geometry(&self) -> &Geometry {
        self.geometry.get_or_init(|| Geometry::of(&self.structure).unwrap_or_default())
    }
}

/// One way to number the elements of a crystal, with what ways are compared by.
struct Naming {
    key: (Vec<(Element, char)>, Vec<i64>),
    structure: SymmetricStructure,
    slots: Vec<Element>,
}

/// The element that stands for a slot.
pub(super) fn slot_element(slot: usize) -> Option<Element> {
    u8::try_from(slot + 1).ok().and_then(Element::from_atomic_number)
}

/// All orders of elements that keep the counts in order.
pub(crate) fn orders(elements: &[Element], counts: &[usize]) -> Vec<Vec<Element>> {
    let mut found: Vec<Vec<Element>> = vec![Vec::new()];
    for &count in counts {
        let extended = found.into_iter().flat_map(|begin| {
            let fits = elements.iter().zip(counts).filter(move |(_, n)| **n == count);
            let begin = begin.clone();
            let next = fits.map(|(e, _)| *e).filter({
                let begin = begin.clone();
                move |e| !begin.contains(e)
            });
            next.map(|e| {
                let mut longer = begin.clone();
                longer.push(e);
                longer
            })
            .collect::<Vec<_>>()
        });
        found = extended.collect();
    }
    found
}

/// Whether two prototypes of one group and letters are the same but for their size.
fn is_same(a: &Prototype, b: &Prototype) -> bool {
    let factor = (a.volume / b.volume).cbrt();
    let lengths = a.structure.cell_lengths();
    let cells = a.structure.cell.iter().zip(&b.structure.cell).enumerate().all(|(k, (x, y))| {
        let y = if k < lengths { y * factor } else { *y };
        (x / y - 1.0).abs() < SAME_CELL
    });
    let near = |x: f64, y: f64| {
        let d = x - y;
        (d - d.round()).abs() < SAME_COORDINATE
    };
    a.counts == b.counts
        && cells
        && a.structure.orbits.iter().zip(&b.structure.orbits).all(|(p, q)| {
            p.element == q.element
                && p.position == q.position
                && p.parameters.iter().zip(&q.parameters).all(|(x, y)| near(*x, *y))
        })
}

/// Volumes of atoms in cubic angstrom by atomic number, by least squares on compositions and volumes of
/// primitive cells; elements that do not occur get the median.
#[must_use]
pub fn element_volumes(rows: &[(BTreeMap<Element, usize>, f64)]) -> Vec<f64> {
    const ELEMENTS: usize = 119;
    /// Weight of one crystal of median volume for each element.
    const RIDGE: f64 = 0.5;
    let atoms = |row: &BTreeMap<Element, usize>| row.values().sum::<usize>() as f64;
    let mut per_atom: Vec<f64> = rows.iter().map(|(row, volume)| volume / atoms(row)).collect();
    per_atom.sort_by(f64::total_cmp);
    let median = per_atom.get(per_atom.len() / 2).copied().unwrap_or(15.0);
    let mut matrix = DMatrix::identity(ELEMENTS, ELEMENTS) * RIDGE;
    let mut right = DVector::zeros(ELEMENTS);
    for (row, volume) in rows {
        let n = atoms(row);
        let away = volume / n - median;
        for (e, &count) in row {
            let i = usize::from(e.atomic_number());
            right[i] += count as f64 / n * away;
            for (f, &other) in row {
                let j = usize::from(f.atomic_number());
                matrix[(i, j)] += count as f64 * other as f64 / (n * n);
            }
        }
    }
    let solved = matrix.cholesky().map_or_else(|| DVector::zeros(ELEMENTS), |c| c.solve(&right));
    solved.iter().map(|v| (v + median).max(LEAST_VOLUME)).collect()
}
