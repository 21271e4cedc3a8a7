//! Functions of the host's, lowered with and without memory, and lifted ones with options.

use component_fuse::Additions;

use crate::compare::{assemble, check, fused};

/// As wit-component writes it: the main module is given a shim for the functions that need
/// its memory, which do not exist yet; a fixup fills the shim's table in the end.
const SHIMMED: &str = r#"(component
    (import "note" (func $note (param "value" u32)))
    (import "add" (func $add (param "left" u32) (param "right" u32) (result u32)))
    (import "log" (func $log (param "text" string)))
    (import "shout" (func $shout (param "text" string) (result string)))
    (core module $main
        (import "host" "note" (func $note (param i32)))
        (import "host" "add" (func $add (param i32 i32) (result i32)))
        (import "host" "log" (func $log (param i32 i32)))
        (import "host" "shout" (func $shout (param i32 i32 i32)))
        (memory (export "memory") 1)
        (global $heap (mut i32) (i32.const 1024))
        (global $reallocs (mut i32) (i32.const 0))
        (data (i32.const 8) "made of: ")
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
            (global.set $reallocs (i32.add (global.get $reallocs) (i32.const 1)))
            (global.get $heap)
            (global.set $heap (i32.add (global.get $heap) (local.get 3))))
        (func (export "greet") (param $at i32) (param $length i32) (result i32)
            (call $log (local.get $at) (local.get $length))
            (memory.copy (i32.const 17) (local.get $at) (local.get $length))
            (call $shout (i32.const 8) (i32.add (local.get $length) (i32.const 9)) (i32.const 0))
            (i32.const 0))
        (func (export "greeted") (param i32)
            (i32.store (i32.const 512) (i32.load offset=4 (local.get 0)))
            (global.set $heap (i32.const 1024)))
        (func (export "plus") (param i32 i32) (result i32)
            (call $note (global.get $reallocs))
            (call $note (i32.load (i32.const 512)))
            (call $add (local.get 0) (i32.add (local.get 1) (global.get $heap)))))
    (core module $shim
        (type $log (func (param i32 i32)))
        (type $shout (func (param i32 i32 i32)))
        (table (export "$imports") 2 2 funcref)
        (func (export "0") (type $log)
            (call_indirect (type $log) (local.get 0) (local.get 1) (i32.const 0)))
        (func (export "1") (type $shout)
            (call_indirect (type $shout)
                (local.get 0) (local.get 1) (local.get 2) (i32.const 1))))
    (core module $fixup
        (import "" "0" (func $log (param i32 i32)))
        (import "" "1" (func $shout (param i32 i32 i32)))
        (import "" "$imports" (table 2 2 funcref))
        (elem (i32.const 0) func $log $shout))
    (core instance $shim (instantiate $shim))
    (core func $note (canon lower (func $note)))
    (core func $add (canon lower (func $add)))
    (core instance $main (instantiate $main (with "host" (instance
        (export "note" (func $note))
        (export "add" (func $add))
        (export "log" (func $shim "0"))
        (export "shout" (func $shim "1"))))))
    (alias core export $main "memory" (core memory $memory))
    (alias core export $main "realloc" (core func $realloc))
    (core func $log (canon lower (func $log) (memory $memory)))
    (core func $shout (canon lower (func $shout) (memory $memory) (realloc $realloc) string-encoding=utf8))
    (core instance $fixup (instantiate $fixup (with "" (instance
        (export "$imports" (table $shim "$imports"))
        (export "0" (func $log))
        (export "1" (func $shout))))))
    (func (export "greet") (param "who" string) (result string)
        (canon lift (core func $main "greet") (memory $memory) (realloc $realloc)
            (post-return (core func $main "greeted"))))
    (func (export "plus") (param "a" u32) (param "b" u32) (result u32)
        (canon lift (core func $main "plus"))))"#;

#[test]
fn texts_in_and_out_through_a_shim() {
    check(
        SHIMMED,
        r#"plus(1, 2) = 1027
             > note 0
             > note 0
             > add 1 1026
           greet("ada") = "MADE OF: ADA!"
             > log "ada"
             > shout "made of: ada"
           plus(1, 2) = 1027
             > note 2
             > note 13
             > add 1 1026
           greet("") = "MADE OF: !"
             > log ""
             > shout "made of: "
           plus(1, 2) = 1027
             > note 4
             > note 10
             > add 1 1026"#,
    );
}

#[test]
fn shims_are_made_anew_for_late_functions_alone() {
    let summary = fused(&assemble(SHIMMED), &Additions::default()).summary;
    assert_eq!((summary.modules, summary.mutable_globals), (1, 2));
    // The shim's table is not the modules' table, which they do not have.
    assert_eq!((summary.table_entries, summary.trampolines), (0, 0));
    assert_eq!((summary.functions_before, summary.functions), (4, 4));
}

#[test]
fn late_functions_without_a_shim() {
    // A second module is instantiated when the first one's memory is there already.
    check(
        r#"(component
            (import "log" (func $log (param "text" string)))
            (import "shout" (func $shout (param "text" string) (result string)))
            (core module $memory
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048)))
            (core module $user
                (import "m" "memory" (memory 1))
                (import "h" "log" (func $log (param i32 i32)))
                (import "h" "shout" (func $shout (param i32 i32 i32)))
                (data (i32.const 100) "h\c3\a9")
                (func (export "run") (result i32)
                    (call $shout (i32.const 100) (i32.const 3) (i32.const 0))
                    (call $log (i32.load (i32.const 0)) (i32.load (i32.const 4)))
                    (i32.load (i32.const 0))))
            (core instance $m (instantiate $memory))
            (core func $log (canon lower (func $log) (memory (core memory $m "memory"))))
            (core func $shout (canon lower (func $shout)
                (memory (core memory $m "memory")) (realloc (core func $m "realloc"))))
            (core instance $u (instantiate $user
                (with "m" (instance $m))
                (with "h" (instance (export "log" (func $log)) (export "shout" (func $shout))))))
            (func (export "run") (result u32) (canon lift (core func $u "run"))))"#,
        r#"run() = 2048
             > shout "hé"
             > log "HÉ!"
           run() = 2048
             > shout "hé"
             > log "HÉ!""#,
    );
}

#[test]
fn encodings_of_texts() {
    // The same text leaves as UTF-16 and as Latin-1 or UTF-16.
    check(
        r#"(component
            (import "log" (func $log (param "text" string)))
            (core module $memory (memory (export "memory") 1))
            (core module $user
                (import "m" "memory" (memory 1))
                (import "h" "utf16" (func $utf16 (param i32 i32)))
                (import "h" "compact" (func $compact (param i32 i32)))
                (import "h" "utf8" (func $utf8 (param i32 i32)))
                (data (i32.const 64) "h\00\e9\00")
                (data (i32.const 96) "h\e9")
                (data (i32.const 128) "h\c3\a9")
                (func (export "run")
                    (call $utf16 (i32.const 64) (i32.const 2))
                    (call $compact (i32.const 96) (i32.const 2))
                    (call $compact (i32.const 64) (i32.const 0x8000_0002))
                    (call $utf8 (i32.const 128) (i32.const 3)))
                (func (export "wrong")
                    (call $utf8 (i32.const 96) (i32.const 2)))
                (func (export "beyond")
                    (call $utf8 (i32.const 65535) (i32.const 2))))
            (core instance $m (instantiate $memory))
            (core func $utf16 (canon lower (func $log) (memory (core memory $m "memory")) string-encoding=utf16))
            (core func $compact
                (canon lower (func $log) (memory (core memory $m "memory")) string-encoding=latin1+utf16))
            (core func $utf8 (canon lower (func $log) (memory (core memory $m "memory")) string-encoding=utf8))
            (core instance $u (instantiate $user
                (with "m" (instance $m))
                (with "h" (instance
                    (export "utf16" (func $utf16))
                    (export "compact" (func $compact))
                    (export "utf8" (func $utf8))))))
            (func (export "run") (canon lift (core func $u "run")))
            (func (export "wrong") (canon lift (core func $u "wrong")))
            (func (export "beyond") (canon lift (core func $u "beyond"))))"#,
        r#"run()
             > log "hé"
             > log "hé"
             > log "hé"
             > log "hé"
           wrong() traps: incomplete utf-8 byte sequence from index 1
           beyond() traps: string pointer/length out of bounds of memory"#,
    );
}

#[test]
fn host_functions_in_the_table() {
    // Lowered functions are entries as others are, and one may be exported by a module.
    check(
        r#"(component
            (import "add" (func $add (param "left" u32) (param "right" u32) (result u32)))
            (import "fail" (func $fail))
            (core module $main
                (type $binary (func (param i32 i32) (result i32)))
                (type $nothing (func))
                (import "h" "add" (func $add (type $binary)))
                (import "h" "fail" (func $fail (type $nothing)))
                (export "add" (func $add))
                (memory 1)
                (table (export "table") 4 funcref)
                (elem (i32.const 1) $add $fail)
                (func $trampoline (export "trampoline") (type $binary)
                    (call_indirect (type $binary) (local.get 0) (local.get 1) (i32.const 1)))
                (func (export "fail")
                    (call_indirect (type $nothing) (i32.const 2)))
                (func (export "wrong")
                    (call_indirect (type $nothing) (i32.const 1))))
            (core module $user
                (import "main" "add" (func $add (param i32 i32) (result i32)))
                (import "main" "trampoline" (func $through (param i32 i32) (result i32)))
                (import "main" "table" (table 4 funcref))
                (elem (i32.const 3) $add)
                (func (export "both") (param i32) (result i32)
                    (call $add (call $through (local.get 0) (i32.const 1)) (i32.const 2))))
            (core func $add (canon lower (func $add)))
            (core func $fail (canon lower (func $fail)))
            (core instance $main (instantiate $main (with "h" (instance
                (export "add" (func $add)) (export "fail" (func $fail))))))
            (core instance $user (instantiate $user (with "main" (instance $main))))
            (func (export "both") (param "n" u32) (result u32)
                (canon lift (core func $user "both")))
            (func (export "trampoline") (param "n" u32) (param "m" u32) (result u32)
                (canon lift (core func $main "trampoline")))
            (func (export "fail") (canon lift (core func $main "fail")))
            (func (export "wrong") (canon lift (core func $main "wrong"))))"#,
        "both(5) = 8
           > add 5 1
           > add 6 2
         trampoline(4, 3) = 7
           > add 4 3
         fail() traps: the host does not want to
         wrong() traps: indirect call type mismatch
         both(0) = 3
           > add 0 1
           > add 1 2",
    );
}

#[test]
fn results_that_are_not_valid_trap_as_before() {
    check(
        r#"(component
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const -8))
                (func (export "take") (param i32 i32))
                (func (export "give") (result i32)
                    (i32.store (i32.const 0) (i32.const 65530))
                    (i32.store (i32.const 4) (i32.const 100))
                    (i32.const 0))
                (func (export "unaligned") (result i32) (i32.const 1))
                (func (export "char") (result i32) (i32.const 0xd800)))
            (core instance $i (instantiate $m))
            (func (export "take") (param "text" string)
                (canon lift (core func $i "take") (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
            (func (export "give") (result string)
                (canon lift (core func $i "give") (memory (core memory $i "memory"))))
            (func (export "unaligned") (result string)
                (canon lift (core func $i "unaligned") (memory (core memory $i "memory"))))
            (func (export "char") (result char)
                (canon lift (core func $i "char"))))"#,
        r#"take("text") traps: realloc return: beyond end of memory
           give() traps: string pointer/length out of bounds of memory
           unaligned() traps: return pointer not aligned
           char() traps: converted integer out of range for `char`"#,
    );
}
