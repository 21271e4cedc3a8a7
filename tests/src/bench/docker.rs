//! Calls in containers: at hand and cold, beside `docker exec` and `docker run` of the same
//! handler in the same image.

use std::fs;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fallback_docker::daemon::Daemon;
use fallback_docker::images::Images;
use fallback_docker::settings::Bases;
use fallback_docker::{Docker, Settings};
use model::manifest::PythonVersion;
use model::{Executor, Limits, Tree};
use package::dependencies::Resolver;
use package::{Archive, Engines, Options, manifest, prepare};
use serde_json::{Value, json};

use super::Scale;
use super::calls::{Measured, repeated};
use super::statistics::{Times, ratio};
use super::table::Table;
use crate::call::{Call, sandbox};
use crate::repository;

const WITH_NUMPY: &str = "
import numpy as np


def calculate(inputs):
    return {'x': np.linalg.solve(np.array(inputs['a']), np.array(inputs['b'])).tolist()}
";

const WITH_ALL: &str = "
import numpy as np
import pandas as pd
from scipy import linalg


def calculate(inputs):
    x = linalg.solve(np.array(inputs['a']), np.array(inputs['b']))
    return {'x': pd.Series(x).tolist()}
";

const NUMPY: &str = "numpy==2.4.6";
const ALL: &str = "numpy==2.4.6, scipy==1.16.3, pandas==2.3.3";

/// The same handler in a process of its own.
const ALONE: &str = "
import json, sys
sys.path[:0] = ['/app', '/deps']
from handler import calculate
print(json.dumps(calculate(json.loads(sys.argv[1]))))
";

/// As a container of ours, as far as Docker's client has words for it.
const LOCKS: [&str; 9] = [
    "--network=none",
    "--read-only",
    "--tmpfs=/tmp:noexec",
    "--cap-drop=ALL",
    "--security-opt=no-new-privileges",
    "--pids-limit=128",
    "--memory=608m",
    "--log-driver=none",
    "--entrypoint=python3",
];

fn inputs() -> Value {
    json!({"a": [[4.0, 1.0, 0.0], [1.0, 3.0, 1.0], [0.0, 1.0, 2.0]], "b": [1.0, 2.0, 3.0]})
}

pub fn measure(scale: Scale) {
    let settings = Settings {
        owner: format!("bench {}", std::process::id()),
        images: "mecapy-test/bench".to_owned(),
        bases: Bases {
            python: base("MECAPY_DOCKER_PYTHON_BASE"),
            scientific: base("MECAPY_DOCKER_SCIENTIFIC_BASE"),
            ..Bases::default()
        },
        versions: vec![PythonVersion { major: 3, minor: 11 }],
        ..Settings::default()
    };
    let docker = Docker::new(settings.clone()).unwrap_or_else(|error| panic!("{error}"));
    if let Err(error) = docker.check() {
        panic!("{error}: run `tools/docker ensure` and `tools/test-images`");
    }
    let images = Images::new(Daemon::new(None).expect("threads"), &settings);
    let mut calls = Table::new(
        &format!(
            "A 3x3 solve in a container (ms; {} calls at hand, {} cold)",
            scale.warm, scale.cold
        ),
        &[
            "",
            "told p50",
            "p95",
            "whole p50",
            "p95",
            "cold p50",
            "p95",
            "of that container",
            "RSS MiB",
        ],
    );
    let mut beside = Table::new(
        "The same handler in the same image (ms; ratios to a call at hand, and to a cold one)",
        &["", "exec p50", "p95", "to at hand", "run p50", "p95", "to cold"],
    );
    for (name, handler, packages) in
        [("numpy", WITH_NUMPY, NUMPY), ("numpy, scipy, pandas", WITH_ALL, ALL)]
    {
        let call = prepared(&docker, handler, packages);
        let Measured { told, whole, .. } = repeated(&docker, &call, 5, scale.warm);
        let resident = resident(&settings.owner);
        let (cold, container) = cold(&docker, &call, scale.cold);
        docker.close();
        let ends = |times: &Times| [times.p50(), times.quantile(0.95)].map(milliseconds);
        calls.row(
            [name.to_owned()]
                .into_iter()
                .chain([&told, &whole, &cold].into_iter().flat_map(ends))
                .chain([milliseconds(container.p50()), resident]),
        );
        let recipe = call.bundle.image.as_ref().expect("a bundle of an image");
        let image = images.tag(recipe).expect("an image that was just used");
        let exec = exec(&image, scale.beside);
        let run = run(&image, scale.beside);
        let [exec_p50, exec_p95] = ends(&exec);
        let [run_p50, run_p95] = ends(&run);
        let to_warm = ratio(exec.p50(), told.p50());
        let to_cold = ratio(run.p50(), cold.p50());
        beside.row([name.to_owned(), exec_p50, exec_p95, to_warm, run_p50, run_p95, to_cold]);
    }
    calls.print();
    beside.print();
}

fn base(variable: &str) -> String {
    std::env::var(variable).unwrap_or_else(|_| "mecapy-test/python:{version}".to_owned())
}

fn milliseconds(micros: f64) -> String {
    format!("{:.1}", micros / 1e3)
}

/// A function as a deploy prepares it, its image made.
fn prepared(docker: &Docker, handler: &str, packages: &str) -> Call {
    let text = format!(
        "name: bench\nversion: \"1.0.0\"\nruntime: {{engine: docker, timeout: 60, memory_limit: 512}}\n\
         dependencies: {{packages: [{packages}]}}\n\
         functions:\n  bench:\n    handler: handler:calculate\n"
    );
    let mut tree = Tree::new();
    for (path, content) in [("handler.py", handler), ("mecapy.yml", &text)] {
        tree.insert(path, content).expect("a path that an empty tree takes");
    }
    let tree: Arc<Tree> = tree.into();
    let archive = Archive { tree: tree.clone(), script: None };
    let source = manifest::read(&archive).unwrap_or_else(|error| panic!("{error}"));
    let resolver =
        Resolver { cache: Some(repository::cache().join("dependencies")), ..Resolver::default() };
    let options = Options { resolver, ..Options::default() };
    let sandbox = sandbox();
    let engines = Engines { sandbox: &sandbox, docker: Some(docker) };
    let prepared = prepare(&tree, &source, &engines, &options, &|_, _| {})
        .unwrap_or_else(|error| panic!("{error}"));
    let function = &prepared.functions[0];
    let mut call = Call::of("").inputs(inputs());
    call.bundle = function.bundle.clone();
    call.handler = function.spec.handler.clone();
    call.limits = Limits { timeout: Duration::from_secs(60), ..function.spec.runtime.limits() };
    call
}

/// The time until the outcome is known where no container is ready, and how much of it is
/// starting one, its runner included.
fn cold(docker: &Docker, call: &Call, calls: usize) -> (Times, Times) {
    let (mut told, mut container) = (Vec::new(), Vec::new());
    for _ in 0..calls {
        docker.close();
        let Measured { phases, told: one, .. } = repeated(docker, call, 0, 1);
        told.push(Duration::from_secs_f64(one.p50() / 1e6));
        container.extend(phases.iter().map(|phases| phases.instantiate));
    }
    (Times::new(told), Times::new(container))
}

/// `docker exec` in a container that is running anyway.
fn exec(image: &str, times: usize) -> Times {
    let mut start = vec!["run", "--detach", "--rm"];
    start.extend(LOCKS);
    start.extend([image, "-c", "import time; time.sleep(86400)"]);
    let container = docker(&start);
    let container = container.trim();
    let measured = timed(times, &["exec", container, "python3", "-c", ALONE]);
    docker(&["kill", container]);
    measured
}

/// `docker run`: a container for one call.
fn run(image: &str, times: usize) -> Times {
    let mut arguments = vec!["run", "--rm"];
    arguments.extend(LOCKS);
    arguments.extend([image, "-c", ALONE]);
    timed(times, &arguments)
}

fn timed(times: usize, arguments: &[&str]) -> Times {
    let inputs = inputs().to_string();
    let arguments: Vec<&str> = arguments.iter().copied().chain([inputs.as_str()]).collect();
    docker(&arguments);
    Times::new((0..times).map(|_| {
        let started = Instant::now();
        let said = docker(&arguments);
        let took = started.elapsed();
        assert!(said.starts_with("{\"x\": ["), "{said}");
        took
    }))
}

/// What Docker's own client prints.
fn docker(arguments: &[&str]) -> String {
    let output =
        Command::new("docker").args(arguments).stdin(Stdio::null()).output().expect("docker");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {error}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Memory of the one container there is that is nobody else's, as the kernel counts it.
fn resident(owner: &str) -> String {
    let label = format!("label=mecapy.owner={owner}");
    let ids = docker(&["ps", "--quiet", "--filter", &label]);
    let Some(id) = ids.lines().next() else { return "?".to_owned() };
    let pid = docker(&["inspect", "--format", "{{.State.Pid}}", id]);
    let groups = fs::read_to_string(format!("/proc/{}/cgroup", pid.trim())).unwrap_or_default();
    let counted = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let (folder, name) = match controllers {
            "" => ("/sys/fs/cgroup", "anon "),
            _ if controllers.split(',').any(|one| one == "memory") => {
                ("/sys/fs/cgroup/memory", "total_rss ")
            }
            _ => return None,
        };
        let statistics = fs::read_to_string(format!("{folder}{path}/memory.stat")).ok()?;
        let line = statistics.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().parse::<u64>().ok()
    });
    counted.map_or_else(|| "?".to_owned(), |bytes| format!("{:.0}", bytes as f64 / 1048576.0))
}
