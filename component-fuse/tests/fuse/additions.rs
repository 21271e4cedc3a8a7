//! What can be added: exports of functions, and exports that read and write the globals.

use component_fuse::{Additions, Refused, fuse, image};
use wasmtime::component::{Component, Val};

use crate::compare::{WITH_GLOBALS, assemble, fused};
use crate::host::{Running, engine};
use crate::image::put_back;

/// A counter and a stack pointer, which start with some values, and some data.
fn stateful(counter: i32, stack: i32, data: &str) -> Vec<u8> {
    assemble(&format!(
        r#"(component
            (core module $main
                (memory (export "memory") 1)
                (table (export "table") 2 funcref)
                (global (export "stack") (mut i32) (i32.const {stack}))
                (global $counter (export "counter") (mut i32) (i32.const {counter}))
                (data (i32.const 8) "{data}")
                (func (export "count") (result i32) (global.get $counter)))
            (core module $user
                (type $nothing (func))
                (import "main" "memory" (memory 1))
                (import "main" "stack" (global $stack (mut i32)))
                (import "main" "counter" (global $counter (mut i32)))
                (import "main" "table" (table 2 funcref))
                (global $resets (mut i32) (i32.const 0))
                (func $reset (export "__reset_all")
                    (global.set $resets (i32.add (global.get $resets) (i32.const 1)))
                    (global.set $counter (i32.const 0)))
                (elem (i32.const 1) $trampoline)
                (func $trampoline (export "trampoline") (call_indirect (type $nothing) (i32.const 1)))
                (func (export "next") (result i32)
                    (global.set $counter (i32.add (global.get $counter) (i32.const 1)))
                    (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
                    (i32.add (i32.load (i32.const 8)) (global.get $counter))))
            (core module $again
                (import "user" "__reset_all" (func $reset))
                (import "user" "next" (func $next (result i32)))
                (export "__reset_all" (func $reset))
                (export "next" (func $next))
                (func (export "common"))
                (func (export "with space")))
            (core module $other (func (export "common")))
            (core instance $main (instantiate $main))
            (core instance $user (instantiate $user (with "main" (instance $main))))
            (core instance $again (instantiate $again (with "user" (instance $user))))
            (core instance $other (instantiate $other))
            (func (export "next") (result u32) (canon lift (core func $user "next")))
            (func (export "counter") (result u32) (canon lift (core func $main "count"))))"#
    ))
}

fn start(component: &[u8]) -> Running {
    Running::start(&Component::new(engine(), component).expect("it compiles")).expect("it starts")
}

fn number(running: &mut Running, name: &str) -> u32 {
    match running.call(name, &[]).as_slice() {
        [Val::U32(number)] => *number,
        other => panic!("{other:?}"),
    }
}

#[test]
fn globals_are_read_and_set() {
    let fused = fused(&stateful(7, 4096, ""), &WITH_GLOBALS);
    assert_eq!(fused.globals, [4096, 7], "in the order of the modules");
    let mut running = start(&fused.component);
    // They are zero until they are set.
    assert_eq!(number(&mut running, "global-0"), 0);
    assert_eq!(number(&mut running, "counter"), 0);
    running.set_globals(&fused.globals);
    assert_eq!(number(&mut running, "counter"), 7);
    assert_eq!(number(&mut running, "next"), 8);
    // What has changed is seen, and can be put into another instance.
    let seen = [number(&mut running, "global-0"), number(&mut running, "global-1")];
    assert_eq!(seen, [4080, 8]);
    let mut other = start(&fused.component);
    other.set_globals(&seen);
    assert_eq!(number(&mut other, "next"), 9);
    other.set_globals(&[u32::MAX, u32::MAX]);
    assert_eq!(number(&mut other, "global-0"), u32::MAX);
    assert_eq!(number(&mut other, "next"), 0);
}

#[test]
fn components_that_differ_in_state_alone_become_the_same() {
    let originals = [stateful(7, 4096, "\\01\\02"), stateful(-3, 512, "other data")];
    let mut codes = Vec::new();
    for (original, expected) in originals.iter().zip([0x201 + 8, 0x6568_746f - 2]) {
        let fused = fused(original, &WITH_GLOBALS);
        let taken = image::take(&fused.component).expect("it has a memory");
        // Put together again, it is the original.
        let mut restored = start(&put_back(&taken));
        restored.set_globals(&fused.globals);
        assert_eq!(number(&mut restored, "next"), expected);
        assert_eq!(number(&mut start(original), "next"), expected);
        codes.push(taken.component);
    }
    assert!(codes[0] == codes[1], "the code differs");
    // Without the globals taken out, it does.
    let plain = |original: &Vec<u8>| {
        let fused = fused(original, &Additions::default());
        image::take(&fused.component).expect("it has a memory").component
    };
    assert!(plain(&originals[0]) != plain(&originals[1]));
}

#[test]
fn functions_are_exported() {
    let additions = Additions {
        functions: &[("__reset_all", "reset-all")],
        globals: true,
        ..Additions::default()
    };
    let fused = fused(&stateful(7, 4096, ""), &additions);
    // What only the addition calls writes a global too.
    assert_eq!(fused.globals, [4096, 7, 0]);
    let mut running = start(&fused.component);
    running.set_globals(&fused.globals);
    running.call("reset-all", &[]);
    running.call("reset-all", &[]);
    assert_eq!(number(&mut running, "next"), 1);
    assert_eq!(number(&mut running, "global-2"), 2);
}

#[test]
fn one_function_under_two_names() {
    let functions = &[("__reset_all", "reset-one"), ("__reset_all", "reset-two")];
    let mut running = start(
        &fused(
            &stateful(7, 0, ""),
            &Additions { functions, globals: false, ..Additions::default() },
        )
        .component,
    );
    running.call("reset-one", &[]);
    assert_eq!(number(&mut running, "next"), 1);
    running.call("reset-two", &[]);
    assert_eq!(number(&mut running, "next"), 1);
}

#[test]
fn functions_that_cannot_be_exported() {
    let cases: &[(&[(&str, &str)], &str)] = &[
        (&[("missing", "missing")], "no module exports `missing`"),
        (&[("memory", "memory")], "no module exports `memory`"),
        (&[("next", "next-one")], "`next` takes or returns something"),
        (&[("common", "common")], "several modules export `common`"),
        (&[("__reset_all", "__reset_all")], "`__reset_all` is no name for an export"),
        (&[("with space", "with space")], "`with space` is no name for an export"),
        (&[("__reset_all", "")], "`` is no name for an export"),
        (&[("__reset_all", "next")], "there is an export `next` already"),
        (&[("__reset_all", "global-1")], "there is an export `global-1` already"),
        (&[("__reset_all", "set-globals")], "there is an export `set-globals` already"),
        (
            &[("__reset_all", "reset"), ("with space", "reset")],
            "there is an export `reset` already",
        ),
    ];
    for &(functions, expected) in cases {
        let additions = Additions { functions, globals: true, ..Additions::default() };
        match fuse(&stateful(7, 4096, ""), &additions) {
            Err(Refused(refused)) => assert_eq!(refused, expected),
            Ok(_) => panic!("accepted: {functions:?}"),
        }
    }
}

/// A module that writes so many globals.
fn with_globals(count: usize) -> Vec<u8> {
    let mut fields = String::from("(memory 1)");
    let mut sets = String::new();
    for global in 0..count {
        fields += &format!("(global (mut i32) (i32.const {}))", 100 + global);
        sets += &format!(
            "(global.set {global} (i32.add (global.get {global}) (i32.const 1)))
             (local.set 0 (i32.add (local.get 0) (global.get {global})))"
        );
    }
    assemble(&format!(
        r#"(component
            (core module $m {fields}
                (func (export "sum") (result i32) (local i32) {sets} (local.get 0)))
            (core instance $i (instantiate $m))
            (func (export "sum") (result u32) (canon lift (core func $i "sum"))))"#
    ))
}

#[test]
fn no_globals_and_many() {
    for count in [0, 1, 16] {
        let original = with_globals(count);
        let fused = fused(&original, &WITH_GLOBALS);
        assert_eq!(fused.globals.len(), count);
        let mut running = start(&fused.component);
        running.set_globals(&fused.globals);
        assert_eq!(number(&mut running, "sum"), number(&mut start(&original), "sum"));
    }
    // One more than a function can be given as parameters; without the addition, they may
    // be any number.
    let refused = fuse(&with_globals(17), &WITH_GLOBALS).map(drop).expect_err("refused");
    assert_eq!(refused.to_string(), "17 mutable globals, which no one function can set");
    let many = fused(&with_globals(1500), &Additions::default());
    assert_eq!(many.globals.len(), 1500);
    assert_eq!(number(&mut start(&many.component), "sum"), 1500 * 101 + 1499 * 750);
}
