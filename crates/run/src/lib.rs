//! surrogate-run
