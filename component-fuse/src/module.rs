//! A core module, read as far as fusing needs it.

use std::collections::HashMap;

use wasmparser::{
    CompositeInnerType, ConstExpr, Data, Element, ExternalKind, FuncType, FunctionBody, GlobalType,
    KnownCustom, MemoryType, Name, Operator, Parser, Payload, TableInit, TableType, TypeRef,
};

use crate::{Refused, refuse};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    Function,
    Table,
    Memory,
    Global,
}

impl Kind {
    pub fn of(kind: ExternalKind) -> Result<Self, Refused> {
        Ok(match kind {
            ExternalKind::Func => Self::Function,
            ExternalKind::Table => Self::Table,
            ExternalKind::Memory => Self::Memory,
            ExternalKind::Global => Self::Global,
            other => return refuse(format!("an item of the kind {other:?}")),
        })
    }
}

/// Module and name that an import asks for.
pub type Wanted<'a> = (&'a str, &'a str);

#[derive(Default)]
pub struct Module<'a> {
    pub types: Vec<FuncType>,
    pub imported: HashMap<Kind, Vec<Wanted<'a>>>,
    /// Type of each function, imported ones first; likewise the next three.
    pub functions: Vec<u32>,
    pub tables: Vec<TableType>,
    pub memories: Vec<MemoryType>,
    pub globals: Vec<GlobalType>,
    /// Initial values of the globals that are its own.
    pub initial: Vec<ConstExpr<'a>>,
    /// Of the functions that are its own.
    pub bodies: Vec<FunctionBody<'a>>,
    pub exports: HashMap<&'a str, (Kind, u32)>,
    pub elements: Vec<Element<'a>>,
    pub data: Vec<Data<'a>>,
    pub names: HashMap<u32, &'a str>,
}

impl<'a> Module<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Refused> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            module.read(payload?)?;
        }
        Ok(module)
    }

    fn read(&mut self, payload: Payload<'a>) -> Result<(), Refused> {
        match payload {
            Payload::Version { .. } | Payload::End(_) | Payload::CodeSectionStart { .. } => {}
            Payload::DataCountSection { .. } => {}
            Payload::TypeSection(groups) => {
                for group in groups {
                    for kind in group?.into_types() {
                        match kind.composite_type.inner {
                            CompositeInnerType::Func(function) if kind.is_final => {
                                self.types.push(function);
                            }
                            other => return refuse(format!("a type that is no function: {other}")),
                        }
                    }
                }
            }
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import?;
                    let kind = match import.ty {
                        TypeRef::Func(index) => {
                            self.functions.push(index);
                            Kind::Function
                        }
                        TypeRef::Table(table) => {
                            self.tables.push(table);
                            Kind::Table
                        }
                        TypeRef::Memory(memory) => {
                            self.memories.push(memory);
                            Kind::Memory
                        }
                        TypeRef::Global(global) => {
                            self.globals.push(global);
                            Kind::Global
                        }
                        other => return refuse(format!("an import of the kind {other:?}")),
                    };
                    self.imported.entry(kind).or_default().push((import.module, import.name));
                }
            }
            Payload::FunctionSection(functions) => {
                for function in functions {
                    self.functions.push(function?);
                }
            }
            Payload::TableSection(tables) => {
                for table in tables {
                    let table = table?;
                    if !matches!(table.init, TableInit::RefNull) {
                        return refuse("a table with an initial value");
                    }
                    self.tables.push(table.ty);
                }
            }
            Payload::MemorySection(memories) => {
                for memory in memories {
                    self.memories.push(memory?);
                }
            }
            Payload::GlobalSection(globals) => {
                for global in globals {
                    let global = global?;
                    self.globals.push(global.ty);
                    self.initial.push(global.init_expr);
                }
            }
            Payload::ExportSection(exports) => {
                for export in exports {
                    let export = export?;
                    self.exports.insert(export.name, (Kind::of(export.kind)?, export.index));
                }
            }
            Payload::StartSection { .. } => return refuse("a start function"),
            Payload::ElementSection(elements) => {
                for element in elements {
                    self.elements.push(element?);
                }
            }
            Payload::CodeSectionEntry(body) => self.bodies.push(body),
            Payload::DataSection(segments) => {
                for segment in segments {
                    self.data.push(segment?);
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(names) = section.as_known() {
                    // Names are for people: ones that cannot be read are left out.
                    for map in names.into_iter().flatten() {
                        if let Name::Function(map) = map {
                            self.names.extend(map.into_iter().flatten().map(|n| (n.index, n.name)));
                        }
                    }
                }
            }
            other => return refuse(format!("a section that is not known: {other:?}")),
        }
        Ok(())
    }

    pub fn imports(&self, kind: Kind) -> &[Wanted<'a>] {
        self.imported.get(&kind).map_or(&[], Vec::as_slice)
    }

    pub fn import_count(&self, kind: Kind) -> u32 {
        self.imports(kind).len() as u32
    }

    pub fn function_type(&self, index: u32) -> &FuncType {
        &self.types[self.functions[index as usize] as usize]
    }

    /// The body of a function of its own.
    pub fn body(&self, index: u32) -> &FunctionBody<'a> {
        &self.bodies[(index - self.import_count(Kind::Function)) as usize]
    }

    pub fn own_tables(&self) -> usize {
        self.tables.len() - self.imports(Kind::Table).len()
    }
}

/// The value of a constant expression that is nothing but one number.
pub fn number(expression: &ConstExpr) -> Result<Option<u32>, Refused> {
    let mut operators = expression.get_operators_reader();
    let Operator::I32Const { value } = operators.read()? else { return Ok(None) };
    let ends = matches!(operators.read()?, Operator::End);
    Ok(ends.then_some(value as u32))
}

/// Refuses instructions that could see or change what fusing changes.
pub fn check_operator(operator: &Operator) -> Result<(), Refused> {
    match operator {
        Operator::TableSet { .. }
        | Operator::TableGet { .. }
        | Operator::TableGrow { .. }
        | Operator::TableSize { .. }
        | Operator::TableInit { .. }
        | Operator::TableCopy { .. }
        | Operator::TableFill { .. }
        | Operator::ElemDrop { .. }
        | Operator::MemoryInit { .. }
        | Operator::DataDrop { .. }
        | Operator::RefFunc { .. } => refuse(format!("the instruction {operator:?}")),
        _ => Ok(()),
    }
}
