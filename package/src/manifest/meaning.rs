//! What a checked manifest means: one `model::Manifest`, whichever form it has.

use model::manifest::{Author, DEFAULT_TOLERANCE, Dependencies};
use model::{FunctionId, FunctionSpec, HandlerRef, Manifest, TestCase, Tree};
use serde_json::{Map, Value};

use super::check::Problems;
use super::document::{Entry, Node};
use super::handler::handler;
use super::runtime::runtime;
use crate::problem::nearest;
use crate::schema::escaped;

/// The requirements file that is used where the manifest names none.
pub const REQUIREMENTS: &str = "requirements.txt";

/// A package's own image, always run under Docker.
pub const DOCKERFILE: &str = "Dockerfile";

/// Either form of `mecapy.yaml`. Tolerant: what the schema refused is passed over here.
pub fn of_yaml(tree: &Tree, document: &Node, problems: &mut Problems<'_>) -> Option<Manifest> {
    if document.get("functions").is_some() && document.get("metadata").is_some() {
        problems.key(
            "/metadata",
            "`metadata` and `functions` are keys of different forms",
            Some(
                "one function: keep `metadata`; several: keep `name`, `version` and `functions`"
                    .to_owned(),
            ),
        );
        return None;
    }
    if document.entries().is_empty() {
        problems.value(
            "",
            "the manifest is not a map of keys",
            "write keys such as `version:` and `metadata:`",
        );
        return None;
    }
    let several = document.get("functions").is_some()
        || (document.get("metadata").is_none() && document.get("name").is_some());
    let form = if several { "several" } else { "single" };
    problems.check_form(form, "");
    let head = if several { Some(document) } else { document.get("metadata") };
    let versioning = if several { Some(document) } else { document.get("versioning") };
    let version_pointer = if several { "/version" } else { "/versioning/version" };
    let version = match versioning.and_then(|node| node.get("version")).and_then(Node::as_str) {
        Some(text) => semantic(problems, version_pointer, text)?,
        None => crate::version::unstated(),
    };
    let functions = if several {
        several_functions(
            tree,
            document.get("functions")?,
            "/functions",
            document.get("runtime"),
            problems,
        )
    } else {
        single_function(tree, head?, document, "", problems).into_iter().collect()
    };
    Some(Manifest {
        file: problems.file().to_owned(),
        name: text(head, "name")?,
        version,
        description: text(head, "description"),
        authors: authors(head),
        tags: head
            .and_then(|head| head.get("tags"))
            .into_iter()
            .flat_map(Node::items)
            .filter_map(|tag| tag.as_str().map(str::to_owned))
            .collect(),
        category: text(head, "category"),
        changelog: text(versioning, "changelog"),
        dependencies: dependencies(tree, document.get("dependencies"), problems),
        functions,
    })
}

pub fn text(node: Option<&Node>, key: &str) -> Option<String> {
    node?.get(key)?.as_str().map(str::to_owned)
}

fn authors(head: Option<&Node>) -> Vec<Author> {
    let author = Author { name: text(head, "author"), email: text(head, "email") };
    if author == Author::default() { Vec::new() } else { vec![author] }
}

/// The function of a form that has one, described by `head`, its keys in `body`.
pub fn single_function(
    tree: &Tree,
    head: &Node,
    body: &Node,
    base: &str,
    problems: &mut Problems<'_>,
) -> Option<FunctionSpec> {
    // A name that is no id was refused by the schema's pattern.
    let id = head.get("name")?.as_str()?.parse().ok()?;
    // A package with its own image need not have Python at all.
    if tree.file("handler.py").is_none() && tree.file(DOCKERFILE).is_none() {
        let help = match tree.files().iter().find(|(path, _)| path.ends_with("/handler.py")) {
            Some((path, _)) => {
                format!("move `{path}` to the package's root, or use the `functions` form")
            }
            None => {
                "add it with a function `calculate(inputs)`, or name the handlers below `functions`"
                    .to_owned()
            }
        };
        problems.key(base, "there is no `handler.py` at the package's root", Some(help));
    }
    Some(function(id, HandlerRef::single(), body, base, None, problems))
}

pub fn several_functions(
    tree: &Tree,
    functions: &Node,
    base: &str,
    defaults: Option<&Node>,
    problems: &mut Problems<'_>,
) -> Vec<FunctionSpec> {
    let mut found = Vec::new();
    for Entry { key, value, .. } in functions.entries() {
        let pointer = format!("{base}/{}", escaped(key));
        let id = match key.parse::<FunctionId>() {
            Ok(id) => id,
            Err(error) => {
                let help = FunctionId::suggest(key).map(|id| format!("write `{id}`"));
                problems.key(&pointer, error.to_string(), help);
                continue;
            }
        };
        let Some(handler) = handler(tree, value, &pointer, problems) else {
            continue;
        };
        found.push(function(id, handler, value, &pointer, defaults, problems));
    }
    found
}

fn function(
    id: FunctionId,
    handler: HandlerRef,
    node: &Node,
    pointer: &str,
    defaults: Option<&Node>,
    problems: &mut Problems<'_>,
) -> FunctionSpec {
    FunctionSpec {
        id,
        handler,
        description: text(Some(node), "description"),
        runtime: runtime(node.get("runtime"), defaults),
        inputs_schema: given_schema(node, pointer, "inputs_schema", problems),
        outputs_schema: given_schema(node, pointer, "outputs_schema", problems),
        strict_outputs: either(node, pointer, "io", "strict_outputs", problems)
            .and_then(|(node, _)| node.as_bool())
            .unwrap_or(false),
        test_cases: either(node, pointer, "quality", "test_cases", problems)
            .map(|(node, _)| test_cases(node))
            .unwrap_or_default(),
    }
}

/// A key that may stand in a group of its function or beside it, and its pointer.
fn either<'a>(
    node: &'a Node,
    pointer: &str,
    group: &str,
    key: &str,
    problems: &mut Problems<'_>,
) -> Option<(&'a Node, String)> {
    let grouped = node
        .get(group)
        .and_then(|group| group.get(key))
        .map(|found| (found, format!("{pointer}/{group}/{key}")));
    let beside = node.get(key).map(|found| (found, format!("{pointer}/{key}")));
    if grouped.is_some()
        && let Some((_, pointer)) = &beside
    {
        problems.key(
            pointer,
            format!("`{key}` is given twice, also below `{group}`"),
            Some("keep one of them".to_owned()),
        );
    }
    grouped.or(beside)
}

fn given_schema(
    node: &Node,
    pointer: &str,
    key: &str,
    problems: &mut Problems<'_>,
) -> Option<Value> {
    let (found, pointer) = either(node, pointer, "io", key, problems)?;
    let schema = found.to_value();
    if !schema.is_object() {
        return None;
    }
    let kind = schema.get("type").and_then(Value::as_str).unwrap_or("object");
    if key == "inputs_schema" && kind != "object" {
        problems.value(
            &format!("{pointer}/type"),
            format!("inputs are an object, and this schema wants `{kind}`"),
            "write `type: object`, with the inputs below `properties`",
        );
    }
    problems.check_given_schema(&pointer, &schema);
    Some(schema)
}

pub fn object(node: &Node) -> Map<String, Value> {
    match node.to_value() {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

fn test_cases(list: &Node) -> Vec<TestCase> {
    list.items()
        .iter()
        .map(|case| TestCase {
            name: text(Some(case), "name"),
            inputs: case.get("inputs").map(object).unwrap_or_default(),
            expected_outputs: case.get("expected_outputs").map(Node::to_value),
            tolerance: case.get("tolerance").and_then(Node::as_f64).unwrap_or(DEFAULT_TOLERANCE),
            line: case.at.line,
        })
        .collect()
}

fn dependencies(tree: &Tree, node: Option<&Node>, problems: &mut Problems<'_>) -> Dependencies {
    let Some(node) = node else {
        let file = tree.file(REQUIREMENTS).map(|_| REQUIREMENTS.to_owned());
        return Dependencies { file, packages: Vec::new() };
    };
    let file = text(Some(node), "requirements");
    if let Some(file) = &file
        && tree.file(file).is_none()
    {
        let files = tree.files();
        let near = nearest(file, files.iter().map(|(path, _)| path.as_str()));
        let help = match near {
            Some(near) => format!("did you mean `{near}`?"),
            None => "add the file, or list the requirements below `packages`".to_owned(),
        };
        problems.value(
            "/dependencies/requirements",
            format!("there is no file `{file}` in the package"),
            help,
        );
    }
    let packages = node.get("packages").into_iter().flat_map(Node::items);
    Dependencies {
        file,
        packages: packages.filter_map(|item| item.as_str().map(str::to_owned)).collect(),
    }
}

/// Parses a semantic version, or says what to write instead.
pub fn semantic(problems: &mut Problems<'_>, pointer: &str, text: &str) -> Option<semver::Version> {
    match semver::Version::parse(text) {
        Ok(version) if version.build.is_empty() => return Some(version),
        Ok(version) => {
            problems.value(
                pointer,
                format!("`{text}` has build metadata"),
                format!(
                    "write \"{}.{}.{}\": the content's checksum is added to it",
                    version.major, version.minor, version.patch
                ),
            );
        }
        Err(_) => {
            let guess = completed(text);
            problems.value(
                pointer,
                format!("`{text}` is not a semantic version"),
                format!("write it like \"{guess}\""),
            );
        }
    }
    None
}

/// The semantic version that was most likely meant.
pub fn completed(text: &str) -> String {
    let bare = text.trim().trim_start_matches(['v', 'V']);
    let mut parts: Vec<&str> = bare.split('.').collect();
    parts.resize(parts.len().max(3), "0");
    let guess = parts.join(".");
    if semver::Version::parse(&guess).is_ok() { guess } else { "1.0.0".to_owned() }
}
