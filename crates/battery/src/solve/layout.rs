//! Nodes across the cell, and where each unknown stands.
//!
//! Unknowns z: reaction currents j at the particles (negative, then positive electrode), the
//! potential step psi of solid over electrolyte at the negative collector, the voltage V, the current
//! I, then y at the nodes of the electrolyte. The rows of the equations have the same order:
//! kinetics, the two balances of charge, control, balances of lithium in the electrolyte.

use super::lobatto::Lobatto;
use super::{Model, Options};

/// Layout of the unknowns.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// Nodes of an electrode, and of the separator.
    pub(super) electrode: Lobatto,
    pub(super) separator: Lobatto,
    /// Particles in an electrode: one for each node, or one for all.
    pub(super) particles: usize,
    /// Whether the electrolyte is resolved.
    pub(super) electrolyte: bool,
}

impl Layout {
    pub(super) fn new(model: Model, options: &Options) -> Self {
        let electrolyte = model != Model::Spm;
        let (electrode, separator) = if electrolyte {
            (
                Lobatto::new(options.electrode_elements, options.electrode_nodes),
                Lobatto::new(1, options.separator_nodes),
            )
        } else {
            (Lobatto::point(), Lobatto::point())
        };
        let particles = if model == Model::P2d { electrode.n } else { 1 };
        Self { electrode, separator, particles, electrolyte }
    }

    /// Particle at a node of an electrode.
    pub(super) fn particle(&self, node: usize) -> usize {
        if self.particles == 1 { 0 } else { node }
    }

    /// Unknown, and row, of a particle.
    pub(super) fn j(&self, electrode: usize, particle: usize) -> usize {
        electrode * self.particles + particle
    }

    /// Unknown psi; row of the balance of charge in the negative electrode.
    pub(super) fn psi(&self) -> usize {
        2 * self.particles
    }

    /// Unknown V; row of the balance of charge in the positive electrode.
    pub(super) fn voltage(&self) -> usize {
        2 * self.particles + 1
    }

    /// Unknown I; row of the control.
    pub(super) fn current(&self) -> usize {
        2 * self.particles + 2
    }

    /// Unknown y at a node of a layer (0 negative, 1 separator, 2 positive); row of its balance.
    pub(super) fn y(&self, layer: usize, node: usize) -> usize {
        let (n, s) = (self.electrode.n, self.separator.n);
        self.first_y() + [0, n - 1, n + s - 2][layer] + node
    }

    /// First of the unknowns y.
    pub(super) fn first_y(&self) -> usize {
        2 * self.particles + 3
    }

    /// How many unknowns there are.
    pub(super) fn unknowns(&self) -> usize {
        let nodes = 2 * self.electrode.n + self.separator.n - 2;
        self.first_y() + if self.electrolyte { nodes } else { 0 }
    }
}
