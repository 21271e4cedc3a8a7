//! Fusing what is fused already.

use component_fuse::Additions;

use crate::compare::{WITH_GLOBALS, assemble, check, fused, fused_again};

/// A late function, for which the fused component has a table of its own.
const LATE: &str = r#"(component
    (import "log" (func $log (param "text" string)))
    (import "note" (func $note (param "value" u32)))
    (core module $memory
        (memory (export "memory") 1)
        (global $count (export "count") (mut i32) (i32.const 3)))
    (core module $user
        (type $unary (func (param i32)))
        (import "m" "memory" (memory 1))
        (import "m" "count" (global $count (mut i32)))
        (import "h" "log" (func $log (param i32 i32)))
        (import "h" "note" (func $note (type $unary)))
        (table 2 funcref)
        (elem (i32.const 1) $note)
        (data (i32.const 0) "text")
        (func (export "run")
            (call $log (i32.const 0) (i32.const 4))
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (call_indirect (type $unary) (global.get $count) (i32.const 1))))
    (core instance $m (instantiate $memory))
    (core func $log (canon lower (func $log) (memory (core memory $m "memory"))))
    (core func $note (canon lower (func $note)))
    (core instance $u (instantiate $user
        (with "m" (instance $m))
        (with "h" (instance (export "log" (func $log)) (export "note" (func $note))))))
    (func (export "run") (canon lift (core func $u "run"))))"#;

/// The same, without it.
fn early() -> String {
    let user = r#"(call $log (i32.const 0) (i32.const 4))"#;
    let import = r#"(import "h" "log" (func $log (param i32 i32)))"#;
    assert!(LATE.contains(user) && LATE.contains(import));
    LATE.replace(user, "").replace(import, "")
}

#[test]
fn fused_components_behave_the_same_when_fused_again() {
    let notes = "run()\n> note 4\nrun()\n> note 5\n";
    check(&early(), notes);
    check(LATE, &notes.replace("> note", "> log \"text\"\n> note"));
}

#[test]
fn fusing_again_changes_nothing_more() {
    let once = fused(&assemble(&early()), &Additions::default());
    let twice = fused(&once.component, &Additions::default());
    // The one module is left, with what it had.
    assert_eq!(twice.summary.modules, 1);
    assert_eq!(twice.summary.functions, once.summary.functions);
    assert_eq!(twice.summary.table_entries, once.summary.table_entries);
    assert_eq!(twice.globals, once.globals);
    let thrice = fused(&twice.component, &Additions::default());
    assert!(thrice.component == twice.component, "fusing does not come to an end");
}

#[test]
fn a_table_of_late_functions_is_not_fused_again() {
    let once = fused(&assemble(LATE), &Additions::default());
    assert!(fused_again(&once.component).is_none());
}

#[test]
fn globals_of_a_component_with_globals() {
    // Its functions that read and write them stay, and are joined by others of other names.
    let once = fused(&assemble(&early()), &WITH_GLOBALS);
    assert_eq!(once.globals, [3]);
    let twice = fused(&once.component, &Additions::default());
    assert_eq!(twice.globals, [0], "they are to be set");
    let refused = component_fuse::fuse(&once.component, &WITH_GLOBALS).map(drop);
    assert_eq!(
        refused.expect_err("the names are taken").to_string(),
        "there is an export `global-0` already"
    );
}
