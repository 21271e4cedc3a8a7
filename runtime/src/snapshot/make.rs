//! Taking a snapshot: loads a handler, warms it up, and keeps what the memory then holds.

use std::path::Path;
use std::sync::Arc;

use host_api::Held;
use model::{ErrorKind, ExecutorError, Failure, NoSnapshot, SnapshotJob, Tree};
use serde::Deserialize;

use super::format::{self, Identity};
use super::immortal;
use crate::Metering;
use crate::code::{Code, Guest};
use crate::memory::{Ending, Image, end_of_call};
use crate::outcome::{from_guest, from_trap};
use crate::run::{self, Answer, Job, State};

/// What the guest says of itself when it is settled.
#[derive(Deserialize)]
struct Settled {
    draws: u64,
    clock_readings: u64,
    has_drawn: bool,
    open_files: Vec<String>,
}

type Made = Result<Result<Vec<u8>, NoSnapshot>, ExecutorError>;

/// The bytes of a snapshot, as they lie on disk.
pub fn make(
    code: &Code,
    image: &Arc<Image>,
    identity: &Identity,
    stdlib: &Arc<Tree>,
    metering: Metering,
    folder: &Path,
    job: &SnapshotJob,
) -> Made {
    if !code.has_state() {
        let why = "the state of this interpreter's instances cannot be taken".to_owned();
        return Ok(Err(NoSnapshot::Unfit(why)));
    }
    let started = std::time::Instant::now();
    let run = Job::of_snapshot(job);
    let mut store = run::new_store(code, image, stdlib, metering, &run, started)?;
    let guest = code.instantiate(&mut store, image).map_err(no_instance)?;
    let taken = take(code, &guest, &mut store, job)?;
    let globals = match taken {
        Ok(globals) => globals,
        Err(reason) => {
            end_of_call(store, Ending::Abnormal);
            return Ok(Err(reason));
        }
    };
    let Some(memory) = end_of_call(store, Ending::Capture) else {
        return Err(ExecutorError::Internal("the instance had no memory".to_owned()));
    };
    let mut bytes = format::write(identity, image, &memory, globals);
    drop(memory);
    // Where a package does not let its objects be looked at, calls only write to more pages.
    let _ = immortal::in_snapshot(code, stdlib, metering, folder, image, &mut bytes);
    Ok(Ok(bytes))
}

pub fn no_instance(error: wasmtime::Error) -> ExecutorError {
    ExecutorError::Internal(format!("no instance: {error:#}"))
}

type Store = wasmtime::Store<State>;

/// Brings the instance into the state that is kept; answers with its globals.
fn take(
    code: &Code,
    guest: &Guest,
    store: &mut Store,
    job: &SnapshotJob,
) -> Result<Result<Vec<u32>, NoSnapshot>, ExecutorError> {
    macro_rules! kept {
        ($result:expr) => {
            match $result {
                Ok(value) => value,
                Err(reason) => return Ok(Err(reason)),
            }
        };
    }
    let target = run::target(&job.handler);
    let left_out = run::left_out(&job.bundle);
    // An interpreter asks for randomness of its own when it is first called.
    let woken = guest.exports.call_wake(&mut *store).map(Ok);
    kept!(told(woken, store, job, None)?);
    let before = store.data_mut().ctx.held();
    let answer = guest.exports.call_load(&mut *store, &target, &left_out);
    kept!(told(answer, store, job, None)?);
    let loaded = store.data_mut().ctx.held().since(&before);
    for (index, inputs) in job.warmup.iter().enumerate() {
        let inputs = serde_json::to_string(inputs)
            .map_err(|error| ExecutorError::Internal(error.to_string()))?;
        store.data_mut().begin_call(job.limits.timeout);
        if job.limits.fuel.is_some() {
            run::fill_up(store, &job.limits)?;
        }
        let answer = guest.exports.call_call(&mut *store, &inputs, job.limits.output_bytes);
        kept!(told(answer, store, job, Some(index))?);
    }
    store.data_mut().begin_call(job.limits.timeout);
    let answer = guest.exports.call_settle(&mut *store);
    let text = kept!(told(answer, store, job, None)?);
    let settled: Settled = serde_json::from_str(&text)
        .map_err(|error| ExecutorError::Internal(format!("the settled guest's answer: {error}")))?;
    let held = store.data_mut().ctx.held();
    if let Some(why) = unfit(&settled, &loaded, &held) {
        return Ok(Err(NoSnapshot::Unfit(why)));
    }
    kept!(told(code.reset(store, guest).map(Ok), store, job, None)?);
    let reset = store.data_mut().ctx.held();
    let woken = guest.exports.call_wake(&mut *store).map(Ok);
    kept!(told(woken, store, job, None)?);
    // A handle that the memory knows would be a stranger's in every call.
    if store.data_mut().ctx.held().resources > reset.resources {
        let why = "the interpreter opened something while it was put to rest".to_owned();
        return Ok(Err(NoSnapshot::Unfit(why)));
    }
    code.globals(store, guest).map(Ok).map_err(no_instance)
}

/// Why calls that began in this state would not be what they are without.
fn unfit(settled: &Settled, loaded: &Held, held: &Held) -> Option<String> {
    if held.open_files > 0 {
        let names = settled.open_files.join(", ");
        let which = if names.is_empty() { String::new() } else { format!(": {names}") };
        return Some(format!("importing the handler leaves files open{which}"));
    }
    if held.tmp_nodes > 1 {
        return Some("importing the handler writes to /tmp, which each call has anew".to_owned());
    }
    if loaded.random_requests > settled.draws {
        return Some(
            "importing the handler draws random bytes, which all calls would share".to_owned(),
        );
    }
    if settled.has_drawn {
        return Some(
            "importing the handler draws random numbers, which all calls would share".to_owned(),
        );
    }
    if loaded.wall_readings > settled.clock_readings {
        return Some(
            "importing the handler reads the clock, and all calls would see that time".to_owned(),
        );
    }
    None
}

/// A guest's answer, or why there is no snapshot.
pub fn told<T>(
    answer: Answer<T>,
    store: &Store,
    job: &SnapshotJob,
    warmup: Option<usize>,
) -> Result<Result<T, NoSnapshot>, ExecutorError> {
    let limiter = &store.data().limiter;
    let failure: Failure = match answer {
        Ok(Ok(value)) => return Ok(Ok(value)),
        Ok(Err(failure)) => from_guest(failure, limiter, &job.limits),
        Err(error) => from_trap(&error, limiter, &job.limits)?,
    };
    if failure.kind == ErrorKind::Internal {
        return Err(ExecutorError::Internal(failure.message));
    }
    Ok(Err(NoSnapshot::Failed { warmup, failure }))
}
