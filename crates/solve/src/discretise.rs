//! Laws on meshes: each law gets its points, each input its column, each value its rows.
//!
//! Cells, with face areas `A = r^p` and volumes `V = ∫ r^p dr`:
//!
//! ```text
//! du_i/dt = (A_{i+1} F_{i+1} - A_i F_i) / V_i + Σ_q w_q S(x_q),  F at faces from u and du/dr there
//! ```
//!
//! so that `Σ V_i u_i` changes only by the flux through the ends. At an interface the value on the face
//! is an unknown, and both sides take the flux from their own polynomial; that these are equal determines it. Values and slopes at faces are
//! those of the polynomial with the averages of the nearest cells (and the boundary value).

use crate::error::SolveError;
use crate::law::{Input, Law, Leaf, padded};
use crate::layout::{Combination, Layout, Mesh};
use crate::linear::Shape;
use crate::model::{Component, Model, Row, Site};
use crate::quadrature::{GAUSS_2, GAUSS_4};
use crate::system::{Discretisation, Gather, Group, Spread};

/// Points of a law and where its value goes.
struct Points {
    places: Vec<f64>,
    scatter: Vec<(usize, usize, f64)>,
}

/// A law with its points, before the shape of the Jacobian is known.
struct Draft<'a> {
    law: &'a Law,
    points: Points,
    /// Combination of each reading input at each point.
    reads: Vec<(usize, Vec<Combination>)>,
}

struct Drafting<'a> {
    model: &'a Model,
    layout: &'a Layout,
    drafts: Vec<Draft<'a>>,
    /// Auxiliary unknowns after the states.
    auxiliary: Vec<Leaf>,
    linear: Vec<(usize, usize, f64)>,
}

/// Puts a component on its meshes.
///
/// # Errors
/// [`SolveError::Unsupported`] if a law reads something that has no discrete form.
pub(crate) fn discretise(
    model: &Model,
    component: &Component,
    layout: &Layout,
) -> Result<Discretisation, SolveError> {
    let mut drafting =
        Drafting { model, layout, drafts: Vec::new(), auxiliary: Vec::new(), linear: Vec::new() };
    let mut mass = vec![0.0; layout.size];
    // conditions replace the law of their node, so nodes come first
    let taken = taken_nodes(component, layout);
    for row in &component.rows {
        let points = points_of(row, layout, &taken)?;
        for &(target, _, _) in &points.scatter {
            mass[target] = f64::from(u8::from(row.differential));
        }
        drafting.add(&row.law, points)?;
    }
    drafting.add_auxiliary()?;
    let border = layout.size - layout.band + drafting.auxiliary.len();
    let size = layout.band + border;
    mass.resize(size, 0.0);
    let (lower, upper) = drafting.bandwidth();
    let shape = Shape { band: layout.band, lower, upper, border };
    let mut families = vec![0; size];
    let mut floors = vec![0.0; model.states.len()];
    for &s in &component.states {
        floors[s] = model.states[s].floor;
        if let Some(place) = &layout.places[s] {
            place.unknowns.iter().for_each(|&u| families[u] = s);
        }
    }
    for family in &mut families[layout.size..] {
        *family = floors.len();
        floors.push(0.0);
    }
    let groups = drafting.drafts.iter().map(|d| d.finish(Some(shape))).collect();
    let linear = drafting.linear.iter().map(|&(r, u, w)| (r, u, w, shape.index(r, u))).collect();
    let auxiliary = layout.size..size;
    Ok(Discretisation { shape, mass, families, floors, groups, linear, auxiliary })
}

/// Unknowns of nodes that conditions determine.
fn taken_nodes(component: &Component, layout: &Layout) -> Vec<usize> {
    let mut taken = Vec::new();
    for row in &component.rows {
        if let (Site::End { upper, slot }, Some(place)) = (row.site, &layout.places[row.state]) {
            let n = place.unknowns.len();
            taken.push(place.unknowns[if upper { n - 1 - slot } else { slot }]);
        }
    }
    taken
}

fn points_of(row: &Row, layout: &Layout, taken: &[usize]) -> Result<Points, SolveError> {
    let lost = || SolveError::unsupported("a law without unknowns");
    let place = layout.places[row.state].as_ref().ok_or_else(lost)?;
    let mesh = place.mesh.map(|m| &layout.meshes[m]);
    if let (Site::Scalar { .. }, _) | (_, None) = (row.site, mesh) {
        return Ok(Points { places: vec![row.place], scatter: vec![(place.unknowns[0], 0, 1.0)] });
    }
    let mesh = mesh.ok_or_else(lost)?;
    let n = mesh.cells();
    let mut places = Vec::new();
    let mut scatter = Vec::new();
    match row.site {
        Site::Flux => {
            for face in 1..n {
                let area = mesh.area(mesh.faces[face]);
                let out = (place.cell(face - 1), area / mesh.volume(face - 1));
                let into = (place.cell(face), -area / mesh.volume(face));
                if place.interfaces.contains(&face) {
                    // what divides the flux may differ
                    for ((cell, factor), x) in [out, into].into_iter().zip(mesh.sides(face)) {
                        scatter.push((cell, places.len(), factor));
                        places.push(x);
                    }
                    continue;
                }
                for (cell, factor) in [out, into] {
                    scatter.push((cell, places.len(), factor));
                }
                places.push(mesh.faces[face]);
            }
        }
        Site::Interface => {
            for (k, &face) in place.interfaces.iter().enumerate() {
                for (x, sign) in mesh.sides(face).into_iter().zip([1.0, -1.0]) {
                    scatter.push((place.interface(k), places.len(), sign));
                    places.push(x);
                }
            }
        }
        Site::EndFlux { upper } => {
            let cell = if upper { n - 1 } else { 0 };
            let sign = if upper { 1.0 } else { -1.0 };
            let factor = sign * mesh.area(row.place) / mesh.volume(cell);
            places.push(row.place);
            scatter.push((place.cell(cell), 0, factor));
        }
        Site::Source => {
            for cell in 0..n {
                for (x, weight) in cell_rule(mesh, cell, &GAUSS_2) {
                    scatter.push((place.cell(cell), places.len(), weight));
                    places.push(x);
                }
            }
        }
        Site::Node => {
            for (&x, &unknown) in mesh.nodes().iter().zip(&place.unknowns) {
                if !taken.contains(&unknown) {
                    scatter.push((unknown, places.len(), 1.0));
                    places.push(x);
                }
            }
        }
        Site::End { upper, slot } => {
            let count = place.unknowns.len();
            let site = if upper { count - 1 - slot } else { slot };
            places.push(row.place);
            scatter.push((place.unknowns[site], 0, 1.0));
        }
        Site::Scalar { .. } => {}
    }
    Ok(Points { places, scatter })
}

/// Places and normalised weights of a rule over a cell with the weight `r^p`.
pub(crate) fn cell_rule(mesh: &Mesh, cell: usize, rule: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let (a, b) = (mesh.faces[cell], mesh.faces[cell + 1]);
    let mut points: Vec<(f64, f64)> = rule.iter().map(|&(q, w)| (a + (b - a) * q, w)).collect();
    points.iter_mut().for_each(|(x, w)| *w *= mesh.area(*x));
    let total: f64 = points.iter().map(|p| p.1).sum();
    points.iter_mut().for_each(|p| p.1 /= total);
    points
}

/// Places and weights of `∫ dx` over part of a line, cell by cell.
pub(crate) fn line_rule(mesh: &Mesh, lower: f64, upper: f64) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for face in mesh.faces.windows(2) {
        let (a, b) = (face[0].max(lower), face[1].min(upper));
        if b > a {
            points.extend(GAUSS_4.iter().map(|&(q, w)| (a + (b - a) * q, w * (b - a))));
        }
    }
    points
}

impl<'a> Drafting<'a> {
    fn add(&mut self, law: &'a Law, points: Points) -> Result<(), SolveError> {
        if points.places.is_empty() {
            return Ok(());
        }
        let band = points.scatter.iter().any(|&(row, _, _)| row < self.layout.band);
        let mut reads = Vec::new();
        for (input, kind) in law.inputs.iter().enumerate() {
            let Input::Leaf(leaf) = *kind else { continue };
            let at = |x: &f64| match leaf {
                Leaf::Local { state, order } => Some(self.layout.functional(state, *x, order)),
                Leaf::Scalar { state } => Some(self.layout.functional(state, 0.0, 0)),
                Leaf::At { state, order, place } => {
                    let here = points.places.iter().all(|p| *p == place);
                    (here || !band).then(|| self.layout.functional(state, place, order))
                }
                Leaf::Integral(_) => None,
                Leaf::Rate { .. } => Some(Vec::new()),
            };
            let direct: Option<Vec<Combination>> = points.places.iter().map(at).collect();
            let combinations = match direct {
                Some(combinations) => combinations,
                None => vec![vec![(self.stand_in(leaf), 1.0)]; points.places.len()],
            };
            if combinations.iter().any(Vec::is_empty) {
                return Err(SolveError::unsupported("a row reads a rate it does not determine"));
            }
            reads.push((input, combinations));
        }
        self.drafts.push(Draft { law, points, reads });
        Ok(())
    }

    /// Auxiliary unknown that stands for a value elsewhere.
    fn stand_in(&mut self, leaf: Leaf) -> usize {
        let known = self.auxiliary.iter().position(|l| *l == leaf);
        self.layout.size
            + known.unwrap_or_else(|| {
                self.auxiliary.push(leaf);
                self.auxiliary.len() - 1
            })
    }

    fn add_auxiliary(&mut self) -> Result<(), SolveError> {
        let mut done = 0;
        while done < self.auxiliary.len() {
            let row = self.layout.size + done;
            self.linear.push((row, row, -1.0));
            match self.auxiliary[done] {
                Leaf::At { state, order, place } => {
                    let terms = self.layout.functional(state, place, order);
                    self.linear.extend(terms.into_iter().map(|(u, w)| (row, u, w)));
                }
                Leaf::Integral(k) => {
                    let integral = &self.model.integrals[k];
                    let mesh = self.layout.mesh(integral.coordinate).ok_or_else(|| {
                        SolveError::unsupported("an integral over a line without fields")
                    })?;
                    let rule = line_rule(mesh, integral.lower, integral.upper);
                    let points = Points {
                        places: rule.iter().map(|p| p.0).collect(),
                        scatter: rule.iter().enumerate().map(|(k, p)| (row, k, p.1)).collect(),
                    };
                    self.add(&integral.body, points)?;
                }
                _ => {}
            }
            done += 1;
        }
        Ok(())
    }

    /// Entries below and above the diagonal of the band.
    fn bandwidth(&self) -> (usize, usize) {
        let (mut lower, mut upper) = (0, 0);
        let band = self.layout.band;
        let mut see = |row: usize, column: usize| {
            if row < band && column < band {
                lower = lower.max(row.saturating_sub(column));
                upper = upper.max(column.saturating_sub(row));
            }
        };
        for draft in &self.drafts {
            for &(row, point, _) in &draft.points.scatter {
                for (_, combinations) in &draft.reads {
                    combinations[point].iter().for_each(|&(u, _)| see(row, u));
                }
            }
        }
        (lower, upper)
    }
}

/// A law on the points of a rule, its values to be summed with the weights.
pub(crate) fn laid_out(
    law: &Law,
    rule: &[(f64, f64)],
    read: &dyn Fn(Leaf, f64) -> Combination,
) -> Group {
    let places: Vec<f64> = rule.iter().map(|p| p.0).collect();
    let mut reads = Vec::new();
    for (input, kind) in law.inputs.iter().enumerate() {
        if let Input::Leaf(leaf) = *kind {
            reads.push((input, places.iter().map(|&x| read(leaf, x)).collect()));
        }
    }
    let scatter = rule.iter().enumerate().map(|(k, p)| (0, k, p.1)).collect();
    let draft = Draft { law, points: Points { places, scatter }, reads };
    draft.finish(None)
}

impl Draft<'_> {
    /// The group; without a shape it has no part in a Jacobian.
    fn finish(&self, shape: Option<Shape>) -> Group {
        let law = self.law.clone();
        let count = self.points.places.len();
        let tile = padded(count);
        let mut columns = vec![0.0; tile * law.inputs.len()];
        let mut parameters = Vec::new();
        let mut times = Vec::new();
        for (input, kind) in law.inputs.iter().enumerate() {
            match *kind {
                Input::Time => times.push(input),
                Input::Parameter(p) => parameters.push((input, p)),
                Input::Place => {
                    let column = &mut columns[input * tile..][..tile];
                    column[..count].copy_from_slice(&self.points.places);
                    column[count..].fill(self.points.places[count - 1]);
                }
                Input::Leaf(_) => {}
            }
        }
        let mut gathers = Vec::new();
        let mut broadcasts = Vec::new();
        for (input, combinations) in &self.reads {
            let first = &combinations[0];
            let same = combinations.iter().all(|c| c == first);
            if same && first.len() == 1 && first[0].1 == 1.0 {
                broadcasts.push((*input, first[0].0));
                continue;
            }
            let width = combinations.iter().map(Vec::len).max().unwrap_or(1);
            let mut gather =
                Gather { input: *input, width, unknowns: Vec::new(), weights: Vec::new() };
            for combination in combinations {
                for k in 0..width {
                    let (u, w) = combination.get(k).copied().unwrap_or((combination[0].0, 0.0));
                    gather.unknowns.push(u as u32);
                    gather.weights.push(w);
                }
            }
            gathers.push(gather);
        }
        let spreads = law
            .partials
            .iter()
            .map(|&(input, output)| {
                let mut entries = Vec::new();
                let read = self.reads.iter().find(|(i, _)| *i == input);
                if let (Some((_, combinations)), Some(shape)) = (read, shape) {
                    for &(row, point, factor) in &self.points.scatter {
                        for &(unknown, weight) in &combinations[point] {
                            let store = shape.index(row, unknown) as u32;
                            entries.push((store, point as u32, factor * weight));
                        }
                    }
                }
                Spread { output, entries }
            })
            .collect();
        let scatter =
            self.points.scatter.iter().map(|&(r, p, w)| (r as u32, p as u32, w)).collect();
        Group { law, tile, columns, parameters, times, gathers, broadcasts, scatter, spreads }
    }
}
