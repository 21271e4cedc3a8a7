//! Fuses the core modules of a component file.

use std::process::ExitCode;

use component_fuse::{Additions, fuse};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [input, output] = arguments.as_slice() else {
        eprintln!("usage: component-fuse INPUT OUTPUT");
        return ExitCode::from(2);
    };
    match run(input, output) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("component-fuse: {input}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(input: &str, output: &str) -> Result<(), Box<dyn std::error::Error>> {
    let fused = fuse(&std::fs::read(input)?, &Additions::default())?;
    std::fs::write(output, &fused.component)?;
    let summary = fused.summary;
    println!(
        "{} modules fused: {} of {} functions, {} table entries, {} mutable globals, {} \
         trampolines gone",
        summary.modules,
        summary.functions,
        summary.functions_before,
        summary.table_entries,
        summary.mutable_globals,
        summary.trampolines,
    );
    Ok(())
}
