//! `bench`: what a call costs in the sandbox, beside native Python, in one run on one
//! machine. It prints tables and judges nothing.

mod beside;
mod calls;
mod compute;
mod docker;
mod memory;
mod native;
mod snapshots;
mod statistics;
mod table;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use runtime::Metering;

use crate::call::{Call, sandbox};

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// Calls before any is counted.
    pub warm_up: usize,
    pub calls: usize,
    /// Per measurement of calls a second.
    pub throughput: Duration,
    /// Fraction of a kernel's full work.
    pub work: f64,
    /// Runs of a kernel, of which the fastest counts.
    pub repeats: u32,
    pub forks: usize,
    pub processes: usize,
    /// Instances alive at a time.
    pub instances: usize,
    /// Functions with a memory at hand at a time.
    pub functions: usize,
    /// Calls in a container that is at hand.
    pub warm: usize,
    /// Calls in a container that has to be started.
    pub cold: usize,
    /// Of `docker exec` and `docker run` each.
    pub beside: usize,
}

impl Scale {
    const FULL: Self = Self {
        warm_up: 100,
        calls: 2_000,
        throughput: Duration::from_secs(5),
        work: 1.0,
        repeats: 21,
        forks: 500,
        processes: 60,
        instances: 32,
        functions: 1_000,
        warm: 300,
        cold: 20,
        beside: 20,
    };

    const QUICK: Self = Self {
        warm_up: 2,
        calls: 20,
        throughput: Duration::from_millis(50),
        work: 0.05,
        repeats: 1,
        forks: 5,
        processes: 2,
        instances: 4,
        functions: 10,
        warm: 5,
        cold: 1,
        beside: 1,
    };
}

/// What is measured.
#[derive(Clone, Copy, PartialEq)]
enum What {
    Sandbox,
    Snapshots,
    Docker,
}

/// A call of `bench [--quick] [--snapshots | --docker]`.
pub fn main(arguments: impl Iterator<Item = String>) -> ExitCode {
    let mut scale = Scale::FULL;
    let mut what = What::Sandbox;
    for argument in arguments {
        match argument.as_str() {
            "--quick" => scale = Scale::QUICK,
            "--snapshots" => what = What::Snapshots,
            "--docker" => what = What::Docker,
            _ => {
                eprintln!(
                    "usage: bench [--quick] [--snapshots | --docker]\n  --quick      shows that it works; its figures mean nothing\n  --snapshots  measures calls that begin in snapshots, and nothing else\n  --docker     measures calls in containers, and nothing else"
                );
                return ExitCode::from(2);
            }
        }
    }
    let started = Instant::now();
    run(scale, what);
    println!("\nmeasured in {:.0} s", started.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}

fn run(scale: Scale, what: What) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    if what == What::Docker {
        println!("{cores} cores; load before: {}", load());
        docker::measure(scale);
        return;
    }
    let pythons = native::interpreters();
    let versions: Vec<String> =
        pythons.iter().map(|python| format!("{} {}", python.command, python.version)).collect();
    println!("{cores} cores; load before: {}; native: {}", load(), versions.join(", "));

    // Compiling and mapping are no part of any call.
    let sandbox = Arc::new(sandbox());
    for metering in [Metering::Unmetered, Metering::Metered] {
        sandbox.warm_up(metering).expect("the sandbox to load");
    }
    let version = Call::of("import sys\ndef calculate(inputs):\n    return sys.version.split()[0]")
        .value(&*sandbox);
    println!("sandbox: CPython {}", version.as_str().unwrap_or_default());

    if !sandbox.memory_use().kernel_tells {
        println!(
            "this kernel does not tell which memory a call has written: memories are mapped anew"
        );
    }

    if what == What::Snapshots {
        snapshots::measure(&sandbox, &pythons, scale);
        return;
    }
    // On a fresh process: what later measurements leave behind would count as shared.
    memory::measure(scale);
    snapshots::measure(&sandbox, &pythons, scale);
    let p50 = calls::measure(&sandbox, scale);
    native::measure(&pythons, scale, p50);
    compute::measure(&sandbox, &pythons, scale);
}

fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
