//! `posterior.nc`: draws and diagnostics in the layout that ArviZ calls `InferenceData`.
//!
//! A netCDF-4 file: groups such as `posterior` and `sample_stats`, each with its own dimensions
//! (`chain`, `draw`, …) and variables over them. Opened by ArviZ and xarray under both of their
//! engines, h5netcdf and netCDF4.

use std::path::Path;

use hdf5_pure::{AttrValue, DatasetBuilder, FileBuilder, GroupBuilder};

use crate::error::RunError;
use crate::files::write_atomic;
use crate::results::{CHUNKED_FROM, chunks};
use crate::scales::{self, Axes};

/// A file of draws.
///
/// ```
/// use surrogate_run::{Dimension, InferenceData, InferenceGroup, Labels, Numbers, Variable};
/// let posterior = InferenceGroup {
///     name: "posterior".into(),
///     dimensions: vec![
///         Dimension { name: "chain".into(), labels: Labels::count(2) },
///         Dimension { name: "draw".into(), labels: Labels::count(3) },
///     ],
///     variables: vec![Variable {
///         name: "D_s".into(),
///         unit: "m^2/s".into(),
///         dimensions: vec!["chain".into(), "draw".into()],
///         values: Numbers::Floats(vec![1.0, 1.1, 0.9, 1.0, 1.2, 0.8]),
///     }],
///     attributes: vec![("seed".into(), 7.0.into())],
/// };
/// let data = InferenceData { attributes: Vec::new(), groups: vec![posterior] };
/// # let folder = tempfile::tempdir().unwrap();
/// data.write(&folder.path().join("posterior.nc")).unwrap();
/// ```
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InferenceData {
    /// Attributes of the file.
    pub attributes: Vec<(String, Attribute)>,
    /// Groups.
    pub groups: Vec<InferenceGroup>,
}

/// A group, such as `posterior`, `sample_stats`, `posterior_predictive` or `observed_data`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct InferenceGroup {
    /// Name.
    pub name: String,
    /// Dimensions of its variables.
    pub dimensions: Vec<Dimension>,
    /// Variables.
    pub variables: Vec<Variable>,
    /// Attributes.
    pub attributes: Vec<(String, Attribute)>,
}

/// A dimension with its coordinates.
#[derive(Debug, Clone, PartialEq)]
pub struct Dimension {
    /// Name.
    pub name: String,
    /// One coordinate a place.
    pub labels: Labels,
}

/// Coordinates of a dimension.
#[derive(Debug, Clone, PartialEq)]
pub enum Labels {
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Real numbers, such as times.
    Floats(Vec<f64>),
    /// Names.
    Texts(Vec<String>),
}

impl Labels {
    /// 0, 1, 2 and so on.
    #[must_use]
    pub fn count(length: usize) -> Self {
        Self::Integers((0_i64..).take(length).collect())
    }

    fn len(&self) -> usize {
        match self {
            Self::Integers(labels) => labels.len(),
            Self::Floats(labels) => labels.len(),
            Self::Texts(labels) => labels.len(),
        }
    }
}

/// A variable over dimensions of its group.
#[derive(Debug, Clone, PartialEq)]
pub struct Variable {
    /// Name, not that of a dimension.
    pub name: String,
    /// Unit; empty for none.
    pub unit: String,
    /// Dimensions; the last runs fastest.
    pub dimensions: Vec<String>,
    /// Values.
    pub values: Numbers,
}

/// Values of a variable.
#[derive(Debug, Clone, PartialEq)]
pub enum Numbers {
    /// Real numbers.
    Floats(Vec<f64>),
    /// Whole numbers.
    Integers(Vec<i64>),
    /// Truth values.
    Flags(Vec<bool>),
}

impl Numbers {
    fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Flags(values) => values.len(),
        }
    }
}

/// Value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// Number.
    Number(f64),
}

impl From<f64> for Attribute {
    fn from(value: f64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for Attribute {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&Attribute> for AttrValue {
    fn from(value: &Attribute) -> Self {
        match value {
            Attribute::Text(text) => Self::VarLenString(text.clone()),
            Attribute::Number(number) => Self::F64(*number),
        }
    }
}

impl InferenceData {
    /// Writes the file, whole or not at all.
    ///
    /// # Errors
    /// [`RunError::WrongShape`] for values that do not fill their dimensions, [`RunError::Hdf5`] for
    /// a dimension or name that is missing, empty or there twice; or as [`write_atomic`].
    pub fn write(&self, path: &Path) -> Result<(), RunError> {
        let failed = |reason: String| RunError::Hdf5 { path: path.to_owned(), reason };
        let mut file = FileBuilder::new();
        for (name, value) in &self.attributes {
            file.set_attr(name, value.into());
        }
        let mut axes = Vec::new();
        for group in &self.groups {
            group.check().map_err(failed)?;
            let mut builder = file.create_group(&group.name);
            for (name, value) in &group.attributes {
                builder.set_attr(name, value.into());
            }
            for dimension in &group.dimensions {
                dimension.build(&mut builder).map_err(|error| failed(error.to_string()))?;
            }
            for variable in &group.variables {
                variable.build(&mut builder, &group.shape(variable, path)?);
            }
            file.add_group(builder.finish());
            axes.push((group.name.as_str(), group.axes()));
        }
        let mut bytes = file.finish().map_err(|error| failed(error.to_string()))?;
        scales::attach(&mut bytes, &axes).map_err(failed)?;
        write_atomic(path, &bytes)
    }
}

impl InferenceGroup {
    /// Refuses names that are there twice and dimensions that are missing or empty.
    fn check(&self) -> Result<(), String> {
        let mut names: Vec<&str> = self.dimensions.iter().map(|d| d.name.as_str()).collect();
        names.extend(self.variables.iter().map(|v| v.name.as_str()));
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|n| n[0] == n[1]) {
            return Err(format!("`{}/{}` is there twice", self.name, twice[0]));
        }
        if let Some(empty) = self.dimensions.iter().find(|d| d.labels.len() == 0) {
            return Err(format!("dimension `{}/{}` is empty", self.name, empty.name));
        }
        let mut used = self.variables.iter().flat_map(|v| &v.dimensions);
        match used.find(|name| !self.dimensions.iter().any(|d| d.name == **name)) {
            Some(name) => Err(format!("`{}` has no dimension `{name}`", self.name)),
            None => Ok(()),
        }
    }

    /// Lengths of the dimensions of a variable.
    fn shape(&self, variable: &Variable, path: &Path) -> Result<Vec<u64>, RunError> {
        let length = |name: &String| {
            self.dimensions.iter().find(|d| d.name == *name).map_or(0, |d| d.labels.len() as u64)
        };
        let shape: Vec<u64> = variable.dimensions.iter().map(length).collect();
        if shape.iter().product::<u64>() != variable.values.len() as u64 {
            return Err(RunError::WrongShape {
                path: path.to_owned(),
                dataset: format!("{}/{}", self.name, variable.name),
                shape,
                values: variable.values.len(),
            });
        }
        Ok(shape)
    }

    fn axes<'a>(&'a self) -> Axes<'a> {
        let dimensions = |v: &'a Variable| v.dimensions.iter().map(String::as_str).collect();
        self.variables.iter().map(|v| (v.name.as_str(), dimensions(v))).collect()
    }
}

impl Dimension {
    fn build(&self, group: &mut GroupBuilder) -> Result<(), hdf5_pure::Error> {
        let dataset = group.create_dataset(&self.name);
        match &self.labels {
            Labels::Integers(labels) => dataset.with_i64_data(labels),
            Labels::Floats(labels) => dataset.with_f64_data(labels),
            Labels::Texts(labels) => {
                dataset.with_vlen_strings(&labels.iter().map(String::as_str).collect::<Vec<_>>())
            }
        };
        let class = AttrValue::ascii_string_sized(scales::DIMENSION_SCALE, scales::CLASS_SIZE)?;
        dataset.set_attr(scales::CLASS, class);
        Ok(())
    }
}

impl Variable {
    fn build(&self, group: &mut GroupBuilder, shape: &[u64]) {
        let dataset: &mut DatasetBuilder = group.create_dataset(&self.name);
        match &self.values {
            Numbers::Floats(values) => dataset.with_f64_data(values),
            Numbers::Integers(values) => dataset.with_i64_data(values),
            Numbers::Flags(values) => {
                dataset.set_attr("dtype", AttrValue::VarLenString("bool".into()));
                dataset.with_i8_data(&values.iter().map(|v| i8::from(*v)).collect::<Vec<_>>())
            }
        };
        dataset.with_shape(shape);
        if self.values.len() >= CHUNKED_FROM {
            dataset.with_chunks(&chunks(shape)).with_shuffle().with_deflate(4);
        }
        if !self.unit.is_empty() {
            dataset.set_attr("units", AttrValue::VarLenString(self.unit.clone()));
        }
        if !shape.is_empty() {
            let stand_ins = vec![scales::STAND_IN.to_owned(); shape.len()];
            dataset.set_attr(scales::DIMENSION_LIST, AttrValue::VarLenAsciiCharArray(stand_ins));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn example() -> InferenceData {
        let number =
            |name: &str, length| Dimension { name: name.into(), labels: Labels::count(length) };
        let variable = |name: &str, dimensions: &[&str], values| Variable {
            name: name.into(),
            unit: String::new(),
            dimensions: dimensions.iter().map(|d| (*d).to_owned()).collect(),
            values,
        };
        let names = Labels::Texts(["D_s", "k_n", "κ_e", "t_plus"].map(String::from).to_vec());
        let posterior = InferenceGroup {
            name: "posterior".into(),
            dimensions: vec![
                number("chain", 4),
                number("draw", 500),
                Dimension { name: "param".into(), labels: names },
            ],
            variables: vec![
                variable("D_s", &["chain", "draw"], floats(2000)),
                variable("theta", &["chain", "draw", "param"], floats(8000)),
                // two dimensions of equal length, in the order that matching by length gets wrong
                variable("swapped", &["param", "chain"], floats(16)),
            ],
            attributes: (0..20).map(|k| (format!("attribute_{k}"), 1.5.into())).collect(),
        };
        let flags = Numbers::Flags((0..2000).map(|k| k % 97 == 0).collect());
        let depth = Numbers::Integers((0..2000).map(|k| k % 7).collect());
        let stats = InferenceGroup {
            name: "sample_stats".into(),
            dimensions: vec![number("chain", 4), number("draw", 500)],
            variables: vec![
                variable("diverging", &["chain", "draw"], flags),
                variable("tree_depth", &["chain", "draw"], depth),
            ],
            attributes: Vec::new(),
        };
        let times = Labels::Floats((0..30).map(|k| f64::from(k) * 10.0).collect());
        let observed = InferenceGroup {
            name: "observed_data".into(),
            dimensions: vec![Dimension { name: "time_0".into(), labels: times }],
            variables: vec![variable("voltage_0", &["time_0"], floats(30))],
            attributes: Vec::new(),
        };
        let attributes = vec![("creation_library".into(), "surrogate".into())];
        InferenceData { attributes, groups: vec![posterior, stats, observed] }
    }

    fn floats(count: usize) -> Numbers {
        Numbers::Floats((0..count).map(|k| ((k * 7919) % 1000) as f64 / 1000.0).collect())
    }

    #[test]
    fn a_file_reads_back_with_its_values() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("posterior.nc");
        example().write(&path).unwrap();
        let file = hdf5_pure::File::from_bytes(std::fs::read(&path).unwrap()).unwrap();
        let group = file.root().group("posterior").unwrap();
        let Numbers::Floats(written) = floats(8000) else { unreachable!() };
        assert_eq!(group.dataset("theta").unwrap().read_f64().unwrap(), written);
        // for tests/read_posterior.py
        if let Some(keep) = std::env::var_os("SURROGATE_KEEP_POSTERIOR") {
            std::fs::copy(&path, keep).unwrap();
        }
    }

    #[test]
    fn wrong_shapes_and_names_are_refused() {
        let path = Path::new("posterior.nc");
        let refused = |change: &dyn Fn(&mut InferenceGroup)| {
            let mut data = example();
            change(&mut data.groups[0]);
            data.write(path).unwrap_err().to_string()
        };
        assert!(refused(&|g| g.variables[0].values = floats(3)).contains("posterior/D_s"));
        assert!(refused(&|g| g.variables[0].name = "chain".into()).contains("twice"));
        assert!(refused(&|g| g.variables[0].dimensions[0] = "walker".into()).contains("walker"));
        assert!(refused(&|g| g.dimensions[0].labels = Labels::count(0)).contains("empty"));
    }
}
