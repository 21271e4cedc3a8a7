//! Takes the memory image out of a component.
//!
//! componentize-py leaves the initialised interpreter as active data segments of the one
//! core module that owns the memory. Taken out, they are an image that the host maps as
//! the memory of an instance, and can put back. Whatever is not as expected here is an
//! error, never skipped.

use anyhow::{Context, Result, bail, ensure};
use wasmparser::{DataKind, Operator, Parser, Payload};

const WASM_PAGE: usize = 64 * 1024;

/// Section ids, of components and of core modules.
const COMPONENT_CORE_MODULE: u8 = 1;
const MODULE_DATA: u8 = 11;
const MODULE_DATA_COUNT: u8 = 12;

pub struct Stripped {
    /// The component without data segments.
    pub component: Vec<u8>,
    /// The whole initial memory, as large as the component says that it is at least.
    pub image: Vec<u8>,
}

pub fn strip(component: &[u8]) -> Result<Stripped> {
    let mut out = component.get(..8).context("not a component")?.to_vec();
    let mut image = None;
    for (id, body) in sections(component)? {
        if id != COMPONENT_CORE_MODULE {
            push_section(&mut out, id, body);
            continue;
        }
        let found = memory_image(body)?;
        match (found, &image) {
            (Some(found), None) => {
                image = Some(found);
                push_section(&mut out, id, &without_data(body)?);
            }
            (Some(_), Some(_)) => bail!("two modules own a memory"),
            (None, _) => push_section(&mut out, id, body),
        }
    }
    Ok(Stripped { component: out, image: image.context("no module owns a memory")? })
}

/// The initial memory of a module that owns one; an error if it has data but no memory.
fn memory_image(module: &[u8]) -> Result<Option<Vec<u8>>> {
    let mut image: Option<Vec<u8>> = None;
    for payload in Parser::new(0).parse_all(module) {
        match payload? {
            Payload::MemorySection(memories) => {
                ensure!(memories.count() == 1, "a module owns several memories");
                let memory = memories.into_iter().next().context("a memory")??;
                ensure!(!memory.memory64 && !memory.shared, "a memory of an unexpected kind");
                image = Some(vec![0; usize::try_from(memory.initial)? * WASM_PAGE]);
            }
            Payload::StartSection { .. } if image.is_some() => {
                bail!("the memory's owner has a start function")
            }
            Payload::DataSection(segments) => {
                let image = image.as_mut().context("a module without a memory has data")?;
                for segment in segments {
                    let segment = segment?;
                    let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
                        bail!("a passive data segment");
                    };
                    let mut operators = offset_expr.get_operators_reader();
                    let Operator::I32Const { value } = operators.read()? else {
                        bail!("a data segment at an offset that is not constant");
                    };
                    let start = value as u32 as usize;
                    let target = image
                        .get_mut(start..start + segment.data.len())
                        .context("a data segment outside the memory")?;
                    target.copy_from_slice(segment.data);
                }
            }
            _ => {}
        }
    }
    Ok(image)
}

fn without_data(module: &[u8]) -> Result<Vec<u8>> {
    let mut out = module[..8].to_vec();
    for (id, body) in sections(module)? {
        match id {
            MODULE_DATA | MODULE_DATA_COUNT => {}
            _ => push_section(&mut out, id, body),
        }
    }
    Ok(out)
}

fn sections(binary: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut sections = Vec::new();
    let mut at = 8;
    while at < binary.len() {
        let id = binary[at];
        let (length, start) = read_u32(binary, at + 1)?;
        let end = start + length;
        sections.push((id, binary.get(start..end).context("a section is cut short")?));
        at = end;
    }
    Ok(sections)
}

fn read_u32(bytes: &[u8], mut at: usize) -> Result<(usize, usize)> {
    let (mut value, mut shift) = (0usize, 0);
    loop {
        let byte = *bytes.get(at).context("a number is cut short")?;
        value |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            return Ok((value, at));
        }
        shift += 7;
        ensure!(shift < 35, "a number is too long");
    }
}

fn push_section(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    let mut rest = body.len();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(body);
}
