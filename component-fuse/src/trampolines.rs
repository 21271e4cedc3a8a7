//! Functions that do nothing but call a fixed entry of a table.
//!
//! Linkers put them where a function is not known yet: as the shim through which modules
//! call what is lowered only once their memory exists, and as the stubs of libraries that
//! are instantiated later.

use wasmparser::{ElementItems, ElementKind, Operator};

use crate::module::{Kind, Module, number};
use crate::{Refused, refuse};

/// The table and the entry that a function calls, if it does nothing else but pass its
/// parameters on to it.
pub fn target(module: &Module, index: u32) -> Option<(u32, u32)> {
    let function = module.function_type(index);
    let mut operators = module.body(index).get_operators_reader().ok()?;
    for parameter in 0..function.params().len() {
        match operators.read().ok()? {
            Operator::LocalGet { local_index } if local_index as usize == parameter => {}
            _ => return None,
        }
    }
    let Operator::I32Const { value } = operators.read().ok()? else { return None };
    let Operator::CallIndirect { type_index, table_index } = operators.read().ok()? else {
        return None;
    };
    let ends = matches!(operators.read().ok()?, Operator::End) && operators.eof();
    let passes_on = module.types.get(type_index as usize)? == function;
    (ends && passes_on).then_some((table_index, value as u32))
}

/// A module of trampolines over a table of its own, and nothing else.
pub fn is_shim(module: &Module) -> bool {
    module.imported.is_empty()
        && module.own_tables() == 1
        && module.memories.is_empty()
        && module.globals.is_empty()
        && module.elements.is_empty()
        && (0..module.functions.len() as u32).all(|index| target(module, index).is_some())
}

/// A module that only fills a table of some size that it imports, with functions that it
/// imports: by entry, the function's index within it.
pub fn fixup(module: &Module, size: u64) -> Result<Option<Vec<(u32, u32)>>, Refused> {
    let fills = module.imports(Kind::Table).len() == 1
        && module.own_tables() == 0
        && module.bodies.is_empty()
        && module.memories.is_empty()
        && module.globals.is_empty()
        && module.data.is_empty()
        && !module.elements.is_empty();
    if !fills {
        return Ok(None);
    }
    let mut entries = Vec::new();
    for element in &module.elements {
        let ElementKind::Active { table_index: None | Some(0), offset_expr } = &element.kind else {
            return refuse("a fixup that is not active");
        };
        let Some(start) = number(offset_expr)? else {
            return refuse("a fixup at an offset that is not constant");
        };
        let ElementItems::Functions(functions) = element.items.clone() else {
            return refuse("a fixup of other items than functions");
        };
        if u64::from(start) + u64::from(functions.count()) > size {
            return refuse("a fixup beyond the table");
        }
        for (at, function) in functions.into_iter().enumerate() {
            entries.push((start + at as u32, function?));
        }
    }
    Ok(Some(entries))
}
