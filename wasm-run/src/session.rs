//! One run of the program: its arguments, its terminal, its sandbox; and the one place
//! where a command is chosen.

use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use clap::Parser;
use clap::error::ErrorKind as ClapError;
use model::{CancelToken, ErrorKind, Executor, FunctionSpec, PackageVersion, Tree};
use package::dependencies::Resolver;
use package::{Archive, Engines, ManifestSource, Options, Prepared};

use crate::args::{Args, EngineChoice, Mode, ask_for_json};
use crate::cache::Remembering;
use crate::commands;
use crate::containers::Containers;
use crate::ending::{Ended, Exit, Known, Stop};
use crate::environment::Environment;
use crate::interrupt::Interrupt;
use crate::report::{Printer, json};
use crate::starting::Starting;
use crate::watch;

const DOCKER_IS_ASKED_FOR: &str = "`--engine docker` asks for it";

/// What all commands share.
pub struct Session {
    pub args: Args,
    pub environment: Environment,
    pub printer: Printer,
    pub interrupt: Interrupt,
    pub sandbox: Arc<Starting>,
    pub docker: Arc<Containers>,
}

/// A package whose manifest is read.
pub struct Opened {
    pub tree: Arc<Tree>,
    pub source: ManifestSource,
    pub version: PackageVersion,
}

pub fn main(arguments: Vec<OsString>) -> Exit {
    let printer = Printer::new(ask_for_json(&arguments));
    let args = match Args::try_parse_from(&arguments) {
        Ok(args) => args,
        Err(error) => return unparsed(&printer, &error),
    };
    if let Err(message) = args.check_combinations() {
        return commands::report_stop(&printer, Known::default(), Stop::usage(message));
    }
    let on_interrupt = printer.clone();
    let listening = Interrupt::listen(move || {
        on_interrupt.clear();
        // The terminal has written `^C`: what comes next begins on a line of its own.
        on_interrupt.note("");
        let stop = Stop::new(ErrorKind::Cancelled, "interrupted");
        on_interrupt.object(&json::ended(&Ended::early(Known::default(), stop)));
    });
    let interrupt = match listening {
        Ok(interrupt) => interrupt,
        Err(error) => {
            let stop =
                Stop::new(ErrorKind::Internal, format!("signals cannot be listened to: {error}"));
            return commands::report_stop(&printer, Known::default(), stop);
        }
    };
    let environment = Environment::read(args.cache_dir.clone());
    let sandbox = Starting::new(environment.cache_dir.clone(), printer.clone());
    let docker = Arc::new(Containers::new(&environment));
    let sandbox = Arc::new(sandbox);
    let session = Session { args, environment, printer, interrupt, sandbox, docker };
    let run = || if session.args.watch { watch::watch(&session) } else { session.run_once() };
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let stop = Stop::new(
            ErrorKind::Internal,
            "the program has a mistake of its own; its place is on standard error",
        );
        commands::report_stop(&session.printer, Known::default(), stop)
    })
}

/// Help and the version, or arguments that are wrong.
fn unparsed(printer: &Printer, error: &clap::Error) -> Exit {
    let is_asked_for = matches!(error.kind(), ClapError::DisplayHelp | ClapError::DisplayVersion);
    if printer.is_json() && !is_asked_for {
        let text = error.to_string();
        // The first paragraph says what is wrong; the rest is usage.
        let first = text.split("\n\n").next().unwrap_or(&text).trim().trim_start_matches("error: ");
        let message = first.split_whitespace().collect::<Vec<_>>().join(" ");
        return commands::report_stop(printer, Known::default(), Stop::usage(message));
    }
    // A closed standard output is nobody's loss.
    let _ = error.print();
    if is_asked_for { Exit::Completed } else { Exit::Invalid }
}

impl Session {
    pub fn run_once(&self) -> Exit {
        match self.args.mode() {
            Mode::Run => commands::run::run(self),
            Mode::Check => commands::check::check(self),
            Mode::Schema => commands::schema::schema(self),
            Mode::Test => commands::test::test(self),
            Mode::Bench(calls) => commands::bench::bench(self, calls),
        }
    }

    /// Reads the package's files and manifest.
    pub fn open(&self) -> Result<Opened, Stop> {
        let Archive { tree, script } = package::archive::read(&self.args.package)?;
        let source = package::manifest::read(&Archive { tree: tree.clone(), script })?;
        let version = package::version::of(&tree, &source.manifest.version);
        Ok(Opened { tree, source, version })
    }

    /// Makes a package ready to be called, asking the sandbox only what it has not been asked
    /// before of the same files. With `calls`, images are made of what Docker runs, where there
    /// is one.
    pub fn prepare(
        &self,
        opened: &Opened,
        run_test_cases: bool,
        calls: bool,
    ) -> Result<Prepared, Stop> {
        let running = self.interrupt.cancellable();
        let options = self.options(running.token.clone(), run_test_cases);
        let sandbox = Remembering::new(self.sandbox.as_ref(), &self.environment.cache_dir);
        let engines = Engines { sandbox: &sandbox, docker: self.docker().filter(|_| calls) };
        let live = self.printer.live("reading the package");
        let progress = |_step, message: &str| live.message(message);
        Ok(package::prepare(&opened.tree, &opened.source, &engines, &options, &progress)?)
    }

    /// Docker, where there is one and the command line does not say otherwise.
    pub fn docker(&self) -> Option<&dyn Executor> {
        let wanted = self.args.engine != EngineChoice::Sandbox;
        let found = wanted.then(|| self.docker.executor().ok()).flatten()?;
        Some(found)
    }

    pub fn options(&self, cancel: CancelToken, run_test_cases: bool) -> Options {
        let is_forced = self.args.engine == EngineChoice::Docker;
        Options {
            resolver: Resolver { cancel, ..self.resolver() },
            run_test_cases,
            docker_because: is_forced.then(|| DOCKER_IS_ASKED_FOR.to_owned()),
            ..Options::default()
        }
    }

    pub fn resolver(&self) -> Resolver {
        Resolver {
            uv: self.environment.uv.clone(),
            cache: Some(self.dependencies_folder()),
            ..Resolver::default()
        }
    }

    fn dependencies_folder(&self) -> PathBuf {
        self.environment.cache_dir.join("dependencies")
    }

    /// The one function of a package, or the one that the command line names.
    pub fn pick<'a>(&self, opened: &'a Opened) -> Result<&'a FunctionSpec, Stop> {
        pick(&opened.source.manifest.functions, self.args.function.as_deref())
    }

    /// Why the chosen function cannot be run here, if it needs Docker and there is none.
    pub fn engine_missing(&self, function: &package::PreparedFunction) -> Option<Stop> {
        let is_needed =
            function.engine == model::Engine::Docker && self.args.engine != EngineChoice::Sandbox;
        if !is_needed {
            return None;
        }
        let why = self.docker.executor().err()?;
        let id = &function.spec.id;
        let reason = &function.engine_reason;
        let message = format!("`{id}` needs Docker: {reason}; but there is none here: {why}");
        let help = match self.args.engine {
            EngineChoice::Docker => "leave `--engine` out",
            _ => "to try it in the sandbox all the same, use `--engine sandbox`",
        };
        Some(
            Stop::new(ErrorKind::EngineUnavailable, message)
                .help(format!("start Docker, or deploy it to a platform that has it; {help}")),
        )
    }
}

fn pick<'a>(functions: &'a [FunctionSpec], wanted: Option<&str>) -> Result<&'a FunctionSpec, Stop> {
    let names = || {
        let names: Vec<_> = functions.iter().map(|function| function.id.as_str()).collect();
        names.join(", ")
    };
    match (wanted, functions) {
        (None, [only]) => Ok(only),
        (None, _) => Err(Stop::usage(format!("the package has several functions: {}", names()))
            .help("name one with `--function ID`")),
        (Some(id), _) => {
            functions.iter().find(|function| function.id.as_str() == id).ok_or_else(|| {
                let stop = Stop::usage(format!("there is no function `{id}` in the package"));
                let near = functions
                    .iter()
                    .map(|function| function.id.as_str())
                    .map(|name| (strsim::jaro_winkler(name, id), name))
                    .filter(|(score, _)| *score >= 0.8)
                    .max_by(|(a, _), (b, _)| a.total_cmp(b));
                match near {
                    Some((_, name)) => stop.help(format!("did you mean `{name}`?")),
                    None => stop.help(format!("it has: {}", names())),
                }
            })
        }
    }
}
