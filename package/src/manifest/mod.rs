//! A package's manifest: found, read with positions, checked and understood.
//!
//! Owns the forms in which a manifest may be written and every message about one. What it
//! means is `model::Manifest`.

mod check;
mod document;
mod handler;
mod meaning;
mod project;
mod runtime;
mod scalar;
mod toml;
mod yaml;

use model::{FunctionId, FunctionSpec, HandlerRef, Manifest, Tree};

pub use document::Position;
pub use meaning::{DOCKERFILE, REQUIREMENTS};

use crate::archive::Archive;
use crate::problem::{PackageError, Problem, Step};
use document::{Mistake, Node};

/// Largest manifest.
pub const MAX_BYTES: usize = 256 * 1024;
/// Deepest nesting of a manifest.
pub const MAX_DEPTH: usize = 64;
/// Most values of a manifest, its aliases expanded.
pub const MAX_NODES: usize = 20_000;

/// The published JSON Schema of `mecapy.yaml`.
pub const SCHEMA: &str = include_str!("../../schema/manifest.schema.json");

const YAML_NAMES: [&str; 2] = ["mecapy.yaml", "mecapy.yml"];
const PROJECT_NAME: &str = "pyproject.toml";

/// A manifest, and where in its file everything stands.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestSource {
    pub manifest: Manifest,
    document: Option<Node>,
    /// Where in the document the functions' own keys are: empty or `/tool/mecapy`.
    base: &'static str,
}

impl ManifestSource {
    /// Where the value at a JSON Pointer into the manifest's file stands.
    pub fn position(&self, pointer: &str) -> Option<Position> {
        self.document.as_ref().map(|document| document.position(pointer))
    }

    /// Where the key of the value at a JSON Pointer into the manifest's file stands.
    pub fn key_position(&self, pointer: &str) -> Option<Position> {
        self.document.as_ref().map(|document| document.key_position(pointer))
    }

    /// The pointer of a function's own part; of the single form, that of the whole.
    pub fn function_pointer(&self, id: &FunctionId) -> String {
        let pointer = format!("{}/functions/{id}", self.base);
        let is_there = |node: &Node| node.pointer(&pointer).is_some();
        if self.document.as_ref().is_some_and(is_there) { pointer } else { self.base.to_owned() }
    }

    /// A problem at the value of a pointer.
    pub(crate) fn problem(&self, step: Step, pointer: &str, message: impl Into<String>) -> Problem {
        let problem = Problem::new(step, message);
        match self.key_position(pointer) {
            Some(at) => problem.in_file(&self.manifest.file).at(at.line, at.column),
            None => problem,
        }
    }
}

/// Finds and reads the one manifest of a package; a bare script's is made up.
pub fn read(archive: &Archive) -> Result<ManifestSource, PackageError> {
    match &archive.script {
        Some(name) => Ok(of_script(name)?),
        None => read_tree(&archive.tree),
    }
}

/// Finds and reads the one manifest at the root of a tree.
pub fn read_tree(tree: &Tree) -> Result<ManifestSource, PackageError> {
    let mut found: Vec<(&str, Node, &'static str)> = Vec::new();
    let project = match tree.file(PROJECT_NAME) {
        Some(bytes) => parsed(PROJECT_NAME, bytes, toml::parse),
        None => Ok(Node::empty()),
    };
    for name in YAML_NAMES {
        if let Some(bytes) = tree.file(name) {
            found.push((name, parsed(name, bytes, yaml::parse)?, ""));
        }
    }
    match project {
        Ok(project) if project.pointer(project::BASE).is_some() => {
            found.push((PROJECT_NAME, project, project::BASE));
        }
        // Another tool's file may be wrong, where it is not the manifest.
        Err(error) if found.is_empty() => return Err(error.into()),
        _ => {}
    }
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(|(name, ..)| format!("`{name}`")).collect();
        return Err(Problem::new(
            Step::Manifest,
            format!("there are two manifests: {}", names.join(" and ")),
        )
        .in_file(found[1].0)
        .help("keep one of them")
        .into());
    }
    let Some((file, document, base)) = found.pop() else {
        return Err(absent(tree).into());
    };
    let mut problems = check::Problems::new(file, &document);
    let manifest = if base.is_empty() {
        meaning::of_yaml(tree, &document, &mut problems)
    } else {
        project::of_project(tree, &document, &mut problems)
    };
    let problems = problems.into_sorted();
    match manifest {
        Some(manifest) if problems.is_empty() => {
            Ok(ManifestSource { manifest, document: Some(document), base })
        }
        _ => Err(problems.into()),
    }
}

fn parsed(
    file: &str,
    bytes: &[u8],
    parse: fn(&str) -> Result<Node, Mistake>,
) -> Result<Node, Problem> {
    let problem = |message: String| Problem::new(Step::Manifest, message).in_file(file);
    if bytes.len() > MAX_BYTES {
        return Err(problem(format!("the manifest is larger than {} KiB", MAX_BYTES / 1024))
            .help("move data into a file of the package's `data/` folder"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count() + 1;
        problem("the manifest is not UTF-8".to_owned())
            .at_line(u32::try_from(line).unwrap_or(u32::MAX))
            .help("save it as UTF-8")
    })?;
    parse(text).map_err(|mistake| {
        let mut problem = problem(mistake.message).at(mistake.at.line, mistake.at.column);
        problem.help = mistake.help;
        problem
    })
}

fn absent(tree: &Tree) -> Problem {
    let problem = Problem::new(Step::Manifest, "there is no manifest at the package's root");
    let files = tree.files();
    let name_of = |path: &str| path.rsplit('/').next().unwrap_or(path).to_owned();
    let elsewhere = files
        .iter()
        .find(|(path, _)| path.contains('/') && YAML_NAMES.contains(&name_of(path).as_str()));
    if let Some((path, _)) = elsewhere {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        return problem
            .help(format!("there is one in `{folder}`: give that folder as the package"));
    }
    let misnamed = files.iter().find(|(path, _)| {
        let stem = path.rsplit_once('.').map_or(path.as_str(), |(stem, _)| stem).to_lowercase();
        !path.contains('/')
            && strsim::jaro_winkler(&stem, "mecapy") > 0.85
            && !path.ends_with(".py")
    });
    if let Some((path, _)) = misnamed {
        return problem.help(format!("rename `{path}` to `mecapy.yaml`"));
    }
    if tree.file(PROJECT_NAME).is_some() {
        return problem.help("add `mecapy.yaml`, or a [tool.mecapy] table to `pyproject.toml`");
    }
    problem.help("add `mecapy.yaml` beside `handler.py`")
}

/// The manifest that a bare script does without.
fn of_script(name: &str) -> Result<ManifestSource, Problem> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let id = FunctionId::suggest(stem).ok_or_else(|| {
        Problem::new(
            Step::Manifest,
            format!("no function id can be made of the file name `{name}`"),
        )
        .help("name the file with letters a-z or digits")
    })?;
    let manifest = Manifest {
        file: String::new(),
        name: id.to_string(),
        version: crate::version::unstated(),
        description: None,
        authors: Vec::new(),
        tags: Vec::new(),
        category: None,
        changelog: None,
        dependencies: model::manifest::Dependencies::default(),
        functions: vec![FunctionSpec {
            id,
            handler: HandlerRef::single(),
            description: None,
            runtime: model::manifest::RuntimeSpec::default(),
            inputs_schema: None,
            outputs_schema: None,
            strict_outputs: false,
            test_cases: Vec::new(),
        }],
    };
    Ok(ManifestSource { manifest, document: None, base: "" })
}
