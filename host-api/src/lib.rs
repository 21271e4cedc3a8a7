//! What a guest may ask of its host: the WIT world `mecapy:sandbox/function`, the host's
//! side of its imports, and the subset of WASI that CPython needs, over memory alone.
//!
//! No import here touches the host's files, network, environment or processes. Every
//! import that can wait gives up at the call's deadline; every one that can allocate is
//! bounded. Compiling, instantiating and metering are `runtime`'s work.

#![forbid(unsafe_code)]

mod clock;
mod ctx;
mod files;
mod logs;
mod progress;
mod random;
pub mod tmp;
mod vfs;
mod wasi;

pub use clock::Clock;
pub use ctx::{Ctx, CtxBuilder, Held, HostStop};
pub use vfs::Root;

use wasmtime::component::{HasSelf, Linker};

/// Rust shapes of the world, generated from `wit/world.wit`.
mod bindings {
    wasmtime::component::bindgen!({
        path: "wit",
        world: "function",
        imports: { default: trappable },
        with: {
            "mecapy:sandbox/files.reader": crate::files::Reader,
            "mecapy:sandbox/files.writer": crate::files::Writer,
        },
    });
}

pub use bindings::mecapy::sandbox::types::{
    Failure as GuestFailure, FailureKind as GuestFailureKind, Handler, LeftOut, MissingModule,
};
pub use bindings::{Function, FunctionIndices};

/// Most resources (open files, streams, timers) that a call may hold at a time.
pub const MAX_RESOURCES: usize = 4096;

/// A store's data, which holds the context of its call.
pub trait HostView: Send + 'static {
    fn ctx(&mut self) -> &mut Ctx;
}

/// Links every import of the world, WASI included, to the context within the store's data.
pub fn add_to_linker<T: HostView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::mecapy::sandbox;
    sandbox::log::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    sandbox::progress::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    sandbox::files::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    sandbox::types::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    wasi::add_to_linker(linker)
}
