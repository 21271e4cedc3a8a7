//! A call of one function.

use std::sync::Arc;

use model::image::Installer;
use model::{
    Bundle, CancelToken, Engine, ErrorKind, Executor, Failure, Job, Limits, Operation, Outcome,
    Warning,
};
use package::{Prepared, PreparedFunction};
use serde_json::{Map, Value};

use crate::args::EngineChoice;
use crate::ending::{Ended, Exit, Known, Stop};
use crate::files::FolderFiles;
use crate::inputs;
use crate::report::{human, json};
use crate::session::Session;

/// A function that is ready to be called, and what to call it with.
pub struct Call {
    pub prepared: Prepared,
    /// Of `prepared.functions`.
    index: usize,
    pub inputs: Map<String, Value>,
    pub limits: Limits,
    pub deterministic: bool,
    pub files: Arc<FolderFiles>,
}

pub fn run(session: &Session) -> Exit {
    let mut known = Known::default();
    let (ended, schema) = match prepare(session, &mut known) {
        Err(stop) => (Ended::early(known, stop), None),
        Ok(call) => {
            let schema =
                call.function().outputs_schema.as_ref().map(|schema| schema.value().clone());
            (call_once(session, &call, known), schema)
        }
    };
    session.printer.object(&json::ended(&ended));
    human::print_ended(&session.printer, &ended, schema.as_ref());
    ended.exit()
}

/// Everything up to the call; `known` is filled in on the way.
pub fn prepare(session: &Session, known: &mut Known) -> Result<Call, Stop> {
    let opened = session.open()?;
    known.version = Some(opened.version.clone());
    let id = session.pick(&opened)?.id.clone();
    known.function_id = Some(id.to_string());
    let inputs = inputs::read(session.args.inputs.as_deref())?;
    let prepared = session.prepare(&opened, false, true)?;
    let index =
        prepared.functions.iter().position(|function| function.spec.id == id).ok_or_else(|| {
            Stop::new(ErrorKind::Internal, format!("`{id}` was lost in preparation"))
        })?;
    let function = &prepared.functions[index];
    known.engine = Some(function.engine);
    known.engine_reason = Some(function.engine_reason.clone());
    if session.args.engine == EngineChoice::Sandbox {
        known.engine = Some(Engine::Sandbox);
        known.engine_reason = Some("`--engine sandbox` asks for it".to_owned());
    }
    let inputs = function.inputs_schema.accept(inputs).map_err(inputs::invalid)?;
    let keys = package::schema::file_keys(&inputs, function.inputs_schema.value());
    let files = FolderFiles::new(session.args.files.as_deref(), &keys, &session.args.package)
        .map_err(inputs::invalid)?;
    if let Some(stop) = session.engine_missing(function) {
        return Err(stop);
    }
    let runtime = &function.spec.runtime;
    let args = &session.args;
    let manifests = runtime.limits();
    let limits = Limits {
        timeout: args.timeout.unwrap_or(manifests.timeout),
        memory_bytes: args.memory.unwrap_or(manifests.memory_bytes),
        fuel: args.fuel.or(manifests.fuel),
        ..manifests
    };
    let deterministic = args.deterministic || runtime.deterministic;
    Ok(Call { index, inputs, limits, deterministic, files: Arc::new(files), prepared })
}

fn call_once(session: &Session, call: &Call, mut known: Known) -> Ended {
    let running = session.interrupt.cancellable();
    let live = session.printer.live(call.function().spec.id.as_str());
    let mut job = Job { events: Arc::new(live.events()), ..call.job(running.token.clone()) };
    let mut outcome = match (known.engine, session.docker()) {
        (Some(Engine::Docker), Some(docker)) => docker.run(&job),
        _ => {
            let has_fuel = call.limits.fuel.is_some();
            if let Err(error) = session.sandbox.ready(call.deterministic, has_fuel) {
                return Ended::early(known, error.into());
            }
            session.sandbox.run(&job)
        }
    };
    // As on the platform: what the sandbox lacks in the middle of a call, Docker may have.
    let native = outcome.as_ref().ok().and_then(|outcome| call.native_reason(outcome));
    if let Some(reason) = native
        && let Some(docker) = session.docker()
        && let Some(bundle) = call.in_image(Arc::new(session.resolver()))
    {
        (known.engine, known.engine_reason) = (Some(Engine::Docker), Some(reason));
        (job.bundle, job.snapshot) = (bundle, None);
        outcome = docker.run(&job);
    }
    drop(live);
    match outcome {
        Err(error) => Ended::early(known, error.into()),
        Ok(outcome) => call.judged(outcome, known),
    }
}

impl Call {
    pub fn function(&self) -> &PreparedFunction {
        &self.prepared.functions[self.index]
    }

    /// Whether Docker runs it.
    pub fn is_in_docker(&self, session: &Session) -> bool {
        self.function().engine == Engine::Docker && session.docker().is_some()
    }

    /// A job of it, unheard.
    pub fn job(&self, cancel: CancelToken) -> Job {
        Job {
            tenant: Arc::default(),
            bundle: self.function().bundle.clone(),
            operation: Operation::Call {
                handler: self.function().spec.handler.clone(),
                inputs: self.inputs.clone(),
            },
            limits: self.limits.clone(),
            snapshot: self.function().snapshot.clone(),
            deterministic: self.deterministic,
            files: self.files.clone(),
            events: Arc::new(()),
            cancel,
        }
    }

    /// What an outcome means: the outputs are checked, and a missing native module is the
    /// engine's want, not the function's mistake.
    pub fn judged(&self, outcome: Outcome, mut known: Known) -> Ended {
        let mut warnings = self.package_warnings();
        let reason = self.native_reason(&outcome);
        warnings.extend(outcome.warnings);
        let result = match outcome.result {
            Ok(value) => self.check_outputs(&value, &mut warnings).map(|()| value),
            Err(failure) => Err(self.explained(failure, reason, &mut known)),
        };
        Ended { known, result, logs: outcome.logs, warnings, usage: Some(outcome.usage) }
    }

    fn package_warnings(&self) -> Vec<Warning> {
        let warning = |code: &str, message: &String| Warning {
            code: code.to_owned(),
            message: message.clone(),
            violations: Vec::new(),
        };
        let package = self.prepared.warnings.iter().map(|message| warning("package", message));
        let function = self.function().warnings.iter().map(|message| warning("function", message));
        package.chain(function).collect()
    }

    fn check_outputs(&self, value: &Value, warnings: &mut Vec<Warning>) -> Result<(), Stop> {
        let function = self.function();
        let Some(schema) = &function.outputs_schema else { return Ok(()) };
        let violations = schema.validate(value);
        if violations.is_empty() {
            return Ok(());
        }
        let message = match violations.as_slice() {
            [only] => format!("the result breaks the outputs schema: {}", only.message),
            several => format!("the result breaks {} rules of the outputs schema", several.len()),
        };
        if function.spec.strict_outputs {
            return Err(
                Failure { violations, ..Failure::new(ErrorKind::InvalidOutputs, message) }.into()
            );
        }
        let code = ErrorKind::InvalidOutputs.as_str().to_owned();
        warnings.push(Warning { code, message, violations });
        Ok(())
    }

    /// Why the call would not have failed in Docker: it lacked a native module.
    fn native_reason(&self, outcome: &Outcome) -> Option<String> {
        let failure = outcome.result.as_ref().err()?;
        let missing = failure.missing_module.as_ref()?;
        let native = self.prepared.native_distribution_of(&missing.name)?;
        let place = match (&missing.file, missing.line) {
            (Some(file), Some(line)) => format!(", imported by {file}:{line}"),
            (Some(file), None) => format!(", imported by {file}"),
            _ => String::new(),
        };
        Some(format!("{native} has no WASI build{place}"))
    }

    /// What Docker would run it from, if it can.
    fn in_image(&self, installer: Arc<dyn Installer>) -> Option<Arc<Bundle>> {
        let Prepared { manifest, version, bundle, .. } = &self.prepared;
        let image = self.function().image.as_ref()?;
        Some(Arc::new(image.bundle(&manifest.name, &version.to_string(), bundle, installer)))
    }

    /// A failure as it is told: want of Docker is the engine's, not the function's.
    fn explained(&self, failure: Failure, reason: Option<String>, known: &mut Known) -> Stop {
        let Some(reason) = reason else { return failure.into() };
        let id = &self.function().spec.id;
        let message = format!("`{id}` needs Docker, which is not used here: {reason}");
        known.engine = Some(Engine::Docker);
        known.engine_reason = Some(reason);
        let failure = Failure {
            traceback: failure.traceback,
            ..Failure::new(ErrorKind::EngineUnavailable, message)
        };
        Stop::from(failure)
            .help("start Docker, deploy it to a platform that has it, or do without the module")
    }
}
