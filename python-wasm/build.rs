//! Builds the Python component: CPython, its native modules and the guest shim, already
//! initialised, as one WebAssembly component; and packs the standard library beside it.
//!
//! Everything comes from crates that Cargo has locked and checked: nothing is downloaded
//! here, and Cargo caches the result for as long as the guest's sources stay the same.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use componentize_py::{ComponentGenerator, Ctx};
use wasmtime::component::{Linker, ResourceType};

/// Number of images of each flavour, each initialised with a hash seed of its own.
const SEEDS: u64 = 1;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=guest");
    println!("cargo::rerun-if-changed=../host-api/wit");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    for seed in 0..SEEDS {
        let wasm = out.join(format!("python-{seed}.wasm"));
        componentize(seed, &wasm).with_context(|| format!("building {}", wasm.display()))?;
    }
    Ok(())
}

fn componentize(seed: u64, output: &Path) -> Result<()> {
    let add_to_linker = move |linker: &mut Linker<Ctx>| add_imports(linker, seed).map_err(Into::into);
    let generator = ComponentGenerator {
        wit_paths: &[Path::new("../host-api/wit")],
        worlds: &["function"],
        features: &[],
        all_features: false,
        world_module: None,
        python_path: &["guest", "guest/site"],
        module_worlds: &[],
        app_name: "app",
        output_path: output,
        add_to_linker: Some(&add_to_linker),
        stub_wasi: false,
        import_interface_names: &HashMap::new(),
        export_interface_names: &HashMap::new(),
        full_names: false,
        intersect_world: None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().build()?;
    runtime.block_on(generator.generate())
}

/// WASI as the initialising interpreter sees it, with chosen randomness, so that the same
/// sources give the same component; and our own imports, which must not be called yet.
fn add_imports(linker: &mut Linker<Ctx>, seed: u64) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut random = linker.instance("wasi:random/random@0.2.6")?;
    random.func_wrap("get-random-bytes", move |_, (length,): (u64,)| {
        Ok((random_bytes(seed, length as usize),))
    })?;
    random.func_wrap("get-random-u64", move |_, (): ()| {
        let bytes = random_bytes(seed, 8);
        Ok((u64::from_le_bytes(bytes.try_into().unwrap_or_default()),))
    })?;
    for (interface, resources, functions) in OUR_IMPORTS {
        let mut instance = linker.instance(interface)?;
        for resource in *resources {
            instance.resource(resource, ResourceType::host::<()>(), |_, _| Ok(()))?;
        }
        for function in *functions {
            let name = format!("{interface}#{function}");
            instance.func_new(function, move |_, _, _, _| {
                Err(wasmtime::format_err!("{name} was called while the image was made"))
            })?;
        }
    }
    Ok(())
}

/// Interfaces of our own that the guest imports: their resources and functions.
type Imports = &'static [(&'static str, &'static [&'static str], &'static [&'static str])];

const OUR_IMPORTS: Imports = &[
    ("mecapy:sandbox/log@0.1.0", &[], &["write"]),
    ("mecapy:sandbox/progress@0.1.0", &[], &["report"]),
    (
        "mecapy:sandbox/files@0.1.0",
        &["reader", "writer"],
        &["open", "create", "[method]reader.read", "[method]writer.write", "[method]writer.finish"],
    ),
];

fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_derive_key("mecapy python-wasm initial entropy")
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}
