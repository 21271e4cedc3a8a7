//! What ends a build, and what it leaves: nothing.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use model::CancelToken;
use model::image::{ImageError, Recipe};

use crate::harness::{Place, Written, place_with, recipe};

fn program(place: &Place, step: &str) -> Recipe {
    let dockerfile = format!("FROM python-base\nRUN {step}\nCMD x\n");
    let mut recipe = recipe(place, &[("Dockerfile", &dockerfile)]);
    recipe.is_program = true;
    recipe
}

fn assert_clean(place: &Place) {
    assert!(place.containers().is_empty(), "{:?}", place.containers());
    assert!(place.made().is_empty(), "{:?}", place.made());
    assert_eq!(std::fs::read_dir(place.scratch()).unwrap().count(), 0);
}

#[test]
fn a_cancelled_build_is_stopped() {
    let Some(place) = place_with(|_| {}) else { return };
    let recipe = program(&place, "echo it has begun && sleep 600");
    let cancel = CancelToken::new();
    let ended = std::thread::scope(|scope| {
        let build = scope.spawn(|| place.ensure_until(&recipe, &cancel));
        while !place.said("it has begun") {
            assert!(!build.is_finished(), "{:?}", place.log.lock());
            std::thread::yield_now();
        }
        cancel.cancel();
        build.join().unwrap()
    });
    assert_eq!(ended, Err(ImageError::Cancelled));
    assert_clean(&place);
}

#[test]
fn a_build_that_takes_too_long_is_stopped() {
    let Some(place) = place_with(|settings| settings.build.timeout = Duration::from_secs(15))
    else {
        return;
    };
    let began = Instant::now();
    let Err(ImageError::Refused(why)) = place.ensure(&program(&place, "sleep 600")) else {
        panic!()
    };
    assert!(why.contains("longer than 15 s"), "{why}");
    assert!(began.elapsed() < Duration::from_secs(120));
    assert_clean(&place);
}

#[test]
fn an_image_that_is_too_large_is_refused() {
    let Some(place) = place_with(|settings| settings.build.image_bytes = 130_000_000) else {
        return;
    };
    let step = "python3 -c 'open(\"/large\", \"wb\").write(bytes(30_000_000))'";
    let Err(ImageError::Refused(why)) = place.ensure(&program(&place, step)) else { panic!() };
    assert!(why.contains("may have 130 MB"), "{why}");
    assert_clean(&place);
}

#[test]
fn a_step_may_not_use_more_memory_than_a_build_has() {
    let Some(place) = place_with(|settings| settings.build.memory_bytes = 64 << 20) else { return };
    let step = "[\"python3\", \"-c\", \"print(len(bytearray(300_000_000)))\"]";
    let Err(ImageError::Refused(why)) = place.ensure(&program(&place, step)) else { panic!() };
    assert!(why.contains("64 MiB"), "{why}");
    assert_clean(&place);
}

#[test]
fn without_room_nothing_is_begun() {
    let Some(place) = place_with(|settings| settings.build.free_bytes = u64::MAX) else { return };
    let Err(ImageError::Unavailable(why)) = place.ensure(&program(&place, "true")) else {
        panic!()
    };
    assert!(why.contains("MB left"), "{why}");
    assert_clean(&place);
}

#[test]
fn who_waits_for_a_place_can_go_and_one_maker_is_enough() {
    let Some(place) = place_with(|_| {}) else { return };
    let (open, gate) = std::sync::mpsc::channel();
    let installer =
        Arc::new(Written { gate: Some(parking_lot::Mutex::new(gate)), ..Written::default() });
    let mut slow = recipe(&place, &[("a.py", "")]);
    slow.lock = "alpha==1\n".to_owned();
    slow.installer = installer.clone();
    let mut other = recipe(&place, &[("b.py", "")]);
    other.lock = "beta==1\n".to_owned();
    let cancel = CancelToken::new();
    std::thread::scope(|scope| {
        let makers: Vec<_> = (0..3).map(|_| scope.spawn(|| place.ensure(&slow))).collect();
        while installer.times.load(Ordering::SeqCst) == 0 {
            assert!(!makers[0].is_finished());
            std::thread::yield_now();
        }
        let waiting = scope.spawn(|| place.ensure_until(&other, &cancel));
        while !place.said("waiting for other images") {
            std::thread::yield_now();
        }
        cancel.cancel();
        assert_eq!(waiting.join().unwrap(), Err(ImageError::Cancelled));
        open.send(()).unwrap();
        let tags: Vec<_> = makers.into_iter().map(|maker| maker.join().unwrap().unwrap()).collect();
        assert!(tags.iter().all(|tag| tag == &tags[0]));
    });
    assert_eq!(installer.times.load(Ordering::SeqCst), 1);
}
