//! Packages that bring their own `Dockerfile`: programs, in a container per call.

use std::sync::Arc;
use std::time::Duration;

use mecapy_tests::{Call, kind_of};
use model::image::{ImageError, Recipe};
use model::{Bundle, CancelToken, Executor};
use serde_json::{Value, json};

use crate::support::{Held, Place, bundle_of, ends, failure, place, tree, until};

const DOCKERFILE: &str = "\
# Comments, and a line that goes on.
FROM python-base
ENV GREETING=\"good day\"
COPY solve.py /opt/solve.py
RUN python3 -c \"open('/opt/made', 'w').write('by the build')\" \\
    && chmod 0644 /opt/made
WORKDIR /opt
CMD [\"python3\", \"/opt/solve.py\"]
";

const PROGRAM: &str = r#"
import json, os, sys, time

inputs = json.load(sys.stdin)
what = inputs.get("do")
if what == "exec":
    exec(inputs["code"])
    sys.exit(0)
print("reads", len(inputs), "inputs", file=sys.stderr, flush=True)
json.dump({
    "twice": inputs["x"] * 2, "greeting": os.environ["GREETING"], "made": open("/opt/made").read(),
    "folder": os.getcwd(), "uid": os.getuid(),
}, sys.stdout)
print()
"#;

fn program(place: &Place) -> Arc<Bundle> {
    bundle_of(Recipe {
        is_program: true,
        ..place.recipe("program", tree(&[("Dockerfile", DOCKERFILE), ("solve.py", PROGRAM)]))
    })
}

/// A call of the program that runs lines of Python.
fn exec(place: &Place, bundle: &Arc<Bundle>, code: &str) -> Call {
    place.call(bundle, "handler").inputs(json!({"do": "exec", "code": code}))
}

#[test]
fn a_program_reads_its_inputs_and_writes_its_result() {
    let Some(place) = place() else { return };
    let bundle = program(&place);
    let call = place.call(&bundle, "handler").inputs(json!({"x": 123_456_789_012_345_678_u64}));
    for _ in 0..2 {
        let outcome = call.run(&place.docker);
        let expected = json!({
            "twice": 246_913_578_024_691_356_u64, "greeting": "good day", "made": "by the build",
            "folder": "/opt", "uid": 65534,
        });
        assert_eq!(outcome.result, Ok(expected));
        assert_eq!(outcome.logs.entries[0].message, "reads 1 inputs");
        assert!(outcome.usage.cold && outcome.usage.wall_ms > 0.0, "{:?}", outcome.usage);
    }
    until("each call's container is removed", || place.containers("").is_empty());
    let large = "sys.stdout.write(json.dumps('x' * (8 << 20)))";
    assert_eq!(exec(&place, &bundle, large).value(&place.docker), json!("x".repeat(8 << 20)));
    let mut large = place.call(&bundle, "handler");
    large.inputs = serde_json::from_value(json!({"x": "x".repeat(1 << 20)})).unwrap();
    assert_eq!(large.value(&place.docker)["twice"], json!("x".repeat(2 << 20)));
}

#[test]
fn a_program_has_the_dependencies_of_its_package() {
    let Some(place) = place() else { return };
    let code = "import json, sys, numpy\na = json.load(sys.stdin)['a']\nprint(json.dumps(float(numpy.sum(a))))\n";
    let dockerfile =
        "FROM python-base\nCOPY total.py /opt/\nENTRYPOINT [\"python3\", \"/opt/total.py\"]\n";
    let files = [("Dockerfile", dockerfile), ("total.py", code)];
    let bundle = place.package_with(&files, &["numpy==2.4.6"], false);
    let recipe = bundle.image.as_deref().unwrap().clone();
    let bundle = bundle_of(Recipe { is_program: true, ..recipe });
    let call = place.call(&bundle, "handler").inputs(json!({"a": [[2.0, 0.0], [0.0, 4.0]]}));
    assert_eq!(call.value(&place.docker), json!(6.0));
}

#[test]
fn a_program_fails_in_the_words_of_functions() {
    let Some(place) = place() else { return };
    let bundle = program(&place);
    let fails = |code: &str, kinds: &[&str], words: &str| {
        let call = exec(&place, &bundle, code).limits(|limits| {
            limits.output_bytes = 100_000;
            if kinds[0] == "timeout" {
                limits.timeout = Duration::from_secs(2);
            }
        });
        let outcome = call.run(&place.docker);
        ends(&outcome, kinds);
        let failure = failure(&outcome);
        assert!(failure.message.contains(words), "{code}: {}", failure.message);
        outcome
    };
    let outcome =
        fails("raise ValueError('no such beam')", &["exception"], "ValueError: no such beam");
    let traceback = failure(&outcome).traceback.as_deref().unwrap();
    assert!(traceback.contains("Traceback"), "{traceback}");
    assert!(outcome.logs.entries.iter().any(|entry| entry.message.contains("no such beam")));
    fails("sys.exit(7)", &["exception"], "status 7");
    // What signals do to a process 1 is for the kernel to say.
    fails("os.abort()", &["exception"], "status 13");
    fails("print('no JSON')", &["invalid_outputs"], "not JSON");
    fails("print('{} {}')", &["invalid_outputs"], "not JSON");
    fails("print('NaN')", &["invalid_outputs"], "not JSON");
    fails("os.write(1, bytes([34, 255, 34]))", &["invalid_outputs"], "not JSON");
    fails("pass", &["invalid_outputs"], "not JSON");
    fails("while True: print('x' * 1000)", &["output_too_large"], "100000");
    fails("print(json.dumps('x' * 100_000))", &["output_too_large"], "100000");
    fails("time.sleep(600)", &["timeout"], "2 s");
    fails("os.close(1); os.close(2); time.sleep(600)", &["timeout"], "2 s");
    fails("while True: sys.stderr.write('x' * 1000)", &["timeout"], "2 s");
    // Who has closed all and goes on is not waited for, or until its deadline.
    fails("x = []\nwhile True: x.append(bytearray(1 << 20))", &["memory_exceeded"], "256 MiB");
    until("no container is left", || place.containers("").is_empty());

    let flood = exec(
        &place,
        &bundle,
        "for n in range(100_000): print('x' * 50, file=sys.stderr)\nprint(1)",
    );
    let outcome = flood.run(&place.docker);
    assert_eq!(outcome.result, Ok(json!(1)));
    assert!(outcome.logs.truncated && outcome.logs.entries.len() > 1_000);
    // What it reads of its inputs is its own business.
    let deaf = exec(&place, &bundle, "print(json.dumps('deaf'))");
    let deaf = Call {
        inputs: [("rest".to_owned(), json!("x".repeat(1 << 20)))]
            .into_iter()
            .chain(deaf.inputs.clone())
            .collect(),
        ..deaf
    };
    assert_eq!(deaf.value(&place.docker), json!("deaf"));
}

#[test]
fn a_program_is_cancelled_and_heard_while_it_runs() {
    let Some(place) = place() else { return };
    let bundle = program(&place);
    let code = "print('started', file=sys.stderr, flush=True)\ntime.sleep(600)";
    let mut held = Held::new(exec(&place, &bundle, code));
    held.call = held.call.limits(|limits| limits.timeout = Duration::from_secs(600));
    std::thread::scope(|scope| {
        let running = scope.spawn(|| held.call.run(&place.docker));
        held.heard.wait_for("stderr started");
        assert_eq!(place.containers("running").len(), 1);
        held.call.cancel.cancel();
        let outcome = running.join().unwrap();
        assert_eq!(kind_of(&outcome), "cancelled", "{:?}", outcome.result);
    });
}

#[test]
fn a_program_is_locked_down_as_functions_are() {
    let Some(place) = place() else { return };
    let bundle = program(&place);
    // The guests of the functions, read where they are.
    for (guest, what) in [
        ("kernel", "privileges"),
        ("kernel", "setuid_programs"),
        ("network", "kinds"),
        ("network", "names"),
        ("network", "surroundings"),
        ("host", "mounts"),
        ("host", "devices"),
        ("host", "run_from_tmp"),
        ("host", "writable"),
    ] {
        let folder = mecapy_tests::repository::root().join("tests/tests/docker/guests");
        let text = std::fs::read_to_string(folder.join(format!("{guest}.py"))).unwrap();
        let code = format!(
            "names = {{'__name__': 'guest'}}\nexec({}, names)\nprint(json.dumps(names['{what}']({{}})))",
            json!(text)
        );
        let found = exec(&place, &bundle, &code).value(&place.docker);
        // The runner's filter is not there: an older Docker's own profile lets these through.
        let own = [
            json!("userfaultfd"),
            json!("io_uring_setup"),
            json!(["AF_VSOCK", "SOCK_STREAM", 0]),
            json!(["AF_VSOCK", "SOCK_DGRAM", 0]),
        ];
        let found: Vec<&Value> =
            found.as_array().unwrap().iter().filter(|one| !own.contains(one)).collect();
        assert!(found.is_empty(), "{guest} {what}: {found:?}");
    }
    let code = "print(json.dumps(open('/proc/self/status').read()))";
    let status = exec(&place, &bundle, code).value(&place.docker);
    for line in ["CapEff:\t0000000000000000", "NoNewPrivs:\t1", "Seccomp:\t2", "Uid:\t65534\t65534"]
    {
        assert!(status.as_str().unwrap().contains(line), "{line}: {status}");
    }
}

/// A `Dockerfile` that nobody builds, and what is said of it.
const REFUSED: [(&str, &str); 12] = [
    ("FROM debian:12\nCMD [\"true\"]\n", "debian"),
    ("FROM mecapy-test/python:3.12\nCMD [\"true\"]\n", "mecapy-test"),
    ("FROM python-base AS x\nFROM scratch\nCOPY --from=x / /\nCMD [\"true\"]\n", "scratch"),
    ("FROM python-base\nADD https://example.com/x /x\nCMD [\"true\"]\n", "ADD"),
    ("FROM python-base\nVOLUME /data\nCMD [\"true\"]\n", "VOLUME"),
    ("FROM python-base\nONBUILD RUN true\nCMD [\"true\"]\n", "ONBUILD"),
    ("# syntax=docker/dockerfile:1\nFROM python-base\nCMD [\"true\"]\n", "syntax"),
    ("FROM python-base\nRUN --mount=type=bind,source=/,target=/h true\nCMD [\"true\"]\n", "mount"),
    ("FROM python-base\nRUN --security=insecure true\nCMD [\"true\"]\n", "security"),
    ("FROM python-base\nCOPY --from=mecapy-test/python:3.11 /etc /x\nCMD [\"true\"]\n", "--from"),
    ("ARG B=python-base\nFROM $B-x\nCMD [\"true\"]\n", "$B-x"),
    ("RUN true\n", "FROM"),
];

#[test]
fn dockerfiles_that_reach_beyond_their_build_are_refused() {
    let Some(place) = place() else { return };
    for (text, words) in REFUSED {
        let recipe = Recipe {
            is_program: true,
            ..place.recipe("refused", tree(&[("Dockerfile", text), ("x", "")]))
        };
        let made = place.docker.make_ready(&recipe, &|_| {}, &CancelToken::new());
        match made {
            Err(ImageError::Refused(why)) => {
                assert!(why.contains(words), "{text:?}: `{why}` does not say `{words}`");
            }
            other => panic!("{text:?}: {other:?}"),
        }
        // As a call sees it.
        let outcome = place.call(&bundle_of(recipe), "handler").run(&place.docker);
        ends(&outcome, &["invalid_package"]);
    }
}

#[test]
fn a_build_has_no_network_and_its_failure_is_the_authors() {
    let Some(place) = place() else { return };
    let make = |run: &str| {
        let text = format!("FROM python-base\n{run}\nCMD [\"true\"]\n");
        let recipe = Recipe {
            is_program: true,
            ..place.recipe("built", tree(&[("Dockerfile", text.as_str())]))
        };
        let log = std::sync::Mutex::new(String::new());
        let made = place.docker.make_ready(
            &recipe,
            &|line| {
                let mut log = log.lock().unwrap();
                log.push_str(line);
                log.push('\n');
            },
            &CancelToken::new(),
        );
        (made, log.into_inner().unwrap())
    };
    let reach = "RUN [\"python3\", \"-c\", \"import socket; socket.create_connection(('1.1.1.1', 53), 10)\"]";
    let (made, log) = make(reach);
    assert!(matches!(made, Err(ImageError::Refused(_))), "{made:?}\n{log}");
    let (made, log) = make("RUN echo what the build says && false");
    assert!(matches!(made, Err(ImageError::Refused(_))), "{made:?}");
    assert!(log.contains("what the build says"), "{log}");
}
