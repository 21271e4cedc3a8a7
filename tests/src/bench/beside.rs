//! The same call made in other ways, in the same run: what isolation costs elsewhere, and
//! what the call costs without any.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::{Bundle, HandlerRef, Limits};
use python_wasm::PYTHON_PLAIN;
use runtime::Sandbox;
use serde_json::{Value, json};

use super::Scale;
use super::calls::{repeated, worker};
use super::native::{FORK, Python, WARM, seconds};
use super::statistics::{Times, ratio};
use super::table::Table;
use crate::call::{Call, sandbox_with};

/// Calls of each by one interpreter, each timed by itself; nothing is isolated from anything.
const REPEAT: &str = "
import json, sys, time

def repeat(inputs):
    text = json.dumps(inputs['inputs'])
    times = []
    for _ in range(inputs['n']):
        started = time.perf_counter()
        json.dumps(calculate(json.loads(text)))
        times.append(time.perf_counter() - started)
    return times
";

/// One call by a process of its own.
const ONCE: &str = "
import json, sys
print(json.dumps(calculate(json.loads(sys.argv[1]))))
";

/// A function, and how it is called with a memory at hand and without.
pub struct Function<'a> {
    pub name: &'a str,
    pub handler: &'a str,
    pub call: &'a Call,
    pub whole: &'a Times,
    pub cold: &'a Times,
    /// Whether an import of it takes long, so that few can be measured.
    pub heavy: bool,
}

pub fn measure(sandbox: &Arc<Sandbox>, pythons: &[Python], functions: &[Function], scale: Scale) {
    let plain = Arc::new(sandbox_with(|config| config.flavour = &PYTHON_PLAIN));
    plain.warm_up(runtime::Metering::Metered).expect("the unfused component to load");
    for function in functions {
        let mut table = Table::new(
            &format!("The same call in other ways: {} (µs)", function.name),
            &["", "calls", "p50", "p99", "to at hand"],
        );
        let mut row = |what: &str, times: &Times| {
            let [p50, _, p99] = times.cells();
            let ratio = ratio(times.p50(), function.whole.p50());
            table.row([what.to_owned(), times.count().to_string(), p50, p99, ratio]);
        };
        row("isolated, a memory at hand, whole", function.whole);
        row("isolated, cold, told", function.cold);
        let heavy = function.heavy;
        let few = move |many: usize| if heavy { (many / 20).clamp(1, 3) } else { many };
        let (shared, call) = (plain.clone(), without_snapshot(function.call));
        let times = worker(move || repeated(&*shared, &call, 0, few(scale.calls / 10)).whole);
        row("isolated, unfused component, handler imported", &times);
        let folder = tempfile::tempdir().expect("a temporary folder");
        write(&function.call.bundle, folder.path());
        let inputs = Value::Object(function.call.inputs.clone());
        for python in pythons {
            let version = &python.version;
            let path = format!("import sys\nsys.path.insert(0, {:?})\n", folder.path());
            let handler = format!("{path}{}", function.handler);
            let times = python.run(
                &format!("{WARM}{handler}{FORK}"),
                &json!({"n": scale.forks, "inputs": inputs}),
            );
            row(&format!("fork() of CPython {version}, same modules"), &seconds(&times));
            let times = (0..few(scale.processes)).map(|_| {
                let program = format!("{handler}{ONCE}");
                let started = Instant::now();
                let output = Command::new(python.command)
                    .args(["-I", "-c", &program, &inputs.to_string()])
                    .output();
                assert!(output.is_ok_and(|output| output.status.success()), "{}", python.command);
                started.elapsed()
            });
            let times = Times::new(times.collect::<Vec<_>>());
            row(&format!("a process of CPython {version}"), &times);
            let program =
                format!("{WARM}{handler}{REPEAT}\nprint(json.dumps(repeat(json.load(sys.stdin))))");
            let times = python.run(&program, &json!({"n": scale.calls, "inputs": inputs}));
            row(&format!("not isolated, in CPython {version}"), &seconds(&times));
        }
        let call = repeating(function, scale.calls, inputs);
        let shared = sandbox.clone();
        row("not isolated, in one instance", &seconds(&worker(move || call.value(&*shared))));
        table.print();
    }
}

fn without_snapshot(call: &Call) -> Call {
    Call { snapshot: None, ..call.clone() }
}

/// A call that makes calls of the function by turns, within its one instance.
fn repeating(function: &Function, calls: usize, inputs: Value) -> Call {
    let of_package = &function.call.bundle;
    let mut app = (*of_package.app).clone();
    app.insert("repeat.py", format!("from handler import calculate\n{REPEAT}").as_str())
        .expect("a name that the package does not have");
    let mut call = without_snapshot(function.call).inputs(json!({"n": calls, "inputs": inputs}));
    call.bundle =
        Arc::new(Bundle { app: app.into(), deps: of_package.deps.clone(), ..Bundle::default() });
    call.handler =
        HandlerRef { path: "repeat".to_owned(), callable: "repeat".to_owned(), init: Vec::new() };
    call.limits = Limits { timeout: Duration::from_secs(60), ..call.limits };
    call
}

/// The dependencies as files, for an interpreter of this machine.
fn write(bundle: &Bundle, folder: &Path) {
    for (path, bytes) in bundle.deps.files() {
        let path = folder.join(path);
        let below = path.parent().expect("a path within the folder");
        std::fs::create_dir_all(below).expect("a temporary folder that takes files");
        std::fs::write(path, bytes.as_slice()).expect("a temporary folder that takes files");
    }
}
