//! One job in one instance, from its store to its outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_api::{Ctx, CtxBuilder, GuestFailure, Handler, HostView, LeftOut, Root};
use model::limits::Phases;
use model::{
    ErrorKind, ExecutorError, Failure, HandlerRef, Job, Limits, Operation, Outcome, Tree, Usage,
};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use wasmtime::{Store, UpdateDeadline};

use crate::Metering;
use crate::code::{Code, Guest};
use crate::limiter::Limiter;
use crate::memory::{Ending, Image, end_of_call};
use crate::outcome::{from_guest, from_trap};

/// Largest inputs, as JSON text.
const MAX_INPUT_BYTES: usize = model::limits::INPUT_BYTES;

/// Data that one call of an import may hand over.
const HOST_CALL_BYTES: usize = 64 * 1024 * 1024;

/// Epochs between two looks at the deadline.
const EPOCHS: u64 = 1;

/// The data of a call's store.
pub struct State {
    ctx: Ctx,
    limiter: Limiter,
}

impl HostView for State {
    fn ctx(&mut self) -> &mut Ctx {
        &mut self.ctx
    }
}

/// What a guest's export gave: its value, its own failure, or a trap.
type Answer<T> = wasmtime::Result<Result<T, GuestFailure>>;

pub fn run(
    code: &Code,
    image: &Arc<Image>,
    stdlib: &Arc<Tree>,
    metering: Metering,
    job: &Job,
) -> Result<Outcome, ExecutorError> {
    let inputs = match &job.operation {
        Operation::Call { inputs, .. } => serde_json::to_string(inputs)
            .map_err(|error| ExecutorError::Internal(error.to_string()))?,
        _ => String::new(),
    };
    if inputs.len() > MAX_INPUT_BYTES {
        let message =
            format!("the inputs are {} bytes of JSON: at most {MAX_INPUT_BYTES}", inputs.len());
        return Ok(Outcome {
            result: Err(Failure::new(ErrorKind::InvalidInputs, message)),
            logs: Default::default(),
            warnings: Vec::new(),
            usage: Usage::default(),
        });
    }

    if job.cancel.is_cancelled() {
        return Ok(Outcome {
            result: Err(Failure::new(ErrorKind::Cancelled, "the call was cancelled")),
            logs: Default::default(),
            warnings: Vec::new(),
            usage: Usage::default(),
        });
    }

    let started = Instant::now();
    let cpu_started = thread_cpu();
    let mut phases = Phases::default();
    let mut store = new_store(code, image, stdlib, metering, job, started)?;
    let answer = match code.instantiate(&mut store, image) {
        // No code of the function's has run: what fails here is ours.
        Err(error) => return Err(ExecutorError::Internal(format!("no instance: {error:#}"))),
        Ok(guest) => {
            phases.instantiate = started.elapsed();
            operate(&guest, &mut store, job, &inputs, &mut phases)
        }
    };
    let fuel = match metering {
        Metering::Metered => Some(budget(job) - store.get_fuel().unwrap_or(0)),
        Metering::Unmetered => None,
    };
    let returned = answer.is_ok();
    let state = store.data_mut();
    let result = match answer {
        Ok(Ok(text)) => read_answer(&text, job),
        Ok(Err(failure)) => {
            let mut failure = from_guest(failure, &state.limiter, &job.limits);
            if state.ctx.tmp_was_full() && failure.message.starts_with("OSError") {
                // The guest's C library knows no better than "I/O error".
                failure.message += &tmp_note(&job.limits);
            }
            Err(failure)
        }
        Err(error) => Err(from_trap(&error, &state.limiter, &job.limits)?),
    };
    let logs = state.ctx.take_logs();
    let peak_memory_bytes = state.limiter.peak_bytes();

    let before_drop = Instant::now();
    // A failure that the guest reports itself is a normal return too.
    end_of_call(store, if returned { Ending::Normal } else { Ending::Abnormal });
    phases.drop = before_drop.elapsed();
    Ok(Outcome {
        result,
        logs,
        warnings: Vec::new(),
        usage: Usage {
            fuel,
            wall_ms: milliseconds(started.elapsed()),
            cpu_ms: milliseconds(thread_cpu().saturating_sub(cpu_started)),
            peak_memory_bytes,
            cold: true,
            phases,
        },
    })
}

fn new_store(
    code: &Code,
    image: &Image,
    stdlib: &Arc<Tree>,
    metering: Metering,
    job: &Job,
    started: Instant,
) -> Result<Store<State>, ExecutorError> {
    let root = Root::new(vec![
        ("app", job.bundle.app.clone()),
        ("deps", job.bundle.deps.clone()),
        ("python", stdlib.clone()),
    ]);
    let ctx = CtxBuilder {
        root,
        files: job.files.clone(),
        events: job.events.clone(),
        cancel: job.cancel.clone(),
        started,
        timeout: job.limits.timeout,
        log_bytes: job.limits.log_bytes,
        tmp_bytes: job.limits.tmp_bytes,
        deterministic: job.deterministic,
    }
    .build();
    let state = State { ctx, limiter: Limiter::new(job.limits.memory_bytes, image.len()) };
    let mut store = Store::new(code.engine(), state);
    store.limiter(|state| &mut state.limiter);
    store.set_hostcall_fuel(HOST_CALL_BYTES);
    store.set_epoch_deadline(EPOCHS);
    store.epoch_deadline_callback(|store| match store.data().ctx.stop() {
        Some(stop) => Err(wasmtime::Error::new(stop)),
        None => Ok(UpdateDeadline::Continue(EPOCHS)),
    });
    if metering == Metering::Metered {
        store.set_fuel(budget(job)).map_err(|error| ExecutorError::Internal(error.to_string()))?;
    }
    Ok(store)
}

fn operate(
    guest: &Guest,
    store: &mut Store<State>,
    job: &Job,
    inputs: &str,
    phases: &mut Phases,
) -> Answer<String> {
    let guest = &guest.exports;
    let left_out: Vec<LeftOut> = job
        .bundle
        .left_out
        .iter()
        .map(|import| LeftOut {
            name: import.module.clone(),
            file: import.file.clone(),
            line: import.line,
        })
        .collect();
    let before_load = Instant::now();
    if let Operation::Call { handler, .. } | Operation::Describe { handler } = &job.operation {
        if let Err(failure) = guest.call_load(&mut *store, &target(handler), &left_out)? {
            return Ok(Err(failure));
        }
        phases.load = before_load.elapsed();
    }
    let before_call = Instant::now();
    let answer = match &job.operation {
        Operation::Call { .. } => guest.call_call(&mut *store, inputs, job.limits.output_bytes),
        Operation::Describe { .. } => guest.call_describe(&mut *store),
        Operation::Inspect { policy } => {
            let policy = serde_json::to_string(policy).map_err(wasmtime::Error::new)?;
            guest.call_inspect(&mut *store, &policy)
        }
        Operation::Test => guest.call_test(&mut *store, &left_out),
    };
    phases.call = before_call.elapsed();
    answer
}

fn target(handler: &HandlerRef) -> Handler {
    Handler {
        path: handler.path.clone(),
        callable: handler.callable.clone(),
        init: handler.init.clone(),
    }
}

/// Reads what the guest answered. The handler shares its memory with the shim, so nothing
/// of it is taken on trust.
fn read_answer(text: &str, job: &Job) -> Result<Value, Failure> {
    if text.len() as u64 > job.limits.output_bytes {
        let message = format!("the result is larger than {} bytes", job.limits.output_bytes);
        return Err(Failure::new(ErrorKind::OutputTooLarge, message));
    }
    model::json::parse(text).map_err(|error| {
        Failure::new(ErrorKind::InvalidOutputs, format!("the answer is not JSON: {error}"))
    })
}

fn tmp_note(limits: &Limits) -> String {
    let mib = limits.tmp_bytes as f64 / model::limits::MIB as f64;
    let nodes = model::limits::TMP_NODES;
    format!(" (the call's /tmp is full: it holds at most {mib} MiB in {nodes} files and folders)")
}

fn budget(job: &Job) -> u64 {
    job.limits.fuel.unwrap_or(u64::MAX)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
