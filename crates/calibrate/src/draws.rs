//! Draws of a sampler and what happened while they were made.

/// Draws of several chains of equal length, after tuning.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Draws {
    /// Number of coordinates.
    pub dim: usize,
    /// Chains.
    pub chains: Vec<Chain>,
    /// Whether the caller stopped the sampler before all draws were made.
    pub stopped: bool,
}

/// Draws of one chain.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chain {
    /// Positions `[draw, coordinate]`.
    pub positions: Vec<f64>,
    /// One entry a draw.
    pub stats: Stats,
    /// Gradients evaluated while drawing (values, for samplers without gradient).
    pub gradients: u64,
    /// Gradients evaluated while tuning.
    pub tuning_gradients: u64,
}

/// What happened at each draw. A statistic that a sampler does not have is an empty list.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Stats {
    /// Log-density.
    pub lp: Vec<f64>,
    /// Total energy at the draw.
    pub energy: Vec<f64>,
    /// Whether the trajectory diverged.
    pub diverging: Vec<bool>,
    /// Depth of the trajectory tree.
    pub tree_depth: Vec<u64>,
    /// Whether the tree reached the greatest depth allowed.
    pub reached_max_depth: Vec<bool>,
    /// Leapfrog steps.
    pub n_steps: Vec<u64>,
    /// Mean acceptance probability over the trajectory.
    pub acceptance_rate: Vec<f64>,
    /// Step size.
    pub step_size: Vec<f64>,
}

impl Draws {
    /// Draws a chain.
    #[must_use]
    pub fn draws(&self) -> usize {
        self.chains.first().map_or(0, |c| c.positions.len() / self.dim.max(1))
    }

    /// Coordinate `k` as `[chain][draw]`, as diagnostics take it.
    #[must_use]
    pub fn coordinate(&self, k: usize) -> Vec<Vec<f64>> {
        self.map(|x| x[k])
    }

    /// A function of the position as `[chain][draw]`.
    pub fn map(&self, f: impl Fn(&[f64]) -> f64) -> Vec<Vec<f64>> {
        let chain = |c: &Chain| c.positions.chunks_exact(self.dim).map(&f).collect();
        self.chains.iter().map(chain).collect()
    }

    /// Positions of all chains, one after the other.
    pub fn positions(&self) -> impl Iterator<Item = &[f64]> {
        self.chains.iter().flat_map(|c| c.positions.chunks_exact(self.dim))
    }

    /// `count` positions at equal distances over all chains, or all where there are fewer.
    #[must_use]
    pub fn thinned(&self, count: usize) -> Vec<&[f64]> {
        let all: Vec<&[f64]> = self.positions().collect();
        let count = count.min(all.len());
        (0..count).map(|k| all[k * all.len() / count]).collect()
    }

    /// Gradients evaluated in all, tuning included.
    #[must_use]
    pub fn gradients(&self) -> u64 {
        self.chains.iter().map(|c| c.gradients + c.tuning_gradients).sum()
    }

    /// Divergent trajectories after tuning.
    #[must_use]
    pub fn divergences(&self) -> usize {
        self.chains.iter().flat_map(|c| &c.stats.diverging).filter(|&&d| d).count()
    }

    /// Means of all coordinates.
    #[must_use]
    pub fn means(&self) -> Vec<f64> {
        let n = (self.draws() * self.chains.len()) as f64;
        let mut means = vec![0.0; self.dim];
        for x in self.positions() {
            means.iter_mut().zip(x).for_each(|(m, x)| *m += x / n);
        }
        means
    }

    /// Covariance matrix of all coordinates, `[d, d]`.
    #[must_use]
    pub fn covariance(&self) -> Vec<f64> {
        let (d, means) = (self.dim, self.means());
        let n = (self.draws() * self.chains.len()) as f64 - 1.0;
        let mut covariance = vec![0.0; d * d];
        for x in self.positions() {
            for i in 0..d {
                for j in 0..d {
                    covariance[i * d + j] += (x[i] - means[i]) * (x[j] - means[j]) / n;
                }
            }
        }
        covariance
    }

    /// Cuts all chains to the length of the shortest, which a stop can leave unequal.
    pub(crate) fn cut_to_shortest(&mut self) {
        let shortest = self.chains.iter().map(|c| c.positions.len() / self.dim).min().unwrap_or(0);
        for chain in &mut self.chains {
            chain.positions.truncate(shortest * self.dim);
            let s = &mut chain.stats;
            for list in [&mut s.lp, &mut s.energy, &mut s.acceptance_rate, &mut s.step_size] {
                list.truncate(shortest);
            }
            s.diverging.truncate(shortest);
            s.reached_max_depth.truncate(shortest);
            s.tree_depth.truncate(shortest);
            s.n_steps.truncate(shortest);
        }
    }
}

/// What a sampler reports after each draw of each chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Chain.
    pub chain: usize,
    /// Draws made in this chain, tuning included.
    pub done: usize,
    /// Draws to make in this chain, tuning included.
    pub total: usize,
    /// Whether the chain is still tuning.
    pub tuning: bool,
    /// Whether this draw's trajectory diverged.
    pub diverging: bool,
    /// Gradients of this draw.
    pub gradients: u64,
    /// Step size.
    pub step_size: f64,
}

/// Receives [`Progress`], from several threads, and stops the sampler by `Break`. What is drawn
/// never depends on it.
pub type Watch<'a> = &'a (dyn Fn(&Progress) -> std::ops::ControlFlow<()> + Sync);

/// Watches nothing and never stops.
pub fn unwatched(_: &Progress) -> std::ops::ControlFlow<()> {
    std::ops::ControlFlow::Continue(())
}
