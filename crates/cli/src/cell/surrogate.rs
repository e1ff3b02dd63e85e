//! The trained surrogate of a cell: voltages along time with their derivatives, fields across the cell.

use surrogate_cells::{Array, Buffers, CellProblem, CellSurrogate, DriveSurrogate, Field};
use surrogate_problem::Problem;
use surrogate_problem::model::Role;

use super::physics::{self, Quantity};
use crate::compare::{self, Target};
use crate::failure::Failure;
use crate::grid::Item;
use crate::places::time_coordinate;

/// Times at which a fingerprint is taken, s.
const FINGERPRINT_S: [f64; 3] = [1.0, 30.0, 300.0];

/// The surrogate of a cell, as commands use it.
#[derive(Clone)]
pub struct CellNetworks {
    surrogate: CellSurrogate,
}

impl CellNetworks {
    /// From what training made.
    pub fn new(surrogate: CellSurrogate) -> Self {
        Self { surrogate }
    }

    /// Named arrays that [`Self::restore`] reads.
    pub fn state(&self) -> Vec<Array> {
        self.surrogate.arrays()
    }

    /// From the named arrays of a checkpoint.
    ///
    /// # Errors
    /// Arrays of another surrogate.
    pub fn restore(cell: CellProblem, state: &[Array]) -> Result<Self, Failure> {
        Ok(Self::new(CellSurrogate::from_arrays(cell, state)?))
    }

    /// The surrogate for any current, where there is one.
    pub fn drive(&self) -> Option<&DriveSurrogate> {
        self.surrogate.drive()
    }

    /// Voltages, and lithium in the electrolyte, at a few places: another version of the program may
    /// make other values of the same weights.
    pub fn fingerprint(&self) -> Vec<f64> {
        let mut buffers = self.surrogate.buffers();
        let point = self.surrogate.problem().middle();
        let mut out = vec![0.0; FINGERPRINT_S.len()];
        self.surrogate.voltages(&point, &FINGERPRINT_S, &mut buffers, &mut out);
        let fields = self.surrogate.fields(&point, &FINGERPRINT_S);
        out.extend(fields.iter().flatten().map(|at| at.at(Field::Electrolyte, 0.0)));
        out.into_iter().map(|v| if v.is_finite() { v } else { 0.0 }).collect()
    }

    /// Whether it gives an output or a field.
    pub fn gives(&self, problem: &Problem, item: Item) -> bool {
        match physics::field(item.name(problem)) {
            Some(Quantity::Voltage) => true,
            Some(_) => self.surrogate.has_fields(),
            None => false,
        }
    }

    /// Time in s at which the discharge ends at a parameter point.
    pub fn end_time_s(&self, point: &[f64]) -> f64 {
        self.surrogate.end_time_s(point, &mut self.surrogate.buffers())
    }

    /// Whether a discharge depletes the electrolyte, where what is said of it is less exact.
    pub fn depletes(&self, point: &[f64]) -> bool {
        self.surrogate.depletes(point)
    }

    fn quantity(&self, problem: &Problem, item: Option<Item>) -> Result<Quantity, Failure> {
        let named = item.filter(|item| self.gives(problem, *item));
        let found = named.and_then(|item| physics::field(item.name(problem)));
        found.ok_or_else(|| Failure::Internal("the surrogate of a cell was asked for more".into()))
    }

    /// Prepares curves at fixed places `[coordinate][point]`; fields have no derivatives.
    ///
    /// # Errors
    /// What it does not give.
    pub fn curves(
        &self,
        problem: &Problem,
        items: &[Item],
        by: &[usize],
        places: &[Vec<f64>],
    ) -> Result<CellCurves, Failure> {
        let quantities = items.iter().map(|item| self.quantity(problem, Some(*item)));
        let quantities = quantities.collect::<Result<Vec<_>, _>>()?;
        if !by.is_empty() && quantities.iter().any(|q| *q != Quantity::Voltage) {
            return Err(Failure::Internal("fields of a cell have no derivatives".to_string()));
        }
        let column = |place: Option<usize>| place.map(|c| places[c].clone()).unwrap_or_default();
        let space = problem.coordinates.iter().position(|c| c.role == Role::Space);
        Ok(CellCurves {
            buffers: self.surrogate.buffers(),
            surrogate: self.surrogate.clone(),
            quantities,
            by: by.to_vec(),
            times: column(time_coordinate(problem)),
            places: column(space),
        })
    }

    /// Prepares the values of a target at its points.
    ///
    /// # Errors
    /// What it does not give.
    pub fn values(&self, problem: &Problem, target: &Target) -> Result<CellValues, Failure> {
        let quantity = self.quantity(problem, compare::item(problem, target))?;
        let parameters = problem.parameters.len();
        let mut groups: Vec<Group> = Vec::new();
        for i in 0..target.reference.len() {
            let value = |column: &Vec<f64>| column[i];
            let point: Vec<f64> = target.points[..parameters].iter().map(value).collect();
            if groups.last().is_none_or(|group| group.point != point) {
                groups.push(Group { point, times: Vec::new(), places: Vec::new() });
            }
            if let Some(group) = groups.last_mut() {
                group.times.push(target.points[parameters][i]);
                group.places.extend(target.points.get(parameters + 1).map(value));
            }
        }
        let buffers = self.surrogate.buffers();
        Ok(CellValues { surrogate: self.surrogate.clone(), buffers, quantity, groups })
    }
}

/// Values of a quantity along times, and places for fields; not a number where there is none, as before
/// the start.
fn along(
    surrogate: &CellSurrogate,
    quantity: Quantity,
    point: &[f64],
    (times, places): (&[f64], &[f64]),
    buffers: &mut Buffers,
    out: &mut [f64],
) {
    from_start(surrogate, quantity, point, (times, places), buffers, out);
    without_past(times, out);
}

/// Takes the numbers before the start out of curves at the same times.
fn without_past(times: &[f64], out: &mut [f64]) {
    let early = out.iter_mut().zip(times.iter().cycle()).filter(|(_, time)| **time < 0.0);
    early.for_each(|(out, _)| *out = f64::NAN);
}

fn from_start(
    surrogate: &CellSurrogate,
    quantity: Quantity,
    point: &[f64],
    (times, places): (&[f64], &[f64]),
    buffers: &mut Buffers,
    out: &mut [f64],
) {
    let field = match quantity {
        Quantity::Voltage => {
            surrogate.voltages(point, times, buffers, out);
            return;
        }
        Quantity::Electrolyte => Field::Electrolyte,
        Quantity::ElectrolytePotential => Field::ElectrolytePotential,
        Quantity::SolidPotential => Field::SolidPotential,
        Quantity::Reaction => Field::Reaction,
        Quantity::Surface => Field::Surface,
        Quantity::HalfRadius => Field::Inside(0.5),
        Quantity::Centre => Field::Inside(0.0),
    };
    let cell = &surrogate.problem().cell;
    // runs of one time are evaluated once
    let mut distinct: Vec<f64> = Vec::new();
    let mut of: Vec<usize> = Vec::new();
    for time in times {
        if distinct.last() != Some(time) {
            distinct.push(*time);
        }
        of.push(distinct.len() - 1);
    }
    let Some(fields) = surrogate.fields(point, &distinct) else {
        out.fill(f64::NAN);
        return;
    };
    for ((out, k), x) in out.iter_mut().zip(of).zip(places) {
        let value = fields[k].at(field, *x);
        let negative = *x < cell.negative.thickness_m * (1.0 + 1e-9);
        let own = if negative { &cell.negative } else { &cell.positive };
        *out = match field {
            Field::Surface | Field::Inside(_) => value * own.maximum_concentration_mol_m3,
            _ => value,
        };
    }
}

/// Curves that are evaluated at once.
const PART: usize = 64;

/// Outputs and fields at fixed places, for many parameter rows.
pub struct CellCurves {
    surrogate: CellSurrogate,
    buffers: Buffers,
    quantities: Vec<Quantity>,
    /// Parameters that derivatives are taken by.
    by: Vec<usize>,
    times: Vec<f64>,
    places: Vec<f64>,
}

impl CellCurves {
    /// Points of a curve.
    pub fn points(&self) -> usize {
        self.times.len()
    }

    /// See [`crate::surrogate::Curves::evaluate`].
    pub fn evaluate(&mut self, columns: &[Vec<f64>], count: usize) -> Vec<Vec<f64>> {
        let row = |k: usize| columns.iter().map(|column| column[k]).collect();
        let points: Vec<Vec<f64>> = (0..count).map(row).collect();
        if !self.by.is_empty() {
            return self.gradients(&points);
        }
        let length = self.times.len();
        let mut all = vec![vec![0.0; count * length]; self.quantities.len()];
        for (quantity, out) in self.quantities.iter().zip(&mut all) {
            if *quantity == Quantity::Voltage {
                for (points, out) in points.chunks(PART).zip(out.chunks_mut(PART * length)) {
                    self.surrogate.curves(points, &self.times, &mut self.buffers, out);
                }
                without_past(&self.times, out);
                continue;
            }
            for (point, out) in points.iter().zip(out.chunks_mut(length)) {
                let at = (&self.times[..], &self.places[..]);
                along(&self.surrogate, *quantity, point, at, &mut self.buffers, out);
            }
        }
        all
    }

    /// Voltages, then their derivatives by each parameter asked for; as often as it was asked for.
    fn gradients(&mut self, points: &[Vec<f64>]) -> Vec<Vec<f64>> {
        let (length, axes) = (self.times.len(), points.first().map_or(0, Vec::len));
        let mut lists = vec![vec![0.0; points.len() * length]; 1 + self.by.len()];
        let mut slopes = vec![0.0; PART * length * axes];
        for (part, points) in points.chunks(PART).enumerate() {
            let first = part * PART * length;
            let here = first..first + points.len() * length;
            let (out, by) = (&mut lists[0][here.clone()], &mut slopes[..here.len() * axes]);
            self.surrogate.curve_gradients(points, &self.times, &mut self.buffers, out, by);
            for (k, list) in self.by.iter().zip(&mut lists[1..]) {
                let own = by.chunks_exact(axes).map(|slopes| slopes[*k]);
                list[here.clone()].iter_mut().zip(own).for_each(|(d, slope)| *d = slope);
            }
        }
        let asked = self.quantities.len();
        lists.iter().flat_map(|list| std::iter::repeat_n(list.clone(), asked)).collect()
    }
}

/// Points of one parameter point.
struct Group {
    point: Vec<f64>,
    times: Vec<f64>,
    /// Places across the cell, for fields.
    places: Vec<f64>,
}

/// Values at the points of a target.
pub struct CellValues {
    surrogate: CellSurrogate,
    buffers: Buffers,
    quantity: Quantity,
    groups: Vec<Group>,
}

impl CellValues {
    /// The values.
    pub fn evaluate(&mut self) -> Vec<f64> {
        let mut all = Vec::new();
        for Group { point, times, places } in &self.groups {
            let start = all.len();
            all.resize(start + times.len(), 0.0);
            let (at, out) = ((&times[..], &places[..]), &mut all[start..]);
            along(&self.surrogate, self.quantity, point, at, &mut self.buffers, out);
        }
        all
    }
}
