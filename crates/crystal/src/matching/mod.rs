//! Whether two structures are the same crystal, by the rules of pymatgen's `StructureMatcher`.
//!
//! Both are reduced to primitive Niggli cells and scaled to one volume. Every choice of axes of the
//! first whose lengths and angles are near those of the second, and every translation that puts an
//! atom of the rarest element on one of its kind, is tried; atoms are paired so that squared distances
//! are least, their mean displacement is taken out, and distances are divided by the cube root of the
//! volume per atom. Mirror images match. Written anew from the description of the method; equality is
//! measured by benches/compare/crystal_matching.py.

mod assignment;
mod matcher;
mod primitive;

pub use matcher::{Distance, Reduced, StructureMatcher};
