//! Sections of modules and components, as bytes.

use crate::{Refused, refuse};

/// Length of the preamble.
pub const PREAMBLE: usize = 8;

/// Ids of sections: of components, and of core modules.
pub const COMPONENT_CUSTOM: u8 = 0;
pub const COMPONENT_CORE_MODULE: u8 = 1;
pub const COMPONENT_CORE_INSTANCE: u8 = 2;
pub const COMPONENT_COMPONENT: u8 = 4;
pub const COMPONENT_INSTANCE: u8 = 5;
pub const COMPONENT_ALIAS: u8 = 6;
pub const COMPONENT_TYPE: u8 = 7;
pub const COMPONENT_CANONICAL: u8 = 8;
pub const COMPONENT_START: u8 = 9;
pub const COMPONENT_IMPORT: u8 = 10;
pub const COMPONENT_EXPORT: u8 = 11;
pub const MODULE_MEMORY: u8 = 5;
pub const MODULE_DATA: u8 = 11;
pub const MODULE_DATA_COUNT: u8 = 12;

/// Id and body of each section.
pub fn sections(binary: &[u8]) -> Result<Vec<(u8, &[u8])>, Refused> {
    let mut sections = Vec::new();
    let mut at = PREAMBLE;
    while at < binary.len() {
        let id = binary[at];
        let (length, start) = read_u32(binary, at + 1)?;
        let Some(body) = start.checked_add(length).and_then(|end| binary.get(start..end)) else {
            return refuse("a section is cut short");
        };
        sections.push((id, body));
        at = start + length;
    }
    Ok(sections)
}

pub fn push(out: &mut Vec<u8>, id: u8, body: &[u8]) {
    out.push(id);
    let mut rest = body.len();
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(body);
}

fn read_u32(bytes: &[u8], mut at: usize) -> Result<(usize, usize), Refused> {
    let (mut value, mut shift) = (0usize, 0);
    loop {
        let Some(&byte) = bytes.get(at) else { return refuse("a number is cut short") };
        value |= usize::from(byte & 0x7f) << shift;
        at += 1;
        if byte & 0x80 == 0 {
            return Ok((value, at));
        }
        shift += 7;
        if shift >= 35 {
            return refuse("a number is too long");
        }
    }
}
