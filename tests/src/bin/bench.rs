//! `bench`: the sandbox's speed and memory beside native Python's, and that of containers.
//! `--quick` for a trial.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    mecapy_tests::bench::main(std::env::args().skip(1))
}
