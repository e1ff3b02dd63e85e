//! Units and dimensions.

/// Powers of the SI base units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Dimension {
    /// Powers of m, kg, s, A, K, mol, cd.
    pub powers: [f64; 7],
}
