//! What every figure must be.

use std::fs;
use std::path::Path;

use surrogate_run::Table;

/// Every tag is closed in order, every attribute value is quoted: enough of XML to trust an SVG.
fn assert_well_formed(svg: &str, name: &str) {
    let mut open: Vec<String> = Vec::new();
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap_or_else(|| panic!("{name}: tag {tag:?}"));
        assert!(!text.contains('&') || text.contains(';'), "{name}: {text:?}");
        assert_eq!(tag.matches('"').count() % 2, 0, "{name}: {tag:?}");
        if let Some(closed) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(closed), "{name}");
        } else if !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap().to_owned());
        }
    }
    assert!(open.is_empty(), "{name}: {open:?} not closed");
}

/// Figures are well formed, described, and have a table.
pub(crate) fn assert_figures_are_sound(run: &Path, names: &[String]) {
    for name in names {
        let svg = fs::read_to_string(run.join(format!("figures/{name}.svg"))).unwrap();
        assert_well_formed(&svg, name);
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{name}");
        assert!(svg.contains("aria-label=\"") && svg.contains("<title>"), "{name}");
        let table = Table::read_csv(&run.join(format!("figures/{name}.csv"))).unwrap();
        assert!(table.rows() > 0, "{name}");
    }
}
