//! An executor of its own for each test, and a check that nothing of it is left.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Read, Write};
use std::process::Command;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use fallback_docker::settings::Bases;
use fallback_docker::{Docker, Settings};
use mecapy_tests::{Call, kind_of, repository};
use model::executor::FileSink;
use model::image::{Base, ImageError, Installer, Platform, Recipe};
use model::limits::MIB;
use model::manifest::PythonVersion;
use model::{
    Bundle, CallFiles, CancelToken, Events, Executor, Failure, FileError, HandlerRef, LogEntry,
    Outcome, Tree,
};
use package::dependencies::{Requirement, Resolver};
use serde_json::{Value, json};

/// What the bases of these tests are called; `tools/test-images` makes it.
pub const BASE: &str = "mecapy-test/python:{version}";

/// For what has to happen sometime. A machine may be slow, and busy with other tests.
pub const SOMETIME: Duration = Duration::from_secs(180);

/// Of calls that have to end by themselves.
const TIMEOUT: Duration = Duration::from_secs(120);

/// An executor for one test. Dropped, it is closed, and has to leave no container.
pub struct Place {
    pub docker: Docker,
    pub owner: String,
    platform: Platform,
    guests: Arc<Bundle>,
}

/// A place, or nothing where there is no Docker and there need not be.
pub fn place() -> Option<Place> {
    place_with(|_| {})
}

pub fn place_with(change: impl FnOnce(&mut Settings)) -> Option<Place> {
    if is_left_out() {
        return None;
    }
    let mut settings = settings();
    change(&mut settings);
    let owner = settings.owner.clone();
    let docker = Docker::new(settings).unwrap_or_else(|error| panic!("{error}"));
    if let Err(error) = docker.check() {
        panic!("{error}: run `tools/docker ensure`, or set MECAPY_WITHOUT_DOCKER=1");
    }
    let base = Base { name: "python-base".to_owned(), python: None };
    let platform =
        docker.platform(&base).unwrap_or_else(|error| panic!("{error}: run `tools/test-images`"));
    let guests = bundle_of(recipe(&platform, "guests", guests()));
    Some(Place { docker, owner, platform, guests })
}

/// Whether somebody said that there is no Docker.
pub fn is_left_out() -> bool {
    let is_left_out = std::env::var("MECAPY_WITHOUT_DOCKER").is_ok_and(|value| value == "1");
    if is_left_out {
        println!("left out: MECAPY_WITHOUT_DOCKER=1");
    }
    is_left_out
}

/// Containers are this test's own; images are everybody's, so that each is made once.
pub fn settings() -> Settings {
    let test = thread::current().name().unwrap_or("main").to_owned();
    let base = || BASE.to_owned();
    Settings {
        owner: format!("test {} {test}", std::process::id()),
        images: "mecapy-test/engine".to_owned(),
        bases: Bases { python: base(), scientific: base(), cfd: base() },
        versions: vec![PythonVersion { major: 3, minor: 11 }],
        ..Settings::default()
    }
}

impl Place {
    /// A call of `calculate` in one of the modules in `guests`. All have one image.
    pub fn guest(&self, module: &str, inputs: Value) -> Call {
        self.call(&self.guests, module).inputs(inputs)
    }

    /// A call of a function whose body is given, unindented; in the same container for all.
    pub fn body(&self, lines: &str) -> Call {
        self.body_with(lines, json!({}))
    }

    /// The same, with more inputs than the body itself.
    pub fn body_with(&self, lines: &str, mut inputs: Value) -> Call {
        inputs["code"] = json!(lines);
        self.guest("body", inputs)
    }

    /// A call of a module that defines `calculate(inputs)`, in an image of its own.
    pub fn of(&self, module: &str) -> Call {
        self.call(&self.package(&[("handler.py", module)]), "handler")
    }

    /// A call of `calculate` in a module of a package.
    pub fn call(&self, bundle: &Arc<Bundle>, module: &str) -> Call {
        let mut call = Call::of("").limits(|limits| {
            limits.timeout = TIMEOUT;
            limits.memory_bytes = 256 * MIB;
        });
        call.bundle = bundle.clone();
        call.handler = HandlerRef { path: module.to_owned(), ..HandlerRef::single() };
        call
    }

    /// A package without dependencies.
    pub fn package(&self, files: &[(&str, &str)]) -> Arc<Bundle> {
        bundle_of(self.recipe("package", tree(files)))
    }

    pub fn recipe(&self, name: &str, app: Arc<Tree>) -> Recipe {
        recipe(&self.platform, name, app)
    }

    /// A package with dependencies from the index, and what runs its tests.
    pub fn package_with(&self, files: &[(&str, &str)], wants: &[&str], tools: bool) -> Arc<Bundle> {
        let resolver = Resolver {
            cache: Some(repository::cache().join("dependencies")),
            ..Resolver::default()
        };
        let lock = |requirements: &[Requirement]| {
            let locked = resolver.lock_for(requirements, &(&self.platform).into());
            locked.unwrap_or_else(|error| panic!("{error}")).to_requirements()
        };
        let requirement = |text: &&str| Requirement {
            name: text.split("==").next().unwrap_or(text).to_owned(),
            text: (*text).to_owned(),
            file: String::new(),
            line: None,
            column: None,
        };
        let wants: Vec<_> = wants.iter().map(requirement).collect();
        let tools = if tools { package::dependencies::pytest_requirements() } else { Vec::new() };
        bundle_of(Recipe {
            lock: lock(&wants),
            tools: lock(&tools),
            preload: wants.iter().map(|one| one.name.clone()).collect(),
            installer: Arc::new(resolver.clone()),
            ..self.recipe("package", tree(files))
        })
    }

    /// Names of this place's containers that are in a state, or in any.
    pub fn containers(&self, state: &str) -> Vec<String> {
        containers_of(&self.owner, state)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.docker.close();
        if thread::panicking() {
            // What is told is what failed first.
            for name in containers_of(&self.owner, "") {
                let _ = Command::new("docker").args(["rm", "--force", &name]).output();
            }
            return;
        }
        // The daemon takes its time to remove what it was told to.
        until("its containers are gone", || containers_of(&self.owner, "").is_empty());
    }
}

/// Names of an owner's containers that are in a state, or in any if none is given.
pub fn containers_of(owner: &str, state: &str) -> Vec<String> {
    let label = format!("label=mecapy.owner={owner}");
    let state_filter = format!("status={state}");
    let mut arguments = vec!["ps", "--all", "--format", "{{.Names}}", "--filter", &label];
    if !state.is_empty() {
        arguments.extend(["--filter", &state_filter]);
    }
    docker(&arguments).lines().map(str::to_owned).collect()
}

/// What Docker's own client prints.
pub fn docker(arguments: &[&str]) -> String {
    let output = Command::new("docker").args(arguments).output().expect("docker's client");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "docker {}: {error}", arguments.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for what has to happen sometime.
pub fn until(what: &str, mut happened: impl FnMut() -> bool) {
    let deadline = Instant::now() + SOMETIME;
    while !happened() {
        assert!(Instant::now() < deadline, "not within {SOMETIME:?}: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

pub fn tree(files: &[(&str, &str)]) -> Arc<Tree> {
    let mut tree = Tree::new();
    for (path, text) in files {
        tree.insert(path, *text).expect("a path that a tree takes");
    }
    Arc::new(tree)
}

/// All guests, as one package.
fn guests() -> Arc<Tree> {
    let folder = repository::root().join("tests/tests/docker/guests");
    let mut tree = Tree::new();
    for entry in fs::read_dir(folder).expect("the guests") {
        let path = entry.expect("the guests").path();
        if path.extension().is_some_and(|extension| extension == "py") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("UTF-8 text");
            tree.insert(&name, text.as_str()).expect("a file's name");
        }
    }
    Arc::new(tree)
}

/// Of a package without dependencies.
pub fn recipe(platform: &Platform, name: &str, app: Arc<Tree>) -> Recipe {
    Recipe {
        platform: platform.clone(),
        name: name.to_owned(),
        version: "1.0.0".to_owned(),
        app,
        lock: String::new(),
        tools: String::new(),
        preload: Vec::new(),
        is_program: false,
        installer: Arc::new(Nothing),
    }
}

pub fn bundle_of(recipe: Recipe) -> Arc<Bundle> {
    let app = recipe.app.clone();
    Arc::new(Bundle { app, image: Some(Arc::new(recipe)), ..Bundle::default() })
}

/// There is nothing to install.
struct Nothing;

impl Installer for Nothing {
    fn install(
        &self,
        _lock: &str,
        _platform: &Platform,
        _folder: &std::path::Path,
        _cancel: &CancelToken,
    ) -> Result<(), ImageError> {
        Ok(())
    }
}

/// The failure of a call that has to fail.
#[track_caller]
pub fn failure(outcome: &Outcome) -> &Failure {
    match &outcome.result {
        Err(failure) => failure,
        Ok(value) => panic!("no failure, but {}", model::json::cut(&value.to_string(), 300)),
    }
}

/// Checks how a call ended, and says why if otherwise.
#[track_caller]
pub fn ends(outcome: &Outcome, kinds: &[&str]) {
    let told = model::json::cut(&format!("{:?}", outcome.result), 1000);
    assert!(kinds.contains(&kind_of(outcome)), "{} instead of {kinds:?}: {told}", kind_of(outcome));
}

/// Hears a call as it goes.
#[derive(Default)]
pub struct Heard {
    said: Mutex<Vec<String>>,
    more: Condvar,
}

impl Heard {
    /// All that was logged, printed and reported, in its order.
    pub fn said(&self) -> Vec<String> {
        self.said.lock().unwrap().clone()
    }

    /// Waits until something was said.
    pub fn wait_for(&self, what: &str) {
        let mut said = self.said.lock().unwrap();
        let deadline = Instant::now() + SOMETIME;
        while !said.iter().any(|one| one == what) {
            let left = deadline.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "`{what}` is not heard within {SOMETIME:?}: {said:?}");
            said = self.more.wait_timeout(said, left).unwrap().0;
        }
    }

    fn add(&self, text: String) {
        self.said.lock().unwrap().push(text);
        self.more.notify_all();
    }
}

impl Events for Heard {
    fn log(&self, entry: &LogEntry) {
        self.add(format!("{:?} {}", entry.level, entry.message).to_lowercase());
    }

    fn progress(&self, fraction: f64, message: &str) {
        self.add(format!("{fraction} {message}"));
    }
}

/// Files of calls, in memory. Clones are the same files.
#[derive(Clone, Default)]
pub struct Files(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl Files {
    pub fn put(&self, key: &str, content: &[u8]) {
        self.0.lock().unwrap().insert(key.to_owned(), content.to_vec());
    }

    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().unwrap().get(key).cloned()
    }

    pub fn keys(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().cloned().collect()
    }
}

impl CallFiles for Files {
    fn open(&self, key: &str) -> Result<Box<dyn Read + Send>, FileError> {
        match self.get(key) {
            Some(content) => Ok(Box::new(Cursor::new(content))),
            None => Err(FileError::NotFound(key.to_owned())),
        }
    }

    fn create(&self, key: &str) -> Result<Box<dyn FileSink>, FileError> {
        Ok(Box::new(Sink { key: key.to_owned(), content: Vec::new(), files: self.clone() }))
    }
}

struct Sink {
    key: String,
    content: Vec<u8>,
    files: Files,
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.content.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl FileSink for Sink {
    fn finish(self: Box<Self>) -> Result<(), FileError> {
        self.files.put(&self.key, &self.content);
        Ok(())
    }
}

/// Lines of a guest that wait until a file of the call is there: the test decides when.
pub const WAIT: &str = "
import mecapy, time
print('started', flush=True)
while True:
    try:
        mecapy.files.read('go')
        break
    except FileNotFoundError:
        time.sleep(0.02)
";

/// A call that says that it has started, and ends when it is told to.
pub struct Held {
    pub call: Call,
    pub heard: Arc<Heard>,
    pub files: Files,
}

impl Held {
    pub fn new(mut call: Call) -> Self {
        let (heard, files) = (Arc::new(Heard::default()), Files::default());
        call.events = heard.clone();
        call.files = Arc::new(files.clone());
        Self { call, heard, files }
    }

    pub fn wait_until_started(&self) {
        self.heard.wait_for("stdout started");
    }

    pub fn let_go(&self) {
        self.files.put("go", b"");
    }
}
