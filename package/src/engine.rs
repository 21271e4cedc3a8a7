//! Which engine runs a function, found out by trying: the handler is imported in the
//! sandbox, describes itself and passes its test cases there, or needs what it has not.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model::executor::{Description, FoundImport, Inspection};
use model::limits::DEFAULT_TIMEOUT;
use model::manifest::PythonVersion;
use model::outcome::MissingModule;
use model::{
    Bundle, Engine, EnginePreference, ErrorKind, Failure, FunctionSpec, HandlerRef, Limits,
    Operation, Tree,
};
use serde_json::{Value, json};

use crate::dependencies::Vendored;
use crate::manifest::{DOCKERFILE, ManifestSource};
use crate::prepare::{PrepareError, PreparedFunction, Sandbox, decoded};
use crate::problem::{PackageError, Problem, Step};
use crate::schema::Schema;
use crate::stdlib;
use crate::testing::{self, CaseResult};

/// The sandbox's Python.
const SANDBOX_PYTHON: PythonVersion = PythonVersion {
    major: 3,
    minor: 14,
};
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

/// What is known of the package so far.
pub struct Package<'a> {
    pub source: &'a ManifestSource,
    pub bundle: &'a Arc<Bundle>,
    pub vendored: &'a Vendored,
    pub inspection: &'a Inspection,
}

/// Takes those dependencies out that do not import without their native files: half of
/// one fails in ways that tell nobody what is missing.
pub fn take_out_unavailable(
    sandbox: &Sandbox<'_>,
    vendored: &mut Vendored,
) -> Result<(), PrepareError> {
    let doubtful = vendored.doubtful_modules();
    if doubtful.is_empty() {
        return Ok(());
    }
    let mut app = Tree::new();
    app.insert(&format!("{PROBE_MODULE}.py"), PROBE)
        .expect("a valid path in an empty tree");
    let bundle = Arc::new(Bundle {
        app: app.into(),
        deps: vendored.tree.clone(),
        left_out: Vec::new(),
    });
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
    sandbox: &Sandbox<'_>,
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
    let limits = Limits {
        memory_bytes: PROBE_MEMORY_BYTES,
        ..Limits::default()
    };
    let outcome = sandbox.run(bundle, Operation::Call { handler, inputs }, limits, false)?;
    Ok(match outcome.result {
        Ok(Value::Object(failed)) => Some(failed.into_iter().map(|(name, _)| name).collect()),
        _ => None,
    })
}

/// Why a function cannot be run in the sandbox.
enum Obstacle {
    /// Docker has it.
    Native(String),
    /// The author has to change something.
    Mistake(Vec<Problem>),
}

/// Chooses a function's engine and derives its schemas.
pub fn choose(
    sandbox: &Sandbox<'_>,
    package: &Package<'_>,
    spec: &FunctionSpec,
    run_test_cases: bool,
    progress: &dyn Fn(Step, &str),
) -> Result<PreparedFunction, PrepareError> {
    let decided = decided(package, spec);
    // Also what Docker will run may describe itself here: schemas are had at once.
    let described = if package.bundle.app.file(DOCKERFILE).is_some() && !package.has_handler(spec) {
        Err(Obstacle::Native(String::new()))
    } else {
        describe(sandbox, package, spec)?
    };
    let (engine, reason, description) = match (decided, described) {
        (Some(reason), described) => {
            if spec.runtime.engine == EnginePreference::Sandbox {
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
    if run_test_cases && engine == Engine::Sandbox && !spec.test_cases.is_empty() {
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
fn decided(package: &Package<'_>, spec: &FunctionSpec) -> Option<String> {
    if package.bundle.app.file(DOCKERFILE).is_some() {
        return Some("the package brings its own Dockerfile".to_owned());
    }
    if spec.runtime.engine == EnginePreference::Docker {
        return Some("the manifest says `engine: docker`".to_owned());
    }
    let wanted = spec
        .runtime
        .python_version
        .filter(|wanted| *wanted > SANDBOX_PYTHON)?;
    Some(format!(
        "it needs Python {wanted}, and the sandbox has {SANDBOX_PYTHON}"
    ))
}

fn describe(
    sandbox: &Sandbox<'_>,
    package: &Package<'_>,
    spec: &FunctionSpec,
) -> Result<Result<Description, Obstacle>, PrepareError> {
    // Importing has its own time: a short timeout of calls says nothing of it.
    let limits = Limits {
        timeout: spec.runtime.timeout.max(DEFAULT_TIMEOUT),
        fuel: None,
        ..spec.runtime.limits()
    };
    let operation = Operation::Describe {
        handler: spec.handler.clone(),
    };
    let outcome = sandbox.run(
        package.bundle,
        operation,
        limits.clone(),
        spec.runtime.deterministic,
    )?;
    match outcome.result {
        Ok(value) => Ok(Ok(decoded(value, "description")?)),
        Err(failure) => Ok(Err(package.obstacle(spec, &failure, limits.timeout))),
    }
}

fn with_schemas(
    package: &Package<'_>,
    spec: &FunctionSpec,
    described: Option<Description>,
) -> Result<PreparedFunction, PrepareError> {
    let is_described = described.is_some();
    let (inputs, outputs, documentation, warnings) = match described {
        Some(found) => (
            Some(found.inputs_schema),
            found.outputs_schema,
            found.description,
            found.warnings,
        ),
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
                        .problem(
                            Step::Schemas,
                            &package.source.function_pointer(&spec.id),
                            message,
                        )
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
    })
}

impl Package<'_> {
    fn has_handler(&self, spec: &FunctionSpec) -> bool {
        let top = spec.handler.path.split('.').next().unwrap_or_default();
        self.bundle.app.entry(&format!("{top}.py")).is_some()
            || self.bundle.app.entry(top).is_some()
    }

    /// A problem with a function's choice of engine.
    fn at_engine(&self, spec: &FunctionSpec, message: String) -> Problem {
        let function = self.source.function_pointer(&spec.id);
        let own = format!("{function}/runtime/engine");
        self.source.problem(Step::Engine, &own, message)
    }

    /// Why importing a handler failed.
    fn obstacle(&self, spec: &FunctionSpec, failure: &Failure, timeout: Duration) -> Obstacle {
        if let Some(missing) = &failure.missing_module {
            return self.missing(missing);
        }
        let mistake = |problem: Problem| Obstacle::Mistake(vec![problem]);
        match failure.kind {
            ErrorKind::InvalidPackage => {
                let pointer = format!("{}/handler", self.source.function_pointer(&spec.id));
                let problem = self.source.problem(Step::Code, &pointer, &failure.message);
                let problem = match self.handler_file(spec) {
                    Some(file) if problem.file.is_empty() || !pointer.starts_with("/functions") => {
                        let line = self.nearest_line(&file, &spec.handler.callable);
                        Problem {
                            file,
                            line: Some(line),
                            column: None,
                            ..problem
                        }
                    }
                    _ => problem,
                };
                mistake(problem.help(format!(
                    "write `def {}(...)` there, or correct the handler's name",
                    spec.handler.callable
                )))
            }
            ErrorKind::Exception => {
                // A dependency may have caught the plain error, and raised its own.
                if let Some(module) = self
                    .vendored
                    .unavailable
                    .iter()
                    .find(|module| mentions_import(failure, module))
                {
                    return self.missing(&MissingModule {
                        name: module.clone(),
                        file: None,
                        line: None,
                    });
                }
                let message = format!(
                    "importing the handler `{}` failed: {}",
                    spec.handler, failure.message
                );
                let problem = Problem::new(Step::Code, message).help(
                    "correct it; if it fails only in the sandbox, set `runtime.engine: docker`",
                );
                mistake(match self.author_frame(failure) {
                    Some((file, line)) => problem.in_file(file).at_line(line),
                    None => problem.in_file(self.handler_file(spec).unwrap_or_default()),
                })
            }
            kind => {
                let limit = match kind {
                    ErrorKind::Timeout => format!("took more than {} s", timeout.as_secs()),
                    ErrorKind::MemoryExceeded => format!(
                        "needs more than {} MB; raise `runtime.memory_limit`",
                        spec.runtime.memory_bytes / (1024 * 1024)
                    ),
                    _ => format!("failed: {}", failure.message),
                };
                mistake(
                    Problem::new(
                        Step::Code,
                        format!("importing the handler `{}` {limit}", spec.handler),
                    )
                    .in_file(self.handler_file(spec).unwrap_or_default())
                    .help("move long computations from the module's top into the handler"),
                )
            }
        }
    }

    /// What a missing module means: Docker, or a mistake.
    fn missing(&self, missing: &MissingModule) -> Obstacle {
        let module = missing.name.as_str();
        let top = module.split('.').next().unwrap_or(module);
        let import = self.import_of(top, missing);
        if let Some(native) = self.vendored.native_distribution_of(module) {
            return Obstacle::Native(format!(
                "{native} has no WASI build{}",
                imported_by(import.as_ref(), missing)
            ));
        }
        if stdlib::contains(module) {
            return Obstacle::Native(format!(
                "`{module}` of the standard library has no WASI build{}",
                imported_by(import.as_ref(), missing)
            ));
        }
        let (file, line) = match (&import, &missing.file) {
            (Some((file, line)), _) => (file.clone(), Some(*line)),
            (None, Some(file)) => (file.clone(), missing.line),
            (None, None) => (String::new(), None),
        };
        let is_dependencys = file.starts_with("deps/");
        let is_own = self.bundle.app.entry(top).is_some()
            || self.bundle.app.entry(&format!("{top}.py")).is_some();
        let (message, help) = if is_own {
            (
                format!("there is no module `{module}` in the package"),
                "correct the import".to_owned(),
            )
        } else if self.vendored.distribution_of(module).is_some() {
            (
                format!("there is no module `{module}` in what is installed"),
                "correct the import, or require a version that has it".to_owned(),
            )
        } else {
            let name = known_distribution(top);
            (
                format!("module `{module}` is not installed"),
                format!("add `{name}` to `dependencies`"),
            )
        };
        let mut problem = Problem::new(
            if is_own {
                Step::Code
            } else {
                Step::Dependencies
            },
            message,
        )
        .help(help);
        if is_dependencys {
            problem.message = format!("{} ({} imports it)", problem.message, file);
        } else {
            problem = problem.in_file(file);
            problem.line = line;
        }
        Obstacle::Mistake(vec![problem])
    }

    /// The package's own import of a top-level module, used ones first.
    fn import_of(&self, top: &str, missing: &MissingModule) -> Option<(String, u32)> {
        if let (Some(file), Some(line)) = (&missing.file, missing.line)
            && !file.starts_with("deps/")
        {
            return Some((file.clone(), line));
        }
        let is_of = |found: &&FoundImport| found.at.module.split('.').next() == Some(top);
        let imports = || self.inspection.imports.iter().filter(is_of);
        let found = imports()
            .find(|found| found.used)
            .or_else(|| imports().next())?;
        Some((found.at.file.clone(), found.at.line))
    }

    /// The reason for Docker, if a test case stopped on a missing native module.
    fn lazily_missing(&self, cases: &[CaseResult]) -> Option<String> {
        cases.iter().find_map(|case| {
            match self.missing(case.failure.as_ref()?.missing_module.as_ref()?) {
                Obstacle::Native(reason) => Some(reason),
                Obstacle::Mistake(_) => None,
            }
        })
    }

    /// The file of the module that a handler names.
    fn handler_file(&self, spec: &FunctionSpec) -> Option<String> {
        let parts: Vec<&str> = spec.handler.path.split('.').collect();
        (1..=parts.len()).rev().find_map(|n| {
            let path = parts[..n].join("/");
            [format!("{path}.py"), format!("{path}/__init__.py")]
                .into_iter()
                .find(|path| self.bundle.app.file(path).is_some())
        })
    }

    /// The line of the definition whose name is nearest to the one wanted; else the first.
    fn nearest_line(&self, file: &str, wanted: &str) -> u32 {
        let text = self
            .bundle
            .app
            .file(file)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .unwrap_or_default();
        let definitions = text.lines().zip(1_u32..).filter_map(|(line, number)| {
            let rest = line.trim_start();
            let rest = ["async def ", "def ", "class "]
                .iter()
                .find_map(|word| rest.strip_prefix(word))?;
            let name = rest
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()?;
            Some((strsim::jaro_winkler(name, wanted), number))
        });
        definitions
            .max_by(|(a, _), (b, _)| a.total_cmp(b))
            .map_or(1, |(_, line)| line)
    }

    /// The innermost of the package's own frames.
    fn author_frame(&self, failure: &Failure) -> Option<(String, u32)> {
        let mut frames = failure.traceback.as_deref()?.lines().filter_map(|line| {
            let rest = line.trim_start().strip_prefix("File \"")?;
            let (file, rest) = rest.split_once('"')?;
            let line: String = rest
                .strip_prefix(", line ")?
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let file = file.strip_prefix("/app/").unwrap_or(file);
            self.bundle.app.file(file)?;
            Some((file.to_owned(), line.parse().ok()?))
        });
        frames.next_back()
    }
}

fn imported_by(import: Option<&(String, u32)>, missing: &MissingModule) -> String {
    match (import, &missing.file) {
        (Some((file, line)), _) => format!(", imported by {file}:{line}"),
        (None, Some(file)) => {
            let line = missing
                .line
                .map(|line| format!(":{line}"))
                .unwrap_or_default();
            format!(
                ", imported by {}{line}",
                file.strip_prefix("deps/").unwrap_or(file)
            )
        }
        (None, None) => String::new(),
    }
}

/// Whether an import error names a module.
fn mentions_import(failure: &Failure, module: &str) -> bool {
    let is_import_error = [Some(failure.message.as_str()), failure.traceback.as_deref()]
        .into_iter()
        .flatten()
        .any(|text| text.contains("ImportError") || text.contains("ModuleNotFoundError"));
    let mut words = failure
        .message
        .split(|c: char| !(c.is_alphanumeric() || c == '_'));
    is_import_error && words.any(|word| word == module)
}

/// The distribution to require for a module, where its name is another.
fn known_distribution(module: &str) -> &str {
    match module {
        "yaml" => "pyyaml",
        "PIL" => "pillow",
        "sklearn" => "scikit-learn",
        "skimage" => "scikit-image",
        "cv2" => "opencv-python-headless",
        "bs4" => "beautifulsoup4",
        "dateutil" => "python-dateutil",
        "attr" => "attrs",
        "OCC" => "pythonocc-core",
        "fitz" => "pymupdf",
        "serial" => "pyserial",
        "usb" => "pyusb",
        other => other,
    }
}
