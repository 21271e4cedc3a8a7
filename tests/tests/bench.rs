//! The benchmark runs to its end and shows every table. Its figures are not looked at.

use std::process::Command;

#[test]
fn the_benchmark_works() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--quick").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    for part in [
        "Memory of one of 4 instances",
        "Calls that begin in a snapshot",
        "The same call in other ways: sympy",
        "isolated, unfused component",
        "not isolated, in one instance",
        "functions called by turns",
        "whole call",
        "Isolated calls a second",
        "two : one",
        "within one instance",
        "fork() of a warm",
        "-I -S -c pass",
        "Pure Python",
        "n-queens",
        "geometric mean",
        "measured in",
    ] {
        assert!(text.contains(part), "no `{part}` in\n{text}");
    }
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn unknown_options_are_refused() {
    let output = Command::new(env!("CARGO_BIN_EXE_bench")).arg("--quik").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).starts_with("usage: bench [--quick]"));
}
