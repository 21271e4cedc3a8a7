//! A fused component does what the original does.
//!
//! [`compare::check`] plays a script of calls on a component and on everything that is made
//! of it. Each module beside it holds the components of one subject, as text.

mod additions;
mod again;
mod calls;
mod command;
mod compare;
mod globals;
mod host;
mod image;
mod libraries;
mod lowered;
mod mangled;
mod memory;
mod names;
mod nested;
mod random;
mod refusals;
mod resources;
mod segments;
mod shims;
mod stubs;
mod traps;
