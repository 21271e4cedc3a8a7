//! A component, read as far as fusing needs it: everything of its core part, the rest as
//! bytes in their order.

use std::collections::{HashMap, HashSet};

use wasmparser::{
    BinaryReader, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentAliasSectionReader,
    ComponentCanonicalSectionReader, ComponentExportSectionReader, ComponentExternalKind,
    ComponentImportSectionReader, ComponentInstance, ComponentInstanceSectionReader,
    ComponentOuterAliasKind, ComponentType, ComponentTypeRef, ComponentTypeSectionReader,
    ExternalKind, Instance, InstanceSectionReader, Parser, Payload,
};

use crate::module::{Kind, Module};
use crate::sections::{self, sections};
use crate::{Refused, refuse};

/// Where a core function of the component comes from.
#[derive(Clone, Debug)]
pub enum CoreFunction<'a> {
    /// An export of a core instance.
    Export { instance: u32, name: &'a str },
    /// Made by the component: a lowered function, or a built-in one.
    Canonical(CanonicalFunction),
}

/// Part of a component that is not core, in the original's order.
pub enum Part<'a> {
    /// A section that is copied.
    Section(u8, &'a [u8]),
    Alias(ComponentAlias<'a>),
    /// Index of the core function that it makes.
    Canonical(u32),
    Lift {
        function: u32,
        type_index: u32,
        options: Box<[CanonicalOption]>,
    },
}

pub struct Component<'a> {
    pub parts: Vec<Part<'a>>,
    pub modules: Vec<Module<'a>>,
    pub instances: Vec<Instance<'a>>,
    pub functions: Vec<CoreFunction<'a>>,
    /// Names of the component's own exports.
    pub exports: HashSet<&'a str>,
    /// Tables, memories and globals that the component names: instance and export.
    others: [Vec<(u32, &'a str)>; 3],
    /// Functions of the imported interfaces, by index: interface and name.
    imported: HashMap<u32, (&'a str, &'a str)>,
    /// Imported interfaces, by the index of their instance.
    interfaces: HashMap<u32, &'a str>,
    /// Sizes of the index spaces of functions and types, to which more can be added.
    pub function_count: u32,
    pub type_count: u32,
    instance_count: u32,
}

impl<'a> Component<'a> {
    /// The interface and the name of an imported function that a core function lowers.
    pub fn lowered(&self, core_function: u32) -> Option<(&'a str, &'a str)> {
        match self.functions.get(core_function as usize)? {
            CoreFunction::Canonical(CanonicalFunction::Lower { func_index, .. }) => {
                self.imported.get(func_index).copied()
            }
            _ => None,
        }
    }

    pub fn other(&self, kind: Kind, index: u32) -> Option<(u32, &'a str)> {
        self.others.get(space(kind)?)?.get(index as usize).copied()
    }
}

fn space(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Function => None,
        Kind::Table => Some(0),
        Kind::Memory => Some(1),
        Kind::Global => Some(2),
    }
}

pub fn parse(bytes: &[u8]) -> Result<Component<'_>, Refused> {
    if !Parser::is_component(bytes) {
        return refuse("not a component");
    }
    let mut component = Component {
        parts: Vec::new(),
        modules: Vec::new(),
        instances: Vec::new(),
        functions: Vec::new(),
        exports: HashSet::new(),
        imported: HashMap::new(),
        interfaces: HashMap::new(),
        others: Default::default(),
        function_count: 0,
        type_count: 0,
        instance_count: 0,
    };
    for (id, body) in sections(bytes)? {
        component.read(id, body)?;
    }
    Ok(component)
}

impl<'a> Component<'a> {
    fn read(&mut self, id: u8, body: &'a [u8]) -> Result<(), Refused> {
        let reader = BinaryReader::new(body, 0);
        match id {
            sections::COMPONENT_CORE_MODULE => {
                let number = self.modules.len();
                let module = Module::parse(body)
                    .map_err(|error| error.within(format_args!("core module {number}")))?;
                self.modules.push(module);
            }
            sections::COMPONENT_CORE_INSTANCE => {
                for instance in InstanceSectionReader::new(reader)? {
                    let instance = instance?;
                    // What was lifted could be called before these modules filled the memory
                    // and the table; fused, they all fill them at once.
                    if matches!(instance, Instance::Instantiate { .. })
                        && self.parts.iter().any(|part| matches!(part, Part::Lift { .. }))
                    {
                        return refuse("a core module is instantiated after a function is lifted");
                    }
                    self.instances.push(instance);
                }
            }
            sections::COMPONENT_ALIAS => {
                for alias in ComponentAliasSectionReader::new(reader)? {
                    self.alias(alias?)?;
                }
            }
            sections::COMPONENT_CANONICAL => {
                for function in ComponentCanonicalSectionReader::new(reader)? {
                    self.canonical(function?)?;
                }
            }
            sections::COMPONENT_CUSTOM => {
                // Names of indices that are not the same afterwards.
                let name = reader.clone().read_string()?;
                if name != "component-name" {
                    self.parts.push(Part::Section(id, body));
                }
            }
            sections::COMPONENT_START => return refuse("a start function"),
            _ => {
                self.count(id, body)?;
                self.parts.push(Part::Section(id, body));
            }
        }
        Ok(())
    }

    fn alias(&mut self, alias: ComponentAlias<'a>) -> Result<(), Refused> {
        match alias {
            ComponentAlias::CoreInstanceExport {
                kind: ExternalKind::Func,
                instance_index,
                name,
            } => {
                self.functions.push(CoreFunction::Export { instance: instance_index, name });
            }
            ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                let Some(space) = space(Kind::of(kind)?) else { return refuse("an alias") };
                self.others[space].push((instance_index, name));
            }
            ComponentAlias::InstanceExport { kind, instance_index, name } => {
                if kind == ComponentExternalKind::Func
                    && let Some(interface) = self.interfaces.get(&instance_index)
                {
                    self.imported.insert(self.function_count, (interface, name));
                }
                self.count_kind(kind)?;
                self.parts.push(Part::Alias(alias));
            }
            ComponentAlias::Outer { .. } => {
                return refuse("an alias of something outside the component");
            }
        }
        Ok(())
    }

    fn canonical(&mut self, function: CanonicalFunction) -> Result<(), Refused> {
        match function {
            CanonicalFunction::Lift { core_func_index, type_index, options } => {
                self.function_count += 1;
                self.parts.push(Part::Lift { function: core_func_index, type_index, options });
            }
            CanonicalFunction::Lower { .. }
            | CanonicalFunction::ResourceNew { .. }
            | CanonicalFunction::ResourceDrop { .. }
            | CanonicalFunction::ResourceRep { .. } => {
                self.parts.push(Part::Canonical(self.functions.len() as u32));
                self.functions.push(CoreFunction::Canonical(function));
            }
            other => return refuse(format!("the built-in function {other:?}")),
        }
        Ok(())
    }

    /// Counts what a section adds to the index spaces of functions and types. It is copied,
    /// so it must not name anything of the core part, whose indices change.
    fn count(&mut self, id: u8, body: &'a [u8]) -> Result<(), Refused> {
        let reader = BinaryReader::new(body, 0);
        match id {
            sections::COMPONENT_TYPE => {
                for kind in ComponentTypeSectionReader::new(reader)? {
                    if let ComponentType::Resource { dtor: Some(_), .. } = kind? {
                        return refuse("a resource with a destructor");
                    }
                    self.type_count += 1;
                }
            }
            sections::COMPONENT_IMPORT => {
                for import in ComponentImportSectionReader::new(reader)? {
                    let import = import?;
                    match import.ty {
                        ComponentTypeRef::Func(_) => self.function_count += 1,
                        ComponentTypeRef::Type(_) => self.type_count += 1,
                        ComponentTypeRef::Instance(_) => {
                            self.interfaces.insert(self.instance_count, import.name.0);
                            self.instance_count += 1;
                        }
                        ComponentTypeRef::Module(_) => return refuse(PASSED_MODULE),
                        _ => {}
                    }
                }
            }
            sections::COMPONENT_EXPORT => {
                for export in ComponentExportSectionReader::new(reader)? {
                    let export = export?;
                    self.count_kind(export.kind)?;
                    self.exports.insert(export.name.0);
                }
            }
            sections::COMPONENT_INSTANCE => {
                for instance in ComponentInstanceSectionReader::new(reader)? {
                    check_instance(&instance?)?;
                    self.instance_count += 1;
                }
            }
            sections::COMPONENT_COMPONENT => check_nested(body)?,
            _ => {}
        }
        Ok(())
    }

    fn count_kind(&mut self, kind: ComponentExternalKind) -> Result<(), Refused> {
        match kind {
            ComponentExternalKind::Func => self.function_count += 1,
            ComponentExternalKind::Type => self.type_count += 1,
            ComponentExternalKind::Instance => self.instance_count += 1,
            ComponentExternalKind::Module => return refuse(PASSED_MODULE),
            _ => {}
        }
        Ok(())
    }
}

const PASSED_MODULE: &str = "a core module that is imported, exported or passed on";

fn check_instance(instance: &ComponentInstance) -> Result<(), Refused> {
    let passes_module = match instance {
        ComponentInstance::Instantiate { args, .. } => {
            args.iter().any(|argument| argument.kind == ComponentExternalKind::Module)
        }
        ComponentInstance::FromExports(exports) => {
            exports.iter().any(|export| export.kind == ComponentExternalKind::Module)
        }
    };
    if passes_module { refuse(PASSED_MODULE) } else { Ok(()) }
}

fn check_nested(component: &[u8]) -> Result<(), Refused> {
    for payload in Parser::new(0).parse_all(component) {
        let Payload::ComponentAliasSection(aliases) = payload? else { continue };
        for alias in aliases {
            if let ComponentAlias::Outer { kind: ComponentOuterAliasKind::CoreModule, .. } = alias?
            {
                return refuse(PASSED_MODULE);
            }
        }
    }
    Ok(())
}
