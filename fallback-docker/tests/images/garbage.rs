//! Images that nobody uses go, and come back when they are wanted.

use std::time::Duration;

use crate::harness::{place_with, recipe};

#[test]
fn the_oldest_go_first_and_what_is_used_stays() {
    let Some(place) = place_with(|settings| settings.keep.at_least = Duration::ZERO) else {
        return;
    };
    let mut recipes = ["a", "b"].map(|name| {
        let mut recipe = recipe(&place, &[("a.py", "x = 1\n")]);
        recipe.name = name.to_owned();
        recipe
    });
    recipes[1].lock = "alpha==1\n".to_owned();
    let tags: Vec<_> = recipes.iter().map(|recipe| place.ensure(recipe).unwrap()).collect();
    assert_eq!(place.made().len(), 4);

    // Enough room, and nothing is old.
    assert_eq!(place.images.collect(&|_| false).unwrap().images, 0);
    assert_eq!(place.made().len(), 4);

    // No room: all goes but what is used, and what that is made of.
    let mut settings = place.settings.clone();
    settings.keep.bytes = 0;
    let strict = mecapy_fallback_docker::images::Images::new(place.daemon.clone(), &settings);
    let collected = strict.collect(&|tag| tag == tags[0]).unwrap();
    assert_eq!(collected.images, 2, "{:?}", place.made());
    assert!(collected.bytes > 0 && collected.bytes < 10_000_000, "{collected:?}");
    assert!(place.inspect(&tags[0]).is_some() && place.inspect(&tags[1]).is_none());

    // A container holds its image, whoever says that it is not used.
    let name = place.settings.owner.clone();
    let docker = |arguments: &[&str]| {
        assert!(
            std::process::Command::new("docker").args(arguments).output().unwrap().status.success()
        );
    };
    docker(&["create", "--network", "none", "--name", &name, &tags[0]]);
    let mut patient = settings.clone();
    patient.keep.at_least = Duration::from_secs(3600);
    let patient = mecapy_fallback_docker::images::Images::new(place.daemon.clone(), &patient);
    assert_eq!(patient.collect(&|_| false).unwrap().images, 0);
    assert_eq!(place.containers().len(), 1);
    docker(&["rm", &name]);

    // What was collected here is not believed to be here.
    place.images.forget(&tags[1]);
    assert_eq!(place.ensure(&recipes[1]).unwrap(), tags[1]);
    assert_eq!(strict.collect(&|_| false).unwrap().images, 4);
    assert!(place.made().is_empty());
}
