//! Builds the Python components: CPython, its native modules and the guest shim, already
//! initialised, as WebAssembly components whose core modules are fused; and packs the
//! standard library beside them.
//!
//! Everything comes from crates that Cargo has locked and checked: nothing is downloaded
//! here, and Cargo keeps the result for as long as the guest's sources stay the same.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use component_fuse::{Additions, Stub, fuse, image};
use componentize_py::{ComponentGenerator, Ctx};
use walkdir::WalkDir;
use wasmtime::component::{Linker, ResourceType};

/// A component to build: the shim with whatever else its Python path holds.
struct Flavour {
    name: &'static str,
    /// Folders added to the guest's path, native extensions included.
    python_path: &'static [&'static str],
}

/// `python` is CPython with nothing beside it. One with native WASI extensions adds a
/// folder that holds their `*.cpython-314-wasm32-wasi.so`.
const FLAVOURS: &[Flavour] = &[Flavour { name: "python", python_path: &[] }];

/// What lets the host take and give the whole state of an instance: its globals, and
/// forgetting of files and streams that are open in the instance alone.
const ADDITIONS: Additions = Additions {
    functions: &[
        ("reset_adapter_state", "reset-adapter"),
        ("__wasilibc_reset_preopens", "reset-preopens"),
    ],
    globals: true,
    stubs: Some(stub),
};

/// `error-code::access-denied` of `wasi:sockets`, as a `result` with a resource has it.
const DENIED: Stub = Stub::Answer(&[(0, 1), (4, 1)]);

/// There is no network: a socket cannot be had, and so nothing can be done with one.
fn stub(interface: &str, function: &str) -> Option<Stub> {
    let (interface, _version) = interface.split_once('@')?;
    match (interface, function) {
        ("wasi:sockets/tcp-create-socket" | "wasi:sockets/udp-create-socket", _)
        | ("wasi:sockets/ip-name-lookup", "resolve-addresses") => Some(DENIED),
        ("wasi:sockets/instance-network", _) => None,
        (interface, _) => interface.starts_with("wasi:sockets/").then_some(Stub::Trap),
    }
}

/// Images of each flavour, which differ only in the interpreter's hash seed.
const SEEDS: u64 = 2;

/// Seeds of the images are counted from here; changing it changes every hash.
const FIRST_SEED: u64 = 0;

fn main() -> Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=guest");
    println!("cargo::rerun-if-changed=pack_stdlib.py");
    println!("cargo::rerun-if-changed=../host-api/wit");
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let guest = out.join("guest");
    copy_sources(Path::new("guest"), &guest)?;
    pack_stdlib(&out)?;
    let mut statics = String::new();
    for flavour in FLAVOURS {
        let (site, export) = (guest.join("site"), out.join("export"));
        let mut path = vec![guest.as_path(), site.as_path(), export.as_path()];
        path.extend(flavour.python_path.iter().map(Path::new));
        let mut built = Vec::new();
        for seed in 0..SEEDS {
            let component = out.join("component.wasm");
            componentize("_mecapy_app", &path, FIRST_SEED + seed, &component)
                .with_context(|| format!("building {} with seed {seed}", flavour.name))?;
            built.push(fs::read(&component)?);
            fs::remove_file(&component)?;
        }
        statics += &write_flavour(&out, flavour.name, &built)?;
    }
    fs::write(out.join("flavours.rs"), statics)?;
    Ok(())
}

/// Writes a flavour's components and images, and answers with the statics that hold them.
fn write_flavour(out: &Path, name: &str, components: &[Vec<u8>]) -> Result<String> {
    let mut plain = Vec::new();
    for (seed, component) in components.iter().enumerate() {
        let taken = image::take(component)?;
        let (code, memory) =
            (format!("{name}-{seed}.wasm.zst"), format!("{name}-{seed}.image.zst"));
        write_compressed(&out.join(&code), &taken.component)?;
        write_compressed(&out.join(&memory), &taken.image)?;
        plain.push((code, memory, None));
    }
    let fused = match fused(components) {
        Ok((code, globals)) => {
            let file = format!("{name}.wasm.zst");
            write_compressed(&out.join(&file), &code)?;
            let with_globals = |((_, memory, _), globals): (&(_, String, _), _)| {
                (file.clone(), memory.clone(), Some(globals))
            };
            plain.iter().zip(globals).map(with_globals).collect()
        }
        Err(refused) => {
            println!("cargo::warning=the modules of {name} are not fused: {refused:#}");
            plain.clone()
        }
    };
    let upper = name.to_uppercase();
    Ok(flavour_static(&upper, name, &fused)
        + "#[cfg(feature = \"plain\")]\n"
        + &flavour_static(&format!("{upper}_PLAIN"), &format!("{name}-plain"), &plain))
}

/// The code that all of a flavour's images share, and the globals of each.
fn fused(components: &[Vec<u8>]) -> Result<(Vec<u8>, Vec<Vec<u32>>)> {
    let mut shared: Option<Vec<u8>> = None;
    let mut globals = Vec::new();
    for component in components {
        let fused = fuse(component, &ADDITIONS)?;
        let code = image::take(&fused.component)?.component;
        let first = shared.get_or_insert_with(|| code.clone());
        ensure!(*first == code, "images of different seeds do not share their code");
        globals.push(fused.globals);
    }
    Ok((shared.context("a flavour without images")?, globals))
}

/// Component, memory, and globals where they are not the component's own.
type Parts = (String, String, Option<Vec<u32>>);

fn flavour_static(constant: &str, name: &str, images: &[Parts]) -> String {
    let include = |file: &str| format!("include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{file}\"))");
    let mut text =
        format!("pub static {constant}: Flavour = Flavour {{ name: {name:?}, images: &[\n");
    for (code, memory, globals) in images {
        let globals = match globals {
            Some(globals) => format!("Some(&{globals:?})"),
            None => "None".to_owned(),
        };
        text += &format!(
            "    Image {{ component: {}, memory: {}, globals: {globals} }},\n",
            include(code),
            include(memory),
        );
    }
    text + "] };\n"
}

fn write_compressed(path: &Path, bytes: &[u8]) -> Result<()> {
    Ok(fs::write(path, zstd::bulk::compress(bytes, 9)?)?)
}

/// Copies the guest's Python files, so that the interpreter writes no bytecode beside them.
fn copy_sources(from: &Path, to: &Path) -> Result<()> {
    if to.exists() {
        fs::remove_dir_all(to)?;
    }
    for entry in WalkDir::new(from).sort_by_file_name() {
        let entry = entry?;
        if entry.path().extension().is_some_and(|extension| extension == "py") {
            let target = to.join(entry.path().strip_prefix(from)?);
            fs::create_dir_all(target.parent().context("a file has a parent")?)?;
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}

/// Lets the guest's interpreter copy and compile its own standard library, and packs the
/// result as one archive.
fn pack_stdlib(out: &Path) -> Result<()> {
    let (script, export) = (out.join("pack"), out.join("export"));
    for folder in [&script, &export] {
        if folder.exists() {
            fs::remove_dir_all(folder)?;
        }
        fs::create_dir_all(folder)?;
    }
    fs::copy("pack_stdlib.py", script.join("pack_stdlib.py"))?;
    let guest = out.join("guest");
    // The third entry is `/2` in the guest.
    let path = [guest.as_path(), script.as_path(), export.as_path()];
    let discarded = out.join("pack.wasm");
    componentize("pack_stdlib", &path, FIRST_SEED, &discarded)
        .context("packing the standard library")?;
    fs::remove_file(discarded)?;

    let root = export.join("python");
    let mut archive = tar::Builder::new(Vec::new());
    for entry in WalkDir::new(&root).sort_by_file_name() {
        let entry = entry?;
        if entry.file_type().is_file() {
            let bytes = fs::read(entry.path())?;
            let mut header = tar::Header::new_gnu();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o444);
            archive.append_data(&mut header, entry.path().strip_prefix(&root)?, &bytes[..])?;
        }
    }
    fs::write(out.join("stdlib.tar"), archive.into_inner()?)?;
    Ok(())
}

fn componentize(app: &str, path: &[&Path], seed: u64, output: &Path) -> Result<()> {
    let path: Vec<&str> = path
        .iter()
        .map(|path| path.to_str().context("path is not UTF-8"))
        .collect::<Result<_>>()?;
    let add_to_linker = move |linker: &mut Linker<Ctx>| Ok(add_imports(linker, seed)?);
    let generator = ComponentGenerator {
        wit_paths: &[Path::new("../host-api/wit")],
        worlds: &["function"],
        features: &[],
        all_features: false,
        world_module: None,
        python_path: &path,
        module_worlds: &[],
        app_name: app,
        output_path: output,
        add_to_linker: Some(&add_to_linker),
        stub_wasi: false,
        import_interface_names: &HashMap::new(),
        export_interface_names: &HashMap::new(),
        full_names: false,
        intersect_world: None,
    };
    tokio::runtime::Builder::new_current_thread().build()?.block_on(generator.generate())
}

/// Interfaces of our own that the guest imports: name, resources, functions.
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

/// WASI as the initialising interpreter sees it: with chosen randomness and fixed clocks,
/// so that the same sources give the same image; and our own imports, which nothing may
/// call yet.
fn add_imports(linker: &mut Linker<Ctx>, seed: u64) -> wasmtime::Result<()> {
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    linker.allow_shadowing(true);
    let mut random = linker.instance("wasi:random/random@0.2.0")?;
    random.func_wrap("get-random-bytes", move |_, (length,): (u64,)| {
        Ok((random_bytes(seed, length as usize),))
    })?;
    random.func_wrap("get-random-u64", move |_, (): ()| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&random_bytes(seed, 8));
        Ok((u64::from_le_bytes(bytes),))
    })?;
    let mut monotonic = linker.instance("wasi:clocks/monotonic-clock@0.2.0")?;
    monotonic.func_wrap("now", |_, (): ()| Ok((0u64,)))?;
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

fn random_bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_derive_key("mecapy python-wasm initial entropy")
        .update(&seed.to_le_bytes())
        .finalize_xof()
        .fill(&mut bytes);
    bytes
}
