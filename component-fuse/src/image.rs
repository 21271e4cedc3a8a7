//! Takes the memory's initial content out of a component.
//!
//! An interpreter that is initialised beforehand is left as active data segments of the
//! one core module that owns the memory. Taken out, they are an image that the host maps
//! as the memory of an instance, and can put back; and components that differ only in
//! what was initialised become the same component.

use wasm_encoder::{Encode, Section};
use wasmparser::{DataKind, MemoryType, Parser, Payload, TypeRef, Validator, WasmFeatures};

use crate::module::number;
use crate::sections::{
    COMPONENT_CORE_MODULE, MODULE_DATA, MODULE_DATA_COUNT, MODULE_MEMORY, PREAMBLE, push, sections,
};
use crate::{Refused, refuse};

const WASM_PAGE: usize = 64 * 1024;

/// Largest memory that an image may have.
const MAX_IMAGE_BYTES: usize = 1 << 30;

pub struct Taken {
    /// The component without data segments. If one module alone uses the memory, it asks
    /// for one page at most, whatever the image's size: who makes the memory makes it as
    /// large as the image.
    pub component: Vec<u8>,
    /// The whole initial memory: a whole number of WebAssembly pages.
    pub image: Vec<u8>,
}

pub fn take(component: &[u8]) -> Result<Taken, Refused> {
    if !Parser::is_component(component) {
        return refuse("not a component");
    }
    let mut out = component[..PREAMBLE].to_vec();
    let mut image = None;
    let sections = sections(component)?;
    let mut modules = sections.iter().filter(|section| section.0 == COMPONENT_CORE_MODULE);
    // What imports a memory says how large it is at least.
    let is_shared = modules
        .try_fold(false, |found, module| Ok::<_, Refused>(found || imports_memory(module.1)?))?;
    for (id, body) in sections {
        if id != COMPONENT_CORE_MODULE {
            push(&mut out, id, body);
            continue;
        }
        match (memory_image(body)?, &image) {
            // Its data may be the other memory's.
            (Some(_), _) if imports_memory(body)? => return refuse("two memories in one module"),
            (Some((memory, content)), None) => {
                image = Some(content);
                let least = if is_shared { memory.initial } else { memory.initial.min(1) };
                push(&mut out, id, &without_data(body, &memory, least)?);
            }
            (Some(_), Some(_)) => return refuse("two modules own a memory"),
            (None, _) => push(&mut out, id, body),
        }
    }
    match image {
        Some(image) => {
            // An instruction may name a segment that is gone.
            Validator::new_with_features(WasmFeatures::all())
                .validate_all(&out)
                .map_err(|error| Refused::from(error).within("without its data segments"))?;
            Ok(Taken { component: out, image })
        }
        None => refuse("no module owns a memory"),
    }
}

/// The memory of a module that owns one, and its content; an error if the module has data
/// but no memory.
fn memory_image(module: &[u8]) -> Result<Option<(MemoryType, Vec<u8>)>, Refused> {
    let mut found: Option<(MemoryType, Vec<u8>)> = None;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::MemorySection(memories) => {
                for memory in memories {
                    let memory = memory?;
                    let size = usize::try_from(memory.initial).unwrap_or(usize::MAX);
                    let size = size.saturating_mul(WASM_PAGE);
                    if found.is_some()
                        || memory.memory64
                        || memory.shared
                        || memory.page_size_log2.is_some()
                        || size > MAX_IMAGE_BYTES
                    {
                        return refuse("a memory of an unusual kind");
                    }
                    found = Some((memory, vec![0; size]));
                }
            }
            Payload::StartSection { .. } if found.is_some() => {
                return refuse("the memory's owner has a start function");
            }
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    let Some((_, content)) = &mut found else {
                        return refuse("a module without a memory has data");
                    };
                    let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
                        return refuse("a passive data segment");
                    };
                    let Some(start) = number(&offset_expr)? else {
                        return refuse("a data segment at an offset that is not constant");
                    };
                    let start = start as usize;
                    match content.get_mut(start..start + segment.data.len()) {
                        Some(target) => target.copy_from_slice(segment.data),
                        None => return refuse("a data segment beyond the memory"),
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

fn imports_memory(module: &[u8]) -> Result<bool, Refused> {
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::ImportSection(imports) = payload? {
            for import in imports.into_imports() {
                if matches!(import?.ty, TypeRef::Memory(_)) {
                    return Ok(true);
                }
            }
            break;
        }
    }
    Ok(false)
}

fn without_data(module: &[u8], memory: &MemoryType, least: u64) -> Result<Vec<u8>, Refused> {
    let mut out = module[..PREAMBLE].to_vec();
    for (id, body) in sections(module)? {
        match id {
            MODULE_DATA | MODULE_DATA_COUNT => {}
            MODULE_MEMORY => {
                let mut memories = wasm_encoder::MemorySection::new();
                memories.memory(wasm_encoder::MemoryType {
                    minimum: least,
                    maximum: memory.maximum,
                    memory64: false,
                    shared: false,
                    page_size_log2: None,
                });
                out.push(memories.id());
                memories.encode(&mut out);
            }
            _ => push(&mut out, id, body),
        }
    }
    Ok(out)
}
