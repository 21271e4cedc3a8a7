//! The hostile guests of `tests/hostile` in containers: each must end there as it has to, and
//! the call after it, in the same container wherever that can be, must know nothing of it.
//!
//! Most are called by one handler, so that they share warm containers; those that do their
//! harm when they are imported, or by their signature, have a handler each.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use fallback_docker::Docker;
use fallback_docker::containers::spec;
use mecapy_tests::corpus::{self, Case, compare, table};
use mecapy_tests::{Call, kind_of};
use model::{Bundle, Executor, HandlerRef, Tree};
use serde_json::{Map, Value, json};

use self::differences::{LEFT_OUT, OTHERWISE};
use crate::support;

mod differences;

/// Calls at a time, each of another tenant.
const AT_ONCE: usize = 3;

/// Fewer than the guests have use for, so that containers come and go all the time.
const CONTAINERS: usize = 8;

/// A corpus that cannot be found would pass.
const LEAST_CASES: usize = 250;

/// For guests that are not to run into their deadline: theirs is the sandbox's, where nothing
/// else runs. What takes as long as this has hung.
const PATIENCE: Duration = Duration::from_secs(120);

/// For guests that have to say something before their deadline.
const TIME_TO_SPEAK: Duration = Duration::from_secs(4);

/// How late a call may end on a machine that has much else to do.
const GRACE: Duration = Duration::from_secs(30);

/// Calls a guest by its name, or is somebody else's function if none is given.
const HANDLER: &str = "

import importlib

bystander = calculate


def calculate(inputs):
    guest = inputs.get('guest')
    if guest is None:
        return bystander(inputs)
    return importlib.import_module(guest).calculate(inputs['inputs'])
";

/// A guest, and how it is called here.
struct Guest {
    case: Case,
    /// Why it ends otherwise than in the sandbox, if it does.
    why: Option<&'static str>,
}

#[test]
fn every_guest_ends_in_a_container_as_it_has_to_and_harms_nobody() {
    let Some(place) = support::place_with(|settings| settings.pool.containers = CONTAINERS) else {
        return;
    };
    let (guests, app) = guests();
    let bundle = support::bundle_of(place.recipe("hostile-guests", app));
    let next = AtomicUsize::new(0);
    let failures = Mutex::new(Vec::new());
    let began = Instant::now();
    std::thread::scope(|scope| {
        for number in 0..AT_ONCE {
            let (place, guests, bundle, next, failures) =
                (&place, &guests, &bundle, &next, &failures);
            scope.spawn(move || {
                let tenant: Arc<str> = format!("tenant-{number}").into();
                while let Some(guest) = guests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let wrong = judge(&place.docker, guest, bundle, &tenant);
                    if !wrong.is_empty() {
                        let mut failures = failures.lock().unwrap_or_else(PoisonError::into_inner);
                        failures.push((guest.case.name.clone(), wrong));
                    }
                }
            });
        }
    });
    let mut failures = failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    failures.sort();
    println!(
        "{} guests in {:.0} s, {} not as expected; {:?}",
        guests.len(),
        began.elapsed().as_secs_f64(),
        failures.len(),
        place.docker.statistics()
    );
    assert!(failures.is_empty(), "{}", table(&failures));
}

/// Those that make sense in a container, and a package of all of them.
fn guests() -> (Vec<Guest>, Arc<Tree>) {
    // `MECAPY_HOSTILE=mem_` runs only those whose names begin so.
    let chosen = std::env::var("MECAPY_HOSTILE").unwrap_or_default();
    let cases = corpus::read();
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    let listed = OTHERWISE.iter().flat_map(|other| other.guests);
    for name in LEFT_OUT.iter().flat_map(|(guests, _)| *guests).chain(listed) {
        assert!(names.contains(name), "there is no guest `{name}`");
    }
    let mut app = Tree::new();
    let handler = format!("{}{HANDLER}", corpus::BYSTANDER);
    app.insert("handler.py", handler.as_str()).expect("a path that an empty tree takes");
    for case in &cases {
        let source = case.call.bundle.app.file("handler.py").expect("a guest's module");
        app.insert(&format!("{}.py", case.name), source.to_vec()).expect("a name of its own");
    }
    let mut guests: Vec<Guest> = cases
        .into_iter()
        .filter(|case| case.name.starts_with(&chosen))
        .filter(|case| !LEFT_OUT.iter().any(|(guests, _)| guests.contains(&case.name.as_str())))
        .map(expected_here)
        .collect();
    assert!(!chosen.is_empty() || guests.len() >= LEAST_CASES, "only {} guests", guests.len());
    // Those of the same limits share containers; one that never ends its import would keep a
    // core busy, so they come first and are soon the ones that make room.
    guests.sort_by_key(|guest| {
        let limits = &guest.case.call.limits;
        (!has_handler_of_its_own(&guest.case), limits.memory_bytes, limits.tmp_bytes)
    });
    (guests, app.into())
}

/// What is expected of a guest in a container.
fn expected_here(mut case: Case) -> Guest {
    let other = OTHERWISE.iter().find(|other| other.guests.contains(&case.name.as_str()));
    if let Some(other) = other {
        case.kinds = other.kinds.iter().map(|kind| (*kind).to_owned()).collect();
        (case.contains, case.result) = (None, None);
    }
    let limits = &mut case.call.limits;
    if !case.kinds.iter().any(|kind| kind == "timeout") {
        limits.timeout = PATIENCE;
    } else if case.logs_truncated.is_some() {
        limits.timeout = limits.timeout.max(TIME_TO_SPEAK);
    }
    Guest { case, why: other.map(|other| other.why) }
}

/// Whether a guest is not only to be called: it does what it does on the way there.
fn has_handler_of_its_own(case: &Case) -> bool {
    matches!(case.group(), "import" | "input")
        || case.name.contains("load")
        || case.name == "cpu_async_loop"
}

/// Runs a guest as often as it has to be run, and somebody else after it.
fn judge(docker: &Docker, guest: &Guest, bundle: &Arc<Bundle>, tenant: &Arc<str>) -> Vec<String> {
    let case = &guest.case;
    let began = Instant::now();
    let mut call = Call { tenant: tenant.clone(), bundle: bundle.clone(), ..case.call.clone() };
    if has_handler_of_its_own(case) {
        call.handler = HandlerRef { path: case.name.clone(), ..HandlerRef::single() };
    } else {
        call.inputs = named(&case.name, &case.call.inputs);
    }
    let (kind, mut wrong) = run_once(docker, case, &call);
    if case.twice {
        let (_, again) = run_once(docker, case, &call);
        wrong.extend(again.into_iter().map(|text| format!("second time: {text}")));
    }
    let mut bystander = call.clone().inputs(corpus::bystander_inputs());
    bystander.handler = HandlerRef::single();
    bystander.limits.timeout = PATIENCE;
    bystander.limits.output_bytes = model::limits::OUTPUT_BYTES;
    wrong.extend(
        corpus::bystander_wrong(docker.run(&bystander.job()))
            .map(|text| format!("afterwards: {text}")),
    );
    if let (false, Some(why)) = (wrong.is_empty(), guest.why) {
        wrong.push(format!("otherwise than in the sandbox, since {why}"));
    }
    let state = if wrong.is_empty() { "ok" } else { "WRONG" };
    println!("{:<34} {state:<5} {kind:<18} {:>6} ms", case.name, began.elapsed().as_millis());
    wrong
}

fn named(guest: &str, inputs: &Map<String, Value>) -> Map<String, Value> {
    Map::from_iter([("guest".to_owned(), json!(guest)), ("inputs".to_owned(), json!(inputs))])
}

/// How a call ended, and what is wrong with that.
fn run_once(docker: &Docker, case: &Case, call: &Call) -> (&'static str, Vec<String>) {
    let began = Instant::now();
    let answer = docker.run(&call.job());
    let took = began.elapsed();
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(error) => return ("engine error", vec![format!("the engine failed: {error}")]),
    };
    let mut wrong = compare(case, &outcome, spec::memory_bytes(&call.limits));
    let late = Duration::from_secs_f64(outcome.usage.wall_ms / 1e3);
    // Starting a container is not the call's time.
    let late = if outcome.usage.cold { outcome.usage.phases.call } else { late.max(took) };
    if let Some(late) = late.checked_sub(call.limits.timeout + GRACE) {
        wrong.push(format!("ended {late:?} after its time and {GRACE:?}"));
    }
    (kind_of(&outcome), wrong)
}
