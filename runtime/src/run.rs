//! One job in one instance, from its store to its outcome.

use std::sync::Arc;
use std::time::{Duration, Instant};

use host_api::{Ctx, CtxBuilder, GuestFailure, Handler, HostView, LeftOut, Root};
use model::executor::{CallFiles, Events, ImportRef};
use model::limits::Phases;
use model::{
    Bundle, CancelToken, ErrorKind, ExecutorError, Failure, HandlerRef, Limits, Operation, Outcome,
    SnapshotJob, Tree, Usage,
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
    pub ctx: Ctx,
    pub limiter: Limiter,
}

impl State {
    /// A call begins, with time of its own.
    pub fn begin_call(&mut self, timeout: Duration) {
        self.ctx.begin_call();
        self.ctx.set_deadline(Instant::now() + timeout);
    }
}

impl HostView for State {
    fn ctx(&mut self) -> &mut Ctx {
        &mut self.ctx
    }
}

/// What a guest's export gave: its value, its own failure, or a trap.
pub type Answer<T> = wasmtime::Result<Result<T, GuestFailure>>;

/// What of a job its store needs.
pub struct Job<'a> {
    pub bundle: &'a Bundle,
    pub limits: &'a Limits,
    pub deterministic: bool,
    pub files: Arc<dyn CallFiles>,
    pub events: Arc<dyn Events>,
    pub cancel: &'a CancelToken,
}

impl<'a> Job<'a> {
    fn of(job: &'a model::Job) -> Self {
        Self {
            bundle: &job.bundle,
            limits: &job.limits,
            deterministic: job.deterministic,
            files: job.files.clone(),
            events: job.events.clone(),
            cancel: &job.cancel,
        }
    }

    /// Nobody's call: it has no files, and is deterministic, so that the same package gives
    /// the same snapshot.
    pub fn of_snapshot(job: &'a SnapshotJob) -> Self {
        Self {
            bundle: &job.bundle,
            limits: &job.limits,
            deterministic: true,
            files: Arc::new(()),
            events: Arc::new(()),
            cancel: &job.cancel,
        }
    }
}

/// Where a job's instance begins.
pub struct Beginning<'a> {
    pub code: &'a Code,
    pub image: &'a Arc<Image>,
    /// Whether the job's handler is loaded in the image.
    pub loaded: bool,
    pub metering: Metering,
}

/// Runs a job; `tell` hears the outcome before the memory is put in order.
pub fn run(
    beginning: &Beginning,
    stdlib: &Arc<Tree>,
    job: &model::Job,
    tell: &mut dyn FnMut(Outcome),
) -> Result<(), ExecutorError> {
    let Beginning { code, image, loaded, metering } = *beginning;
    let inputs = match &job.operation {
        Operation::Call { inputs, .. } => serde_json::to_string(inputs)
            .map_err(|error| ExecutorError::Internal(error.to_string()))?,
        _ => String::new(),
    };
    if inputs.len() > MAX_INPUT_BYTES {
        let message =
            format!("the inputs are {} bytes of JSON: at most {MAX_INPUT_BYTES}", inputs.len());
        tell(not_begun(ErrorKind::InvalidInputs, message));
        return Ok(());
    }
    if job.cancel.is_cancelled() {
        tell(not_begun(ErrorKind::Cancelled, "the call was cancelled".to_owned()));
        return Ok(());
    }

    let started = Instant::now();
    let cpu_started = thread_cpu();
    let mut phases = Phases::default();
    let mut store = new_store(code, image, stdlib, metering, &Job::of(job), started)?;
    let (answer, cold) = match code.instantiate(&mut store, image) {
        // No code of the function's has run: what fails here is ours.
        Err(error) => return Err(ExecutorError::Internal(format!("no instance: {error:#}"))),
        Ok(guest) => {
            phases.instantiate = started.elapsed();
            let answer = operate(&guest, &mut store, job, loaded, &inputs, &mut phases);
            (answer, guest.cold || !loaded)
        }
    };
    let fuel = match metering {
        Metering::Metered => Some(budget(&job.limits) - store.get_fuel().unwrap_or(0)),
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
    tell(Outcome {
        result,
        logs,
        warnings: Vec::new(),
        usage: Usage {
            fuel,
            wall_ms: milliseconds(started.elapsed()),
            cpu_ms: milliseconds(thread_cpu().saturating_sub(cpu_started)),
            peak_memory_bytes,
            cold,
            phases,
        },
    });
    // A failure that the guest reports itself is a normal return too.
    end_of_call(store, if returned { Ending::Normal } else { Ending::Abnormal });
    Ok(())
}

fn not_begun(kind: ErrorKind, message: String) -> Outcome {
    Outcome {
        result: Err(Failure::new(kind, message)),
        logs: Default::default(),
        warnings: Vec::new(),
        usage: Usage::default(),
    }
}

pub fn new_store(
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
    store.epoch_deadline_callback(|mut store| {
        let ctx = &mut store.data_mut().ctx;
        if let Some(stop) = ctx.stop() {
            return Err(wasmtime::Error::new(stop));
        }
        ctx.give_way();
        Ok(UpdateDeadline::Continue(EPOCHS))
    });
    if metering == Metering::Metered {
        fill_up(&mut store, job.limits)?;
    }
    Ok(store)
}

/// Gives a metered store its whole budget.
pub fn fill_up(store: &mut Store<State>, limits: &Limits) -> Result<(), ExecutorError> {
    store.set_fuel(budget(limits)).map_err(|error| ExecutorError::Internal(error.to_string()))
}

fn operate(
    guest: &Guest,
    store: &mut Store<State>,
    job: &model::Job,
    loaded: bool,
    inputs: &str,
    phases: &mut Phases,
) -> Answer<String> {
    let guest = &guest.exports;
    let before_load = Instant::now();
    if let Operation::Call { handler, .. } | Operation::Describe { handler } = &job.operation {
        if !loaded {
            let left_out = left_out(&job.bundle);
            if let Err(failure) = guest.call_load(&mut *store, &target(handler), &left_out)? {
                return Ok(Err(failure));
            }
            phases.load = before_load.elapsed();
        }
        store.data_mut().ctx.begin_call();
    }
    let before_call = Instant::now();
    let answer = match &job.operation {
        Operation::Call { .. } => guest.call_call(&mut *store, inputs, job.limits.output_bytes),
        Operation::Describe { .. } => guest.call_describe(&mut *store),
        Operation::Inspect { policy } => {
            let policy = serde_json::to_string(policy).map_err(wasmtime::Error::new)?;
            guest.call_inspect(&mut *store, &policy)
        }
        Operation::Test => guest.call_test(&mut *store, &left_out(&job.bundle)),
    };
    phases.call = before_call.elapsed();
    answer
}

/// The imports that are left out, as the guest is told.
pub fn left_out(bundle: &Bundle) -> Vec<LeftOut> {
    let one = |import: &ImportRef| LeftOut {
        name: import.module.clone(),
        file: import.file.clone(),
        line: import.line,
    };
    bundle.left_out.iter().map(one).collect()
}

pub fn target(handler: &HandlerRef) -> Handler {
    Handler {
        path: handler.path.clone(),
        callable: handler.callable.clone(),
        init: handler.init.clone(),
    }
}

/// Reads what the guest answered. The handler shares its memory with the shim, so nothing
/// of it is taken on trust.
fn read_answer(text: &str, job: &model::Job) -> Result<Value, Failure> {
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

fn budget(limits: &Limits) -> u64 {
    limits.fuel.unwrap_or(u64::MAX)
}

fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
