//! A component as componentize-py makes it: shared libraries that wit-component links, one
//! of them to be opened at run time as a Python extension is, and all initialised before.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use component_fuse::{Additions, Refused, fuse};
use component_init_transform::Invoker;
use wasmtime::component::{Component, Val};
use wit_component::{Linker, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::compare::{assemble, check_component, fused};
use crate::host::{Running, engine};

const WORLD: &str = r#"
    package fuse:test;

    interface host {
        twice: func(value: s32) -> s32;
    }

    world app {
        import host;
        import log: func(text: string);
        import note: func(value: u32);
        export call-plugin: func(n: u32) -> u32;
        export call-missing: func(n: u32) -> u32;
        export call-table: func(entry: u32, n: u32) -> u32;
        export greet: func(name: string) -> string;
        export allocated: func() -> u32;
        export peak: func() -> u32;
    }"#;

/// Allocates, and tells the application, which it is linked before.
const LIBC: &str = r#"(module
    (@dylink.0 (mem-info (memory 8 2)))
    (import "env" "memory" (memory 1))
    (import "env" "__memory_base" (global $memory_base i32))
    (import "env" "on_malloc" (func $on_malloc (param i32)))
    (import "GOT.mem" "__heap_base" (global $heap_base (mut i32)))
    (import "GOT.mem" "__heap_end" (global $heap_end (mut i32)))
    (global $heap (mut i32) (i32.const 0))
    (global (export "peak_bytes") i32 (i32.const 4))
    (func (export "__wasm_call_ctors") (global.set $heap (global.get $heap_base)))
    (func $malloc (export "malloc") (param $size i32) (result i32) (local $at i32)
        (call $on_malloc (local.get $size))
        (local.set $at (global.get $heap))
        (global.set $heap (i32.add (global.get $heap)
            (i32.and (i32.add (local.get $size) (i32.const 7)) (i32.const -8))))
        (if (i32.gt_u (global.get $heap) (global.get $heap_end)) (then unreachable))
        (i32.store offset=4 (global.get $memory_base)
            (i32.sub (global.get $heap) (global.get $heap_base)))
        (local.get $at))
    (func (export "strlen") (param $text i32) (result i32) (local $end i32)
        (local.set $end (local.get $text))
        (block $done (loop $next
            (br_if $done (i32.eqz (i32.load8_u (local.get $end))))
            (local.set $end (i32.add (local.get $end) (i32.const 1)))
            (br $next)))
        (i32.sub (local.get $end) (local.get $text)))
    (func (export "memcmp") (param $a i32) (param $b i32) (param $n i32) (result i32)
        (local $at i32) (local $difference i32)
        (block $done (loop $next
            (br_if $done (i32.eq (local.get $at) (local.get $n)))
            (br_if $done (local.tee $difference (i32.sub
                (i32.load8_u (i32.add (local.get $a) (local.get $at)))
                (i32.load8_u (i32.add (local.get $b) (local.get $at))))))
            (local.set $at (i32.add (local.get $at) (i32.const 1)))
            (br $next)))
        (local.get $difference)))"#;

const APP: &str = r#"(module
    (@dylink.0
        (mem-info (memory 64 2) (table 2 0))
        (needed "libc.so")
        (needed "libdl.so"))
    (type $unary (func (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 2 funcref))
    (import "env" "__stack_pointer" (global $stack (mut i32)))
    (import "env" "__memory_base" (global $memory_base i32))
    (import "env" "__table_base" (global $table_base i32))
    (import "GOT.func" "callback" (global $callback_entry (mut i32)))
    (import "GOT.mem" "peak_bytes" (global $peak (mut i32)))
    (import "env" "dlopen" (func $dlopen (param i32 i32) (result i32)))
    (import "env" "dlsym" (func $dlsym (param i32 i32) (result i32)))
    (import "env" "malloc" (func $malloc (param i32) (result i32)))
    (import "$root" "log" (func $log (param i32 i32)))
    (import "$root" "note" (func $note (param i32)))
    (import "fuse:test/host" "twice" (func $twice (param i32) (result i32)))
    (data (global.get $memory_base) "libplugin.so\00\00\00\00plugin_run\00missing\00")
    (elem (global.get $table_base) $plus-one $twice)
    (func $plus-one (param i32) (result i32) (i32.add (local.get 0) (i32.const 1)))

    ;; Two addresses of functions in its data: its own, and one that others give.
    (func (export "__wasm_apply_data_relocs")
        (i32.store offset=48 (global.get $memory_base) (global.get $table_base))
        (i32.store offset=52 (global.get $memory_base) (global.get $callback_entry)))
    (func (export "__wasm_call_ctors")
        (i32.store offset=60 (global.get $memory_base) (call $malloc (i32.const 10))))

    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (call $malloc (local.get 3)))
    (func (export "on_malloc") (param i32)
        (i32.store offset=56 (global.get $memory_base)
            (i32.add (i32.load offset=56 (global.get $memory_base)) (local.get 0))))
    (func (export "callback") (param i32) (result i32)
        (call_indirect (type $unary)
            (call $twice (local.get 0)) (i32.load offset=48 (global.get $memory_base))))

    (func $symbol (param $offset i32) (result i32)
        (call $dlsym
            (call $dlopen (global.get $memory_base) (i32.const 1))
            (i32.add (global.get $memory_base) (local.get $offset))))
    (func (export "call-plugin") (param i32) (result i32)
        (call_indirect (type $unary) (local.get 0) (call $symbol (i32.const 16))))
    (func (export "call-missing") (param i32) (result i32)
        (call_indirect (type $unary) (local.get 0) (call $symbol (i32.const 27))))
    (func (export "call-table") (param i32 i32) (result i32)
        (call_indirect (type $unary) (local.get 1) (i32.load
            (i32.add (global.get $memory_base) (i32.mul (local.get 0) (i32.const 4))))))

    (func (export "greet") (param $at i32) (param $length i32) (result i32)
        (local $frame i32) (local $text i32)
        (global.set $stack (local.tee $frame (i32.sub (global.get $stack) (i32.const 16))))
        (call $log (local.get $at) (local.get $length))
        (local.set $text (call $malloc (i32.add (local.get $length) (i32.const 4))))
        (i32.store (local.get $text) (i32.const 0x202c6968))
        (memory.copy (i32.add (local.get $text) (i32.const 4)) (local.get $at) (local.get $length))
        (i32.store (local.get $frame) (local.get $text))
        (i32.store offset=4 (local.get $frame) (i32.add (local.get $length) (i32.const 4)))
        (global.set $stack (i32.add (local.get $frame) (i32.const 16)))
        (local.get $frame))
    (func (export "cabi_post_greet") (param i32)
        (i32.store offset=44 (global.get $memory_base) (i32.load offset=4 (local.get 0))))
    (func (export "allocated") (result i32)
        (call $note (i32.load offset=44 (global.get $memory_base)))
        (i32.load offset=56 (global.get $memory_base)))
    (func (export "peak") (result i32) (i32.load (global.get $peak))))"#;

/// Is opened at run time, and calls back what opened it.
const PLUGIN: &str = r#"(module
    (@dylink.0
        (mem-info (memory 8 3) (table 1 0))
        (needed "libapp.so"))
    (type $unary (func (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "__indirect_function_table" (table 1 funcref))
    (import "env" "__memory_base" (global $memory_base i32))
    (import "env" "__table_base" (global $table_base i32))
    (import "env" "callback" (func $callback (param i32) (result i32)))
    (import "GOT.func" "callback" (global $callback_entry (mut i32)))
    (data (global.get $memory_base) "\28\00\00\00")
    (elem (global.get $table_base) $count)
    (func $count (param i32) (result i32)
        (i32.store (global.get $memory_base)
            (i32.add (i32.load (global.get $memory_base)) (local.get 0)))
        (i32.load (global.get $memory_base)))
    (func (export "__wasm_call_ctors") (drop (call $count (i32.const 1))))
    (func (export "plugin_run") (param i32) (result i32)
        (i32.add
            (i32.mul (i32.const 1000)
                (call_indirect (type $unary) (i32.const 1) (global.get $table_base)))
            (i32.add
                (call $callback (local.get 0))
                (call_indirect (type $unary) (i32.const 100) (global.get $callback_entry))))))"#;

fn linked() -> Vec<u8> {
    let mut app = assemble(APP);
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", WORLD).expect("a package");
    let world = resolve.select_world(&[package], Some("app")).expect("a world");
    embed_component_metadata(&mut app, &resolve, world, StringEncoding::UTF8).expect("embedded");
    let link = || {
        Linker::default()
            .validate(true)
            .stack_size(4096)
            .use_built_in_libdl(true)
            // Constructors run in this order.
            .library("libc.so", &assemble(LIBC), false)?
            .library("libapp.so", &app, false)?
            .library("libplugin.so", &assemble(PLUGIN), true)?
            .encode()
    };
    link().unwrap_or_else(|error| panic!("{error:#}"))
}

/// Runs the start functions, and keeps what they leave behind, as componentize-py does.
fn initialised(component: &[u8]) -> Vec<u8> {
    let future = component_init_transform::initialize(component, |instrumented| {
        Box::pin(async move {
            let component = Component::new(engine(), instrumented).expect("it compiles");
            let running = Running::start(&component).expect("it starts");
            Ok(Box::new(Started(running)) as Box<dyn Invoker>)
        })
    });
    // Nothing in it waits.
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(component) => component.unwrap_or_else(|error| panic!("{error:#}")),
        Poll::Pending => panic!("nothing should wait"),
    }
}

/// An instance that has run its start functions.
struct Started(Running);

#[async_trait::async_trait]
impl Invoker for Started {
    async fn call_s32(&mut self, function: &str) -> anyhow::Result<i32> {
        match self.0.call(function, &[]).as_slice() {
            [Val::S32(value)] => Ok(*value),
            other => anyhow::bail!("{other:?}"),
        }
    }

    async fn call_list_u8(&mut self, function: &str) -> anyhow::Result<Vec<u8>> {
        let results = self.0.call(function, &[]);
        let [Val::List(bytes)] = results.as_slice() else { anyhow::bail!("{results:?}") };
        let byte = |byte: &Val| match byte {
            Val::U8(byte) => Ok(*byte),
            other => anyhow::bail!("{other:?}"),
        };
        bytes.iter().map(byte).collect()
    }

    // The libraries have no other globals.
    async fn call_s64(&mut self, function: &str) -> anyhow::Result<i64> {
        anyhow::bail!("{function}")
    }

    async fn call_f32(&mut self, function: &str) -> anyhow::Result<f32> {
        anyhow::bail!("{function}")
    }

    async fn call_f64(&mut self, function: &str) -> anyhow::Result<f64> {
        anyhow::bail!("{function}")
    }
}

#[test]
fn libraries_that_were_initialised() {
    let component = initialised(&linked());
    check_component(
        &component,
        r#"call-plugin(7) = 42216
             > twice 7
             > twice 100
           allocated() = 10
             > note 0
           peak() = 16
           call-plugin(0) = 43202
             > twice 0
             > twice 100
           greet("ada") = "hi, ada"
             > log "ada"
           greet("") = "hi, "
             > log ""
           allocated() = 24
             > note 4
           peak() = 40
           call-table(12, 5) = 6
           call-table(13, 5) = 11
             > twice 5
           call-table(0, 5) traps: undefined element: out of bounds table access
           call-missing(1) traps: uninitialized element
           call-plugin(7) = 42216
             > twice 7
             > twice 100"#,
    );
    let summary = fused(&component, &Additions::default()).summary;
    assert!(summary.trampolines > 0, "{summary:?}");
    // The stack pointer and the heap's end.
    assert_eq!(summary.mutable_globals, 2, "{summary:?}");
}

#[test]
fn libraries_that_were_not_initialised() {
    let Err(Refused(refused)) = fuse(&linked(), &Additions::default()) else {
        panic!("a start function was left out");
    };
    assert!(refused.ends_with(": a start function"), "{refused}");
}
