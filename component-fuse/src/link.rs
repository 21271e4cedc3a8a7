//! What each import of each core module stands for, found through instances and aliases.

use std::cell::RefCell;
use std::collections::HashMap;

use wasmparser::{ConstExpr, FuncType, Instance, Operator};

use crate::component::{Component, CoreFunction};
use crate::module::{Kind, Module};
use crate::trampolines::{fixup, is_shim, target};
use crate::{Refused, refuse};

/// Longest chain of re-exports that is followed.
const MAX_DEPTH: u32 = 64;

/// What an index of a core module or of the component stands for in the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// A module's own item, by the module's index of it.
    Own { module: u32, index: u32 },
    /// A function that the component makes, by its index among the core functions.
    Canonical(u32),
}

/// A global's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Constant {
    I32(i32),
    I64(i64),
    F32(wasmparser::Ieee32),
    F64(wasmparser::Ieee64),
}

pub struct Linked<'c, 'a> {
    pub component: &'c Component<'a>,
    /// By module: the arguments of its one instance.
    arguments: Vec<Option<HashMap<&'a str, u32>>>,
    /// Modules with an instance that are fused, in the order of their instances.
    pub order: Vec<u32>,
    shim: Option<Shim>,
    /// What is known of the globals so far: each may be given as a sum of others, twice.
    initial: RefCell<HashMap<Item, Constant>>,
}

struct Shim {
    module: u32,
    /// The module that fills the shim's table, and by entry its function.
    fixup: u32,
    entries: HashMap<u32, u32>,
}

impl<'c, 'a> Linked<'c, 'a> {
    pub fn new(component: &'c Component<'a>) -> Result<Self, Refused> {
        let mut linked = Self {
            component,
            arguments: component.modules.iter().map(|_| None).collect(),
            order: Vec::new(),
            shim: None,
            initial: RefCell::default(),
        };
        for instance in &component.instances {
            let Instance::Instantiate { module_index, args } = instance else { continue };
            let Some(arguments) = linked.arguments.get_mut(*module_index as usize) else {
                return refuse("an instance of a core module that is imported");
            };
            if arguments.is_some() {
                return refuse(format!("core module {module_index} is instantiated twice"));
            }
            *arguments = Some(args.iter().map(|one| (one.name, one.index)).collect());
            linked.order.push(*module_index);
        }
        linked.find_shim()?;
        Ok(linked)
    }

    fn find_shim(&mut self) -> Result<(), Refused> {
        let mut found: Option<Shim> = None;
        for &module in self.order.iter().filter(|&&module| is_shim(self.module(module))) {
            // A table that others see too is an ordinary one, and so are its trampolines.
            let &[filler] = self.users_of_table(module)?.as_slice() else { continue };
            let size = self.module(module).tables[0].initial;
            let Some(entries) = fixup(self.module(filler), size)? else { continue };
            if found.is_some() {
                return refuse("several shims");
            }
            let entries = entries.into_iter().collect();
            found = Some(Shim { module, fixup: filler, entries });
        }
        if let Some(shim) = &found {
            self.order.retain(|&module| module != shim.module && module != shim.fixup);
        }
        self.shim = found;
        Ok(())
    }

    /// The modules that import a module's table.
    fn users_of_table(&self, owner: u32) -> Result<Vec<u32>, Refused> {
        let table = Item::Own { module: owner, index: 0 };
        let mut users = Vec::new();
        for &module in &self.order {
            for index in 0..self.module(module).import_count(Kind::Table) {
                if self.item(module, Kind::Table, index)? == table {
                    users.push(module);
                }
            }
        }
        Ok(users)
    }

    pub fn module(&self, index: u32) -> &'c Module<'a> {
        &self.component.modules[index as usize]
    }

    /// What a module's index stands for.
    pub fn item(&self, module: u32, kind: Kind, index: u32) -> Result<Item, Refused> {
        self.item_within(module, kind, index, 0)
    }

    /// What a core function of the component stands for.
    pub fn core_function(&self, index: u32) -> Result<Item, Refused> {
        self.core(Kind::Function, index, 0)
    }

    fn item_within(
        &self,
        module: u32,
        kind: Kind,
        index: u32,
        depth: u32,
    ) -> Result<Item, Refused> {
        let Some(&(from, name)) = self.module(module).imports(kind).get(index as usize) else {
            return Ok(Item::Own { module, index });
        };
        let arguments = self.arguments[module as usize].as_ref();
        let Some(&instance) = arguments.and_then(|arguments| arguments.get(from)) else {
            return refuse(format!("core module {module} is not given `{from}`"));
        };
        self.export(instance, kind, name, depth + 1)
            .map_err(|error| error.within(format_args!("`{name}` from `{from}`")))
    }

    fn core(&self, kind: Kind, index: u32, depth: u32) -> Result<Item, Refused> {
        let (instance, name) = if kind == Kind::Function {
            match self.component.functions.get(index as usize) {
                Some(CoreFunction::Canonical(_)) => return Ok(Item::Canonical(index)),
                Some(&CoreFunction::Export { instance, name }) => (instance, name),
                None => return refuse(format!("there is no core function {index}")),
            }
        } else {
            match self.component.other(kind, index) {
                Some(export) => export,
                None => return refuse(format!("there is no {kind:?} {index}")),
            }
        };
        self.export(instance, kind, name, depth + 1)
    }

    fn export(&self, instance: u32, kind: Kind, name: &str, depth: u32) -> Result<Item, Refused> {
        if depth > MAX_DEPTH {
            return refuse("a chain of re-exports that is too long");
        }
        let missing = || Refused(format!("there is no {kind:?} `{name}`"));
        match self.component.instances.get(instance as usize).ok_or_else(missing)? {
            Instance::FromExports(exports) => {
                for export in exports {
                    if export.name == name && Kind::of(export.kind)? == kind {
                        return self.core(kind, export.index, depth);
                    }
                }
                Err(missing())
            }
            Instance::Instantiate { module_index, .. } => {
                let module = *module_index;
                let exports = &self.module(module).exports;
                let &(_, index) =
                    exports.get(name).filter(|export| export.0 == kind).ok_or_else(missing)?;
                match &self.shim {
                    Some(shim) if shim.module == module && kind == Kind::Function => {
                        let (_, entry) = target(self.module(module), index).ok_or_else(missing)?;
                        let Some(&function) = shim.entries.get(&entry) else {
                            return refuse(format!("nothing fills the shim's entry {entry}"));
                        };
                        let filled = self.module(shim.fixup).function_type(function);
                        if filled != self.module(module).function_type(index) {
                            return refuse(format!("the shim's entry {entry} has another type"));
                        }
                        self.item_within(shim.fixup, kind, function, depth)
                    }
                    _ => self.item_within(module, kind, index, depth),
                }
            }
        }
    }

    /// Type of a function that is some module's own.
    pub fn function_type(&self, item: Item) -> Option<&'c FuncType> {
        match item {
            Item::Own { module, index } => Some(self.module(module).function_type(index)),
            Item::Canonical(_) => None,
        }
    }

    /// What a global holds before anything has run.
    pub fn initial(&self, global: Item) -> Result<Constant, Refused> {
        if let Some(&known) = self.initial.borrow().get(&global) {
            return Ok(known);
        }
        let Item::Own { module, index } = global else { return refuse("a global of no module") };
        let own = self.module(module);
        let own_index = index - own.import_count(Kind::Global);
        let constant = self.constant(module, &own.initial[own_index as usize])?;
        self.initial.borrow_mut().insert(global, constant);
        Ok(constant)
    }

    pub fn constant(&self, module: u32, expression: &ConstExpr) -> Result<Constant, Refused> {
        let mut stack = Vec::new();
        let mut operators = expression.get_operators_reader();
        while !operators.eof() {
            let operator = operators.read()?;
            match operator {
                Operator::I32Const { value } => stack.push(Constant::I32(value)),
                Operator::I64Const { value } => stack.push(Constant::I64(value)),
                Operator::F32Const { value } => stack.push(Constant::F32(value)),
                Operator::F64Const { value } => stack.push(Constant::F64(value)),
                Operator::GlobalGet { global_index } => {
                    stack.push(self.initial(self.item(module, Kind::Global, global_index)?)?);
                }
                Operator::I32Add | Operator::I32Sub => {
                    let (Some(Constant::I32(right)), Some(Constant::I32(left))) =
                        (stack.pop(), stack.pop())
                    else {
                        return refuse("a constant expression without operands");
                    };
                    stack.push(Constant::I32(match operator {
                        Operator::I32Add => left.wrapping_add(right),
                        _ => left.wrapping_sub(right),
                    }));
                }
                Operator::End => {}
                other => return refuse(format!("the constant expression {other:?}")),
            }
        }
        match stack.as_slice() {
            &[constant] => Ok(constant),
            _ => refuse("a constant expression without one value"),
        }
    }

    /// A constant that is an address or an entry of a table.
    pub fn offset(&self, module: u32, expression: &ConstExpr) -> Result<usize, Refused> {
        match self.constant(module, expression)? {
            Constant::I32(value) => Ok(value as u32 as usize),
            other => refuse(format!("an offset of the kind {other:?}")),
        }
    }
}
