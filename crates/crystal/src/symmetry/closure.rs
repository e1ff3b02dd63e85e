//! Groups from their generators.

use std::collections::HashMap;

use nalgebra::{Matrix3, Vector3};

use crate::cif::Operation;
use crate::structure::{nearest, wrapped};

/// Most operations of a group: those of a cubic group with four centrings, sixteen times over, as lists for
/// multiplied cells have them.
pub const MOST_OPERATIONS: usize = 192 * 16;

/// Fractional difference within which translations are one.
const SAME_TRANSLATION: f64 = 2e-3;

/// Largest coefficient of an operation in any cell in use.
const LARGEST_COEFFICIENT: i32 = 8;

/// A group that grows.
#[derive(Default)]
struct Group {
    operations: Vec<Operation>,
    /// Places of operations with the same linear part.
    of_rotation: HashMap<Matrix3<i32>, Vec<usize>>,
}

impl Group {
    fn has(&self, operation: &Operation) -> bool {
        let same = self.of_rotation.get(&operation.rotation);
        same.into_iter().flatten().any(|&k| {
            let away = nearest(self.operations[k].translation - operation.translation);
            away.amax() < SAME_TRANSLATION
        })
    }

    fn add(&mut self, operation: Operation) {
        self.of_rotation.entry(operation.rotation).or_default().push(self.operations.len());
        self.operations.push(operation);
    }
}

/// All products of operations, translations in [0, 1): first the identity, then those given in their
/// order, each once, then the others; and how many the identity and those given are. None where they are more than
/// [`MOST_OPERATIONS`] or no operations of a lattice.
#[must_use]
pub fn generated(given: &[Operation]) -> Option<(usize, Vec<Operation>)> {
    let mut group = Group::default();
    group.add(Operation::identity());
    for operation in given {
        let operation = Operation { translation: wrapped(operation.translation), ..*operation };
        if !group.has(&operation) {
            group.add(operation);
        }
    }
    let different = group.operations.len();
    if different > MOST_OPERATIONS {
        return None;
    }
    let mut generators: Vec<Operation> = Vec::new();
    let mut spanned = Group::default();
    spanned.add(Operation::identity());
    for operation in &group.operations {
        if !spanned.has(operation) {
            generators.push(*operation);
            span(&mut spanned, &generators)?;
        }
    }
    for operation in spanned.operations {
        if !group.has(&operation) {
            group.add(operation);
        }
    }
    Some((different, group.operations))
}

/// Makes a group closed under products with generators.
fn span(group: &mut Group, generators: &[Operation]) -> Option<()> {
    let mut next = 0;
    while next < group.operations.len() {
        for generator in generators {
            let product = product(&group.operations[next], generator)?;
            if !group.has(&product) {
                group.add(product);
            }
            if group.operations.len() > MOST_OPERATIONS {
                return None;
            }
        }
        next += 1;
    }
    Some(())
}

/// First `b`, then `a`.
fn product(a: &Operation, b: &Operation) -> Option<Operation> {
    let rotation = a.rotation * b.rotation;
    let small = rotation.iter().all(|n| n.abs() <= LARGEST_COEFFICIENT);
    small.then(|| Operation { rotation, translation: snapped(a.apply(&b.translation)) })
}

/// A translation in [0, 1), at the nearest twenty-fourth where one is near: thirds are often written with few
/// digits.
fn snapped(translation: Vector3<f64>) -> Vector3<f64> {
    wrapped(translation.map(|t| {
        let exact = (t * 24.0).round() / 24.0;
        if (t - exact).abs() < SAME_TRANSLATION { exact } else { t }
    }))
}

/// Whether every operation of a group is one of another.
#[must_use]
pub fn is_subgroup(part: &[Operation], whole: &[Operation]) -> bool {
    let mut group = Group::default();
    whole.iter().for_each(|operation| group.add(*operation));
    part.iter().all(|operation| group.has(operation))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cif::parse_operation;
    use crate::symmetry::SpaceGroup;

    fn operations(texts: &[&str]) -> Vec<Operation> {
        texts.iter().map(|text| parse_operation(text).unwrap()).collect()
    }

    #[test]
    fn a_group_is_its_own_closure_and_comes_from_part_of_it() {
        for number in [1, 2, 14, 43, 62, 110, 139, 167, 194, 220, 227, 230] {
            let all = &SpaceGroup::get(number).unwrap().operations;
            assert_eq!(generated(all).unwrap().1.len(), all.len(), "{number}");
            let some: Vec<_> = all.iter().skip(1).copied().collect();
            assert_eq!(generated(&some).unwrap().1.len(), all.len(), "{number}");
        }
        let all = generated(&operations(&[
            "-y,x-y,z",
            "y,x,-z+1/2",
            "-x,-y,-z",
            "x+0.667,y+0.333,z+0.333",
        ]));
        let (different, all) = all.unwrap();
        assert_eq!(different, 5);
        assert_eq!(all.len(), 36);
        assert!(is_subgroup(&all, &all) && !is_subgroup(&all, &all[1..]));
    }

    #[test]
    fn endless_products_are_refused() {
        assert!(generated(&operations(&["x+y,y,z"])).is_none());
        assert!(generated(&operations(&["x+x+y,x+y,z"])).is_none());
    }
}
