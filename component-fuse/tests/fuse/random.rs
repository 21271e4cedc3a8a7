//! Components that are made up by chance: libraries over one memory and one table, whose
//! functions call each other in every way.

use std::fmt::Write;

use crate::compare::{assemble, play, variants};

/// Components of which the behaviour is compared.
const COMPONENTS: u64 = 150;

/// The same numbers in every run (SplitMix64).
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Entries of the table. Mostly, entry n is a function of n % 3 parameters.
const ENTRIES: usize = 24;

/// A function's number of parameters, all i32; each returns one.
type Arity = usize;

/// Name and value of a global that is a base of segments.
type Base<'a> = Option<(&'a str, usize)>;

/// What a module can name while its functions are written.
struct Scope {
    /// Name and arity.
    functions: Vec<(String, Arity)>,
    /// Name, and whether it can be written.
    globals: Vec<(String, bool)>,
}

struct Writer {
    random: Random,
    text: String,
}

impl Writer {
    fn expression(&mut self, scope: &Scope, parameters: Arity, depth: usize) -> String {
        if depth == 0 || self.random.chance(15) {
            return match self.random.below(4) {
                0 | 1 if parameters > 0 => format!("(local.get {})", self.random.below(parameters)),
                2 => format!("(global.get {})", self.pick(&scope.globals).0),
                _ => format!("(i32.const {})", self.random.below(70)),
            };
        }
        let inner = |writer: &mut Self| writer.expression(scope, parameters, depth - 1);
        match self.random.below(13) {
            6 | 0..=2 => {
                let operator = ["add", "sub", "mul", "xor", "shr_u", "lt_s"][self.random.below(6)];
                format!("(i32.{operator} {} {})", inner(self), inner(self))
            }
            3 => format!("(i32.load8_u (i32.and {} (i32.const 0xffff)))", inner(self)),
            4 => format!("(i32.load offset=65400 (i32.and {} (i32.const 255)))", inner(self)),
            5 => {
                let arity = self.random.below(3);
                let arguments: String = (0..arity).map(|_| inner(self)).collect();
                let entry = if self.random.chance(85) {
                    format!("(i32.const {})", self.entry(arity))
                } else {
                    format!("(i32.rem_u {} (i32.const {ENTRIES}))", inner(self))
                };
                format!("(call_indirect (type $f{arity}) {arguments} {entry})")
            }
            7 => format!(
                "(if (result i32) {} (then {}) (else {}))",
                inner(self),
                inner(self),
                inner(self)
            ),
            8 => {
                let (name, writable) = self.pick(&scope.globals);
                let value = inner(self);
                let set =
                    if writable { format!("(global.set {name} {value})") } else { String::new() };
                format!("(block (result i32) {set} (global.get {name}))")
            }
            9 => format!(
                "(block (result i32) (i32.store16 (i32.and {} (i32.const 0xfff)) {}) (memory.size))",
                inner(self),
                inner(self)
            ),
            _ => {
                let (name, arity) = self.pick(&scope.functions);
                let arguments: String = (0..arity).map(|_| inner(self)).collect();
                format!("(call {name} {arguments})")
            }
        }
    }

    fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.random.below(from.len())].clone()
    }

    /// An entry of the table, mostly one that should have so many parameters.
    fn entry(&mut self, arity: Arity) -> usize {
        match self.random.chance(95) {
            true => 3 * self.random.below(ENTRIES / 3) + arity,
            false => self.random.below(ENTRIES + 1),
        }
    }

    /// A function that ends when the calls that are left are used up.
    fn function(&mut self, scope: &Scope, name: &str, arity: Arity) {
        let body = self.expression(scope, arity, 4);
        let _ = writeln!(
            self.text,
            r#"(func ${name} (export "{name}") (type $f{arity})
                (if (i32.le_s (global.get $left) (i32.const 0)) (then (return (i32.const 1))))
                (global.set $left (i32.sub (global.get $left) (i32.const 1)))
                {body})"#
        );
    }

    /// A function that calls an entry of the table and does nothing else.
    fn trampoline(&mut self, name: &str, arity: Arity) {
        let parameters: String = (0..arity).map(|at| format!("(local.get {at})")).collect();
        let entry = self.entry(arity);
        let _ = writeln!(
            self.text,
            r#"(func ${name} (export "{name}") (type $f{arity})
                (call_indirect (type $f{arity}) {parameters} (i32.const {entry})))"#
        );
    }

    fn segments(&mut self, functions: &[(String, Arity)], base: Base) {
        for _ in 0..3 + self.random.below(4) {
            let length = 1 + self.random.below(9);
            let (offset, start) = self.offset(base, ENTRIES - length - 4);
            let items: String =
                (start..start + length).map(|at| self.item(functions, at)).collect();
            let _ = writeln!(self.text, "(elem (offset {offset}) funcref {items})");
        }
        for _ in 0..self.random.below(3) {
            let bytes: String = (0..self.random.below(9))
                .map(|_| format!("\\{:02x}", self.random.below(256)))
                .collect();
            let (offset, _) = self.offset(base, 4000);
            let _ = writeln!(self.text, "(data (offset {offset}) \"{bytes}\")");
        }
    }

    /// What an element segment puts at an entry of the table.
    fn item(&mut self, functions: &[(String, Arity)], entry: usize) -> String {
        if self.random.chance(5) {
            return "(ref.null func) ".to_owned();
        }
        let fits = |function: &&(String, Arity)| function.1 == entry % 3;
        let fitting: Vec<(String, Arity)> = functions.iter().filter(fits).cloned().collect();
        let from = if fitting.is_empty() || self.random.chance(5) { functions } else { &fitting };
        format!("(ref.func {}) ", self.pick(from).0)
    }

    /// The expression of an offset, and its value.
    fn offset(&mut self, base: Base, below: usize) -> (String, usize) {
        let constant = self.random.below(below);
        match base {
            Some((base, value)) if self.random.chance(20) => {
                (format!("(global.get {base})"), value)
            }
            Some((base, value)) if self.random.chance(50) => {
                (format!("(i32.add (global.get {base}) (i32.const {constant}))"), value + constant)
            }
            _ => (format!("(i32.const {constant})"), constant),
        }
    }
}

const TYPES: &str = "(type $f0 (func (result i32)))
    (type $f1 (func (param i32) (result i32)))
    (type $f2 (func (param i32 i32) (result i32)))";

/// A component's text, and the calls that are made of it.
fn component(seed: u64) -> (String, Vec<String>) {
    let mut writer = Writer { random: Random::new(seed), text: String::new() };
    let libraries = 1 + writer.random.below(4);
    let _ = writeln!(
        writer.text,
        r#"(component
        (import "add" (func $add (param "left" u32) (param "right" u32) (result u32)))
        (core func $add (canon lower (func $add)))
        (core module $m0 {TYPES}
            (import "host" "add" (func $add (type $f2)))
            (memory (export "memory") {} 4)
            (table (export "table") {ENTRIES} funcref)
            (global $left (export "left") (mut i32) (i32.const 0))
            (global $stack (export "stack") (mut i32) (i32.const 4096))
            (global $fixed (export "fixed") (mut i32) (i32.const {}))"#,
        1 + writer.random.below(2),
        writer.random.below(100),
    );
    let bases: Vec<usize> = (0..=libraries).map(|_| writer.random.below(4)).collect();
    for (library, base) in bases.iter().enumerate() {
        let _ =
            writeln!(writer.text, r#"(global (export "base{library}") i32 (i32.const {base}))"#);
    }
    // What libraries can import: their module, name and arity.
    let mut known: Vec<(usize, String, Arity)> = Vec::new();
    let mut instances = String::from(
        r#"(core instance $i0 (instantiate $m0 (with "host" (instance (export "add" (func $add))))))"#,
    );
    for (module, &base_value) in bases.iter().enumerate() {
        let mut scope = Scope {
            functions: vec![("$add".to_owned(), 2)],
            globals: vec![("$stack".to_owned(), true), ("$fixed".to_owned(), false)],
        };
        let mut base = None;
        if module > 0 {
            let _ = writeln!(
                writer.text,
                r#"(core module $m{module} {TYPES}
                    (import "host" "add" (func $add (type $f2)))
                    (import "m0" "memory" (memory 1))
                    (import "m0" "table" (table {ENTRIES} funcref))
                    (import "m0" "left" (global $left (mut i32)))
                    (import "m0" "stack" (global $stack (mut i32)))
                    (import "m0" "fixed" (global $fixed (mut i32)))
                    (import "m0" "base{module}" (global $base i32))"#
            );
            for (from, name, arity) in &known {
                if writer.random.chance(60) {
                    let _ = writeln!(
                        writer.text,
                        r#"(import "m{from}" "{name}" (func ${name} (type $f{arity})))"#
                    );
                    scope.functions.push((format!("${name}"), *arity));
                }
            }
            scope.globals.push(("$base".to_owned(), false));
            base = Some(("$base", base_value));
            let with: String = (0..module)
                .map(|from| format!(r#"(with "m{from}" (instance $i{from}))"#))
                .collect();
            let _ = writeln!(
                instances,
                r#"(core instance $i{module} (instantiate $m{module} {with}
                    (with "host" (instance (export "add" (func $add))))))"#
            );
        }
        let _ = writeln!(writer.text, "(global $own (mut i32) (i32.const {}))", 3 * module);
        scope.globals.push(("$own".to_owned(), true));
        let count = 2 + writer.random.below(4);
        let own: Vec<(String, Arity)> =
            (0..count).map(|at| (format!("f{module}-{at}"), writer.random.below(3))).collect();
        scope.functions.extend(own.iter().map(|(name, arity)| (format!("${name}"), *arity)));
        for (name, arity) in own {
            match writer.random.chance(if module == 0 { 50 } else { 15 }) {
                true => writer.trampoline(&name, arity),
                false => writer.function(&scope, &name, arity),
            }
            known.push((module, name, arity));
        }
        writer.segments(&scope.functions, base);
        if module == 0 {
            writer.text += "(func (export \"again\") (global.set $left (i32.const 200)))";
        }
        writer.text += ")\n";
    }
    let mut calls = Vec::new();
    let mut lifts = String::from(r#"(func (export "again") (canon lift (core func $i0 "again")))"#);
    for (module, name, arity) in &known {
        let parameters = [r#"(param "a" u32)"#, r#"(param "b" u32)"#][..*arity].concat();
        let _ = writeln!(
            lifts,
            r#"(func (export "{name}") {parameters} (result u32)
                (canon lift (core func $i{module} "{name}")))"#
        );
        for _ in 0..3 {
            let arguments: Vec<String> =
                (0..*arity).map(|_| writer.random.below(300).to_string()).collect();
            calls.push("again()".to_owned());
            calls.push(format!("{name}({})", arguments.join(", ")));
        }
    }
    (format!("{}{instances}{lifts})", writer.text), calls)
}

#[test]
fn components_made_up_by_chance() {
    let (mut answers, mut traps) = (0, 0);
    for seed in 0..COMPONENTS {
        let (wat, calls) = component(seed);
        let calls: Vec<&str> = calls.iter().map(String::as_str).collect();
        let original = assemble(&wat);
        let expected = play(&original, None, &calls);
        for variant in variants(&original) {
            assert_eq!(variant.play(&calls), expected, "seed {seed}, {}:\n{wat}", variant.name);
        }
        traps += expected.lines().filter(|line| line.contains(" traps: ")).count();
        answers += crate::compare::calls(&expected).len();
    }
    // Neither of them is rare.
    assert!(traps > 1000 && answers > 3 * traps, "{traps} traps in {answers} calls");
}
