//! `results.h5`: predictions, reference curves, profiles and points for notebooks.
//!
//! Every data set carries `units`, `long_name` and `dimensions` (names joined by a space), at most
//! eight attributes in all: more would go to a storage that simple readers do not follow. Data sets
//! of 1024 values or more are chunked, shuffled and deflated, with a checksum a chunk. The file is written once, whole or not at all.

use std::path::Path;

use hdf5_pure::{AttrValue, DatasetBuilder, File, FileBuilder};

use crate::error::RunError;
use crate::files::{read_bytes, write_atomic};

/// Most attributes of one data set.
pub(crate) const MOST_ATTRIBUTES: usize = 8;
/// Least number of values for chunks and compression.
pub(crate) const CHUNKED_FROM: usize = 1024;
/// Most values of a chunk, 256 KiB. HDF5 2.0 refuses lengths that are written with more bytes than they need, as `hdf5-pure`
/// does from 65,536 on.
const CHUNK: u64 = 32_768;
/// Most values that are read of one data set, 2 GiB: guards against damaged shapes.
const MOST_VALUES: u64 = 1 << 28;

/// An array of numbers with its unit.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Dataset {
    /// Name in its group.
    pub name: String,
    /// Unit, as in problem files; empty for none.
    pub unit: String,
    /// Name to show.
    pub long_name: String,
    /// Names of the dimensions, one an axis.
    pub dimensions: Vec<String>,
    /// Lengths of the axes; the last runs fastest.
    pub shape: Vec<u64>,
    /// Values.
    pub values: Vec<f64>,
}

/// A named group of arrays.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Group {
    /// Name, such as `curves`.
    pub name: String,
    /// What it holds.
    pub long_name: String,
    /// Its arrays.
    pub datasets: Vec<Dataset>,
}

/// `results.h5`.
///
/// ```
/// use surrogate_run::{Dataset, Group, Results};
/// let voltage = Dataset {
///     name: "voltage".into(),
///     unit: "V".into(),
///     long_name: "Terminal voltage".into(),
///     dimensions: vec!["point".into(), "time".into()],
///     shape: vec![1, 3],
///     values: vec![4.1, 4.0, 3.9],
/// };
/// let curves = Group { name: "curves".into(), long_name: "Outputs".into(), datasets: vec![voltage] };
/// let results = Results { attributes: vec![("problem".into(), "spm".into())], groups: vec![curves] };
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("results.h5");
/// results.write(&path).unwrap();
/// assert_eq!(Results::read(&path).unwrap(), results);
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Results {
    /// Attributes of the file, such as `problem` and `run`.
    pub attributes: Vec<(String, String)>,
    /// Groups.
    pub groups: Vec<Group>,
}

impl Results {
    /// The array `group/name`.
    #[must_use]
    pub fn dataset(&self, group: &str, name: &str) -> Option<&Dataset> {
        let group = self.groups.iter().find(|found| found.name == group)?;
        group.datasets.iter().find(|found| found.name == name)
    }

    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`RunError::WrongShape`], [`RunError::Hdf5`], or as [`write_atomic`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        let mut file = FileBuilder::new();
        file.set_attr("format", AttrValue::I64(1));
        for (name, value) in &self.attributes {
            file.set_attr(name, text(value));
        }
        for group in &self.groups {
            let mut builder = file.create_group(&group.name);
            builder.set_attr("long_name", text(&group.long_name));
            for dataset in &group.datasets {
                let count = dataset.shape.iter().product::<u64>();
                if count != dataset.values.len() as u64 {
                    return Err(RunError::WrongShape {
                        path: path.to_owned(),
                        dataset: format!("{}/{}", group.name, dataset.name),
                        shape: dataset.shape.clone(),
                        values: dataset.values.len(),
                    });
                }
                fill(builder.create_dataset(&dataset.name), dataset);
            }
            file.add_group(builder.finish());
        }
        let bytes = file.finish().map_err(|error| damaged(path, &error))?;
        write_atomic(path, &bytes)
    }

    /// Reads a file that [`Results::write`] has written; groups and data sets come back in
    /// alphabetical order.
    ///
    /// # Errors
    /// [`RunError::Missing`], [`RunError::Io`], [`RunError::Hdf5`], [`RunError::WrongShape`].
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let file = File::from_bytes(read_bytes(path)?).map_err(|error| damaged(path, &error))?;
        Self::read_open(&file, path)
    }

    fn read_open(file: &File, path: &Path) -> Result<Self, RunError> {
        let failed = |error| damaged(path, &error);
        let root = file.root();
        let mut results = Self::default();
        for (name, value) in root.attrs().map_err(failed)? {
            if let Some(value) = value.as_str() {
                results.attributes.push((name, value.to_owned()));
            }
        }
        results.attributes.sort();
        let mut names = root.groups().map_err(failed)?;
        names.sort();
        for name in names {
            let found = root.group(&name).map_err(failed)?;
            let attributes = found.attrs().map_err(failed)?;
            let long_name = attribute(attributes.get("long_name"));
            let mut group = Group { name, long_name, datasets: Vec::new() };
            let mut datasets = found.datasets().map_err(failed)?;
            datasets.sort();
            for name in datasets {
                let dataset = found.dataset(&name).map_err(failed)?;
                let shape = dataset.shape().map_err(failed)?;
                let count = shape.iter().try_fold(1_u64, |n, &k| n.checked_mul(k));
                if count.is_none_or(|count| count > MOST_VALUES) {
                    let reason =
                        format!("`{}/{name}` has the impossible shape {shape:?}", group.name);
                    return Err(RunError::Hdf5 { path: path.to_owned(), reason });
                }
                let values = dataset.read_f64().map_err(failed)?;
                if count != Some(values.len() as u64) {
                    return Err(RunError::WrongShape {
                        path: path.to_owned(),
                        dataset: format!("{}/{name}", group.name),
                        shape,
                        values: values.len(),
                    });
                }
                let attributes = dataset.attrs().map_err(failed)?;
                let text = |name| attribute(attributes.get(name));
                let dimensions = text("dimensions").split_whitespace().map(str::to_owned).collect();
                let (unit, long_name) = (text("units"), text("long_name"));
                group.datasets.push(Dataset { name, unit, long_name, dimensions, shape, values });
            }
            results.groups.push(group);
        }
        Ok(results)
    }
}

fn fill(builder: &mut DatasetBuilder, dataset: &Dataset) {
    builder.with_f64_data(&dataset.values).with_shape(&dataset.shape);
    if dataset.values.len() >= CHUNKED_FROM {
        builder
            .with_chunks(&chunks(&dataset.shape))
            .with_shuffle()
            .with_deflate(4)
            .with_fletcher32();
    }
    let attributes = [
        ("units", dataset.unit.clone()),
        ("long_name", dataset.long_name.clone()),
        ("dimensions", dataset.dimensions.join(" ")),
    ];
    const { assert!(3 <= MOST_ATTRIBUTES) };
    for (name, value) in attributes {
        builder.set_attr(name, text(&value));
    }
}

/// Chunks of at most [`CHUNK`] values: whole rows as far as they fit, from the last axis on.
pub(crate) fn chunks(shape: &[u64]) -> Vec<u64> {
    let mut room = CHUNK;
    let mut chunks: Vec<u64> = Vec::with_capacity(shape.len());
    for &length in shape.iter().rev() {
        let part = length.clamp(1, room.max(1));
        chunks.push(part);
        room /= part;
    }
    chunks.reverse();
    chunks
}

/// A variable-length text, which every reader shows as a plain string, empty ones too.
fn text(value: &str) -> AttrValue {
    AttrValue::VarLenString(value.to_owned())
}

fn attribute(value: Option<&AttrValue>) -> String {
    value.and_then(AttrValue::as_str).unwrap_or_default().to_owned()
}

fn damaged(path: &Path, error: &hdf5_pure::Error) -> RunError {
    RunError::Hdf5 { path: path.to_owned(), reason: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> Results {
        let dataset = |name: &str, shape: &[u64], dimensions: &str| Dataset {
            name: name.into(),
            unit: "mol m^-3".into(),
            long_name: "Konzentration c̄ₛ".into(),
            dimensions: dimensions.split(' ').map(str::to_owned).collect(),
            shape: shape.to_vec(),
            values: (0..shape.iter().product::<u64>()).map(|i| (i as f64 % 64.0).sqrt()).collect(),
        };
        Results {
            attributes: vec![("problem".into(), "spm".into()), ("run".into(), "a".into())],
            groups: vec![
                Group {
                    name: "curves".into(),
                    long_name: "Outputs".into(),
                    datasets: vec![
                        dataset("time", &[7], "time"),
                        dataset("voltage", &[300, 7], "point time"),
                    ],
                },
                Group {
                    name: "profiles".into(),
                    long_name: String::new(),
                    datasets: vec![dataset("c_n", &[20, 30, 40], "point time r")],
                },
            ],
        }
    }

    #[test]
    fn small_and_chunked_arrays_come_back() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.h5");
        example().write(&path).unwrap();
        let back = Results::read(&path).unwrap();
        assert_eq!(back, example());
        assert_eq!(back.dataset("profiles", "c_n").unwrap().shape, [20, 30, 40]);
        let raw = 8 * (7 + 2100 + 24_000);
        assert!(std::fs::metadata(&path).unwrap().len() < raw * 3 / 4);
    }

    #[test]
    fn arrays_of_several_chunks_come_back() {
        let large = Dataset {
            name: "large".into(),
            unit: "V".into(),
            long_name: "Voltage".into(),
            dimensions: vec!["point".into(), "time".into()],
            shape: vec![5, 40_000],
            values: (0..200_000).map(|i| f64::from(i % 1000) / 8.0).collect(),
        };
        let mut results = example();
        results.groups[0].datasets.push(large.clone());
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.h5");
        results.write(&path).unwrap();
        assert!(Results::read(&path).unwrap().dataset("curves", "large") == Some(&large));
        if let Some(keep) = std::env::var_os("SURROGATE_KEEP_RESULTS") {
            std::fs::copy(&path, keep).unwrap();
        }
    }

    #[test]
    fn chunks_hold_whole_rows_and_are_bounded() {
        assert_eq!(chunks(&[300, 7]), [300, 7]);
        assert_eq!(chunks(&[10_000_000]), [32_768]);
        assert_eq!(chunks(&[1000, 1000]), [32, 1000]);
        assert_eq!(chunks(&[5, 100_000]), [1, 32_768]);
    }

    #[test]
    fn a_wrong_shape_is_named() {
        let mut results = example();
        results.groups[0].datasets[0].shape = vec![8];
        let error = results.write(Path::new("results.h5")).unwrap_err();
        assert!(error.to_string().contains("curves/time"), "{error}");
    }

    #[test]
    fn a_damaged_or_foreign_file_is_refused_or_read_without_panic() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("results.h5");
        example().write(&path).unwrap();
        let good = read_bytes(&path).unwrap();
        let mut state = 1_u64;
        for _ in 0..150 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            let mut bytes = good.clone();
            let at = (state >> 20) as usize % bytes.len();
            if state & 1 << 60 == 0 {
                bytes.truncate(at);
            } else {
                bytes[at] ^= 1 << (state >> 61);
            }
            std::fs::write(&path, bytes).unwrap();
            let _ = Results::read(&path);
        }
        std::fs::write(&path, b"not a file of this kind").unwrap();
        assert!(matches!(Results::read(&path), Err(RunError::Hdf5 { .. })));
    }
}
