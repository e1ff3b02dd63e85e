use surrogate_battery::cell::sets;
use surrogate_battery::solve::*;
fn main() {
    let fine = Options {
        voltage_tolerance_v: 1e-5,
        reaction_tolerance: 2e-3,
        electrode_nodes: 14,
        separator_nodes: 6,
        modes: 24,
        ..Options::fine()
    };
    for name in ["Chen2020", "Marquis2019"] {
        let cell = sets::named(name).unwrap();
        for c in [0.5, 1.0, 2.0] {
            let p = [ProtocolStep::discharge(&cell, c)];
            let f = simulate(&cell, Model::P2d, &p, &fine).unwrap();
            for (n, s, m, tv, tj) in [
                (6, 3, 12, 1e-3, 5e-2),
                (7, 3, 12, 1e-3, 5e-2),
                (8, 3, 12, 1e-3, 5e-2),
                (8, 4, 12, 1e-3, 5e-2),
                (8, 4, 16, 1e-3, 5e-2),
                (8, 3, 12, 3e-4, 3e-2),
                (10, 5, 20, 3e-5, 5e-3),
            ] {
                let o = Options {
                    electrode_nodes: n,
                    separator_nodes: s,
                    modes: m,
                    voltage_tolerance_v: tv,
                    reaction_tolerance: tj,
                    ..Options::default()
                };
                let a = simulate(&cell, Model::P2d, &p, &o).unwrap();
                let mut least = f64::INFINITY;
                for _ in 0..10 {
                    let t = std::time::Instant::now();
                    simulate(&cell, Model::P2d, &p, &o).unwrap();
                    least = least.min(t.elapsed().as_secs_f64());
                }
                let end = f.end_time_s();
                let e = |part: f64| {
                    let k = 1000;
                    let s: f64 = (0..=k)
                        .map(|i| {
                            let t = part * end * i as f64 / k as f64;
                            (a.voltage_at(t) - f.voltage_at(t)).powi(2)
                        })
                        .sum();
                    1e3 * (s / k as f64).sqrt()
                };
                println!(
                    "{name} {c}C {n}/{s} {m} {tv}: {:.3} {:.3} mV {:.1e}  {:.2} ms {:?}",
                    e(0.95),
                    e(1.0),
                    a.end_time_s() / end - 1.0,
                    least * 1e3,
                    a.work
                );
            }
        }
    }
}
