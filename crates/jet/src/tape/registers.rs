//! Scratch storage of a [`Plan`] for one thread.

use super::Plan;
use crate::AlignedBuffer;

/// Values and adjoints of one tile; reused between calls, and laid out anew when the plan or the
/// tile changes.
#[derive(Clone)]
pub struct Registers {
    plan: u64,
    tile: usize,
    pub(super) values: AlignedBuffer,
    pub(super) adjoints: AlignedBuffer,
    outputs: Vec<u32>,
}

impl Default for Registers {
    fn default() -> Self {
        Self::new()
    }
}

impl Registers {
    /// Empty storage, allocated by the first [`Plan::forward`].
    #[must_use]
    pub fn new() -> Self {
        Self {
            plan: 0,
            tile: 0,
            values: AlignedBuffer::zeros(0),
            adjoints: AlignedBuffer::zeros(0),
            outputs: Vec::new(),
        }
    }

    /// Points of the last forward sweep.
    #[must_use]
    pub fn tile(&self) -> usize {
        self.tile
    }

    /// Output k of the last forward sweep, `[tile]`.
    ///
    /// # Panics
    /// If there is no such output.
    #[must_use]
    pub fn output(&self, k: usize) -> &[f64] {
        let start = self.outputs[k] as usize * self.tile;
        &self.values[start..start + self.tile]
    }

    /// Lays the storage out for the plan and writes its constants, unless that has been done.
    pub(super) fn fit(&mut self, plan: &Plan, tile: usize) {
        if self.holds(plan) && self.tile == tile {
            return;
        }
        self.plan = plan.id;
        self.tile = tile;
        self.values = AlignedBuffer::zeros(plan.values * tile);
        self.adjoints = AlignedBuffer::zeros(plan.adjoints * tile);
        self.outputs.clone_from(&plan.outputs);
        for (slot, c) in &plan.constants {
            let start = *slot as usize * tile;
            self.values[start..start + tile].fill(*c);
        }
    }

    /// Whether the last forward sweep was of this plan.
    pub(super) fn holds(&self, plan: &Plan) -> bool {
        self.plan == plan.id
    }
}
