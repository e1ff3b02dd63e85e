//! The trained surrogate of a cell.

use std::sync::Arc;

use surrogate_battery::solve::Options;

use crate::CellsError;
use crate::curves::{Potential, Tile};
use crate::depleted::{COURSE, Depleted, Ends, EndsWork};
use crate::drive::DriveSurrogate;
use crate::electrolyte::{ElectrolyteNetwork, Nodes};
use crate::fields::FieldsAt;
use crate::half::{ClosedForm, Half};
use crate::network::HalfNetwork;
use crate::particle::Excess;
use crate::problem::CellProblem;
use crate::resume::ELECTROLYTE;
use crate::sweep::{self, Sweep};
use crate::training::Array;

/// Times at which the end of a curve is looked for at first.
const SEARCH: usize = 96;
/// Tolerance of sweeps for fields, V; that of reaction currents is the one of training.
const SWEPT_V: f64 = 1e-3;
/// Lithium in the electrolyte over that at rest below which all fields depend much on it.
const LOW: f64 = 0.15;
/// Name of the network of the positive electrode in a depleted electrolyte.
const DEPLETED: &str = "depleted positive";
/// Least time that is swept, s.
const SHORTEST_S: f64 = 1e-2;

/// Voltage curves of a cell over its box: the difference of two half-cells, each an exact particle and a
/// network.
#[derive(Debug, Clone)]
pub struct CellSurrogate {
    problem: CellProblem,
    halves: [Half; 2],
    closed: [ClosedForm; 2],
    networks: [HalfNetwork; 2],
    depleted: Option<Depleted>,
    electrolyte: Option<(Nodes, ElectrolyteNetwork)>,
    drive: Option<DriveSurrogate>,
}

/// Buffers of one thread.
pub struct Buffers {
    tiles: [Tile; 2],
    depleted: Option<(Tile, EndsWork)>,
    potentials: [Vec<f64>; 2],
    slopes: [Vec<f64>; 2],
}

/// Puts what was found for chosen points, `[point][each]`, to its place among all.
fn scatter(found: &[f64], chosen: &[usize], each: usize, all: &mut [f64]) {
    for (found, k) in found.chunks_exact(each.max(1)).zip(chosen) {
        all[k * each..(k + 1) * each].copy_from_slice(found);
    }
}

/// Both electrodes of a cell as single particles.
pub(crate) fn halves(problem: &CellProblem) -> [Half; 2] {
    let excess = Arc::new(Excess::new());
    [false, true].map(|positive| Half::new(&problem.cell, positive, excess.clone()))
}

/// The same under the constant currents of the box.
pub(crate) fn discharged(problem: &CellProblem) -> [Half; 2] {
    halves(problem).map(|half| half.over(problem))
}

impl CellSurrogate {
    pub(crate) fn new(
        problem: CellProblem,
        halves: [Half; 2],
        networks: [HalfNetwork; 2],
        depleted: Option<Depleted>,
        electrolyte: Option<ElectrolyteNetwork>,
        drive: Option<DriveSurrogate>,
    ) -> Self {
        let electrolyte = Nodes::new(&problem).zip(electrolyte);
        let drive = drive.or_else(|| DriveSurrogate::from_arrays(problem.clone(), &[]));
        let closed = halves.each_ref().map(ClosedForm::of);
        Self { halves, closed, problem, networks, depleted, electrolyte, drive }
    }

    /// Its weights, as named arrays.
    pub fn arrays(&self) -> Vec<Array> {
        let [n, p] = &self.networks;
        let electrolyte = self.electrolyte.iter();
        let electrolyte =
            electrolyte.flat_map(|(_, network)| network.arrays(ELECTROLYTE)).collect();
        let drive = self.drive.iter().flat_map(DriveSurrogate::arrays).collect();
        let depleted = self.depleted.iter();
        let depleted = depleted
            .flat_map(|both| [both.ends.arrays(), both.positive.arrays(DEPLETED)].concat())
            .collect();
        [n.arrays("negative"), p.arrays("positive"), depleted, electrolyte, drive].concat()
    }

    /// The surrogate of a problem from its weights.
    ///
    /// # Errors
    /// [`CellsError::State`] where they are not those of such a surrogate.
    pub fn from_arrays(problem: CellProblem, arrays: &[Array]) -> Result<Self, CellsError> {
        let axes = problem.axes.len();
        let read = |name: &str| {
            HalfNetwork::read(axes, 0, name, arrays)
                .ok_or_else(|| CellsError::State { name: format!("{name} weights") })
        };
        let networks = [read("negative")?, read("positive")?];
        let electrolyte = Nodes::new(&problem)
            .and_then(|nodes| ElectrolyteNetwork::read(&nodes, axes, ELECTROLYTE, arrays));
        let drive = DriveSurrogate::from_arrays(problem.clone(), arrays);
        let positive = HalfNetwork::read(axes, COURSE, DEPLETED, arrays);
        let depleted = Ends::read(axes, arrays).zip(positive);
        let depleted = depleted.map(|(ends, positive)| Depleted { ends, positive });
        let halves = discharged(&problem);
        Ok(Self::new(problem, halves, networks, depleted, electrolyte, drive))
    }

    /// What it is a surrogate of.
    pub fn problem(&self) -> &CellProblem {
        &self.problem
    }

    /// Buffers for one thread.
    pub fn buffers(&self) -> Buffers {
        let depleted = self.depleted.as_ref();
        Buffers {
            tiles: self.networks.each_ref().map(|network| Tile::new(network, None)),
            depleted: depleted
                .map(|both| (Tile::new(&both.positive, Some(&both.ends)), both.ends.workspace())),
            potentials: [vec![], vec![]],
            slopes: [vec![], vec![]],
        }
    }

    /// Voltages in V at times in s; below the cut-off after the end of the discharge.
    pub fn voltages(&self, point: &[f64], times: &[f64], buffers: &mut Buffers, out: &mut [f64]) {
        self.curves(&[point], times, buffers, out);
    }

    /// Voltages in V of some points, each at times in s: `out [point][time]`. The same numbers as
    /// [`Self::voltages`] of each point, in less time.
    pub fn curves<P: AsRef<[f64]>>(
        &self,
        points: &[P],
        times: &[f64],
        buffers: &mut Buffers,
        out: &mut [f64],
    ) {
        self.fill(points, times, buffers);
        let [n, p] = &buffers.potentials;
        for ((out, n), p) in out.iter_mut().zip(n).zip(p) {
            *out = p - n;
        }
    }

    /// Potentials in V of the negative and the positive electrode over the electrolyte in the middle of
    /// the separator, at times in s.
    pub fn potentials<'a>(
        &self,
        point: &[f64],
        times: &[f64],
        buffers: &'a mut Buffers,
    ) -> &'a [Vec<f64>; 2] {
        self.fill(&[point], times, buffers);
        &buffers.potentials
    }

    fn fill<P: AsRef<[f64]>>(&self, points: &[P], times: &[f64], buffers: &mut Buffers) {
        for (e, out) in buffers.potentials.iter_mut().enumerate() {
            out.resize(points.len() * times.len(), 0.0);
            self.electrode(e).values(points, times, &mut buffers.tiles[e], out);
        }
        let Some((depleted, chosen)) = self.depleted_of(points, buffers) else { return };
        let Some((tile, _)) = &mut buffers.depleted else { return };
        let own: Vec<&[f64]> = chosen.iter().map(|k| points[*k].as_ref()).collect();
        let mut out = vec![0.0; own.len() * times.len()];
        depleted.values(&own, times, tile, &mut out);
        scatter(&out, &chosen, times.len(), &mut buffers.potentials[1]);
    }

    fn electrode(&self, e: usize) -> Potential<'_> {
        let (half, closed) = (&self.halves[e], &self.closed[e]);
        Potential { problem: &self.problem, half, closed, network: &self.networks[e], ends: None }
    }

    /// The positive electrode where the electrolyte is depleted, and which of the points that are; `None`
    /// where none is.
    fn depleted_of<P: AsRef<[f64]>>(
        &self,
        points: &[P],
        buffers: &mut Buffers,
    ) -> Option<(Potential<'_>, Vec<usize>)> {
        let Depleted { ends, positive } = self.depleted.as_ref()?;
        let (_, work) = buffers.depleted.as_mut()?;
        let mut depletes = |k: &usize| ends.at(&self.problem, points[*k].as_ref(), work).depletes;
        let chosen: Vec<usize> = (0..points.len()).filter(|k| depletes(k)).collect();
        let potential = Potential { network: positive, ends: Some(ends), ..self.electrode(1) };
        (!chosen.is_empty()).then_some((potential, chosen))
    }

    /// Whether a discharge depletes the electrolyte in part of an electrode, or nearly does: what is said of it is less exact,
    /// and the reference as well. Never where the box holds few such discharges.
    pub fn depletes(&self, point: &[f64]) -> bool {
        let ends = self.depleted.as_ref().map(|both| &both.ends);
        ends.is_some_and(|ends| ends.at(&self.problem, point, &mut ends.workspace()).doubtful)
    }

    /// Voltages in V at times in s, and their derivatives by the values of the axes, `[time][axis]`.
    pub fn gradients(
        &self,
        point: &[f64],
        times: &[f64],
        buffers: &mut Buffers,
        out: &mut [f64],
        by: &mut [f64],
    ) {
        self.curve_gradients(&[point], times, buffers, out, by);
    }

    /// Voltages in V of some points, each at times in s, and their derivatives by the values of the axes:
    /// `out [point][time]`, `by [point][time][axis]`. The same numbers as [`Self::gradients`] of each point.
    pub fn curve_gradients<P: AsRef<[f64]>>(
        &self,
        points: &[P],
        times: &[f64],
        buffers: &mut Buffers,
        out: &mut [f64],
        by: &mut [f64],
    ) {
        let rows = points.len() * times.len();
        for e in 0..2 {
            let (values, slopes) = (&mut buffers.potentials[e], &mut buffers.slopes[e]);
            values.resize(rows, 0.0);
            slopes.resize(rows * self.problem.axes.len(), 0.0);
            self.electrode(e).gradients(points, times, &mut buffers.tiles[e], (values, slopes));
        }
        if let Some((depleted, chosen)) = self.depleted_of(points, buffers)
            && let Some((tile, _)) = &mut buffers.depleted
        {
            let own: Vec<&[f64]> = chosen.iter().map(|k| points[*k].as_ref()).collect();
            let (each, axes) = (times.len(), self.problem.axes.len());
            let mut values = vec![0.0; own.len() * each];
            let mut slopes = vec![0.0; own.len() * each * axes];
            depleted.gradients(&own, times, tile, (&mut values, &mut slopes));
            scatter(&values, &chosen, each, &mut buffers.potentials[1]);
            scatter(&slopes, &chosen, each * axes, &mut buffers.slopes[1]);
        }
        for (out, lists) in [(out, &buffers.potentials), (by, &buffers.slopes)] {
            let [n, p] = lists;
            for ((out, n), p) in out.iter_mut().zip(n).zip(p) {
                *out = p - n;
            }
        }
    }

    /// The surrogate for any current, where it was trained or needs no training.
    pub fn drive(&self) -> Option<&DriveSurrogate> {
        self.drive.as_ref()
    }

    /// Whether it gives fields across the cell: where particles at every place were learned.
    pub fn has_fields(&self) -> bool {
        self.electrolyte.is_some()
    }

    /// Fields across the cell at times in s; `None` where they were not learned, as for single particles.
    ///
    /// The electrolyte is that of its network; all else follows from it by a sweep of the equations up to
    /// the last time, which takes milliseconds. Where it runs low the sweep is repeated until the
    /// electrolyte fits its reaction currents; where that does not come, or [`Self::depletes`] says that it will
    /// not, it stays that of the network.
    /// After the end of the discharge fields stay as the sweep leaves them. Times before the start count
    /// as the start.
    pub fn fields(&self, point: &[f64], times: &[f64]) -> Option<Vec<FieldsAt<'_>>> {
        let (nodes, network) = self.electrolyte.as_ref()?;
        let (problem, halves) = (&self.problem, &self.halves);
        let (c_rate, multipliers) = problem.conditions(point);
        let options =
            Options { multipliers, voltage_tolerance_v: SWEPT_V, ..problem.options.clone() };
        let last = times.iter().copied().fold(SHORTEST_S, f64::max);
        let until = last.min(1.02 * problem.longest_s(point));
        let known = network.at(problem, nodes, halves, point, &sweep::times(until));
        let times: Vec<f64> = times.iter().map(|t| t.clamp(0.0, until)).collect();
        // in a depleted electrolyte it swings without end
        let low = !self.depletes(point) && known.part.iter().flatten().any(|y| *y < LOW);
        let first = low.then(|| Sweep::new(problem, &options, c_rate, known.clone(), false));
        let settled = first.flatten().and_then(|first| first.settled(problem, &options, c_rate));
        let (known, part) = match settled {
            Some(settled) => {
                let part = times.iter().map(|t| settled.electrolyte.at(*t)).collect();
                (settled.electrolyte, part)
            }
            None => (known, network.at(problem, nodes, halves, point, &times).part),
        };
        let sweep = Sweep::new(problem, &options, c_rate, known, true)?;
        let at =
            |(time, part): (&f64, Vec<f64>)| FieldsAt::new(problem, nodes, &sweep, *time, part);
        Some(times.iter().zip(part).map(at).collect())
    }

    /// Time in s at which the voltage first reaches the lower cut-off, to 1e-9 of the time.
    pub fn end_time_s(&self, point: &[f64], buffers: &mut Buffers) -> f64 {
        let limit = self.problem.cell.lower_cutoff_v;
        let over = |v: &f64| v.is_nan() || *v <= limit;
        // beyond the lithium of either electrode
        let longest = 1.02 * self.problem.longest_s(point);
        let times: Vec<f64> = (1..=SEARCH).map(|k| longest * k as f64 / SEARCH as f64).collect();
        let mut voltages = vec![0.0; SEARCH];
        self.voltages(point, &times, buffers, &mut voltages);
        let Some(first) = voltages.iter().position(over) else { return longest };
        let (mut low, mut high) = (if first == 0 { 0.0 } else { times[first - 1] }, times[first]);
        // narrowed by tiles: sixteen places at once
        while high - low > 1e-9 * high {
            const PLACES: usize = 16;
            let places: [f64; PLACES] =
                std::array::from_fn(|k| low + (high - low) * (k + 1) as f64 / (PLACES + 1) as f64);
            let mut voltages = [0.0; PLACES];
            self.voltages(point, &places, buffers, &mut voltages);
            match voltages.iter().position(over) {
                None => low = places[PLACES - 1],
                Some(k) => {
                    high = places[k];
                    if k > 0 {
                        low = places[k - 1];
                    }
                }
            }
        }
        0.5 * (low + high)
    }
}
