"""Writes crates/crystal/src/score/element_table.rs from the element data that pymatgen keeps.

Needs pymatgen. Usage: python element_table.py > ../../crates/crystal/src/score/element_table.rs
"""

import math
import warnings
from importlib.metadata import version

from pymatgen.core import Element

warnings.simplefilter("ignore")


def value(number, digits=3):
    number = float(number or 0.0)
    return f"{number:.{digits}f}".rstrip("0").rstrip(".") if math.isfinite(number) and number > 0 else "0"


def literal(number):
    text = value(number)
    return text if "." in text else text + ".0"


print(f"""//! What chemistry says of elements, made by benches/compare/element_table.py from the tables of
//! pymatgen-core {version("pymatgen-core")}. 0 where there is no value.

/// Columns of the table.
pub(super) type Row = (u8, u8, f64, f64, f64, f64);

/// Atomic number, Mendeleev number, Pauling's electronegativity, and in angstrom the atomic radius and
/// the mean radii of cations and anions.
pub(super) const ELEMENTS: [Row; 103] = [""")
for z in range(1, 104):
    e = Element.from_Z(z)
    mendeleev = int(e.mendeleev_no or 0)
    print(f"    ({z}, {mendeleev}, {literal(e.X)}, {literal(e.atomic_radius)}, "
          f"{literal(e.average_cationic_radius)}, {literal(e.average_anionic_radius)}),")
print("];")
