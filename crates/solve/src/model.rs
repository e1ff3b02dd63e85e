//! The problem as discrete laws, before any mesh: which states there are, and which expression
//! determines each of them where.
//!
//! - A field whose equation is `capacity · d(u, t) = div(flux) + source` with first derivatives in
//!   the flux lives in *cells*: the law is the flux through faces, and each end has an unknown
//!   boundary value determined by its condition. So does one whose flux or capacity switches (`if`,
//!   `step`, `sign`), also where nothing depends on time; each place where it may jump is a face with
//!   an unknown value determined by the continuity of the flux.
//! - Any other field in space lives on *nodes*; conditions replace the equation next to the ends.
//! - A field of time only is a *scalar*.
//!
//! A field of second or higher order in time has one state per lower time derivative. Fields that
//! share a row form a component; components are integrated separately.

use surrogate_problem::model::Problem;

use crate::assign;
use crate::builder::Builder;
use crate::error::SolveError;
use crate::law::Law;
use crate::lower::Integral;
use crate::mesh::Refined;
use crate::switches::Switches;

/// Where a state lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Home {
    /// Field of time only.
    Scalar,
    /// Point values on nodes.
    Nodes,
    /// Cell averages, and a boundary value at each end that has a condition; `split`: also a value
    /// at each place where the flux may jump, across which no polynomial reaches.
    Cells { lower: bool, upper: bool, split: bool },
}

/// One discrete state.
#[derive(Clone, Debug)]
pub(crate) struct State {
    pub(crate) field: usize,
    /// Time derivative of the field that this state is.
    pub(crate) order: usize,
    /// Space coordinate.
    pub(crate) line: Option<usize>,
    pub(crate) home: Home,
    /// Initial value and its space derivatives; empty for an algebraic state without a guess.
    pub(crate) initial: Vec<Law>,
    /// Smallest magnitude for the error control.
    pub(crate) floor: f64,
}

/// Where a law holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Site {
    /// Flux through the inner faces of cells.
    Flux,
    /// Flux through an end.
    EndFlux { upper: bool },
    /// Jump of the flux at places where it must not: determines the value there.
    Interface,
    /// Source in cells.
    Source,
    /// At nodes that no condition takes.
    Node,
    /// Condition: the boundary value of cells, or node number `slot` from the end.
    End { upper: bool, slot: usize },
    /// Determines a scalar; the row's fixed place on the line, if it has one.
    Scalar { at: Option<usize> },
}

/// A law that determines (or contributes to the rate of) a state.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) site: Site,
    pub(crate) state: usize,
    pub(crate) law: Law,
    /// The law is a rate; else it is a residual.
    pub(crate) differential: bool,
    /// Fixed place of `End` and `Scalar` laws.
    pub(crate) place: f64,
}

/// States and laws that have to be solved together.
#[derive(Clone, Debug, Default)]
pub(crate) struct Component {
    pub(crate) states: Vec<usize>,
    pub(crate) rows: Vec<Row>,
    /// No field depends on time.
    pub(crate) steady: bool,
    /// An end condition contradicts the initial condition.
    pub(crate) abrupt: bool,
}

/// A space coordinate.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) lower: f64,
    pub(crate) upper: f64,
    /// Weight of the volume element, `r^power`.
    pub(crate) power: i32,
    pub(crate) periodic: bool,
    pub(crate) refined: Refined,
    /// Highest derivative on nodes.
    pub(crate) order: usize,
    /// Some field lives in cells of it.
    pub(crate) cells: bool,
    /// Some flux in cells of it switches along it.
    pub(crate) split: bool,
    /// Nodes per finite difference. Waves take fewer: wide one-sided differences let them grow.
    pub(crate) window: usize,
}

impl Line {
    /// The lower end is the centre of a cylinder or sphere: nothing flows through it.
    pub(crate) fn centred(&self) -> bool {
        self.power > 0 && self.lower == 0.0
    }
}

/// The whole problem.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) states: Vec<State>,
    pub(crate) lines: Vec<Line>,
    pub(crate) components: Vec<Component>,
    pub(crate) integrals: Vec<Integral>,
    /// Outputs of time only, and why the others are not computed.
    pub(crate) outputs: Vec<Result<Law, String>>,
    /// Component of each state.
    pub(crate) component_of: Vec<usize>,
    /// State of each field.
    pub(crate) first_state: Vec<usize>,
    /// Position of time among the coordinates.
    pub(crate) time: Option<usize>,
    /// Lower end of time.
    pub(crate) start: f64,
    pub(crate) parameters: usize,
    /// Where expressions switch, by coordinate.
    pub(crate) switches: Switches,
}

impl Model {
    /// Reads a problem.
    ///
    /// # Errors
    /// [`SolveError::Unsupported`].
    pub(crate) fn new(problem: &Problem) -> Result<Self, SolveError> {
        if problem.fields.is_empty() {
            return Err(SolveError::unsupported("there are no fields"));
        }
        let mut builder = Builder::new(problem)?;
        let assignment = assign::assign(&mut builder)?;
        let mut states = builder.states()?;
        let rows = builder.rows(&assignment)?;
        builder.initial_values(&mut states, &rows)?;
        let (mut components, component_of) = builder.components(rows);
        let outputs = builder.outputs();
        let start = builder.low.time.map_or(0.0, |t| problem.coordinates[t].lower);
        components.iter_mut().for_each(|c| {
            c.steady = c.states.iter().all(|&s| {
                let field = &problem.fields[builder.low.states[s].field];
                !field.coordinates.iter().any(|c| Some(*c) == builder.low.time)
            });
        });
        let switches = builder.switches();
        let mut model = Self {
            states,
            lines: builder.lines,
            components,
            integrals: builder.low.integrals,
            outputs,
            component_of,
            first_state: builder.low.first_state,
            time: builder.low.time,
            start,
            parameters: problem.parameters.len(),
            switches,
        };
        crate::corner::mark(&mut model, problem);
        Ok(model)
    }
}
