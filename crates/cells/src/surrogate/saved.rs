//! A trained surrogate as named arrays.

use surrogate_jet::Mlp;

use super::CellSurrogate;
use crate::CellsError;
use crate::network::{self, HalfNetwork};
use crate::problem::CellProblem;
use crate::training::{Array, find, unsound};

/// Names of the networks.
const NAMES: [&str; 2] = ["negative", "positive"];

impl HalfNetwork {
    /// Width, shift, scale and weights.
    pub(crate) fn array(&self) -> Vec<f64> {
        let head = [self.mlp.hidden[0] as f64, self.shift, self.scale];
        head.into_iter().chain(self.weights.iter().copied()).collect()
    }

    /// From such an array.
    pub(crate) fn of_array(mlp: Mlp, array: &[f64]) -> Result<Self, CellsError> {
        match array {
            [_, shift, scale, weights @ ..] if weights.len() == mlp.n_weights() => {
                Ok(Self { weights: weights.to_vec(), shift: *shift, scale: *scale, mlp })
            }
            _ => Err(unsound("network")),
        }
    }
}

impl CellSurrogate {
    /// What [`Self::restore`] reads.
    pub fn state(&self) -> Vec<Array> {
        let one = |(name, network): (&str, &HalfNetwork)| (name.to_string(), network.array());
        NAMES.into_iter().zip(&self.networks).map(one).collect()
    }

    /// The surrogate of a problem from its state.
    ///
    /// # Errors
    /// [`CellsError::State`] for a state of something else.
    pub fn restore(problem: CellProblem, state: &[Array]) -> Result<Self, CellsError> {
        let one = |name: &str| {
            let array = find(state, name)?;
            let width = array.first().copied().unwrap_or(0.0) as usize;
            HalfNetwork::of_array(network::mlp(problem.axes.len(), width), array)
        };
        let networks = [one(NAMES[0])?, one(NAMES[1])?];
        Ok(Self::new(problem, networks))
    }
}
