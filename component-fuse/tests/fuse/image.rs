//! The memory's content, taken out and put back.

use component_fuse::image::{self, Taken};
use component_fuse::{Additions, Refused};
use wasm_encoder::{Component, ConstExpr, DataSection, MemorySection, Module, RawSection};
use wasmparser::{BinaryReader, MemorySectionReader};

use crate::compare::{assemble, calls, fused, play};

const WASM_PAGE: usize = 64 * 1024;

/// Ids of sections.
const COMPONENT_CORE_MODULE: u8 = 1;
const MODULE_MEMORY: u8 = 5;
const MODULE_DATA: u8 = 11;

/// The component with its image as a data segment again.
pub fn put_back(taken: &Taken) -> Vec<u8> {
    let mut component = Component::new();
    for (id, body) in sections(&taken.component) {
        if id != COMPONENT_CORE_MODULE {
            component.section(&RawSection { id, data: body });
            continue;
        }
        let mut module = Module::new();
        let mut has_memory = false;
        for (id, body) in sections(body) {
            assert_ne!(id, MODULE_DATA, "a data section is left");
            if id == MODULE_MEMORY {
                has_memory = true;
                module.section(&memory(body, taken.image.len()));
            } else {
                module.section(&RawSection { id, data: body });
            }
        }
        if has_memory {
            let mut data = DataSection::new();
            data.active(0, &ConstExpr::i32_const(0), taken.image.iter().copied());
            module.section(&data);
        }
        component.section(&RawSection { id: COMPONENT_CORE_MODULE, data: module.as_slice() });
    }
    component.finish()
}

/// The memory section with the image's size.
fn memory(body: &[u8], size: usize) -> MemorySection {
    let mut section = MemorySection::new();
    for memory in MemorySectionReader::new(BinaryReader::new(body, 0)).expect("a memory section") {
        let mut memory: wasm_encoder::MemoryType = memory.expect("a memory").into();
        memory.minimum = (size / WASM_PAGE) as u64;
        section.memory(memory);
    }
    section
}

/// Id and body of each section.
fn sections(binary: &[u8]) -> Vec<(u8, &[u8])> {
    let mut reader = BinaryReader::new(&binary[8..], 0);
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8().expect("an id");
        let length = reader.read_var_u32().expect("a length");
        sections.push((id, reader.read_bytes(length as usize).expect("a body")));
    }
    sections
}

/// A component of one module, with some fields and a function that reads a byte.
fn component(fields: &str) -> Vec<u8> {
    assemble(&format!(
        r#"(component
            (core module $m
                {fields}
                (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))
            (core instance $i (instantiate $m))
            (func (export "byte") (param "at" u32) (result u32)
                (canon lift (core func $i "byte"))))"#
    ))
}

#[test]
fn image_is_the_whole_memory() {
    let component = component(
        r#"(memory 2 5)
           (data (i32.const 3) "abc")
           (data (i32.const 4) "xy")
           (data (i32.const 131071) "z")"#,
    );
    for component in [component.clone(), fused(&component, &Additions::default()).component] {
        let taken = image::take(&component).expect("it has a memory");
        let mut expected = vec![0; 2 * WASM_PAGE];
        expected[3..6].copy_from_slice(b"axy");
        expected[131_071] = b'z';
        assert!(taken.image == expected, "the image differs");
        let script = "byte(3) = 97\nbyte(4) = 120\nbyte(131071) = 122\n\
                      byte(131072) traps: out of bounds memory access\n";
        assert_eq!(play(&put_back(&taken), None, &calls(script)), script);
        // By itself, it is one page of zeros.
        let empty = "byte(3) = 0\nbyte(65536) traps: out of bounds memory access\n";
        assert_eq!(play(&taken.component, None, &calls(empty)), empty);
    }
}

#[test]
fn component_is_the_same_whatever_the_image() {
    let one = image::take(&component(r#"(memory 1) (data (i32.const 3) "abc")"#));
    let other =
        image::take(&component(r#"(memory 7) (data (i32.const 9) "d") (data (i32.const 9) "e")"#));
    let (one, other) = (one.expect("it has a memory"), other.expect("it has a memory"));
    assert!(one.component == other.component, "the components differ");
    assert_eq!((one.image.len(), other.image.len()), (WASM_PAGE, 7 * WASM_PAGE));
}

#[test]
fn memory_without_a_page() {
    let taken = image::take(&component("(memory 0 0)")).expect("it has a memory");
    assert!(taken.image.is_empty());
    let script = "byte(0) traps: out of bounds memory access\n";
    assert_eq!(play(&taken.component, None, &calls(script)), script);
}

#[test]
fn memory_that_other_modules_import() {
    // They say how large it is at least, so it stays as large as it was.
    let component = assemble(
        r#"(component
            (core module $owner (memory (export "memory") 3) (data (i32.const 70000) "a"))
            (core module $user
                (import "owner" "memory" (memory 2))
                (func (export "byte") (param i32) (result i32) (i32.load8_u (local.get 0))))
            (core instance $owner (instantiate $owner))
            (core instance $user (instantiate $user (with "owner" (instance $owner))))
            (func (export "byte") (param "at" u32) (result u32)
                (canon lift (core func $user "byte"))))"#,
    );
    let taken = image::take(&component).expect("it has a memory");
    assert_eq!(taken.image.len(), 3 * WASM_PAGE);
    let empty = "byte(70000) = 0\nbyte(196608) traps: out of bounds memory access\n";
    assert_eq!(play(&taken.component, None, &calls(empty)), empty);
    let script = "byte(70000) = 97\nbyte(196608) traps: out of bounds memory access\n";
    assert_eq!(play(&put_back(&taken), None, &calls(script)), script);
}

#[test]
fn what_has_no_image() {
    let two = |other: &str| {
        assemble(&format!("(component (core module {other}) (core module (memory 1)))"))
    };
    let cases: &[(&str, Vec<u8>)] = &[
        ("not a component", b"\0asm\x01\0\0\0".to_vec()),
        ("not a component", b"\0asm\x0d\0\x01".to_vec()),
        ("no module owns a memory", assemble("(component (core module))")),
        ("two modules own a memory", two("(memory 1)")),
        (
            "a module without a memory has data",
            two(r#"(import "" "" (memory 1)) (data (i32.const 0) "a")"#),
        ),
        ("a memory of an unusual kind", component("(memory 20000)")),
        ("a memory of an unusual kind", component("(memory 1) (memory 1)")),
        ("a memory of an unusual kind", component("(memory i64 1)")),
        ("a memory of an unusual kind", component("(memory 1 1 shared)")),
        (
            "two memories in one module",
            two(r#"(import "" "" (memory 1)) (memory 1) (data (i32.const 0) "a")"#),
        ),
        (
            "a data segment beyond the memory",
            component(r#"(memory 1) (data (i32.const 65536) "a")"#),
        ),
        ("a data segment beyond the memory", component(r#"(memory 1) (data (i32.const -1) "a")"#)),
        ("a passive data segment", component(r#"(memory 1) (data "a")"#)),
        (
            "a data segment at an offset that is not constant",
            component(r#"(memory 1) (data (offset (i32.add (i32.const 1) (i32.const 1))) "a")"#),
        ),
        (
            "a data segment at an offset that is not constant",
            component(
                r#"(global i32 (i32.const 0)) (memory 1) (data (offset (global.get 0)) "a")"#,
            ),
        ),
        (
            "the memory's owner has a start function",
            component("(memory 1) (func $start) (start $start)"),
        ),
        (
            "without its data segments: not a valid binary: data count section required",
            component(r#"(memory 1) (data $d (i32.const 0) "a") (func (data.drop $d))"#),
        ),
    ];
    for (expected, component) in cases {
        let Err(Refused(refused)) = image::take(component) else {
            panic!("expected to be refused: {expected}");
        };
        assert!(refused.starts_with(expected), "{refused}, not: {expected}");
    }
}
