//! Functions' snapshots: the memory of an instance with a handler loaded, as the pages
//! that differ from the interpreter's image, and the globals.
//!
//! `format` writes and reads them, `make` takes them, `compare` finds out whether they
//! change what calls give, `store` keeps them on disk and mapped.

pub mod bytecode;
mod compare;
mod format;
pub mod immortal;
mod make;
mod store;

pub use compare::compare;
pub use format::Identity;
pub use make::make;
pub use store::Store;
