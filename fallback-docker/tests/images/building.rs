//! An image is built once, over what it has in common with others.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use mecapy_fallback_docker::images;
use model::CancelToken;
use model::image::ImageError;

use crate::harness::{Written, place, place_with, recipe};

const APP: &[(&str, &str)] =
    &[("handler.py", "def solve(x):\n    return x\n"), ("data/a b.txt", "é")];

#[test]
fn three_layers_are_built_and_shared() {
    let Some(place) = place() else { return };
    let installer = Arc::new(Written::default());
    let mut first = recipe(&place, APP);
    first.lock = "alpha==1\nbeta==2\n".to_owned();
    first.tools = "pytest==8\n".to_owned();
    first.installer = installer.clone();
    let began = Instant::now();
    let tag = place.ensure(&first).unwrap();
    println!("built in {:?}", began.elapsed());
    let began = Instant::now();
    assert_eq!(place.ensure(&first).unwrap(), tag);
    println!("known in {:?}", began.elapsed());
    assert!(began.elapsed() < Duration::from_millis(50));
    assert_eq!(installer.times.load(Ordering::SeqCst), 2);
    assert_eq!(place.made().len(), 3, "{:?}", place.made());
    assert!(place.containers().is_empty());

    let image = place.inspect(&tag).unwrap();
    println!(
        "{} bytes, the base {:?}",
        image.size.unwrap(),
        place.inspect(crate::harness::BASE).unwrap().size
    );
    let config = image.config.unwrap();
    let labels = config.labels.unwrap();
    assert_eq!(labels[images::NAME], "solve");
    assert_eq!(labels[images::VERSION], "1.2.3");
    assert_eq!(labels[images::OWNER], place.settings.owner);
    assert!(tag.ends_with(&labels[images::CONTENT]));
    assert_eq!(config.user.as_deref(), Some("65534:65534"));
    assert_eq!(config.working_dir.as_deref(), Some("/app"));
    assert_eq!(config.entrypoint.unwrap(), ["python3", "-sPB", "/opt/mecapy/runner/main.py"]);
    let code = "import os, sys, glob\n\
        sys.path[:0] = ['/app', '/deps']\n\
        import alpha, beta, handler\n\
        assert (alpha.VERSION, beta.VERSION) == ('1', '2')\n\
        assert open('/app/data/a b.txt').read() == 'é'\n\
        assert os.path.exists('/opt/mecapy/pytest/pytest/__init__.py')\n\
        assert os.path.exists('/opt/mecapy/guest/mecapy_shim/__init__.py')\n\
        assert os.getuid() == 65534 and os.environ['HOME'] == '/tmp'\n\
        assert os.stat('/app/handler.py').st_uid == 0\n\
        for module in (alpha, handler): assert os.path.exists(module.__cached__), module\n\
        assert glob.glob('/opt/mecapy/runner/__pycache__/*.pyc')\n\
        print('fine')";
    assert_eq!(place.run(&tag, &["--entrypoint", "python3"], &["-c", code]), "fine\n");

    // Another package with the same dependencies takes the layers that are there.
    let mut second = recipe(&place, &[("other.py", "")]);
    second.name = "Other_Name".to_owned();
    (second.lock, second.tools) = (first.lock.clone(), first.tools.clone());
    second.installer = installer.clone();
    let other = place.ensure(&second).unwrap();
    assert!(other.contains("/other-name:"), "{other}");
    assert_eq!(installer.times.load(Ordering::SeqCst), 2);
    assert_eq!(place.made().len(), 4);

    // And another process finds all of it.
    let began = Instant::now();
    assert_eq!(
        place
            .another()
            .ensure(&first, &|_| panic!("nothing to build"), &CancelToken::new())
            .unwrap(),
        tag
    );
    println!("found in {:?}", began.elapsed());
}

#[test]
fn an_image_that_is_deleted_under_us_comes_back() {
    let Some(place) = place() else { return };
    let mut recipe = recipe(&place, APP);
    recipe.lock = "alpha==1\nmatplotlib==3\n".to_owned();
    let tag = place.ensure(&recipe).unwrap();
    // A module that looks for fonts has found them, without rights.
    let code = "import os; f = '/opt/mecapy/matplotlib/fontlist.json'; print(open(f).read(), os.stat(f).st_uid)";
    assert_eq!(place.run(&tag, &["--entrypoint", "python3"], &["-c", code]), "65534 65534\n");

    place.remove(&tag);
    // It is believed to be here until somebody says that it is not.
    assert_eq!(place.ensure(&recipe).unwrap(), tag);
    assert!(place.inspect(&tag).is_none());
    place.images.forget(&tag);
    assert_eq!(place.ensure(&recipe).unwrap(), tag);
    assert!(place.inspect(&tag).is_some());

    // Also with all that it was made of.
    for tag in place.made() {
        place.remove(&tag);
    }
    place.images.forget(&tag);
    assert_eq!(place.ensure(&recipe).unwrap(), tag);
    assert_eq!(place.made().len(), 3);
}

#[test]
fn two_processes_build_the_same_at_once() {
    let Some(place) = place() else { return };
    let recipe = recipe(&place, APP);
    let other = place.another();
    std::thread::scope(|scope| {
        let first = scope.spawn(|| place.ensure(&recipe));
        let second = scope.spawn(|| other.ensure(&recipe, &|_| (), &CancelToken::new()));
        assert_eq!(first.join().unwrap().unwrap(), second.join().unwrap().unwrap());
    });
}

#[test]
fn a_base_that_cannot_be_had_is_named() {
    let set = |settings: &mut mecapy_fallback_docker::settings::Settings| {
        // Nobody listens on the port of a registry that is not there.
        settings.bases.cfd = "127.0.0.1:1/nothing:{version}".to_owned();
    };
    let Some(place) = place_with(set) else { return };
    let base = model::image::Base { name: "python-cfd".to_owned(), python: None };
    let error = place.images.platform(&base).unwrap_err().to_string();
    assert!(error.contains("127.0.0.1:1/nothing:3.11"), "{error}");
    let mut recipe = recipe(&place, APP);
    recipe.platform.base = "127.0.0.1:1/nothing:3.11".to_owned();
    let Err(ImageError::Unavailable(why)) = place.ensure(&recipe) else { panic!() };
    assert!(why.contains("127.0.0.1:1/nothing:3.11"), "{why}");
}
