//! Commands of crystals: patterns, libraries, structures from patterns.
#![allow(clippy::unwrap_used)]

#[path = "support/crystals.rs"]
mod crystals;
mod support;

use std::fs;
use std::io::Write;
use std::path::Path;

use crystals::{generate, minerals, prepared, rock_salt};
use hdf5_pure::FileBuilder;
use support::{json_file, surrogate};
use surrogate_crystal::retrieve::compressed;
use tempfile::tempdir;

#[test]
fn peaks_of_rock_salt_stand_where_bragg_puts_them() {
    let folder = tempdir().unwrap();
    let arguments =
        ["diffract", &minerals(), "--block", "halite", "--two-theta", "20:60", "--json"];
    let said = surrogate(folder.path(), &arguments);
    let said = said.expect(0, &["225", "1.54184"]).json();
    let peaks = said["peaks"].as_array().unwrap();
    let strongest = peaks.iter().max_by(|a, b| {
        a["intensity"].as_f64().unwrap().total_cmp(&b["intensity"].as_f64().unwrap())
    });
    let strongest = strongest.unwrap();
    assert_eq!(strongest["hkl"], serde_json::json!([2, 0, 0]));
    assert_eq!(strongest["multiplicity"], 6);
    let d = strongest["d_angstrom"].as_f64().unwrap();
    assert!((d - 2.82).abs() < 1e-9, "{d}");
    let bragg = 2.0 * (1.54184_f64 / (2.0 * 2.82)).asin().to_degrees();
    assert!((strongest["two_theta_deg"].as_f64().unwrap() - bragg).abs() < 1e-9);
    // mixed indices are forbidden by the centring
    for peak in peaks {
        let odd = peak["hkl"].as_array().unwrap().iter().filter(|i| i.as_i64().unwrap() % 2 != 0);
        assert!(matches!(odd.count(), 0 | 3), "{peak}");
    }
}

#[test]
fn a_broadened_pattern_has_its_maximum_and_width_where_asked() {
    let folder = tempdir().unwrap();
    fs::write(folder.path().join("salt.cif"), rock_salt("Na", "Cl", 5.64)).unwrap();
    let arguments = ["diffract", "salt.cif", "--wavelength", "1.5406", "--two-theta", "25:40"];
    let more = ["--profile", "0.2", "--step", "0.01", "--out", "pattern.csv"];
    surrogate(folder.path(), &[&arguments[..], &more].concat()).expect(0, &["1501 points"]);
    let text = fs::read_to_string(folder.path().join("pattern.csv")).unwrap();
    let points: Vec<(f64, f64)> = text
        .lines()
        .skip(1)
        .map(|l| l.split_once(',').unwrap())
        .map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap()))
        .collect();
    let half: Vec<f64> =
        points.iter().filter(|(x, y)| *y >= 50.0 && *x > 29.0).map(|p| p.0).collect();
    let bragg = 2.0 * (1.5406_f64 / (2.0 * 2.82)).asin().to_degrees();
    let (low, high) = (half[0], half[half.len() - 1]);
    assert!((f64::midpoint(low, high) - bragg).abs() < 0.011, "{low} {high} {bragg}");
    assert!((high - low - 0.2).abs() < 0.021, "{low} {high}");
}

#[test]
fn what_cannot_be_diffracted_is_refused_with_the_way_out() {
    let folder = tempdir().unwrap();
    let file = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    let salt = rock_salt("Na", "Cl", 5.64);
    file("salt.cif", &salt);
    file("broken.cif", &salt.replace("Cl 0.5 0.5 0.5", "Cl 0.5 x 0.5"));
    file("ragged.cif", &salt.replace("Cl 0.5 0.5 0.5", "Cl 0.5 0.5"));
    file("heavy.cif", &salt.replace("Cl", "Og"));
    let refused = |arguments: &[&str], words: &[&str]| {
        let all = [&["diffract"], arguments].concat();
        let said = surrogate(folder.path(), &all);
        said.expect(1, words);
        assert!(said.stdout.is_empty(), "{}", said.stdout);
    };
    refused(&["broken.cif"], &["broken.cif", "line 15", "`x` is no number"]);
    refused(&["ragged.cif"], &["ragged.cif", "line 9", "7 values"]);
    refused(&["heavy.cif"], &["heavy.cif", "no form factor for Og"]);
    refused(&["absent.cif"], &["cannot read absent.cif"]);
    refused(&["salt.cif", "--wavelength", "XyKa"], &["XyKa", "CuKa", "1.5406"]);
    refused(&["salt.cif", "--wavelength", "-1"], &["--wavelength -1"]);
    refused(&["salt.cif", "--two-theta", "90:10"], &["90:10", "ascending"]);
    refused(&["salt.cif", "--two-theta", "10:180"], &["10:180"]);
    refused(&["salt.cif", "--profile", "0", "--out", "p.csv"], &["--profile 0", "positive width"]);
    refused(&["salt.cif", "--profile", "0.1,-1,0.1", "--out", "p.csv"], &["no width"]);
    refused(&["salt.cif", "--profile", "0.1", "--step", "0", "--out", "p.csv"], &["--step 0"]);
    refused(&[&minerals()], &["9 structures", "--block", "halite, silicon"]);
    refused(&[&minerals(), "--block", "calcite"], &["calcite", "halite"]);
    assert!(!folder.path().join("p.csv").exists());
}

#[test]
fn partial_occupancies_are_diffracted_and_said_to_have_no_group() {
    let folder = tempdir().unwrap();
    let salt = rock_salt("Na", "Cl", 5.64).replace("fract_z\n", "fract_z\n_atom_site_occupancy\n");
    let salt = salt.replace("Na 0 0 0", "Na 0 0 0 0.5").replace("0.5 0.5 0.5\n", "0.5 0.5 0.5 1\n");
    fs::write(folder.path().join("half.cif"), salt).unwrap();
    let said = surrogate(folder.path(), &["diffract", "half.cif", "--json"]);
    let said = said.expect(0, &["no space group", "occupied by 0.5", "Cl4 Na2"]).json();
    assert!(said["space_group"].is_null());
    assert!(!said["peaks"].as_array().unwrap().is_empty());
}

#[test]
fn a_library_keeps_its_origin_and_counts_what_was_left_out() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("cifs")).unwrap();
    fs::copy(minerals(), at.join("cifs/minerals.cif")).unwrap();
    fs::write(at.join("cifs/a.cif"), rock_salt("Mg", "O", 4.21)).unwrap();
    fs::write(at.join("cifs/broken.cif"), "data_x loop_").unwrap();
    let arguments = ["data", "import", "cifs", "--out", "library.txt", "--origin", "two textbooks"];
    let said = surrogate(at, &[&arguments[..], &["--licence", "CC BY 4.0", "--json"]].concat());
    let said = said.expect(0, &["broken.cif", "1 left out"]).json();
    let (crystals, prototypes) = (said["crystals"].as_u64(), said["prototypes"].as_u64());
    // halite and periclase are one prototype
    assert_eq!(crystals.unwrap(), prototypes.unwrap() + 1, "{said}");
    assert_eq!(said["left_out"]["files that cannot be read"], 1);
    let text = fs::read_to_string(at.join("library.txt")).unwrap();
    assert!(text.contains("origin = two textbooks\nlicence = CC BY 4.0\n"), "{text}");
}

#[test]
fn what_is_no_table_of_structures_is_refused() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("empty")).unwrap();
    fs::write(at.join("broken.cif"), "data_x loop_").unwrap();
    fs::write(at.join("broken.csv.zst"), "id,a,b,c").unwrap();
    fs::write(at.join("notes.txt"), "").unwrap();
    let refused = |source: &str, words: &[&str]| {
        let arguments = ["data", "import", source, "--out", "l.txt", "--origin", "o"];
        surrogate(at, &[&arguments[..], &["--licence", "l"]].concat()).expect(1, words);
    };
    refused("empty", &["empty", "no .cif files"]);
    refused("broken.cif", &["broken.cif", "line 1"]);
    refused("broken.csv.zst", &["broken.csv.zst", "decompressed"]);
    let atom = |k: usize| format!("Na 0.{:02} 0.{:02} {}\n", k % 11, k % 13, k as f64 / 1.0e4);
    let large = rock_salt("Na", "Cl", 60.0).replace("F m -3 m", "P 1").replace("Na 0 0 0\n", "");
    fs::write(at.join("large.cif"), large + &(1..2000).map(atom).collect::<String>()).unwrap();
    refused("large.cif", &["more atoms than symmetry is searched in"]);
    refused("notes.txt", &["notes.txt", ".csv.zst", ".h5"]);
    fs::write(at.join("broken.h5"), "data").unwrap();
    refused("broken.h5", &["broken.h5", "cif_string"]);
    refused("absent.cif", &["cannot read absent.cif"]);
    let unnamed = ["data", "import", "broken.cif", "--out", "l.txt", "--licence", "l"];
    surrogate(at, &unnamed).expect(1, &["--origin"]);
    assert!(!at.join("l.txt").exists());
}

/// Imports sources; what was made of them.
fn imported(folder: &Path, sources: &[&str], words: &[&str]) -> serde_json::Value {
    let import = [&["data", "import"], sources, &["--out", "l.txt", "--origin", "o"]].concat();
    surrogate(folder, &[&import[..], &["--licence", "l", "--json"]].concat())
        .expect(0, words)
        .json()
}

#[test]
fn tables_are_imported_plain_and_compressed_and_folders_with_those_within() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    let table = "id,a,b,c,alpha,beta,gamma,species,frac\n\
        one,4,4,4,90,90,90,Cs Cl,0 0 0 0.5 0.5 0.5\n";
    fs::write(at.join("plain.csv"), table).unwrap();
    fs::write(at.join("packed.csv.zst"), compressed(table)).unwrap();
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gz.write_all(table.as_bytes()).unwrap();
    fs::write(at.join("zipped.csv.gz"), gz.finish().unwrap()).unwrap();
    let salt = rock_salt("Na", "Cl", 5.64);
    fs::write(at.join("texts.csv"), format!("material_id,cif\nmp-1,\"{salt}\"\n")).unwrap();
    for name in ["plain.csv", "packed.csv.zst", "zipped.csv.gz", "texts.csv"] {
        assert_eq!(imported(at, &[name], &["wrote"])["crystals"], 1, "{name}");
    }
    fs::create_dir_all(at.join("cifs/within/deeper")).unwrap();
    fs::write(at.join("cifs/salt.cif"), &salt).unwrap();
    fs::write(at.join("cifs/within/deeper/other.CIF"), rock_salt("K", "Br", 6.6)).unwrap();
    assert_eq!(imported(at, &["cifs"], &["wrote"])["crystals"], 2);
    let row = table.lines().nth(1).unwrap();
    fs::write(at.join("twice.csv"), format!("{table}{row}\n")).unwrap();
    let refused = ["data", "import", "twice.csv", "--out", "l.txt", "--origin", "o"];
    surrogate(at, &[&refused[..], &["--licence", "l"]].concat())
        .expect(1, &["twice.csv", "line 3"]);
}

#[test]
fn doubts_about_a_crystal_are_said() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    let salt = rock_salt("Na", "Cl", 5.64);
    // a name in Latin-1, and a formula of other atoms
    let mut bytes = b"data_\nloop_\n_publ_author_name\n'M\xfcller, K.'\n".to_vec();
    bytes.extend(salt.replace("data_salt\n", "_chemical_formula_sum 'Na Cl2'\n").bytes());
    fs::write(at.join("doubtful.cif"), bytes).unwrap();
    let words = ["warning: doubtful.cif: not in UTF-8", "Cl4 Na4, but the file says Na Cl2"];
    surrogate(at, &["diffract", "doubtful.cif"]).expect(0, &words);
    imported(at, &["doubtful.cif"], &words);
    fs::write(at.join("binary.cif"), b"data_\xff\x00\x01").unwrap();
    surrogate(at, &["diffract", "binary.cif"]).expect(1, &["binary.cif", "UTF-8"]);
}

#[test]
fn texts_of_cif_files_are_imported_from_hdf5() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    // one whole text, one that lists an atom of each orbit and the identity alone, one that is no CIF
    let short = rock_salt("Na", "Cl", 5.64) + "loop_\n_symmetry_equiv_pos_as_xyz\n'x, y, z'\n";
    let texts = [&rock_salt("K", "Br", 6.6)[..], &short, "nothing"];
    let mut builder = FileBuilder::new();
    builder.create_dataset("cif_string").with_vlen_strings(&texts);
    builder.create_dataset("cif_name").with_vlen_strings(&["first", "second", "third"]);
    fs::write(at.join("set.h5"), builder.finish().unwrap()).unwrap();
    let import = ["data", "import", "set.h5", "--out", "library.txt", "--origin", "o"];
    let said = surrogate(at, &[&import[..], &["--licence", "l", "--json"]].concat());
    let made = said.expect(0, &["1 left out: texts that are no CIF"]).json();
    assert_eq!((&made["crystals"], &made["prototypes"]), (&2.into(), &1.into()), "{made}");
    let library = fs::read_to_string(at.join("library.txt")).unwrap();
    assert!(library.contains("first") && library.contains("225"), "{library}");
}

#[test]
fn a_salt_is_found_from_its_pattern_and_formula() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let said = generate(at, &[], &["--json"]);
    let found = said.expect(0, &["origin: textbooks"]).json();
    let first = &found["found"][0];
    assert_eq!(first["formula"], "KBr");
    assert_eq!(first["space_group_number"], 225);
    assert_eq!(first["atoms"], 2);
    assert_eq!(first["prototype"], "halite");
    assert!(first["r_wp"].as_f64().unwrap() < 0.5, "{first}");
    // the file holds the crystal that the pattern was made of
    let cif = fs::read_to_string(at.join("found/01-KBr-225.cif")).unwrap();
    assert!(cif.contains("_surrogate_r_wp '0."), "{cif}");
    assert!(cif.contains("_surrogate_library_origin 'textbooks'"), "{cif}");
    let again = surrogate(at, &["diffract", "found/01-KBr-225.cif", "--json"]);
    let again = again.expect(0, &["225"]).json();
    let d = |said: &serde_json::Value| said["peaks"][0]["d_angstrom"].as_f64().unwrap();
    let truth = surrogate(at, &["diffract", "salt.cif", "--json"]);
    assert!((d(&again) / d(&truth.expect(0, &[]).json()) - 1.0).abs() < 1e-3, "{}", d(&again));
    let table = fs::read_to_string(at.join("found/candidates.csv")).unwrap();
    assert!(
        table.starts_with("rank,formula,space_group,number,atoms,weighted_r_wp,free_parameters,"),
        "{table}"
    );
    assert!(said.stdout.starts_with(&table), "{}", said.stdout);
    let files = fs::read_dir(at.join("found")).unwrap().flatten();
    let cifs = files.filter(|f| f.path().extension().is_some_and(|e| e == "cif")).count();
    assert_eq!(cifs + 1, table.lines().count());
    // the page is made anew from the folder alone
    fs::remove_file(at.join("found/report.html")).unwrap();
    surrogate(at, &["report", "found"]).expect(0, &["found/report.html"]);
    let page = fs::read_to_string(at.join("found/report.html")).unwrap();
    assert_eq!(at.join("found/2/pattern.csv").is_file(), page.contains("id=\"profile-2\""));
    for words in
        ["Reproduce", "Free parameters", "id=\"profile\"", "id=\"structure\"", "all checks"]
    {
        assert!(page.contains(words), "{words}");
    }
}

#[test]
fn the_same_seed_finds_the_same_and_the_energy_is_said() {
    let folder = tempdir().unwrap();
    prepared(folder.path());
    let one = generate(folder.path(), &[("--out", "one")], &[]);
    let two = generate(folder.path(), &[("--out", "two")], &["--footprint", "--json"]);
    let energy = &two.expect(0, &["carbon", "meter"]).json()["energy"];
    assert!(energy["total_uj"].is_u64(), "{energy}");
    assert!(!one.expect(0, &[]).stdout.is_empty());
    assert!(two.stdout.starts_with(&one.stdout), "{}\n{}", one.stdout, two.stdout);
}

#[test]
fn a_search_that_cannot_be_is_refused_before_it_starts() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let text = fs::read_to_string(at.join("salt.csv")).unwrap();
    fs::write(at.join("empty.xy"), "").unwrap();
    fs::write(at.join("flat.xy"), (10..90).map(|k| format!("{k} 5\n")).collect::<String>())
        .unwrap();
    fs::write(at.join("other.txt"), "rank,formula\n").unwrap();
    let library = fs::read_to_string(at.join("library.txt")).unwrap();
    fs::write(at.join("short.txt"), &library[..library.len() - 9]).unwrap();
    fs::write(at.join("tail.csv"), text.replacen("10,", "abc,", 1) + "12 13 14 15\n").unwrap();
    let refused = |change: (&str, &str), more: &[&str], words: &[&str]| {
        generate(at, &[change], more).expect(1, words);
        assert!(!at.join("found").exists());
    };
    refused(("--library", "absent.txt"), &[], &["absent.txt", "surrogate data import"]);
    refused(("--library", "other.txt"), &[], &["other.txt", "not a library", "data import"]);
    refused(("--library", "short.txt"), &[], &["short.txt", "cut short"]);
    refused(("--pxrd", "absent.xy"), &[], &["cannot read absent.xy"]);
    refused(("--pxrd", "empty.xy"), &[], &["empty.xy", "0 points"]);
    refused(("--pxrd", "sample.raw"), &[], &["sample.raw", "Bruker", ".xy"]);
    refused(("--pxrd", "sample.BRML"), &[], &["sample.BRML", "Bruker"]);
    refused(("--pxrd", "flat.xy"), &[], &["flat.xy", "no peak"]);
    refused(("--pxrd", "tail.csv"), &[], &["tail.csv", "12 13 14 15"]);
    refused(("--formula", "KBr"), &["--axis", "q"], &["salt.csv", "Q in 1/angstrom", "--axis"]);
    refused(("--wavelength", "KKa"), &[], &["KKa", "CuKa"]);
    refused(("--formula", "KXx"), &[], &["KXx", "no element is called `Xx`"]);
    refused(("--formula", "OgCl"), &[], &["no form factor for Og"]);
    refused(("--formula", "KNaLiBrClF"), &[], &["6 elements"]);
    refused(("--formula", "K7Br9"), &[], &["K7Br9", "a formula unit has 16"]);
    refused(("-n", "0"), &[], &["-n 0"]);
    let bare = ["generate", "--pxrd", "salt.csv", "--formula", "KBr", "--out", "found"];
    surrogate(at, &[&bare[..], &["--library", "library.txt"]].concat())
        .expect(1, &["--wavelength is missing"]);
    fs::create_dir(at.join("found")).unwrap();
    fs::write(at.join("found/mine.txt"), "").unwrap();
    generate(at, &[], &[]).expect(1, &["found is not empty"]);
    assert_eq!(fs::read_dir(at.join("found")).unwrap().count(), 1);
}

#[test]
fn methods_are_scored_on_known_crystals_beside_each_other() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    // a salt of the library's kind, and one crystal that no symmetry can be given to
    let half = rock_salt("Na", "Cl", 5.6).replace("fract_z\n", "fract_z\n_atom_site_occupancy\n");
    let half = half.replace("Na 0 0 0", "Na 0 0 0 0.5").replace("0.5 0.5 0.5\n", "0.5 0.5 0.5 1\n");
    fs::write(
        at.join("known.cif"),
        rock_salt("K", "Br", 6.6) + &half.replace("data_salt", "data_half"),
    )
    .unwrap();
    let evaluate = ["evaluate", "--structures", "known.cif", "--library", "library.txt"];
    let said = surrogate(at, &[&evaluate[..], &["--out", "scores", "--json"]].concat());
    let scores = said.expect(0, &["half counts as a failure"]).json();
    let methods = scores["methods"].as_array().unwrap();
    assert_eq!(methods.len(), 4);
    for method in methods {
        let all = &method["slices"]["all"];
        assert_eq!((&all["cases"], &all["failures"]), (&2.into(), &1.into()), "{method}");
        assert_eq!(all["strict_1"]["count"], 1, "{method}");
        assert_eq!(all["strict_1"]["of"], 2, "{method}");
    }
    let refined = &methods[3];
    assert_eq!(refined["method"], "retrieval, refined");
    assert_eq!(refined["slices"]["all"]["r_wp_below_0.01"]["count"], 1, "{refined}");
    assert_eq!(scores["differences"].as_array().unwrap().len(), 6);
    let cases = fs::read_to_string(at.join("scores/cases.csv")).unwrap();
    assert_eq!(cases.lines().count(), 1 + 4 * 2, "{cases}");
    fs::remove_file(at.join("scores/report.html")).unwrap();
    surrogate(at, &["report", "scores"]).expect(0, &["scores/report.html"]);
    let page = fs::read_to_string(at.join("scores/report.html")).unwrap();
    for words in ["retrieval, refined", "not seen in training", "McNemar", "<svg"] {
        assert!(page.contains(words), "{words}");
    }
    // an older evaluation is not written over, and a library is needed
    surrogate(at, &[&evaluate[..], &["--out", "scores"]].concat()).expect(1, &["not empty"]);
    // the shipped library is anonymous
    surrogate(at, &evaluate[..3]).expect(0, &["shipped", "nearest template is left out"]);
    surrogate(at, &["evaluate"]).expect(1, &["run directory", "--structures"]);
}

#[test]
fn the_shipped_library_finds_a_salt_from_its_pattern_and_formula() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    fs::write(at.join("salt.cif"), rock_salt("K", "Br", 6.6)).unwrap();
    let pattern = ["diffract", "salt.cif", "--two-theta", "10:120", "--profile", "0.15"];
    surrogate(at, &[&pattern[..], &["--out", "salt.csv"]].concat()).expect(0, &["wrote"]);
    let arguments = ["generate", "--pxrd", "salt.csv", "--wavelength", "CuKa", "--formula", "KBr"];
    let more = ["--max-atoms", "4", "--posterior", "--out", "found", "--json"];
    let said = surrogate(at, &[&arguments[..], &more].concat());
    let found = said.expect(0, &["shipped", "Materials Project", "CC BY 4.0"]).json();
    let first = &found["found"][0];
    assert_eq!(first["space_group_number"], 225, "{first}");
    assert!(first["weighted_r_wp"].as_f64().unwrap() < 0.1, "{first}");
    let cif = fs::read_to_string(at.join("found/01-KBr-225.cif")).unwrap();
    assert!(cif.contains("_surrogate_library_licence 'Creative Commons"), "{cif}");
    assert!(cif.contains("_space_group_IT_number 225\n"), "{cif}");
    assert!(at.join("found/posterior.nc").is_file());
    let draws = fs::read_to_string(at.join("found/posterior.csv")).unwrap();
    assert!(draws.contains("\na,angstrom,6."), "{draws}");
}

#[test]
fn a_generator_is_trained_goes_on_and_finds_what_it_was_trained_on() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let problem = "title = \"Minerals\"\n[crystal]\nlibrary = \"library.txt\"\nheld_out = 0\n\
                   batch = 16\n[network]\nwidth = 32\nlayers = 1\nheads = 2\n[train]\n\
                   stages = [{ optimizer = \"adam\", iterations = 120, learning_rate = 5e-3 }]\n";
    fs::write(at.join("minerals.toml"), problem).unwrap();
    let checked = surrogate(at, &["check", "minerals.toml"]);
    checked.expect(0, &[]);
    assert!(checked.stdout.contains("crystals to learn from"), "{}", checked.stdout);
    let train = ["train", "minerals.toml", "--out", ".", "--threads", "1", "--name"];
    surrogate(at, &[&train[..], &["whole"]].concat()).expect(0, &["found", "surrogate generate"]);
    surrogate(at, &[&train[..], &["cut", "--max-time", "1ms"]].concat()).expect(0, &["--resume"]);
    let resume = ["train", "--resume", "cut", "--max-time", "1h"];
    surrogate(at, &resume).expect(0, &["all steps done"]);
    let weights = |run: &str| fs::read(at.join(run).join("checkpoints/best.ckpt")).unwrap();
    // the last bytes are a hash of header and weights; the header holds no times
    assert_eq!(weights("whole"), weights("cut"));
    let draws = ["--proposer", "generator", "--model", "whole", "--samples", "200"];
    generate(at, &[], &draws).expect(0, &["written to found"]);
    let table = fs::read_to_string(at.join("found/candidates.csv")).unwrap();
    assert!(table.contains("sample "), "{table}");
    let both = ["--proposer", "both", "--model", "whole", "--samples", "20"];
    generate(at, &[("--out", "both")], &both).expect(0, &["written to both"]);
    surrogate(at, &["predict", "whole"]).expect(1, &["generator of crystals"]);
    surrogate(at, &["solve", "minerals.toml"]).expect(1, &["generator of crystals"]);
    let scores = ["evaluate", "whole", "--structures", &minerals(), "--library", "library.txt"];
    let said = surrogate(at, &scores);
    said.expect(0, &[]);
    for method in ["generator, refined", "both, refined", "both, then direct"] {
        assert!(said.stdout.contains(method), "{}", said.stdout);
    }
}

/// A compressed table of one rock salt.
fn table_of_a_salt(name: &str, elements: [&str; 2], a: f64) -> Vec<u8> {
    let h = a / 2.0;
    let lattice = a / 2.0_f64.sqrt();
    assert!(h < lattice);
    let [cation, anion] = elements;
    compressed(&format!(
        "id,a,b,c,alpha,beta,gamma,species,frac\n\
         {name},{lattice},{lattice},{lattice},60,60,60,{cation}1 {anion}1,0 0 0 0.5 0.5 0.5\n"
    ))
}

#[test]
fn a_generator_is_scored_on_the_crystals_of_its_own_problem_file() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    fs::write(at.join("test.csv.zst"), table_of_a_salt("test-1", ["Na", "Cl"], 5.64)).unwrap();
    let problem = |test: &str| {
        format!(
            "title = \"Minerals\"\n[crystal]\nlibrary = \"library.txt\"\n{test}held_out = 1\nbatch = 8\n\
             [network]\nwidth = 16\nlayers = 1\nheads = 2\n[train]\n\
             stages = [{{ optimizer = \"adam\", iterations = 8 }}]\n"
        )
    };
    fs::write(at.join("with.toml"), problem("test = \"test.csv.zst\"\n")).unwrap();
    fs::write(at.join("without.toml"), problem("")).unwrap();
    let checked = surrogate(at, &["check", "with.toml"]);
    assert!(checked.stdout.contains("1 left out"), "{}", checked.stdout);
    for name in ["with", "without"] {
        let file = format!("{name}.toml");
        surrogate(at, &["train", &file, "--out", ".", "--threads", "1", "--name", name])
            .expect(0, &["found"]);
    }
    let learned = json_file(&at.join("with"), "generator.json");
    assert_eq!((&learned["crystals"], &learned["left_out_for_test"]), (&6.into(), &1.into()));
    // the table may be gone: the run keeps it
    fs::remove_file(at.join("test.csv.zst")).unwrap();
    let evaluate = ["evaluate", "with", "--samples", "4", "--split"];
    let said = surrogate(at, &[&evaluate[..], &["test", "--json"]].concat());
    let scores = said.expect(0, &["what the generator was trained on", "scores/1"]).json();
    assert_eq!(scores["methods"].as_array().unwrap().len(), 7);
    assert_eq!(scores["methods"][0]["slices"]["not seen in training"]["cases"], 1, "{scores}");
    surrogate(at, &[&evaluate[..], &["held-out"]].concat()).expect(0, &["scores/2"]);
    let page = fs::read_to_string(at.join("with/report.html")).unwrap();
    for words in [
        "Held-out loss",
        "nat a token",
        "Scores on known crystals 2",
        "scores&#x2f;1&#x2f;report.html",
        "Wilson",
        "id=\"funnel\"",
        "id=\"example-1\"",
        "left out",
    ] {
        assert!(page.contains(words), "{words}");
    }
    for words in ["Rms error", "evaluation.json", "payback.json", "Held-out residual"] {
        assert!(!page.contains(words), "{words}");
    }
    surrogate(at, &["evaluate", "without", "--split", "test"])
        .expect(1, &["names no crystals to test on", "--split held-out", "--structures"]);
    surrogate(at, &["evaluate", "--split", "test"]).expect(1, &["name the run"]);
    fs::write(at.join("bad.toml"), problem("test = \"salt.cif\"\n")).unwrap();
    surrogate(at, &["check", "bad.toml"]).expect(1, &["salt.cif", ".csv.zst"]);
    fs::write(at.join("bad.toml"), problem("test = \"none.csv.zst\"\n")).unwrap();
    surrogate(at, &["check", "bad.toml"]).expect(1, &["[crystal] test", "none.csv.zst"]);
}

#[test]
fn a_salt_is_found_where_symmetry_and_cell_or_elements_alone_are_known() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let first = |out: &str, more: &[&str]| {
        let pattern =
            ["generate", "--pxrd", "salt.csv", "--wavelength", "CuKa", "--max-atoms", "4"];
        let places = ["--library", "library.txt", "--out", out, "--json"];
        let said = surrogate(at, &[&pattern[..], &places, more].concat());
        let found = said.expect(0, &[]).json()["found"].clone();
        for f in found.as_array().unwrap() {
            let group = more.contains(&"--space-group");
            assert!(!group || f["space_group_number"] == 225, "{f}");
        }
        assert_eq!(found[0]["formula"], "KBr", "{found}");
        assert_eq!(found[0]["space_group_number"], 225, "{found}");
    };
    first("group", &["--formula", "KBr", "--space-group", "Fm-3m"]);
    // half as large again as elements say, so that only the cell leads to it
    first("cell", &["--formula", "KBr", "--space-group", "225", "--cell", "5.5"]);
    first("elements", &["--elements", "K,Br"]);
    let refused = |more: &[&str], words: &[&str]| {
        generate(at, &[], more).expect(1, words);
        assert!(!at.join("found").exists());
    };
    refused(&["--space-group", "231"], &["--space-group 231", "1 to 230"]);
    refused(&["--space-group", "225", "--cell", "5.5,6.5"], &["2 numbers", "a alone"]);
    refused(
        &["--space-group", "225", "--cell", "5.5,5.5,7,90,90,90"],
        &["no cell of F m -3 m", "a are free"],
    );
    refused(&["--space-group", "225", "--cell", "-5"], &["--cell -5", "positive"]);
    refused(&["--space-group", "136"], &["no prototype", "P 4_2/m n m"]);
    // names of other settings are those of their groups
    for (name, symbol) in
        [("P21/n", "P 2_1/c"), ("Cmca", "C m c e"), ("P 4(2)/m n m", "P 4_2/m n m")]
    {
        refused(&["--space-group", name], &["no prototype", symbol]);
    }
    let turned = ["--space-group", "P21/n", "--cell", "5,6,7,95"];
    refused(&turned, &["axes as in P21/n", "--space-group 14"]);
    let bare = ["generate", "--pxrd", "salt.csv", "--wavelength", "CuKa", "--out", "found"];
    let with = |more: &[&str]| surrogate(at, &[&bare[..], more].concat());
    with(&[]).expect(1, &["neither --formula nor --elements", "--proposer generator"]);
    with(&["--elements", "K,Xx"]).expect(1, &["--elements Xx", "no such element"]);
    with(&["--elements", "K,Br,Na,Li,Cs,F"]).expect(1, &["6 elements"]);
}

#[test]
fn what_no_generator_can_learn_from_is_refused() {
    let folder = tempdir().unwrap();
    let at = folder.path();
    prepared(at);
    let refused = |table: &str, words: &[&str]| {
        fs::write(at.join("p.toml"), format!("title = \"P\"\n{table}")).unwrap();
        surrogate(at, &["check", "p.toml"]).expect(1, words);
    };
    refused("[crystal]\nlibrary = \"none.txt\"\n", &["none.txt", "no such file"]);
    refused("[crystal]\nlibrary = \"salt.cif\"\n", &["salt.cif", "library of prototypes"]);
    refused("[crystal]\nmax_atoms = 0\n", &["max_atoms", "at least 1"]);
    refused("[crystal]\ndisturbed = 1.5\n", &["disturbed", "between 0 and 1"]);
    refused("[crystal]\nlibary = \"x\"\n", &["libary", "library"]);
    let network = "[crystal]\nlibrary = \"library.txt\"\n[network]\nwidth = 30\nheads = 4\n";
    refused(network, &["multiple"]);
    refused("[crystal]\n[network]\nprecision = \"f16\"\n", &["f16", "known: f32, bf16"]);
    refused("[crystal]\n[fields.u]\nof = []\n", &["[fields]", "leave this table out"]);
    let stages = "[crystal]\nlibrary = \"library.txt\"\n[train]\n\
                  stages = [{ optimizer = \"lbfgs\", iterations = 3 }]\n";
    refused(stages, &["one stage by adam"]);
    surrogate(at, &["train", "p.toml", "--resume", "nothing"]).expect(1, &["nothing"]);
    let half =
        "title = \"P\"\n[crystal]\nlibrary = \"library.txt\"\n[network]\nprecision = \"bf16\"\n";
    fs::write(at.join("half.toml"), half).unwrap();
    surrogate(at, &["check", "half.toml"]).expect(0, &[]);
    let on_cpu = ["train", "half.toml", "--device", "cpu"];
    surrogate(at, &on_cpu).expect(1, &["bf16 need a GPU", "--device cuda"]);
    assert!(!at.join("runs").exists());
    let draws = ["--proposer", "generator", "--model", "nothing"];
    generate(at, &[], &draws).expect(1, &["nothing"]);
}
