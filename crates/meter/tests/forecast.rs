//! The 80 % interval of a forecast covers 70 to 90 % of runs: recorded ones and invented ones.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use surrogate_meter::{Progress, forecast};

/// Recorded stages: name and moments, the last of which is the end.
fn recorded() -> Vec<(String, Vec<Progress>)> {
    let mut stages: Vec<(String, Vec<Progress>)> = Vec::new();
    for line in include_str!("recorded/training.csv").lines().skip(1) {
        let fields: Vec<&str> = line.split(',').collect();
        let moment =
            Progress { steps: fields[1].parse().unwrap(), used: fields[2].parse().unwrap() };
        match stages.last_mut() {
            Some((name, moments)) if name == fields[0] => moments.push(moment),
            _ => {
                let start = Progress { steps: 0.0, used: 0.0 };
                stages.push((fields[0].to_owned(), vec![start, moment]));
            }
        }
    }
    stages
}

/// Forecasts from all moments but the last, and looks where the last one lies.
fn covered(moments: &[Progress]) -> bool {
    let (end, seen) = moments.split_last().unwrap();
    let found = forecast(seen, end.steps).unwrap();
    (found.low..=found.high).contains(&end.used)
}

#[test]
fn the_interval_covers_recorded_runs() {
    let stages = recorded();
    assert!(stages.len() >= 40);
    let odd = |name: &str| {
        let seed = name.split('/').next().unwrap().rsplit('-').next().unwrap();
        seed.parse::<u32>().unwrap() % 2 == 1
    };
    // the whole and both halves of the seeds, so that no half carries the other
    for (what, halves) in [("all", [true, true]), ("even", [true, false]), ("odd", [false, true])] {
        let of_half = stages.iter().filter(|(name, _)| halves[usize::from(odd(name))]);
        let outcomes: Vec<bool> = of_half.map(|(_, moments)| covered(moments)).collect();
        let hits = outcomes.iter().filter(|&&hit| hit).count();
        eprintln!("recorded stages, {what} seeds: {hits} of {} covered", outcomes.len());
        let coverage = hits as f64 / outcomes.len() as f64;
        assert!((0.70..=0.90).contains(&coverage), "{what}: {coverage}");
    }
}

/// A small generator of equally distributed numbers in 0..1 (a linear congruence of 64 bits).
struct Random(u64);

impl Random {
    fn uniform(&mut self) -> f64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Normal by the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }
}

#[test]
fn the_interval_covers_invented_runs_whose_pace_changes() {
    // neighbours resemble each other (0.5), a slow start, hiccups, and a pace that changes by
    // 30 % (one sigma) between the part seen and the rest
    let mut random = Random(7);
    let runs = 1_000;
    let hits = (0..runs)
        .filter(|_| {
            let pace = (1.0 + 0.3 * random.normal()).max(0.1);
            let (mut noise, mut used) = (0.0, 0.0);
            let mut moments = vec![Progress { steps: 0.0, used }];
            for step in 1..=800 {
                noise = 0.5 * noise + 0.1 * random.normal();
                let hiccup = if random.uniform() < 0.01 { 2.0 } else { 0.0 };
                let start = if step == 1 { 5.0 } else { 0.0 };
                let level = if step > 40 { pace } else { 1.0 };
                used += (level * (1.0 + noise)).max(0.0) + hiccup + start;
                if step <= 40 || step == 800 {
                    moments.push(Progress { steps: f64::from(step), used });
                }
            }
            covered(&moments)
        })
        .count();
    let coverage = hits as f64 / f64::from(runs);
    eprintln!("invented runs: {:.1} % covered", 100.0 * coverage);
    assert!((0.70..=0.90).contains(&coverage), "{coverage}");
}
