//! Streams of random numbers that depend on a seed and an index alone.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// Generator number `stream` of a seed; different streams are independent.
#[must_use]
pub fn stream(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// A standard normal number.
pub(crate) fn normal<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    StandardNormal.sample(rng)
}

/// A number in (0, 1), both ends excluded.
pub(crate) fn open_unit<R: Rng + ?Sized>(rng: &mut R) -> f64 {
    rng.sample(rand_distr::Open01)
}
