//! The formulae of the elementary functions, branch-free over the lanes of a [`Real`].
//!
//! Errors are at most about two units in the last place (tested); zeros, infinities, NaN, overflow
//! and subnormal numbers are treated as by the standard library.
//! Source: reductions and the coefficients of ln, sin and cos are those of fdlibm (Sun, 1993);
//! atan is that of Cephes (Moshier, 1989); the polynomials of exp and erf are Chebyshev
//! interpolants computed in 50 digits.

use super::lanes::Real;

const LN2_HI: f64 = 6.931_471_803_691_238e-1; // its 21 low bits are zero: n * LN2_HI is exact
const LN2_LO: f64 = 1.908_214_929_270_587_7e-10;
const MANTISSA: u64 = (1 << 52) - 1;
const ONE_BITS: u64 = 1.0_f64.to_bits();
/// The interval of reduced mantissas starts at this bit pattern, sqrt(1/2).
const SQRT_HALF_BITS: u64 = 0x3fe6_a09e_667f_3bcd;
/// Beyond it the reduction of sin and cos is left to the standard library.
const TRIG_LIMIT: f64 = 1e5;

/// (exp(r) - 1 - r) / r^2 for |r| <= ln(2)/2, to 9e-19.
const EXP: [f64; 11] = [
    2.0914686968086876e-09,
    2.5105217004720745e-08,
    2.75572736431103e-07,
    2.7557255400206422e-06,
    2.4801587325547743e-05,
    0.00019841269874820627,
    0.0013888888888883748,
    0.008333333333326136,
    0.04166666666666667,
    0.1666666666666667,
    0.5,
];
/// ln((1+s)/(1-s)) = 2s + s R(s^2), R = s^2 (2/3 + ...), |s| < 0.1716.
const LN: [f64; 7] = [
    0.14798198605116586,
    0.15313837699209373,
    0.1818357216161805,
    0.22222198432149784,
    0.2857142874366239,
    0.3999999999940942,
    0.6666666666666735,
];
/// pi/2 in four parts, the first three of 33 bits.
const HALF_PI: [f64; 4] =
    [1.5707963267341256, 6.077100506303966e-11, 2.0222662487111665e-21, 8.4784276603689e-32];
const SIN: [f64; 6] = [
    1.58969099521155e-10,
    -2.5050760253406863e-08,
    2.7557313707070068e-06,
    -0.0001984126982985795,
    0.00833333333332249,
    -0.16666666666666632,
];
const COS: [f64; 6] = [
    -1.1359647557788195e-11,
    2.087572321298175e-09,
    -2.7557314351390663e-07,
    2.480158728947673e-05,
    -0.001388888888887411,
    0.0416666666666666,
];
const ATAN_P: [f64; 5] = [
    -0.8750608600031904,
    -16.157537187333652,
    -75.00855792314705,
    -122.88666844901361,
    -64.85021904942025,
];
const ATAN_Q: [f64; 6] = [
    1.0,
    24.858464901423062,
    165.02700983169885,
    432.88106049129027,
    485.3903996359137,
    194.5506571482614,
];
/// erf(x) / x in x^2 for |x| < 1, to 5e-17.
const ERF: [f64; 12] = [
    -7.795898827002142e-10,
    1.3720064546777686e-08,
    -1.6208483801871705e-07,
    1.6447424703317362e-06,
    -1.492473690741966e-05,
    0.00012055294904839707,
    -0.0008548325975389692,
    0.0052239776071164225,
    -0.02686617064323777,
    0.11283791670945006,
    -0.37612638903183543,
    std::f64::consts::FRAC_2_SQRT_PI,
];
/// exp(x^2) erfc(x) in 1/(x + 3) for 1 <= x <= 6; its error times exp(-x^2) is below 7e-17.
const ERFCX: [f64; 13] = [
    -18869.516370631904,
    42231.872521452955,
    -38939.33820426925,
    19141.050739874587,
    -6093.6565386338125,
    1587.0765230329214,
    -182.469576090648,
    62.37025231425608,
    9.787760610086625,
    4.987166672704935,
    1.6840218084061775,
    0.5644211912388195,
    -2.8802148470534555e-06,
];

/// Polynomial with the highest power first.
#[inline(always)]
pub(crate) fn horner<V: Real, const N: usize>(x: V, coefficients: &[f64; N]) -> V {
    let mut sum = V::splat(coefficients[0]);
    for c in &coefficients[1..] {
        sum = sum.fma(x, V::splat(*c));
    }
    sum
}

/// `f` of every lane, for the rare arguments which the vector formula does not cover.
#[cold]
#[inline(never)]
fn each_lane(x: &[f64], out: &mut [f64], f: &dyn Fn(f64) -> f64) {
    for (out, x) in out.iter_mut().zip(x) {
        *out = f(*x);
    }
}

#[inline(always)]
fn by_lane<V: Real>(x: V, f: &dyn Fn(f64) -> f64) -> V {
    let (mut from, mut to) = ([0.0; 8], [0.0; 8]);
    // SAFETY: the arrays hold the widest vector.
    unsafe {
        x.store(from.as_mut_ptr());
        each_lane(&from[..V::WIDTH], &mut to[..V::WIDTH], f);
        V::load(to.as_ptr())
    }
}

/// x = n ln 2 + r with |r| <= ln(2)/2; returns n and exp(r) - 1, where `low` is added to x.
#[inline(always)]
fn exp_reduced<V: Real>(x: V, low: V) -> (V, V) {
    let n = (x * V::splat(std::f64::consts::LOG2_E)).round();
    let r = n.fma(V::splat(-LN2_LO), n.fma(V::splat(-LN2_HI), x) + low);
    (n, (r * r).fma(horner(r, &EXP), r))
}

/// exp of `x + low`, |low| far below |x|.
#[inline(always)]
fn exp_sum<V: Real>(x: V, low: V) -> V {
    // The order of the operands lets NaN through.
    let x = V::splat(-746.0).greater(V::splat(710.0).lesser(x));
    let (n, p) = exp_reduced(x, low);
    (p + V::splat(1.0)).scale2(n)
}

#[inline(always)]
pub(crate) fn exp<V: Real>(x: V) -> V {
    exp_sum(x, V::splat(0.0))
}

/// exp(x) - 1 for 0 <= x < 700.
#[inline(always)]
fn exp_m1_positive<V: Real>(x: V) -> V {
    let (n, p) = exp_reduced(x, V::splat(0.0));
    let scale = V::exp2_integer(n);
    scale.fma(p, scale - V::splat(1.0))
}

#[inline(always)]
pub(crate) fn tanh<V: Real>(x: V) -> V {
    let a = x.abs();
    let e = exp_m1_positive(V::splat(44.0).lesser(a + a));
    (e / (e + V::splat(2.0))).xor_sign(x)
}

/// exp(a)/4 - `less` for a >= 0 up to overflow; `less` is 1/4 or 0.
#[inline(always)]
fn quarter_exp<V: Real>(a: V, less: f64) -> V {
    let (n, p) = exp_reduced(V::splat(710.7).lesser(a), V::splat(0.0));
    let scale = V::exp2_integer(n - V::splat(2.0));
    scale.fma(p, scale - V::splat(less))
}

#[inline(always)]
pub(crate) fn sinh<V: Real>(x: V) -> V {
    let a = x.abs();
    let quarter = quarter_exp(a, 0.25);
    let e = V::splat(1e300).lesser(quarter * V::splat(4.0));
    let half = V::splat(0.5);
    let sum = (e / (e + V::splat(1.0))).fma(half, quarter + quarter);
    V::pick(a.lt(V::splat(1e-8)), a, sum).xor_sign(x)
}

#[inline(always)]
pub(crate) fn cosh<V: Real>(x: V) -> V {
    let quarter = quarter_exp(x.abs(), 0.0);
    quarter + quarter + V::splat(0.125) / quarter
}

/// x = 2^k m with m in [sqrt(1/2), sqrt(2)), for positive finite x.
#[inline(always)]
fn split<V: Real>(x: V) -> (V, V) {
    let tiny = x.lt(V::splat(f64::MIN_POSITIVE));
    let x = V::pick(tiny, x * V::splat(18_014_398_509_481_984.0), x);
    let bits = x.bits_add(ONE_BITS - SQRT_HALF_BITS);
    let bias = V::pick(
        tiny,
        V::splat(4_503_599_627_370_496.0 + 1023.0 + 54.0),
        V::splat(4_503_599_627_370_496.0 + 1023.0),
    );
    let k = bits.bits_shr52().bits_or(4_503_599_627_370_496.0_f64.to_bits()) - bias;
    (k, bits.bits_and(MANTISSA).bits_add(SQRT_HALF_BITS))
}

/// k ln 2 + ln(1 + f).
#[inline(always)]
fn ln_reduced<V: Real>(k: V, f: V) -> V {
    let half_square = f * f * V::splat(0.5);
    let s = f / (f + V::splat(2.0));
    let z = s * s;
    let r = z * horner(z, &LN);
    let inner = k.fma(V::splat(LN2_LO), s * (half_square + r));
    k.fma(V::splat(LN2_HI), f - (half_square - inner))
}

#[inline(always)]
pub(crate) fn ln<V: Real>(x: V) -> V {
    let (k, m) = split(x);
    let y = ln_reduced(k, m - V::splat(1.0));
    let zero = V::splat(0.0);
    // Order: positive finite, infinity and NaN as they are, zero, negative.
    let y = V::pick(x.lt(V::splat(f64::INFINITY)), y, x);
    let y = V::pick(x.eq(zero), V::splat(f64::NEG_INFINITY), y);
    V::pick(x.lt(zero), V::splat(f64::NAN), y)
}

#[inline(always)]
pub(crate) fn asinh<V: Real>(x: V) -> V {
    let one = V::splat(1.0);
    let a = x.abs();
    let square = a * a;
    // u = a + sqrt(1 + a^2) - 1 without cancellation
    let u = a + square / (one + (square + one).sqrt());
    let large = V::splat(268_435_456.0).lt(a);
    let (k, m) = split(V::pick(large, a, one + u));
    let f = V::pick(k.eq(V::splat(0.0)), u, m - one);
    let f = V::pick(large, m - one, f);
    let k = V::pick(large, k + one, k);
    let y = V::pick(a.lt(V::splat(f64::INFINITY)), ln_reduced(k, f), a);
    y.xor_sign(x)
}

/// sin and cos for |x| < `TRIG_LIMIT`.
#[inline(always)]
fn sin_cos_reduced<V: Real>(x: V) -> (V, V) {
    let n = (x * V::splat(std::f64::consts::FRAC_2_PI)).round();
    let mut r = x;
    for part in HALF_PI {
        r = n.fma(V::splat(-part), r);
    }
    let z = r * r;
    let sin = (z * r).fma(horner(z, &SIN), r);
    let half = z * V::splat(0.5);
    let w = V::splat(1.0) - half;
    let cos = w + (z * z).fma(horner(z, &COS), (V::splat(1.0) - w) - half);
    // Quadrant n mod 4 in 0..4, exactly.
    let q = n - (n * V::splat(0.25)).floor() * V::splat(4.0);
    let odd = (q - V::splat(2.0)).abs().eq(V::splat(1.0));
    let (one, minus) = (V::splat(1.0), V::splat(-1.0));
    let sin_sign = V::pick(q.lt(V::splat(2.0)), one, minus);
    let cos_sign = V::pick((q - V::splat(1.5)).abs().lt(one), minus, one);
    let sine = V::pick(odd, cos, sin).xor_sign(sin_sign);
    let cosine = V::pick(odd, sin, cos).xor_sign(cos_sign);
    (sine, cosine)
}

/// `y`, except that lanes with |x| beyond the limit of the reduction get `f(x)`.
#[inline(always)]
fn mend<V: Real>(x: V, y: V, f: &dyn Fn(f64) -> f64) -> V {
    let moderate = x.abs().lt(V::splat(TRIG_LIMIT));
    if V::all(moderate) { y } else { V::pick(moderate, y, by_lane(x, f)) }
}

#[inline(always)]
pub(crate) fn sin<V: Real>(x: V) -> V {
    // The quadrant arithmetic loses the sign of zero.
    let y = V::pick(x.eq(V::splat(0.0)), x, sin_cos_reduced(x).0);
    mend(x, y, &f64::sin)
}

#[inline(always)]
pub(crate) fn cos<V: Real>(x: V) -> V {
    mend(x, sin_cos_reduced(x).1, &f64::cos)
}

#[inline(always)]
pub(crate) fn tan<V: Real>(x: V) -> V {
    let (sin, cos) = sin_cos_reduced(x);
    let y = V::pick(x.eq(V::splat(0.0)), x, sin / cos);
    mend(x, y, &f64::tan)
}

#[inline(always)]
pub(crate) fn atan<V: Real>(x: V) -> V {
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let a = x.abs();
    let large = V::splat(2.414_213_562_373_095).lt(a);
    let middle = V::splat(0.66).lt(a);
    let numerator = V::pick(large, -one, V::pick(middle, a - one, a));
    let denominator = V::pick(large, a, V::pick(middle, a + one, one));
    let angle = V::pick(
        large,
        V::splat(std::f64::consts::FRAC_PI_2),
        V::pick(middle, V::splat(std::f64::consts::FRAC_PI_4), zero),
    );
    let low = 6.123_233_995_736_766e-17; // pi/2 minus its rounded value
    let low = V::pick(large, V::splat(low), V::pick(middle, V::splat(0.5 * low), zero));
    let t = numerator / denominator;
    let z = t * t;
    let tail = z * horner(z, &ATAN_P) / horner(z, &ATAN_Q);
    (angle + (t.fma(tail, t) + low)).xor_sign(x)
}

#[inline(always)]
pub(crate) fn erf<V: Real>(x: V) -> V {
    let a = x.abs();
    let inner = a * horner(a * a, &ERF);
    let b = V::splat(6.0).lesser(a); // NaN passes
    let g = horner(V::splat(1.0) / (b + V::splat(3.0)), &ERFCX);
    let outer = exp(-(b * b)).fma(-g, V::splat(1.0));
    V::pick(a.lt(V::splat(1.0)), inner, outer).xor_sign(x)
}

#[inline(always)]
pub(crate) fn abs<V: Real>(x: V) -> V {
    x.abs()
}

/// 1 and -1 for positive and negative x; zeros and NaN as they are.
#[inline(always)]
pub(crate) fn sign<V: Real>(x: V) -> V {
    let zero = V::splat(0.0);
    let negative = V::pick(x.lt(zero), V::splat(-1.0), x);
    V::pick(zero.lt(x), V::splat(1.0), negative)
}

/// 1 for x > 0, otherwise 0, also for NaN.
#[inline(always)]
pub(crate) fn step<V: Real>(x: V) -> V {
    let zero = V::splat(0.0);
    V::pick(zero.lt(x), V::splat(1.0), zero)
}

/// x^n by repeated squaring; for n < 0 the reciprocal of x^-n.
#[inline(always)]
pub(crate) fn powi<V: Real>(x: V, n: i32) -> V {
    let mut rest = n.unsigned_abs();
    let mut square = x;
    let mut product = if rest & 1 == 1 { x } else { V::splat(1.0) };
    rest >>= 1;
    while rest != 0 {
        square = square * square;
        if rest & 1 == 1 {
            product = product * square;
        }
        rest >>= 1;
    }
    if n < 0 { V::splat(1.0) / product } else { product }
}

/// x^c for a fixed c which is not an integer; NaN for x < 0.
///
/// The logarithm is carried in two doubles: an error e of c ln(x) is a relative error e of x^c.
#[inline(always)]
pub(crate) fn powf<V: Real>(x: V, c: f64) -> V {
    if !V::FUSED {
        return by_lane(x, &|x| if x < 0.0 { f64::NAN } else { x.powf(c) });
    }
    let (zero, one) = (V::splat(0.0), V::splat(1.0));
    let (k, m) = split(x);
    let f = m - one;
    let d = m + one;
    let d_low = m - (d - one);
    let inverse = one / d;
    let s = f * inverse;
    let s_low = ((-s).fma(d, f) - s * d_low) * inverse;
    let z = s * s;
    let tail = (s * z).fma(horner(z, &LN), s_low + s_low);
    let high_part = k * V::splat(LN2_HI);
    let double = s + s;
    let sum = high_part + double;
    let low = (double - (sum - high_part)) + k.fma(V::splat(LN2_LO), tail);
    let ln_high = sum + low;
    let ln_low = low - (ln_high - sum);
    let exponent = V::splat(c);
    let p = exponent * ln_high;
    let p_low = exponent.fma(ln_low, exponent.fma(ln_high, -p));
    let p_low = V::pick(p.abs().lt(V::splat(800.0)), p_low, zero);
    let y = exp_sum(p, p_low);
    let (at_zero, at_infinity) = if c > 0.0 { (0.0, f64::INFINITY) } else { (f64::INFINITY, 0.0) };
    let y = V::pick(x.lt(V::splat(f64::INFINITY)), y, V::splat(at_infinity));
    let y = V::pick(x.eq(zero), V::splat(at_zero), y);
    // Only NaN and negative numbers fail this comparison.
    V::pick(zero.le(x), y, V::splat(f64::NAN))
}
