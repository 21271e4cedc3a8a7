//! The compiled component, linked: what makes instances.

use std::sync::Arc;

use component_fuse::{GLOBAL, SET_GLOBALS};
use host_api::{Function, FunctionIndices};
use wasmtime::component::{Component, ComponentExportIndex, Instance, InstancePre, Linker, Val};
use wasmtime::{Engine, Store};

use crate::memory::{Image, use_image};
use crate::run::State;

/// Exports that let go of what an instance alone has open; see `python-wasm`'s build.
const RESETS: [&str; 2] = ["reset-adapter", "reset-preopens"];

pub struct Code {
    pre: InstancePre<State>,
    indices: FunctionIndices,
    /// How the state beside the memory is read and set, if the component lets it.
    state: Option<StateExports>,
}

struct StateExports {
    globals: Vec<ComponentExportIndex>,
    set_globals: ComponentExportIndex,
    resets: Vec<ComponentExportIndex>,
}

/// An instance.
pub struct Guest {
    pub exports: Function,
    instance: Instance,
    /// Whether its memory had to be made first.
    pub cold: bool,
}

impl Code {
    pub fn new(engine: &Engine, component: &Component) -> wasmtime::Result<Self> {
        let mut linker = Linker::new(engine);
        host_api::add_to_linker(&mut linker)?;
        let pre = linker.instantiate_pre(component)?;
        let indices = FunctionIndices::new(&pre)?;
        Ok(Self { pre, indices, state: StateExports::find(component) })
    }

    pub fn engine(&self) -> &Engine {
        self.pre.engine()
    }

    /// Whether the whole state of an instance can be taken and given.
    pub fn has_state(&self) -> bool {
        self.state.is_some()
    }

    /// An instance over a memory that equals the image.
    pub fn instantiate(
        &self,
        store: &mut Store<State>,
        image: &Arc<Image>,
    ) -> wasmtime::Result<Guest> {
        let (instance, at_hand) = use_image(image, || self.pre.instantiate(&mut *store));
        let instance = instance?;
        if let Some(state) = &self.state {
            let values: Vec<Val> = image.globals.iter().map(|&value| Val::U32(value)).collect();
            call(&instance, store, &state.set_globals, &values, &mut [])?;
        }
        let exports = self.indices.load(&mut *store, &instance)?;
        Ok(Guest { exports, instance, cold: !at_hand })
    }

    /// Lets the instance forget the files and streams that it has open.
    pub fn reset(&self, store: &mut Store<State>, guest: &Guest) -> wasmtime::Result<()> {
        let state = self.state.as_ref();
        for export in state.map_or(&[][..], |state| &state.resets) {
            call(&guest.instance, store, export, &[], &mut [])?;
        }
        Ok(())
    }

    /// The values of the mutable globals.
    pub fn globals(&self, store: &mut Store<State>, guest: &Guest) -> wasmtime::Result<Vec<u32>> {
        let state = self.state.as_ref();
        state
            .map_or(&[][..], |state| &state.globals)
            .iter()
            .map(|export| {
                let mut value = [Val::U32(0)];
                call(&guest.instance, store, export, &[], &mut value)?;
                match value {
                    [Val::U32(value)] => Ok(value),
                    [other] => wasmtime::bail!("a global of another kind: {other:?}"),
                }
            })
            .collect()
    }
}

impl StateExports {
    fn find(component: &Component) -> Option<Self> {
        let find = |name: &str| component.get_export_index(None, name);
        let globals = (0..).map_while(|at| find(&format!("{GLOBAL}{at}"))).collect();
        let resets = RESETS.iter().map(|name| find(name)).collect::<Option<_>>()?;
        Some(Self { globals, set_globals: find(SET_GLOBALS)?, resets })
    }
}

fn call(
    instance: &Instance,
    store: &mut Store<State>,
    export: &ComponentExportIndex,
    values: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    match instance.get_func(&mut *store, export) {
        Some(function) => function.call(&mut *store, values, results),
        None => wasmtime::bail!("the component has no such function"),
    }
}
