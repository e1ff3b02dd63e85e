//! Chemical elements.

use std::fmt;

/// Symbols in the order of atomic numbers, from hydrogen.
const SYMBOLS: [&str; 118] = [
    "H", "He", "Li", "Be", "B", "C", "N", "O", "F", "Ne", "Na", "Mg", "Al", "Si", "P", "S", "Cl",
    "Ar", "K", "Ca", "Sc", "Ti", "V", "Cr", "Mn", "Fe", "Co", "Ni", "Cu", "Zn", "Ga", "Ge", "As",
    "Se", "Br", "Kr", "Rb", "Sr", "Y", "Zr", "Nb", "Mo", "Tc", "Ru", "Rh", "Pd", "Ag", "Cd", "In",
    "Sn", "Sb", "Te", "I", "Xe", "Cs", "Ba", "La", "Ce", "Pr", "Nd", "Pm", "Sm", "Eu", "Gd", "Tb",
    "Dy", "Ho", "Er", "Tm", "Yb", "Lu", "Hf", "Ta", "W", "Re", "Os", "Ir", "Pt", "Au", "Hg", "Tl",
    "Pb", "Bi", "Po", "At", "Rn", "Fr", "Ra", "Ac", "Th", "Pa", "U", "Np", "Pu", "Am", "Cm", "Bk",
    "Cf", "Es", "Fm", "Md", "No", "Lr", "Rf", "Db", "Sg", "Bh", "Hs", "Mt", "Ds", "Rg", "Cn", "Nh",
    "Fl", "Mc", "Lv", "Ts", "Og",
];

/// A chemical element, ordered by atomic number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Element(u8);

impl Element {
    /// Oxygen.
    pub const OXYGEN: Self = Self(8);

    /// The element of an atomic number, 1 to 118.
    #[must_use]
    pub const fn from_atomic_number(z: u8) -> Option<Self> {
        if z >= 1 && z as usize <= SYMBOLS.len() { Some(Self(z)) } else { None }
    }

    /// The element of a symbol, upper or lower case. `D` and `T` are hydrogen.
    #[must_use]
    pub fn from_symbol(symbol: &str) -> Option<Self> {
        if symbol.eq_ignore_ascii_case("D") || symbol.eq_ignore_ascii_case("T") {
            return Some(Self(1));
        }
        let index = SYMBOLS.iter().position(|s| s.eq_ignore_ascii_case(symbol))?;
        u8::try_from(index + 1).ok().map(Self)
    }

    /// Number of protons.
    #[must_use]
    pub const fn atomic_number(self) -> u8 {
        self.0
    }

    /// Symbol, for example `Pb`.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        SYMBOLS[self.0 as usize - 1]
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.symbol())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn symbols_and_numbers_name_the_same_elements() {
        for z in 1..=118 {
            let element = Element::from_atomic_number(z).unwrap();
            assert_eq!(Element::from_symbol(element.symbol()), Some(element));
            assert_eq!(element.atomic_number(), z);
        }
        assert_eq!(Element::from_symbol("pb").unwrap().atomic_number(), 82);
        assert_eq!(Element::from_symbol("D"), Element::from_symbol("H"));
        assert!(Element::from_atomic_number(0).is_none());
        assert!(Element::from_atomic_number(119).is_none());
        assert!(Element::from_symbol("Xx").is_none());
    }
}
