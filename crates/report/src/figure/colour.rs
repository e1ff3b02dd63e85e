//! Colours that colour-blind readers can tell apart.

/// Blue of Okabe and Ito.
pub(crate) const BLUE: &str = "#0072b2";
/// Vermilion of Okabe and Ito.
pub(crate) const VERMILION: &str = "#d55e00";
/// Bluish green of Okabe and Ito.
pub(crate) const GREEN: &str = "#009e73";
/// Orange of Okabe and Ito.
pub(crate) const ORANGE: &str = "#e69f00";
/// Reddish purple of Okabe and Ito.
pub(crate) const PURPLE: &str = "#cc79a7";
/// Sky blue of Okabe and Ito.
pub(crate) const SKY: &str = "#56b4e9";
/// Text and axes.
pub(crate) const INK: &str = "#1a1a1a";
/// Second text.
pub(crate) const GREY: &str = "#6b6b6b";
/// Things without a stage or a group.
pub(crate) const LIGHT_GREY: &str = "#b8b8b8";

/// Colours of series, in the order of use.
pub(crate) const SERIES: [&str; 6] = [BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY];

/// The colour of series `index`; they repeat after six.
pub(crate) fn series(index: usize) -> &'static str {
    SERIES[index % SERIES.len()]
}

/// Viridis (van der Walt and Smith) at nine places from 0 to 1.
const VIRIDIS: [[f64; 3]; 9] = [
    [68.0, 1.0, 84.0],
    [71.0, 44.0, 122.0],
    [59.0, 81.0, 139.0],
    [44.0, 113.0, 142.0],
    [33.0, 144.0, 141.0],
    [39.0, 173.0, 129.0],
    [92.0, 200.0, 99.0],
    [170.0, 220.0, 50.0],
    [253.0, 231.0, 37.0],
];

/// A colour of the sequential map, from dark at 0 to light at 1.
pub(crate) fn sequential(fraction: f64) -> String {
    let last = VIRIDIS.len() - 1;
    let place = fraction.clamp(0.0, 1.0) * last as f64;
    let below = (place as usize).min(last - 1);
    let part = place - below as f64;
    let mix = |k: usize| VIRIDIS[below][k] * (1.0 - part) + VIRIDIS[below + 1][k] * part;
    format!("#{:02x}{:02x}{:02x}", mix(0) as u8, mix(1) as u8, mix(2) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_has_its_ends() {
        assert_eq!(sequential(0.0), "#440154");
        assert_eq!(sequential(1.0), "#fde725");
        assert_eq!(sequential(f64::NAN).len(), 7);
    }
}
