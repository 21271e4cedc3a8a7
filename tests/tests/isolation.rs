//! What a call sees of the host, of the calls before and beside it, and of its limits.

use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use mecapy_tests::{Call, kind_of, sandbox, sandbox_with};
use model::limits::{INPUT_BYTES, MIB, TMP_NODES};
use model::{ErrorKind, Events, Executor, ExecutorError, Failure, LogEntry, Outcome};
use runtime::{Metering, Sandbox};
use serde_json::{Value, json};

/// Tries of what is only too slow: a shared machine may have been busy elsewhere.
const ATTEMPTS: usize = 3;

/// How long after a limit is crossed, or after a cancellation, a call may still run.
const GRACE: Duration = Duration::from_millis(100);

const CHANCE: &str = "
import os, random, secrets, tempfile, time, uuid

def calculate(inputs):
    with tempfile.NamedTemporaryFile() as file:
        return {
            'random': random.random(), 'generator': random.Random().random(), 'system': random.SystemRandom().random(),
            'secrets': secrets.token_hex(), 'uuid4': str(uuid.uuid4()), 'urandom': os.urandom(16).hex(),
            'time': time.time_ns(), 'tempfile': file.name, 'mktemp': tempfile.mkdtemp(),
        }
";

#[test]
fn chance_and_time_differ_between_calls() {
    let sandbox = sandbox();
    let (first, second) = (Call::of(CHANCE).value(&sandbox), Call::of(CHANCE).value(&sandbox));
    for (name, value) in first.as_object().unwrap() {
        assert_ne!(value, &second[name], "{name}");
    }
}

#[test]
fn hash_seeds_differ_between_calls() {
    let sandbox = sandbox();
    let call = Call::body("return hash('abc')");
    let first = call.value(&sandbox);
    assert!((0..40).any(|_| call.value(&sandbox) != first), "40 calls, all with {first}");
}

/// Everything that could tell two runs apart, one NaN of each origin included.
const DETERMINISTIC: &str = "
import datetime, json, math, os, random, secrets, struct, tempfile, time, uuid
from mecapy import log

def calculate(inputs):
    infinity, zero = float('inf'), inputs['zero']
    nans = [infinity - infinity, zero * infinity, -(infinity - infinity), math.fmod(zero, 1) * infinity,
            float('nan'), -float('nan'), sum([infinity, -infinity]), abs(-(zero * infinity))]
    print('started at', time.time(), time.monotonic(), time.perf_counter_ns())
    before = time.time()
    time.sleep(2.5)
    log.info(f'slept {time.time() - before}')
    words = {word for word in 'the quick brown fox jumps over the lazy dog'.split()}
    folder = tempfile.mkdtemp()
    for name in words:
        open(os.path.join(folder, name), 'w').close()
    shuffled = list(range(20))
    random.shuffle(shuffled)
    return {
        'nans': [struct.pack('<d', nan).hex() for nan in nans], 'set': list(words), 'hash': hash('abc'),
        'random': random.random(), 'shuffled': shuffled, 'secrets': secrets.token_hex(), 'uuid': str(uuid.uuid4()),
        'urandom': os.urandom(40).hex(), 'now': datetime.datetime.now().isoformat(), 'clock': time.monotonic_ns(),
        'folder': folder, 'names': os.listdir(folder), 'address': id(words) % 4096, 'object': hash(object()),
        'stat': os.stat(os.path.join(folder, 'fox')).st_ino, 'repr': repr(object()), 'cpu': time.process_time_ns(),
        'sum': sum(math.sin(n) for n in range(1000)),
    }
";

/// What must be bit-identical in two runs of a deterministic call.
fn fingerprint(outcome: &Outcome) -> (String, Option<u64>, u64) {
    let logs = &outcome.logs;
    let text = match &outcome.result {
        Ok(value) => format!("{value} {logs:?}"),
        Err(Failure { kind, message, traceback, .. }) => {
            format!("{kind:?} {message} {traceback:?} {logs:?}")
        }
    };
    (text, outcome.usage.fuel, outcome.usage.peak_memory_bytes)
}

#[test]
fn deterministic_calls_are_bit_identical_in_output_and_fuel() {
    let (one, other) = (sandbox(), sandbox());
    // The second one's memories and caches have a past.
    for _ in 0..3 {
        Call::of(CHANCE).limits(|limits| limits.fuel = Some(u64::MAX / 2)).value(&other);
        Call::body("x = [bytearray(1 << 20) for _ in range(50)]").value(&other);
    }
    let raising = "
import random

def calculate(inputs):
    return inputs['zero'] / {'a': random.random() < 2, 'b': 1}['c']
";
    let endless = "
import time

def calculate(inputs):
    n = 0
    while True:
        n += 1
        if not n % 100_000:
            print(n, time.time())
";
    let calls = [
        Call::of(DETERMINISTIC),
        Call::of(raising),
        Call::of(endless).limits(|limits| limits.fuel = Some(500_000_000)),
    ];
    for (call, kind) in calls.into_iter().zip(["completed", "exception", "fuel_exhausted"]) {
        let call = call.inputs(json!({"zero": 0.0})).deterministic();
        let first = call.run(&one);
        assert_eq!(kind_of(&first), kind, "{:?}", first.result);
        let expected = fingerprint(&first);
        assert!(expected.1.is_some_and(|fuel| fuel > 100_000), "{expected:?}");
        for _ in 0..3 {
            assert_eq!(fingerprint(&call.run(&one)), expected, "again in the same sandbox");
            assert_eq!(fingerprint(&call.run(&other)), expected, "in another sandbox");
        }
        let beside = thread::scope(|scope| {
            let running: Vec<_> =
                (0..2).map(|_| scope.spawn(|| fingerprint(&call.run(&one)))).collect();
            running.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(beside.iter().all(|one| *one == expected), "beside another: {beside:?}");
    }
}

#[test]
fn nans_of_deterministic_calls_have_one_form() {
    let call = Call::of(DETERMINISTIC).inputs(json!({"zero": 0.0})).deterministic();
    let nans = call.value(&sandbox())["nans"].clone();
    for nan in nans.as_array().unwrap() {
        let payload = nan.as_str().unwrap();
        // The sign is the one bit that negation is asked to change.
        assert!(["000000000000f87f", "000000000000f8ff"].contains(&payload), "{nans}");
    }
}

#[test]
fn inputs_alone_change_what_a_deterministic_call_gives() {
    let sandbox = sandbox();
    let call = Call::body("return sum(range(inputs['n']))").deterministic();
    let (few, many) = (call.clone().inputs(json!({"n": 10})), call.inputs(json!({"n": 100_000})));
    let (few, many) = (few.run(&sandbox), many.run(&sandbox));
    assert_eq!((few.result.unwrap(), many.result.unwrap()), (json!(45), json!(4_999_950_000_u64)));
    assert!(few.usage.fuel < many.usage.fuel);
}

#[test]
fn the_environment_and_the_command_line_are_empty() {
    let call = Call::of(
        "import os, sys\ndef calculate(inputs):\n    return [dict(os.environ), [x for x in sys.argv if x]]",
    );
    for call in [call.clone(), call.deterministic()] {
        assert_eq!(call.value(&sandbox()), json!([{}, []]));
    }
}

#[test]
fn nothing_is_left_to_the_next_call() {
    const MARKS: &str = "
import builtins, decimal, gc, json, logging, os, random, sys, tempfile, warnings

STATE = []

def calculate(inputs):
    seen = {
        'global': len(STATE), 'function': getattr(calculate, 'mark', None), 'module': getattr(json, 'mark', None),
        'builtin': getattr(builtins, 'mark', None), 'modules': 'mark' in sys.modules, 'path': '/tmp' in sys.path,
        'tmp': os.listdir('/tmp'), 'cwd': os.getcwd(), 'environ': dict(os.environ), 'tempdir': tempfile.tempdir,
        'precision': decimal.getcontext().prec, 'recursion': sys.getrecursionlimit() == 5000,
        'level': logging.getLogger().level, 'filters': len(warnings.filters) > 100,
        'drawn': random.random() == random.Random(7).random(),
    }
    STATE.append(1)
    calculate.mark = json.mark = builtins.mark = 1
    sys.modules['mark'] = sys
    sys.path.append('/tmp')
    with open('/tmp/handler.py', 'w') as file:
        file.write('1/0')
    os.mkdir('/tmp/folder')
    os.chdir('/tmp/folder')
    os.environ['MARK'] = '1'
    tempfile.tempdir = '/app'
    decimal.getcontext().prec = 3
    sys.setrecursionlimit(5000)
    logging.getLogger().setLevel(7)
    warnings.filters.extend([None] * 1000)
    random.seed(7)
    return seen
";
    let sandbox = sandbox();
    let call = Call::of(MARKS);
    // As many calls as there are images, and then some: each must be in a memory used before.
    let first = call.value(&sandbox);
    let clean = json!({
        "global": 0, "function": null, "module": null, "builtin": null, "modules": false, "path": false,
        "tmp": [], "cwd": "/app", "environ": {}, "tempdir": first["tempdir"], "precision": 28, "recursion": false,
        "level": first["level"], "filters": false, "drawn": false,
    });
    assert!(first["level"] != json!(7) && first["tempdir"] != json!("/app"), "{first}");
    for _ in 0..20 {
        assert_eq!(call.value(&sandbox), clean);
    }
    // Nor after an end that is none.
    for end in [
        "import os; os.abort()",
        "while True: pass",
        "raise SystemExit",
        "x = [0]\nwhile True: x += x",
    ] {
        let module = MARKS.replace(
            "    return seen",
            &end.lines().map(|line| format!("    {line}\n")).collect::<String>(),
        );
        let limits = |limits: &mut model::Limits| {
            limits.timeout = Duration::from_millis(300);
            limits.memory_bytes = 64 * MIB;
        };
        for _ in 0..2 {
            assert!(Call::of(&module).limits(limits).run(&sandbox).result.is_err(), "{end}");
            assert_eq!(call.value(&sandbox), clean, "after {end}");
        }
    }
}

#[test]
fn calls_at_the_same_time_do_not_see_each_other() {
    const PAIR: &str = "
import os, random, time

OWN = []

def calculate(inputs):
    name = inputs['name']
    OWN.append(name)
    random.seed(name)
    draws = [random.Random(name).random()]
    with open('/tmp/shared', 'w') as file:
        file.write(name)
    until = time.monotonic() + 0.2
    while time.monotonic() < until:
        assert OWN == [name] and os.listdir('/tmp') == ['shared'] and open('/tmp/shared').read() == name
        time.sleep(0.001)
    return random.random() in draws
";
    let sandbox = sandbox();
    let call = |name: &str| Call::of(PAIR).inputs(json!({"name": name})).value(&sandbox);
    thread::scope(|scope| {
        let running = ["one", "two", "three", "four"].map(|name| scope.spawn(move || call(name)));
        for thread in running {
            assert_eq!(thread.join().unwrap(), json!(true));
        }
    });
}

/// Tells when the handler says that it has begun.
struct Started(Mutex<Sender<()>>);

impl Events for Started {
    fn log(&self, _entry: &LogEntry) {
        // Whoever waits may have heard enough.
        let _ = self.0.lock().unwrap().send(());
    }

    fn progress(&self, _fraction: f64, _message: &str) {}
}

/// How long a call went on after it was cancelled, and how it ended.
fn cancelled(sandbox: &Sandbox, body: &str) -> (Duration, &'static str) {
    let (sender, started) = channel();
    let mut call = Call::body(&format!("print('started', flush=True)\n{body}"));
    call.events = std::sync::Arc::new(Started(Mutex::new(sender)));
    thread::scope(|scope| {
        let running = scope.spawn(|| call.run(sandbox));
        if started.recv_timeout(Duration::from_secs(15)).is_err() {
            call.cancel.cancel();
            panic!("{body}: nothing was logged; it ended with {:?}", running.join().unwrap());
        }
        let at = Instant::now();
        call.cancel.cancel();
        let outcome = running.join().unwrap();
        (at.elapsed(), kind_of(&outcome))
    })
}

#[test]
fn a_cancelled_call_ends_whatever_it_does() {
    let sandbox = sandbox();
    sandbox.warm_up(Metering::Unmetered).unwrap();
    for body in [
        "import time; time.sleep(15)",
        "while True: pass",
        "any(iter(int, 1))",
        "import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        "while True: print('x' * 100)",
        "import asyncio; asyncio.run(asyncio.sleep(15))",
        "import os\nwhile True: os.listdir('/python')",
    ] {
        let mut took = Duration::MAX;
        for _ in 0..ATTEMPTS {
            let (after, kind) = cancelled(&sandbox, body);
            assert_eq!(kind, "cancelled", "{body}");
            took = took.min(after);
            if took <= GRACE {
                break;
            }
        }
        assert!(took <= GRACE, "{body}: {took:?} after it was cancelled, the best of {ATTEMPTS}");
    }
    let call = Call::body("return 1");
    call.cancel.cancel();
    assert_eq!(kind_of(&call.run(&sandbox)), "cancelled", "cancelled before it began");
    assert_eq!(Call::body("return 1").value(&sandbox), json!(1));
}

fn failure(sandbox: &Sandbox, call: &Call) -> Failure {
    call.run(sandbox).result.expect_err("a failure")
}

#[test]
fn time_is_limited() {
    let sandbox = sandbox();
    let timeout = Duration::from_millis(250);
    for body in ["while True: pass", "import time; time.sleep(15)"] {
        let call = Call::body(body).limits(|limits| limits.timeout = timeout);
        let mut wall = Duration::MAX;
        for _ in 0..ATTEMPTS {
            let started = Instant::now();
            let failure = failure(&sandbox, &call);
            wall = wall.min(started.elapsed());
            assert_eq!(failure.kind, ErrorKind::Timeout);
            assert!(failure.message.contains("0.25 s"), "{}", failure.message);
            assert!(wall >= timeout, "{wall:?}");
            if wall <= timeout + GRACE {
                break;
            }
        }
        assert!(wall <= timeout + GRACE, "{body}: {wall:?}");
    }
}

#[test]
fn fuel_is_limited_and_counted() {
    let sandbox = sandbox();
    let budget = 200_000_000;
    let outcome =
        Call::body("while True: pass").limits(|limits| limits.fuel = Some(budget)).run(&sandbox);
    assert_eq!(kind_of(&outcome), "fuel_exhausted");
    assert_eq!(outcome.usage.fuel, Some(budget));
    assert!(outcome.result.unwrap_err().message.contains("200000000"));
    // A budget that suffices is reported as far as it was used; without one nothing is counted.
    let outcome = Call::body("return 1").limits(|limits| limits.fuel = Some(budget)).run(&sandbox);
    assert!(
        outcome.result.is_ok() && outcome.usage.fuel.is_some_and(|fuel| 0 < fuel && fuel < budget)
    );
    assert_eq!(Call::body("return 1").run(&sandbox).usage.fuel, None);
}

#[test]
fn memory_is_limited_and_reported() {
    let sandbox = sandbox();
    let call = |mib: u64| {
        Call::body(&format!("return len(bytearray({mib} << 20))"))
            .limits(|limits| limits.memory_bytes = 128 * MIB)
    };
    let failure = failure(&sandbox, &call(120));
    assert_eq!(failure.kind, ErrorKind::MemoryExceeded);
    assert!(failure.message.contains("128 MiB"), "{}", failure.message);
    let outcome = call(60).run(&sandbox);
    assert_eq!(outcome.result.unwrap(), json!(60 << 20));
    let peak = outcome.usage.peak_memory_bytes;
    assert!((60 * MIB..=128 * MIB).contains(&peak), "{peak}");
    // All that a limit promises can be had, in one piece and in many.
    let most = "x = []\ntry:\n    while True: x.append(bytearray(1 << 20))\nexcept MemoryError:\n    n = len(x)\n    x.clear()\n    return n";
    let blocks = Call::body(most).limits(|limits| limits.memory_bytes = 512 * MIB).value(&sandbox);
    assert!(blocks.as_u64().unwrap() > 440, "{blocks} MiB of 512");
}

#[test]
fn output_is_limited() {
    let sandbox = sandbox();
    // A text of n characters is n + 2 bytes of JSON.
    let call = |n: usize| {
        Call::body(&format!("return 'x' * {n}")).limits(|limits| limits.output_bytes = 1000)
    };
    assert_eq!(failure(&sandbox, &call(999)).kind, ErrorKind::OutputTooLarge);
    assert_eq!(call(998).value(&sandbox).as_str().unwrap().len(), 998);
    assert_eq!(
        failure(&sandbox, &Call::body("return 'x' * (16 << 20)")).kind,
        ErrorKind::OutputTooLarge
    );
    assert!(Call::body("return 'x' * ((16 << 20) - 2)").run(&sandbox).result.is_ok());
}

#[test]
fn logs_are_limited_and_the_call_goes_on() {
    let sandbox = sandbox();
    let outcome = Call::body("for n in range(100_000): print(n, 'x' * 50)\nreturn 1").run(&sandbox);
    assert_eq!(outcome.result.unwrap(), json!(1));
    let bytes: usize = outcome.logs.entries.iter().map(|entry| entry.message.len()).sum();
    assert!(outcome.logs.truncated && bytes <= (1 << 20) + 200, "{bytes}");
    assert!(bytes > 1 << 19, "{bytes}");
    assert!(outcome.logs.entries.last().unwrap().message.contains("quota"));
    let outcome = Call::body("print('a')\nprint('b', end='')").run(&sandbox);
    let lines: Vec<_> = outcome.logs.entries.iter().map(|entry| entry.message.as_str()).collect();
    assert_eq!((lines, outcome.logs.truncated), (vec!["a", "b"], false));
}

#[test]
fn bytes_in_tmp_are_limited() {
    let sandbox = sandbox();
    let write = "
for n in range(100):
    with open(f'/tmp/{n}', 'wb') as file:
        file.write(bytes(1 << 20))";
    // The guest's C library knows no better than EIO; how far it came is exact.
    let count =
        format!("try:{}\nexcept OSError:\n    return n\nreturn -1", write.replace('\n', "\n    "));
    let ten = |limits: &mut model::Limits| limits.tmp_bytes = 10 * MIB;
    assert_eq!(Call::body(&count).limits(ten).value(&sandbox), json!(10));
    assert_eq!(Call::body(&count).value(&sandbox), json!(64));
    // Whoever does not catch it is told what it was.
    let failure = failure(&sandbox, &Call::body(write).limits(ten));
    assert_eq!(failure.kind, ErrorKind::Exception);
    assert!(failure.message.contains("/tmp"), "{}", failure.message);
    assert!(failure.message.contains("10 MiB"), "{}", failure.message);
}

#[test]
fn nodes_in_tmp_are_limited() {
    let sandbox = sandbox();
    for make in ["open(f'/tmp/{n}', 'w').close()", "os.mkdir(f'/tmp/{n}')"] {
        let body = format!(
            "import os\nn = 0\ntry:\n    while True:\n        {make}\n        n += 1\nexcept OSError:\n    return n"
        );
        let made = Call::body(&body).value(&sandbox).as_u64().unwrap();
        // The scratch folder is itself one.
        assert_eq!(made, TMP_NODES as u64 - 1, "{make}");
    }
}

#[test]
fn open_files_are_limited() {
    let sandbox = sandbox();
    let body = "
import os
held = []
try:
    while True: held.append(os.open('/app/handler.py', os.O_RDONLY))
except OSError as error:
    return len(held)";
    let held = match Call::body(body).run(&sandbox).result {
        Ok(held) => held.as_u64().unwrap(),
        Err(failure) => {
            assert_eq!(failure.kind, ErrorKind::Exception, "{}", failure.message);
            0
        }
    };
    assert!(held <= host_api_max_resources(), "{held}");
    assert_eq!(
        Call::body("return open('/app/handler.py').read()[:3]").value(&sandbox),
        json!("def")
    );
}

/// `host_api::MAX_RESOURCES`, which a crate at this end does not see.
fn host_api_max_resources() -> u64 {
    4096
}

#[test]
fn inputs_are_limited() {
    let sandbox = sandbox();
    // `{"x":"…"}` is nine bytes and the text.
    let call = |bytes: usize| {
        Call::body("return len(inputs['x'])").inputs(json!({"x": "x".repeat(bytes - 8)}))
    };
    let failure = failure(&sandbox, &call(INPUT_BYTES + 1));
    assert_eq!(failure.kind, ErrorKind::InvalidInputs);
    assert!(failure.message.contains("at most"), "{}", failure.message);
    assert_eq!(call(INPUT_BYTES).value(&sandbox), json!(INPUT_BYTES - 8));
}

#[test]
fn instances_are_limited_and_given_back() {
    let sandbox = sandbox_with(|config| config.instances = 1);
    let (sender, started) = channel();
    let mut holder = Call::body("import time\nprint(1, flush=True)\ntime.sleep(15)");
    holder.events = std::sync::Arc::new(Started(Mutex::new(sender)));
    thread::scope(|scope| {
        let running = scope.spawn(|| holder.run(&sandbox));
        started.recv_timeout(Duration::from_secs(20)).expect("the handler to begin");
        let second = sandbox.run(&Call::body("return 1").job());
        holder.cancel.cancel();
        assert_eq!(kind_of(&running.join().unwrap()), "cancelled");
        assert!(matches!(second, Err(ExecutorError::Unavailable(_))), "{second:?}");
    });
    for _ in 0..10 {
        assert_eq!(Call::body("return 1").value(&sandbox), json!(1));
    }
}

#[test]
fn usage_is_reported() {
    let sandbox = sandbox();
    let call = Call::body("import time\ntime.sleep(0.05)\nreturn sum(range(100_000))");
    let usage = call.run(&sandbox).usage;
    assert!(
        usage.wall_ms >= 50.0 && usage.cpu_ms > 0.0 && usage.cpu_ms < usage.wall_ms,
        "{usage:?}"
    );
    assert!(usage.peak_memory_bytes > MIB && usage.peak_memory_bytes < 128 * MIB, "{usage:?}");
    let phases = usage.phases;
    let sum = phases.instantiate + phases.load + phases.call;
    assert!(
        sum.as_secs_f64() * 1e3 <= usage.wall_ms && phases.call >= Duration::from_millis(50),
        "{usage:?}"
    );
    let value: Value = serde_json::to_value(&usage).unwrap();
    assert_eq!(value.as_object().unwrap().len(), 5, "{value}");
}
