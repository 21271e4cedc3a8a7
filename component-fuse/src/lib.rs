//! Makes one core module of the core modules that a component links.
//!
//! A component made of shared libraries, as Python's is, instantiates a dozen core modules
//! that share one memory and one table; most of the time of an instantiation goes into
//! filling that table and resolving their imports. What they would be linked to at run
//! time is known beforehand, so they are linked here, once: calls between modules become
//! plain calls, the table is filled by constant segments, globals that nothing writes
//! become constants.
//!
//! The result behaves as the original does. Whatever is not understood is refused with
//! [`Refused`], never skipped: the caller then uses the component as it is.
//!
//! [`image`] takes the memory's initial content out of a component.

#![forbid(unsafe_code)]

mod component;
mod emit_component;
mod emit_module;
pub mod image;
mod link;
mod module;
mod plan;
mod sections;
mod trampolines;

use wasmparser::{Validator, WasmFeatures};

/// Why a component is not fused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(pub String);

impl Refused {
    /// Says where it was.
    fn within(self, place: impl std::fmt::Display) -> Self {
        Self(format!("{place}: {}", self.0))
    }
}

impl From<wasmparser::BinaryReaderError> for Refused {
    fn from(error: wasmparser::BinaryReaderError) -> Self {
        Self(format!("not a valid binary: {error}"))
    }
}

fn refuse<T>(why: impl Into<String>) -> Result<T, Refused> {
    Err(Refused(why.into()))
}

/// What is added to the fused component, beyond what the original exports.
#[derive(Clone, Debug, Default)]
pub struct Additions<'a> {
    /// Core functions without parameters and results, by the name under which some module
    /// exports them, and the name of the component's export that calls them.
    pub functions: &'a [(&'a str, &'a str)],
    /// Exports that read and write the mutable globals, see [`GLOBAL`] and [`SET_GLOBALS`]:
    /// together with the memory, they are all the state of an instance. They are zero in
    /// a new instance, and have to be set before anything else is called: so components
    /// that differ in nothing else are the same.
    pub globals: bool,
    /// Functions of the host's that need not be asked, by their interface (as the component
    /// imports it, with its version) and name: an instance has fewer imports to resolve.
    pub stubs: Option<fn(&str, &str) -> Option<Stub>>,
}

/// What is done instead of calling a function of the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stub {
    /// Traps: nothing calls it, as what it acts on cannot be had.
    Trap,
    /// Answers. The result is one that is passed in memory: these bytes, at these offsets.
    Answer(&'static [(u32, u8)]),
}

/// Exports `global-0`, `global-1`, ...: the value of each mutable global, `func() -> u32`.
pub const GLOBAL: &str = "global-";

/// Export that sets all mutable globals, `func(u32, ...)`, in the order of [`GLOBAL`].
pub const SET_GLOBALS: &str = "set-globals";

#[derive(Clone, Debug)]
pub struct Fused {
    pub component: Vec<u8>,
    /// Initial values of the mutable globals, in the order of [`GLOBAL`].
    pub globals: Vec<u32>,
    pub summary: Summary,
}

/// What became of the modules.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub modules: usize,
    pub functions_before: usize,
    pub functions: usize,
    pub table_entries: usize,
    pub mutable_globals: usize,
    /// Functions that did nothing but call another through the table, and calls to which
    /// are direct now.
    pub trampolines: usize,
}

/// Fuses the core modules of a component.
pub fn fuse(component: &[u8], additions: &Additions) -> Result<Fused, Refused> {
    validate(component).map_err(|error| error.within("the component"))?;
    let parsed = component::parse(component)?;
    let linked = link::Linked::new(&parsed)?;
    let plan = plan::Plan::new(&linked, additions)?;
    let module = emit_module::emit(&plan)?;
    let fused = emit_component::emit(&plan, &module)?;
    validate(&fused)
        .map_err(|error| error.within("the fused component (a defect of the fuser)"))?;
    Ok(Fused { component: fused, globals: module.globals, summary: plan.summary() })
}

/// Instructions and types beyond these could mean more than is looked at here.
fn validate(component: &[u8]) -> Result<(), Refused> {
    let features =
        WasmFeatures::WASM2 | WasmFeatures::COMPONENT_MODEL | WasmFeatures::EXTENDED_CONST;
    Validator::new_with_features(features).validate_all(component)?;
    Ok(())
}
