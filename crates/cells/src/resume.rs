//! Training that is put aside and taken up again.

use surrogate_engine::optimize::Optimizer;

use crate::CellsError;
use crate::depleted::{self, COURSE, EndsNetwork};
use crate::electrolyte::{ElectrolyteNetwork, Nodes};
use crate::lesson::{self, DriveNetwork, Lesson};
use crate::network::HalfNetwork;
use crate::problem::CellProblem;
use crate::sample;
use crate::settings::{Settings, Stage};
use crate::training::{Array, Subject, Training, Work};

/// Name of the network of the electrolyte while it is in work.
const CURRENT: &str = "current electrolyte";
/// The same when it is done.
pub(crate) const ELECTROLYTE: &str = "electrolyte";
/// That of a network of the ends while it is in work.
const CURRENT_ENDS: &str = "current ends";

impl Training {
    /// Everything needed to go on to the same bits, as named arrays.
    pub fn state(&self) -> Vec<Array> {
        let mut curves = vec![];
        self.curves.iter().for_each(|curve| curve.write(&mut curves));
        let mut swept = vec![];
        self.swept.iter().for_each(|curve| curve.write(&mut swept));
        let mut out = vec![
            ("stage".to_string(), vec![f64::from(self.stage as u8), self.failures as f64]),
            ("curves".to_string(), curves),
            ("ahead".to_string(), self.ahead.concat()),
            ("later".to_string(), self.later.concat()),
            ("swept".to_string(), swept),
        ];
        for (k, network) in self.networks.iter().enumerate() {
            out.extend(network.arrays(&format!("network {k}")));
        }
        let mut lessons = vec![self.unsolved as f64];
        self.lessons.iter().for_each(|lesson| lesson.write(&mut lessons));
        out.push(("profiles".to_string(), lessons));
        for (e, network) in self.drive.iter().enumerate() {
            out.extend(network.arrays(&format!("drive {e}")));
        }
        out.extend(self.electrolyte.iter().flat_map(|network| network.arrays(ELECTROLYTE)));
        out.extend(depleted::arrays(&self.ends));
        if let Some(work) = &self.current {
            match &work.subject {
                Subject::Half(network) => out.extend(network.arrays("current")),
                Subject::Electrolyte(network) => out.extend(network.arrays(CURRENT)),
                Subject::Ends(network) => out.extend(network.arrays(CURRENT_ENDS)),
                Subject::Drive(network) => {
                    out.extend(network.arrays(&format!("drive {}", self.drive.len())));
                }
            }
            out.push(("iterations".to_string(), vec![work.iterations as f64]));
            let optimizer = work.optimizer.state().into_iter();
            out.extend(optimizer.map(|(name, values)| (format!("optimizer {name}"), values)));
        }
        out
    }

    /// Takes up a training that was saved, with the problem and settings it had.
    ///
    /// # Errors
    /// [`CellsError::State`] where an array is missing or makes no sense.
    pub fn restore(
        problem: CellProblem,
        settings: Settings,
        state: &[Array],
    ) -> Result<Self, CellsError> {
        let wrong = |name: &str| CellsError::State { name: name.to_string() };
        let find = |name: &str| state.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_slice());
        let get = |name: &str| find(name).ok_or_else(|| wrong(name));
        let mut training = Self::new(problem, settings)?;
        let [stage, failures] = *get("stage")? else { return Err(wrong("stage")) };
        let known = Stage::ALL.into_iter().find(|s| f64::from(*s as u8) == stage);
        training.stage = known.ok_or_else(|| wrong("stage"))?;
        training.failures = failures as usize;
        let axes = training.problem.axes.len();
        training.curves = sample::read(get("curves")?, axes).ok_or_else(|| wrong("curves"))?;
        training.swept = sample::read(get("swept")?, axes).ok_or_else(|| wrong("swept"))?;
        let points = |list: &[f64]| list.chunks(axes.max(1)).map(<[f64]>::to_vec).collect();
        training.ahead = points(get("ahead")?);
        training.later = points(get("later")?);
        // the third follows the way to the end
        let more = |k: usize| if k == 2 { COURSE } else { 0 };
        training.networks = (0..3)
            .map_while(|k| HalfNetwork::read(axes, more(k), &format!("network {k}"), state))
            .collect();
        let electrolyte = |nodes: &Nodes, name| ElectrolyteNetwork::read(nodes, axes, name, state);
        training.electrolyte =
            training.nodes.as_ref().and_then(|nodes| electrolyte(nodes, ELECTROLYTE));
        training.ends = depleted::read(axes, state);
        let (unsolved, lessons) =
            get("profiles")?.split_first().ok_or_else(|| wrong("profiles"))?;
        training.unsolved = *unsolved as usize;
        training.lessons = Lesson::read(lessons).ok_or_else(|| wrong("profiles"))?;
        let places = lesson::places_count(&training.problem);
        let read = |e: usize| DriveNetwork::read(places, &format!("drive {e}"), state);
        training.drive = (0..2).map_while(read).collect();
        if let Some([iterations]) = find("iterations") {
            let mut work = match training.stage {
                Stage::Electrolyte | Stage::Fields => {
                    let nodes = training.nodes.as_ref();
                    let current = nodes.and_then(|nodes| electrolyte(nodes, CURRENT));
                    let current = current.ok_or_else(|| wrong(CURRENT))?;
                    Work { subject: Subject::Electrolyte(current), ..training.begin_electrolyte() }
                }
                Stage::Ends => {
                    let current = EndsNetwork::read(axes, CURRENT_ENDS, state);
                    let current = current.ok_or_else(|| wrong(CURRENT_ENDS))?;
                    Work { subject: Subject::Ends(current), ..training.begin_ends() }
                }
                Stage::Drive => {
                    let current = training.drive.pop().ok_or_else(|| wrong("drive weights"))?;
                    Work { subject: Subject::Drive(current), ..training.begin_drive() }
                }
                _ => {
                    let current =
                        HalfNetwork::read(axes, more(training.networks.len()), "current", state);
                    let current = current.ok_or_else(|| wrong("current weights"))?;
                    Work { subject: Subject::Half(current), ..training.begin() }
                }
            };
            work.iterations = *iterations as usize;
            let named = |(name, values): &Array| {
                Some((name.strip_prefix("optimizer ")?.to_string(), values.clone()))
            };
            let saved: Vec<Array> = state.iter().filter_map(named).collect();
            work.optimizer.restore(&saved).map_err(|name| wrong(&name))?;
            training.current = Some(work);
        }
        Ok(training)
    }
}
