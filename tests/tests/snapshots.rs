//! Calls that begin in a snapshot of their function: what they share with none before
//! them, and what a snapshot may not hold.

use std::collections::BTreeSet;
use std::sync::Arc;

use mecapy_tests::{Call, kind_of, sandbox, sandbox_with};
use model::{Executor, NoSnapshot, Snapshot, SnapshotRef, SnapshotSource};
use runtime::Sandbox;
use serde_json::{Value, json};

/// Runs on a thread like those of a server.
fn on_worker<T: Send + 'static>(body: impl FnOnce(Sandbox) -> T + Send + 'static) -> T {
    let sandbox = sandbox_with(|config| config.memories.verify = true);
    runtime::spawn_worker("test", move || body(sandbox)).unwrap().join().unwrap()
}

/// Why a module of these lines, with a handler below, has no snapshot.
fn unfit(sandbox: &Sandbox, lines: &str) -> NoSnapshot {
    let call = Call::of(&format!("{lines}\ndef calculate(inputs):\n    return 1\n"));
    match sandbox.snapshot(&call.snapshot_job(&[])).unwrap() {
        Err(reason) => reason,
        Ok(snapshot) => panic!("{snapshot:?} of\n{lines}"),
    }
}

const CHANCE: &str = "
import random, secrets, tempfile, time, uuid
OWN = random.Random()

def calculate(inputs):
    with tempfile.NamedTemporaryFile() as file:
        name = file.name
    return [
        random.random(), OWN.random(), random.gauss(0, 1), secrets.token_hex(), str(uuid.uuid4()),
        str(uuid.uuid1()), time.time(), time.time_ns(), name,
    ]
";

#[test]
fn two_calls_of_one_snapshot_differ_in_chance_and_time() {
    on_worker(|sandbox| {
        let call = Call::of(CHANCE).from_snapshot(&sandbox);
        let calls: Vec<Value> = (0..5).map(|_| call.value(&sandbox)).collect();
        for index in 0..calls[0].as_array().unwrap().len() {
            let drawn: BTreeSet<String> = calls.iter().map(|one| one[index].to_string()).collect();
            assert_eq!(drawn.len(), calls.len(), "item {index}: {drawn:?}");
        }
    });
}

#[test]
fn deterministic_calls_are_the_same_with_a_snapshot_and_without() {
    on_worker(|sandbox| {
        let call = Call::of(CHANCE).deterministic();
        let without = call.value(&sandbox);
        let call = call.from_snapshot(&sandbox);
        assert_eq!(call.value(&sandbox), without);
        let (one, other) = (call.run(&sandbox), call.run(&sandbox));
        assert_eq!(one.result, other.result);
        assert!(one.usage.fuel.is_some() && one.usage.fuel == other.usage.fuel);
    });
}

#[test]
fn what_an_author_seeded_stays_seeded() {
    on_worker(|sandbox| {
        let module = "import random\nrandom.seed(42)\nOWN = random.Random(7)\n\
                      def calculate(inputs):\n    return [random.random(), OWN.random()]\n";
        let call = Call::of(module);
        let expected = json!([0.6394267984578837, 0.32383276483316237]);
        assert_eq!(call.value(&sandbox), expected);
        let call = call.from_snapshot(&sandbox);
        for _ in 0..3 {
            assert_eq!(call.value(&sandbox), expected);
        }
    });
}

#[test]
fn a_call_leaves_nothing_to_the_next() {
    on_worker(|sandbox| {
        let call = Call::of(
            "import os\nCOUNT = [0]\nCACHE = {}\n\
             def calculate(inputs):\n    COUNT[0] += 1\n    CACHE[COUNT[0]] = bytes(100_000)\n\
             \x20   before = os.listdir('/tmp')\n    open('/tmp/mine', 'w').write('x')\n\
             \x20   print('said')\n    return [COUNT[0], len(CACHE), before]\n",
        )
        .from_snapshot(&sandbox);
        for _ in 0..20 {
            let outcome = call.run(&sandbox);
            assert_eq!(outcome.result.unwrap(), json!([1, 1, []]));
            assert_eq!(outcome.logs.entries.len(), 1);
        }
        assert_eq!(sandbox.memory_use().unequal, 0);
    });
}

#[test]
fn what_modules_are_made_of_is_immortal_and_what_they_hold_is_not() {
    on_worker(|sandbox| {
        let call = Call::of(
            "import json, sys, weakref\n\
             class Held:\n    def __del__(self):\n        ENDED.append('held')\n\
             def helper():\n    return 'a text of ' 'some length'\n\
             ENDED = []\nHELD = [Held()]\nWEAK = weakref.ref(HELD[0])\n\
             def calculate(inputs):\n    HELD.clear()\n\
             \x20   kept = [json.dumps, json, Held, helper, helper.__code__, helper()]\n\
             \x20   mortal = [HELD, ENDED, WEAK, object(), [], {}, inputs]\n\
             \x20   return [ENDED, WEAK() is None, [sys._is_immortal(x) for x in kept],\n\
             \x20           [sys._is_immortal(x) for x in mortal]]\n",
        )
        .from_snapshot(&sandbox);
        for _ in 0..3 {
            let expected = json!([["held"], true, vec![true; 6], vec![false; 7]]);
            assert_eq!(call.value(&sandbox), expected);
        }
    });
}

#[test]
fn the_interpreter_itself_is_immortal_without_a_snapshot() {
    on_worker(|sandbox| {
        let call = Call::of(
            "import json, logging, sys\ndef helper():\n    pass\n\
             def calculate(inputs):\n\
             \x20   return [sys._is_immortal(x) for x in\n\
             \x20       [json, json.dumps, logging.root.handlers, sys.path, sys.modules, helper]]\n",
        );
        assert_eq!(call.value(&sandbox), json!([true, true, true, true, true, false]));
    });
}

#[test]
fn files_are_read_after_a_snapshot_as_before() {
    on_worker(|sandbox| {
        let call = Call::of(
            "import pathlib\nSOURCE = pathlib.Path(__file__).read_text()\n\
             def calculate(inputs):\n    import colorsys, wave\n\
             \x20   return pathlib.Path('handler.py').read_text() == SOURCE\n",
        )
        .from_snapshot(&sandbox);
        for _ in 0..3 {
            assert_eq!(call.value(&sandbox), json!(true));
        }
    });
}

#[test]
fn a_handler_that_can_not_be_kept_says_why_and_works() {
    on_worker(|sandbox| {
        let cases = [
            ("import random\nSEED = random.SystemRandom().random()", "draws random bytes"),
            ("import random\nSTART = random.random()", "draws random numbers"),
            ("import secrets\nKEY = secrets.token_hex()", "draws random bytes"),
            ("import uuid\nID = uuid.uuid4()", "draws random bytes"),
            ("import time\nSTARTED = time.time()", "reads the clock"),
            ("import datetime\nTODAY = datetime.date.today()", "reads the clock"),
            ("FILE = open(__file__)", "leaves files open: /app/handler.py"),
            ("open('/tmp/cache', 'w').close()", "writes to /tmp"),
        ];
        for (lines, why) in cases {
            let NoSnapshot::Unfit(reason) = unfit(&sandbox, lines) else { panic!("{lines}") };
            assert!(reason.contains(why), "{lines}: {reason}");
            let call = Call::of(&format!("{lines}\ndef calculate(inputs):\n    return 1\n"));
            assert_eq!(call.value(&sandbox), json!(1));
        }
        // Read, drawn or opened for the import alone.
        let call = Call::of(
            "import random, time\nx = random.Random().random()\nt = time.perf_counter()\n\
             with open(__file__) as file:\n    file.read()\n\
             def calculate(inputs):\n    return time.perf_counter() > t\n",
        );
        assert_eq!(call.from_snapshot(&sandbox).value(&sandbox), json!(true));
    });
}

#[test]
fn a_handler_that_fails_to_load_has_no_snapshot() {
    on_worker(|sandbox| {
        let NoSnapshot::Failed { warmup: None, failure } = unfit(&sandbox, "1 / 0") else {
            panic!("an import that fails")
        };
        assert!(failure.message.contains("ZeroDivisionError"), "{failure:?}");
        let slow = Call::of("while True: pass\n")
            .limits(|limits| limits.timeout = std::time::Duration::from_millis(300));
        let Ok(Err(NoSnapshot::Failed { failure, .. })) = sandbox.snapshot(&slow.snapshot_job(&[]))
        else {
            panic!("an import that never ends")
        };
        assert_eq!(failure.kind.as_str(), "timeout");
    });
}

#[test]
fn warm_up_calls_leave_their_caches_and_their_failures_are_told() {
    on_worker(|sandbox| {
        let mut call = Call::of(
            "import functools\n@functools.cache\ndef work(n):\n    return n * n\n\
             def calculate(inputs):\n    work(inputs['n'])\n    return work.cache_info().hits\n",
        )
        .inputs(json!({"n": 3}));
        let warm = sandbox.snapshot(&call.snapshot_job(&[json!({"n": 3})])).unwrap().unwrap();
        call.snapshot = Some(warm);
        assert_eq!(call.value(&sandbox), json!(1));
        assert_eq!(call.value(&sandbox), json!(1));
        let broken = sandbox.snapshot(&call.snapshot_job(&[json!({"n": 3}), json!({})])).unwrap();
        let Err(NoSnapshot::Failed { warmup: Some(1), failure }) = broken else {
            panic!("{broken:?}")
        };
        assert!(failure.message.contains("KeyError"));
    });
}

#[test]
fn a_snapshot_that_changes_results_is_not_used() {
    on_worker(|sandbox| {
        let call = Call::of(
            "import random\nrandom.seed(1)\nCALLS = []\n\
             def calculate(inputs):\n    CALLS.append(1)\n    return [len(CALLS), random.random()]\n",
        );
        let mut job = call.snapshot_job(&[json!({})]);
        job.cases = vec![serde_json::Map::new()];
        let Err(NoSnapshot::Unfit(reason)) = sandbox.snapshot(&job).unwrap() else {
            panic!("warming up changes what it counts")
        };
        assert!(reason.contains("test case 1 gives another result"), "{reason}");
        job.warmup.clear();
        assert!(sandbox.snapshot(&job).unwrap().is_ok());
    });
}

/// Bytes that are not what they should be.
struct Wrong(Vec<u8>);

impl SnapshotSource for Wrong {
    fn read(&self) -> std::io::Result<Arc<[u8]>> {
        Ok(self.0.clone().into())
    }
}

#[test]
fn a_snapshot_that_is_not_what_its_id_says_is_never_mapped() {
    on_worker(|sandbox| {
        let module = "def calculate(inputs):\n    return 'right'\n";
        let call = Call::of(module).from_snapshot(&sandbox);
        let whole = call.snapshot.clone().unwrap();
        let sent = whole.source.read().unwrap();
        let other = Call::of("def calculate(inputs):\n    return 'wrong'\n");
        let other = other.from_snapshot(&sandbox).snapshot.unwrap().source.read().unwrap();
        // On a machine that does not have it: truncated, altered, another's, nothing.
        let mut altered = sent.to_vec();
        *altered.last_mut().unwrap() ^= 1;
        for bytes in [sent[..sent.len() / 2].to_vec(), altered, other.to_vec(), Vec::new()] {
            let folder = tempfile::tempdir().unwrap();
            let elsewhere = sandbox_with(|config| config.cache_dir = folder.path().to_owned());
            // Compiled code is everyone's.
            let (from, to) = (mecapy_tests::repository::cache(), folder.path());
            std::os::unix::fs::symlink(from.join("code"), to.join("code")).unwrap();
            let source = Arc::new(Wrong(bytes));
            let mut call = Call::of(module);
            call.snapshot = Some(SnapshotRef { id: whole.id.clone(), source });
            let outcome = call.run(&elsewhere);
            assert_eq!(outcome.result.unwrap(), json!("right"));
            let [warning] = outcome.warnings.as_slice() else { panic!("it is not said") };
            assert!(warning.message.starts_with("the call imported its handler: "));
            assert!(outcome.usage.cold);
            let kept = std::fs::read_dir(to.join("snapshots")).map_or(0, Iterator::count);
            assert_eq!(kept, 0, "what does not fit is not kept");
            call.snapshot = Some(Snapshot { id: whole.id.clone(), bytes: sent.clone() }.into());
            let outcome = call.run(&elsewhere);
            assert_eq!((outcome.result.unwrap(), outcome.warnings), (json!("right"), Vec::new()));
        }
    });
}

#[test]
fn a_file_that_was_altered_on_disk_is_fetched_again() {
    on_worker(|first| {
        let folder = tempfile::tempdir().unwrap();
        let own = |sandbox: &mut runtime::SandboxConfig| {
            sandbox.cache_dir = folder.path().to_owned();
        };
        std::os::unix::fs::symlink(
            mecapy_tests::repository::cache().join("code"),
            folder.path().join("code"),
        )
        .unwrap();
        let mut call =
            Call::of("def calculate(inputs):\n    return 'right'\n").from_snapshot(&first);
        let taken = call.snapshot.take().unwrap();
        let bytes = taken.source.read().unwrap();
        call.snapshot = Some(Snapshot { id: taken.id.clone(), bytes }.into());
        assert_eq!(call.value(&sandbox_with(own)), json!("right"));
        let path = folder.path().join("snapshots").join(format!("{}.snapshot", taken.id));
        let mut content = std::fs::read(&path).unwrap();
        *content.last_mut().unwrap() ^= 1;
        std::fs::write(&path, &content).unwrap();
        assert_eq!(call.value(&sandbox_with(own)), json!("right"));
        assert_ne!(std::fs::read(&path).unwrap(), content);
    });
}

/// Handlers that leave as much behind as they can, each in its own way; each returns what
/// it finds of an earlier call, which has to be nothing.
fn intruder(number: usize) -> Call {
    let body = match number % 10 {
        0 => "MARK.append(inputs['secret']); return len(MARK)",
        1 => {
            "import json; found = getattr(json, 'mark', None); json.mark = inputs['secret']; return 1 if found is None else found"
        }
        2 => {
            "import builtins; found = getattr(builtins, 'mark', None); builtins.mark = inputs['secret']; return 1 if found is None else found"
        }
        3 => {
            "data = bytearray(3_000_000); data[:9] = b'a' * 9; MARK.append(data); return len(MARK)"
        }
        4 => "raise ValueError(inputs['secret'])",
        5 => {
            "import os; found = os.listdir('/tmp'); open('/tmp/' + inputs['secret'], 'w').write('x'); return found or 1"
        }
        6 => {
            "import random; random.seed(inputs['secret']); MARK.append(random.random()); return len(MARK)"
        }
        7 => "return bytes(50_000_000) and 1",
        8 => "import os; os._exit(3)",
        _ => "MARK.append([inputs['secret']] * 10_000); return len(MARK)",
    };
    let module = format!(
        "NUMBER = {number}\nMARK = []\ndef calculate(inputs):\n    assert NUMBER == inputs['number']\n    {}\n",
        body.replace("; ", "\n    ")
    );
    Call::of(&module)
        .inputs(json!({"number": number, "secret": format!("s{number}")}))
        .limits(|limits| limits.memory_bytes = 40 << 20)
}

#[test]
fn a_hundred_thousand_calls_of_fifty_functions_find_no_trace_of_each_other() {
    const FUNCTIONS: usize = 50;
    const CALLS: usize = 100_000;
    let sandbox = Arc::new(sandbox());
    let functions: Arc<Vec<Call>> =
        Arc::new((0..FUNCTIONS).map(|number| intruder(number).from_snapshot(&*sandbox)).collect());
    let workers: Vec<_> = (0..2)
        .map(|worker| {
            let (sandbox, functions) = (sandbox.clone(), functions.clone());
            runtime::spawn_worker("intruders", move || {
                // A walk that visits all, in no order that repeats soon.
                let mut at = worker + 1;
                for _ in 0..CALLS / 2 {
                    at = (at * 1_103_515_245 + 12_345) % (1 << 31);
                    let number = (at >> 8) % FUNCTIONS;
                    let outcome = functions[number].run(&*sandbox);
                    let expected = match number % 10 {
                        4 | 8 => "exception",
                        7 => "memory_exceeded",
                        _ => "completed",
                    };
                    assert_eq!(kind_of(&outcome), expected, "{number}: {:?}", outcome.result);
                    match outcome.result {
                        Ok(value) => assert_eq!(value, json!(1), "{number}"),
                        Err(failure) if number % 10 == 4 => {
                            assert_eq!(failure.message, format!("ValueError: s{number}"));
                        }
                        Err(_) => {}
                    }
                }
            })
            .unwrap()
        })
        .collect();
    for worker in workers {
        worker.join().unwrap();
    }
    let memories = sandbox.memory_use();
    assert!(memories.recycled > (CALLS / 2) as u64 && memories.given_back > 0, "{memories:?}");
}
