//! surrogate-engine
