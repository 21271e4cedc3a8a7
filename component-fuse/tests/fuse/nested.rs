//! Components within components, and instances that are imported and exported: they are
//! copied as they are.

use crate::compare::check;

#[test]
fn interfaces_in_and_out() {
    // As wit-component writes them: an interface is exported through a nested component.
    check(
        r#"(component
            (type $host (instance
                (type (func (param "value" s32) (result s32)))
                (export "twice" (func (type 0)))))
            (import "fuse:test/host" (instance $host (type $host)))
            (core module $m
                (import "fuse:test/host" "twice" (func $twice (param i32) (result i32)))
                (memory 1)
                (func (export "fuse:test/numbers#four-times") (param i32) (result i32)
                    (call $twice (call $twice (local.get 0)))))
            (alias export $host "twice" (func $twice))
            (core func $lowered (canon lower (func $twice)))
            (core instance $i (instantiate $m (with "fuse:test/host" (instance
                (export "twice" (func $lowered))))))
            (type $function (func (param "value" s32) (result s32)))
            (func $lifted (type $function)
                (canon lift (core func $i "fuse:test/numbers#four-times")))
            (component $shim
                (type (func (param "value" s32) (result s32)))
                (import "import-func" (func (type 0)))
                (type (func (param "value" s32) (result s32)))
                (export "four-times" (func 0) (func (type 1))))
            (instance $numbers (instantiate $shim (with "import-func" (func $lifted))))
            (export "fuse:test/numbers@1.0.0" (instance $numbers))
            (export "four-times" (func $lifted)))"#,
        "fuse:test/numbers@1.0.0/four-times(5) = 20
           > twice 5
           > twice 10
         four-times(-1) = -4
           > twice -1
           > twice -2",
    );
}

#[test]
fn nested_components_with_modules_of_their_own() {
    // One before the fused modules, one after; each has a memory, which is not fused, and a
    // start function.
    check(
        r#"(component
            (import "note" (func $note (param "value" u32)))
            (component $before
                (import "note" (func $note (param "value" u32)))
                (core module $m
                    (import "" "note" (func $note (param i32)))
                    (memory 1)
                    (data (i32.const 0) "\09")
                    (func $start (call $note (i32.load (i32.const 0))))
                    (start $start)
                    (func (export "nine") (result i32) (i32.load (i32.const 0))))
                (core func $note (canon lower (func $note)))
                (core instance $i (instantiate $m (with "" (instance
                    (export "note" (func $note))))))
                (func (export "nine") (result u32) (canon lift (core func $i "nine"))))
            (instance $before (instantiate $before (with "note" (func $note))))
            (core func $nine (canon lower (func $before "nine")))
            (core module $a
                (memory (export "memory") 1)
                (data (i32.const 0) "\07"))
            (core module $b
                (import "a" "memory" (memory 1))
                (import "h" "nine" (func $nine (result i32)))
                (data (i32.const 1) "\01")
                (func (export "own") (result i32) (i32.load (i32.const 0)))
                (func (export "nine") (result i32) (call $nine)))
            (core instance $a (instantiate $a))
            (core instance $b (instantiate $b
                (with "a" (instance $a))
                (with "h" (instance (export "nine" (func $nine))))))
            (func (export "own") (result u32) (canon lift (core func $b "own")))
            (func (export "nine") (result u32) (canon lift (core func $b "nine")))
            (component $after
                (import "nine" (func $nine (result u32)))
                (core module $m
                    (import "" "nine" (func $nine (result i32)))
                    (global $at-start (mut i32) (i32.const 0))
                    (func $start (global.set $at-start (call $nine)))
                    (start $start)
                    (func (export "at-start") (result i32) (global.get $at-start)))
                (core func $nine (canon lower (func $nine)))
                (core instance $i (instantiate $m (with "" (instance
                    (export "nine" (func $nine))))))
                (func (export "at-start") (result u32) (canon lift (core func $i "at-start"))))
            (instance $after (instantiate $after (with "nine" (func $before "nine"))))
            (export "at-start" (func $after "at-start")))"#,
        // A component may not call one within it.
        "own() = 263
           > note 9
         at-start() = 9
         nine() traps: cannot enter component instance
         at-start() = 9
           > note 9",
    );
}

#[test]
fn types_and_exports_keep_their_places() {
    // Aliases, types and exports all take places in the same index spaces.
    check(
        r#"(component
            (type $record (record (field "a" u32) (field "b" u32)))
            (export $pair "pair" (type $record))
            (import "add" (func $add (param "left" u32) (param "right" u32) (result u32)))
            (core type $core (module (import "" "" (func))))
            (core module $m
                (import "" "add" (func $add (param i32 i32) (result i32)))
                (memory 1)
                (func (export "sum") (param i32 i32) (result i32)
                    (call $add (local.get 0) (local.get 1)))
                (func (export "one") (result i32) (i32.const 1)))
            (core func $lowered (canon lower (func $add)))
            (core instance $i (instantiate $m (with "" (instance (export "add" (func $lowered))))))
            (type $one (func (result u32)))
            (func $first (type $one) (canon lift (core func $i "one")))
            (export $again "first" (func $first))
            (type $sum (func (param "of" $pair) (result u32)))
            (func $sum (type $sum) (canon lift (core func $i "sum")))
            (export "again" (func $again))
            (component $c
                (import "f" (func $f (result u32)))
                (export "g" (func $f)))
            (instance $n (instantiate $c (with "f" (func $again))))
            (alias export $n "g" (func $g))
            (export "last" (func $g))
            (instance (export "inner") (export "one" (func $first))))"#,
        "first() = 1
         again() = 1
         last() = 1
         inner/one() = 1",
    );
}
