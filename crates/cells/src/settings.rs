//! How training is done, and where it stands.

/// Most solver runs that come with derivatives by default.
const FEW: usize = 600;

/// How training is done.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Solver runs.
    pub solves: usize,
    /// Whether runs come with derivatives, which are learned as well: by the probe, and by all where
    /// nothing is swept.
    pub sensitivities: bool,
    /// Sweeps of the equations, started from the electrolyte that few solver runs have taught; only where the
    /// model has particles at every place.
    pub sweeps: usize,
    /// Times of each run that are learned.
    pub times: usize,
    /// Width of both hidden layers.
    pub width: usize,
    /// Iterations of each network.
    pub iterations: usize,
    /// Factor on the squares of the weights in the loss.
    pub decay: f64,
    /// Solver runs under random currents, for predictions under any current; none without.
    pub profiles: usize,
    /// Seed of points and first weights.
    pub seed: u64,
}

impl Settings {
    /// What served best for a number of solver runs: few runs come with derivatives.
    pub fn for_solves(solves: usize, seed: u64) -> Self {
        let few = solves <= FEW;
        Self {
            solves,
            sensitivities: few,
            sweeps: 0,
            times: if few { 64 } else { 32 },
            width: if few { 32 } else { 40 },
            iterations: if few { 1200 } else { 2000 },
            decay: 1e-8,
            profiles: 0,
            seed,
        }
    }

    /// The same with sweeps of the equations: as much is learned as from many runs.
    #[must_use]
    pub fn with_sweeps(self, sweeps: usize) -> Self {
        if sweeps == 0 {
            return self;
        }
        let many = Self::for_solves(FEW + 1, self.seed);
        let (times, width, iterations) = (many.times, many.width, many.iterations);
        Self { sweeps, times, width, iterations, ..self }
    }
}

/// What a slice of training works on, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Solver runs spread evenly over the box.
    Spread,
    /// Short training on half of them, which shows by the other half where the box is difficult.
    Probe,
    /// Solver runs where it is.
    Aimed,
    /// The network of the electrolyte, where the model has particles at every place.
    Electrolyte,
    /// Sweeps of the equations, which start from that network.
    Swept,
    /// The network of the electrolyte, with what the sweeps say.
    Fields,
    /// The network of the negative electrode.
    Negative,
    /// The network of the positive electrode.
    Positive,
    /// The network of whether the electrolyte is depleted and when such discharges end, where many do.
    Ends,
    /// The network of the positive electrode in these.
    Depleted,
    /// Solver runs under random currents.
    Profiles,
    /// The networks that learn them, and the constant discharges as well.
    Drive,
    /// Nothing is left.
    Done,
}

impl Stage {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Spread,
        Self::Probe,
        Self::Aimed,
        Self::Electrolyte,
        Self::Swept,
        Self::Fields,
        Self::Negative,
        Self::Positive,
        Self::Ends,
        Self::Depleted,
        Self::Profiles,
        Self::Drive,
        Self::Done,
    ];

    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Spread => "solver runs over the box",
            Self::Probe => "probe",
            Self::Aimed => "solver runs where it is difficult",
            Self::Negative => "negative electrode",
            Self::Positive => "positive electrode",
            Self::Ends => "ends in a depleted electrolyte",
            Self::Depleted => "positive electrode in a depleted electrolyte",
            Self::Electrolyte => "electrolyte",
            Self::Swept => "sweeps of the equations",
            Self::Fields => "electrolyte, with the sweeps",
            Self::Profiles => "solver runs under random currents",
            Self::Drive => "any current",
            Self::Done => "done",
        }
    }

    /// Whether it runs the solver, or sweeps.
    pub fn solves(self) -> bool {
        matches!(self, Self::Spread | Self::Aimed | Self::Swept | Self::Profiles)
    }
}

/// Where training stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Stage of the next slice.
    pub stage: Stage,
    /// Runs or iterations done in it.
    pub done: usize,
    /// Runs or iterations of the whole stage.
    pub of: usize,
    /// Root mean square of the misfit on data of the network in work: V, or in scales of the electrolyte.
    pub misfit_v: Option<f64>,
}
