//! Many calls, one after another, and how long each phase of them took.

use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{CancelToken, ErrorKind, Executor, Outcome};
use serde_json::{Value, json};

use super::report_stop;
use super::run::{self, Call};
use crate::ending::{Ended, Exit, Known, Stop};
use crate::report::{human, json as shapes, summary};
use crate::session::Session;

/// Calls before those that count: everything that is loaded once is loaded then.
const WARM_UP_CALLS: u32 = 10;
/// The percentiles that are told.
pub const PERCENTILES: [u32; 3] = [50, 95, 99];

/// Times of one phase, sorted.
#[derive(Debug, Default)]
pub struct Phase {
    pub name: &'static str,
    times: Vec<Duration>,
}

impl Phase {
    /// The smallest time that at least `percent` of the calls did not exceed.
    pub fn percentile(&self, percent: u32) -> Duration {
        let rank = (self.times.len() * percent as usize).div_ceil(100);
        self.times.get(rank.saturating_sub(1)).copied().unwrap_or_default()
    }
}

pub struct Benched {
    pub calls: u32,
    pub metered: bool,
    pub per_second: f64,
    pub phases: Vec<Phase>,
    /// Instructions of a call, if they were counted.
    pub fuel: Option<u64>,
}

pub fn bench(session: &Session, calls: u32) -> Exit {
    let mut known = Known::default();
    let call = match run::prepare(session, &mut known) {
        Ok(call) => Arc::new(call),
        Err(stop) => return report_stop(&session.printer, known, stop),
    };
    match measure(session, &call, calls) {
        Err(stop) => report_stop(&session.printer, known, stop),
        // A call that fails is told as it would be without `--bench`.
        Ok(Err(outcome)) => {
            let ended: Ended = call.judged(*outcome, known);
            session.printer.object(&shapes::ended(&ended));
            human::print_ended(&session.printer, &ended, None);
            ended.exit()
        }
        Ok(Ok(benched)) => {
            session.printer.object(&object(&known, &benched));
            session.printer.answer(&summary::benched(&known, &benched));
            Exit::Completed
        }
    }
}

type Measured = Result<Benched, Box<Outcome>>;

fn measure(session: &Session, call: &Arc<Call>, calls: u32) -> Result<Measured, Stop> {
    let is_in_docker = call.is_in_docker(session);
    if !is_in_docker {
        session.sandbox.ready(call.deterministic, call.limits.fuel.is_some())?;
    }
    let running = session.interrupt.cancellable();
    let live = session.printer.live(&format!("{calls} calls"));
    let events = live.events();
    let (sandbox, call, token) = (session.sandbox.clone(), call.clone(), running.token.clone());
    let docker = session.docker.clone();
    let lost = |why: &str| Stop::new(ErrorKind::Internal, format!("the benchmark's thread {why}"));
    // On a thread of its own, so that no call pays for one.
    let worker = runtime::spawn_worker("wasm-run-bench", move || {
        let metered = !is_in_docker && (call.deterministic || call.limits.fuel.is_some());
        let executor: &dyn Executor = match docker.executor() {
            Ok(docker) if is_in_docker => docker,
            _ => sandbox.ready(call.deterministic, metered)?,
        };
        measured(executor, metered, &call, calls, &token, &events)
    });
    let worker = worker.map_err(|error| lost(&format!("did not start: {error}")))?;
    worker.join().map_err(|_| lost("panicked"))?
}

fn measured(
    executor: &dyn Executor,
    metered: bool,
    call: &Call,
    calls: u32,
    token: &CancelToken,
    events: &dyn model::Events,
) -> Result<Measured, Stop> {
    let job = call.job(token.clone());
    let names = ["instantiate", "load", "call", "drop", "whole"];
    let mut phases = names.map(|name| Phase { name, times: Vec::new() });
    let mut fuel = None;
    for _ in 0..WARM_UP_CALLS.min(calls) {
        let outcome = executor.run(&job)?;
        if outcome.result.is_err() {
            return Ok(Err(Box::new(outcome)));
        }
    }
    let began = Instant::now();
    for n in 0..calls {
        let call_began = Instant::now();
        let mut told = None;
        executor.run_then(&job, &mut |outcome| told = Some((call_began.elapsed(), outcome)))?;
        let whole = call_began.elapsed();
        let Some((told, outcome)) = told else { continue };
        if outcome.result.is_err() {
            return Ok(Err(Box::new(outcome)));
        }
        let spent = outcome.usage.phases;
        let times = [spent.instantiate, spent.load, spent.call, whole - told, whole];
        for (phase, time) in phases.iter_mut().zip(times) {
            phase.times.push(time);
        }
        fuel = outcome.usage.fuel;
        events.progress(f64::from(n + 1) / f64::from(calls), "");
    }
    let elapsed = began.elapsed().as_secs_f64();
    for phase in &mut phases {
        phase.times.sort_unstable();
    }
    let per_second = f64::from(calls) / elapsed;
    Ok(Ok(Benched { calls, metered, per_second, phases: phases.into(), fuel }))
}

fn object(known: &Known, benched: &Benched) -> Value {
    let phases: serde_json::Map<String, Value> = benched
        .phases
        .iter()
        .map(|phase| {
            let times = PERCENTILES.map(|percent| {
                let ms = phase.percentile(percent).as_secs_f64() * 1e3;
                (format!("p{percent}_ms"), json!(shapes::thousandths(ms)))
            });
            (phase.name.to_owned(), Value::Object(times.into_iter().collect()))
        })
        .collect();
    json!({
        "status": "completed",
        "function_id": known.function_id,
        "version": known.version,
        "engine": known.engine,
        "calls": benched.calls,
        "calls_per_second": (benched.per_second * 10.0).round() / 10.0,
        "metered": benched.metered,
        "fuel": benched.fuel,
        "phases": phases,
        "error": null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_occurred() {
        let phase =
            |n: u64| Phase { name: "x", times: (1..=n).map(Duration::from_millis).collect() };
        let of = |n: u64, percent: u32| phase(n).percentile(percent).as_millis();
        assert_eq!([of(100, 50), of(100, 95), of(100, 99)], [50, 95, 99]);
        assert_eq!([of(1, 50), of(1, 99), of(3, 50), of(2, 50)], [1, 1, 2, 1]);
        assert_eq!(of(0, 50), 0);
    }
}
