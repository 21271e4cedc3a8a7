//! What traps goes on to trap, for the same reason, and at no other place.

use crate::compare::check;

/// A module that calls another's functions, directly and through the table.
const TRAPS: &str = r#"(component
    (import "note" (func $note (param "value" u32)))
    (import "fail" (func $fail))
    (core module $main
        (memory (export "memory") 1 2)
        (table (export "table") 4 funcref)
        (global (export "base") i32 (i32.const 1)))
    (core module $deep
        (import "main" "memory" (memory 1))
        (func (export "unreachable") unreachable)
        (func (export "divide") (param i32 i32) (result i32)
            (i32.div_s (local.get 0) (local.get 1)))
        (func (export "convert") (param f64) (result i32) (i32.trunc_f64_s (local.get 0)))
        (func (export "load") (param i32) (result i32) (i32.load offset=8 (local.get 0)))
        (func (export "fill") (param i32 i32)
            (memory.fill (local.get 0) (i32.const 1) (local.get 1)))
        (func $recurse (export "recurse") (param i32) (result i32)
            (i32.add (i32.const 1) (call $recurse (i32.add (local.get 0) (i32.const 1))))))
    (core module $user
        (type $nothing (func))
        (type $binary (func (param i32 i32) (result i32)))
        (type $unary (func (param i32) (result i32)))
        (import "host" "note" (func $note (param i32)))
        (import "host" "fail" (func $fail))
        (import "main" "table" (table 4 funcref))
        (import "main" "base" (global $base i32))
        (import "deep" "unreachable" (func $unreachable))
        (import "deep" "divide" (func $divide (type $binary)))
        (elem (global.get $base) $unreachable $divide)
        (func (export "noted-unreachable")
            (call $note (i32.const 1))
            (call $unreachable)
            (call $note (i32.const 2)))
        (func (export "noted-failure")
            (call $note (i32.const 1))
            (call $fail)
            (call $note (i32.const 2)))
        (func (export "entry") (param i32) (result i32)
            (call $note (local.get 0))
            (call_indirect (type $binary) (i32.const 42) (i32.const 0) (local.get 0)))
        (func (export "other-entry") (param i32) (result i32)
            (call_indirect (type $unary) (i32.const 42) (local.get 0))))
    (core func $note (canon lower (func $note)))
    (core func $fail (canon lower (func $fail)))
    (core instance $main (instantiate $main))
    (core instance $deep (instantiate $deep (with "main" (instance $main))))
    (core instance $user (instantiate $user
        (with "host" (instance (export "note" (func $note)) (export "fail" (func $fail))))
        (with "main" (instance $main))
        (with "deep" (instance $deep))))
    (func (export "noted-unreachable") (canon lift (core func $user "noted-unreachable")))
    (func (export "noted-failure") (canon lift (core func $user "noted-failure")))
    (func (export "unreachable") (canon lift (core func $deep "unreachable")))
    (func (export "entry") (param "n" u32) (result u32) (canon lift (core func $user "entry")))
    (func (export "other-entry") (param "n" u32) (result u32)
        (canon lift (core func $user "other-entry")))
    (func (export "divide") (param "a" s32) (param "b" s32) (result s32)
        (canon lift (core func $deep "divide")))
    (func (export "convert") (param "a" f64) (result s32) (canon lift (core func $deep "convert")))
    (func (export "load") (param "at" u32) (result u32) (canon lift (core func $deep "load")))
    (func (export "fill") (param "at" u32) (param "n" u32) (canon lift (core func $deep "fill")))
    (func (export "recurse") (param "n" u32) (result u32)
        (canon lift (core func $deep "recurse"))))"#;

#[test]
fn every_kind_of_trap() {
    check(
        TRAPS,
        "unreachable() traps: wasm `unreachable` instruction executed
         noted-unreachable() traps: wasm `unreachable` instruction executed
           > note 1
         noted-failure() traps: the host does not want to
           > note 1
         divide(7, 2) = 3
         divide(7, 0) traps: integer divide by zero
         divide(-2147483648, -1) traps: integer overflow
         convert(-1.5) = -1
         convert(1e10) traps: integer overflow
         convert(nan) traps: invalid conversion to integer
         load(65524) = 0
         load(65525) traps: out of bounds memory access
         load(4294967295) traps: out of bounds memory access
         fill(65000, 536)
         fill(65000, 537) traps: out of bounds memory access
         recurse(0) traps: call stack exhausted",
    );
}

#[test]
fn every_kind_of_entry() {
    check(
        TRAPS,
        "entry(0) traps: uninitialized element
           > note 0
         entry(1) traps: indirect call type mismatch
           > note 1
         entry(2) traps: integer divide by zero
           > note 2
         entry(3) traps: uninitialized element
           > note 3
         entry(4) traps: undefined element: out of bounds table access
           > note 4
         entry(4294967295) traps: undefined element: out of bounds table access
           > note 4294967295
         other-entry(2) traps: indirect call type mismatch",
    );
}

#[test]
fn what_was_written_before_a_trap_is_gone_with_the_instance() {
    check(
        TRAPS,
        "fill(8, 4)
         load(0) = 16843009
         divide(1, 0) traps: integer divide by zero
         load(0) = 0",
    );
}
