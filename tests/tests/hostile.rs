//! Every hostile guest of `tests/hostile`, on the sandbox itself: no import policy stands
//! before it: over recycled memory that is compared with its image at every use, from
//! source and begun in snapshots, in the fused interpreter and in the plain one. One test
//! each, so that all guests run in one process, which must stay as it was.

use std::time::{Duration, Instant};

use mecapy_tests::corpus::{self, Case, compare, table};
use mecapy_tests::process::Held;
use mecapy_tests::{Call, kind_of, sandbox_with};
use model::Executor;
use runtime::{Metering, Sandbox};

/// How late a call may end after its deadline.
const GRACE: Duration = Duration::from_millis(100);

/// Further runs of a guest that was only late: a shared machine may have been busy elsewhere.
const LATE_RETRIES: usize = 2;

/// Resident memory that the whole corpus may leave behind.
const MAX_GROWTH_BYTES: u64 = 256 << 20;

/// A corpus that cannot be found would pass.
const LEAST_CASES: usize = 100;

/// How one guest went.
#[derive(Default)]
struct Verdict {
    /// What was not as expected; empty if all was.
    wrong: Vec<String>,
    late: Option<Duration>,
    kind: &'static str,
    wall: Duration,
}

/// In which way the guests are run.
#[derive(Clone, Copy, PartialEq)]
enum Way {
    Source,
    /// Those whose handler can be kept begin in a snapshot of it.
    Snapshots,
    /// In the interpreter whose modules are not fused.
    Plain,
}

#[test]
fn every_guest_ends_as_it_has_to_and_harms_nobody() {
    run_corpus(Way::Source);
}

#[test]
fn guests_that_begin_in_snapshots_end_as_they_have_to() {
    run_corpus(Way::Snapshots);
}

#[test]
fn guests_of_the_plain_interpreter_end_as_they_have_to() {
    run_corpus(Way::Plain);
}

fn run_corpus(way: Way) {
    // `MECAPY_HOSTILE=mem_` runs only those whose names begin so.
    let chosen = std::env::var("MECAPY_HOSTILE").unwrap_or_default();
    let mut cases: Vec<Case> =
        corpus::read().into_iter().filter(|case| case.name.starts_with(&chosen)).collect();
    assert!(!chosen.is_empty() || cases.len() >= LEAST_CASES, "only {} guests", cases.len());
    let failures = runtime::spawn_worker("hostile", move || {
        let sandbox = sandbox_with(|config| {
            config.memories.verify = true;
            // So few that they change hands all the time.
            config.memories.max_bytes = 64 << 20;
            if way == Way::Plain {
                config.flavour = &python_wasm::PYTHON_PLAIN;
            }
        });
        for metering in [Metering::Unmetered, Metering::Metered] {
            sandbox.warm_up(metering).unwrap();
        }
        for _ in 0..10 {
            assert_eq!(bystander(&sandbox), None);
        }
        if way == Way::Snapshots {
            let taken: usize =
                cases.iter_mut().map(|case| usize::from(begin_in_snapshot(&sandbox, case))).sum();
            assert!(taken * 2 > cases.len(), "only {taken} guests have a snapshot");
        }
        // The sockets' library starts a runtime of its own when it first refuses one: once a process.
        for case in cases.iter().filter(|case| case.group() == "net") {
            observe(&sandbox, case);
        }
        let before = Held::now();
        let mut failures: Vec<(String, Vec<String>)> = Vec::new();
        for case in &cases {
            let wrong = judge(&sandbox, case);
            if !wrong.is_empty() {
                failures.push((case.name.clone(), wrong));
            }
        }
        let wrong = changes(before, Held::now());
        if !wrong.is_empty() {
            failures.push(("the process".to_owned(), wrong));
        }
        let memories = sandbox.memory_use();
        if memories.unequal > 0 || memories.recycled == 0 {
            failures.push(("the memories".to_owned(), vec![format!("{memories:?}")]));
        }
        println!("{} guests, {} not as expected", cases.len(), failures.len());
        failures
    })
    .unwrap()
    .join()
    .unwrap();
    assert!(failures.is_empty(), "{}", table(&failures));
}

/// Takes a snapshot of a guest's handler, if that goes well.
fn begin_in_snapshot(sandbox: &Sandbox, case: &mut Case) -> bool {
    if let Ok(Ok(snapshot)) = sandbox.snapshot(&case.call.snapshot_job(&[])) {
        case.call.snapshot = Some(snapshot);
    }
    case.call.snapshot.is_some()
}

/// Runs a guest as often as it has to be run, and somebody else after it.
fn judge(sandbox: &Sandbox, case: &Case) -> Vec<String> {
    let started = Instant::now();
    let mut verdict = run_once(sandbox, case);
    let mut wrong = std::mem::take(&mut verdict.wrong);
    // A second run of what waits for its deadline costs the suite that deadline again.
    if case.twice || verdict.kind != "timeout" {
        let again = run_once(sandbox, case);
        wrong.extend(again.wrong.into_iter().map(|text| format!("second time: {text}")));
    }
    wrong.extend(bystander(sandbox).map(|text| format!("afterwards: {text}")));
    let state = if wrong.is_empty() { "ok" } else { "WRONG" };
    println!(
        "{:<34} {state:<5} {:<16} {:>7.0} ms, in all {:>6.0} ms",
        case.name,
        verdict.kind,
        verdict.wall.as_secs_f64() * 1e3,
        started.elapsed().as_secs_f64() * 1e3
    );
    wrong
}

/// Once, or again if its only fault is that it ended late.
fn run_once(sandbox: &Sandbox, case: &Case) -> Verdict {
    let mut verdict = observe(sandbox, case);
    for _ in 0..LATE_RETRIES {
        match verdict.late {
            Some(by) if verdict.wrong.is_empty() => {
                println!("{}: late by {by:?}, run again", case.name);
                verdict = observe(sandbox, case);
            }
            _ => break,
        }
    }
    if let Some(by) = verdict.late {
        let by = by.as_millis();
        verdict
            .wrong
            .push(format!("ended {by} ms after its deadline of {:?}", case.call.limits.timeout));
    }
    verdict
}

fn observe(sandbox: &Sandbox, case: &Case) -> Verdict {
    let job = case.call.job();
    let started = Instant::now();
    let answer = sandbox.run(&job);
    let wall = started.elapsed();
    let mut verdict = Verdict { wall, ..Verdict::default() };
    let outcome = match answer {
        Ok(outcome) => outcome,
        Err(error) => {
            verdict.kind = "engine error";
            verdict.wrong.push(format!("the engine failed: {error}"));
            return verdict;
        }
    };
    verdict.kind = kind_of(&outcome);
    verdict.wrong = compare(case, &outcome, case.call.limits.memory_bytes);
    let measured = Duration::from_secs_f64(outcome.usage.wall_ms / 1e3);
    verdict.late = wall.max(measured).checked_sub(case.call.limits.timeout + GRACE);
    verdict
}

/// A call of another function: what is wrong with it.
fn bystander(sandbox: &Sandbox) -> Option<String> {
    let call = Call::of(corpus::BYSTANDER).inputs(corpus::bystander_inputs());
    corpus::bystander_wrong(sandbox.run(&call.job()))
}

/// What the process has more of than before.
fn changes(before: Held, after: Held) -> Vec<String> {
    let mut wrong = Vec::new();
    let growth = after.resident_bytes.saturating_sub(before.resident_bytes);
    for (when, held) in [("before", &before), ("after", &after)] {
        let Held { resident_bytes, threads, descriptors, mappings } = held;
        let (resident, threads, files) = (resident_bytes >> 20, threads.len(), descriptors.len());
        println!(
            "the process {when}: {resident} MiB, {threads} threads, {files} open files, {mappings} mappings"
        );
    }
    if growth > MAX_GROWTH_BYTES {
        wrong.push(format!("grew by {} MiB", growth >> 20));
    }
    if after.threads != before.threads {
        wrong.push(format!("threads {:?}, before {:?}", after.threads, before.threads));
    }
    if after.descriptors != before.descriptors {
        wrong.push(format!("open files {:?}, before {:?}", after.descriptors, before.descriptors));
    }
    wrong
}
