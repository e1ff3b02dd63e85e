//! Structure tables, where the measured data of the project lie beside the repository.
#![allow(clippy::unwrap_used)]

mod shared;

use surrogate_crystal::table::{TableError, read_columns, read_plain_structures, read_structures};

#[test]
fn every_row_of_the_tables_is_a_structure() {
    let Some(file) = shared::open("mp20_biternary_test.csv.zst") else { return };
    let entries = read_structures(file).unwrap();
    assert_eq!(entries.len(), 7118);
    assert!(entries.iter().all(|e| e.structure.is_ordered() && e.structure.sites.len() <= 20));
    assert!(entries.iter().all(|e| e.space_group.is_some()));
    let splits = read_columns(shared::open("splits.csv.zst").unwrap(), ["id", "split"]).unwrap();
    assert_eq!(splits.len(), 26_355);
    assert_eq!(splits.iter().filter(|[_, split]| split == "val").count(), 1000);
}

#[test]
fn other_bytes_are_no_table() {
    assert!(matches!(read_structures(&b"id,a,b"[..]), Err(TableError::Read(_))));
    assert!(matches!(read_structures(&b""[..]), Err(TableError::Read(_))));
}

const HEADER: &str = "id,natoms,a,b,c,alpha,beta,gamma,species,frac\n";
const ROW: &str = "r1,2,4,4,4,90,90,90,Cs1 Cl1,0 0 0 0.5 0.5 0.5\n";

fn plain(text: &str) -> Result<Vec<surrogate_crystal::table::Entry>, TableError> {
    read_plain_structures(text.as_bytes())
}

#[test]
fn plain_tables_are_read_in_their_usual_spellings() {
    let expected = plain(&[HEADER, ROW].concat()).unwrap();
    assert_eq!(expected[0].structure.formula(), "Cl Cs");
    let same = |text: String| assert_eq!(plain(&text).unwrap(), expected, "{text}");
    same(format!("\u{feff}{HEADER}{ROW}").replace('\n', "\r\n"));
    same(format!("{HEADER}{ROW}").replace("Cs1 Cl1", "Cs Cl"));
    same(format!("{HEADER}{ROW}").replace(',', ";"));
    same(format!("{HEADER}{ROW}").replace("Cs1 Cl1", "\"Cs1 Cl1\"").replace("r1", "\"r1\""));
}

#[test]
fn rows_that_contradict_themselves_are_refused_with_their_line() {
    let with = |row: &str| plain(&[HEADER, ROW, row].concat());
    let three = ROW.replace("r1,2", "r2,3");
    assert!(matches!(with(&three), Err(TableError::Atoms { line: 3, atoms: 2, .. })));
    assert!(matches!(with(ROW), Err(TableError::Twice { line: 3, first: 2, .. })));
    assert!(matches!(plain("id,a\nx,3\n"), Err(TableError::NoStructures)));
    assert!(matches!(plain("id,species\nx,Cs\n"), Err(TableError::NoColumn("a"))));
}

#[test]
fn texts_of_cif_files_may_be_a_column() {
    let cif = "# made by pymatgen\ndata_CsCl\n_symmetry_space_group_name_H-M   'P 1'\n\
        _cell_length_a 4\n_cell_length_b 4\n_cell_length_c 4\n_cell_angle_alpha 90\n\
        _cell_angle_beta 90\n_cell_angle_gamma 90\n_symmetry_Int_Tables_number 1\n\
        _chemical_formula_sum 'Cs1 Cl1'\n_cell_formula_units_Z 1\nloop_\n\
        _symmetry_equiv_pos_site_id\n_symmetry_equiv_pos_as_xyz\n1 'x, y, z'\nloop_\n\
        _atom_site_type_symbol\n_atom_site_label\n_atom_site_symmetry_multiplicity\n\
        _atom_site_fract_x\n_atom_site_fract_y\n_atom_site_fract_z\n_atom_site_occupancy\n\
        Cs Cs0 1 0 0 0 1\nCl Cl1 1 0.5 0.5 0.5 1\n";
    let table =
        format!(",material_id,formation_energy,cif\n0,mp-1,-1.5,\"{cif}\"\n1,mp-2,0,\"{cif}\"\n");
    let entries = plain(&table).unwrap();
    assert_eq!(entries.len(), 2);
    assert_eq!((entries[1].id.as_str(), entries[1].structure.sites.len()), ("mp-2", 2));
    assert!(entries[0].warnings.is_empty());
    let unnamed = plain(&table.replace("material_id", "x")).unwrap();
    assert_eq!(unnamed[1].id, "line 29");
    let broken = plain(&table.replacen("data_CsCl", "loop_", 1));
    assert!(matches!(broken, Err(TableError::Cif { line: 2, .. })));
    assert!(matches!(plain(&table[..300]), Err(TableError::Unclosed { line: 2 })));
}
