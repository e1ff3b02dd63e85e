//! Texts in HDF5 files of others.

use std::path::Path;

use hdf5_pure::File;

use crate::error::RunError;

/// All texts of a data set of strings, of fixed or variable length.
///
/// # Errors
/// [`RunError::Missing`] and [`RunError::NotReadable`] for files that are not there or closed to us,
/// [`RunError::Hdf5`] for files that are damaged, or have no such data set of strings.
pub fn hdf5_texts(path: &Path, dataset: &str) -> Result<Vec<String>, RunError> {
    let failed = |error: hdf5_pure::Error| {
        let reason = format!("data set `{dataset}`: {error}");
        RunError::Hdf5 { path: path.to_owned(), reason }
    };
    if !path.exists() {
        return Err(RunError::Missing { path: path.to_owned() });
    }
    let file = File::open_streaming(path).map_err(failed)?;
    file.dataset(dataset).map_err(failed)?.read_string().map_err(failed)
}

#[cfg(test)]
mod tests {
    use hdf5_pure::FileBuilder;

    use super::*;

    #[test]
    fn texts_come_back_and_what_is_none_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("set.h5");
        let mut builder = FileBuilder::new();
        builder.create_dataset("cif_string").with_vlen_strings(&["data_a\n", "", "x = ü\ny"]);
        builder.create_dataset("numbers").with_f64_data(&[1.0]);
        std::fs::write(&path, builder.finish().unwrap()).unwrap();
        assert_eq!(hdf5_texts(&path, "cif_string").unwrap(), ["data_a\n", "", "x = ü\ny"]);
        assert!(matches!(hdf5_texts(&path, "other"), Err(RunError::Hdf5 { .. })));
        assert!(matches!(hdf5_texts(&path, "numbers"), Err(RunError::Hdf5 { .. })));
        let absent = folder.path().join("absent.h5");
        assert!(matches!(hdf5_texts(&absent, "x"), Err(RunError::Missing { .. })));
        std::fs::write(&path, b"no hdf5").unwrap();
        assert!(matches!(hdf5_texts(&path, "x"), Err(RunError::Hdf5 { .. })));
    }
}
