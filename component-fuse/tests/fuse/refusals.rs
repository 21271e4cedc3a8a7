//! What the fuser does not understand, it refuses, and says what it is.

use component_fuse::{Additions, Refused, fuse};

use crate::compare::{assemble, check};

fn refused(wat: &str) -> String {
    match fuse(&assemble(wat), &Additions::default()) {
        Ok(_) => panic!("accepted: {wat}"),
        Err(Refused(why)) => why,
    }
}

/// Each with the start of the refusal.
fn expect(cases: &[(&str, String)]) {
    for (expected, wat) in cases {
        let refused = refused(wat);
        assert!(
            refused.starts_with(expected),
            "refused with: {refused}\nnot with: {expected}\n{wat}"
        );
    }
}

/// A component of one module that exports `f`, with a memory and a table.
fn module(fields: &str) -> String {
    with_bare_module(&format!("(memory 1) (table $t 4 funcref) {fields}"))
}

fn with_bare_module(fields: &str) -> String {
    format!(
        r#"(component
            (core module $m {fields} (func $f (export "f") (call $body)))
            (core instance $i (instantiate $m))
            (func (export "f") (canon lift (core func $i "f"))))"#
    )
}

/// The same with instructions that `f` runs.
fn body(fields: &str, instructions: &str) -> String {
    module(&format!("{fields} (func $body {instructions})"))
}

#[test]
fn the_plain_component_is_fused() {
    // Whatever is refused below is refused for what was added.
    check(&body("", ""), "f()");
}

#[test]
fn instructions_that_see_or_change_the_table_or_segments() {
    let element = "(elem $e declare func $body)";
    let data = r#"(data $d (i32.const 0) "abc")"#;
    let refusal = "function 0 of core module 0: the instruction ";
    let cases = [
        ("TableSet", element, "(table.set $t (i32.const 0) (ref.null func))"),
        ("TableGet", element, "(drop (table.get $t (i32.const 0)))"),
        ("TableGrow", element, "(drop (table.grow $t (ref.null func) (i32.const 1)))"),
        ("TableSize", element, "(drop (table.size $t))"),
        ("TableFill", element, "(table.fill $t (i32.const 0) (ref.null func) (i32.const 1))"),
        ("TableCopy", element, "(table.copy $t $t (i32.const 0) (i32.const 1) (i32.const 1))"),
        ("TableInit", element, "(table.init $t $e (i32.const 0) (i32.const 0) (i32.const 0))"),
        ("ElemDrop", element, "(elem.drop $e)"),
        ("RefFunc", element, "(drop (ref.func $body))"),
        ("MemoryInit", data, "(memory.init $d (i32.const 0) (i32.const 0) (i32.const 0))"),
        ("DataDrop", data, "(data.drop $d)"),
    ];
    for (name, fields, instruction) in cases {
        // Wherever it is called from: by a name, or as an entry of the table.
        let refused_as = format!("{refusal}{name}");
        let in_table = module(&format!(
            "{fields} (func $other {instruction}) (func $body) (elem (i32.const 0) $other)"
        ));
        let in_table = in_table.replace("declare func $body", "declare func $other $body");
        expect(&[(&refused_as, body(fields, instruction)), (&refused_as, in_table)]);
        // What nothing can call does no harm.
        let uncalled = format!("{fields} (func $body) (func $uncalled {instruction})");
        check(&module(&uncalled), "f()");
    }
}

#[test]
fn modules_with_more_than_is_understood() {
    let plain = "(func $body)";
    let cases = [
        ("core module 0: a start function", "(start $body)"),
        ("a passive element segment", "(elem func $body)"),
        ("a passive data segment", r#"(data "abc")"#),
        ("a data segment beyond the memory", r#"(data (i32.const 65535) "ab")"#),
        ("a data segment beyond the memory", r#"(data (i32.const 65537) "")"#),
        ("a data segment beyond the memory", r#"(data (i32.const -1) "ab")"#),
        ("an element segment beyond the table", "(elem (i32.const 3) func $body $body)"),
        ("an element segment beyond the table", "(elem (i32.const 5) func)"),
        ("an element segment beyond the table", "(elem (i32.const -1) func $body)"),
        ("several tables", "(table 1 funcref)"),
        (
            "the constant expression I32Mul",
            r#"(data (offset (i32.mul (i32.const 2) (i32.const 3))) "a")"#,
        ),
        (
            "the constant expression I32Mul",
            "(elem (offset (i32.mul (i32.const 2) (i32.const 1))) $body)",
        ),
    ];
    for (expected, fields) in cases {
        expect(&[(expected, module(&format!("{plain} {fields}")))]);
    }
    let cases = [
        ("no module has a memory", ""),
        ("a table of more than ten million entries", "(memory 1) (table 10000001 funcref)"),
        ("a table of other things than functions", "(memory 1) (table 4 externref)"),
    ];
    for (expected, fields) in cases {
        expect(&[(expected, with_bare_module(&format!("{plain} {fields}")))]);
    }
}

#[test]
fn globals_that_cannot_be_kept() {
    let set = |kind: &str, value: &str| {
        body(&format!("(global $g (mut {kind}) ({value}))"), &format!("(global.set $g ({value}))"))
    };
    let read = |kind: &str, value: &str| {
        body(&format!("(global $g {kind} ({value}))"), "(drop (global.get $g))")
    };
    let not_i32 = "a mutable global that is not i32";
    expect(&[
        (not_i32, set("i64", "i64.const 1")),
        (not_i32, set("f32", "f32.const 1")),
        (not_i32, set("f64", "f64.const 1")),
        ("the constant expression V128Const", set("v128", "v128.const i64x2 0 0")),
        ("the constant expression RefNull", set("funcref", "ref.null func")),
        ("the constant expression RefNull", set("externref", "ref.null extern")),
        (
            "function 0 of core module 0: the constant expression V128Const",
            read("v128", "v128.const i64x2 0 0"),
        ),
        (
            "function 0 of core module 0: the constant expression RefFunc",
            read("funcref", "ref.func $body"),
        ),
        (
            "function 0 of core module 0: the constant expression I64Add",
            read("i64", "i64.add (i64.const 1) (i64.const 2)"),
        ),
    ]);
}

#[test]
fn modules_that_are_not_valid_without_further_features() {
    let invalid = |what: &str| format!("the component: not a valid binary: {what}");
    let cases = [
        ("multiple memories", with_bare_module("(memory 1) (memory 1) (func $body)")),
        ("memory64 must be enabled", with_bare_module("(memory i64 1) (func $body)")),
        ("threads must be enabled", with_bare_module("(memory 1 2 shared) (func $body)")),
        (
            "the custom page sizes proposal must be enabled",
            with_bare_module("(memory 1 (pagesize 1)) (func $body)"),
        ),
        (
            "memory64 must be enabled",
            with_bare_module("(memory 1) (table i64 1 funcref) (func $body)"),
        ),
        ("tail calls support is not enabled", body("", "(return_call $f)")),
        ("threads support is not enabled", body("", "(atomic.fence)")),
        (
            "relaxed SIMD support is not enabled",
            body(
                "",
                "(drop (i8x16.relaxed_swizzle (v128.const i64x2 0 0) (v128.const i64x2 0 0)))",
            ),
        ),
        ("exceptions proposal not enabled", body("(tag)", "")),
        ("", body("(type (struct))", "")),
        ("", body("(rec (type (func)) (type (func)))", "")),
        ("", body("(table 1 funcref (ref.func $body))", "")),
        ("", body("(global $g i32 (i32.const 1)) (global i32 (global.get $g))", "")),
        ("", body("", "(call $nobody)").replace("$nobody", "77")),
    ];
    for (expected, wat) in cases {
        expect(&[(&invalid(expected), wat)]);
    }
}

#[test]
fn memories_and_tables_of_several_modules() {
    let two = |first: &str, second: &str| {
        format!(
            r#"(component
                (core module $a {first} (func (export "f")))
                (core module $b {second})
                (core instance $a (instantiate $a))
                (core instance $b (instantiate $b (with "a" (instance $a))))
                (func (export "f") (canon lift (core func $a "f"))))"#
        )
    };
    expect(&[
        ("several memories", two("(memory 1)", "(memory 1)")),
        ("several tables", two("(memory 1) (table 1 funcref)", "(table 1 funcref)")),
        ("no module has a memory", two("", "")),
    ]);
    // Such that none is instantiated twice, only one counts.
    let unused = two("(memory 1) (table 1 funcref)", r#"(import "a" "f" (func))"#).replace(
        "(core instance $a",
        "(core module $never (memory 1) (table 1 funcref)) (core instance $a",
    );
    check(&unused, "f()");
    let twice = two("(memory 1)", r#"(import "a" "f" (func))"#).replace(
        "(func (export \"f\") (canon",
        "(core instance (instantiate $b (with \"a\" (instance $a)))) (func (export \"f\") (canon",
    );
    expect(&[("core module 1 is instantiated twice", twice)]);
}

#[test]
fn functions_of_the_component() {
    let component = |before: &str, after: &str| {
        format!(
            r#"(component
                (import "note" (func $note (param "value" u32)))
                (import "log" (func $log (param "value" string)))
                {before}
                (core module $m
                    (memory (export "memory") 1)
                    (func (export "f"))
                    (func (export "take") (param i32)))
                (core instance $i (instantiate $m))
                (func $f (export "f") (canon lift (core func $i "f")))
                {after})"#
        )
    };
    let invalid = "the component: not a valid binary: ";
    expect(&[
        (
            "a function is lowered after one is lifted",
            component("", "(core func (canon lower (func $note)))"),
        ),
        (
            "a function is lowered after one is lifted",
            component(
                "",
                r#"(core func (canon lower (func $log) (memory (core memory $i "memory"))))"#,
            ),
        ),
        (
            "a lifted function that is a lowered one",
            component(
                "(core func $note (canon lower (func $note)))",
                r#"(func (export "note") (param "value" u32) (canon lift (core func $note)))"#,
            ),
        ),
        (
            "a core module is instantiated after a function is lifted",
            component("(core module $late)", "(core instance (instantiate $late))"),
        ),
        (
            "a resource with a destructor",
            component(
                "(core module $d (func (export \"d\") (param i32)))
                 (core instance $d (instantiate $d))
                 (type (resource (rep i32) (dtor (core func $d \"d\"))))",
                "",
            ),
        ),
        (invalid, component("(core func (canon task.return))", "")),
        (invalid, component("(core func (canon backpressure.inc))", "")),
        (invalid, component("(core func (canon lower (func $note) async))", "")),
        (invalid, component("(type (stream u8))", "")),
        (invalid, component("", r#"(func (export "g") (canon lift (core func $i "f") async))"#)),
        (invalid, component("", r#"(func (export "g") async (canon lift (core func $i "f")))"#)),
        (invalid, component("", "(start $f)")),
        (invalid, component("", r#"(func (export "f") (canon lift (core func $i "f")))"#)),
    ]);
    expect(&[(
        "no function is lifted",
        "(component (core module $m (memory 1)) (core instance (instantiate $m)))".to_owned(),
    )]);
}

#[test]
fn modules_that_leave_the_component() {
    // Their indices are others afterwards, so nothing that is copied may name one.
    let component = |before: &str, after: &str| {
        format!(
            r#"(component
                {before}
                (core module $m (memory 1) (func (export "f")))
                (core instance $i (instantiate $m))
                (func (export "f") (canon lift (core func $i "f")))
                {after})"#
        )
    };
    let passed = "a core module that is imported, exported or passed on";
    let taking = r#"(component $c (import "m" (core module)))"#;
    let cases = [
        component(r#"(import "m" (core module))"#, ""),
        component(
            r#"(import "i" (instance $x (export "m" (core module))))
               (alias export $x "m" (core module))"#,
            "",
        ),
        component("", r#"(export "m" (core module $m))"#),
        component("", r#"(instance (export "m" (core module $m)))"#),
        component(
            "",
            &format!(r#"{taking} (instance (instantiate $c (with "m" (core module $m))))"#),
        ),
        component("", "(component (alias outer 1 0 (core module)))"),
        component("", "(component (component (alias outer 2 0 (core module))))"),
    ];
    for wat in cases {
        expect(&[(passed, wat)]);
    }
    expect(&[(
        "an alias of something outside the component",
        component("(type u32) (alias outer 0 0 (type))", ""),
    )]);
    // Modules of a nested component's own are its own business.
    let nested = "(component (core module $n (memory 1)) (export \"m\" (core module $n)))";
    check(&component("", nested), "f()");
}

#[test]
fn chains_of_re_exports() {
    let chain = |length: usize| {
        let mut instances = String::from(r#"(core instance $i0 (instantiate $m)) "#);
        for n in 1..=length {
            instances += &format!(r#"(core instance $i{n} (export "f" (func $i{} "f"))) "#, n - 1);
        }
        format!(
            r#"(component
                (core module $m (memory 1) (func (export "f")))
                {instances}
                (func (export "f") (canon lift (core func $i{length} "f"))))"#
        )
    };
    check(&chain(30), "f()");
    let too_long = "a chain of re-exports that is too long";
    for length in [100, 990] {
        let refused = refused(&chain(length));
        assert!(refused.ends_with(too_long), "{refused}");
    }
    // An instance can only name those before it: what leads back to itself is not valid.
    let cycle = r#"(component
        (core module $m (import "" "f" (func)) (export "f" (func 0)) (memory 1))
        (core instance (instantiate 0 (with "" (instance 1))))
        (core instance (instantiate 0 (with "" (instance 0))))
        (func (export "f") (canon lift (core func 0 "f"))))"#;
    expect(&[("the component: not a valid binary: unknown core instance", cycle.to_owned())]);
}

#[test]
fn what_is_no_component() {
    let cases: &[(&str, &[u8])] = &[
        ("the component: not a valid binary: unexpected end", b""),
        ("the component: not a valid binary: magic header not detected", b"PK\x03\x04abcdefgh"),
        ("not a component", b"\0asm\x01\0\0\0"),
        ("no module has a memory", b"\0asm\x0d\0\x01\0"),
    ];
    for (expected, bytes) in cases {
        let Err(Refused(refused)) = fuse(bytes, &Additions::default()) else {
            panic!("accepted: {bytes:?}");
        };
        assert!(refused.starts_with(expected), "{refused}");
    }
}
