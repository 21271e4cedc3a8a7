//! Which containers are kept, for whom and for how long, and what becomes of calls when they
//! are lost.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use fallback_docker::{Docker, Settings};
use mecapy_tests::{Call, kind_of};
use model::image::Platform;
use model::limits::MIB;
use model::manifest::PythonVersion;
use model::{Executor, ExecutorError, Outcome};
use serde_json::json;

use crate::support::{
    self, BASE, Held, Place, WAIT, bundle_of, containers_of, docker, is_left_out, place,
    place_with, settings, until,
};

/// A call of one of several tenants: they share nothing, so each has a container of its own.
fn of(place: &Place, tenant: &str) -> Call {
    let mut call = place.body("return 'right'");
    call.tenant = tenant.into();
    call
}

/// Whether a call was given a container that was there. It has to give the right result.
#[track_caller]
fn is_warm(place: &Place, tenant: &str) -> bool {
    let outcome = of(place, tenant).run(&place.docker);
    assert_eq!(outcome.result, Ok(json!("right")));
    !outcome.usage.cold
}

/// A call that waits to be let go of, and then gives the right result.
fn held(place: &Place, tenant: &str) -> Held {
    let mut call = place.body(&format!("{WAIT}\nreturn 'right'"));
    call.tenant = tenant.into();
    Held::new(call)
}

/// Does something to all of a place's containers that run. One may be gone by then.
fn disturb(place: &Place, how: &[&str]) {
    for name in place.containers("running") {
        let output = Command::new("docker").args(how).arg(&name).output().unwrap();
        println!("docker {how:?} {name}: {}", output.status);
    }
}

fn run(place: &Place, call: &Call) -> Result<Outcome, ExecutorError> {
    place.docker.run(&call.job())
}

#[test]
fn a_container_serves_call_after_call() {
    let Some(place) = place() else { return };
    let first = of(&place, "a").run(&place.docker);
    assert!(first.usage.cold && first.usage.wall_ms > 0.0, "{:?}", first.usage);
    let warm = (0..20).filter(|_| is_warm(&place, "a")).count();
    // One may be given up when the machine is busy; no more than few are.
    let statistics = place.docker.statistics();
    assert!(warm >= 15, "{warm} of 20 were warm: {statistics:?}");
    assert_eq!(statistics.started_total, 1 + 20 - warm as u64, "{statistics:?}");
    assert_eq!((statistics.containers, statistics.idle), (1, 1), "{statistics:?}");
    assert_eq!(place.containers("running").len(), 1);
    let measures = place.docker.measures();
    assert!(measures.iter().all(|(_, value)| value.is_finite()), "{measures:?}");
}

#[test]
fn calls_at_the_same_time_have_a_container_each() {
    let Some(place) = place() else { return };
    let calls = [0, 1, 2, 3].map(|_| held(&place, "a"));
    thread::scope(|scope| {
        let running: Vec<_> =
            calls.iter().map(|held| scope.spawn(|| run(&place, &held.call))).collect();
        for held in &calls {
            held.wait_until_started();
        }
        assert_eq!(place.containers("running").len(), 4);
        assert_eq!(place.docker.statistics().containers, 4);
        for held in &calls {
            held.let_go();
        }
        for thread in running {
            assert_eq!(thread.join().unwrap().unwrap().result, Ok(json!("right")));
        }
    });
}

#[test]
fn the_one_that_was_not_used_for_longest_makes_room() {
    let Some(place) = place_with(|settings| settings.pool.containers = 2) else { return };
    // Until it has gone as it should: a busy machine may have one given up meanwhile.
    until("the second of three makes room for the third", || {
        place.docker.close();
        for tenant in ["a", "b", "a", "c"] {
            is_warm(&place, tenant);
        }
        assert!(place.docker.statistics().containers <= 2);
        is_warm(&place, "a") && is_warm(&place, "c") && !is_warm(&place, "b")
    });
    assert!(place.docker.statistics().evicted_total >= 2);
    until("what made room is gone", || place.containers("").len() <= 2);
}

#[test]
fn memory_is_what_calls_may_use_together() {
    // Two of 256 MiB, with what the runner needs beside them; three are too many.
    let limit = 2 * (256 + 96) * MIB;
    let Some(place) = place_with(|settings| settings.pool.memory_bytes = limit) else { return };
    until("one makes room for another", || {
        for tenant in ["a", "b", "c"] {
            is_warm(&place, tenant);
            assert!(place.docker.statistics().containers <= 2);
        }
        place.docker.statistics().evicted_total >= 1
    });
    let large = of(&place, "a").limits(|limits| limits.memory_bytes = limit);
    let error = run(&place, &large).unwrap_err();
    assert!(matches!(&error, ExecutorError::Unavailable(why) if why.contains("704")), "{error}");
    assert_eq!(of(&place, "a").value(&place.docker), json!("right"));
}

#[test]
fn a_call_waits_for_a_container() {
    let Some(place) = place_with(|settings| {
        settings.pool.containers = 1;
        settings.pool.wait = Duration::from_secs(600);
    }) else {
        return;
    };
    let holder = held(&place, "a");
    let (waits, gives_up) = (of(&place, "b"), of(&place, "c"));
    thread::scope(|scope| {
        let holding = scope.spawn(|| run(&place, &holder.call));
        holder.wait_until_started();
        let waiting = scope.spawn(|| run(&place, &waits));
        let cancelled = scope.spawn(|| run(&place, &gives_up));
        until("two calls wait", || place.docker.statistics().waiting == 2);
        gives_up.cancel.cancel();
        assert_eq!(kind_of(&cancelled.join().unwrap().unwrap()), "cancelled");
        assert!(!waiting.is_finished());
        holder.let_go();
        assert_eq!(holding.join().unwrap().unwrap().result, Ok(json!("right")));
        assert_eq!(waiting.join().unwrap().unwrap().result, Ok(json!("right")));
    });
}

#[test]
fn a_call_does_not_wait_for_ever() {
    let Some(place) = place_with(|settings| {
        settings.pool.containers = 1;
        settings.pool.wait = Duration::from_secs(1);
    }) else {
        return;
    };
    let holder = held(&place, "a");
    thread::scope(|scope| {
        let holding = scope.spawn(|| run(&place, &holder.call));
        holder.wait_until_started();
        let error = run(&place, &of(&place, "b")).unwrap_err();
        holder.let_go();
        assert_eq!(holding.join().unwrap().unwrap().result, Ok(json!("right")));
        let is_busy = matches!(&error, ExecutorError::Unavailable(why) if why.contains("busy"));
        assert!(is_busy, "{error}");
    });
    assert_eq!(of(&place, "b").value(&place.docker), json!("right"));
}

#[test]
fn what_nobody_uses_is_paused_and_goes_on_when_it_is_used() {
    let Some(place) = place_with(|settings| settings.pool.pause_after = Duration::from_millis(200))
    else {
        return;
    };
    // Until it has gone as it should: a runner that is too slow to answer is given up instead.
    until("a paused container serves a call", || {
        is_warm(&place, "a");
        until("it is paused, or given up", || {
            let statistics = place.docker.statistics();
            statistics.paused == 1 || statistics.containers == 0
        });
        let was_paused = place.containers("paused").len() == 1;
        was_paused && is_warm(&place, "a")
    });
}

#[test]
fn what_nobody_uses_for_long_is_removed() {
    let Some(place) = place_with(|settings| {
        settings.pool.pause_after = Duration::from_millis(100);
        settings.pool.remove_after = Duration::from_secs(2);
    }) else {
        return;
    };
    for _ in 0..2 {
        is_warm(&place, "a");
        until("it is removed", || place.containers("").is_empty());
        assert_eq!(place.docker.statistics().containers, 0);
    }
}

#[test]
fn containers_that_others_kill_between_calls_are_replaced() {
    let Some(place) = place() else { return };
    for kill in [
        ["kill"].as_slice(),
        &["stop", "--time", "0"],
        &["rm", "--force"],
        &["restart", "--time", "0"],
    ] {
        is_warm(&place, "a");
        // Whether or not its end is known by then.
        disturb(&place, kill);
        assert!(!is_warm(&place, "a"), "{kill:?}");
    }
    assert!(place.docker.statistics().lost_total >= 1);
    // One that was killed and not used again is found as well.
    is_warm(&place, "a");
    disturb(&place, &["kill"]);
    until("nothing is kept", || place.docker.statistics().containers == 0);
}

#[test]
fn a_call_whose_container_is_killed_is_never_answered_wrongly() {
    let Some(place) = place() else { return };
    for kill in [["kill"].as_slice(), &["rm", "--force"], &["kill", "--signal", "SEGV"]] {
        let holder = held(&place, "a");
        let answer = thread::scope(|scope| {
            let running = scope.spawn(|| run(&place, &holder.call));
            holder.wait_until_started();
            disturb(&place, kill);
            // Should it be done again.
            holder.let_go();
            running.join().unwrap()
        });
        // It had begun and may have done something, so nobody but its caller may repeat it.
        match answer {
            Err(ExecutorError::Unavailable(_)) => {}
            Ok(Outcome { result: Ok(value), .. }) => assert_eq!(value, json!("right")),
            other => panic!("{kill:?}: {other:?}"),
        }
        assert_eq!(of(&place, "a").value(&place.docker), json!("right"));
    }
}

#[test]
fn calls_are_right_or_told_to_be_lost_while_containers_are_killed() {
    let Some(place) = place() else { return };
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // At moments that nobody chose.
            while !is_over.load(Ordering::Relaxed) {
                disturb(&place, &["kill"]);
                thread::sleep(Duration::from_millis(700));
            }
        });
        let answers: Vec<_> = (0..20).map(|_| run(&place, &of(&place, "a"))).collect();
        // First of all: a test that fails has to end.
        is_over.store(true, Ordering::Relaxed);
        for answer in answers {
            match answer {
                Ok(outcome) => assert_eq!(outcome.result, Ok(json!("right"))),
                Err(ExecutorError::Unavailable(why)) => println!("lost: {why}"),
                Err(error) => panic!("{error}"),
            }
        }
    });
    assert_eq!(of(&place, "a").value(&place.docker), json!("right"));
}

/// A process that is killed, whatever becomes of the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Set where this very program is run again as one that will be killed.
const OWNER: &str = "MECAPY_TEST_OWNER";

#[test]
fn what_a_dead_process_left_is_removed_by_the_next() {
    if let Ok(owner) = std::env::var(OWNER) {
        // This is the one that will be killed.
        let Some(place) = place_with(|settings| settings.owner = owner) else { return };
        is_warm(&place, "a");
        println!("ready");
        loop {
            thread::park();
        }
    }
    let Some(place) = place() else { return };
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "pool::what_a_dead_process_left_is_removed_by_the_next", "--nocapture"])
        .env(OWNER, &place.owner)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = Killed(child.unwrap());
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let is_ready = lines.any(|line| line.unwrap() == "ready");
    let left = containers_of(&place.owner, "");
    drop(child);
    assert!(is_ready && !left.is_empty(), "{left:?}");
    // Of another owner: nobody's business.
    let stranger = format!("{} stranger", place.owner);
    let label = format!("mecapy.owner={stranger}");
    docker(&[
        "create",
        "--label",
        &label,
        "--label",
        "mecapy.process=dead",
        "mecapy-test/python:3.11",
    ]);
    is_warm(&place, "a");
    until("the leftover is removed", || {
        place.containers("").iter().all(|name| !left.contains(name))
    });
    // Its own is not.
    is_warm(&place, "a");
    assert_eq!(place.containers("running").len(), 1);
    let strangers = containers_of(&stranger, "");
    for name in &strangers {
        docker(&["rm", "--force", name]);
    }
    assert_eq!(strangers.len(), 1);
}

#[test]
fn closing_leaves_nothing_and_is_not_the_end() {
    let Some(place) = place() else { return };
    for _ in 0..2 {
        for tenant in ["a", "b", "c"] {
            is_warm(&place, tenant);
        }
        assert_eq!(place.containers("").len(), 3);
        place.docker.close();
        assert_eq!(place.docker.statistics().containers, 0);
        until("all are removed", || place.containers("").is_empty());
    }
    // Also where a call is under way.
    let holder = held(&place, "a");
    thread::scope(|scope| {
        let running = scope.spawn(|| run(&place, &holder.call));
        holder.wait_until_started();
        place.docker.close();
        holder.let_go();
        assert_eq!(running.join().unwrap().unwrap().result, Ok(json!("right")));
    });
}

#[test]
fn an_image_that_was_removed_is_made_again() {
    // Images of its own: others would miss theirs.
    let images = format!("mecapy-test/removed-{}", std::process::id());
    let Some(place) = place_with(|settings| settings.images = images.clone()) else { return };
    let label = format!("label=mecapy.images={images}");
    let listed = |format: &str| -> Vec<String> {
        let listed = docker(&["images", "--format", format, "--filter", &label]);
        listed.lines().filter(|line| !line.contains("<none>")).map(str::to_owned).collect()
    };
    let tags = || listed("{{.Repository}}:{{.Tag}}");
    let call = place.of("def calculate(inputs):\n    return 'right'\n");
    for remove_all in [false, true, false] {
        assert_eq!(call.value(&place.docker), json!("right"));
        let tags = tags();
        assert!(tags.len() >= 2, "{tags:?}");
        place.docker.close();
        until("no container uses it", || place.containers("").is_empty());
        let gone = tags.iter().filter(|tag| remove_all || tag.contains("/package:"));
        for tag in gone {
            docker(&["rmi", "--force", tag]);
        }
    }
    assert_eq!(call.value(&place.docker), json!("right"));
    // Also while its container is there: that goes on, and the next one needs the image.
    for tag in tags().iter().filter(|tag| tag.contains("/package:")) {
        docker(&["rmi", "--force", tag]);
    }
    assert_eq!(call.value(&place.docker), json!("right"));
    let mut another = call.clone();
    another.tenant = "another".into();
    assert_eq!(another.value(&place.docker), json!("right"));
    place.docker.close();
    until("no container uses it", || place.containers("").is_empty());
    // What is below another goes with it.
    for id in listed("{{.ID}}") {
        let _ = Command::new("docker").args(["rmi", "--force", &id]).output();
    }
}

#[test]
fn a_daemon_that_is_not_there_is_told_soon() {
    if is_left_out() {
        return;
    }
    let docker = Docker::new(Settings {
        host: Some("unix:///nowhere/docker.sock".to_owned()),
        ..settings()
    })
    .unwrap();
    assert!(matches!(docker.check(), Err(ExecutorError::Unavailable(_))));
    let platform = Platform {
        base: BASE.replace("{version}", "3.11"),
        python: PythonVersion { major: 3, minor: 11 },
        target: "x86_64-manylinux_2_28".to_owned(),
    };
    let recipe = support::recipe(&platform, "package", support::tree(&[("handler.py", "")]));
    let mut call = Call::of("");
    call.bundle = bundle_of(recipe);
    let began = Instant::now();
    let error = docker.run(&call.job()).unwrap_err();
    let is_told =
        matches!(&error, ExecutorError::Unavailable(why) if why.contains("does not answer"));
    assert!(is_told && began.elapsed() < Duration::from_secs(60), "{error}: {:?}", began.elapsed());
    // Waiting for it is cut short.
    call.cancel.cancel();
    assert_eq!(kind_of(&docker.run(&call.job()).unwrap()), "cancelled");
    docker.close();
}
