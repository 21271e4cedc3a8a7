//! Writes the fused core module, and the shim and fixup around it.

use std::collections::HashMap;

use wasm_encoder::reencode::{self, Reencode, RoundtripReencoder};
use wasm_encoder::{
    CodeSection, ConstExpr, DataSection, ElementSection, Elements, EntityType, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, ImportSection,
    Instruction, MemArg, MemorySection, MemoryType, Module, NameMap, NameSection, RefType,
    TableSection, TableType, TypeSection, ValType,
};
use wasmparser::{FuncType, Operator, OperatorsReader};

use crate::link::{Constant, Item};
use crate::module::Kind;
use crate::plan::{Given, Plan};
use crate::{GLOBAL, Refused, SET_GLOBALS, Stub, refuse};

/// Where the fused module imports what is lowered before there is a memory.
pub const EARLY: &str = "early";

/// The fused module's exports of its memory, and of the table of what is lowered after.
pub const MEMORY: &str = "memory";
pub const TABLE: &str = "late";

/// The table of the original's functions, and the one of late functions.
const FUNCTIONS_TABLE: u32 = 0;
const LATE_TABLE: u32 = 1;

/// Most parameters that a lifted function is given as such, and not in memory.
const MAX_SET_GLOBALS: u32 = 16;

pub struct Emitted {
    pub fused: Vec<u8>,
    /// What fills the table of late functions; absent without such.
    pub fixup: Option<Vec<u8>>,
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
    for one in plan.canonicals.iter().filter(|one| one.given == Given::Early) {
        let kind = EntityType::Function(types.index(&one.kind)?);
        imports.import(EARLY, &one.function.to_string(), kind);
        indices.insert(Item::Canonical(one.function), indices.len() as u32);
    }
    let mut functions = FunctionSection::new();
    for &(module, index) in &plan.functions {
        functions.function(types.index(plan.linked.module(module).function_type(index))?);
        indices.insert(Item::Own { module, index }, indices.len() as u32);
    }
    let local = plan.canonicals.iter().filter(|one| one.given != Given::Early);
    for one in local.clone() {
        functions.function(types.index(&one.kind)?);
        indices.insert(Item::Canonical(one.function), indices.len() as u32);
    }
    let (globals, values) = globals(plan)?;
    let mut exports = ExportSection::new();
    exports.export(MEMORY, ExportKind::Memory, 0);
    for item in &plan.exports {
        exports.export(&export_name(indices[item]), ExportKind::Func, indices[item]);
    }
    let mut code = code(plan, &indices, &mut types)?;
    let mut entry = 0;
    for one in local {
        code.function(&match one.given {
            Given::Stub(stub) => stub_body(stub, &one.kind),
            _ => {
                entry += 1;
                through_table(entry - 1, types.index(&one.kind)?, &one.kind)
            }
        });
    }
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
    let late = plan.given_late().count() as u64;
    if late > 0 {
        tables.table(table_type(late));
        exports.export(TABLE, ExportKind::Table, LATE_TABLE);
    }
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
    Ok(Emitted { fused: module.finish(), fixup: fixup(plan)?, indices, globals: values })
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
        Ok(FUNCTIONS_TABLE)
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
    for one in plan.canonicals.iter().filter(|one| one.given != Given::Early) {
        if let Some((interface, name)) = plan.linked.component.lowered(one.function) {
            let name = format!("{interface}#{name}");
            functions.append(indices[&Item::Canonical(one.function)], &name);
        }
    }
    names.functions(&functions);
    names
}

/// A function that needs the memory is made after the module: it is called through a table,
/// which is filled when it exists.
fn through_table(entry: u32, type_index: u32, kind: &FuncType) -> Function {
    let mut body = Function::new([]);
    for parameter in 0..kind.params().len() as u32 {
        body.instructions().local_get(parameter);
    }
    body.instructions().i32_const(entry as i32).call_indirect(LATE_TABLE, type_index).end();
    body
}

fn stub_body(stub: Stub, kind: &FuncType) -> Function {
    let mut body = Function::new([]);
    match stub {
        Stub::Trap => {
            body.instructions().unreachable();
        }
        Stub::Answer(bytes) => {
            let place = kind.params().len() as u32 - 1;
            for &(offset, byte) in bytes {
                let argument = MemArg { offset: offset.into(), align: 0, memory_index: 0 };
                body.instructions().local_get(place).i32_const(byte.into()).i32_store8(argument);
            }
        }
    }
    body.instructions().end();
    body
}

/// The module that fills the table of late functions.
fn fixup(plan: &Plan) -> Result<Option<Vec<u8>>, Refused> {
    let late = plan.given_late().count() as u32;
    if late == 0 {
        return Ok(None);
    }
    let mut types = Types::default();
    let mut imports = ImportSection::new();
    imports.import("", TABLE, EntityType::Table(table_type(late.into())));
    for one in plan.given_late() {
        let kind = EntityType::Function(types.index(&one.kind)?);
        imports.import("", &one.function.to_string(), kind);
    }
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..late).collect();
    elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(all.into()));
    let mut fixup = Module::new();
    fixup.section(&types.section).section(&imports).section(&elements);
    Ok(Some(fixup.finish()))
}
