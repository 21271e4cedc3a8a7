//! The one memory: its growth, its bounds, and who sees them.

use crate::compare::check;

/// Two modules over one memory, of which one grows it.
fn component(memory: &str) -> String {
    format!(
        r#"(component
            (core module $a
                (memory $m (export "memory") {memory})
                (data (i32.const 65530) "abcdef")
                (func (export "grow") (param i32) (result i32) (memory.grow (local.get 0)))
                (func (export "load") (param i32) (result i32) (i32.load8_u (local.get 0))))
            (core module $b
                (import "a" "memory" (memory 1))
                (import "a" "grow" (func $grow (param i32) (result i32)))
                (data (i32.const 100) "b")
                (func (export "size") (result i32) (memory.size))
                (func (export "store") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
                (func (export "copy") (param i32 i32 i32)
                    (memory.copy (local.get 0) (local.get 1) (local.get 2)))
                (func (export "grow-twice") (param i32) (result i32)
                    (i32.add (call $grow (local.get 0)) (memory.grow (local.get 0)))))
            (core instance $a (instantiate $a))
            (core instance $b (instantiate $b (with "a" (instance $a))))
            (func (export "grow") (param "n" u32) (result s32) (canon lift (core func $a "grow")))
            (func (export "grow-twice") (param "n" u32) (result s32)
                (canon lift (core func $b "grow-twice")))
            (func (export "load") (param "at" u32) (result u32) (canon lift (core func $a "load")))
            (func (export "store") (param "at" u32) (param "n" u32)
                (canon lift (core func $b "store")))
            (func (export "copy") (param "to" u32) (param "from" u32) (param "n" u32)
                (canon lift (core func $b "copy")))
            (func (export "size") (result u32) (canon lift (core func $b "size"))))"#
    )
}

#[test]
fn memory_grows_for_all() {
    check(
        &component("1"),
        "size() = 1
         load(65536) traps: out of bounds memory access
         grow(2) = 1
         size() = 3
         load(65536) = 0
         store(196607, 7)
         load(196607) = 7
         copy(70000, 65530, 6)
         load(70005) = 102
         load(100) = 98
         grow-twice(1) = 7
         size() = 5
         store(327680, 1) traps: out of bounds memory access
         size() = 1",
    );
}

#[test]
fn memory_grows_up_to_its_maximum() {
    check(
        &component("1 3"),
        "grow(3) = -1
         size() = 1
         grow-twice(1) = 3
         grow(0) = 3
         grow(1) = -1
         size() = 3",
    );
}

#[test]
fn memory_grows_up_to_the_hosts_limit() {
    // 64 MiB are 1,024 pages.
    check(
        &component("1"),
        "grow(1023) = 1
         grow(1) = -1
         size() = 1024
         store(67108863, 1)
         load(67108863) = 1",
    );
}

#[test]
fn overlapping_copies() {
    check(
        &component("1"),
        "copy(65527, 65530, 4)
         load(65529) = 99
         load(65530) = 100
         copy(65528, 65527, 3)
         load(65530) = 99
         copy(65535, 0, 2) traps: out of bounds memory access
         load(65527) = 0",
    );
}
