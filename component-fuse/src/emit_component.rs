//! Writes the component again, around the fused module.

use std::collections::HashMap;

use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, CanonicalOption, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentTypeSection, ComponentValType,
    ExportKind, InstanceSection, ModuleArg, PrimitiveValType, RawSection,
};
use wasmparser::names::KebabStr;
use wasmparser::{CanonicalFunction, CanonicalOption as Option_};

use crate::component::{CoreFunction, Part};
use crate::emit_module::{EARLY, Emitted, MEMORY, TABLE, export_name};
use crate::link::Item;
use crate::plan::{Given, Plan};
use crate::sections::COMPONENT_CORE_MODULE;
use crate::{GLOBAL, Refused, SET_GLOBALS, refuse};

pub fn emit(plan: &Plan, module: &Emitted) -> Result<Vec<u8>, Refused> {
    let mut writer = Writer {
        plan,
        module,
        out: Component::new(),
        functions: HashMap::new(),
        function_count: 0,
        instances: 0,
        fused: None,
        late: Vec::new(),
        given: plan.canonicals.iter().map(|one| (one.function, one.given)).collect(),
    };
    for part in &plan.linked.component.parts {
        writer.part(part)?;
    }
    if writer.fused.is_none() {
        return refuse("no function is lifted");
    }
    writer.additions()?;
    Ok(writer.out.finish())
}

struct Writer<'w, 'p, 'c, 'a> {
    plan: &'w Plan<'p, 'c, 'a>,
    module: &'w Emitted,
    out: Component,
    /// Core functions that have been made, and how many indices they took.
    functions: HashMap<Item, u32>,
    function_count: u32,
    /// Core instances so far.
    instances: u32,
    /// The fused module's instance, once it is there.
    fused: Option<u32>,
    /// Functions that wait for its memory.
    late: Vec<u32>,
    /// By function that the component makes, if it is ever called.
    given: HashMap<u32, Given>,
}

impl Writer<'_, '_, '_, '_> {
    fn part(&mut self, part: &Part) -> Result<(), Refused> {
        match part {
            Part::Section(id, data) => {
                self.out.section(&RawSection { id: *id, data });
            }
            Part::Alias(alias) => {
                let alias = RoundtripReencoder
                    .component_alias(alias.clone())
                    .map_err(|error| Refused(error.to_string()))?;
                self.out.section(ComponentAliasSection::new().alias(alias));
            }
            Part::Canonical(function) => {
                if self.fused.is_some() {
                    return refuse("a function is lowered after one is lifted");
                }
                match self.given.get(function) {
                    Some(Given::Early) => self.canonical(*function)?,
                    Some(Given::Late) => self.late.push(*function),
                    Some(Given::Stub(_)) | None => {}
                }
            }
            Part::Lift { function, type_index, options } => {
                if self.fused.is_none() {
                    self.instantiate()?;
                }
                let function = self.core_function(*function)?;
                let options = self.options(options)?;
                self.out.section(CanonicalFunctionSection::new().lift(
                    function,
                    *type_index,
                    options,
                ));
            }
        }
        Ok(())
    }

    /// Makes a function that the component makes.
    fn canonical(&mut self, function: u32) -> Result<(), Refused> {
        let CoreFunction::Canonical(canonical) =
            &self.plan.linked.component.functions[function as usize]
        else {
            return refuse("a core function that the component does not make");
        };
        let mut section = CanonicalFunctionSection::new();
        match canonical {
            CanonicalFunction::Lower { func_index, options } => {
                let options = self.options(options)?;
                section.lower(*func_index, options);
            }
            CanonicalFunction::ResourceNew { resource } => {
                section.resource_new(*resource);
            }
            CanonicalFunction::ResourceDrop { resource } => {
                section.resource_drop(*resource);
            }
            CanonicalFunction::ResourceRep { resource } => {
                section.resource_rep(*resource);
            }
            other => return refuse(format!("the built-in function {other:?}")),
        }
        self.out.section(&section);
        self.functions.insert(Item::Canonical(function), self.function_count);
        self.function_count += 1;
        Ok(())
    }

    /// The modules and their instances, and then the functions that waited for them.
    fn instantiate(&mut self) -> Result<(), Refused> {
        let module = self.module;
        let early: Vec<(String, ExportKind, u32)> = self
            .plan
            .canonicals
            .iter()
            .filter(|one| one.given == Given::Early)
            .map(|one| match self.functions.get(&Item::Canonical(one.function)) {
                Some(&index) => Ok((one.function.to_string(), ExportKind::Func, index)),
                None => refuse("a function is lowered after the modules are instantiated"),
            })
            .collect::<Result<_, _>>()?;

        self.core_module(&module.fused);
        let mut instances = InstanceSection::new();
        instances.export_items(early);
        let early = self.next_instance();
        instances.instantiate(0, [(EARLY, ModuleArg::Instance(early))]);
        let fused = self.next_instance();
        self.out.section(&instances);
        self.fused = Some(fused);
        let mut aliases = ComponentAliasSection::new();
        let memory =
            Alias::CoreInstanceExport { instance: fused, kind: ExportKind::Memory, name: MEMORY };
        aliases.alias(memory);
        let Some(fixup) = &module.fixup else {
            self.out.section(&aliases);
            return Ok(());
        };
        let kind = ExportKind::Table;
        aliases.alias(Alias::CoreInstanceExport { instance: fused, kind, name: TABLE });
        self.out.section(&aliases);
        self.core_module(fixup);
        let mut fills = vec![(TABLE.to_owned(), ExportKind::Table, 0)];
        for function in std::mem::take(&mut self.late) {
            self.canonical(function)?;
            let index = self.functions[&Item::Canonical(function)];
            fills.push((function.to_string(), ExportKind::Func, index));
        }
        let mut instances = InstanceSection::new();
        instances.export_items(fills);
        let fills = self.next_instance();
        instances.instantiate(1, [("", ModuleArg::Instance(fills))]);
        self.next_instance();
        self.out.section(&instances);
        Ok(())
    }

    fn core_module(&mut self, data: &[u8]) {
        self.out.section(&RawSection { id: COMPONENT_CORE_MODULE, data });
    }

    fn next_instance(&mut self) -> u32 {
        self.instances += 1;
        self.instances - 1
    }

    fn core_function(&mut self, index: u32) -> Result<u32, Refused> {
        Ok(self.alias(self.plan.core_function(index)?))
    }

    /// The index of a core function of the fused module, named if it has none yet.
    fn alias(&mut self, item: Item) -> u32 {
        if let Some(&known) = self.functions.get(&item) {
            return known;
        }
        let index = self.alias_export(&export_name(self.module.indices[&item]));
        self.functions.insert(item, index);
        index
    }

    fn alias_export(&mut self, name: &str) -> u32 {
        let instance = self.fused.expect("functions are named after the instance is made");
        let alias = Alias::CoreInstanceExport { instance, kind: ExportKind::Func, name };
        self.out.section(ComponentAliasSection::new().alias(alias));
        self.function_count += 1;
        self.function_count - 1
    }

    fn options(&mut self, options: &[Option_]) -> Result<Vec<CanonicalOption>, Refused> {
        options
            .iter()
            .map(|option| {
                Ok(match option {
                    Option_::UTF8 => CanonicalOption::UTF8,
                    Option_::UTF16 => CanonicalOption::UTF16,
                    Option_::CompactUTF16 => CanonicalOption::CompactUTF16,
                    Option_::Memory(_) => CanonicalOption::Memory(0),
                    Option_::Realloc(function) => {
                        CanonicalOption::Realloc(self.core_function(*function)?)
                    }
                    Option_::PostReturn(function) => {
                        CanonicalOption::PostReturn(self.core_function(*function)?)
                    }
                    other => return refuse(format!("the canonical option {other:?}")),
                })
            })
            .collect()
    }

    /// The exports that the original does not have.
    fn additions(&mut self) -> Result<(), Refused> {
        let component = self.plan.linked.component;
        let mut added = Vec::new();
        for (&(_, name), &item) in self.plan.additions.functions.iter().zip(&self.plan.added) {
            added.push((name.to_owned(), self.alias(item), 0));
        }
        let count = self.plan.globals.len();
        if self.plan.additions.globals {
            for global in 0..count {
                let name = format!("{GLOBAL}{global}");
                added.push((name.clone(), self.alias_export(&name), 1));
            }
            added.push((SET_GLOBALS.to_owned(), self.alias_export(SET_GLOBALS), 2));
        }
        if added.is_empty() {
            return Ok(());
        }
        let u32 = ComponentValType::Primitive(PrimitiveValType::U32);
        let mut types = ComponentTypeSection::new();
        let none: [(&str, ComponentValType); 0] = [];
        types.function().params(none).result(None);
        types.function().params(none).result(Some(u32));
        if self.plan.additions.globals {
            let names: Vec<String> = (0..count).map(|global| format!("value{global}")).collect();
            types.function().params(names.iter().map(|name| (name.as_str(), u32))).result(None);
        }
        let mut lifts = CanonicalFunctionSection::new();
        let mut exports = ComponentExportSection::new();
        let mut taken = component.exports.clone();
        for (at, (name, function, kind)) in added.iter().enumerate() {
            if KebabStr::new(name).is_none() {
                return refuse(format!("`{name}` is no name for an export"));
            }
            if !taken.insert(name.as_str()) {
                return refuse(format!("there is an export `{name}` already"));
            }
            lifts.lift(*function, component.type_count + kind, []);
            // An export takes an index of its own, after all those lifted here.
            let index = component.function_count + at as u32;
            exports.export(name, ComponentExportKind::Func, index, None);
        }
        self.out.section(&types).section(&lifts).section(&exports);
        Ok(())
    }
}
