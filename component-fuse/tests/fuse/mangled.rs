//! Components that are cut short or have bits flipped: whatever comes of them, it is no
//! panic, and what is fused all the same still does what the mangled original does.

use component_fuse::{Additions, Refused, fuse, image};
use wasmparser::Validator;
use wasmtime::component::Component;

use crate::compare::{WITH_GLOBALS, assemble, variants};
use crate::host::{Running, engine};
use crate::random::Random;

/// A bit of everything that the fuser looks at, in few bytes.
const SMALL: &str = r#"(component
    (import "note" (func $note (param "value" u32)))
    (import "log" (func $log (param "text" string)))
    (core module $main
        (type $unary (func (param i32) (result i32)))
        (import "h" "log" (func $log (param i32 i32)))
        (memory (export "memory") 1 3)
        (table (export "table") 4 funcref)
        (global (export "base") i32 (i32.const 1))
        (global $sp (export "sp") (mut i32) (i32.const 64))
        (func (export "later") (type $unary)
            (call_indirect (type $unary) (local.get 0) (i32.const 2)))
        (func (export "say") (param i32)
            (call $log (i32.const 8) (local.get 0)))
        (data (i32.const 8) "words"))
    (core module $library
        (type $unary (func (param i32) (result i32)))
        (import "main" "memory" (memory 1))
        (import "main" "table" (table 1 funcref))
        (import "main" "base" (global $base i32))
        (import "main" "sp" (global $sp (mut i32)))
        (import "main" "later" (func $later (type $unary)))
        (import "h" "note" (func $note (param i32)))
        (func $one (type $unary) (i32.add (local.get 0) (global.get $base)))
        (func $two (type $unary)
            (call $note (global.get $sp))
            (i32.mul (local.get 0) (i32.load8_u (global.get $sp))))
        (elem (global.get $base) $one $two)
        (data (offset (i32.add (global.get $base) (i32.const 48))) "ABCDEFGHIJKLMNOP")
        (func (export "run") (type $unary) (local i32)
            (global.set $sp (i32.sub (global.get $sp) (i32.const 4)))
            (local.set 1 (call $later (local.get 0)))
            (global.set $sp (i32.add (global.get $sp) (i32.const 4)))
            (i32.add (local.get 1)
                (call_indirect (type $unary) (i32.const 5) (global.get $base)))))
    (core module $shim
        (type $log (func (param i32 i32)))
        (table (export "t") 1 1 funcref)
        (func (export "log") (type $log)
            (call_indirect (type $log) (local.get 0) (local.get 1) (i32.const 0))))
    (core module $fixup
        (import "" "log" (func $log (param i32 i32)))
        (import "" "t" (table 1 1 funcref))
        (elem (i32.const 0) func $log))
    (core instance $shim (instantiate $shim))
    (core func $note (canon lower (func $note)))
    (core instance $main (instantiate $main (with "h" (instance $shim))))
    (core instance $library (instantiate $library
        (with "main" (instance $main))
        (with "h" (instance (export "note" (func $note))))))
    (core func $log (canon lower (func $log) (memory (core memory $main "memory"))))
    (core instance (instantiate $fixup (with "" (instance
        (export "t" (table $shim "t")) (export "log" (func $log))))))
    (func (export "run") (param "n" u32) (result u32) (canon lift (core func $library "run")))
    (func (export "say") (param "n" u32) (canon lift (core func $main "say"))))"#;

const CALLS: [&str; 5] = ["run(3)", "say(5)", "run(1000)", "say(70000)", "run(0)"];

/// Fuses it, and says whether that worked.
fn try_fuse(component: &[u8]) -> bool {
    // Taking its image must not panic either, fused or not.
    let is_valid = Validator::new().validate_all(component).is_ok();
    if let (Ok(taken), true) = (image::take(component), is_valid) {
        Validator::new().validate_all(&taken.component).expect("without data, it is valid");
    }
    let mut works = false;
    for additions in [Additions::default(), WITH_GLOBALS] {
        match fuse(component, &additions) {
            Ok(fused) => {
                Validator::new().validate_all(&fused.component).expect("what is fused is valid");
                works = true;
            }
            Err(Refused(refused)) => {
                assert!(!refused.contains("a defect of the fuser"), "{refused}");
            }
        }
    }
    works
}

/// What it does, or nothing if that depends on how much time or stack there is.
fn behaviour(component: &[u8], globals: Option<&[u32]>) -> Option<String> {
    let Ok(component) = Component::new(engine(), component) else {
        return Some("does not compile".to_owned());
    };
    let mut text = String::new();
    for calls in [&CALLS[..], &CALLS[1..3], &CALLS[3..]] {
        let mut running = match Running::start(&component) {
            Ok(running) => running,
            Err(error) => return Some(format!("does not start: {}", error.root_cause())),
        };
        if let Some(globals) = globals {
            running.set_globals(globals);
        }
        for call in calls {
            let Some(played) = running.try_play(call) else { continue };
            if running.is_exhausted() || played.text.contains("call stack exhausted") {
                return None;
            }
            text += &played.text;
            if played.trapped {
                break;
            }
        }
    }
    Some(text)
}

fn compare(mangled: &[u8], what: &str) -> bool {
    let Some(expected) = behaviour(mangled, None) else { return false };
    // The others are made of these.
    let variants = variants(mangled).into_iter();
    for variant in
        variants.filter(|one| ["fused", "globals set, image put back"].contains(&one.name))
    {
        if let Some(found) = behaviour(&variant.component, variant.globals.as_deref()) {
            assert_eq!(found, expected, "{what}: {}", variant.name);
        }
    }
    true
}

#[test]
fn cut_short_anywhere() {
    let small = assemble(SMALL);
    assert!(try_fuse(&small));
    // The empty component has nothing to fuse, and neither has any other part.
    for length in 0..small.len() {
        let part = &small[..length];
        if try_fuse(part) {
            assert!(compare(part, &format!("cut at {length}")));
        }
    }
}

#[test]
fn every_bit_flipped() {
    let small = assemble(SMALL);
    let (mut works, mut compared) = (0, 0);
    for at in 8..small.len() {
        for bit in 0..8 {
            let mut mangled = small.clone();
            mangled[at] ^= 1 << bit;
            if try_fuse(&mangled) {
                works += 1;
                compared += usize::from(compare(&mangled, &format!("bit {bit} of byte {at}")));
            }
        }
    }
    // Enough of them still mean something to tell.
    assert!(works > 500 && compared > 400, "{compared} of {works} compared");
}

#[test]
fn bytes_replaced_anywhere() {
    let component = assemble(SMALL);
    let mut random = Random::new(1);
    let (mut works, mut compared) = (0, 0);
    for round in 0..6000 {
        let mut mangled = component.clone();
        for _ in 0..=random.below(3) {
            let at = random.below(mangled.len());
            match random.below(4) {
                0 => mangled[at] = random.below(256) as u8,
                1 => mangled[at] ^= 1 << random.below(8),
                2 => mangled[at] = mangled[random.below(component.len())],
                _ => mangled[at] = [0, 1, 0x7f, 0x80, 0xff][random.below(5)],
            }
        }
        if try_fuse(&mangled) {
            works += 1;
            compared += usize::from(compare(&mangled, &format!("round {round}")));
        }
    }
    assert!(works > 300 && compared > 200, "{compared} of {works} compared");
}
