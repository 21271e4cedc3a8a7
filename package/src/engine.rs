//! Which engine runs a function, found out by trying: the handler is imported in the
//! sandbox, describes itself and passes its test cases there, or needs what it has not.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::executor::Description;
use model::limits::DEFAULT_TIMEOUT;
use model::manifest::PythonVersion;
use model::{
    Bundle, Engine, EnginePreference, FunctionSpec, HandlerRef, Limits, Operation, SnapshotRef,
    Tree,
};
use serde_json::{Value, json};

use crate::dependencies::Vendored;
use crate::diagnosis::{Obstacle, Package};
use crate::manifest::DOCKERFILE;
use crate::prepare::{Asked, Options, PrepareError, PreparedFunction, Runner, decoded};
use crate::problem::{PackageError, Step};
use crate::schema::Schema;
use crate::snapshot::{self, Taken};
use crate::testing;

/// The sandbox's Python.
const SANDBOX_PYTHON: PythonVersion = PythonVersion { major: 3, minor: 14 };
/// Memory for finding out which dependencies import.
const PROBE_MEMORY_BYTES: u64 = 1024 * 1024 * 1024;
const PROBE_MODULE: &str = "mecapy_import_probe";
/// Imports each module, and answers with those that cannot be.
const PROBE: &str = "\
import importlib

def calculate(inputs):
    failed = {}
    for name in inputs['modules']:
        try:
            importlib.import_module(name)
        except BaseException as error:
            failed[name] = f'{type(error).__name__}: {error}'[:300]
    return failed
";

/// Takes those dependencies out that do not import without their native files: half of
/// one fails in ways that tell nobody what is missing.
pub fn take_out_unavailable(
    sandbox: &Runner<'_>,
    vendored: &mut Vendored,
) -> Result<(), PrepareError> {
    let doubtful = vendored.doubtful_modules();
    if doubtful.is_empty() {
        return Ok(());
    }
    let mut app = Tree::new();
    app.insert(&format!("{PROBE_MODULE}.py"), PROBE).expect("a valid path in an empty tree");
    let bundle =
        Arc::new(Bundle { app: app.into(), deps: vendored.tree.clone(), ..Bundle::default() });
    let mut failed = BTreeSet::new();
    match probe(sandbox, &bundle, &doubtful)? {
        Some(found) => failed.extend(found),
        // One of them ended the interpreter: each alone.
        None => {
            for module in &doubtful {
                match probe(sandbox, &bundle, std::slice::from_ref(module))? {
                    Some(found) => failed.extend(found),
                    None => {
                        failed.insert(module.clone());
                    }
                }
            }
        }
    }
    if !failed.is_empty() {
        vendored.take_out(&failed);
    }
    Ok(())
}

/// Which of the modules do not import; nothing if that could not be found out.
fn probe(
    sandbox: &Runner<'_>,
    bundle: &Arc<Bundle>,
    modules: &[String],
) -> Result<Option<Vec<String>>, PrepareError> {
    let handler = HandlerRef {
        path: PROBE_MODULE.to_owned(),
        callable: "calculate".to_owned(),
        init: Vec::new(),
    };
    let Value::Object(inputs) = json!({"modules": modules}) else {
        unreachable!("an object was made")
    };
    let limits = Limits { memory_bytes: PROBE_MEMORY_BYTES, ..Limits::default() };
    let outcome = sandbox.run(bundle, Asked::new(Operation::Call { handler, inputs }, limits))?;
    Ok(match outcome.result {
        Ok(Value::Object(failed)) => Some(failed.into_iter().map(|(name, _)| name).collect()),
        _ => None,
    })
}

/// What the choice depends on, besides the package.
pub struct Choice<'a> {
    pub options: &'a Options,
    pub has_docker: bool,
    /// Why the sandbox cannot run anything of the package, if that is known already.
    pub no_sandbox: Option<String>,
}

/// Chooses a function's engine and derives its schemas.
pub fn choose(
    sandbox: &Runner<'_>,
    package: &Package<'_>,
    spec: &FunctionSpec,
    choice: &Choice<'_>,
    progress: &dyn Fn(Step, &str),
) -> Result<PreparedFunction, PrepareError> {
    let Choice { options, has_docker, .. } = *choice;
    let decided = decided(package, spec, choice);
    let wants_snapshot = options.snapshots && decided.is_none();
    // Importing takes longest, so it is done once: but for warming up, for which the
    // schemas have to be known.
    let mut taken = match wants_snapshot && spec.runtime.warmup.is_empty() {
        true => Some(snapshot::take(sandbox, package, spec, Vec::new())?),
        false => None,
    };
    // Where there is no Docker, what it would run may describe itself here all the same.
    let described = match &taken {
        _ if decided.is_some() && has_docker => Err(Obstacle::Native(String::new())),
        Some(Taken::Failed(failure)) => {
            Err(package.obstacle(spec, failure, loading_limits(spec).timeout))
        }
        _ if package.bundle.app.file(DOCKERFILE).is_some() && !package.has_handler(spec) => {
            Err(Obstacle::Native(String::new()))
        }
        _ => describe(sandbox, package, spec, taken.as_ref().and_then(Taken::snapshot))?,
    };
    let (engine, reason, description) = match (decided, described) {
        (Some(reason), described) => {
            let is_refused = spec.runtime.engine == EnginePreference::Sandbox
                && options.docker_because.as_ref() != Some(&reason);
            if is_refused {
                return Err(package
                    .at_engine(spec, format!("`engine: sandbox` cannot be: {reason}"))
                    .help("use `engine: auto` or `engine: docker`")
                    .into());
            }
            (Engine::Docker, reason, described.ok())
        }
        (None, Ok(description)) => (Engine::Sandbox, sandbox_reason(spec), Some(description)),
        (None, Err(Obstacle::Mistake(problems))) => return Err(PackageError::from(problems).into()),
        (None, Err(Obstacle::Native(reason)))
            if spec.runtime.engine == EnginePreference::Sandbox =>
        {
            return Err(package
                .at_engine(spec, format!("`engine: sandbox` cannot be: {reason}"))
                .help("use `engine: auto` or `engine: docker`, or do without it")
                .into());
        }
        (None, Err(Obstacle::Native(reason))) => (Engine::Docker, reason, None),
    };
    progress(Step::Schemas, spec.id.as_str());
    let mut function = with_schemas(package, spec, description)?;
    function.engine = engine;
    function.engine_reason = reason;
    PackageError::unless_empty(testing::check_inputs(package.source, &function), ())?;
    if wants_snapshot && engine == Engine::Sandbox && taken.is_none() {
        let warmup = spec.runtime.warmup.iter().cloned();
        let warmup = warmup.map(|inputs| function.inputs_schema.apply_defaults(inputs)).collect();
        taken = Some(snapshot::take(sandbox, package, spec, warmup)?);
    }
    match taken {
        Some(Taken::Snapshot(snapshot)) => function.snapshot = Some(snapshot),
        Some(Taken::Unfit(reason)) => function.no_snapshot = Some(reason),
        Some(Taken::Failed(failure)) => function.no_snapshot = Some(failure.message),
        None => {}
    }
    if options.run_test_cases && engine == Engine::Sandbox && !spec.test_cases.is_empty() {
        progress(Step::Tests, spec.id.as_str());
        let cases = testing::run_cases(sandbox, package.bundle, &function)?;
        if let Some(reason) = package.lazily_missing(&cases) {
            if spec.runtime.engine == EnginePreference::Sandbox {
                return Err(package
                    .at_engine(spec, format!("`engine: sandbox` cannot be: {reason}"))
                    .help("use `engine: auto` or `engine: docker`, or do without it")
                    .into());
            }
            (function.engine, function.engine_reason) = (Engine::Docker, reason);
        } else {
            function.cases = Some(cases);
        }
    }
    Ok(function)
}

fn sandbox_reason(spec: &FunctionSpec) -> String {
    match spec.runtime.engine {
        EnginePreference::Sandbox => "the manifest says `engine: sandbox`".to_owned(),
        _ => "everything it imports runs in the sandbox".to_owned(),
    }
}

/// Docker, where there is nothing to find out.
fn decided(package: &Package<'_>, spec: &FunctionSpec, choice: &Choice<'_>) -> Option<String> {
    if package.bundle.app.file(DOCKERFILE).is_some() {
        return Some("the package brings its own Dockerfile".to_owned());
    }
    if spec.runtime.engine == EnginePreference::Docker {
        return Some("the manifest says `engine: docker`".to_owned());
    }
    let forced = choice.options.docker_because.as_ref().or(choice.no_sandbox.as_ref());
    if forced.is_some() {
        return forced.cloned();
    }
    let wanted = spec.runtime.python_version.filter(|wanted| *wanted > SANDBOX_PYTHON)?;
    Some(format!("it needs Python {wanted}, and the sandbox has {SANDBOX_PYTHON}"))
}

/// Importing has its own time: a short timeout of calls says nothing of it.
pub fn loading_limits(spec: &FunctionSpec) -> Limits {
    Limits {
        timeout: spec.runtime.timeout.max(DEFAULT_TIMEOUT),
        fuel: None,
        ..spec.runtime.limits()
    }
}

fn describe(
    sandbox: &Runner<'_>,
    package: &Package<'_>,
    spec: &FunctionSpec,
    snapshot: Option<&SnapshotRef>,
) -> Result<Result<Description, Obstacle>, PrepareError> {
    let limits = loading_limits(spec);
    let timeout = limits.timeout;
    let asked = Asked {
        operation: Operation::Describe { handler: spec.handler.clone() },
        limits,
        deterministic: spec.runtime.deterministic,
        snapshot: snapshot.cloned(),
    };
    let outcome = sandbox.run(package.bundle, asked)?;
    match outcome.result {
        Ok(value) => Ok(Ok(decoded(value, "description")?)),
        Err(failure) => Ok(Err(package.obstacle(spec, &failure, timeout))),
    }
}

/// A function whose schemas are the manifest's, else what it says of itself.
pub fn with_schemas(
    package: &Package<'_>,
    spec: &FunctionSpec,
    described: Option<Description>,
) -> Result<PreparedFunction, PrepareError> {
    let is_described = described.is_some();
    let (inputs, outputs, documentation, warnings) = match described {
        Some(found) => {
            (Some(found.inputs_schema), found.outputs_schema, found.description, found.warnings)
        }
        None => (None, None, None, Vec::new()),
    };
    let mut problems = Vec::new();
    let mut compile = |given: &Option<Value>, derived: Option<Value>, what: &str| {
        let schema = given.clone().or(derived)?;
        match Schema::compile(schema) {
            Ok(schema) => Some(schema),
            Err(mistakes) => {
                problems.extend(mistakes.into_iter().map(|mistake| {
                    let message = format!(
                        "the {what} schema of `{}` cannot be used: at `{}` {}",
                        spec.id, mistake.pointer, mistake.message
                    );
                    let help = mistake
                        .help
                        .unwrap_or_else(|| "change the handler's type hints".to_owned());
                    package
                        .source
                        .problem(Step::Schemas, &package.source.function_pointer(&spec.id), message)
                        .help(help)
                }));
                None
            }
        }
    };
    let inputs_schema = compile(&spec.inputs_schema, inputs, "inputs");
    let outputs_schema = compile(&spec.outputs_schema, outputs, "outputs");
    PackageError::unless_empty(problems, ())?;
    Ok(PreparedFunction {
        spec: spec.clone(),
        engine: Engine::Sandbox,
        engine_reason: String::new(),
        inputs_schema: inputs_schema.unwrap_or_else(Schema::anything),
        outputs_schema,
        description: spec.description.clone().or(documentation),
        warnings,
        described: is_described,
        cases: None,
        snapshot: None,
        no_snapshot: None,
        bundle: package.bundle.clone(),
        image: None,
    })
}
