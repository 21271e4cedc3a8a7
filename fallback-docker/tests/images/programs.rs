//! Packages that bring a `Dockerfile`.

use model::image::{ImageError, Recipe};

use crate::harness::{Place, place, recipe};

fn program(place: &Place, dockerfile: &str) -> Recipe {
    let script = "import json, sys\njson.dump({'got': json.load(sys.stdin)}, sys.stdout)\n";
    let mut recipe = recipe(place, &[("Dockerfile", dockerfile), ("program.py", script)]);
    recipe.is_program = true;
    recipe
}

#[test]
fn a_program_of_two_stages_is_built_without_a_network_and_run_without_rights() {
    let Some(place) = place() else { return };
    let dockerfile = "FROM python-base AS builder\n\
        ENV WORD=one\n\
        RUN test \"$(id -u)\" = 0 && ! python3 -c 'import socket; socket.create_connection((\"192.0.2.1\", 80), 1)' \\\n\
        # the loopback alone\n\
        && test \"$(ls /sys/class/net)\" = lo && echo built > /made\n\
        FROM python-base\n\
        COPY --from=builder /made /made\n\
        COPY program.py .\n\
        ENTRYPOINT [\"python3\", \"/app/program.py\"]\n";
    let tag = place
        .ensure(&program(&place, dockerfile))
        .unwrap_or_else(|error| panic!("{error}: {:?}", place.log.lock()));
    // The first stage is not left behind, and no layer for handlers was needed.
    assert_eq!(place.made(), [tag.as_str()]);
    assert!(place.containers().is_empty());
    let image = place.inspect(&tag).unwrap();
    assert_eq!(image.config.unwrap().user.as_deref(), Some("65534:65534"));
    let code = "import os; print(os.getuid(), open('/made').read().strip(), os.getcwd())";
    assert_eq!(place.run(&tag, &["--entrypoint", "python3"], &["-c", code]), "65534 built /app\n");
}

#[test]
fn a_program_finds_its_dependencies_and_starts_itself() {
    let Some(place) = place() else { return };
    let dockerfile =
        "FROM mecapy-base\nCMD [\"python3\", \"-c\", \"import alpha; print(alpha.VERSION)\"]\n";
    let mut recipe = program(&place, dockerfile);
    recipe.lock = "alpha==7\n".to_owned();
    let tag = place.ensure(&recipe).unwrap();
    assert_eq!(place.run(&tag, &[], &[]), "7\n");
}

#[test]
fn a_step_that_fails_is_the_authors_and_leaves_nothing() {
    let Some(place) = place() else { return };
    let dockerfile = "FROM python-base\nENV A=1\nRUN echo what went wrong >&2 && exit 3\nCMD x\n";
    let Err(ImageError::Refused(why)) = place.ensure(&program(&place, dockerfile)) else {
        panic!()
    };
    assert!(why.contains("non-zero code: 3") && why.contains("what went wrong"), "{why}");
    assert!(place.said("what went wrong"));
    assert!(place.made().is_empty(), "{:?}", place.made());
    assert!(place.containers().is_empty());

    let Err(ImageError::Refused(why)) = place.ensure(&program(&place, "FROM alpine\nCMD x\n"))
    else {
        panic!()
    };
    assert!(why.starts_with("Dockerfile:1: `FROM alpine`"), "{why}");
}
