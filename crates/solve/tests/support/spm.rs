//! The single-particle model of PINNSTRIPES: 2 C discharge of a graphite / NMC cell.
//!
//! Source: NREL PINNSTRIPES (Hassanaly et al., 2023), util/spm.py, uocp_cs.py; units changed from
//! kmol to mol.

use super::Make;
use surrogate_problem::Problem;
use surrogate_problem::model::Geometry;
use surrogate_symbolic::{Call, Node};

const U_A: [f64; 18] = [
    1878.6244900261463,
    -4981.580023016213,
    516.2941996957871,
    6452.38177755237,
    -436.0524457974526,
    1264.0514576769442,
    -20918.656956191975,
    12954.334261316431,
    28871.72866007402,
    -37943.83286204571,
    34.11141793217983,
    29363.16490602074,
    -25774.496334571464,
    11073.868226559767,
    -2702.638445370805,
    375.62895901410747,
    -28.064663950113868,
    1.1265244540945243,
];
const U_C: [f64; 29] = [
    -43309.69063512314,
    122888.63938515769,
    -69735.99554716503,
    -59749.183217994185,
    25744.002733171154,
    15730.398058573825,
    54021.915506318735,
    -44566.03206954511,
    64.32177924593454,
    -7780.173422833786,
    1117.4042221859695,
    7387.492376558274,
    -7237.289515884936,
    -705.4465901574707,
    17170.20236584321,
    -42.60228181558803,
    -23266.56994359366,
    10810.92851132453,
    2545.4065429021307,
    1.6554268823619098,
    751.3515882152476,
    -4447.12851190078,
    3727.268889820381,
    -1331.1791971457515,
    227.4712483170547,
    -17.646894926746256,
    0.8568207255402533,
    -2.34505930698951,
    5.059010555584711,
];
const P: [f64; 11] = [
    -250.901084347927,
    2391.02672525997,
    -4868.42026761136,
    -83.3110410292107,
    10576.36028329,
    -12683.2454834812,
    5016.27216777553,
    982.489665964948,
    -1502.4393390709,
    472.37093042477,
    -65.2609204639709,
];
const Q: [f64; 6] = [
    16.5045282964129,
    -75.235671414888,
    124.052469007304,
    -94.1657108128761,
    32.4976882173796,
    -3.58529006582476,
];

pub const R_A: f64 = 4.0e-6;
pub const R_C: f64 = 1.8e-6;
pub const MAX_A: f64 = 30_530.0;
pub const MAX_C: f64 = 49_600.0;
const F: f64 = 96485.3321;
const GAS: f64 = 8.3145;
const T: f64 = 303.15;

/// Surface fluxes, mol/m2/s: anode (out), cathode (out, negative).
pub fn fluxes() -> (f64, f64) {
    let density = -27.0;
    let anode = -density * R_A / (3.0 * 0.5430727763 * F * 44e-6);
    let cathode = density * R_C / (3.0 * 0.47662 * F * 42e-6);
    (anode, cathode)
}

fn clipped(m: &mut Make, c: Node, max: f64) -> Node {
    let x = m.sum(&[(c, 1.0 / max)]);
    m.g().clip(x, 0.0, 1.0)
}

fn polynomial(m: &mut Make, x: Node, coefficients: &[f64]) -> Node {
    let p = m.g().add_polynomial(coefficients);
    m.g().polynomial(x, p)
}

/// Overpotential `(2 R T / F) asinh(j F / (2 i0))`.
fn overpotential(m: &mut Make, j: f64, i0: Node) -> Node {
    let half = m.c(0.5 * j * F);
    let ratio = m.g().product(&[(half, 1.0), (i0, -1.0)]);
    let arc = m.g().call(Call::Asinh, ratio);
    m.sum(&[(arc, 2.0 * GAS * T / F)])
}

/// Parameters `deg_i0_a`, `deg_ds_c`; output voltage.
pub fn problem() -> Problem {
    let mut problem = problem_with_means();
    problem.outputs.truncate(1);
    problem
}

/// Also with the mean concentrations of anode and cathode, and the voltage by linearised kinetics.
pub fn problem_with_means() -> Problem {
    let mut m = Make::new();
    let t = m.time(0.0, 1350.0);
    let ra = m.space("r_a", 0.0, R_A, Geometry::Sphere);
    let rc = m.space("r_c", 0.0, R_C, Geometry::Sphere);
    let deg_i0 = m.parameter("deg_i0_a", 0.5, 4.0, 0.5);
    let deg_ds = m.parameter("deg_ds_c", 1.0, 10.0, 1.0);
    let a = m.field("c_a", &[t, ra], None);
    let c = m.field("c_c", &[t, rc], None);
    let (j_a, j_c) = fluxes();
    let (one, zero) = (m.c(1.0), m.c(0.0));

    let ca = m.u(a);
    let slope_a = m.d(ca, ra, 1);
    let flux_a = m.sum(&[(slope_a, 3.0e-14)]);
    m.conserve(a, ra, one, flux_a, zero);

    let cc = m.u(c);
    let slope_c = m.d(cc, rc, 1);
    let x = clipped(&mut m, cc, MAX_C);
    let power = polynomial(&mut m, x, &P);
    let power = m.sum(&[(power, std::f64::consts::LN_10)]);
    let ten = m.g().call(Call::Exp, power);
    let ten = m.sum(&[(ten, 2.25)]);
    let d_c = m.mul(ten, deg_ds);
    let flux_c = m.mul(d_c, slope_c);
    m.conserve(c, rc, one, flux_c, zero);

    let start_a = m.sum(&[(ca, 1.0)]);
    let start_a = m.g().linear(-0.91 * MAX_A, &[(start_a, 1.0)]);
    m.condition(t, 0.0, start_a);
    let start_c = m.g().linear(-0.39 * MAX_C, &[(cc, 1.0)]);
    m.condition(t, 0.0, start_c);
    m.condition(ra, 0.0, slope_a);
    m.condition(rc, 0.0, slope_c);
    let end_a = m.g().linear(j_a, &[(flux_a, 1.0)]);
    m.condition(ra, R_A, end_a);
    let end_c = m.g().linear(j_c, &[(flux_c, 1.0)]);
    m.condition(rc, R_C, end_c);

    let surface_a = m.at(ca, ra, R_A);
    let surface_c = m.at(cc, rc, R_C);
    let x_a = clipped(&mut m, surface_a, MAX_A);
    let x_c = clipped(&mut m, surface_c, MAX_C);
    // i0_a = 0.675 deg sqrt(c_e) sqrt(c_max - c) sqrt(c), kmol/m3 in the roots
    let rest = m.g().linear(MAX_A * 1e-3, &[(surface_a, -1e-3)]);
    let filled = m.sum(&[(surface_a, 1e-3)]);
    let i0_a = m.g().product(&[(rest, 0.5), (filled, 0.5), (deg_i0, 1.0)]);
    let i0_a = m.sum(&[(i0_a, 2.5 * 0.27 * 1.2_f64.sqrt())]);
    let q = polynomial(&mut m, x_c, &Q);
    let i0_c = m.sum(&[(q, 9.0)]);
    let eta_a = overpotential(&mut m, j_a, i0_a);
    let eta_c = overpotential(&mut m, j_c, i0_c);
    let u_a = polynomial(&mut m, x_a, &U_A);
    let u_c = polynomial(&mut m, x_c, &U_C);
    let voltage = m.sum(&[(u_c, 1.0), (eta_c, 1.0), (u_a, -1.0), (eta_a, -1.0)]);
    m.output("voltage", &[t], voltage);
    let mean_a = m.mean(ca, ra);
    let mean_c = m.mean(cc, rc);
    m.output("mean_a", &[t], mean_a);
    m.output("mean_c", &[t], mean_c);
    // linearised kinetics, as PINNSTRIPES has by default: eta = j R T / i0
    let (heat_a, heat_c) = (m.c(j_a * GAS * T), m.c(j_c * GAS * T));
    let eta_a = m.g().product(&[(heat_a, 1.0), (i0_a, -1.0)]);
    let eta_c = m.g().product(&[(heat_c, 1.0), (i0_c, -1.0)]);
    let linear = m.sum(&[(u_c, 1.0), (eta_c, 1.0), (u_a, -1.0), (eta_a, -1.0)]);
    m.output("linearised", &[t], linear);
    m.problem
}
