//! What the fused module is made of: decided here, written by `emit_module` and
//! `emit_component`.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use wasmparser::{
    CanonicalFunction, CanonicalOption, DataKind, ElementItems, ElementKind, FuncType, MemoryType,
    Operator, ValType,
};

use crate::component::{CoreFunction, Part};
use crate::link::{Item, Linked};
use crate::module::{Kind, check_operator};
use crate::trampolines::target;
use crate::{Additions, Refused, Stub, Summary, refuse};

const WASM_PAGE: u64 = 64 * 1024;

/// Most trampolines that lead to each other.
const MAX_HOPS: usize = 16;

/// A function that the component makes, by its index among the core functions.
pub struct Canonical {
    pub function: u32,
    pub kind: FuncType,
    pub given: Given,
}

pub struct Plan<'p, 'c, 'a> {
    pub linked: &'p Linked<'c, 'a>,
    pub additions: &'p Additions<'p>,
    pub memory: MemoryType,
    /// The one table's entries.
    pub entries: Vec<Option<Item>>,
    /// Trampolines, and what they lead to.
    direct: HashMap<Item, Item>,
    /// Modules' own functions that can be called, in their order.
    pub functions: Vec<(u32, u32)>,
    /// Functions of the component that can be called.
    pub canonicals: Vec<Canonical>,
    /// Globals that something writes.
    pub globals: Vec<Item>,
    /// Functions that the component calls, or that are added to its exports.
    pub exports: Vec<Item>,
    /// Of `additions.functions`, in their order.
    pub added: Vec<Item>,
    /// Address and content.
    pub data: Vec<(usize, &'a [u8])>,
}

impl<'p, 'c, 'a> Plan<'p, 'c, 'a> {
    pub fn new(linked: &'p Linked<'c, 'a>, additions: &'p Additions<'p>) -> Result<Self, Refused> {
        let (memory_owner, memory) = the_memory(linked)?;
        let mut plan = Self {
            linked,
            additions,
            memory,
            entries: Vec::new(),
            direct: HashMap::new(),
            functions: Vec::new(),
            canonicals: Vec::new(),
            globals: Vec::new(),
            exports: Vec::new(),
            added: Vec::new(),
            data: Vec::new(),
        };
        plan.check_memories(memory_owner)?;
        plan.fill_table()?;
        plan.find_trampolines();
        plan.place_data()?;
        plan.find_exports()?;
        plan.reach()?;
        Ok(plan)
    }

    pub fn summary(&self) -> Summary {
        let modules = self.linked.order.iter().map(|&module| self.linked.module(module));
        Summary {
            modules: self.linked.order.len(),
            functions_before: modules.map(|module| module.bodies.len()).sum(),
            functions: self.functions.len(),
            table_entries: self.entries.iter().flatten().count(),
            mutable_globals: self.globals.len(),
            trampolines: self.direct.len(),
        }
    }

    /// What a call to a module's function index ends in.
    pub fn function(&self, module: u32, index: u32) -> Result<Item, Refused> {
        Ok(self.through(self.linked.item(module, Kind::Function, index)?))
    }

    /// What a core function of the component ends in.
    pub fn core_function(&self, index: u32) -> Result<Item, Refused> {
        Ok(self.through(self.linked.core_function(index)?))
    }

    fn through(&self, mut item: Item) -> Item {
        for _ in 0..MAX_HOPS {
            match self.direct.get(&item) {
                Some(&next) => item = next,
                None => break,
            }
        }
        item
    }

    fn check_memories(&self, owner: Item) -> Result<(), Refused> {
        for &number in &self.linked.order {
            let module = self.linked.module(number);
            for index in 0..module.memories.len() as u32 {
                if self.linked.item(number, Kind::Memory, index)? != owner {
                    return refuse("several memories");
                }
            }
        }
        Ok(())
    }

    /// Replays the element segments in the order in which instances are made.
    fn fill_table(&mut self) -> Result<(), Refused> {
        let mut table = None;
        for &number in &self.linked.order {
            for index in 0..self.linked.module(number).tables.len() as u32 {
                let item = self.linked.item(number, Kind::Table, index)?;
                if *table.get_or_insert(item) != item {
                    return refuse("several tables");
                }
            }
        }
        if let Some(Item::Own { module, index }) = table {
            let table = self.linked.module(module).tables[index as usize];
            if table.element_type != wasmparser::RefType::FUNCREF || table.table64 {
                return refuse("a table of other things than functions");
            }
            let size = usize::try_from(table.initial).unwrap_or(usize::MAX);
            if size > 10_000_000 {
                return refuse("a table of more than ten million entries");
            }
            self.entries = vec![None; size];
        }
        for &number in &self.linked.order {
            for element in &self.linked.module(number).elements {
                match &element.kind {
                    ElementKind::Declared => {}
                    ElementKind::Passive => return refuse("a passive element segment"),
                    ElementKind::Active { offset_expr, .. } => {
                        let start = self.linked.offset(number, offset_expr)?;
                        let items = self.element_items(number, &element.items)?;
                        match self.entries.get_mut(start..start + items.len()) {
                            Some(entries) => entries.copy_from_slice(&items),
                            None => return refuse("an element segment beyond the table"),
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn element_items(
        &self,
        module: u32,
        items: &ElementItems,
    ) -> Result<Vec<Option<Item>>, Refused> {
        let function = |index| self.linked.item(module, Kind::Function, index).map(Some);
        let mut found = Vec::new();
        match items.clone() {
            ElementItems::Functions(functions) => {
                for index in functions {
                    found.push(function(index?)?);
                }
            }
            ElementItems::Expressions(_, expressions) => {
                for expression in expressions {
                    let mut operators = expression?.get_operators_reader();
                    found.push(match operators.read()? {
                        Operator::RefFunc { function_index } => function(function_index)?,
                        Operator::RefNull { .. } => None,
                        other => return refuse(format!("the element {other:?}")),
                    });
                }
            }
        }
        Ok(found)
    }

    /// The table never changes, so a trampoline over it always leads to the same function.
    fn find_trampolines(&mut self) {
        let mut direct = HashMap::new();
        for &module in &self.linked.order {
            let parsed = self.linked.module(module);
            let first = parsed.import_count(Kind::Function);
            for index in first..parsed.functions.len() as u32 {
                let Some((_, entry)) = target(parsed, index) else { continue };
                let Some(&Some(leads_to)) = self.entries.get(entry as usize) else { continue };
                let here = Item::Own { module, index };
                let same_type =
                    self.linked.function_type(leads_to) == Some(parsed.function_type(index));
                if same_type && leads_to != here {
                    direct.insert(here, leads_to);
                }
            }
        }
        // One that leads back to itself would never end: it stays as it is.
        let is_cyclic = |start: &Item| {
            let mut item = start;
            (0..MAX_HOPS).all(|_| match direct.get(item) {
                Some(next) => {
                    item = next;
                    true
                }
                None => false,
            })
        };
        let cyclic: Vec<Item> = direct.keys().filter(|item| is_cyclic(item)).copied().collect();
        for item in cyclic {
            direct.remove(&item);
        }
        self.direct = direct;
        for at in 0..self.entries.len() {
            self.entries[at] = self.entries[at].map(|item| self.through(item));
        }
    }

    fn place_data(&mut self) -> Result<(), Refused> {
        let size = self.memory.initial.saturating_mul(WASM_PAGE);
        for &number in &self.linked.order {
            for data in &self.linked.module(number).data {
                let DataKind::Active { offset_expr, .. } = &data.kind else {
                    return refuse("a passive data segment");
                };
                let start = self.linked.offset(number, offset_expr)?;
                if (start + data.data.len()) as u64 > size {
                    return refuse("a data segment beyond the memory");
                }
                self.data.push((start, data.data));
            }
        }
        Ok(())
    }

    /// What the component itself calls: lifted functions and those of canonical options.
    fn find_exports(&mut self) -> Result<(), Refused> {
        let mut exports = BTreeSet::new();
        for part in &self.linked.component.parts {
            let options: &[CanonicalOption] = match part {
                Part::Lift { function, options, .. } => {
                    exports.insert(self.core_function(*function)?);
                    options
                }
                Part::Canonical(index) => options_of(self.linked, *index),
                _ => &[],
            };
            for option in options {
                match option {
                    CanonicalOption::Realloc(function) | CanonicalOption::PostReturn(function) => {
                        exports.insert(self.core_function(*function)?);
                    }
                    CanonicalOption::Memory(_)
                    | CanonicalOption::UTF8
                    | CanonicalOption::UTF16
                    | CanonicalOption::CompactUTF16 => {}
                    other => return refuse(format!("the canonical option {other:?}")),
                }
            }
        }
        for (name, _) in self.additions.functions {
            let item = self.exported(name)?;
            self.added.push(item);
            exports.insert(item);
        }
        if let Some(item) = exports.iter().find(|item| matches!(item, Item::Canonical(_))) {
            return refuse(format!("a lifted function that is a lowered one: {item:?}"));
        }
        self.exports = exports.into_iter().collect();
        Ok(())
    }

    /// The function that some module exports by a name, and that takes and returns nothing.
    fn exported(&self, name: &str) -> Result<Item, Refused> {
        let mut found = None;
        for &number in &self.linked.order {
            if let Some(&(Kind::Function, index)) = self.linked.module(number).exports.get(name) {
                let item = self.function(number, index)?;
                if *found.get_or_insert(item) != item {
                    return refuse(format!("several modules export `{name}`"));
                }
            }
        }
        let Some(item) = found else { return refuse(format!("no module exports `{name}`")) };
        let is_plain = self
            .linked
            .function_type(item)
            .is_some_and(|kind| kind.params().is_empty() && kind.results().is_empty());
        if !is_plain {
            return refuse(format!("`{name}` takes or returns something"));
        }
        Ok(item)
    }

    /// Finds every function that can be called, and every global that can be written.
    fn reach(&mut self) -> Result<(), Refused> {
        let roots = self.exports.iter().copied().chain(self.entries.iter().copied().flatten());
        let mut queue: VecDeque<Item> = roots.collect();
        let mut seen: HashSet<Item> = queue.iter().copied().collect();
        let mut written = BTreeSet::new();
        while let Some(item) = queue.pop_front() {
            let Item::Own { module, index } = item else { continue };
            let parsed = self.linked.module(module);
            let mut operators = parsed.body(index).get_operators_reader()?;
            while !operators.eof() {
                let operator = operators.read()?;
                check_operator(&operator).map_err(|error| {
                    error.within(format_args!("function {index} of core module {module}"))
                })?;
                match operator {
                    Operator::Call { function_index } => {
                        let called = self.function(module, function_index)?;
                        if seen.insert(called) {
                            queue.push_back(called);
                        }
                    }
                    Operator::GlobalSet { global_index } => {
                        written.insert(self.linked.item(module, Kind::Global, global_index)?);
                    }
                    _ => {}
                }
            }
        }
        let types = self.canonical_types()?;
        for item in seen {
            match item {
                Item::Own { module, index } => self.functions.push((module, index)),
                Item::Canonical(index) => match types.get(&index) {
                    Some(kind) => self.canonicals.push(Canonical {
                        function: index,
                        kind: kind.clone(),
                        given: self.given(index, kind)?,
                    }),
                    None => return refuse("a lowered function that no module imports"),
                },
            }
        }
        self.functions.sort_unstable();
        self.canonicals.sort_unstable_by_key(|canonical| canonical.function);
        self.globals = written.into_iter().collect();
        Ok(())
    }

    fn given(&self, function: u32, kind: &FuncType) -> Result<Given, Refused> {
        let lowered = self.linked.component.lowered(function);
        let stub = lowered.zip(self.additions.stubs).and_then(|((interface, name), stubs)| {
            stubs(interface, name).map(|stub| (stub, interface, name))
        });
        let Some((stub, interface, name)) = stub else {
            let late = is_late(self.linked, function);
            return Ok(if late { Given::Late } else { Given::Early });
        };
        let in_memory = kind.results().is_empty() && kind.params().last() == Some(&ValType::I32);
        if matches!(stub, Stub::Answer(_)) && !(in_memory && is_late(self.linked, function)) {
            return refuse(format!("`{name}` of `{interface}` does not answer in memory"));
        }
        Ok(Given::Stub(stub))
    }

    /// The functions that are given in a way.
    pub fn given_late(&self) -> impl Iterator<Item = &Canonical> {
        self.canonicals.iter().filter(|one| one.given == Given::Late)
    }

    /// The types of the component's functions, as the modules import them.
    fn canonical_types(&self) -> Result<HashMap<u32, FuncType>, Refused> {
        let mut types = HashMap::new();
        for &number in &self.linked.order {
            let module = self.linked.module(number);
            for index in 0..module.import_count(Kind::Function) {
                // What is never called need not be there.
                if let Ok(Item::Canonical(function)) = self.function(number, index) {
                    types.insert(function, module.function_type(index).clone());
                }
            }
        }
        Ok(types)
    }
}

fn the_memory(linked: &Linked) -> Result<(Item, MemoryType), Refused> {
    let mut found = None;
    for &number in &linked.order {
        let module = linked.module(number);
        for index in module.import_count(Kind::Memory)..module.memories.len() as u32 {
            if found.is_some() {
                return refuse("several memories");
            }
            let memory = module.memories[index as usize];
            if memory.memory64 || memory.shared || memory.page_size_log2.is_some() {
                return refuse("a memory of an unusual kind");
            }
            found = Some((Item::Own { module: number, index }, memory));
        }
    }
    found.ok_or_else(|| Refused("no module has a memory".to_owned()))
}

pub fn options_of<'c>(linked: &Linked<'c, '_>, function: u32) -> &'c [CanonicalOption] {
    match &linked.component.functions[function as usize] {
        CoreFunction::Canonical(CanonicalFunction::Lower { options, .. }) => options,
        _ => &[],
    }
}

/// When, and how, the fused module is given a function that the component makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Given {
    /// As an import.
    Early,
    /// Through a table, once there is a memory for its parameters and results.
    Late,
    /// Not at all.
    Stub(Stub),
}

/// Whether a function of the component can only be made once the memory is there.
fn is_late(linked: &Linked, function: u32) -> bool {
    options_of(linked, function)
        .iter()
        .any(|option| matches!(option, CanonicalOption::Memory(_) | CanonicalOption::Realloc(_)))
}
