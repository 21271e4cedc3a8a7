//! What calls give, and what is heard of them.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use mecapy_tests::{kind_of, sandbox};
use model::executor::{Description, ImportRef, TestReport};
use model::limits::MIB;
use model::{Bundle, Executor, Operation, Outcome};
use serde_json::{Value, json};

use crate::support::{Files, Heard, Held, Place, WAIT, ends, failure, place, tree};

#[test]
fn results_are_what_the_handler_returned() {
    let Some(place) = place() else { return };
    // Numbers as Python writes them: they have to come back to the letter.
    let value = model::json::parse(
        r#"{"nothing": null, "flags": [true, false],
            "integers": [0, -1, 9007199254740993, 18446744073709551616,
                         123456789012345678901234567890123456789012345678901234567890],
            "floats": [0.1, -0.0, 5e-324, 1.7976931348623157e+308, 1e+22, 3.0],
            "texts": ["", "é漢😀", "\u0000\n\"\\\u2028"],
            "nested": {"a": [{"b": {}}, [], [[]]]}, "": "an empty key"}"#,
    )
    .unwrap();
    let whole = place.body_with("return inputs['value']", json!({ "value": value }));
    assert_eq!(whole.value(&place.docker), value);
    for (key, part) in value.as_object().unwrap() {
        let call = place.body_with("return inputs['value']", json!({ "value": part }));
        assert_eq!(call.value(&place.docker), *part, "{key}");
    }
    let large = json!("x".repeat(12 << 20));
    let call = place.body_with("return inputs['value']", json!({ "value": large }));
    assert!(call.value(&place.docker) == large, "a result of 12 MiB is another");
    let call = place.body("return list(inputs)");
    assert_eq!(call.value(&place.docker), json!(["code"]));
}

#[test]
fn what_a_call_says_is_heard_while_it_runs() {
    let Some(place) = place() else { return };
    let body = format!(
        "import logging, mecapy, os, sys
mecapy.log('one', level='warning')
logging.getLogger('solver').error('two')
print('three', file=sys.stderr, flush=True)
mecapy.progress(0.25, 'a quarter')
os.write(1, b'four\\n')
{WAIT}
print('unfinished', end='')
return 'done'"
    );
    let held = Held::new(place.body(&body));
    let outcome = thread::scope(|scope| {
        let running = scope.spawn(|| held.call.run(&place.docker));
        // The call ends only when it is let go of: all this is heard before.
        for what in
            ["warning one", "error solver: two", "stderr three", "0.25 a quarter", "stdout four"]
        {
            held.heard.wait_for(what);
        }
        held.wait_until_started();
        held.let_go();
        running.join().unwrap()
    });
    assert_eq!(outcome.result, Ok(json!("done")));
    let said = held.heard.said();
    let at = |what: &str| said.iter().position(|one| one == what);
    // What Python says is in order; what is written past it has none.
    let ordered = ["warning one", "error solver: two", "stderr three", "0.25 a quarter"];
    assert!(ordered.map(at).is_sorted() && at("stdout unfinished").is_some(), "{said:?}");
    assert_eq!(outcome.logs.entries.len() + 1, said.len(), "{said:?} and {:?}", outcome.logs);
    assert!(outcome.logs.entries.iter().map(|entry| entry.at_ms).is_sorted());
}

#[test]
fn logs_are_limited_and_the_call_goes_on() {
    let Some(place) = place() else { return };
    let floods = [
        "for n in range(100_000): print(n, 'x' * 50)\nreturn 1",
        "import mecapy\nfor n in range(30_000): mecapy.log('x' * 50)\nreturn 1",
        "import os\nfor n in range(1_000): os.write(1 + n % 2, b'x' * 5_000)\nreturn 1",
    ];
    for flood in floods {
        let outcome = place.body(flood).run(&place.docker);
        assert_eq!(outcome.result, Ok(json!(1)), "{flood}");
        let bytes: usize = outcome.logs.entries.iter().map(|entry| entry.message.len()).sum();
        assert!(outcome.logs.truncated && bytes <= (1 << 20) + 200, "{flood}: {bytes}");
        assert!(bytes > 1 << 18, "{flood}: {bytes}");
        assert!(outcome.logs.entries.last().unwrap().message.contains("quota"), "{flood}");
    }
    let outcome = place.body("print('a')\nprint('b', end='')").run(&place.docker);
    let lines: Vec<_> = outcome.logs.entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!((lines, outcome.logs.truncated), (vec!["a", "b"], false));
}

#[test]
fn files_are_read_and_written() {
    let Some(place) = place() else { return };
    let files = Files::default();
    let mesh: Vec<u8> = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
    files.put("meshes/a.msh", &mesh);
    files.put("empty", b"");
    let with = |body: &str| {
        let mut call = place.body(body);
        call.files = Arc::new(files.clone());
        call.run(&place.docker)
    };
    let outcome = with(
        "import mecapy
with mecapy.files.open('meshes/a.msh') as mesh, mecapy.files.open('out/copy', 'wb') as copy:
    while chunk := mesh.read(100_000):
        copy.write(chunk)
mecapy.files.write('out/text.txt', 'é')
mecapy.upload_to_s3(b'', 'out/nothing')
return [len(mecapy.files.read('out/copy')), mecapy.files.read_text('out/text.txt'), mecapy.files.read('empty') == b'']",
    );
    assert_eq!(outcome.result, Ok(json!([3_000_000, "é", true])));
    assert!(files.get("out/copy").unwrap() == mesh, "the copy is another");
    assert_eq!(files.get("out/text.txt").unwrap(), "é".as_bytes());
    assert_eq!(files.get("out/nothing").unwrap(), b"");

    let outcome = with(
        "import mecapy, os
kept = mecapy.files.open('out/never-closed', 'w')
kept.write('half')
with mecapy.files.open('out/raised', 'w') as out:
    out.write('half')
    raise ValueError('in the midst')",
    );
    assert_eq!(failure(&outcome).message, "ValueError: in the midst");
    let outcome = with(
        "import mecapy, os
out = mecapy.files.open('out/exited', 'w')
out.write('half' * 100_000)
os._exit(1)",
    );
    ends(&outcome, &["exception"]);
    let keys = ["empty", "meshes/a.msh", "out/copy", "out/nothing", "out/text.txt"];
    assert_eq!(files.keys(), keys);
}

#[test]
fn files_that_cannot_be_had_are_pythons_own_errors() {
    let Some(place) = place() else { return };
    let body = "
import mecapy
def told(what):
    try:
        return what()
    except Exception as error:
        return [type(error).__name__, str(error)]
held = []
def open_many():
    for n in range(100):
        held.append(mecapy.files.open('a'))
    return len(held)
return {
    'missing': told(lambda: mecapy.files.read('none')),
    'climbing': told(lambda: mecapy.files.read('../a')),
    'absolute': told(lambda: mecapy.files.write('/a', 'x')),
    'no text': told(lambda: mecapy.files.read(3)),
    'many': told(open_many),
    'after that': told(lambda: [file.close() for file in held] and len(mecapy.files.read('a'))),
}";
    let files = Files::default();
    files.put("a", b"12345");
    let mut call = place.body(body);
    call.files = Arc::new(files);
    let told = call.value(&place.docker);
    // To the letter what the sandbox tells: but for numbers of errors, which are WASI's there.
    assert_eq!(told["missing"][0], "FileNotFoundError");
    assert!(told["missing"][1].as_str().unwrap().contains("no such file among the call's files"));
    assert_eq!(
        (&told["climbing"][0], &told["absolute"][0]),
        (&json!("ValueError"), &json!("ValueError"))
    );
    assert_eq!(told["no text"][0], "TypeError");
    assert!(told["many"][1].as_str().unwrap().contains("64 files are open"), "{told}");
    assert_eq!(told["after that"], 5);
    let call = place.body("import mecapy\nmecapy.files.write('a', 'x')");
    let message = failure(&call.run(&place.docker)).message.clone();
    assert!(message.contains("no place for output files"), "{message}");
}

/// What an operation answers.
fn operate(
    executor: &dyn Executor,
    bundle: &Arc<Bundle>,
    place: &Place,
    what: Operation,
) -> Outcome {
    let mut job = place.call(bundle, "handler").job();
    job.operation = what;
    executor.run(&job).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_handler_describes_itself_as_in_the_sandbox() {
    let Some(place) = place() else { return };
    let bundle = place.package(&[(
        "handler.py",
        r#"
from dataclasses import dataclass
from typing import Annotated, List, Literal, Optional, TypedDict
from pydantic import Field

@dataclass
class Bar:
    """A bar."""
    length: Annotated[float, Field(gt=0, description="in m")]
    steel: Literal["S235", "S355"] = "S235"

class Result(TypedDict):
    mass: float

def calculate(bars: Annotated[List[Bar], Field(min_length=1)], factor: float = 1.5, note: Optional[str] = None) -> Result:
    """Sums up.

    Parameters
    ----------
    factor : float
        Of safety
    """
    return {"mass": sum(bar.length for bar in bars) * factor}
"#,
    )]);
    let describe =
        || Operation::Describe { handler: place.call(&bundle, "handler").handler.clone() };
    let here = operate(&place.docker, &bundle, &place, describe()).result.unwrap();
    let there = operate(&sandbox(), &bundle, &place, describe()).result.unwrap();
    assert_eq!(here, there);
    let description: Description = serde_json::from_value(here).unwrap();
    assert_eq!(description.inputs_schema["properties"]["factor"]["description"], "Of safety");
    let call = place.call(&bundle, "handler").inputs(json!({"bars": [{"length": 2}], "factor": 2}));
    assert_eq!(call.value(&place.docker), json!({"mass": 4.0}));
}

#[test]
fn code_is_inspected_as_in_the_sandbox() {
    let Some(place) = place() else { return };
    let bundle = place.package(&[
        ("handler.py", "import math, os\nimport json as used\ndef calculate(inputs):\n    return eval(used.dumps(1))\n"),
        ("helpers/broken.py", "def broken(:\n"),
    ]);
    let inspect = || Operation::Inspect { policy: Default::default() };
    let here = operate(&place.docker, &bundle, &place, inspect()).result.unwrap();
    let there = operate(&sandbox(), &bundle, &place, inspect()).result.unwrap();
    // Interpreters differ in how they word what is wrong with the syntax.
    for part in ["imports", "problems"] {
        let without_words = |found: &Value| {
            let mut found = found[part].clone();
            for one in found.as_array_mut().unwrap() {
                one.as_object_mut().unwrap().remove("message");
            }
            found
        };
        assert_eq!(without_words(&here), without_words(&there));
    }
    assert_eq!(here["problems"].as_array().unwrap().len(), 3, "{here}");
}

#[test]
fn tests_of_a_package_are_run_in_its_image() {
    let Some(place) = place() else { return };
    let files = [
        ("handler.py", "def calculate(inputs):\n    return inputs['a'] * 2\n"),
        (
            "tests/test_handler.py",
            "import pytest, handler, os, tempfile
def test_double(tmp_path):
    (tmp_path / 'x').write_text('x')
    assert handler.calculate({'a': 2}) == 4
def test_wrong():
    assert handler.calculate({'a': 2}) == 5
@pytest.mark.skip
def test_left_out(): pass
@pytest.mark.parametrize('a', [1, 2])
def test_many(a): print('printed'); assert a
",
        ),
    ];
    let bundle = place.package_with(&files, &[], true);
    let outcome = operate(&place.docker, &bundle, &place, Operation::Test);
    let report: TestReport = serde_json::from_value(outcome.result.unwrap()).unwrap();
    assert_eq!((report.passed, report.failed, report.skipped), (3, 1, 1), "{report:?}");
    let wrong = report.tests.iter().find(|test| test.outcome == "failed").unwrap();
    assert_eq!(wrong.name, "tests/test_handler.py::test_wrong");
    assert!(wrong.message.as_ref().unwrap().contains("assert 4 == 5"), "{wrong:?}");
}

const CHANCE: &str = "
import os, random, secrets, tempfile, uuid
return [random.random(), random.Random().random(), secrets.token_hex(8), str(uuid.uuid4()),
        os.urandom(8).hex(), tempfile.mktemp(), list({'a', 'b', 'c', 'd', 'e', 'f'})]";

#[test]
fn chance_is_fresh_in_every_call_and_fixed_in_deterministic_ones() {
    let Some(place) = place() else { return };
    let call = place.body(CHANCE);
    let drawn: Vec<Value> = (0..4).map(|_| call.value(&place.docker)).collect();
    for i in 0..6 {
        let mut parts: Vec<String> = drawn.iter().map(|one| one[i].to_string()).collect();
        parts.sort();
        parts.dedup();
        assert_eq!(parts.len(), drawn.len(), "part {i}: {parts:?}");
    }
    let call = call.deterministic();
    let fixed = call.value(&place.docker);
    assert_eq!(call.value(&place.docker), fixed);
    // In another container, too.
    place.docker.close();
    assert_eq!(call.value(&place.docker), fixed);
    let outcome = place.body("print('x')").deterministic().run(&place.docker);
    assert!(outcome.logs.entries.iter().all(|entry| entry.at_ms == 0.0));
}

#[test]
fn imports_that_are_left_out_are_not_missed() {
    let Some(place) = place() else { return };
    let module =
        "import no_such.module\nimport json\ndef calculate(inputs):\n    return json.dumps(1)\n";
    let call = place.of(module);
    let told = failure(&call.run(&place.docker)).clone();
    assert_eq!(told.message, "ModuleNotFoundError: No module named 'no_such'");
    let missing = told.missing_module.unwrap();
    assert_eq!(
        (missing.name.as_str(), missing.file.as_deref(), missing.line),
        ("no_such", Some("handler.py"), Some(1))
    );
    let import =
        ImportRef { module: "no_such.module".to_owned(), file: "handler.py".to_owned(), line: 1 };
    let mut left_out = call.clone();
    let (app, image) = (call.bundle.app.clone(), call.bundle.image.clone());
    left_out.bundle = Arc::new(Bundle { app, image, left_out: vec![import], ..Bundle::default() });
    assert_eq!(left_out.value(&place.docker), json!("1"));
    // The other call is none of its container.
    ends(&call.run(&place.docker), &["exception"]);
}

#[test]
fn usage_is_reported() {
    let Some(place) = place() else { return };
    let first = place.body("return 1").run(&place.docker).usage;
    assert!(first.cold && first.fuel.is_none(), "{first:?}");
    let busy = place
        .body("import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass")
        .run(&place.docker)
        .usage;
    assert!(busy.cpu_ms > 200.0 && busy.wall_ms > 200.0, "{busy:?}");
    // Processes that it started and waited for count, too.
    let child = place
        .body("import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'import time\\nwhile time.process_time() < 0.3: pass'], check=True)")
        .run(&place.docker);
    assert_eq!(child.result, Ok(Value::Null));
    assert!(child.usage.cpu_ms > 200.0, "{:?}", child.usage);
    let small = place.body("return 1").run(&place.docker).usage.peak_memory_bytes;
    let large = place.body("return len(bytearray(100 << 20))").run(&place.docker).usage;
    let large = large.peak_memory_bytes;
    assert!(small > MIB && large > 100 * MIB && large > small + 60 * MIB, "{small} and {large}");
}

#[test]
fn a_module_that_takes_long_to_import_is_waited_for() {
    let Some(place) = place() else { return };
    let slow = "import time\ntime.sleep(SECONDS)\nprint('imported')\ndef calculate(inputs):\n    return 'there'\n";
    let call = place.of(&slow.replace("SECONDS", "3"));
    for _ in 0..2 {
        let outcome = call.run(&place.docker);
        assert_eq!(outcome.result, Ok(json!("there")));
        assert_eq!(outcome.logs.entries[0].message, "imported");
    }
    let call = place
        .of(&slow.replace("SECONDS", "3000"))
        .limits(|limits| limits.timeout = Duration::from_secs(1));
    for _ in 0..2 {
        ends(&call.run(&place.docker), &["timeout"]);
    }
}

#[test]
fn a_call_that_is_never_silent_ends_at_its_deadline() {
    let Some(place) = place() else { return };
    // Else the first one's container would still have to start.
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
    for chatter in [
        "while True: mecapy.progress(0.5, 'x' * 100)",
        "while True: print('x' * 100)",
        "while True: mecapy.log('x')",
        "while True: mecapy.files.read('a')",
        "with mecapy.files.open('b', 'wb') as out:\n    while True: out.write(b'x'); out.flush()",
        "while True:\n    try: mecapy.files.read('none')\n    except OSError: pass",
        "import os\nwhile True: os.write(1, b'x' * 60_000)",
    ] {
        let mut call = place.body(&format!("import mecapy\n{chatter}"));
        call = call.limits(|limits| limits.timeout = Duration::from_secs(1));
        let files = Files::default();
        files.put("a", &vec![0; 300_000]);
        call.files = Arc::new(files);
        call.events = Arc::new(Heard::default());
        let began = Instant::now();
        let outcome = call.run(&place.docker);
        assert_eq!(kind_of(&outcome), "timeout", "{chatter}: {:?}", outcome.result);
        assert!(began.elapsed() < Duration::from_secs(120), "{chatter}: {:?}", began.elapsed());
    }
    assert_eq!(place.body("return 1").value(&place.docker), json!(1));
}

#[test]
fn numpy_works_and_is_there_before_the_call() {
    let Some(place) = place() else { return };
    let module = "
import numpy as np

def calculate(inputs):
    if inputs.get('huge'):
        return float(np.ones(1 << 40).sum())
    a = np.array(inputs['a'])
    threads = len(__import__('os').listdir('/proc/self/task'))
    return {'x': np.linalg.solve(a, inputs['b']).tolist(), 'drawn': np.random.rand(), 'large': float((np.ones((300, 300)) @ np.ones((300, 300))).sum()), 'threads': threads}
";
    let bundle = place.package_with(&[("handler.py", module)], &["numpy==2.4.6"], false);
    let call = place.call(&bundle, "handler");
    let solve = call.clone().inputs(json!({"a": [[3, 1], [1, 2]], "b": [9, 8]}));
    let first = solve.value(&place.docker);
    assert_eq!((&first["x"], &first["large"]), (&json!([2.0, 3.0]), &json!(27_000_000.0)));
    let second = solve.value(&place.docker);
    assert_ne!(first["drawn"], second["drawn"]);
    // One core, one thread.
    assert_eq!(first["threads"], 1);
    let fixed = solve.clone().deterministic();
    assert_eq!(fixed.value(&place.docker), fixed.value(&place.docker));
    let told = call.inputs(json!({"huge": true})).run(&place.docker);
    assert_eq!(kind_of(&told), "memory_exceeded", "{:?}", told.result);
}

#[test]
fn a_job_without_an_image_is_our_own_mistake() {
    let Some(place) = place() else { return };
    let mut call = place.body("return 1");
    call.bundle = Arc::new(Bundle { app: tree(&[]), ..Bundle::default() });
    let error = place.docker.run(&call.job()).unwrap_err();
    assert!(error.to_string().contains("without an image"), "{error}");
}
