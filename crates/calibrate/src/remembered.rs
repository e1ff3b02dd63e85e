//! Evaluations that are kept, so that a sampler that was killed goes on where it stood.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::density::{Fatal, LogDensity};

/// One evaluation with gradient.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Point of `d` coordinates.
    pub x: Vec<f64>,
    /// Log-density there.
    pub logp: f64,
    /// Gradient there.
    pub gradient: Vec<f64>,
}

/// A density that does not compute what it is told to know.
///
/// All samplers here are deterministic given density, settings and seed. Store what `record` is
/// given, in any order, as whole entries; after a kill, hand the entries back and sample again with
/// the same settings: known points cost a look-up each, and the draws are those of an uninterrupted
/// run, to the same bits. Worth it where a gradient costs more than some microseconds.
///
/// Evaluations without gradient ([`LogDensity::logp_batch`]) are neither recorded nor remembered.
pub struct Remembered<D, R> {
    density: D,
    record: R,
    known: HashMap<Vec<u64>, (f64, Vec<f64>)>,
    used: Mutex<u64>,
}

impl<D: LogDensity, R: Fn(&Evaluation) -> Result<(), Fatal> + Sync> Remembered<D, R> {
    /// From what is known already, and what to do with new evaluations, which may come from several
    /// threads at a time.
    pub fn new(density: D, known: impl IntoIterator<Item = Evaluation>, record: R) -> Self {
        let known = known.into_iter().map(|e| (bits(&e.x), (e.logp, e.gradient))).collect();
        Self { density, record, known, used: Mutex::new(0) }
    }

    /// Evaluations that were looked up so far.
    pub fn looked_up(&self) -> u64 {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<D: LogDensity, R: Fn(&Evaluation) -> Result<(), Fatal> + Sync> LogDensity
    for Remembered<D, R>
{
    fn dim(&self) -> usize {
        self.density.dim()
    }

    fn logp_grad_batch(&self, x: &[f64], logp: &mut [f64], g: &mut [f64]) -> Result<(), Fatal> {
        let d = self.dim();
        let mut unknown = Vec::new();
        for (b, x) in x.chunks_exact(d).enumerate() {
            match self.known.get(&bits(x)) {
                Some((value, gradient)) => {
                    logp[b] = *value;
                    g[b * d..][..d].copy_from_slice(gradient);
                }
                None => unknown.push(b),
            }
        }
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) +=
            (logp.len() - unknown.len()) as u64;
        if unknown.is_empty() {
            return Ok(());
        }
        let points: Vec<f64> = unknown.iter().flat_map(|&b| &x[b * d..][..d]).copied().collect();
        let (mut values, mut gradients) = (vec![0.0; unknown.len()], vec![0.0; points.len()]);
        self.density.logp_grad_batch(&points, &mut values, &mut gradients)?;
        for (k, &b) in unknown.iter().enumerate() {
            let gradient = &gradients[k * d..][..d];
            logp[b] = values[k];
            g[b * d..][..d].copy_from_slice(gradient);
            let x = points[k * d..][..d].to_vec();
            (self.record)(&Evaluation { x, logp: values[k], gradient: gradient.to_vec() })?;
        }
        Ok(())
    }

    fn logp_batch(&self, x: &[f64], logp: &mut [f64]) -> Result<(), Fatal> {
        self.density.logp_batch(x, logp)
    }
}

fn bits(x: &[f64]) -> Vec<u64> {
    x.iter().map(|x| x.to_bits()).collect()
}
