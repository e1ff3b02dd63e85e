//! surrogate-report
