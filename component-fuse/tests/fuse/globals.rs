//! Globals: those that nothing writes become constants, the others stay.

use component_fuse::Additions;

use crate::compare::{assemble, check, fused};

#[test]
fn constants_of_every_type() {
    let wat = r#"(component
        (core module $a
            (memory (export "memory") 1)
            (global (export "i32") i32 (i32.const -5))
            (global (export "i64") i64 (i64.const -6000000000))
            (global (export "f32") f32 (f32.const 1.25))
            (global (export "f64") f64 (f64.const -0x1p-1074))
            (global (export "nan32") f32 (f32.const -nan:0x200001))
            (global (export "nan64") f64 (f64.const nan:0x8000000000001))
            (global (export "zero") f64 (f64.const -0))
            (global (export "mutable") (mut i64) (i64.const 77)))
        (core module $b
            (import "a" "i32" (global $i32 i32))
            (import "a" "i64" (global $i64 i64))
            (import "a" "f32" (global $f32 f32))
            (import "a" "f64" (global $f64 f64))
            (import "a" "nan32" (global $nan32 f32))
            (import "a" "nan64" (global $nan64 f64))
            (import "a" "zero" (global $zero f64))
            (import "a" "mutable" (global $mutable (mut i64)))
            (global $copy f64 (global.get $f64))
            (global $sum i32 (i32.sub (i32.add (global.get $i32) (i32.const 9)) (global.get $i32)))
            (func (export "i32") (result i32) (global.get $i32))
            (func (export "i64") (result i64) (global.get $i64))
            (func (export "f32") (result f32) (global.get $f32))
            (func (export "f64") (result f64) (global.get $copy))
            (func (export "nan32") (result i32) (i32.reinterpret_f32 (global.get $nan32)))
            (func (export "nan64") (result i64) (i64.reinterpret_f64 (global.get $nan64)))
            (func (export "zero") (result f64) (global.get $zero))
            (func (export "sum") (result i32) (global.get $sum))
            (func (export "mutable") (result i64) (global.get $mutable)))
        (core instance $a (instantiate $a))
        (core instance $b (instantiate $b (with "a" (instance $a))))
        (func (export "i-s32") (result s32) (canon lift (core func $b "i32")))
        (func (export "i-s64") (result s64) (canon lift (core func $b "i64")))
        (func (export "f-f32") (result f32) (canon lift (core func $b "f32")))
        (func (export "f-f64") (result f64) (canon lift (core func $b "f64")))
        (func (export "nan32") (result u32) (canon lift (core func $b "nan32")))
        (func (export "nan64") (result u64) (canon lift (core func $b "nan64")))
        (func (export "zero") (result f64) (canon lift (core func $b "zero")))
        (func (export "sum") (result u32) (canon lift (core func $b "sum")))
        (func (export "mutable") (result u64) (canon lift (core func $b "mutable"))))"#;
    check(
        wat,
        "i-s32() = -5
         i-s64() = -6000000000
         f-f32() = 1.25
         f-f64() = -5e-324
         nan32() = 4288675841
         nan64() = 9221120237041090561
         zero() = -0.0
         sum() = 9
         mutable() = 77",
    );
    assert_eq!(fused(&assemble(wat), &Additions::default()).summary.mutable_globals, 0);
}

/// Written by one module and read by others, under several names.
const SHARED: &str = r#"(component
    (core module $main
        (memory (export "memory") 1)
        (table (export "table") 4 funcref)
        (global $sp (export "__stack_pointer") (mut i32) (i32.const 4096))
        (global (export "GOT:table_address") (mut i32) (i32.const 2))
        (global (export "GOT:memory_address") (mut i32) (i32.const 512))
        (global $own (mut i32) (i32.const 9))
        (func (export "pointer") (result i32) (global.get $sp))
        (func (export "never-called") (global.set $own (i32.const 1)))
        (func (export "own") (result i32) (global.get $own)))
    (core module $library
        (type $unary (func (param i32) (result i32)))
        (import "env" "memory" (memory 1))
        (import "env" "table" (table 1 funcref))
        (import "env" "__stack_pointer" (global $sp (mut i32)))
        (import "GOT.func" "triple" (global $triple (mut i32)))
        (import "GOT.mem" "value" (global $value (mut i32)))
        (func $triple (param i32) (result i32) (i32.mul (local.get 0) (i32.const 3)))
        (elem (i32.const 2) $triple)
        (func (export "work") (param i32) (result i32) (local $frame i32)
            (global.set $sp (local.tee $frame (i32.sub (global.get $sp) (i32.const 16))))
            (i32.store offset=12 (local.get $frame) (local.get 0))
            (i32.store (global.get $value) (i32.add (i32.load (global.get $value)) (i32.const 1)))
            (call_indirect (type $unary)
                (i32.load offset=12 (local.get $frame)) (global.get $triple))
            (global.set $sp (i32.add (local.get $frame) (i32.const 16))))
        (func (export "leak") (param i32) (result i32)
            (global.set $sp (i32.sub (global.get $sp) (local.get 0)))
            (global.get $sp))
        (func (export "value") (result i32) (i32.load (global.get $value)))
        (data (i32.const 512) "\28"))
    (core instance $main (instantiate $main))
    (core instance $library (instantiate $library
        (with "env" (instance $main))
        (with "GOT.func" (instance (export "triple" (global $main "GOT:table_address"))))
        (with "GOT.mem" (instance (export "value" (global $main "GOT:memory_address"))))))
    (func (export "work") (param "n" u32) (result u32) (canon lift (core func $library "work")))
    (func (export "leak") (param "n" u32) (result u32) (canon lift (core func $library "leak")))
    (func (export "value") (result u32) (canon lift (core func $library "value")))
    (func (export "own") (result u32) (canon lift (core func $main "own")))
    (func (export "pointer") (result u32) (canon lift (core func $main "pointer"))))"#;

#[test]
fn globals_that_several_modules_share() {
    check(
        SHARED,
        "pointer() = 4096
         work(14) = 42
         value() = 41
         pointer() = 4096
         leak(96) = 4000
         pointer() = 4000
         work(1) = 3
         value() = 42
         own() = 9
         leak(5000) = 4294966296
         work(1) traps: out of bounds memory access
         pointer() = 4096",
    );
    // What only an uncalled function writes is a constant.
    assert_eq!(fused(&assemble(SHARED), &Additions::default()).summary.mutable_globals, 1);
}

#[test]
fn equal_names_in_different_modules() {
    check(
        r#"(component
            (core module $a
                (memory 1)
                (global $g (export "g") (mut i32) (i32.const 1))
                (func (export "next") (result i32)
                    (global.set $g (i32.mul (global.get $g) (i32.const 2))) (global.get $g)))
            (core module $b
                (import "a" "next" (func $a (result i32)))
                (global $g (export "g") (mut i32) (i32.const 1000))
                (func (export "next") (result i32)
                    (global.set $g (i32.add (global.get $g) (i32.const 1)))
                    (i32.add (call $a) (global.get $g))))
            (core instance $a (instantiate $a))
            (core instance $b (instantiate $b (with "a" (instance $a))))
            (func (export "a") (result u32) (canon lift (core func $a "next")))
            (func (export "b") (result u32) (canon lift (core func $b "next"))))"#,
        "a() = 2
         b() = 1005
         a() = 8
         b() = 1018",
    );
}

#[test]
fn sums_of_sums() {
    // Each module doubles the one before: looked at naively, that takes 2^300 steps.
    let mut modules = String::from(
        r#"(core module $m0 (memory 1) (global (export "g") i32 (i32.const 3)))
           (core instance $i0 (instantiate $m0))"#,
    );
    for n in 1..=300 {
        modules += &format!(
            r#"(core module $m{n}
                (import "" "g" (global $g i32))
                (global (export "g") i32 (i32.add (global.get $g) (global.get $g)))
                (func (export "read") (result i32) (global.get 1)))
            (core instance $i{n} (instantiate $m{n} (with "" (instance $i{}))))"#,
            n - 1
        );
    }
    check(
        &format!(
            r#"(component {modules}
                (func (export "read") (result u32) (canon lift (core func $i20 "read")))
                (func (export "last") (result u32) (canon lift (core func $i300 "read"))))"#
        ),
        "read() = 3145728
         last() = 0",
    );
}
