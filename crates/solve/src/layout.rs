//! Unknowns of one component on its meshes, and linear functionals of the states in terms of them.
//!
//! Unknowns in space are ordered by place, so that the Jacobian is a band; on a periodic line the
//! order runs from the seam along both sides at once. Scalars and auxiliary unknowns follow.

use crate::mesh;
use crate::model::{Component, Home, Line, Model};
use crate::stencil::{Datum, data_weights, point_weights};

/// Weighted sum of unknowns.
pub(crate) type Combination = Vec<(usize, f64)>;

/// How fine, and of which order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Resolution {
    /// Cells of a radius.
    pub(crate) cells: usize,
    /// Cells of a straight line.
    pub(crate) flat_cells: usize,
    /// Intervals of a line with nodes.
    pub(crate) intervals: usize,
    /// Data per reconstruction from cell averages.
    pub(crate) stencil: usize,
}

/// One line with its cells or nodes.
#[derive(Clone, Debug)]
pub(crate) struct Mesh {
    pub(crate) line: Line,
    /// Faces of the cells; also the nodes (without the last if periodic).
    pub(crate) faces: Vec<f64>,
    /// Faces at which fluxes may jump.
    pub(crate) interfaces: Vec<usize>,
    stencil: usize,
}

impl Mesh {
    fn new(line: &Line, resolution: Resolution, faces: Option<&Vec<f64>>, breaks: &[f64]) -> Self {
        let n = match (line.cells, line.power) {
            (false, _) => resolution.intervals,
            (true, 0) => resolution.flat_cells,
            (true, _) => resolution.cells,
        };
        let faces =
            faces.cloned().unwrap_or_else(|| mesh::places(line.lower, line.upper, n, line.refined));
        let faces = mesh::with_breaks(faces, breaks);
        let interfaces = breaks.iter().map(|b| faces.partition_point(|f| f < b)).collect();
        Self { line: line.clone(), faces, interfaces, stencil: resolution.stencil }
    }

    /// Two places on both sides of an interface, so near to it that only rounding tells.
    pub(crate) fn sides(&self, face: usize) -> [f64; 2] {
        let x = self.faces[face];
        let length = self.line.upper - self.line.lower;
        let near = (1e-12 * length).max(8.0 * f64::EPSILON * x.abs());
        [x - near, x + near]
    }

    /// Number of cells or intervals.
    pub(crate) fn cells(&self) -> usize {
        self.faces.len() - 1
    }

    /// Places of the nodes.
    pub(crate) fn nodes(&self) -> &[f64] {
        &self.faces[..self.faces.len() - usize::from(self.line.periodic)]
    }

    /// `∫ r^p dr` over a cell.
    pub(crate) fn volume(&self, cell: usize) -> f64 {
        let p = self.line.power + 1;
        let (a, b) = (self.faces[cell], self.faces[cell + 1]);
        match p {
            1 => b - a,
            2 => 0.5 * (b - a) * (b + a),
            _ => (b - a) * (a * a + a * b + b * b) / 3.0,
        }
    }

    /// `r^p`.
    pub(crate) fn area(&self, place: f64) -> f64 {
        place.powi(self.line.power)
    }
}

/// Unknowns of a state.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) home: Home,
    pub(crate) mesh: Option<usize>,
    /// Faces that have a value of their own.
    pub(crate) interfaces: Vec<usize>,
    /// Unknown of each site: boundary value, cells and values at interfaces, boundary value; or
    /// nodes; or the one scalar.
    pub(crate) unknowns: Vec<usize>,
}

impl Place {
    /// Unknown of a cell.
    pub(crate) fn cell(&self, cell: usize) -> usize {
        let before = self.interfaces.partition_point(|f| *f <= cell);
        self.unknowns[cell + before + self.skip()]
    }

    /// Unknown of the value at an interface.
    pub(crate) fn interface(&self, index: usize) -> usize {
        self.unknowns[self.interfaces[index] + index + self.skip()]
    }

    /// Sites before the first cell.
    fn skip(&self) -> usize {
        usize::from(matches!(self.home, Home::Cells { lower: true, .. }))
    }
}

/// Unknowns of one component.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) meshes: Vec<Mesh>,
    /// Mesh of each coordinate of the problem.
    mesh_of: Vec<Option<usize>>,
    /// By state of the model; `None` for states of other components.
    pub(crate) places: Vec<Option<Place>>,
    /// Unknowns in space.
    pub(crate) band: usize,
    /// All unknowns that are states.
    pub(crate) size: usize,
}

impl Layout {
    /// Lays a component out. `faces` overrides the mesh of a coordinate; `breaks`: where it has
    /// interfaces.
    pub(crate) fn new(
        model: &Model,
        component: &Component,
        resolution: Resolution,
        faces: &[Option<Vec<f64>>],
        breaks: &[Vec<f64>],
    ) -> Self {
        let mut meshes = Vec::new();
        let mut mesh_of = vec![None; model.lines.len()];
        let mut sites: Vec<(usize, f64, usize, usize)> = Vec::new(); // mesh, key, state, site
        let mut places = vec![None; model.states.len()];
        for &s in &component.states {
            let state = &model.states[s];
            let Some(c) = state.line else { continue };
            let mesh = *mesh_of[c].get_or_insert_with(|| {
                let line = &model.lines[c];
                meshes.push(Mesh::new(line, resolution, faces[c].as_ref(), &breaks[c]));
                meshes.len() - 1
            });
            let keys = site_keys(&meshes[mesh], state.home);
            let split = matches!(state.home, Home::Cells { split: true, .. });
            let interfaces = if split { meshes[mesh].interfaces.clone() } else { Vec::new() };
            let unknowns = vec![0; keys.len()];
            sites.extend(keys.into_iter().enumerate().map(|(k, key)| (mesh, key, s, k)));
            places[s] = Some(Place { home: state.home, mesh: Some(mesh), interfaces, unknowns });
        }
        sites.sort_by(|a, b| (a.0.cmp(&b.0)).then(a.1.total_cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (unknown, &(_, _, state, site)) in sites.iter().enumerate() {
            if let Some(place) = &mut places[state] {
                place.unknowns[site] = unknown;
            }
        }
        let band = sites.len();
        let mut size = band;
        for &s in &component.states {
            if model.states[s].line.is_none() {
                let unknowns = vec![size];
                let interfaces = Vec::new();
                places[s] = Some(Place { home: Home::Scalar, mesh: None, interfaces, unknowns });
                size += 1;
            }
        }
        Self { meshes, mesh_of, places, band, size }
    }

    /// Mesh of a coordinate of the problem.
    pub(crate) fn mesh(&self, coordinate: usize) -> Option<&Mesh> {
        self.mesh_of[coordinate].map(|m| &self.meshes[m])
    }

    /// `d^order state / dx^order` at a place.
    pub(crate) fn functional(&self, state: usize, x: f64, order: usize) -> Combination {
        let Some(place) = &self.places[state] else {
            return Vec::new();
        };
        let Some(mesh) = place.mesh.map(|m| &self.meshes[m]) else {
            return vec![(place.unknowns[0], 1.0)];
        };
        let (sites, weights) = match place.home {
            Home::Cells { lower, upper, .. } => {
                from_cells(mesh, &place.interfaces, (lower, upper), x, order)
            }
            _ => from_nodes(mesh, x, order),
        };
        sites.into_iter().map(|s| place.unknowns[s]).zip(weights).collect()
    }
}

/// Sorting keys of the sites of a state along its line.
fn site_keys(mesh: &Mesh, home: Home) -> Vec<f64> {
    match home {
        Home::Cells { lower, upper, split } => {
            let mut keys: Vec<f64> = Vec::with_capacity(mesh.cells() + 2);
            keys.extend(lower.then_some(mesh.line.lower));
            keys.extend(mesh.faces.windows(2).map(|f| 0.5 * (f[0] + f[1])));
            keys.extend(upper.then_some(mesh.line.upper));
            if split {
                keys.extend(mesh.interfaces.iter().map(|&f| mesh.faces[f]));
                keys.sort_by(f64::total_cmp);
            }
            keys
        }
        _ if mesh.line.periodic => {
            let n = mesh.nodes().len();
            let fold = |k: usize| if 2 * k < n { 2 * k } else { 2 * (n - k) - 1 };
            (0..n).map(|k| fold(k) as f64).collect()
        }
        _ => mesh.nodes().to_vec(),
    }
}

/// A functional of cell averages: of the polynomial through the data nearest to `x`, none of them
/// beyond an interface.
fn from_cells(
    mesh: &Mesh,
    interfaces: &[usize],
    ends: (bool, bool),
    x: f64,
    order: usize,
) -> (Vec<usize>, Vec<f64>) {
    // the cells between the two interfaces around the place, and the values at both ends of them
    let part = interfaces.partition_point(|&f| mesh.faces[f] < x);
    let from = part.checked_sub(1).map_or(0, |p| interfaces[p]);
    let to = interfaces.get(part).copied().unwrap_or(mesh.cells());
    let faces = &mesh.faces[from..=to];
    let n = to - from;
    let (lower, upper) = (ends.0 || part > 0, ends.1 || part < interfaces.len());
    let (first_end, last_end) = (faces[0], faces[n]);
    // sites of the parts before this one; an interface closes its part
    let offset = if part == 0 { 0 } else { from + part - 1 + usize::from(ends.0) };
    let skip = usize::from(lower);
    let count = n + skip + usize::from(upper);
    if order == 0 && lower && x == first_end {
        return (vec![offset], vec![1.0]);
    }
    if order == 0 && upper && x == last_end {
        return (vec![offset + count - 1], vec![1.0]);
    }
    let width = mesh.stencil.max(order + 1).min(count);
    // faces look half to each side; points inside a cell share the window of the cell, so that
    // their mean over the cell is its average. Beyond a centre lie the mirror images of the cells
    let below = faces.partition_point(|f| *f < x);
    let on_face = faces.get(below) == Some(&x);
    let back = if on_face { width / 2 } else { 1 + (width - 1) / 2 };
    let mirrors = mesh.line.centred() && part == 0;
    let first = if mirrors { -(width as isize) } else { 0 };
    let start = ((below + skip) as isize - back as isize).clamp(first, (count - width) as isize);
    let (mut sites, mut data) = (Vec::with_capacity(width), Vec::with_capacity(width));
    for site in start..start + width as isize {
        let mirrored = site < 0;
        let site = if mirrored { (-1 - site) as usize } else { site as usize };
        sites.push(offset + site);
        data.push(match site.checked_sub(skip) {
            None => Datum::Value(first_end),
            Some(cell) if cell < n => {
                let (from, to) = (faces[cell], faces[cell + 1]);
                let power = mesh.line.power;
                if mirrored {
                    Datum::Average { from: -to, to: -from, power }
                } else {
                    Datum::Average { from, to, power }
                }
            }
            Some(_) => Datum::Value(last_end),
        });
    }
    let weights = data_weights(x, &data, order);
    // a mirror image is the cell itself
    let mut merged: Vec<(usize, f64)> = Vec::with_capacity(width);
    for (site, weight) in sites.into_iter().zip(weights) {
        match merged.iter_mut().find(|m| m.0 == site) {
            Some(known) => known.1 += weight,
            None => merged.push((site, weight)),
        }
    }
    merged.into_iter().unzip()
}

fn from_nodes(mesh: &Mesh, x: f64, order: usize) -> (Vec<usize>, Vec<f64>) {
    let nodes = mesh.nodes();
    let n = nodes.len();
    let width = mesh.line.window.min(n);
    let above = mesh.faces.partition_point(|f| *f < x).min(mesh.faces.len() - 1);
    let nearest = match above {
        0 => 0,
        k if mesh.faces[k] - x <= x - mesh.faces[k - 1] => k,
        k => k - 1,
    };
    if order == 0 && mesh.faces[nearest] == x {
        return (vec![nearest % n], vec![1.0]);
    }
    if mesh.line.periodic {
        let length = mesh.line.upper - mesh.line.lower;
        let first = nearest as isize - (width / 2) as isize;
        let (mut sites, mut places) = (Vec::new(), Vec::new());
        for k in first..first + width as isize {
            let (turns, site) = (k.div_euclid(n as isize), k.rem_euclid(n as isize) as usize);
            sites.push(site);
            places.push(nodes[site] + turns as f64 * length);
        }
        let weights = point_weights(x, &places, order);
        return (sites, weights);
    }
    let start = nearest.saturating_sub(width / 2).min(n - width);
    let weights = point_weights(x, &nodes[start..start + width], order);
    ((start..start + width).collect(), weights)
}
