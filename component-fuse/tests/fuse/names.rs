//! Names of functions, by which traces call them.

use component_fuse::Additions;
use wasm_encoder::{CustomSection, Encode, Section};
use wasmparser::{KnownCustom, Name, Parser, Payload};

use crate::compare::{WITH_GLOBALS, assemble, fused};
use crate::host::trace;

const NAMED: &str = r#"(component
    (core module $main
        (type $nothing (func))
        (memory 1)
        (table (export "table") 3 funcref)
        (func $trampoline (export "later") (call_indirect (type $nothing) (i32.const 1)))
        (func $never_called))
    (core module $library
        (import "main" "later" (func $later))
        (global $calls (mut i32) (i32.const 0))
        (func $PyObject_Call (export "run")
            (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
            (call $middle))
        (func (call $later))
        (func $middle (call 2) (call $later)))
    (core module $last
        (import "main" "table" (table 3 funcref))
        (func $"a name with: anything" (call $abort))
        (func $abort unreachable)
        (elem (i32.const 1) $"a name with: anything"))
    (core instance $main (instantiate $main))
    (core instance $library (instantiate $library (with "main" (instance $main))))
    (core instance $last (instantiate $last (with "main" (instance $main))))
    (func (export "run") (canon lift (core func $library "run"))))"#;

/// Names of the functions of the first module that has any.
fn names(component: &[u8]) -> Vec<String> {
    for payload in Parser::new(0).parse_all(component) {
        let Payload::CustomSection(section) = payload.expect("a valid component") else { continue };
        let KnownCustom::Name(names) = section.as_known() else { continue };
        for map in names {
            if let Name::Function(map) = map.expect("a name section") {
                return map.into_iter().map(|name| name.expect("a name").name.to_owned()).collect();
            }
        }
    }
    panic!("no function has a name");
}

#[test]
fn names_of_reached_functions_stay() {
    let expected = ["PyObject_Call", "middle", "a name with: anything", "abort"];
    for additions in [Additions::default(), WITH_GLOBALS] {
        let once = fused(&assemble(NAMED), &additions).component;
        assert_eq!(names(&once), expected);
        // Once more, they are the same.
        assert_eq!(names(&fused(&once, &Additions::default()).component), expected);
    }
}

#[test]
fn traces_tell_the_names() {
    let original = assemble(NAMED);
    // The function without a name keeps having none; the trampoline is gone.
    let expected = ["abort", "a name with: anything", "trampoline", "?", "middle", "PyObject_Call"];
    assert_eq!(trace(&original, "run"), expected);
    let without_trampoline: Vec<&str> =
        expected.into_iter().filter(|name| *name != "trampoline").collect();
    assert_eq!(
        trace(&fused(&original, &Additions::default()).component, "run"),
        without_trampoline
    );
}

#[test]
fn names_that_cannot_be_read_are_left_out() {
    // The section's subsection of functions' names is cut short within the component.
    let mut original = assemble(NAMED);
    let at = original
        .windows(b"PyObject_Call".len())
        .position(|window| window == b"PyObject_Call")
        .expect("the name is in the component");
    let in_names = original[at + 1..]
        .windows(b"PyObject_Call".len())
        .position(|window| window == b"PyObject_Call");
    assert!(in_names.is_none(), "the name is in the name section alone");
    original[at] = 0xff;
    let names = names(&fused(&original, &Additions::default()).component);
    assert!(
        !names.is_empty() && names.iter().all(|name| !name.contains("Object_Call")),
        "{names:?}"
    );
}

/// Names of the component's own custom sections.
fn custom_sections(component: &[u8]) -> Vec<String> {
    let mut depth = 0;
    let mut names = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a valid component") {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::CustomSection(section) if depth == 0 => names.push(section.name().to_owned()),
            _ => {}
        }
    }
    names
}

#[test]
fn custom_sections_of_the_component() {
    let mut original = assemble(NAMED);
    let producers = CustomSection { name: "producers".into(), data: (&[0]).into() };
    original.push(producers.id());
    producers.encode(&mut original);
    assert_eq!(custom_sections(&original), ["component-name", "producers"]);
    // Names of indices would be names of others afterwards.
    let fused = fused(&original, &Additions::default()).component;
    assert_eq!(custom_sections(&fused), ["producers"]);
}
