//! Calls that begin in a snapshot of their function: with a memory at hand, and cold.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Executor, Limits, Tree};
use package::dependencies::Resolver;
use package::{Archive, Engines, Options, manifest, prepare};
use runtime::Sandbox;
use serde_json::{Value, json};

use super::Scale;
use super::beside::{self, Function};
use super::calls::{self, Measured, rate_of, repeated, with_metering, worker};
use super::native::Python;
use super::statistics::Times;
use super::table::Table;
use crate::call::Call;
use crate::process::Resident;
use crate::repository;

/// Small functions of packages that take long to import.
const WITH_SYMPY: &str = "
import sympy

X = sympy.symbols('x')
AREA = sympy.pi * X**2 / 4
SLOPE = sympy.lambdify(X, sympy.diff(AREA, X), 'math')


def calculate(inputs):
    return {'slope': SLOPE(inputs['section']), 'symbol': X.name}
";

const WITH_FLUIDS: &str = "
import fluids


def calculate(inputs):
    reynolds = fluids.Reynolds(V=inputs['force'] / 1000, D=0.05, rho=998.0, mu=1e-3)
    return {'Re': reynolds, 'f': fluids.friction_factor(Re=reynolds, eD=1e-4)}
";

pub fn measure(sandbox: &Arc<Sandbox>, pythons: &[Python], scale: Scale) {
    let mut measured = Vec::new();
    let mut table = Table::new(
        &format!(
            "Calls that begin in a snapshot, metered, {} each (µs; `told`: until the outcome is \
             known, `whole`: until the memory is ready for the next)",
            scale.calls
        ),
        &[
            "",
            "instantiate",
            "call",
            "told p50",
            "p99",
            "whole p50",
            "p99",
            "calls/s of one",
            "of two",
            "cold p50",
            "p99",
        ],
    );
    let mut preparing = Table::new(
        "Preparing a function, dependencies at hand (s), and its snapshot (MiB, as sent)",
        &["", "prepare", "snapshot"],
    );
    for (name, handler, packages) in [
        ("standard library", calls::HANDLER, ""),
        ("sympy", WITH_SYMPY, "sympy==1.14.0"),
        ("fluids", WITH_FLUIDS, "fluids==1.3.1"),
    ] {
        let (call, took) = prepared(sandbox, handler, packages);
        let sent = call.snapshot.as_ref().and_then(|snapshot| snapshot.source.read().ok());
        preparing.row([
            name.to_owned(),
            format!("{:.2}", took.as_secs_f64()),
            format!("{:.2}", sent.map_or(0, |bytes| bytes.len()) as f64 / (1024.0 * 1024.0)),
        ]);
        let (shared, same) = (sandbox.clone(), call.clone());
        let Measured { phases, told, whole, .. } =
            worker(move || repeated(&*shared, &same, scale.warm_up, scale.calls));
        let phase = |phase: fn(&model::limits::Phases) -> Duration| {
            Times::new(phases.iter().map(phase)).cells()[0].clone()
        };
        let (shared, same) = (sandbox.clone(), call.clone());
        let cold = worker(move || cold(&shared, &same, scale.calls / 4));
        let rates = [1, 2].map(|threads| rate_of(sandbox, &call, scale.throughput, threads));
        let ends = |times: &Times| {
            let [p50, _, p99] = times.cells();
            [p50, p99]
        };
        let cells = [name.to_owned()]
            .into_iter()
            .chain([phase(|phases| phases.instantiate), phase(|phases| phases.call)])
            .chain(ends(&told))
            .chain(ends(&whole))
            .chain(rates.map(|rate| format!("{rate:.0}")))
            .chain(ends(&cold));
        table.row(cells);
        measured.push((name, handler, call, whole, cold));
    }
    table.print();
    preparing.print();
    let functions: Vec<Function> = measured
        .iter()
        .map(|(name, handler, call, whole, cold)| Function {
            name,
            handler,
            call,
            whole,
            cold,
            heavy: !call.bundle.deps.is_empty(),
        })
        .collect();
    beside::measure(sandbox, pythons, &functions, scale);
    many(sandbox, scale);
}

/// A function as a deploy prepares it, and how long that took.
fn prepared(sandbox: &Sandbox, handler: &str, packages: &str) -> (Call, Duration) {
    let list = if packages.is_empty() { String::new() } else { format!("{packages:?}") };
    let text = format!(
        "name: bench\nversion: \"1.0.0\"\nruntime: {{timeout: 60, memory_limit: 512}}\n\
         dependencies: {{packages: [{list}]}}\n\
         functions:\n  bench:\n    handler: handler:calculate\n    test_cases:\n\
         \x20     - inputs: {{force: 5000, section: 25.5, grade: S355}}\n"
    );
    let mut tree = Tree::new();
    for (path, content) in [("handler.py", handler), ("mecapy.yml", &text)] {
        tree.insert(path, content).expect("a path that an empty tree takes");
    }
    let tree: Arc<Tree> = tree.into();
    let archive = Archive { tree: tree.clone(), script: None };
    let source = manifest::read(&archive).unwrap_or_else(|error| panic!("{error}"));
    let resolver =
        Resolver { cache: Some(repository::cache().join("dependencies")), ..Resolver::default() };
    // Fetching is the index's time.
    let requirements =
        package::dependencies::of_package(&tree, &source).expect("requirements that are right");
    let lock = resolver.lock(&requirements).unwrap_or_else(|error| panic!("{error:?}"));
    resolver.vendor(&lock).unwrap_or_else(|error| panic!("{error:?}"));
    let options = Options { resolver, ..Options::default() };
    let began = Instant::now();
    let prepared = prepare(&tree, &source, &Engines::only(sandbox), &options, &|_, _| {})
        .unwrap_or_else(|error| panic!("{error}"));
    let took = began.elapsed();
    let function = &prepared.functions[0];
    assert!(function.snapshot.is_some(), "{:?}", function.no_snapshot);
    let mut call = Call::of("").inputs(calls::inputs());
    call.bundle = prepared.bundle.clone();
    call.handler = function.spec.handler.clone();
    call.snapshot = function.snapshot.clone();
    call.limits = Limits { timeout: Duration::from_secs(20), ..function.spec.runtime.limits() };
    (with_metering(call, true), took)
}

/// The time until the outcome is known where no memory is at hand.
fn cold(sandbox: &Sandbox, call: &Call, calls: usize) -> Times {
    let times = (0..calls.max(5)).map(|_| {
        sandbox.give_memories_back();
        let job = call.job();
        let began = Instant::now();
        let mut told = None;
        sandbox
            .run_then(&job, &mut |outcome| told = Some((began.elapsed(), outcome)))
            .expect("the engine to run");
        let (at, outcome) = told.expect("an outcome");
        assert!(outcome.result.is_ok() && outcome.usage.cold, "{:?}", outcome.result);
        at
    });
    Times::new(times.collect::<Vec<_>>())
}

/// Many functions, each with a memory at hand.
fn many(sandbox: &Arc<Sandbox>, scale: Scale) {
    sandbox.give_memories_back();
    let functions: Vec<Call> = (0..scale.functions)
        .map(|number| {
            let module = format!("NUMBER = {number}\n{}", calls::HANDLER);
            with_metering(Call::of(&module).inputs(calls::inputs()), true).from_snapshot(&**sandbox)
        })
        .collect();
    let before = Resident::now();
    let shared = sandbox.clone();
    let all_at_hand = worker(move || {
        for _ in 0..3 {
            for call in &functions {
                let value: Value = call.value(&*shared);
                assert!(value != json!(null));
            }
        }
        functions.iter().filter(|call| !call.run(&*shared).usage.cold).count()
    });
    let (after, kept) = (Resident::now(), sandbox.memory_use());
    let mut table = Table::new(
        &format!("{} functions called by turns (MiB)", scale.functions),
        &["at hand", "kept", "PSS grew by", "of it own"],
    );
    let mib = |bytes: u64| format!("{:.0}", bytes as f64 / (1024.0 * 1024.0));
    table.row([
        all_at_hand.to_string(),
        kept.kept.to_string(),
        mib(after.pss_bytes.saturating_sub(before.pss_bytes)),
        mib(after.private_dirty_bytes.saturating_sub(before.private_dirty_bytes)),
    ]);
    table.print();
    sandbox.give_memories_back();
}
