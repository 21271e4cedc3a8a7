//! What looks like a linker's shim, and is one or is not.

use component_fuse::{Additions, Refused, fuse};

use crate::compare::{assemble, check};

/// A table with trampolines and nothing else, a module that fills it, and one that calls
/// the trampolines; `user` says what else it does.
fn component(table: &str, fill: &str, user: &str) -> String {
    format!(
        r#"(component
            (core module $shim
                (type $number (func (param i32) (result i32)))
                (table (export "table") {table} funcref)
                (func (export "0") (type $number)
                    (call_indirect (type $number) (local.get 0) (i32.const 0)))
                (func (export "1") (type $number)
                    (call_indirect (type $number) (local.get 0) (i32.const 1))))
            (core module $user
                (import "shim" "0" (func $zero (param i32) (result i32)))
                (import "shim" "1" (func $one (param i32) (result i32)))
                {user}
                (memory (export "memory") 1)
                (func (export "ten") (param i32) (result i32)
                    (i32.add (local.get 0) (i32.const 10)))
                (func (export "twice") (param i32) (result i32)
                    (i32.mul (local.get 0) (i32.const 2)))
                (func (export "wrong") (param i64) (result i32) (i32.const 3))
                (func (export "zero") (param i32) (result i32) (call $zero (local.get 0)))
                (func (export "one") (param i32) (result i32) (call $one (local.get 0))))
            (core module $fixup
                (import "shim" "table" (table 1 funcref))
                (import "user" "ten" (func $ten (param i32) (result i32)))
                (import "user" "twice" (func $twice (param i32) (result i32)))
                (import "user" "wrong" (func $wrong (param i64) (result i32)))
                {fill})
            (core instance $shim (instantiate $shim))
            (core instance $user (instantiate $user (with "shim" (instance $shim))))
            (core instance $fixup (instantiate $fixup
                (with "shim" (instance $shim)) (with "user" (instance $user))))
            (func (export "zero") (param "n" u32) (result u32)
                (canon lift (core func $user "zero")))
            (func (export "one") (param "n" u32) (result u32)
                (canon lift (core func $user "one"))))"#
    )
}

fn refused(wat: &str) -> String {
    match fuse(&assemble(wat), &Additions::default()) {
        Ok(_) => panic!("expected to be refused"),
        Err(Refused(why)) => why,
    }
}

#[test]
fn shim_filled_with_functions_of_modules() {
    check(&component("2", "(elem (i32.const 0) $ten $twice)", ""), "zero(5) = 15\none(5) = 10");
    // Later segments win, as in any table.
    check(
        &component("2", "(elem (i32.const 0) $ten $ten) (elem (i32.const 1) $twice)", ""),
        "zero(5) = 15\none(5) = 10",
    );
}

#[test]
fn table_of_a_shim_that_others_use() {
    // Its entries are called by number too: it is no shim then.
    let user = r#"
        (type $number (func (param i32) (result i32)))
        (import "shim" "table" (table 1 funcref))
        (func (export "direct") (param i32) (result i32)
            (call_indirect (type $number) (local.get 0) (i32.const 1)))"#;
    let wat = component("2", "(elem (i32.const 0) $ten $twice)", user).replace(
        r#"(func (export "zero") (param "n" u32)"#,
        r#"(func (export "direct") (param "n" u32) (result u32)
                (canon lift (core func $user "direct")))
           (func (export "zero") (param "n" u32)"#,
    );
    check(&wat, "direct(5) = 10\nzero(5) = 15\none(5) = 10");
}

#[test]
fn shim_that_nothing_fills() {
    let wat = component("2", "(elem (i32.const 0) $ten)", "");
    assert_eq!(refused(&wat), "`1` from `shim`: nothing fills the shim's entry 1");
    // Without anything that fills it, it is a table like any other.
    let wat = component("2", "", "");
    check(&wat, "zero(5) traps: uninitialized element");
}

#[test]
fn table_without_trampolines() {
    check(
        r#"(component
            (core module $table (table (export "table") 2 funcref))
            (core module $a (memory 1) (func (export "seven") (result i32) (i32.const 7)))
            (core module $fill
                (import "t" "table" (table 1 funcref))
                (import "a" "seven" (func $seven (result i32)))
                (elem (i32.const 1) $seven))
            (core module $call
                (type $number (func (result i32)))
                (import "t" "table" (table 1 funcref))
                (func (export "call") (param i32) (result i32)
                    (call_indirect (type $number) (local.get 0))))
            (core instance $t (instantiate $table))
            (core instance $a (instantiate $a))
            (core instance $f (instantiate $fill (with "t" (instance $t)) (with "a" (instance $a))))
            (core instance $c (instantiate $call (with "t" (instance $t))))
            (func (export "call") (param "n" u32) (result u32)
                (canon lift (core func $c "call"))))"#,
        "call(1) = 7\ncall(0) traps: uninitialized element",
    );
}

#[test]
fn shims_that_cannot_be_seen_through() {
    let cases = [
        (
            "(elem (i32.const 0) $ten $wrong)",
            "`1` from `shim`: the shim's entry 1 has another type",
        ),
        ("(elem (i32.const 1) $ten $ten)", "a fixup beyond the table"),
        ("(elem (i32.const -1) $ten $ten)", "a fixup beyond the table"),
        ("(elem (i32.const 3) func)", "a fixup beyond the table"),
        ("(elem func $ten $twice)", "a fixup that is not active"),
        (
            "(elem (offset (i32.sub (i32.const 1) (i32.const 1))) func $ten $twice)",
            "a fixup at an offset that is not constant",
        ),
        (
            "(elem (i32.const 0) funcref (ref.func $ten) (ref.null func))",
            "a fixup of other items than functions",
        ),
    ];
    for (fill, expected) in cases {
        assert_eq!(refused(&component("2", fill, "")), expected, "{fill}");
    }
}

#[test]
fn two_shims() {
    let shim = |name: &str| {
        format!(
            r#"(core module ${name}
                (type $number (func (result i32)))
                (table (export "table") 1 funcref)
                (func (export "0") (type $number) (call_indirect (type $number) (i32.const 0))))
            (core instance ${name} (instantiate ${name}))
            (core module $fix-{name}
                (import "m" "seven" (func $seven (result i32)))
                (import "s" "table" (table 1 funcref))
                (elem (i32.const 0) func $seven))
            (core instance (instantiate $fix-{name} (with "m" (instance $m)) (with "s" (instance ${name}))))"#
        )
    };
    let wat = format!(
        r#"(component
            (core module $m (memory 1) (func (export "seven") (result i32) (i32.const 7)))
            (core instance $m (instantiate $m))
            {} {}
            (func (export "seven") (result u32) (canon lift (core func $m "seven"))))"#,
        shim("a"),
        shim("b")
    );
    assert_eq!(refused(&wat), "several shims");
}
