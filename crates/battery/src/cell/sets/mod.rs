//! Published cells by author and year, each value with its source.
//!
//! Values are facts from the papers named in each file, collected as PyBaMM (Sulzer et al. 2021) keeps
//! them, so that both programs can be compared on the same cell.

mod chen2020;
mod ecker2015;
mod marquis2019;
mod pinnstripes;
mod prada2013;

use super::{Cell, CellError, ExchangeCurrent, Property};
use crate::{Expression, Function};

pub use chen2020::chen2020;
pub use ecker2015::ecker2015;
pub use marquis2019::marquis2019;
pub use pinnstripes::pinnstripes;
pub use prada2013::prada2013;

/// Names of the built-in cells.
pub const NAMES: [&str; 5] = ["Marquis2019", "Chen2020", "Prada2013", "Ecker2015", "Pinnstripes"];

/// A built-in cell by its name, in any case.
///
/// # Errors
/// [`CellError::UnknownSet`], which lists the names.
pub fn named(name: &str) -> Result<Cell, CellError> {
    match name.to_ascii_lowercase().as_str() {
        "marquis2019" => Ok(marquis2019()),
        "chen2020" => Ok(chen2020()),
        "prada2013" => Ok(prada2013()),
        "ecker2015" => Ok(ecker2015()),
        "pinnstripes" => Ok(pinnstripes()),
        _ => Err(CellError::UnknownSet { name: name.to_string() }),
    }
}

/// A formula written in this crate.
fn formula(source: &str) -> Function {
    Function::Expression(Expression::parse(source).expect("formulas of built-in cells parse"))
}

/// A property with its activation energy in J mol-1 and the temperature in K at which it holds.
fn activated(function: Function, energy: f64, reference_temperature_k: f64) -> Property {
    Property { function, activation_energy_j_mol: energy, reference_temperature_k }
}

/// Exchange current from the usual rate: i0 = m sqrt(c_e c_s (c_max - c_s)).
///
/// `rate` m in A m^2.5 mol^-1.5, `c_e` the concentration of the electrolyte at rest and `c_max` the
/// most in the particle, both in mol m-3.
fn rate(
    m: f64,
    c_e: f64,
    c_max: f64,
    energy: f64,
    reference_temperature_k: f64,
) -> ExchangeCurrent {
    ExchangeCurrent {
        density_a_m2: m * c_e.sqrt() * c_max,
        activation_energy_j_mol: energy,
        reference_temperature_k,
        shape: None,
    }
}

/// A complete set with the window of its cut-off voltages.
fn windowed(cell: Cell) -> Cell {
    cell.with_window_from_cutoffs().expect("cut-off voltages of built-in cells are in reach")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Relative difference below a bound.
    fn close(a: f64, b: f64, bound: f64) -> bool {
        (a - b).abs() <= bound * b.abs()
    }

    /// i0 at 900 mol m-3 in the electrolyte.
    fn exchange_current(cell: &Cell, positive: bool, x: f64, temperature_k: f64) -> f64 {
        let electrode = if positive { &cell.positive } else { &cell.negative };
        let i0 = &electrode.exchange_current;
        let c_e = cell.porous.as_ref().unwrap().electrolyte.concentration_mol_m3;
        let inverse = 1.0 / i0.reference_temperature_k - 1.0 / temperature_k;
        i0.density_a_m2
            * (i0.activation_energy_j_mol / crate::cell::GAS_CONSTANT * inverse).exp()
            * (900.0 / c_e * x * (1.0 - x)).sqrt()
    }

    #[test]
    fn windows_are_those_of_pybamm() {
        // x full, x empty, y full, y empty by PyBaMM 26.10.1.1, get_initial_stoichiometries
        let known = [
            ("Marquis2019", [0.949_320_987, 0.183_222_521, 0.512_596_413, 0.961_024_695]),
            ("Chen2020", [0.910_618_047, 0.026_345_790, 0.263_845_225, 0.853_974_675]),
            ("Prada2013", [0.810_043_495, 0.017_617_932, 0.003_761_592, 0.703_502_021]),
            ("Ecker2015", [0.848_423_345, 0.003_550_369, 0.235_260_103, 0.929_080_829]),
        ];
        for (name, [x1, x0, y1, y0]) in known {
            let cell = named(name).unwrap();
            let (n, p) = (&cell.negative, &cell.positive);
            for (ours, pybamm) in [
                (n.stoichiometry_full, x1),
                (n.stoichiometry_empty, x0),
                (p.stoichiometry_full, y1),
                (p.stoichiometry_empty, y0),
            ] {
                assert!((ours - pybamm).abs() < 2e-6, "{name}: {ours} against {pybamm}");
            }
        }
    }

    #[test]
    fn potentials_are_those_of_pybamm() {
        let known = [
            ("Marquis2019", 0.243_124_434_606_270_56, 4.587_642_671_694_197),
            ("Chen2020", 0.216_986_223_181_827_9, 4.468_982_762_287_087),
            ("Prada2013", 0.216_986_223_181_827_9, 3.403_646_199_966_070_5),
            ("Ecker2015", 0.175_970_671_454_613_34, 4.354_767_993_558_409),
        ];
        for (name, u_n, u_p) in known {
            let cell = named(name).unwrap();
            assert!(close(cell.negative.open_circuit_potential.value(0.2), u_n, 1e-13), "{name}");
            assert!(close(cell.positive.open_circuit_potential.value(0.2), u_p, 1e-13), "{name}");
        }
        let marquis = marquis2019();
        let entropic = |e: &crate::cell::Electrode, x| e.entropic_change.value(x);
        assert!(close(entropic(&marquis.negative, 0.2), -2.194_745_330_640_493e-5, 1e-12));
        assert!(close(entropic(&marquis.positive, 0.5), -3.489_166_756_992_729e-5, 1e-12));
    }

    #[test]
    fn kinetics_and_transport_are_those_of_pybamm_at_310_k() {
        let known = [
            ("Marquis2019", 10.687_081_707_884_516, 0.678_812_279_173_000_6),
            ("Chen2020", 0.441_984_985_862_282_74, 3.407_756_498_362_556),
            ("Prada2013", 0.407_595_184_348_596_6, 0.302_257_317_489_751_2),
            ("Ecker2015", 10.809_874_381_171_225, 3.734_519_634_047_623),
        ];
        for (name, n, p) in known {
            let cell = named(name).unwrap();
            assert!(close(exchange_current(&cell, false, 0.2, 310.0), n, 1e-12), "{name}");
            assert!(close(exchange_current(&cell, true, 0.2, 310.0), p, 1e-12), "{name}");
        }
        let known = [
            ("Marquis2019", 310.0, 4.935_168_281_836_15e-10, 1.886_194_532_856_934_7),
            ("Chen2020", 310.0, 1.769_400_000_000_000_6e-10, 0.948_700_000_000_000_5),
            ("Prada2013", 310.0, 2e-10, 2.047_550_000_000_001),
            // the conductivity of Ecker2015 is not of Arrhenius' form; exact at 298.15 K
            ("Ecker2015", 298.15, 2.592_975_187_202_477_7e-10, 0.973_760_053_226_448_8),
        ];
        for (name, temperature, diffusivity, conductivity) in known {
            let cell = named(name).unwrap();
            let electrolyte = &cell.porous.as_ref().unwrap().electrolyte;
            let value = |p: &Property| p.function.value(1000.0) * p.activation(temperature);
            assert!(close(value(&electrolyte.diffusivity), diffusivity, 1e-12), "{name}");
            assert!(close(value(&electrolyte.conductivity), conductivity, 1e-12), "{name}");
        }
        let ecker = ecker2015();
        let value = |p: &Property| p.function.value(0.2) * p.activation(310.0);
        assert!(close(value(&ecker.negative.diffusivity), 1.671_415_490_313_563e-13, 1e-12));
        assert!(close(value(&ecker.positive.diffusivity), 1.420_369_721_171_832_1e-12, 1e-12));
    }

    #[test]
    fn spot_values_of_the_pinnstripes_cell() {
        let cell = pinnstripes();
        assert!((cell.negative.open_circuit_potential.value(0.91) - 0.084_778_9).abs() < 1e-7);
        assert!((cell.positive.open_circuit_potential.value(0.39) - 4.187_430_6).abs() < 1e-7);
        let d = cell.positive.diffusivity.function.value(0.6);
        assert!(close(d, 4.363e-15, 3e-4), "{d}");
        let i0 = &cell.positive.exchange_current;
        let shape = i0.shape.as_ref().unwrap();
        assert!(close(i0.density_a_m2 * shape.value(0.39), 4.799_25, 1e-5));
        let i0 = &cell.negative.exchange_current;
        assert!(close(i0.density_a_m2 * (0.91_f64 * 0.09).sqrt(), 6.460_46, 1e-5));
    }

    #[test]
    fn a_wrong_name_is_told_with_the_right_ones() {
        let message = named("Chen2021").unwrap_err().to_string();
        assert!(message.contains("Chen2020") && message.contains("Chen2021"));
    }
}
