//! Functions of the host's that are not asked.

use component_fuse::{Additions, Refused, Stub, fuse};
use wasmtime::Store;
use wasmtime::component::{Component, Linker, Val};

use crate::compare::{assemble, fused};
use crate::host::engine;

/// Makes a resource, and uses it; and asks for a number, which is not in memory.
const NETWORK: &str = r#"(component
    (import "test:net/sockets@1.2.3" (instance $net
        (export "socket" (type $socket (sub resource)))
        (export "make" (func (param "family" u32) (result (result (own $socket) (error u8)))))
        (export "[method]socket.send" (func (param "self" (borrow $socket)) (param "text" string) (result u32)))
        (export "count" (func (result u32)))))
    (alias export $net "make" (func $make))
    (alias export $net "[method]socket.send" (func $send))
    (alias export $net "count" (func $count))
    (core module $memory
        (memory (export "memory") 1)
        (func (export "realloc") (param i32 i32 i32 i32) (result i32) unreachable))
    (core module $user
        (import "m" "memory" (memory 1))
        (import "h" "make" (func $make (param i32 i32)))
        (import "h" "send" (func $send (param i32 i32 i32) (result i32)))
        (import "h" "count" (func $count (result i32)))
        (func (export "make") (result i32)
            (i64.store (i32.const 64) (i64.const -1))
            (call $make (i32.const 3) (i32.const 64))
            (i32.load (i32.const 64)))
        (func (export "why") (result i32)
            (call $make (i32.const 3) (i32.const 64))
            (i32.load8_u (i32.const 68)))
        (func (export "send") (result i32) (call $send (i32.const 0) (i32.const 0) (i32.const 1)))
        (func (export "count") (result i32) (call $count)))
    (core instance $m (instantiate $memory))
    (core func $make (canon lower (func $make) (memory (core memory $m "memory"))))
    (core func $send (canon lower (func $send) (memory (core memory $m "memory"))))
    (core func $count (canon lower (func $count)))
    (core instance $u (instantiate $user
        (with "m" (instance $m))
        (with "h" (instance
            (export "make" (func $make)) (export "send" (func $send)) (export "count" (func $count))))))
    (func (export "make") (result u32) (canon lift (core func $u "make")))
    (func (export "why") (result u32) (canon lift (core func $u "why")))
    (func (export "send") (result u32) (canon lift (core func $u "send")))
    (func (export "count") (result u32) (canon lift (core func $u "count"))))"#;

fn additions(stubs: fn(&str, &str) -> Option<Stub>) -> Additions<'static> {
    Additions { stubs: Some(stubs), ..Additions::default() }
}

fn denied(interface: &str, function: &str) -> Option<Stub> {
    assert_eq!(interface, "test:net/sockets@1.2.3");
    match function {
        "make" => Some(Stub::Answer(&[(0, 1), (4, 1)])),
        "[method]socket.send" => Some(Stub::Trap),
        _ => None,
    }
}

fn call(component: &[u8], name: &str) -> Result<u32, String> {
    let component = Component::new(engine(), component).expect("it compiles");
    let mut linker = Linker::<()>::new(engine());
    let mut net = linker.instance("test:net/sockets@1.2.3").unwrap();
    net.resource("socket", wasmtime::component::ResourceType::host::<()>(), |_, _| Ok(())).unwrap();
    for name in ["make", "[method]socket.send"] {
        net.func_new(name, |_, _, _, _| panic!("the host is not asked")).unwrap();
    }
    net.func_wrap("count", |_, (): ()| Ok((7_u32,))).unwrap();
    let mut store = Store::new(engine(), ());
    store.set_fuel(10_000).unwrap();
    let instance = linker.instantiate(&mut store, &component).expect("it starts");
    let function = instance.get_func(&mut store, name).expect("it is exported");
    let mut results = [Val::U32(0)];
    function.call(&mut store, &[], &mut results).map_err(|error| format!("{error:#}"))?;
    match results {
        [Val::U32(number)] => Ok(number),
        [other] => panic!("{other:?}"),
    }
}

#[test]
fn what_is_known_is_answered_and_what_cannot_be_traps() {
    let component = fused(&assemble(NETWORK), &additions(denied)).component;
    // Only the bytes that are given are written.
    assert_eq!(call(&component, "make"), Ok(0xffff_ff01));
    assert_eq!(call(&component, "why"), Ok(1));
    assert_eq!(call(&component, "count"), Ok(7));
    assert!(call(&component, "send").unwrap_err().contains("unreachable"));
}

#[test]
fn functions_that_answer_otherwise_are_refused() {
    for function in ["count", "[method]socket.send"] {
        let stubs: fn(&str, &str) -> Option<Stub> = match function {
            "count" => |_, name| (name == "count").then_some(Stub::Answer(&[(0, 1)])),
            _ => |_, name| name.ends_with("send").then_some(Stub::Answer(&[(0, 1)])),
        };
        let Err(Refused(why)) = fuse(&assemble(NETWORK), &additions(stubs)) else {
            panic!("{function} has no result in memory");
        };
        let expected =
            format!("`{function}` of `test:net/sockets@1.2.3` does not answer in memory");
        assert_eq!(why, expected);
    }
}

#[test]
fn names_of_functions_that_are_not_imported_are_kept() {
    let component = fused(&assemble(NETWORK), &additions(denied)).component;
    let text = String::from_utf8_lossy(&component).into_owned();
    assert!(text.contains("test:net/sockets@1.2.3#make"));
}
