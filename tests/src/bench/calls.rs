//! A small handler, from source, in a fresh instance each call.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::Executor;
use model::limits::Phases;
use runtime::Sandbox;
use serde_json::json;

use super::Scale;
use super::statistics::{Times, microseconds, ratio};
use super::table::Table;
use crate::call::Call;

/// What an engineer's small function is like: a few formulas over a few inputs.
pub const HANDLER: &str = "
import math

GRADES = {'S235': 235.0, 'S355': 355.0, 'S460': 460.0}


def calculate(inputs):
    force, section = inputs['force'], inputs['section']
    stress = force / section
    limit = GRADES[inputs['grade']]
    return {
        'stress': stress,
        'diameter': math.sqrt(4 * section / math.pi),
        'factor': limit / stress if stress else None,
        'passes': stress <= limit,
    }
";

pub fn inputs() -> serde_json::Value {
    json!({"force": 5000, "section": 25.5, "grade": "S355"})
}

/// A budget that no call here uses up: it asks for metering.
const AMPLE_FUEL: u64 = 1 << 50;

pub fn small(metered: bool) -> Call {
    with_metering(Call::of(HANDLER).inputs(inputs()), metered)
}

pub fn with_metering(call: Call, metered: bool) -> Call {
    call.limits(|limits| limits.fuel = metered.then_some(AMPLE_FUEL))
}

/// The phases of calls, when their outcome was told, and the whole with what follows: all
/// of it is put in order before the next call.
pub struct Measured {
    pub phases: Vec<Phases>,
    pub told: Times,
    /// From then on: giving the instance and its memory back.
    pub drop: Times,
    pub whole: Times,
}

type OnePhase = fn(&Phases) -> Duration;

/// Prints the tables; answers with the p50 of a whole call, unmetered and metered, in µs.
pub fn measure(sandbox: &Arc<Sandbox>, scale: Scale) -> [f64; 2] {
    let measured = [false, true].map(|metered| on_worker(sandbox, scale, metered));
    let mut table = Table::new(
        &format!("A small handler, fresh instance each, {} calls (µs)", scale.calls),
        &["phase", "p50", "p95", "p99", "metered p50", "p95", "p99", "ratio"],
    );
    let phases: [(&str, OnePhase); 3] = [
        ("instantiate", |phases| phases.instantiate),
        ("load", |phases| phases.load),
        ("call", |phases| phases.call),
    ];
    let mut row = |name: &str, pair: [&Times; 2]| {
        let [plain, metered] = pair;
        let cells = plain.cells().into_iter().chain(metered.cells());
        table.row(
            [name.to_owned()].into_iter().chain(cells).chain([ratio(metered.p50(), plain.p50())]),
        );
    };
    for (name, phase) in phases {
        let times =
            measured.each_ref().map(|measured| Times::new(measured.phases.iter().map(phase)));
        row(name, times.each_ref());
    }
    row("told", measured.each_ref().map(|measured| &measured.told));
    row("drop", measured.each_ref().map(|measured| &measured.drop));
    row("whole call", measured.each_ref().map(|measured| &measured.whole));
    table.print();

    throughput(sandbox, scale);
    live(sandbox, scale);
    measured.map(|measured| measured.whole.p50())
}

fn on_worker(sandbox: &Arc<Sandbox>, scale: Scale, metered: bool) -> Measured {
    let sandbox = sandbox.clone();
    worker(move || repeated(&*sandbox, &small(metered), scale.warm_up, scale.calls))
}

/// One call many times.
pub fn repeated(executor: &dyn Executor, call: &Call, warm_up: usize, calls: usize) -> Measured {
    let mut phases = Vec::with_capacity(calls);
    let (mut told, mut whole) = (Vec::with_capacity(calls), Vec::with_capacity(calls));
    for i in 0..warm_up + calls {
        let job = call.job();
        let started = Instant::now();
        let mut heard = None;
        let tell = &mut |outcome| heard = Some((started.elapsed(), outcome));
        executor.run_then(&job, tell).expect("the engine to run");
        let took = started.elapsed();
        let (at, outcome) = heard.expect("an outcome");
        assert!(outcome.result.is_ok(), "{:?}", outcome.result);
        if i >= warm_up {
            phases.push(outcome.usage.phases);
            told.push(at);
            whole.push(took);
        }
    }
    let drop = whole.iter().zip(&told).map(|(whole, told)| *whole - *told);
    Measured { phases, drop: Times::new(drop), told: Times::new(told), whole: Times::new(whole) }
}

/// Calls a second on one thread and on two.
fn throughput(sandbox: &Arc<Sandbox>, scale: Scale) {
    let mut table =
        Table::new("Isolated calls a second", &["threads", "unmetered", "metered", "ratio"]);
    let mut single = [0.0; 2];
    for threads in [1, 2] {
        let rates = [false, true].map(|metered| rate(sandbox, scale, threads, metered));
        if threads == 1 {
            single = rates;
        }
        let [plain, metered] = rates.map(|rate| format!("{rate:.0}"));
        table.row([threads.to_string(), plain, metered, ratio(rates[1], rates[0])]);
        if threads == 2 {
            table.row([
                "two : one".to_owned(),
                ratio(rates[0], single[0]),
                ratio(rates[1], single[1]),
                String::new(),
            ]);
        }
    }
    table.print();
}

fn rate(sandbox: &Arc<Sandbox>, scale: Scale, threads: usize, metered: bool) -> f64 {
    rate_of(sandbox, &small(metered), scale.throughput, threads)
}

/// Calls a second of several threads together.
pub fn rate_of(sandbox: &Arc<Sandbox>, call: &Call, time: Duration, threads: usize) -> f64 {
    let started = Instant::now();
    let workers: Vec<_> = (0..threads)
        .map(|_| {
            let (sandbox, call) = (sandbox.clone(), call.clone());
            runtime::spawn_worker("bench", move || {
                let mut calls = 0_u32;
                while started.elapsed() < time {
                    assert!(call.run(&*sandbox).result.is_ok());
                    calls += 1;
                }
                calls
            })
            .expect("a thread")
        })
        .collect();
    let calls: u32 = workers.into_iter().map(|worker| worker.join().expect("a worker")).sum();
    f64::from(calls) / started.elapsed().as_secs_f64()
}

/// The executor gives each call an instance of its own, so this is what the same function
/// costs within one: called by Python, with its inputs and its result as JSON text.
fn live(sandbox: &Arc<Sandbox>, scale: Scale) {
    let module = format!(
        "{}\n{}",
        HANDLER.replace("def calculate", "def one"),
        "
import json, time

def calculate(inputs):
    n, text = inputs['n'], json.dumps(inputs['of'])
    started = time.perf_counter()
    for _ in range(n):
        json.dumps(one(json.loads(text)))
    return (time.perf_counter() - started) / n * 1e6
"
    );
    let n = (20_000.0 * scale.work).ceil() as u64;
    let call = Call::of(&module).inputs(json!({"n": n, "of": inputs()}));
    let [plain, metered] = [false, true].map(|metered| {
        let sandbox = sandbox.clone();
        let call = with_metering(call.clone(), metered);
        worker(move || call.value(&*sandbox)).as_f64().unwrap_or(f64::NAN)
    });
    let mut table = Table::new(
        &format!(
            "The same function {n} times within one instance, called from Python, JSON in and out (µs each)"
        ),
        &["", "unmetered", "metered", "ratio"],
    );
    table.row([
        "mean".to_owned(),
        microseconds(plain),
        microseconds(metered),
        ratio(metered, plain),
    ]);
    table.print();
}

/// Runs something on a thread like those of a server.
pub fn worker<T: Send + 'static>(body: impl FnOnce() -> T + Send + 'static) -> T {
    runtime::spawn_worker("bench", body).expect("a thread").join().expect("no panic")
}
