//! Space group and cell where they are known: as they are written, and what they leave of proposals.

use surrogate_crystal::Lattice;
use surrogate_crystal::retrieve::{KnownSymmetry, Library, Query};
use surrogate_crystal::symmetry::{CrystalSystem, GroupSetting, SpaceGroup, SymmetricStructure};

use super::arguments::Generate;
use crate::failure::Failure;

/// Share by which refined lengths may differ from a given cell, and angles by as many times 100 degrees.
const SAME_CELL: f64 = 0.03;
/// Share and angle within which lengths and angles of a given cell are equal.
const EQUAL: f64 = 0.01;
/// Names of all cell parameters.
const ALL: [&str; 6] = ["a", "b", "c", "alpha", "beta", "gamma"];
/// Volumes that elements may take beside the usual, for the number of formula units of a given cell.
const VOLUMES: [f64; 2] = [0.7, 1.45];

/// What is known of the symmetry.
#[derive(Default)]
pub struct Conditions {
    /// The space group.
    pub group: Option<&'static SpaceGroup>,
    /// Free parameters of the cell; several where axes may be named in several orders.
    pub cells: Vec<Vec<f64>>,
}

impl Conditions {
    /// Reads `--space-group` and `--cell`.
    ///
    /// # Errors
    /// A group that is none; a cell that is none, or none of that group.
    pub fn read(arguments: &Generate) -> Result<Self, Failure> {
        let Some(text) = &arguments.space_group else { return Ok(Self::default()) };
        let (group, setting) = group(text)?;
        let turned = matches!(group.system(), CrystalSystem::Monoclinic | CrystalSystem::Hexagonal);
        let cells = match &arguments.cell[..] {
            [] => Vec::new(),
            // orders of orthorhombic axes are all tried
            _ if turned && setting.is_some_and(|s| !s.is_standard()) => {
                return Err(Failure::helped(
                    format!("--cell: axes as in {text} are not read"),
                    format!("give --space-group {} and the cell of that setting", group.number),
                ));
            }
            given => orders(group, &cell(group, given)?),
        };
        Ok(Self { group: Some(group), cells })
    }

    /// The same for a search without examples.
    pub fn symmetry(&self) -> Option<KnownSymmetry> {
        Some(KnownSymmetry { group: self.group?, cells: self.cells.clone() })
    }

    /// Whether elements may fill the cell with so many atoms, given the volumes that they usually take.
    pub fn holds(&self, expected: f64) -> bool {
        let (Some(group), Some(cell)) = (self.group, self.cells.first()) else { return true };
        let structure = SymmetricStructure { group, cell: cell.clone(), orbits: Vec::new() };
        let volume = structure.primitive_lattice().map_or(0.0, |lattice| lattice.volume());
        (VOLUMES[0]..=VOLUMES[1]).contains(&(volume / expected))
    }

    /// What they leave of a library; nothing where they say nothing.
    pub fn of_library(&self, library: &Library, query: &Query) -> Option<Vec<Library>> {
        let own = library.in_group(self.group?.number);
        if self.cells.is_empty() {
            return Some(vec![own]);
        }
        Some(self.cells.iter().map(|cell| own.at_cell(cell, &query.composition)).collect())
    }

    /// Whether a refined crystal is still as they say.
    pub fn hold_for(&self, crystal: &SymmetricStructure) -> bool {
        let lengths = crystal.cell_lengths();
        let near = |cell: &Vec<f64>| {
            let each = crystal.cell.iter().zip(cell).enumerate();
            crystal.cell.len() == cell.len()
                && each.into_iter().all(|(k, (x, y))| {
                    let scale = if k < lengths { *y } else { 100.0 };
                    (x - y).abs() <= SAME_CELL * scale
                })
        };
        self.group.is_none_or(|g| g.number == crystal.group.number)
            && (self.cells.is_empty() || self.cells.iter().any(near))
    }
}

/// A space group by its number or symbol, and the setting of the symbol.
fn group(text: &str) -> Result<(&'static SpaceGroup, Option<GroupSetting>), Failure> {
    let help = "a number from 1 to 230, or a symbol such as Fm-3m, P4_2/mnm or P21/n";
    let wrong = || Failure::helped(format!("--space-group {text}: there is no such group"), help);
    if let Ok(number) = text.trim().parse::<u16>() {
        return SpaceGroup::get(number).map(|group| (group, None)).ok_or_else(wrong);
    }
    let known = |setting: GroupSetting| Some((SpaceGroup::get(setting.number()?)?, Some(setting)));
    GroupSetting::of_name(text).into_iter().find_map(known).ok_or_else(wrong)
}

/// Free parameters of a cell that is written in full or by these alone.
fn cell(group: &'static SpaceGroup, given: &[f64]) -> Result<Vec<f64>, Failure> {
    let shown = given.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    let named = |why: String, help: String| Failure::helped(format!("--cell {shown}: {why}"), help);
    let names = SymmetricStructure::cell_names(group.system());
    let free: Vec<f64> = if given.len() == ALL.len() {
        let place = |name: &&str| ALL.iter().position(|n| n == name).unwrap_or(0);
        names.iter().map(|name| given[place(name)]).collect()
    } else {
        given.to_vec()
    };
    if free.len() != names.len() {
        let help =
            format!("all of {}, or for {} {} alone", ALL.join(","), group.symbol, names.join(","));
        return Err(named(format!("{} numbers", given.len()), help));
    }
    let units = || "lengths from 1 to 200 angstrom, angles in degrees".to_string();
    let full = SymmetricStructure { group, cell: free.clone(), orbits: Vec::new() };
    let full = full.cell_parameters();
    Lattice::from_parameters(full).map_err(|e| named(e.to_string(), units()))?;
    if let Some(a) = full.lengths.iter().find(|a| !(1.0..=200.0).contains(*a)) {
        return Err(named(format!("a length of {a} angstrom"), units()));
    }
    let all = [full.lengths, full.angles_deg].concat();
    let near = |k: usize| (given[k] - all[k]).abs() <= EQUAL * if k < 3 { all[k] } else { 100.0 };
    if given.len() == ALL.len() && !(0..ALL.len()).all(near) {
        let rounded = all.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
        return Err(named(
            format!("no cell of {} ({})", group.symbol, group.number),
            format!(
                "in its standard setting {} are free; with these it is {rounded}",
                names.join(",")
            ),
        ));
    }
    Ok(free)
}

/// The same cell with its axes named in every order, where the group does not say which is which.
fn orders(group: &SpaceGroup, cell: &[f64]) -> Vec<Vec<f64>> {
    const THREE: [[usize; 3]; 6] =
        [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    match group.system() {
        CrystalSystem::Orthorhombic => THREE.map(|o| o.map(|k| cell[k]).to_vec()).to_vec(),
        CrystalSystem::Monoclinic => {
            vec![cell.to_vec(), vec![cell[2], cell[1], cell[0], cell[3]]]
        }
        _ => vec![cell.to_vec()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message<T>(result: Result<T, Failure>) -> String {
        result.err().map_or_else(String::new, |e| e.to_string())
    }

    #[test]
    fn groups_are_known_by_number_and_symbol() {
        for text in ["225", "Fm-3m", "F m -3 m", "fm-3m"] {
            assert_eq!(group(text).unwrap().0.number, 225, "{text}");
        }
        assert_eq!(group("P4_2/mnm").unwrap().0.number, 136);
        assert_eq!(group("P42/mnm").unwrap().0.number, 136);
        for text in ["231", "0", "-1", "Fm3x", ""] {
            assert!(message(group(text)).contains("no such group"), "{text}");
        }
    }

    #[test]
    fn cells_are_those_of_their_group() {
        let rutile = group("136").unwrap().0;
        assert_eq!(cell(rutile, &[4.594, 2.959]).unwrap(), [4.594, 2.959]);
        assert_eq!(cell(rutile, &[4.594, 4.594, 2.959, 90.0, 90.0, 90.0]).unwrap(), [4.594, 2.959]);
        assert!(message(cell(rutile, &[4.6, 4.9, 2.9, 90.0, 90.0, 90.0])).contains("no cell of"));
        assert!(message(cell(rutile, &[4.6])).contains("1 numbers"));
        assert!(message(cell(rutile, &[-4.6, 3.0])).contains("positive"));
        assert!(message(cell(rutile, &[4.6, 3000.0])).contains("3000"));
        assert!(
            message(cell(group("2").unwrap().0, &[5.0, 5.0, 5.0, 20.0, 20.0, 170.0]))
                .contains("cell")
        );
    }
}
