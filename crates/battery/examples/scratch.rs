use surrogate_battery::cell::sets;
use surrogate_battery::solve::*;
fn main() {
    let cell = sets::named("Chen2020").unwrap();
    for (c, m) in [(2.0, 1.0), (2.0, 0.5), (2.0, 0.3), (2.0, 0.2), (1.0, 0.2)] {
        let p = [ProtocolStep::discharge(&cell, c)];
        for (e, n, s) in [
            (1, 8, 3),
            (3, 4, 3),
            (4, 4, 3),
            (6, 3, 3),
            (10, 3, 3),
            (20, 2, 3),
            (40, 2, 3),
            (80, 2, 3),
        ] {
            let o = Options {
                electrode_elements: e,
                electrode_nodes: n,
                separator_nodes: s,
                multipliers: Multipliers::default().with(Parameter::ElectrolyteDiffusivity, m),
                ..Options::default()
            };
            let t = std::time::Instant::now();
            match simulate(&cell, Model::P2d, &p, &o) {
                Ok(a) => println!(
                    "{c}C De*{m} {e}x{n}/{s}: {:.2} s {:?} {:?} {:.1} ms",
                    a.end_time_s(),
                    a.ended,
                    a.work,
                    t.elapsed().as_secs_f64() * 1e3
                ),
                Err(e) => println!("{c}C De*{m} {n}/{s}: {}", &e.to_string()[..80]),
            }
        }
    }
}
