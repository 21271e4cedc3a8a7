//! Native CPython: finding it, and what it costs to isolate a call with it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Scale;
use super::calls;
use super::statistics::{Times, microseconds, ratio};
use super::table::Table;

/// A Python of this machine.
pub struct Python {
    pub command: &'static str,
    /// `3.11.7`.
    pub version: String,
}

/// The sandbox's own version where it is installed, and the machine's usual one.
pub fn interpreters() -> Vec<Python> {
    let mut found: Vec<Python> = Vec::new();
    for command in ["python3.14", "python3"] {
        let Ok(output) = Command::new(command)
            .args(["-c", "import platform; print(platform.python_version())"])
            .output()
        else {
            continue;
        };
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        if output.status.success() && found.iter().all(|other| other.version != version) {
            found.push(Python { command, version });
        }
    }
    found
}

impl Python {
    /// Runs a program that reads JSON on its standard input and prints JSON.
    pub fn run(&self, program: &str, input: &Value) -> Value {
        let mut child = Command::new(self.command)
            .args(["-c", program])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a Python that was found");
        let mut stdin = child.stdin.take().expect("a pipe");
        stdin.write_all(input.to_string().as_bytes()).expect("a Python that reads");
        drop(stdin);
        let output = child.wait_with_output().expect("a Python that ends");
        assert!(output.status.success(), "{} failed", self.command);
        serde_json::from_slice(&output.stdout).expect("JSON on its standard output")
    }
}

/// A warm process that forks for each call: the child answers by a pipe.
pub const FORK: &str = "
import json, os, sys, time

options = json.load(sys.stdin)
text = json.dumps(options['inputs'])
times = []
for _ in range(options['n']):
    started = time.perf_counter()
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, json.dumps(calculate(json.loads(text))).encode())
        os._exit(0)
    os.close(writer)
    answer = json.loads(os.read(reader, 65536))
    os.close(reader)
    os.waitpid(child, 0)
    assert answer
    times.append(time.perf_counter() - started)
print(json.dumps(times))
";

/// What the sandbox's image has imported as well, as far as it is of the standard library.
pub const WARM: &str = "
import ast, asyncio, collections, contextlib, dataclasses, datetime, decimal, enum, fractions, functools
import importlib, inspect, itertools, json, logging, math, random, re, statistics, string, tempfile, typing, uuid
";

/// Seconds as Python told them.
pub fn seconds(told: &Value) -> Times {
    let seconds = told.as_array().into_iter().flatten().filter_map(Value::as_f64);
    Times::new(seconds.map(Duration::from_secs_f64))
}

pub fn measure(pythons: &[Python], scale: Scale, sandbox_p50: [f64; 2]) {
    let mut table = Table::new(
        "Isolating the same call with native Python (µs; ratios to a whole call in the sandbox)",
        &["", "p50", "p95", "p99", "to unmetered", "to metered"],
    );
    for python in pythons {
        let program = format!("{WARM}{}{FORK}", calls::HANDLER);
        let forks = python.run(&program, &json!({"n": scale.forks, "inputs": calls::inputs()}));
        let processes = (0..scale.processes).map(|_| {
            let started = Instant::now();
            let status = Command::new(python.command).args(["-I", "-S", "-c", "pass"]).status();
            assert!(status.is_ok_and(|status| status.success()), "{}", python.command);
            started.elapsed()
        });
        for (what, times) in [
            (format!("fork() of a warm {}", python.version), seconds(&forks)),
            (
                format!("{} -I -S -c pass ({})", python.command, python.version),
                Times::new(processes),
            ),
        ] {
            let to = sandbox_p50.map(|p50| ratio(times.p50(), p50));
            table.row([what].into_iter().chain(times.cells()).chain(to));
        }
    }
    let [plain, metered] = sandbox_p50.map(microseconds);
    table.row(["(the sandbox: unmetered, metered)".to_owned(), plain, metered]);
    table.print();
}
