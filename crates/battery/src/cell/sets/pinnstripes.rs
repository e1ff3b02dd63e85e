//! The cell of NREL PINNSTRIPES: graphite against NMC, single particles and a frozen electrolyte.

use super::formula;
use crate::Function;
use crate::cell::{Cell, Electrode, ExchangeCurrent, InitialState, Property};

/// The cell of a discharge at 37.8 mA (2C) from 91 % and 39 % lithium, at 303.15 K.
///
/// Factors on the exchange current of the negative electrode and on the diffusivity in the positive
/// one are 1 here; the published studies vary them in 0.5 to 4 and 1 to 10. Without electrolyte and
/// separator, so for the single-particle model alone.
/// Source: Hassanaly et al. (2023), and the code PINNSTRIPES.
pub fn pinnstripes() -> Cell {
    Cell {
        name: "Pinnstripes".into(),
        source: "Hassanaly et al. (2023), NREL PINNSTRIPES".into(),
        area_m2: 1.4e-3,
        nominal_capacity_a_h: 0.0189,
        lower_cutoff_v: 3.0,
        upper_cutoff_v: 4.2,
        reference_temperature_k: 303.15,
        negative: negative(),
        positive: positive(),
        porous: None,
        thermal: None,
        initial: InitialState {
            stoichiometry_n: 0.91,
            stoichiometry_p: 0.39,
            temperature_k: 303.15,
        },
    }
}

fn negative() -> Electrode {
    let c_max = 30_530.0;
    Electrode {
        thickness_m: 44e-6,
        particle_radius_m: 4e-6,
        active_fraction: 0.543_072_776_3,
        maximum_concentration_mol_m3: c_max,
        diffusivity: Property::isothermal(Function::Constant(3e-14)),
        open_circuit_potential: Function::Polynomial(POTENTIAL_N.to_vec()).clipped(0.0, 1.0),
        entropic_change: Function::Constant(0.0),
        // 0.675 A m-2 per (kmol m-3)^1.5 at 1.2 kmol m-3 in the electrolyte
        exchange_current: ExchangeCurrent {
            density_a_m2: 0.675 * 1.2_f64.sqrt() * c_max / 1000.0,
            activation_energy_j_mol: 0.0,
            reference_temperature_k: 303.15,
            shape: None,
        },
        stoichiometry_empty: 0.0,
        stoichiometry_full: 0.91,
    }
}

fn positive() -> Electrode {
    Electrode {
        thickness_m: 42e-6,
        particle_radius_m: 1.8e-6,
        active_fraction: 0.476_62,
        maximum_concentration_mol_m3: 49_600.0,
        diffusivity: Property::isothermal(
            formula(
                "2.25 * 10 ** (-250.901084347927 * x**10 + 2391.02672525997 * x**9 \
                 - 4868.42026761136 * x**8 - 83.3110410292107 * x**7 + 10576.36028329 * x**6 \
                 - 12683.2454834812 * x**5 + 5016.27216777553 * x**4 + 982.489665964948 * x**3 \
                 - 1502.4393390709 * x**2 + 472.37093042477 * x - 65.2609204639709)",
            )
            .clipped(0.25, 0.95),
        ),
        open_circuit_potential: Function::Polynomial(POTENTIAL_P.to_vec()).clipped(0.0, 1.0),
        entropic_change: Function::Constant(0.0),
        exchange_current: ExchangeCurrent {
            density_a_m2: 9.0,
            activation_energy_j_mol: 0.0,
            reference_temperature_k: 303.15,
            shape: Some(Function::Polynomial(EXCHANGE_P.to_vec()).clipped(0.0, 1.0)),
        },
        // the window of the positive electrode from the same charge
        stoichiometry_empty: 0.39 + 0.91 * CAPACITY_RATIO,
        stoichiometry_full: 0.39,
    }
}

/// Lithium of the full negative electrode over that of the positive one.
const CAPACITY_RATIO: f64 = (44e-6 * 0.543_072_776_3 * 30_530.0) / (42e-6 * 0.476_62 * 49_600.0);

const EXCHANGE_P: [f64; 6] = [
    16.504_528_296_412_9,
    -75.235_671_414_888,
    124.052_469_007_304,
    -94.165_710_812_876_1,
    32.497_688_217_379_6,
    -3.585_290_065_824_76,
];

const POTENTIAL_N: [f64; 18] = [
    1_878.624_490_026_146_3,
    -4_981.580_023_016_213,
    516.294_199_695_787_1,
    6_452.381_777_552_37,
    -436.052_445_797_452_6,
    1_264.051_457_676_944_2,
    -20_918.656_956_191_975,
    12_954.334_261_316_431,
    28_871.728_660_074_02,
    -37_943.832_862_045_71,
    34.111_417_932_179_83,
    29_363.164_906_020_74,
    -25_774.496_334_571_464,
    11_073.868_226_559_767,
    -2_702.638_445_370_805,
    375.628_959_014_107_47,
    -28.064_663_950_113_868,
    1.126_524_454_094_524_3,
];

const POTENTIAL_P: [f64; 29] = [
    -43_309.690_635_123_14,
    122_888.639_385_157_69,
    -69_735.995_547_165_03,
    -59_749.183_217_994_185,
    25_744.002_733_171_154,
    15_730.398_058_573_825,
    54_021.915_506_318_735,
    -44_566.032_069_545_11,
    64.321_779_245_934_54,
    -7_780.173_422_833_786,
    1_117.404_222_185_969_5,
    7_387.492_376_558_274,
    -7_237.289_515_884_936,
    -705.446_590_157_470_7,
    17_170.202_365_843_21,
    -42.602_281_815_588_03,
    -23_266.569_943_593_66,
    10_810.928_511_324_53,
    2_545.406_542_902_130_7,
    1.655_426_882_361_909_8,
    751.351_588_215_247_6,
    -4_447.128_511_900_78,
    3_727.268_889_820_381,
    -1_331.179_197_145_751_5,
    227.471_248_317_054_7,
    -17.646_894_926_746_256,
    0.856_820_725_540_253_3,
    -2.345_059_306_989_51,
    5.059_010_555_584_711,
];
