//! Writes the fused core module, and the shim and fixup around it.

use std::collections::HashMap;

use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemorySection, MemoryType, Module, NameMap, NameSection, RefType, TableSection,
    TableType, TypeSection, ValType,
};
use wasmparser::{FuncType, Operator, OperatorsReader};

use crate::link::{Constant, Item};
use crate::module::Kind;
use crate::plan::{Plan, is_late};
use crate::{GLOBAL, Refused, SET_GLOBALS, refuse};

/// Modules that the fused one imports from: what is lowered before there is a memory, and
/// the shim that stands for what is lowered after.
pub const EARLY: &str = "early";
pub const LATE: &str = "late";

/// The fused module's export of its memory, and the shim's of its table.
pub const MEMORY: &str = "memory";
pub const TABLE: &str = "table";

/// Most parameters that a lifted function is given as such, and not in memory.
const MAX_SET_GLOBALS: u32 = 16;

/// The module of trampolines, and the one that fills their table.
type Shim = (Vec<u8>, Vec<u8>);

pub struct Emitted {
    pub fused: Vec<u8>,
    /// Trampolines for the late functions, and what fills them; absent without such.
    pub shim: Option<Shim>,
    /// Index of each item within the fused module.
    pub indices: HashMap<Item, u32>,
    pub globals: Vec<u32>,
}

/// The fused module's export of a function.
pub fn export_name(index: u32) -> String {
    format!("f{index}")
}

pub fn emit(plan: &Plan) -> Result<Emitted, Refused> {
    let mut types = Types::default();
    let mut indices = HashMap::new();
    let mut imports = ImportSection::new();
    for (function, kind) in &plan.canonicals {
        let from = if is_late(plan.linked, *function) { LATE } else { EARLY };
        imports.import(from, &function.to_string(), EntityType::Function(types.index(kind)?));
        indices.insert(Item::Canonical(*function), indices.len() as u32);
    }
    let mut functions = FunctionSection::new();
    for &(module, index) in &plan.functions {
        functions.function(types.index(plan.linked.module(module).function_type(index))?);
        indices.insert(Item::Own { module, index }, indices.len() as u32);
    }
    let (globals, values) = globals(plan)?;
    let mut exports = ExportSection::new();
    exports.export(MEMORY, ExportKind::Memory, 0);
    for item in &plan.exports {
        exports.export(&export_name(indices[item]), ExportKind::Func, indices[item]);
    }
    let mut code = code(plan, &indices, &mut types)?;
    if plan.additions.globals {
        let first = indices.len() as u32;
        let count = values.len() as u32;
        if count > MAX_SET_GLOBALS {
            return refuse(format!("{count} mutable globals, which no one function can set"));
        }
        let i32s = |count| vec![wasmparser::ValType::I32; count as usize];
        let getter = types.index(&FuncType::new([], i32s(1)))?;
        for global in 0..count {
            functions.function(getter);
            exports.export(&format!("{GLOBAL}{global}"), ExportKind::Func, first + global);
            let mut body = Function::new([]);
            body.instructions().global_get(global).end();
            code.function(&body);
        }
        functions.function(types.index(&FuncType::new(i32s(count), []))?);
        exports.export(SET_GLOBALS, ExportKind::Func, first + count);
        let mut body = Function::new([]);
        for global in 0..count {
            body.instructions().local_get(global).global_set(global);
        }
        body.instructions().end();
        code.function(&body);
    }

    let mut tables = TableSection::new();
    let size = plan.entries.len() as u64;
    tables.table(table_type(size));
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: plan.memory.initial,
        maximum: plan.memory.maximum,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    let mut data = DataSection::new();
    for (start, bytes) in &plan.data {
        data.active(0, &ConstExpr::i32_const(*start as u32 as i32), bytes.iter().copied());
    }
    let mut module = Module::new();
    module
        .section(&types.section)
        .section(&imports)
        .section(&functions)
        .section(&tables)
        .section(&memories)
        .section(&globals)
        .section(&exports)
        .section(&elements(plan, &indices))
        .section(&code)
        .section(&data)
        .section(&names(plan, &indices));
    Ok(Emitted { fused: module.finish(), shim: shim(plan)?, indices, globals: values })
}

/// Function types, each once.
#[derive(Default)]
struct Types {
    known: HashMap<FuncType, u32>,
    section: TypeSection,
}

impl Types {
    fn index(&mut self, kind: &FuncType) -> Result<u32, Refused> {
        if let Some(&index) = self.known.get(kind) {
            return Ok(index);
        }
        let values = |values: &[wasmparser::ValType]| {
            values
                .iter()
                .map(|&value| RoundtripReencoder.val_type(value))
                .collect::<Result<Vec<_>, _>>()
                .map_err(|error| Refused(error.to_string()))
        };
        self.section.ty().function(values(kind.params())?, values(kind.results())?);
        let index = self.known.len() as u32;
        self.known.insert(kind.clone(), index);
        Ok(index)
    }
}

fn table_type(size: u64) -> TableType {
    TableType {
        element_type: RefType::FUNCREF,
        minimum: size,
        maximum: Some(size),
        table64: false,
        shared: false,
    }
}

fn globals(plan: &Plan) -> Result<(GlobalSection, Vec<u32>), Refused> {
    let mut section = GlobalSection::new();
    let mut values = Vec::new();
    for &global in &plan.globals {
        let Constant::I32(value) = plan.linked.initial(global)? else {
            return refuse("a mutable global that is not i32");
        };
        values.push(value as u32);
        let value = if plan.additions.globals { 0 } else { value };
        section.global(
            GlobalType { val_type: ValType::I32, mutable: true, shared: false },
            &ConstExpr::i32_const(value),
        );
    }
    Ok((section, values))
}

/// Segments at constant offsets: an engine can look them up lazily, and need not fill the
/// table for every instance.
fn elements(plan: &Plan, indices: &HashMap<Item, u32>) -> ElementSection {
    let mut section = ElementSection::new();
    let mut at = 0;
    while at < plan.entries.len() {
        let run: Vec<u32> =
            plan.entries[at..].iter().map_while(|entry| entry.map(|item| indices[&item])).collect();
        let length = run.len();
        if length > 0 {
            section.active(None, &ConstExpr::i32_const(at as i32), Elements::Functions(run.into()));
        }
        at += length + 1;
    }
    section
}

fn code(
    plan: &Plan,
    indices: &HashMap<Item, u32>,
    types: &mut Types,
) -> Result<CodeSection, Refused> {
    let globals: HashMap<Item, u32> =
        plan.globals.iter().enumerate().map(|(at, &item)| (item, at as u32)).collect();
    let mut code = CodeSection::new();
    for &(module, index) in &plan.functions {
        let body = plan.linked.module(module).body(index).clone();
        let mut rewriter = Rewriter { plan, module, indices, globals: &globals, types };
        rewriter.parse_function_body(&mut code, body).map_err(|error| {
            Refused(format!("function {index} of core module {module}: {error}"))
        })?;
    }
    Ok(code)
}

/// Rewrites a function's indices from its module's to the fused one's.
struct Rewriter<'r, 'p, 'c, 'a> {
    plan: &'r Plan<'p, 'c, 'a>,
    module: u32,
    indices: &'r HashMap<Item, u32>,
    globals: &'r HashMap<Item, u32>,
    types: &'r mut Types,
}

type Rewritten<T> = Result<T, reencode::Error<Refused>>;

impl Reencode for Rewriter<'_, '_, '_, '_> {
    type Error = Refused;

    fn function_index(&mut self, function: u32) -> Rewritten<u32> {
        let item = self.plan.function(self.module, function).map_err(user)?;
        self.indices.get(&item).copied().ok_or_else(|| user(unreached("function", function)))
    }

    fn global_index(&mut self, global: u32) -> Rewritten<u32> {
        let item = self.plan.linked.item(self.module, Kind::Global, global).map_err(user)?;
        self.globals.get(&item).copied().ok_or_else(|| user(unreached("global", global)))
    }

    fn type_index(&mut self, index: u32) -> Rewritten<u32> {
        let kind = &self.plan.linked.module(self.module).types[index as usize];
        self.types.index(kind).map_err(user)
    }

    fn table_index(&mut self, _: u32) -> Rewritten<u32> {
        Ok(0)
    }

    fn memory_index(&mut self, _: u32) -> Rewritten<u32> {
        Ok(0)
    }

    fn parse_instruction<'b>(
        &mut self,
        operators: &mut OperatorsReader<'b>,
    ) -> Rewritten<Instruction<'b>> {
        let operator = operators.read()?;
        if let Operator::GlobalGet { global_index } = operator {
            let linked = self.plan.linked;
            let item = linked.item(self.module, Kind::Global, global_index).map_err(user)?;
            if !self.globals.contains_key(&item) {
                return Ok(match linked.initial(item).map_err(user)? {
                    Constant::I32(value) => Instruction::I32Const(value),
                    Constant::I64(value) => Instruction::I64Const(value),
                    Constant::F32(value) => Instruction::F32Const(value.into()),
                    Constant::F64(value) => Instruction::F64Const(value.into()),
                });
            }
        }
        self.instruction(operator)
    }
}

fn user(error: Refused) -> reencode::Error<Refused> {
    reencode::Error::UserError(error)
}

fn unreached(what: &str, index: u32) -> Refused {
    Refused(format!("{what} {index} was not reached (a defect of the fuser)"))
}

/// The names by which traces call functions.
fn names(plan: &Plan, indices: &HashMap<Item, u32>) -> NameSection {
    let mut names = NameSection::new();
    names.module("fused");
    let mut functions = NameMap::new();
    for &(module, index) in &plan.functions {
        if let Some(name) = plan.linked.module(module).names.get(&index) {
            functions.append(indices[&Item::Own { module, index }], name);
        }
    }
    names.functions(&functions);
    names
}

/// The fused module is given functions that need its memory: they are called through a
/// table of the shim's, which is filled when they exist.
fn shim(plan: &Plan) -> Result<Option<Shim>, Refused> {
    let late: Vec<_> = plan.canonicals.iter().filter(|one| is_late(plan.linked, one.0)).collect();
    if late.is_empty() {
        return Ok(None);
    }
    let size = late.len() as u64;
    let mut types = Types::default();
    let mut functions = FunctionSection::new();
    let mut tables = TableSection::new();
    tables.table(table_type(size));
    let mut exports = ExportSection::new();
    exports.export(TABLE, ExportKind::Table, 0);
    let mut code = CodeSection::new();
    let mut imports = ImportSection::new();
    imports.import("", TABLE, EntityType::Table(table_type(size)));
    for (entry, (function, kind)) in late.iter().enumerate() {
        let type_index = types.index(kind)?;
        let name = function.to_string();
        functions.function(type_index);
        exports.export(&name, ExportKind::Func, entry as u32);
        imports.import("", &name, EntityType::Function(type_index));
        let mut body = Function::new([]);
        for parameter in 0..kind.params().len() as u32 {
            body.instructions().local_get(parameter);
        }
        body.instructions().i32_const(entry as i32).call_indirect(0, type_index).end();
        code.function(&body);
    }
    let mut shim = Module::new();
    shim.section(&types.section)
        .section(&functions)
        .section(&tables)
        .section(&exports)
        .section(&code);
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..late.len() as u32).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(all.into()));
    let mut fixup = Module::new();
    fixup.section(&types.section).section(&imports).section(&elements);
    Ok(Some((shim.finish(), fixup.finish())))
}
