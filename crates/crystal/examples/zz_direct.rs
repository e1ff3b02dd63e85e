use rand::SeedableRng;
use surrogate_crystal::{direct, matching::*, pattern::PeakFinder, retrieve::*, score::Case, table::read_structures};
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let library = read_library(&std::fs::read_to_string(&a[1]).unwrap()).unwrap().0;
    let ids = std::fs::read_to_string(&a[2]).unwrap();
    let mut ids: Vec<&str> = ids.split_whitespace().collect();
    let table = if ids.is_empty() { "val" } else { "test" };
    let all = read_structures(std::fs::File::open(format!("/work/shared/data/crystals/mp20_biternary_{table}.csv.zst")).unwrap()).unwrap();
    let mut rare = Vec::new();
    if ids.is_empty() {
        let mut kinds: std::collections::HashMap<Kind, usize> = Default::default();
        for p in library.prototypes() { *kinds.entry(p.kind()).or_default() += p.members; }
        for e in all.iter().step_by(5) {
            let Ok(s) = surrogate_crystal::symmetry::analyse(&e.structure, 0.01) else { continue };
            let Some(k) = Kind::of(&s.canonical()) else { continue };
            if kinds.get(&k) == Some(&1) && s.group.number > 15 { rare.push(e.id.clone()); }
            if rare.len() == 60 { break; }
        }
        ids.extend(rare.iter().map(String::as_str));
    }
    let indexing = a.len() > 3 && a[3] == "index";
    let choices: usize = a.get(4).map_or(1500, |s| s.parse().unwrap());
    let (mut good, mut n) = (0, 0);
    for id in ids {
        let Some(e) = all.iter().find(|e| e.id == id) else { continue };
        let case = Case::new(id.into(), &e.structure, 1.5406).unwrap();
        let elements: Vec<_> = case.query.composition.keys().copied().collect();
        let counts: Vec<_> = case.query.composition.values().copied().collect();
        let v = library.volume(&elements, &counts);
        let t = std::time::Instant::now();
        let sym = surrogate_crystal::symmetry::analyse(&e.structure, 0.01).unwrap();
        let vt = sym.primitive_lattice().unwrap().volume();
        if indexing {
            let peaks = PeakFinder::new(0.05).unwrap().peaks(&case.query.peaks, case.query.q_range, 2e-3, 40);
            let cells = direct::index(&peaks, [0.75 * v, 1.4 * v]);
            let right = cells.iter().position(|c| {
                let pts = c.lattice.centring.points() as f64;
                let vol = std::f64::consts::TAU.powi(3) / c.reciprocal.determinant().sqrt() / pts;
                c.lattice.system == sym.group.system() && (vol / vt - 1.0).abs() < 0.02
            });
            println!("{id} {} sg {} {:?} V {:.3} cells {} right {:?} score {:?} best {:?} {:?} {:.2}s", case.atoms, sym.group.number, sym.group.system(), vt / v, cells.len(), right, right.map(|k| cells[k].score), cells.first().map(|c| c.score), cells.first().map(|c| c.lattice), t.elapsed().as_secs_f64());
            n += 1; good += usize::from(right.is_some());
            continue;
        }
        let mut rng = rand_chacha::ChaCha8Rng::seed_from_u64(1);
        let options = SearchOptions { coarse: 0, attempts: 0, direct: Some(direct::DirectOptions { choices, ..Default::default() }), ..Default::default() };
        let found = search(&[&library], &case.query, options, &mut rng).unwrap();
        let truth = Reduced::primitive(&e.structure).unwrap();
        let m = found.iter().position(|s| s.structure.primitive().ok().and_then(|p| Reduced::primitive(&p).ok()).is_some_and(|r| StructureMatcher::STRICT.fits(&truth, &r)));
        println!("{id} {} sg {} dof {} found {} misfit {:.4} rwp {:.4} group {:?} match {:?} {:.2}s", case.atoms, sym.group.number, sym.degrees_of_freedom(), found.len(), found.first().map_or(9.0, |f| f.misfit), found.first().and_then(|f| f.r_wp).unwrap_or(9.0), found.first().map(|f| f.structure.group.number), m, t.elapsed().as_secs_f64());
        n += 1; good += usize::from(m.is_some());
    }
    println!("{good} of {n}");
}
