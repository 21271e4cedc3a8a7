//! The command that fuses a file.

use std::path::PathBuf;
use std::process::{Command, Output};

use crate::compare::{assemble, play};

const SEVEN: &str = r#"(component
    (core module $m (memory 1) (func (export "seven") (result i32) (i32.const 7)))
    (core instance $i (instantiate $m))
    (func (export "seven") (result u32) (canon lift (core func $i "seven"))))"#;

fn run(arguments: &[&PathBuf]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_component-fuse"));
    command.args(arguments).output().expect("the command runs")
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

#[test]
fn file_is_fused() {
    let (input, output) = (file("seven.wasm"), file("seven.fused.wasm"));
    std::fs::write(&input, assemble(SEVEN)).expect("the file is written");
    let done = run(&[&input, &output]);
    assert!(done.status.success(), "{done:?}");
    let text = String::from_utf8_lossy(&done.stdout);
    assert!(text.starts_with("1 modules fused: 1 of 1 functions, 0 table entries"), "{text}");
    let fused = std::fs::read(&output).expect("the file is there");
    assert_eq!(play(&fused, None, &["seven()"]), "seven() = 7\n");
}

#[test]
fn reasons_are_told() {
    let (input, output) = (file("module.wasm"), file("module.fused.wasm"));
    std::fs::write(&input, b"\0asm\x01\0\0\0").expect("the file is written");
    let done = run(&[&input, &output]);
    assert_eq!(done.status.code(), Some(1));
    let text = String::from_utf8_lossy(&done.stderr);
    assert!(text.ends_with("module.wasm: not a component\n"), "{text}");
    assert!(!output.exists(), "nothing is written");
    assert_eq!(run(&[&input]).status.code(), Some(2));
}
