//! What a failure in the sandbox means for its package: another engine, or a mistake, and
//! then where and what to do.

use std::sync::Arc;
use std::time::Duration;

use model::executor::{FoundImport, Inspection};
use model::outcome::MissingModule;
use model::{Bundle, ErrorKind, Failure, FunctionSpec};

use crate::dependencies::Vendored;
use crate::manifest::ManifestSource;
use crate::problem::{Problem, Step};
use crate::stdlib;
use crate::testing::CaseResult;

/// How a module that the sandbox imitates refuses what it has not: `pydantic.EmailStr is
/// not supported: the sandbox carries a stand-in for pydantic, ...`.
const STAND_IN: &str = " is not supported: the sandbox carries a stand-in for";

/// What is known of the package so far.
pub struct Package<'a> {
    pub source: &'a ManifestSource,
    pub bundle: &'a Arc<Bundle>,
    pub vendored: &'a Vendored,
    pub inspection: &'a Inspection,
}

/// Why a function cannot be run in the sandbox.
pub enum Obstacle {
    /// Docker has it.
    Native(String),
    /// The author has to change something.
    Mistake(Vec<Problem>),
}

impl Package<'_> {
    pub fn has_handler(&self, spec: &FunctionSpec) -> bool {
        let top = spec.handler.path.split('.').next().unwrap_or_default();
        self.bundle.app.entry(&format!("{top}.py")).is_some()
            || self.bundle.app.entry(top).is_some()
    }

    /// A problem with a function's choice of engine.
    pub fn at_engine(&self, spec: &FunctionSpec, message: String) -> Problem {
        let function = self.source.function_pointer(&spec.id);
        let own = format!("{function}/runtime/engine");
        self.source.problem(Step::Engine, &own, message)
    }

    /// As `obstacle`, where the handler was imported in its image: nothing is native there.
    pub fn obstacle_in_image(
        &self,
        spec: &FunctionSpec,
        failure: &Failure,
        timeout: Duration,
    ) -> Obstacle {
        Package { vendored: &Vendored::default(), ..*self }.obstacle(spec, failure, timeout)
    }

    /// Why importing a handler failed.
    pub fn obstacle(&self, spec: &FunctionSpec, failure: &Failure, timeout: Duration) -> Obstacle {
        if let Some(missing) = &failure.missing_module {
            return self.missing(missing);
        }
        if let Some(reason) = self.beyond_stand_in(failure) {
            return Obstacle::Native(reason);
        }
        let mistake = |problem: Problem| Obstacle::Mistake(vec![problem]);
        match failure.kind {
            ErrorKind::InvalidPackage => {
                let pointer = format!("{}/handler", self.source.function_pointer(&spec.id));
                let problem = self.source.problem(Step::Code, &pointer, &failure.message);
                let problem = match self.handler_file(spec) {
                    Some(file) if problem.file.is_empty() || !pointer.starts_with("/functions") => {
                        let line = self.nearest_line(&file, &spec.handler.callable);
                        Problem { file, line: Some(line), column: None, ..problem }
                    }
                    _ => problem,
                };
                let absent = ["has no `", "has no function", "there is no module"];
                let help = if absent.iter().any(|text| failure.message.contains(text)) {
                    format!(
                        "write `def {}(...)` there, or correct the handler's name",
                        spec.handler.callable
                    )
                } else {
                    "correct `handler` and `init` in the manifest, or the signatures".to_owned()
                };
                mistake(problem.help(help))
            }
            ErrorKind::Exception => {
                // A dependency may have caught the plain error, and raised its own.
                if let Some(module) =
                    self.vendored.unavailable.iter().find(|module| mentions_import(failure, module))
                {
                    return self.missing(&MissingModule {
                        name: module.clone(),
                        file: None,
                        line: None,
                    });
                }
                let message =
                    format!("importing the handler `{}` failed: {}", spec.handler, failure.message);
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
        let mut problem =
            Problem::new(if is_own { Step::Code } else { Step::Dependencies }, message).help(help);
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
        let found = imports().find(|found| found.used).or_else(|| imports().next())?;
        Some((found.at.file.clone(), found.at.line))
    }

    /// The reason for Docker, if a test case stopped on what the sandbox has not.
    pub fn lazily_missing(&self, cases: &[CaseResult]) -> Option<String> {
        cases.iter().filter_map(|case| case.failure.as_ref()).find_map(|failure| {
            let missing = failure.missing_module.as_ref().map(|missing| self.missing(missing));
            match missing {
                Some(Obstacle::Native(reason)) => Some(reason),
                _ => self.beyond_stand_in(failure),
            }
        })
    }

    /// The reason for Docker, if the sandbox has only a part of a module, and another part
    /// was asked for.
    fn beyond_stand_in(&self, failure: &Failure) -> Option<String> {
        let (what, _) = failure.message.split_once(STAND_IN)?;
        let what =
            what.rsplit(['\n', ' ']).find(|word| word.contains('.')).unwrap_or("a part of it");
        let place =
            self.author_frame(failure).map(|(file, line)| format!(", used by {file}:{line}"));
        Some(format!("{what} is not in the sandbox's stand-in{}", place.unwrap_or_default()))
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
            let rest =
                ["async def ", "def ", "class "].iter().find_map(|word| rest.strip_prefix(word))?;
            let name = rest.split(|c: char| !(c.is_alphanumeric() || c == '_')).next()?;
            Some((strsim::jaro_winkler(name, wanted), number))
        });
        definitions.max_by(|(a, _), (b, _)| a.total_cmp(b)).map_or(1, |(_, line)| line)
    }

    /// The innermost of the package's own frames.
    fn author_frame(&self, failure: &Failure) -> Option<(String, u32)> {
        let mut frames = failure.traceback.as_deref()?.lines().filter_map(|line| {
            let rest = line.trim_start().strip_prefix("File \"")?;
            let (file, rest) = rest.split_once('"')?;
            let line: String =
                rest.strip_prefix(", line ")?.chars().take_while(char::is_ascii_digit).collect();
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
            let line = missing.line.map(|line| format!(":{line}")).unwrap_or_default();
            format!(", imported by {}{line}", file.strip_prefix("deps/").unwrap_or(file))
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
    let mut words = failure.message.split(|c: char| !(c.is_alphanumeric() || c == '_'));
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
