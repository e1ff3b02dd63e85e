//! surrogate-solve
