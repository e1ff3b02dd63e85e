"""Writes crates/crystal/src/diffraction/form_factor_table.rs from the coefficients that pymatgen keeps.

Needs pymatgen. Usage: python form_factors.py > ../../crates/crystal/src/diffraction/form_factor_table.rs
"""

from importlib.metadata import version

from pymatgen.analysis.diffraction.xrd import ATOMIC_SCATTERING_PARAMS
from pymatgen.core import Element

table = {Element(symbol).Z: pairs for symbol, pairs in ATOMIC_SCATTERING_PARAMS.items()}
print(f"""//! Coefficients of atomic form factors, made by benches/compare/form_factors.py from the table of
//! pymatgen-core {version("pymatgen-core")}.
//!
//! Source: Graef and McHenry (2012), Structure of Materials: electron scattering of free atoms as four
//! Gaussians, from which the Mott-Bethe relation gives the X-ray form factor.

// a coefficient is near 1 / pi by chance
#![allow(clippy::approx_constant)]

/// Atomic number, four (a, b) with a in angstrom and b in square angstrom.
pub(super) const FORM_FACTORS: [(u8, [(f64, f64); 4]); {len(table)}] = [""")
for z, pairs in sorted(table.items()):
    print(f"    ({z}, [{', '.join(f'({float(a)}, {float(b)})' for a, b in pairs)}]),")
print("];")
