//! Calls between modules: direct, through the table, and through trampolines.

use crate::compare::{assemble, check, fused};
use component_fuse::Additions;

/// Two libraries beside the module that owns memory and table, as a linker makes them: what
/// the first calls of the second goes through a trampoline of the owner's.
const LIBRARIES: &str = r#"(component
    (core module $main
        (type $binary (func (param i32 i32) (result i32)))
        (memory (export "memory") 1)
        (table (export "table") 4 funcref)
        (func $scale (export "scale") (param i32 i32) (result i32)
            (call_indirect (type $binary) (local.get 0) (local.get 1) (i32.const 1))))
    (core module $left
        (import "env" "memory" (memory 1))
        (import "env" "scale" (func $scale (param i32 i32) (result i32)))
        (func $square (export "square") (param i32) (result i32)
            (i32.mul (local.get 0) (local.get 0)))
        (func (export "area") (param i32 i32) (result i32)
            (i32.store (i32.const 16) (i32.add (i32.load (i32.const 16)) (i32.const 1)))
            (i32.add (call $square (local.get 0)) (call $scale (local.get 0) (local.get 1))))
        (func (export "count") (result i32) (i32.load (i32.const 16))))
    (core module $right
        (import "env" "memory" (memory 1))
        (import "left" "square" (func $square (param i32) (result i32)))
        (import "left" "count" (func $count (result i32)))
        (func (export "scale") (param i32 i32) (result i32)
            (i32.add
                (i32.mul (local.get 0) (call $square (local.get 1)))
                (i32.mul (i32.const 1000) (call $count)))))
    (core module $init
        (import "env" "table" (table 4 funcref))
        (import "right" "scale" (func $scale (param i32 i32) (result i32)))
        (elem (i32.const 1) func $scale))
    (core instance $main (instantiate $main))
    (core instance $left (instantiate $left (with "env" (instance $main))))
    (core instance $right (instantiate $right
        (with "env" (instance $main))
        (with "left" (instance $left))))
    (core instance $init (instantiate $init
        (with "env" (instance $main))
        (with "right" (instance $right))))
    (func (export "area") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $left "area")))
    (func (export "scale") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $main "scale"))))"#;

#[test]
fn libraries_call_each_other() {
    check(
        LIBRARIES,
        "area(3, 4) = 1057
         area(3, 4) = 2057
         scale(2, 5) = 2050
         area(0, 0) = 3000",
    );
}

#[test]
fn trampolines_are_gone() {
    let summary = fused(&assemble(LIBRARIES), &Additions::default()).summary;
    assert_eq!(summary.modules, 4);
    assert_eq!(summary.functions_before, 5);
    assert_eq!(summary.functions, 4, "the trampoline is not called any more");
    assert_eq!((summary.trampolines, summary.table_entries), (1, 1));
    assert_eq!(summary.mutable_globals, 0);
}

/// A module, its instance and lifted functions that take and return one u32.
fn single(fields: &str, exports: &[&str]) -> String {
    let lifts: String = exports
        .iter()
        .map(|name| {
            format!(
                r#"(func (export "{name}") (param "n" u32) (result u32)
                    (canon lift (core func $i "{name}")))"#
            )
        })
        .collect();
    format!("(component (core module $m {fields}) (core instance $i (instantiate $m)) {lifts})")
}

#[test]
fn trampolines_lead_to_trampolines() {
    // Entry n leads to n + 1; 29 is a function. The table knows them all.
    let mut fields =
        String::from("(type $unary (func (param i32) (result i32))) (memory 1) (table 30 funcref)");
    for n in 0..29 {
        fields += &format!(
            r#"(func $t{n} (export "t{n}") (param i32) (result i32)
                (call_indirect (type $unary) (local.get 0) (i32.const {}))) (elem (i32.const {n}) $t{n})"#,
            n + 1
        );
    }
    fields += r#"(func $end (param i32) (result i32) (i32.add (local.get 0) (i32.const 7)))
        (elem (i32.const 29) $end)
        (func (export "at") (param i32) (result i32)
            (call_indirect (type $unary) (i32.const 1) (local.get 0)))"#;
    check(
        &single(&fields, &["t0", "t13", "t14", "t28", "at"]),
        "t0(1) = 8
         t13(2) = 9
         t14(2) = 9
         t28(3) = 10
         at(0) = 8
         at(12) = 8
         at(29) = 8
         at(30) traps: undefined element: out of bounds table access",
    );
}

#[test]
fn trampolines_that_lead_back_to_themselves() {
    let fields = r#"
        (type $unary (func (param i32) (result i32)))
        (memory 1)
        (table 4 funcref)
        (elem (i32.const 0) $a $b $itself $into)
        (func $a (export "a") (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const 1)))
        (func $b (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const 0)))
        (func $itself (export "itself") (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const 2)))
        (func $into (export "into") (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const 0)))"#;
    check(
        &single(fields, &["a", "itself", "into"]),
        "a(1) traps: call stack exhausted
         itself(1) traps: call stack exhausted
         into(1) traps: call stack exhausted",
    );
}

#[test]
fn what_only_looks_like_a_trampoline() {
    let fields = r#"
        (type $unary (func (param i32) (result i32)))
        (type $binary (func (param i32 i32) (result i32)))
        (type $nothing (func (result i32)))
        (memory 1)
        (table 4 funcref)
        (elem (i32.const 1) $minus $seven $pair)
        (func $minus (param i32 i32) (result i32) (i32.sub (local.get 0) (local.get 1)))
        (func $seven (result i32) (i32.const 7))
        (func $swapped (param i32 i32) (result i32)
            (call_indirect (type $binary) (local.get 1) (local.get 0) (i32.const 1)))
        (func (export "swapped") (param i32) (result i32)
            (call $swapped (local.get 0) (i32.const 1)))
        (func (export "dropped") (param i32) (result i32)
            (call_indirect (type $nothing) (i32.const 2)))
        (func $plus-one (result i32)
            (i32.add (call_indirect (type $nothing) (i32.const 2)) (i32.const 1)))
        (func (export "after") (param i32) (result i32) (call $plus-one))
        (func $pair (param i32) (result i32 i32) (local.get 0) (i32.const 5))
        (func $beneath (param i32) (result i32 i32)
            (local.get 0) (call_indirect (type $nothing) (i32.const 3)))
        (func (export "beneath") (param i32) (result i32)
            (i32.add (call $beneath (local.get 0))))
        (func (export "wrong-type") (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const 1)))
        (func (export "no-entry") (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const 0)))
        (func (export "no-table") (param i32) (result i32)
            (call_indirect (type $unary) (local.get 0) (i32.const -1)))"#;
    check(
        &single(
            fields,
            &["swapped", "dropped", "after", "beneath", "wrong-type", "no-entry", "no-table"],
        ),
        "swapped(10) = 4294967287
         dropped(10) = 7
         after(10) = 8
         beneath(10) traps: indirect call type mismatch
         wrong-type(10) traps: indirect call type mismatch
         no-entry(10) traps: uninitialized element
         no-table(10) traps: undefined element: out of bounds table access",
    );
}

#[test]
fn types_are_the_same_across_modules() {
    // The same type has another index in each module, and is a block's type too.
    check(
        r#"(component
            (core module $a
                (type $pair (func (param i32) (result i32 i32)))
                (memory (export "memory") 1)
                (table (export "table") 2 funcref)
                (func $split (export "split") (type $pair)
                    (i32.shr_u (local.get 0) (i32.const 4))
                    (i32.and (local.get 0) (i32.const 15)))
                (elem (i32.const 1) $split))
            (core module $b
                (type $unused (func (param i64 f32 f64)))
                (type $joined (func (param i32 i32) (result i32)))
                (type $pair (func (param i32) (result i32 i32)))
                (import "a" "table" (table 2 funcref))
                (import "a" "split" (func $split (type $pair)))
                (func (export "twice") (param i32) (result i32)
                    (call $split (local.get 0))
                    (block (type $joined) (i32.mul))
                    (call_indirect (type $pair) (local.get 0) (i32.const 1))
                    (loop (type $joined) (i32.sub))
                    (i32.add)))
            (core instance $a (instantiate $a))
            (core instance $b (instantiate $b (with "a" (instance $a))))
            (func (export "twice") (param "n" u32) (result u32)
                (canon lift (core func $b "twice"))))"#,
        "twice(83) = 17
         twice(0) = 0",
    );
}

#[test]
fn functions_that_are_exported_again_and_again() {
    // Each module exports what it imports, under another name.
    let mut modules = String::from(
        r#"(core module $m0 (memory (export "memory") 1)
            (func (export "f0") (param i32) (result i32) (i32.add (local.get 0) (i32.const 5)))
            (global (export "g0") i32 (i32.const 100)))
        (core instance $i0 (instantiate $m0))"#,
    );
    for n in 1..=20 {
        let before = n - 1;
        modules += &format!(
            r#"(core module $m{n}
                (import "x" "f{before}" (func $f (param i32) (result i32)))
                (import "x" "g{before}" (global $g i32))
                (export "f{n}" (func $f))
                (export "g{n}" (global $g)))
            (core instance $i{n} (instantiate $m{n} (with "x" (instance
                (export "f{before}" (func $i{before} "f{before}"))
                (export "g{before}" (global $i{before} "g{before}"))))))"#
        );
    }
    check(
        &format!(
            r#"(component {modules}
                (core module $last
                    (import "x" "f20" (func $f (param i32) (result i32)))
                    (import "x" "g20" (global $g i32))
                    (func (export "f") (param i32) (result i32)
                        (call $f (i32.add (local.get 0) (global.get $g)))))
                (core instance $last (instantiate $last (with "x" (instance $i20))))
                (func (export "f") (param "n" u32) (result u32)
                    (canon lift (core func $last "f")))
                (func (export "f20") (param "n" u32) (result u32)
                    (canon lift (core func $i20 "f20"))))"#
        ),
        "f(1) = 106
         f20(1) = 6",
    );
}

#[test]
fn vectors_and_wide_numbers() {
    let fields = r#"
        (type $v (func (param v128 i64 f32 f64) (result v128)))
        (memory 1)
        (table 1 funcref)
        (elem (i32.const 0) $add)
        (func $add (param v128 i64 f32 f64) (result v128)
            (i32x4.add (local.get 0) (i32x4.splat (i32.wrap_i64 (local.get 1)))))
        (func $through (param v128 i64 f32 f64) (result v128)
            (call_indirect (type $v)
                (local.get 0) (local.get 1) (local.get 2) (local.get 3) (i32.const 0)))
        (func (export "lane") (param i32) (result i32) (local v128 i64)
            (local.set 1 (i32x4.splat (local.get 0)))
            (local.set 2 (i64.const 0x1_0000_0003))
            (i32x4.extract_lane 2 (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
                (call $through (local.get 1) (local.get 2) (f32.const 0) (f64.const 0))
                (v128.const i32x4 1 2 3 4))))"#;
    check(&single(fields, &["lane"]), "lane(4) = 7");
}

#[test]
fn tables_that_are_imported_twice() {
    // Two indices of one table: what a segment of one puts there, the other calls.
    check(
        r#"(component
            (core module $a (memory 1) (table (export "table") 4 funcref))
            (core module $b
                (type $number (func (result i32)))
                (import "a" "table" (table $one 4 funcref))
                (import "again" "table" (table $two 4 funcref))
                (func $six (result i32) (i32.const 6))
                (func $seven (result i32) (i32.const 7))
                (elem (table $one) (i32.const 1) func $six $six)
                (elem (table $two) (i32.const 2) func $seven)
                (func (export "one") (param i32) (result i32)
                    (call_indirect $one (type $number) (local.get 0)))
                (func (export "two") (param i32) (result i32)
                    (call_indirect $two (type $number) (local.get 0))))
            (core instance $a (instantiate $a))
            (core instance $b (instantiate $b
                (with "a" (instance $a)) (with "again" (instance $a))))
            (func (export "one") (param "n" u32) (result u32) (canon lift (core func $b "one")))
            (func (export "two") (param "n" u32) (result u32) (canon lift (core func $b "two"))))"#,
        "one(1) = 6
         one(2) = 7
         two(1) = 6
         two(2) = 7
         two(3) traps: uninitialized element",
    );
}
