//! Element and data segments of several modules, which are all applied in the order in
//! which the modules are instantiated.

use crate::compare::check;

/// Main module with bases as globals, and a function that calls an entry of the table.
const MAIN: &str = r#"
    (core module $main
        (type $number (func (result i32)))
        (memory (export "memory") 2)
        (table (export "table") 12 funcref)
        (global (export "zero") i32 (i32.const 0))
        (global (export "left:table_base") i32 (i32.const 3))
        (global (export "right:table_base") i32 (i32.const 5))
        (global (export "left:memory_base") i32 (i32.const 1024))
        (global (export "right:memory_base") i32 (i32.const 1028))
        (func $main (result i32) (i32.const 1))
        (elem (i32.const 1) $main $main $main $main $main $main)
        (data (i32.const 1020) "mainmainmain")
        (func (export "entry") (param i32) (result i32)
            (call_indirect (type $number) (local.get 0)))
        (func (export "word") (param i32) (result i32) (i32.load (local.get 0)))
        (func (export "sum") (result i32) (local $at i32) (local $sum i32)
            (loop $next
                (local.set $sum (i32.add
                    (i32.mul (local.get $sum) (i32.const 31))
                    (i32.load8_u (local.get $at))))
                (local.set $at (i32.add (local.get $at) (i32.const 1)))
                (br_if $next (i32.lt_u (local.get $at) (i32.const 131072))))
            (local.get $sum)))
    (core instance $main (instantiate $main))"#;

/// A library whose bases are called as linkers call them.
fn library(name: &str, fields: &str) -> String {
    format!(
        r#"(core module ${name}
            (import "env" "memory" (memory 1))
            (import "env" "table" (table 1 funcref))
            (import "env" "__memory_base" (global $memory_base i32))
            (import "env" "__table_base" (global $table_base i32))
            {fields})
        (core instance ${name} (instantiate ${name} (with "env" (instance
            (export "memory" (memory $main "memory"))
            (export "table" (table $main "table"))
            (export "__memory_base" (global $main "{name}:memory_base"))
            (export "__table_base" (global $main "{name}:table_base"))))))"#
    )
}

fn component(libraries: &[String]) -> String {
    format!(
        r#"(component {MAIN} {}
            (func (export "entry") (param "n" u32) (result u32)
                (canon lift (core func $main "entry")))
            (func (export "word") (param "n" u32) (result u32)
                (canon lift (core func $main "word")))
            (func (export "sum") (result u32)
                (canon lift (core func $main "sum"))))"#,
        libraries.concat()
    )
}

#[test]
fn later_segments_win() {
    let left = library(
        "left",
        r#"(func $a (result i32) (i32.const 10))
           (func $b (result i32) (i32.const 11))
           (elem (global.get $table_base) $a $b $a)
           (elem (i32.const 1) $b)
           (data (global.get $memory_base) "LEFTLEFT")"#,
    );
    let right = library(
        "right",
        r#"(func $c (result i32) (i32.const 20))
           (elem (global.get $table_base) $c $c)
           (elem (global.get $table_base) $c)
           (data (global.get $memory_base) "RIGH")
           (data (i32.const 1022) "\01\02\03\04")
           (data (i32.const 1023) "\05")"#,
    );
    check(
        &component(&[left.clone(), right.clone()]),
        "entry(0) traps: uninitialized element
         entry(1) = 11
         entry(2) = 1
         entry(3) = 10
         entry(4) = 11
         entry(5) = 20
         entry(6) = 20
         entry(7) traps: uninitialized element
         entry(11) traps: uninitialized element
         entry(12) traps: undefined element: out of bounds table access
         word(1020) = 83976557
         word(1024) = 1413874691
         word(1028) = 1212631378
         sum() = 968554111",
    );
    // The same libraries the other way round.
    check(
        &component(&[right, left]),
        "entry(1) = 11
         entry(5) = 10
         entry(6) = 20
         word(1024) = 1413891404
         word(1028) = 1413891404
         sum() = 252721990",
    );
}

#[test]
fn offsets_that_are_computed() {
    let left = library(
        "left",
        r#"(global $far i32 (i32.add (global.get $memory_base) (i32.const 60000)))
           (func $a (result i32) (i32.const 10))
           (elem (offset (i32.sub (i32.add (global.get $table_base) (i32.const 9)) (i32.const 1))) $a)
           (data (offset (i32.add (global.get $memory_base) (i32.const 70000))) "far!")
           (data (offset (i32.sub (i32.const 7) (i32.const 2))) "near")"#,
    );
    check(
        &component(&[left]),
        "entry(11) = 10
         entry(10) traps: uninitialized element
         word(71024) = 561144166
         word(5) = 1918985582",
    );
}

#[test]
fn elements_as_expressions() {
    // A null makes an entry empty again.
    let left = library(
        "left",
        r#"(func $a (result i32) (i32.const 10))
           (elem (table 0) (global.get $table_base) funcref
               (ref.func $a) (ref.null func) (item ref.func $a))
           (elem declare func $a)"#,
    );
    check(
        &component(&[left]),
        "entry(2) = 1
         entry(3) = 10
         entry(4) traps: uninitialized element
         entry(5) = 10
         entry(6) = 1",
    );
}

#[test]
fn empty_segments_at_the_very_end() {
    let left = library("left", r#"(elem (i32.const 12) func) (data (i32.const 131072) "")"#);
    check(&component(&[left]), "entry(1) = 1\nword(131068) = 0");
}

#[test]
fn functions_that_are_only_in_the_table() {
    // Nothing calls them by name: they and what they call must be there all the same.
    let left = library(
        "left",
        r#"(global $calls (mut i32) (i32.const 5))
           (func $counted (result i32)
               (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
               (call $inner))
           (func $inner (result i32) (global.get $calls))
           (elem (global.get $table_base) $counted)"#,
    );
    check(&component(&[left]), "entry(3) = 6\nentry(3) = 7\nentry(4) = 1");
}
