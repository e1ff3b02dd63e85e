#![allow(clippy::unwrap_used)] // a failing unwrap fails the test

use super::*;

fn points(pairs: &[(f64, f64)]) -> Calibration {
    let mut calibration = Calibration { channels: vec!["cpu".to_owned()], points: Vec::new() };
    for &(meter_w, wall_w) in pairs {
        calibration.add(CalibrationPoint { meter_w, wall_w }).unwrap();
    }
    calibration
}

#[test]
fn the_line_behind_exact_readings_is_found() {
    let line = points(&[(20.0, 65.0), (40.0, 90.0), (100.0, 165.0)]).line().unwrap();
    assert!((line.offset_w - 40.0).abs() < 1e-9 && (line.slope - 1.25).abs() < 1e-9);
    assert!(line.relative_sigma < 1e-9);
}

#[test]
fn scattered_readings_give_their_residual() {
    let line = points(&[(20.0, 66.0), (40.0, 88.0), (60.0, 116.0), (80.0, 138.0)]).line().unwrap();
    // residuals of ±1 and ±1 W at a mean of 102 W, two of them free
    assert!(line.relative_sigma > 0.005 && line.relative_sigma < 0.03, "{line:?}");
}

#[test]
fn two_readings_take_the_published_residual() {
    let line = points(&[(20.0, 60.0), (90.0, 150.0)]).line().unwrap();
    assert!((line.relative_sigma - UNKNOWN_RESIDUAL).abs() < 1e-12);
}

#[test]
fn a_meter_that_sees_more_than_the_plug_gets_no_negative_rest() {
    let line = points(&[(50.0, 40.0), (100.0, 90.0)]).line().unwrap();
    assert_eq!(line.offset_w, 0.0);
    assert!(line.slope > 0.8 && line.slope < 0.9);
}

#[test]
fn what_gives_no_line_is_said() {
    let same = points(&[(50.0, 80.0), (51.0, 81.0)]).line().unwrap_err();
    assert!(matches!(same, CalibrationError::OneLoad { points: 2, loads: 1 }), "{same}");
    let falling = points(&[(20.0, 150.0), (90.0, 60.0)]).line().unwrap_err();
    assert!(matches!(falling, CalibrationError::Falling { .. }), "{falling}");
    let mut none = Calibration::default();
    let zero = CalibrationPoint { meter_w: 5.0, wall_w: 0.0 };
    assert!(matches!(none.add(zero), Err(CalibrationError::Power { .. })));
}

#[test]
fn a_file_comes_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = Calibration::path(&folder.path().join("new"), "my host/1");
    assert!(path.ends_with("my_host_1.calibration"));
    assert_eq!(Calibration::read(&path).unwrap(), None);
    let written = points(&[(20.125, 60.0), (90.0, 150.75)]);
    written.write(&path).unwrap();
    assert_eq!(Calibration::read(&path).unwrap(), Some(written));
    fs::write(&path, "surrogate-meter calibration 1\nwatts ten 3\n").unwrap();
    let error = Calibration::read(&path).unwrap_err();
    assert!(matches!(error, CalibrationError::Format { line: 2, .. }), "{error}");
}

/// 10 W, for ever.
struct TenWatts(Channel);

impl Source for TenWatts {
    fn channel(&self) -> &Channel {
        &self.0
    }

    fn read(&mut self, now: Moment) -> u64 {
        now.wall_ns / 100
    }

    fn uncertainty(&self) -> Uncertainty {
        Uncertainty::default()
    }

    fn trouble(&self) -> Option<String> {
        None
    }
}

#[test]
fn corrected_channels_and_the_rest_add_up_to_the_plug() {
    let channel = Channel {
        name: "cpu".to_owned(),
        provenance: Provenance::Measured,
        how: "ten watts".to_owned(),
        family: "a".to_owned(),
    };
    let line = WallLine { offset_w: 30.0, slope: 1.2, relative_sigma: 0.05 };
    let mut sources = calibrated(vec![Box::new(TenWatts(channel))], line);
    let at = |s: u64| Moment { wall_ns: s * 1_000_000_000, cpu_ns: 0 };
    let mut sum = |s: u64| sources.iter_mut().map(|source| source.read(at(s))).sum::<u64>();
    assert_eq!(sum(0), 0);
    assert_eq!(sum(5), 5 * 42_000_000, "30 W and 1.2 times 10 W for 5 s");
    assert!(sources.iter().all(|s| s.channel().provenance == Provenance::Calibrated));
    let sigma: u64 = sources.iter().map(|s| s.uncertainty().sigma_uj).sum();
    assert_eq!(sigma, 10_500_000, "5 % of 210 J");
}
