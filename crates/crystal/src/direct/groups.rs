//! Space groups of a cell, in every setting.

use std::f64::consts::TAU;

use nalgebra::{Matrix3, Vector3};

use super::index::{COMPARED, COST_OF_NUMBER, Cell, likelihood};
use super::lattices::Centring;
use crate::pattern::Maximum;
use crate::symmetry::{CrystalSystem, SpaceGroup, SymmetricStructure};
use crate::{CellParameters, Lattice};

/// A space group with a cell.
#[derive(Debug, Clone)]
pub(super) struct Frame {
    pub group: &'static SpaceGroup,
    /// Free cell parameters.
    pub cell: Vec<f64>,
    /// Logarithm of how much likelier the peaks are by its reflections than by chance, less what the numbers of its
    /// cell cost.
    pub score: f64,
}

/// Space groups of cells in every setting.
pub(super) fn frames(cells: &[Cell], peaks: &[Maximum]) -> Vec<Frame> {
    let mut found: Vec<Frame> = Vec::new();
    for cell in cells {
        let Some(metric) = cell.reciprocal.try_inverse().map(|m| m * TAU * TAU) else { continue };
        let groups = (3..=230).filter_map(SpaceGroup::get);
        for group in groups.filter(|g| g.system() == cell.lattice.system) {
            let centring = centring_of(group);
            let mut known: Vec<Vec<i64>> = Vec::new();
            for axes in settings(cell.lattice.system) {
                if moved(cell.lattice.centring, &axes) != Some(centring) {
                    continue;
                }
                let metric = axes.transpose() * metric * axes;
                let Some(parameters) = parameters(&metric) else { continue };
                let free = SymmetricStructure::free_cell(group.system(), &parameters);
                let frame = SymmetricStructure { group, cell: free.clone(), orbits: Vec::new() };
                let steps = |cell: &Vec<f64>| -> Vec<i64> {
                    cell.iter().map(|v| (v * 100.0).round() as i64).collect()
                };
                // axes that the group does not tell apart
                let key = frame.cells_of_descriptions().iter().map(steps).min();
                let Some(key) = key.filter(|key| !known.contains(key)) else { continue };
                known.push(key);
                let cost = COST_OF_NUMBER * cell.lattice.numbers() as f64;
                let score = explained(group, &parameters, peaks) - cost;
                found.push(Frame { group, cell: free, score });
            }
        }
    }
    found
}

/// How well the reflections of a group explain peaks.
fn explained(group: &SpaceGroup, cell: &CellParameters, peaks: &[Maximum]) -> f64 {
    let Ok(lattice) = Lattice::from_parameters(*cell) else { return f64::NEG_INFINITY };
    let Some(last) = peaks.get(peaks.len().min(COMPARED) - 1) else { return 0.0 };
    let reciprocal = lattice.reciprocal() * TAU;
    let q_max = last.q + 0.01;
    let metric = reciprocal.transpose() * reciprocal;
    let limit = cell.lengths.map(|a| (q_max * a / TAU).ceil() as i32);
    let mut lines = Vec::new();
    for h in -limit[0]..=limit[0] {
        for k in -limit[1]..=limit[1] {
            for l in 0..=limit[2] {
                let v = Vector3::new(f64::from(h), f64::from(k), f64::from(l));
                let q = v.dot(&(metric * v)).sqrt();
                if q > 0.1 && q < q_max && !absent(group, [h, k, l]) {
                    lines.push(q);
                }
            }
        }
    }
    lines.sort_by(f64::total_cmp);
    lines.dedup_by(|a, b| (*a - *b).abs() < 1e-6);
    likelihood(peaks, &lines)
}

/// Whether the operations of a group forbid a reflection.
fn absent(group: &SpaceGroup, hkl: [i32; 3]) -> bool {
    let h = Vector3::from(hkl);
    group.operations.iter().any(|o| {
        if o.rotation.transpose() * h != h {
            return false;
        }
        let phase: f64 = (0..3).map(|k| f64::from(hkl[k]) * o.translation[k]).sum();
        (phase - phase.round()).abs() > 0.01
    })
}

/// Centring of a group's setting.
fn centring_of(group: &SpaceGroup) -> Centring {
    match group.centring.len() {
        1 => Centring::Primitive,
        2 => {
            let v = &group.centring[1];
            Centring::Half([v.x > 0.25, v.y > 0.25, v.z > 0.25])
        }
        3 => Centring::Rhombohedral,
        _ => Centring::Faces,
    }
}

/// The centring in other axes, given as columns; none where these are no longer conventional.
fn moved(centring: Centring, axes: &Matrix3<f64>) -> Option<Centring> {
    let Centring::Half(half) = centring else { return Some(centring) };
    let v = Vector3::from(half.map(|h| if h { 0.5 } else { 0.0 }));
    let v = axes.try_inverse()? * v;
    Some(Centring::Half([0, 1, 2].map(|k| (v[k] - v[k].round()).abs() > 0.25)))
}

/// Axes as columns in units of those in which cells are looked for.
fn settings(system: CrystalSystem) -> Vec<Matrix3<f64>> {
    let columns = |rows: [[i32; 3]; 3]| Matrix3::from_fn(|r, c| f64::from(rows[c][r]));
    let unit = |k: usize| {
        let mut v = [0; 3];
        v[k] = 1;
        v
    };
    match system {
        CrystalSystem::Orthorhombic => {
            let orders = [[0, 1, 2], [1, 2, 0], [2, 0, 1], [1, 0, 2], [0, 2, 1], [2, 1, 0]];
            orders.iter().map(|o| columns(o.map(unit))).collect()
        }
        CrystalSystem::Monoclinic => {
            // a and c that differ by what they are modulo 2
            let pairs = [
                [[1, 0, 0], [0, 0, 1]],
                [[0, 0, 1], [1, 0, 0]],
                [[1, 0, 0], [1, 0, 1]],
                [[1, 0, 1], [1, 0, 0]],
                [[0, 0, 1], [1, 0, 1]],
                [[1, 0, 1], [0, 0, 1]],
            ];
            pairs.iter().map(|[a, c]| columns([*a, [0, 1, 0], *c])).collect()
        }
        _ => vec![Matrix3::identity()],
    }
}

/// Cell parameters of a metric.
fn parameters(metric: &Matrix3<f64>) -> Option<CellParameters> {
    let length = |k: usize| metric[(k, k)].sqrt();
    let angle = |i: usize, j: usize| {
        let cosine = metric[(i, j)] / (length(i) * length(j));
        cosine.clamp(-1.0, 1.0).acos().to_degrees()
    };
    let mut angles = [angle(1, 2), angle(0, 2), angle(0, 1)];
    // the obtuse one of the two angles that directions of an axis leave
    if (angles[0] - 90.0).abs() < 1e-6 && (angles[2] - 90.0).abs() < 1e-6 && angles[1] < 90.0 {
        angles[1] = 180.0 - angles[1];
    }
    let lengths = [length(0), length(1), length(2)];
    lengths
        .iter()
        .all(|l| l.is_finite() && *l > 0.0)
        .then_some(CellParameters { lengths, angles_deg: angles })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(mut frames: Vec<Frame>) -> Vec<Frame> {
        frames.sort_by(|a, b| b.score.total_cmp(&a.score));
        frames
    }

    #[test]
    fn absent_reflections_are_those_of_the_tables() {
        let absent = |number: u16, hkl| absent(SpaceGroup::get(number).unwrap(), hkl);
        // P n m a: 0kl with k + l even, hk0 with h even
        assert!(absent(62, [0, 1, 2]) && !absent(62, [0, 1, 1]));
        assert!(absent(62, [1, 2, 0]) && !absent(62, [2, 1, 0]) && !absent(62, [1, 1, 1]));
        // F d -3 m: h00 with h = 4n
        assert!(absent(227, [2, 0, 0]) && !absent(227, [4, 0, 0]) && absent(227, [1, 0, 0]));
        // P 6_3 m c: 00l and hhl with l even
        assert!(absent(186, [0, 0, 1]) && absent(186, [1, 1, 1]) && !absent(186, [1, 0, 1]));
    }

    #[test]
    fn a_cell_in_other_axes_comes_to_the_settings_of_its_groups() {
        // P 2_1/n is P 2_1/c in other axes: of three choices of a and c one has its absences
        let cell =
            |beta: f64| CellParameters { lengths: [5.2, 6.4, 7.3], angles_deg: [90.0, beta, 90.0] };
        let lattice = Lattice::from_parameters(cell(101.0)).unwrap();
        let metric = lattice.metric();
        let reciprocal = metric.try_inverse().unwrap() * TAU * TAU;
        let lattice_type = super::super::lattices::LATTICES[13];
        assert_eq!(lattice_type.system, CrystalSystem::Monoclinic);
        let found = Cell { lattice: lattice_type, reciprocal, score: 0.0 };
        // places of h0l with h + l even, 0k0 with k even, and all others with k
        let mut peaks: Vec<Maximum> = Vec::new();
        for h in -4..=4 {
            for k in 0..=4 {
                for l in 0..=4 {
                    let v = Vector3::new(f64::from(h), f64::from(k), f64::from(l));
                    let q = v.dot(&(reciprocal * v)).sqrt();
                    let glide = k == 0 && (h + l) % 2 != 0;
                    let screw = h == 0 && l == 0 && k % 2 != 0;
                    if q > 0.1 && q < 3.0 && !glide && !screw {
                        peaks.push(Maximum { q, height: 1.0 });
                    }
                }
            }
        }
        peaks.sort_by(|a, b| a.q.total_cmp(&b.q));
        peaks.dedup_by(|a, b| (a.q - b.q).abs() < 1e-3);
        let frames = sorted(frames(&[found], &peaks));
        assert_eq!(frames[0].group.number, 14);
        // [1, 0, 1] of the cell is as long as this
        let diagonal = (lattice.basis() * Vector3::new(1.0, 0.0, 1.0)).norm();
        let lengths = [frames[0].cell[0], frames[0].cell[2]];
        assert!(lengths.iter().any(|a| (a - diagonal).abs() < 1e-6), "{:?}", frames[0].cell);
    }

    #[test]
    fn a_body_centred_monoclinic_cell_comes_to_its_base_centred_group() {
        // gallia's cell, C 2/m, and the same lattice with a + c for a, whose centring is of the body
        let [a, b, c, beta] = [11.926, 2.941, 5.671, 104.03_f64];
        let base = Lattice::from_parameters(CellParameters {
            lengths: [a, b, c],
            angles_deg: [90.0, beta, 90.0],
        });
        let axes = Matrix3::new(1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0, 1.0);
        let moved = base.unwrap().basis() * axes;
        let reciprocal = (moved.transpose() * moved).try_inverse().unwrap() * TAU * TAU;
        let lattice = super::super::lattices::LATTICES[12];
        assert_eq!(lattice.centring, Centring::Half([true; 3]));
        let mut peaks = Vec::new();
        for hkl in lattice.reflections([9, 9, 9]) {
            let v = Vector3::from(hkl.map(f64::from));
            let q = v.dot(&(reciprocal * v)).sqrt();
            if q < 4.0 {
                peaks.push(Maximum { q, height: 1.0 });
            }
        }
        peaks.sort_by(|a, b| a.q.total_cmp(&b.q));
        peaks.dedup_by(|a, b| (a.q - b.q).abs() < 0.01);
        let frames = sorted(frames(&[Cell { lattice, reciprocal, score: 0.0 }], &peaks));
        let same = |f: &&Frame| f.group.number == 12 && (f.cell[1] - b).abs() < 1e-6;
        let best = frames.iter().find(same).map(|f| (f.score, f.cell.clone()));
        assert!(best.is_some_and(|(score, _)| score > 0.8 * frames[0].score));
    }
}
