//! The host that these components run on: it writes down what it is called with.

use std::sync::OnceLock;

use component_fuse::SET_GLOBALS;
use wasmtime::component::types::{ComponentFunc, Type};
use wasmtime::component::{Component, Func, Instance, Linker, Resource, ResourceType, Val};
use wasmtime::{Config, Engine, OptLevel, Store, StoreLimits, StoreLimitsBuilder};

/// Instructions that one instance may run: mangled components may loop for ever.
const FUEL: u64 = 10_000_000;

/// Memory that one instance may have.
const MEMORY_BYTES: usize = 64 << 20;

struct State {
    log: Vec<String>,
    limits: StoreLimits,
}

/// A resource of the host's: its number is all that it is.
struct Thing;

pub fn engine() -> &'static Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| {
        let mut config = Config::new();
        config.consume_fuel(true).cranelift_opt_level(OptLevel::None);
        Engine::new(&config).expect("an engine with fuel")
    })
}

fn linker() -> wasmtime::Result<Linker<State>> {
    let mut linker = Linker::<State>::new(engine());
    let mut root = linker.root();
    root.func_wrap("note", |mut store, (value,): (u32,)| {
        store.data_mut().log.push(format!("note {value}"));
        Ok(())
    })?;
    root.func_wrap("add", |mut store, (left, right): (u32, u32)| {
        store.data_mut().log.push(format!("add {left} {right}"));
        Ok((left.wrapping_add(right),))
    })?;
    root.func_wrap("log", |mut store, (text,): (String,)| {
        store.data_mut().log.push(format!("log {text:?}"));
        Ok(())
    })?;
    root.func_wrap("shout", |mut store, (text,): (String,)| {
        store.data_mut().log.push(format!("shout {text:?}"));
        Ok((text.to_uppercase() + "!",))
    })?;
    root.func_wrap("fail", |_, (): ()| -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg("the host does not want to"))
    })?;
    root.resource("thing", ResourceType::host::<Thing>(), |mut store, number| {
        store.data_mut().log.push(format!("thing {number} dropped"));
        Ok(())
    })?;
    root.func_wrap("make-thing", |mut store, (number,): (u32,)| {
        store.data_mut().log.push(format!("thing {number} made"));
        Ok((Resource::<Thing>::new_own(number),))
    })?;
    root.func_wrap("number-of", |_, (thing,): (Resource<Thing>,)| Ok((thing.rep(),)))?;
    linker.instance("fuse:test/host")?.func_wrap("twice", |mut store, (value,): (i32,)| {
        store.data_mut().log.push(format!("twice {value}"));
        Ok((value.wrapping_mul(2),))
    })?;
    Ok(linker)
}

/// An instance, and what it does.
pub struct Running {
    store: Store<State>,
    instance: Instance,
}

impl Running {
    pub fn start(component: &Component) -> wasmtime::Result<Self> {
        let limits = StoreLimitsBuilder::new().memory_size(MEMORY_BYTES).build();
        let mut store = Store::new(engine(), State { log: Vec::new(), limits });
        store.limiter(|state| &mut state.limits);
        store.set_fuel(FUEL)?;
        let instance = linker()?.instantiate(&mut store, component)?;
        Ok(Self { store, instance })
    }

    /// Plays one line of a script, `name(argument, ...)` with whatever follows, and says
    /// what happened: a line with the result or the trap, and one for each host call. A
    /// function of an exported instance is named `instance/name`.
    pub fn play(&mut self, line: &str) -> Played {
        let (name, rest) = line.split_once('(').expect("a call has arguments in brackets");
        let arguments = &rest[..rest.rfind(')').expect("a call ends with a bracket")];
        // The text of an answer may hold brackets too.
        let arguments = arguments.split_once(") = ").map_or(arguments, |(before, _)| before);
        let arguments = arguments.split_once(") traps").map_or(arguments, |(before, _)| before);
        let function = self.function(name);
        let kind = function.ty(&self.store);
        let parameters = parse(arguments, &kind);
        self.play_call(name, arguments, function, &parameters)
    }

    /// The same if there is such a function with such parameters.
    pub fn try_play(&mut self, line: &str) -> Option<Played> {
        let (name, arguments) = line.trim_end_matches(')').split_once('(')?;
        let function = self.instance.get_func(&mut self.store, name)?;
        let kind = function.ty(&self.store);
        let is_u32 = kind.params().map(|(_, kind)| kind).eq([Type::U32]);
        is_u32.then(|| self.play_call(name, arguments, function, &parse(arguments, &kind)))
    }

    fn play_call(
        &mut self,
        name: &str,
        arguments: &str,
        function: Func,
        parameters: &[Val],
    ) -> Played {
        let mut results = vec![Val::Bool(false); function.ty(&self.store).results().len()];
        let outcome = function.call(&mut self.store, parameters, &mut results);
        let (trapped, end) = match outcome {
            Ok(()) => (false, results.iter().map(|value| format!(" = {}", show(value))).collect()),
            Err(error) => (true, format!(" traps: {}", cause(&error))),
        };
        let mut text = format!("{name}({arguments}){end}\n");
        for entry in self.store.data_mut().log.drain(..) {
            text += &format!("  > {entry}\n");
        }
        Played { text, trapped }
    }

    pub fn function(&mut self, name: &str) -> Func {
        let index = match name.rsplit_once('/') {
            None => self.instance.get_export_index(&mut self.store, None, name),
            Some((instance, name)) => {
                let outer = self.instance.get_export_index(&mut self.store, None, instance);
                self.instance.get_export_index(&mut self.store, outer.as_ref(), name)
            }
        };
        let index = index.unwrap_or_else(|| panic!("there is no export `{name}`"));
        self.instance.get_func(&mut self.store, index).expect("the export is a function")
    }

    /// Calls a function, which has to work.
    pub fn call(&mut self, name: &str, arguments: &[Val]) -> Vec<Val> {
        let function = self.function(name);
        let mut results = vec![Val::U32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, arguments, &mut results).expect("the call works");
        results
    }

    /// Sets the globals of a component to which that was added.
    pub fn set_globals(&mut self, globals: &[u32]) {
        let globals: Vec<Val> = globals.iter().map(|&global| Val::U32(global)).collect();
        self.call(SET_GLOBALS, &globals);
    }

    /// Whether it came to an end because it ran for too long: what was done by then depends
    /// on how instructions are counted.
    pub fn is_exhausted(&self) -> bool {
        self.store.get_fuel().is_ok_and(|fuel| fuel == 0)
    }
}

pub struct Played {
    pub text: String,
    /// An instance that trapped cannot be called again.
    pub trapped: bool,
}

/// What a failed call says, without the trace, whose function indices may differ.
fn cause(error: &wasmtime::Error) -> String {
    let cause = error.root_cause().to_string();
    cause.strip_prefix("wasm trap: ").unwrap_or(&cause).to_owned()
}

/// Trace of functions' names of a call that traps, innermost first.
pub fn trace(component: &[u8], name: &str) -> Vec<String> {
    let component = Component::new(engine(), component).expect("the component compiles");
    let mut running = Running::start(&component).expect("the component starts");
    let function = running.function(name);
    let error = function.call(&mut running.store, &[], &mut []).expect_err("the call traps");
    let trace = error.downcast_ref::<wasmtime::WasmBacktrace>().expect("a trap has a trace");
    trace.frames().iter().map(|frame| frame.func_name().unwrap_or("?").to_owned()).collect()
}

fn parse(arguments: &str, kind: &ComponentFunc) -> Vec<Val> {
    let mut rest = arguments;
    let values = kind.params().map(|(_, kind)| {
        let end = match rest.strip_prefix('"') {
            Some(text) => text.find('"').expect("a text ends with a quote") + 2,
            None => rest.find(',').unwrap_or(rest.len()),
        };
        let (text, after) = rest.split_at(end);
        rest = after.trim_start_matches([',', ' ']);
        value(text, &kind)
    });
    let values = values.collect();
    assert!(rest.is_empty(), "arguments left over: {rest}");
    values
}

fn value(text: &str, kind: &Type) -> Val {
    let expected = "an argument of the parameter's type";
    match kind {
        Type::S32 => Val::S32(text.parse().expect(expected)),
        Type::U32 => Val::U32(text.parse().expect(expected)),
        Type::S64 => Val::S64(text.parse().expect(expected)),
        Type::U64 => Val::U64(text.parse().expect(expected)),
        Type::Float32 => Val::Float32(text.parse().expect(expected)),
        Type::Float64 => Val::Float64(text.parse().expect(expected)),
        Type::String => Val::String(text.trim_matches('"').to_owned()),
        other => panic!("no script has an argument of the type {other:?}"),
    }
}

fn show(value: &Val) -> String {
    match value {
        Val::S32(number) => number.to_string(),
        Val::U32(number) => number.to_string(),
        Val::S64(number) => number.to_string(),
        Val::U64(number) => number.to_string(),
        // With the bits of what is no number.
        Val::Float32(number) if number.is_nan() => format!("nan:{:#x}", number.to_bits()),
        Val::Float64(number) if number.is_nan() => format!("nan:{:#x}", number.to_bits()),
        Val::Float32(number) => format!("{number:?}"),
        Val::Float64(number) => format!("{number:?}"),
        Val::String(text) => format!("{text:?}"),
        other => format!("{other:?}"),
    }
}
