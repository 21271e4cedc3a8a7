//! How calls fail: with the kinds, words and places of the sandbox.

use std::thread;
use std::time::Duration;

use mecapy_tests::{Call, kind_of, sandbox};
use model::limits::INPUT_BYTES;
use model::{ErrorKind, Executor, Failure};
use serde_json::json;

use crate::support::{Held, Place, WAIT, ends, failure, place, until};

/// Bodies of handlers that fail in one way, whichever engine runs them.
const BODIES: [(&str, &str); 22] = [
    ("exception", "raise ValueError('no such beam')"),
    ("exception", "raise KeyError"),
    ("exception", "raise RuntimeError('a\\nb\\x00\\ud800')"),
    ("exception", "1 / 0"),
    ("exception", "assert False, 'never'"),
    ("exception", "import no_such_module"),
    ("exception", "import sys; sys.exit('enough')"),
    ("exception", "raise SystemExit(3)"),
    ("exception", "raise KeyboardInterrupt"),
    ("exception", "raise ExceptionGroup('many', [ValueError('one')])"),
    ("exception", "class Own(Exception):\n    def __str__(self): raise OSError('x')\nraise Own"),
    // WASI knows one status of failure.
    ("exception", "import os; os._exit(1)"),
    ("exception", "import os; os._exit(0)"),
    ("exception", "import os; os.abort()"),
    ("invalid_outputs", "return float('nan')"),
    ("invalid_outputs", "return {'a': [1, {'b': {1, 2}}]}"),
    ("invalid_outputs", "return object"),
    ("invalid_outputs", "x = []; x.append(x); return x"),
    ("output_too_large", "return 'x' * 2_000"),
    ("memory_exceeded", "raise MemoryError"),
    ("memory_exceeded", "return len(bytearray(1 << 30))"),
    ("timeout", "while True: pass"),
];

/// Modules whose handler cannot be had.
const MODULES: [(&str, &str, &str); 7] = [
    ("invalid_package", "no_handler", "def other(): ...\n"),
    ("invalid_package", "not_callable", "calculate = 3\n"),
    ("exception", "broken", "def calculate(inputs)\n    return 1\n"),
    ("exception", "raises", "number = 'x'\n\nint(number)\n"),
    ("exception", "misses", "from no_such import thing\ndef calculate(inputs): ...\n"),
    ("exception", "exits", "import os\nos._exit(1)\n"),
    (
        "invalid_inputs",
        "typed",
        "from typing import List\n\ndef calculate(lengths: List[float], count: int = 2) -> float:\n    return sum(lengths) * count\n",
    ),
];

/// How a call ends in both engines, which has to be alike.
fn alike(place: &Place, sandbox: &dyn Executor, call: &Call, kind: &str, what: &str) {
    let (here, there) = (call.run(&place.docker), call.run(sandbox));
    assert_eq!(kind_of(&here), kind, "{what}: {:?}", here.result);
    assert_eq!(kind_of(&there), kind, "{what}, in the sandbox: {:?}", there.result);
    let (here, there) = (failure(&here), failure(&there));
    assert_eq!(here.message, there.message, "{what}");
    assert_eq!(here.violations, there.violations, "{what}");
    assert_eq!(here.missing_module, there.missing_module, "{what}");
    // Whom the kernel ends for want of memory has no last word.
    if !(kind == "memory_exceeded" && here.traceback.is_none()) {
        assert_eq!(places(here), places(there), "{what}");
    }
}

/// The lines of a traceback that say where; interpreters differ in the rest.
fn places(failure: &Failure) -> Vec<&str> {
    let lines = failure.traceback.as_deref().unwrap_or_default().lines();
    lines.map(str::trim).filter(|line| line.starts_with("File ")).collect()
}

#[test]
fn failures_are_told_in_the_sandboxs_words() {
    let Some(place) = place() else { return };
    let sandbox = sandbox();
    for (kind, body) in BODIES {
        let call = place.body(body).limits(|limits| {
            limits.output_bytes = 1_000;
            if kind == "timeout" {
                limits.timeout = Duration::from_millis(1_500);
            }
        });
        alike(&place, &sandbox, &call, kind, body);
    }
    let modules: Vec<(String, &str)> =
        MODULES.iter().map(|(_, name, text)| (format!("{name}.py"), *text)).collect();
    let files: Vec<(&str, &str)> =
        modules.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    let bundle = place.package(&files);
    for (kind, name, _) in MODULES {
        let call = place.call(&bundle, name).inputs(json!({"lengths": [1, "x"], "cuont": 1}));
        // Twice: the second time the container was there before.
        alike(&place, &sandbox, &call, kind, name);
        alike(&place, &sandbox, &call, kind, name);
    }
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
}

#[test]
fn a_traceback_has_the_authors_lines_and_no_others() {
    let Some(place) = place() else { return };
    let bundle = place.package(&[
        ("handler.py", "from parts import beams\n\n\ndef calculate(inputs):\n    return beams.length(inputs['beam'])\n"),
        (
            "parts/beams.py",
            "import json\n\n\ndef length(beam):\n    try:\n        return json.loads(beam)['length']\n    except KeyError as error:\n        raise ValueError('no length') from error\n",
        ),
    ]);
    let told = |beam: &str| {
        let call = place.call(&bundle, "handler").inputs(json!({"beam": beam}));
        failure(&call.run(&place.docker)).clone()
    };
    let failure = told("{}");
    assert_eq!(failure.message, "ValueError: no length");
    let traceback = failure.traceback.as_deref().unwrap();
    assert_eq!(
        places(&failure),
        [
            "File \"parts/beams.py\", line 6, in length",
            "File \"handler.py\", line 5, in calculate",
            "File \"parts/beams.py\", line 8, in length"
        ],
        "{traceback}"
    );
    assert!(traceback.contains("raise ValueError('no length') from error"), "{traceback}");
    let failure = told("{");
    let traceback = failure.traceback.as_deref().unwrap();
    assert!(places(&failure).len() > 2 && traceback.contains("\"/python/json/"), "{traceback}");
    for word in ["mecapy", "/app/", "/usr/", "_mecapy_runner"] {
        assert!(!traceback.contains(word), "{word}: {traceback}");
    }
}

#[test]
fn memory_is_limited_however_it_is_taken() {
    let Some(place) = place() else { return };
    // In one piece that nobody has; page by page until the kernel ends the process; both again
    // in C code, that is told nothing.
    for greedy in [
        "return len(bytearray(1 << 45))",
        "x = []\nwhile True: x.append(bytearray(1 << 20))",
        "x = [0]\nwhile True: x += x",
        "import mmap\nx = mmap.mmap(-1, 1 << 30)\nfor at in range(0, 1 << 30, 4096): x[at] = 1",
    ] {
        let outcome = place.body(greedy).run(&place.docker);
        ends(&outcome, &["memory_exceeded"]);
        let message = &failure(&outcome).message;
        assert!(message.contains("256 MiB"), "{greedy}: {message}");
        assert_eq!(place.body("return 1").value(&place.docker), json!(1), "after {greedy}");
    }
    // A process of the call's own: the kernel takes that, or the call.
    let outcome = place
        .body(
            "import subprocess, sys
ended = subprocess.run([sys.executable, '-c', 'x = []\\nwhile True: x.append(bytearray(1 << 20))'])
return ended.returncode",
        )
        .run(&place.docker);
    match &outcome.result {
        // Ended by the kernel, or by its own MemoryError.
        Ok(status) => assert!([json!(-9), json!(1)].contains(status), "{status}"),
        Err(_) => ends(&outcome, &["memory_exceeded"]),
    }
    // What a limit promises can be had, and had again.
    for _ in 0..3 {
        let call = place.body("return len(bytearray(200 << 20))");
        assert_eq!(call.value(&place.docker), json!(200 << 20));
    }
}

#[test]
fn a_process_that_ends_by_itself_is_told_as_that() {
    let Some(place) = place() else { return };
    for (body, words) in [
        ("import os; os._exit(3)", "with status 3"),
        ("import os; os.kill(os.getpid(), 15)", "SIGTERM"),
        ("import ctypes; ctypes.string_at(0)", "SIGSEGV"),
        ("import os; os.abort()", "aborted"),
        ("import signal, time; signal.alarm(1); time.sleep(100)", "SIGALRM"),
        ("import os\nos.closerange(0, 1024)\nos._exit(5)", "with status 5"),
        // Not for want of memory.
        ("import os; os.kill(os.getpid(), 9)", "SIGKILL"),
    ] {
        let outcome =
            place.body(&format!("print('before', flush=True)\n{body}")).run(&place.docker);
        ends(&outcome, &["exception"]);
        assert!(failure(&outcome).message.contains(words), "{body}: {:?}", outcome.result);
        assert_eq!(outcome.logs.entries[0].message, "before", "{body}");
        assert_eq!(place.body("return 1").value(&place.docker), json!(1), "after {body}");
    }
}

#[test]
fn inputs_are_limited() {
    let Some(place) = place() else { return };
    // As JSON: `{"code":"…","x":"…"}`.
    let code = "return len(inputs['x'])";
    let around = serde_json::to_string(&json!({"code": code, "x": ""})).unwrap().len();
    let call = |bytes: usize| place.body_with(code, json!({"x": "x".repeat(bytes - around)}));
    let outcome = call(INPUT_BYTES + 1).run(&place.docker);
    assert_eq!(failure(&outcome).kind, ErrorKind::InvalidInputs);
    assert!(failure(&outcome).message.contains("at most"), "{:?}", outcome.result);
    let most = call(INPUT_BYTES).limits(|limits| limits.memory_bytes *= 2);
    assert_eq!(most.value(&place.docker), json!(INPUT_BYTES - around));
}

#[test]
fn a_cancelled_call_ends_whatever_it_does() {
    let Some(place) = place() else { return };
    for body in [
        "import time; time.sleep(600)",
        "while True: pass",
        "any(iter(int, 1))",
        "while True: print('x' * 100)",
        "import signal\nfor n in (2, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: signal.pause()",
        "import subprocess; subprocess.run(['sleep', '600'])",
        WAIT,
    ] {
        let mut held = Held::new(place.body(&format!("print('started', flush=True)\n{body}")));
        held.call = held.call.limits(|limits| limits.timeout = Duration::from_secs(600));
        let outcome = thread::scope(|scope| {
            let running = scope.spawn(|| held.call.run(&place.docker));
            held.wait_until_started();
            held.call.cancel.cancel();
            until("the call ends", || running.is_finished());
            running.join().unwrap()
        });
        assert_eq!(kind_of(&outcome), "cancelled", "{body}: {:?}", outcome.result);
        assert_eq!(place.body("return 1").value(&place.docker), json!(1), "after {body}");
    }
}

#[test]
fn a_call_can_be_cancelled_before_it_runs_and_while_its_container_starts() {
    let Some(place) = place() else { return };
    let call = place.body("return 1");
    call.cancel.cancel();
    assert_eq!(kind_of(&call.run(&place.docker)), "cancelled");
    assert_eq!(place.docker.statistics().started_total, 0);

    // Whenever it is: the call is cancelled, or was done already.
    for after in [0, 50, 150, 300, 600, 1_200] {
        let call = place.body("return 1");
        place.docker.close();
        let outcome = thread::scope(|scope| {
            let running = scope.spawn(|| call.run(&place.docker));
            thread::sleep(Duration::from_millis(after));
            call.cancel.cancel();
            running.join().unwrap()
        });
        ends(&outcome, &["cancelled", "completed"]);
    }
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
}
