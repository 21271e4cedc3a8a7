//! What a preparation asks of an engine that runs images.

#![allow(clippy::result_large_err, reason = "as calls answer")]

mod common;

use std::sync::Mutex;

use common::scripted::{Scripted, described};
use common::tree;
use mecapy_package::{
    Archive, Engines, Options, PrepareError, Prepared, manifest, prepare, run_tests,
};
use model::executor::{Inspection, TestReport};
use model::image::{Base, ImageError, Platform, Recipe};
use model::manifest::PythonVersion;
use model::{
    CancelToken, Engine, ErrorKind, Executor, ExecutorError, Failure, Job, Logs, Operation,
    Outcome, Usage,
};
use serde_json::json;

const PYTHON: PythonVersion = PythonVersion { major: 3, minor: 11 };

const MANIFEST: &str = "\
version: \"1.0\"
metadata:
  name: beam
runtime:
  engine: docker
  base_image: python-scientific
quality:
  test_cases:
    - inputs: {a: 1}
      expected_outputs: {b: 2}
";

/// Makes images that are never there, and answers for them.
#[derive(Default)]
struct Docker {
    asked: Mutex<Vec<String>>,
    describe: Option<Failure>,
    refuses: Option<ImageError>,
    is_away: bool,
}

impl Docker {
    fn note(&self, text: impl Into<String>) {
        self.asked.lock().unwrap().push(text.into());
    }
}

impl Executor for Docker {
    fn engine(&self) -> Engine {
        Engine::Docker
    }

    fn run(&self, job: &Job) -> Result<Outcome, ExecutorError> {
        let image = job.bundle.image.as_ref().expect("its image");
        assert_eq!((image.name.as_str(), &*job.tenant), ("beam", "acme"));
        let result = match &job.operation {
            Operation::Describe { handler } => {
                self.note(format!("describe {handler}"));
                let schema = json!({"type": "object", "properties": {"a": {"type": "integer"}}});
                self.describe.clone().map_or(Ok(described(schema)), Err)
            }
            Operation::Call { handler, .. } => {
                self.note(format!("call {handler}"));
                Ok(json!({"b": 2}))
            }
            Operation::Test => {
                self.note("test");
                Ok(serde_json::to_value(TestReport::default()).unwrap())
            }
            Operation::Inspect { .. } => panic!("syntax is the sandbox's"),
        };
        Ok(Outcome { result, logs: Logs::default(), warnings: Vec::new(), usage: Usage::default() })
    }

    fn platform(&self, base: &Base) -> Result<Platform, ExecutorError> {
        if self.is_away {
            return Err(ExecutorError::Unavailable("the daemon is away".to_owned()));
        }
        let base = format!("{}:{PYTHON}", base.name);
        Ok(Platform { base, python: PYTHON, target: "x86_64-manylinux_2_28".to_owned() })
    }

    fn make_ready(
        &self,
        recipe: &Recipe,
        log: &dyn Fn(&str),
        _cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        log("Step 1/3");
        self.note(format!(
            "image over {}, {} bytes of locks",
            recipe.platform.base,
            recipe.lock.len()
        ));
        self.refuses.clone().map_or(Ok(()), Err)
    }
}

fn prepared(
    docker: Option<&Docker>,
    options: Options,
    files: &[(&str, &str)],
) -> (Result<Prepared, PrepareError>, Vec<String>) {
    let sandbox = Scripted { inspection: Inspection::default(), ..Scripted::default() };
    let archive = Archive { tree: tree(files), script: None };
    let source = manifest::read(&archive).unwrap_or_else(|error| panic!("{error}"));
    let engines =
        Engines { sandbox: &sandbox, docker: docker.map(|docker| docker as &dyn Executor) };
    let options = Options { tenant: "acme".into(), ..options };
    let progress = Mutex::new(Vec::new());
    let hear = |step: mecapy_package::Step, message: &str| {
        progress.lock().unwrap().push(format!("{step}: {message}"));
    };
    let prepared = prepare(&archive.tree, &source, &engines, &options, &hear);
    if let Ok(prepared) = &prepared {
        let report = run_tests(prepared, &engines, &options).unwrap();
        assert!(report.passed());
    }
    (prepared, progress.into_inner().unwrap())
}

const FILES: [(&str, &str); 2] =
    [("mecapy.yaml", MANIFEST), ("handler.py", "def calculate(inputs): ...")];

#[test]
fn what_docker_runs_is_described_and_tested_there() {
    let docker = Docker::default();
    let (prepared, progress) = prepared(Some(&docker), Options::default(), &FILES);
    let prepared = prepared.unwrap();
    let function = &prepared.functions[0];
    assert_eq!(function.engine, Engine::Docker);
    assert_eq!(function.engine_reason, "the manifest says `engine: docker`");
    assert!(function.described && function.snapshot.is_none());
    assert_eq!(function.inputs_schema.value()["properties"]["a"]["type"], "integer");
    let image = function.image.as_ref().unwrap();
    assert_eq!(
        (image.platform.base.as_str(), image.platform.python),
        ("python-scientific:3.11", PYTHON)
    );
    assert!(image.lock.is_empty() && image.preload.is_empty() && !image.is_program);
    assert_eq!(
        *docker.asked.lock().unwrap(),
        [
            "image over python-scientific:3.11, 0 bytes of locks",
            "describe handler:calculate",
            "call handler:calculate"
        ]
    );
    assert!(progress.contains(&"image: Step 1/3".to_owned()), "{progress:?}");
}

#[test]
fn without_docker_it_is_chosen_and_not_made() {
    let (prepared, _) = prepared(None, Options::default(), &FILES);
    let prepared = prepared.unwrap();
    assert_eq!(prepared.functions[0].engine, Engine::Docker);
    assert!(prepared.functions[0].image.is_none());
}

#[test]
fn the_caller_may_want_docker_whatever_the_manifest_says() {
    let options = Options { docker_because: Some("asked for".to_owned()), ..Options::default() };
    for engine in ["auto", "sandbox"] {
        let manifest = MANIFEST.replace("docker", engine);
        let files = [("mecapy.yaml", manifest.as_str()), FILES[1]];
        let docker = Docker::default();
        let (prepared, _) = prepared(Some(&docker), options.clone(), &files);
        let function = &prepared.unwrap().functions[0];
        assert_eq!(
            (function.engine, function.engine_reason.as_str()),
            (Engine::Docker, "asked for")
        );
    }
}

#[test]
fn the_sandbox_needs_no_docker() {
    let manifest = MANIFEST.replace("docker", "sandbox");
    let files = [("mecapy.yaml", manifest.as_str()), FILES[1]];
    let docker = Docker { is_away: true, ..Docker::default() };
    let sandbox = Scripted { call: Some(|_| Ok(json!({"b": 2}))), ..Scripted::default() };
    let archive = Archive { tree: tree(&files), script: None };
    let source = manifest::read(&archive).unwrap();
    let engines = Engines { sandbox: &sandbox, docker: Some(&docker) };
    let prepared =
        prepare(&archive.tree, &source, &engines, &Options::default(), &|_, _| {}).unwrap();
    assert_eq!(prepared.functions[0].engine, Engine::Sandbox);
    assert!(docker.asked.lock().unwrap().is_empty());
}

#[test]
fn what_is_wrong_with_an_image_is_told() {
    let of = |docker: &Docker| prepared(Some(docker), Options::default(), &FILES).0.unwrap_err();
    let refused = ImageError::Refused("the image is larger than 1 GiB".to_owned());
    let error = of(&Docker { refuses: Some(refused), ..Docker::default() });
    let PrepareError::Package(error) = error else { panic!("{error}") };
    assert_eq!(error.problems[0].step, mecapy_package::Step::Image);
    assert!(error.to_string().contains("larger than 1 GiB"), "{error}");

    let away = ImageError::Unavailable("the daemon is away".to_owned());
    let error = of(&Docker { refuses: Some(away), ..Docker::default() });
    assert!(matches!(error, PrepareError::Unavailable(_)), "{error}");
    let error = of(&Docker { is_away: true, ..Docker::default() });
    assert!(matches!(error, PrepareError::Executor(ExecutorError::Unavailable(_))), "{error}");

    let raised = Failure::new(ErrorKind::Exception, "ValueError: no");
    let error = of(&Docker { describe: Some(raised), ..Docker::default() });
    let PrepareError::Package(error) = error else { panic!("{error}") };
    assert!(error.to_string().contains("importing the handler"), "{error}");
}

#[test]
fn a_program_is_not_asked_to_describe_itself() {
    let files = [FILES[0], ("Dockerfile", "FROM python-base\nCMD [\"python3\", \"/app/x.py\"]\n")];
    let docker = Docker::default();
    let (prepared, _) = prepared(Some(&docker), Options::default(), &files);
    let function = &prepared.unwrap().functions[0];
    assert!(function.is_program() && !function.described);
    assert_eq!(function.engine_reason, "the package brings its own Dockerfile");
    let asked = docker.asked.lock().unwrap().join("; ");
    assert!(asked.contains("call") && !asked.contains("describe"), "{asked}");
}
