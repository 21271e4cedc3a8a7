//! WASI 0.2 over the call's own context: one file per package.
//!
//! The shapes of the interfaces, and the network that is never there, come from
//! `wasmtime-wasi`. What waits, reads, writes or tells the time is implemented here: the
//! library's own would touch the host, and could block past the call's deadline.

mod cli;
mod clocks;
mod descriptors;
mod filesystem;
mod poll;
mod randomness;
mod streams;

pub(crate) use descriptors::{Inodes, is_open_file};

use wasmtime::component::{HasSelf, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings;
use wasmtime_wasi::sockets::{WasiSockets, WasiSocketsCtxView};

use crate::HostView;
use crate::ctx::Ctx;

pub fn add_to_linker<T: HostView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::sync::{filesystem, io};
    use bindings::{cli, clocks, random};

    io::poll::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    io::streams::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    io::error::add_to_linker::<T, HasSelf<ResourceTable>>(linker, |data| &mut data.ctx().table)?;
    filesystem::types::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    filesystem::preopens::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    clocks::wall_clock::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    clocks::monotonic_clock::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    random::random::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    random::insecure::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    random::insecure_seed::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::environment::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::exit::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::stdin::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::stdout::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::stderr::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::terminal_input::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::terminal_output::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::terminal_stdin::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::terminal_stdout::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    cli::terminal_stderr::add_to_linker::<T, HasSelf<Ctx>>(linker, T::ctx)?;
    add_sockets(linker)
}

/// Sockets that can be made of nothing: the context allows no protocol and no look-up.
fn add_sockets<T: HostView>(linker: &mut Linker<T>) -> wasmtime::Result<()> {
    use bindings::sockets::{instance_network, ip_name_lookup, network, tcp_create_socket};
    use bindings::sync::sockets::{tcp, udp, udp_create_socket};

    fn view<T: HostView>(data: &mut T) -> WasiSocketsCtxView<'_> {
        let ctx = data.ctx();
        WasiSocketsCtxView { ctx: &mut ctx.sockets, table: &mut ctx.table }
    }
    tcp::add_to_linker::<T, WasiSockets>(linker, view)?;
    udp::add_to_linker::<T, WasiSockets>(linker, view)?;
    udp_create_socket::add_to_linker::<T, WasiSockets>(linker, view)?;
    tcp_create_socket::add_to_linker::<T, WasiSockets>(linker, view)?;
    instance_network::add_to_linker::<T, WasiSockets>(linker, view)?;
    network::add_to_linker::<T, WasiSockets>(linker, &Default::default(), view)?;
    ip_name_lookup::add_to_linker::<T, WasiSockets>(linker, view)
}

/// The same table entry under the type that the generated bindings know it by, and back.
///
/// The bindings name the library's own resource types; the entries here are of types of
/// our own. The table checks the real type at every access.
fn retype<T: 'static, U: 'static>(resource: &Resource<T>) -> Resource<U> {
    Resource::new_own(resource.rep())
}
