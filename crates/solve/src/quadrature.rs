//! Gauss-Legendre rules on [0, 1]: Abramowitz & Stegun, table 25.4.

/// Two points, exact to degree 3: place and weight.
pub(crate) const GAUSS_2: [(f64, f64); 2] =
    [(0.211_324_865_405_187_1, 0.5), (0.788_675_134_594_812_9, 0.5)];

/// Four points, exact to degree 7: place and weight.
pub(crate) const GAUSS_4: [(f64, f64); 4] = [
    (0.069_431_844_202_973_71, 0.173_927_422_568_726_93),
    (0.330_009_478_207_571_87, 0.326_072_577_431_273_07),
    (0.669_990_521_792_428_1, 0.326_072_577_431_273_07),
    (0.930_568_155_797_026_3, 0.173_927_422_568_726_93),
];
