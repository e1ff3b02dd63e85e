//! Where each matrix of the transformer lies in the flat list of weights.

use std::ops::Range;

use crate::model::ModelError;

/// Sizes of a transformer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// Numbers that stand for a token; a multiple of the heads.
    pub width: usize,
    /// Layers.
    pub layers: usize,
    /// Heads of attention.
    pub heads: usize,
}

impl Shape {
    /// Largest width, and most layers and heads.
    const MOST: usize = 4096;

    /// Sizes that can be: heads divide the width.
    ///
    /// # Errors
    ///
    /// Other sizes.
    pub const fn new(width: usize, layers: usize, heads: usize) -> Result<Self, ModelError> {
        let fits = width > 0
            && width <= Self::MOST
            && layers > 0
            && layers <= Self::MOST
            && heads > 0
            && width.is_multiple_of(heads);
        if fits {
            Ok(Self { width, layers, heads })
        } else {
            Err(ModelError::Shape { width, layers, heads })
        }
    }

    /// Numbers of a head.
    pub(crate) const fn head(&self) -> usize {
        self.width / self.heads
    }

    /// Numbers inside the two products of a layer's second half.
    pub(crate) const fn inner(&self) -> usize {
        4 * self.width
    }
}

/// Weights of one layer.
#[derive(Debug, Clone)]
pub struct Layer {
    /// Gains of the norm before attention, `[width]`.
    pub attention_norm: Range<usize>,
    /// From a token to query, key and value, `[width, 3 width]`.
    pub query_key_value: Range<usize>,
    /// From all heads back, `[width, width]`.
    pub attended: Range<usize>,
    /// Gains of the norm before the second half, `[width]`.
    pub inner_norm: Range<usize>,
    /// `[width, 4 width]`.
    pub widen: Range<usize>,
    /// `[4 width, width]`.
    pub narrow: Range<usize>,
}

/// Ranges of all weights.
#[derive(Debug, Clone)]
pub struct Layout {
    /// Sizes.
    pub shape: Shape,
    /// Vectors of the features that rows of the vocabulary and places of a sequence are sums of,
    /// `[features, width]`.
    pub features: Range<usize>,
    /// From the numbers of a peak to a token, `[numbers, width]`.
    pub peaks: Range<usize>,
    /// The layers.
    pub layers: Vec<Layer>,
    /// Gains of the last norm, `[width]`.
    pub last_norm: Range<usize>,
    /// Number of weights.
    pub len: usize,
}

impl Layout {
    /// Lays out a transformer for so many features and numbers of a peak.
    #[must_use]
    pub fn new(shape: Shape, features: usize, peak_numbers: usize) -> Self {
        let mut end = 0;
        let mut take = |n: usize| {
            let begin = end;
            end += n;
            begin..end
        };
        let (d, inner) = (shape.width, shape.inner());
        let features = take(features * d);
        let peaks = take(peak_numbers * d);
        let layers = (0..shape.layers)
            .map(|_| Layer {
                attention_norm: take(d),
                query_key_value: take(3 * d * d),
                attended: take(d * d),
                inner_norm: take(d),
                widen: take(d * inner),
                narrow: take(inner * d),
            })
            .collect();
        let last_norm = take(d);
        Self { shape, features, peaks, layers, last_norm, len: end }
    }

    /// Ranges of gains, which begin at 1 and do not decay.
    pub fn gains(&self) -> impl Iterator<Item = &Range<usize>> {
        let inside = self.layers.iter().flat_map(|l| [&l.attention_norm, &l.inner_norm]);
        inside.chain([&self.last_norm])
    }

    /// Ranges of matrices, each with the number of its rows.
    pub fn matrices(&self) -> impl Iterator<Item = (&Range<usize>, usize)> {
        let (d, inner) = (self.shape.width, self.shape.inner());
        let peaks = self.peaks.len() / d;
        let inside = self.layers.iter().flat_map(move |l| {
            [(&l.query_key_value, d), (&l.attended, d), (&l.widen, d), (&l.narrow, inner)]
        });
        inside.chain([(&self.peaks, peaks)])
    }
}
