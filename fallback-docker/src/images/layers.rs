//! The layers of a package's image: an image each, named by what it is made of, so that
//! packages share what they have in common.
//!
//! ```text
//! <images>/with.runner:H         a base, and /opt/mecapy/{runner,guest}
//! <images>/with.dependencies:H   /deps, and what runs tests at /opt/mecapy/pytest
//! <images>/<package>:H           /app
//! ```
//!
//! A package without dependencies and tests has no second layer. A program, which brings its
//! own `Dockerfile`, has the first two only for its dependencies.

use std::collections::HashMap;
use std::sync::{Arc, Weak};

use blake3::Hasher;
use model::Tree;
use model::image::Recipe;
use parking_lot::Mutex;

use super::bases::BaseImage;
use crate::settings::Settings;

pub const RUNNER: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/runner.tar"));

/// Changes when what is built changes otherwise than by its Dockerfile.
const FORMAT: &str = "1";

/// Neither a home nor a display; the same everywhere.
pub const ENVIRONMENT: &str =
    "ENV HOME=/tmp MPLBACKEND=Agg PYTHONDONTWRITEBYTECODE=1 LANG=C.UTF-8 TZ=UTC\n";

/// Compiles all modules of some folders, with hashes that nobody checks: files of an image
/// do not change. What does not compile is left to the import that needs it.
const COMPILE: &str = "\
import compileall, py_compile, sys
for folder in sys.argv[1:]:
    compileall.compile_dir(folder, quiet=2, workers=0, force=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
";

/// Looking for fonts takes seconds: once here instead of once a container. That runs the
/// dependency's code: as a user without rights.
const FONTS: &str = "\
import os, subprocess
place = '/opt/mecapy/matplotlib'
os.mkdir(place)
os.chown(place, 65534, 65534)
code = 'import sys; sys.path.insert(0, \"/deps\"); import matplotlib.font_manager'
try:
    subprocess.run(['python3', '-I', '-c', code], user=65534, group=65534, extra_groups=[],
        env={**os.environ, 'MPLCONFIGDIR': place}, timeout=300)
except subprocess.TimeoutExpired:
    pass
";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Runner,
    Dependencies,
    App,
    Program,
}

#[derive(Clone, Debug)]
pub struct Layer {
    pub kind: Kind,
    /// `<images>/<package>`.
    pub repository: String,
    /// What it is made of, hashed.
    pub content: String,
    /// The same of the layer below; the id of the base below the first.
    pub parent: String,
}

impl Layer {
    pub fn tag(&self) -> String {
        format!("{}:{}", self.repository, self.content)
    }
}

/// The layers of a recipe, lowest first.
pub fn plan(images: &str, recipe: &Recipe, base: &BaseImage, hashes: &TreeHashes) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::new();
    let mut add = |kind, name: &str, text: &str, contents: &[&[u8]]| {
        let parent =
            layers.last().map_or(base.id.as_str(), |layer| layer.content.as_str()).to_owned();
        let mut hasher = Hasher::new();
        for bytes in [FORMAT.as_bytes(), parent.as_bytes(), text.as_bytes()] {
            add_part(&mut hasher, bytes);
        }
        for bytes in contents {
            add_part(&mut hasher, bytes);
        }
        let content = hasher.finalize().to_hex()[..40].to_owned();
        layers.push(Layer { kind, repository: format!("{images}/{name}"), content, parent });
    };

    let has_dependencies = !recipe.lock.is_empty() || !recipe.tools.is_empty();
    if has_dependencies || !recipe.is_program {
        add(Kind::Runner, "with.runner", &runner_text(recipe, base.is_root), &[RUNNER]);
    }
    if has_dependencies {
        let target = recipe.platform.target.as_bytes();
        let contents = [recipe.lock.as_bytes(), recipe.tools.as_bytes(), target];
        let text = dependencies_text(true);
        add(Kind::Dependencies, "with.dependencies", &text, &contents);
    }
    let app = hashes.of(&recipe.app);
    let contents = [recipe.name.as_bytes(), recipe.version.as_bytes(), app.as_slice()];
    if recipe.is_program {
        let text = super::dockerfile::additions(has_dependencies);
        add(Kind::Program, &repository_name(&recipe.name), &text, &contents);
    } else {
        add(Kind::App, &repository_name(&recipe.name), &app_text(), &contents);
    }
    layers
}

/// With its length, so that no two lists of parts hash alike.
fn add_part(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
}

/// Docker's names are lower-case words with single separators. A dot is for the layers that
/// packages share.
fn repository_name(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> = lower
        .split(|c: char| !c.is_ascii_lowercase() && !c.is_ascii_digit())
        .filter(|word| !word.is_empty())
        .collect();
    let mut name = words.join("-");
    name.truncate(100);
    if name.is_empty() { "package".to_owned() } else { name.trim_end_matches('-').to_owned() }
}

/// An instruction of arguments that no shell reads.
fn run(arguments: &[&str]) -> String {
    let arguments = serde_json::Value::from(arguments.to_vec());
    format!("RUN {arguments}\n")
}

/// All begin as root, and so do the layers of handlers but the last.
pub fn runner_text(recipe: &Recipe, is_root: bool) -> String {
    // Neither the user's packages, nor the folder that it is started in, nor bytecode.
    let python = &recipe.platform.python;
    let safe = (python.major, python.minor) >= (3, 11);
    let flags = if safe { "-sPB" } else { "-sB" };
    format!(
        "{}COPY mecapy/ /opt/mecapy/\n{}{ENVIRONMENT}WORKDIR /app\n\
         ENTRYPOINT [\"python3\",\"{flags}\",\"/opt/mecapy/runner/main.py\"]\n",
        if is_root { "" } else { "USER 0:0\n" },
        run(&["python3", "-I", "-c", COMPILE, "/opt/mecapy"]),
    )
}

pub fn dependencies_text(has_matplotlib: bool) -> String {
    let fonts = if has_matplotlib { FONTS } else { "" };
    let code = format!("{COMPILE}{fonts}");
    format!("COPY root/ /\n{}", run(&["python3", "-I", "-c", &code, "/deps", "/opt/mecapy/pytest"]))
}

pub fn app_text() -> String {
    let compile = run(&["python3", "-I", "-c", COMPILE, "/app"]);
    format!("COPY app/ /app/\n{compile}USER 65534:65534\n")
}

/// One instruction that sets labels. Each costs a step, so there is one.
pub fn label_text(labels: &[(&str, &str)]) -> String {
    let mut text = "LABEL".to_owned();
    for (name, value) in labels {
        // As the daemon reads it: with escapes and variables.
        let plain = value.replace(char::is_control, " ");
        let quoted = plain.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "\\$");
        text += &format!(" {name}=\"{quoted}\"");
    }
    text + "\n"
}

/// What all that a build makes bears, also what it leaves halfway.
pub fn label_of_images(settings: &Settings) -> String {
    label_text(&[(super::IMAGES, &settings.images)])
}

/// Hashes of trees. Packages are shared and never change: each is hashed once.
#[derive(Default)]
pub struct TreeHashes {
    /// By where a tree is in memory.
    known: Mutex<HashMap<usize, Known>>,
}

type Known = (Weak<Tree>, [u8; 32]);

impl TreeHashes {
    fn of(&self, tree: &Arc<Tree>) -> [u8; 32] {
        let place = Arc::as_ptr(tree) as usize;
        if let Some((known, hash)) = self.known.lock().get(&place)
            // Another tree may have been put where one was dropped.
            && known.upgrade().is_some_and(|known| Arc::ptr_eq(&known, tree))
        {
            return *hash;
        }
        let mut hasher = Hasher::new();
        for (path, bytes) in tree.files() {
            add_part(&mut hasher, path.as_bytes());
            add_part(&mut hasher, bytes);
        }
        let hash = *hasher.finalize().as_bytes();
        let mut known = self.known.lock();
        known.retain(|_, (tree, _)| tree.strong_count() > 0);
        known.insert(place, (Arc::downgrade(tree), hash));
        hash
    }
}
