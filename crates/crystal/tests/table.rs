//! Structure tables, where the measured data of the project lie beside the repository.
#![allow(clippy::unwrap_used)]

mod shared;

use surrogate_crystal::table::{TableError, read_columns, read_structures};

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
