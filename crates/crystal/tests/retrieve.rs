//! Retrieval finds crystals whose prototype the library has with other elements.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use surrogate_crystal::diffraction::reflections;
use surrogate_crystal::matching::{Reduced, StructureMatcher};
use surrogate_crystal::retrieve::{
    Library, LibraryError, Query, SearchOptions, Source, compressed, open_library, read_library,
    search, write_library,
};
use surrogate_crystal::symmetry::analyse;
use surrogate_crystal::{Element, Structure, cif};

const CU: f64 = 1.54184;

fn minerals() -> Vec<(String, Structure)> {
    let all = cif::read(include_str!("data/minerals.cif")).unwrap();
    all.into_iter().filter(|s| s.structure.is_ordered()).map(|s| (s.name, s.structure)).collect()
}

fn library(minerals: &[(String, Structure)]) -> Library {
    Library::distil(
        minerals.iter().map(|(name, s)| (name.clone(), analyse(s, 0.01).unwrap().canonical())),
    )
}

/// A mineral with other elements and size, moved a little by its own symmetry.
fn relative(structure: &Structure, elements: &[(&str, &str)], factor: f64) -> Structure {
    let mut other = structure.scaled(factor);
    for site in &mut other.sites {
        let pair = elements.iter().find(|(old, _)| *old == site.element.symbol()).unwrap();
        site.element = Element::from_symbol(pair.1).unwrap();
    }
    other
}

#[test]
fn a_relative_of_a_known_mineral_is_found_and_refined() {
    let minerals = minerals();
    let library = library(&minerals);
    let cases = [
        ("halite", [("Na", "K"), ("Cl", "Br")], 0.97),
        ("rutile", [("Ti", "Sn"), ("O", "O")], 1.03),
        ("wurtzite", [("Zn", "Cd"), ("S", "Se")], 0.97),
        ("baddeleyite", [("Zr", "Hf"), ("O", "O")], 0.99),
    ];
    for (name, elements, factor) in cases {
        let known = &minerals.iter().find(|(n, _)| n == name).unwrap().1;
        let truth = relative(known, &elements, factor);
        let primitive = analyse(&truth, 0.01).unwrap().primitive().unwrap();
        let mut composition = BTreeMap::new();
        for site in &primitive.sites {
            *composition.entry(site.element).or_insert(0) += 1;
        }
        let peaks = reflections(&truth, CU, [0.0, 8.1]).unwrap();
        let peaks = peaks.iter().map(|r| (r.q, r.intensity)).collect();
        let query =
            Query { peaks, q_range: [0.5, 8.1], wavelength: CU, composition, symmetry: None };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        // seven minerals know little of volumes: sizes are far off, so that the search must work
        let options = SearchOptions { attempts: 300, ..SearchOptions::default() };
        let found = search(&[&library], &query, options, &mut rng).unwrap();
        assert!(!found.is_empty(), "{name}");
        let first = Reduced::primitive(&found[0].structure.primitive().unwrap()).unwrap();
        let truth = Reduced::primitive(&truth).unwrap();
        let distance = StructureMatcher::STRICT.distance(&first, &truth);
        assert!(distance.is_some_and(|d| d.rms < 1e-3), "{name} {distance:?} {:?}", found[0].r_wp);
        assert!(found[0].r_wp.unwrap() < 0.02, "{name}");
    }
}

#[test]
fn crystals_that_differ_by_elements_and_size_are_one_prototype() {
    let mut all = minerals();
    let halite = all.iter().find(|(n, _)| n == "halite").unwrap().1.clone();
    let count = library(&all).prototypes().len();
    assert_eq!(count, all.len());
    all.push(("MgO".to_string(), relative(&halite, &[("Na", "O"), ("Cl", "Mg")], 0.75)));
    let library = library(&all);
    assert_eq!(library.prototypes().len(), count);
    assert!(library.prototypes().iter().any(|p| p.id == "halite" && p.members == 2));
}

#[test]
fn a_composition_that_nothing_fits_has_no_candidates() {
    let library = library(&minerals());
    let seven = BTreeMap::from([(Element::from_symbol("Fe").unwrap(), 7)]);
    let many = (20..30).map(|z| (Element::from_atomic_number(z).unwrap(), 1)).collect();
    for composition in [seven, many] {
        let query = Query {
            peaks: vec![(2.0, 1.0)],
            q_range: [0.5, 8.1],
            wavelength: CU,
            composition,
            symmetry: None,
        };
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        assert!(
            search(&[&library], &query, SearchOptions::default(), &mut rng).unwrap().is_empty()
        );
    }
}

#[test]
fn a_library_is_written_whole_and_read_back_to_the_same_bits() {
    let source = Source { origin: "minerals\nby hand".into(), licence: "CC0".into(), crystals: 9 };
    let known = library(&minerals());
    let text = write_library(&known, &source);
    let (read, from) = read_library(&text).unwrap();
    assert_eq!(from, Source { origin: "minerals by hand".into(), ..source });
    assert_eq!(write_library(&read, &from), text);
    let composition =
        BTreeMap::from([("K", 1), ("Br", 1)].map(|(e, n)| (Element::from_symbol(e).unwrap(), n)));
    let peaks = vec![(2.0, 1.0), (3.1, 0.4)];
    let query = Query { peaks, q_range: [0.5, 8.1], wavelength: CU, composition, symmetry: None };
    assert_eq!(read.scan(&query).unwrap(), known.scan(&query).unwrap());
    assert!(!read.scan(&query).unwrap().is_empty());
}

#[test]
fn what_is_no_library_is_refused_with_its_line() {
    let source = Source { origin: "o".into(), licence: "l".into(), crystals: 9 };
    let text = write_library(&library(&minerals()), &source);
    let wrong = |text: &str| read_library(text).unwrap_err();
    assert_eq!(wrong("id,a,b,c\n"), LibraryError::Format);
    let lines: Vec<&str> = text.lines().collect();
    let short = lines[..lines.len() - 1].join("\n");
    assert!(matches!(wrong(&short), LibraryError::CutShort { found: 9 | 8 }));
    assert!(matches!(wrong(&lines[..2].join("\n")), LibraryError::Header { line: 3, .. }));
    let halite = lines.iter().position(|l| l.starts_with("halite,225,")).unwrap();
    for other in ["halite,231,1,Na Cl,5.6,0 a,1 b", "halite,225,1,Na Cl,5.6,0 a 0.1,1 b", "x"] {
        let mut changed = lines.clone();
        changed[halite] = other;
        let found = wrong(&changed.join("\n"));
        assert!(
            matches!(found, LibraryError::Prototype { line, .. } if line == halite + 1),
            "{found}"
        );
    }
}

#[test]
fn an_anonymous_library_keeps_no_elements_and_finds_the_same() {
    let source = Source { origin: "o".into(), licence: "l".into(), crystals: 9 };
    let known = library(&minerals());
    let bytes = compressed(&write_library(&known.clone().anonymous(), &source));
    let (anonymous, _) = open_library(&bytes).unwrap();
    assert!(anonymous.prototypes().iter().all(|p| p.elements.is_empty() && p.known.is_empty()));
    let composition =
        BTreeMap::from([("K", 1), ("Br", 1)].map(|(e, n)| (Element::from_symbol(e).unwrap(), n)));
    let peaks = vec![(2.0, 1.0), (3.1, 0.4)];
    let query = Query { peaks, q_range: [0.5, 8.1], wavelength: CU, composition, symmetry: None };
    let (with, without) = (known.scan(&query).unwrap(), anonymous.scan(&query).unwrap());
    assert_eq!(with.len(), without.len());
    for (a, b) in with.iter().zip(&without) {
        // rock salt is the same with both elements exchanged
        assert_eq!(a.prototype, b.prototype);
        assert!((a.cosine - b.cosine).abs() < 1e-4, "{} {}", a.cosine, b.cosine);
        let crystal = |l: &Library, p: &surrogate_crystal::retrieve::Proposal| {
            l.prototypes()[p.prototype].crystal(&p.elements, p.scale).cell
        };
        let (x, y) = (crystal(&known, a), crystal(&anonymous, b));
        let off = x.iter().zip(&y).map(|(x, y)| (x / y - 1.0).abs()).fold(0.0, f64::max);
        assert!(off < 1e-9, "{x:?} {y:?}");
    }
    assert!(matches!(open_library(&bytes[..40]), Err(LibraryError::Bytes)));
    assert!(matches!(open_library(&[0xff, 0xfe, 0]), Err(LibraryError::Bytes)));
}
