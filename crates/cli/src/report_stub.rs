use std::path::{Path, PathBuf};
#[derive(Debug)]
pub struct ReportError;
impl std::fmt::Display for ReportError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("report")
    }
}
impl std::error::Error for ReportError {}
pub fn report(p: &Path) -> Result<PathBuf, ReportError> {
    Ok(p.to_path_buf())
}
pub fn compare(_: &[PathBuf], p: &Path) -> Result<PathBuf, ReportError> {
    Ok(p.to_path_buf())
}
