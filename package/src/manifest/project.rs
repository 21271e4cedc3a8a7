//! `pyproject.toml` with `[tool.mecapy]`: what is said in `[project]` is not said again.

use model::manifest::{Author, Dependencies};
use model::{FunctionId, Manifest, Tree};
use serde_json::Value;

use super::check::Problems;
use super::document::{Content, Entry, Node};
use super::meaning::{semantic, several_functions, single_function, text};
use super::runtime::python_version;

/// Where MecaPy's own keys are.
pub const BASE: &str = "/tool/mecapy";

const PROJECT: &str = "/project";

pub fn of_project(tree: &Tree, document: &Node, problems: &mut Problems<'_>) -> Option<Manifest> {
    problems.check_form("pyproject", BASE);
    let own = document.pointer(BASE)?;
    let Some(project) = document.pointer(PROJECT) else {
        problems.key(
            BASE,
            "there is no [project] table",
            Some("add [project] with `name` and `version`".to_owned()),
        );
        return None;
    };
    for dynamic in project.get("dynamic").into_iter().flat_map(Node::items).filter_map(Node::as_str)
    {
        if ["version", "dependencies"].contains(&dynamic) {
            problems.value(
                "/project/dynamic",
                format!("`{dynamic}` is dynamic, and no build is run to find it"),
                format!("write `{dynamic}` in [project]"),
            );
        }
    }
    let metadata = own.get("metadata");
    let name = text(metadata, "name").or_else(|| text(Some(project), "name"));
    let Some(name) = name else {
        problems.key(PROJECT, "[project] has no `name`", Some("add `name`".to_owned()));
        return None;
    };
    let id = if text(metadata, "name").is_some() {
        name.parse().ok()
    } else {
        FunctionId::suggest(&name)
    };
    let Some(id) = id else {
        problems.key(
            "/project/name",
            format!("no function id can be made of `{name}`"),
            Some("give one as `metadata.name` in [tool.mecapy]".to_owned()),
        );
        return None;
    };
    let version = match text(Some(project), "version") {
        Some(version) => semantic(problems, "/project/version", &version),
        None => {
            problems.key(
                PROJECT,
                "[project] has no `version`",
                Some("add `version = \"1.0.0\"`".to_owned()),
            );
            None
        }
    };
    let mut functions = match own.get("functions") {
        Some(list) => several_functions(
            tree,
            list,
            &format!("{BASE}/functions"),
            own.get("runtime"),
            problems,
        ),
        None => {
            let head = Node {
                at: own.at,
                content: Content::Map(vec![Entry {
                    key: "name".to_owned(),
                    at: own.at,
                    value: Node {
                        at: own.at,
                        content: Content::Scalar {
                            value: Value::String(id.to_string()),
                            plain: None,
                        },
                    },
                }]),
            };
            single_function(tree, &head, own, BASE, problems).into_iter().collect()
        }
    };
    if let Some(lowest) = text(Some(project), "requires-python").as_deref().and_then(lowest_python)
    {
        for function in &mut functions {
            function.runtime.python_version.get_or_insert(lowest);
        }
    }
    Some(Manifest {
        file: problems.file().to_owned(),
        name: id.to_string(),
        version: version?,
        description: text(metadata, "description").or_else(|| text(Some(project), "description")),
        authors: authors(project),
        tags: strings(
            metadata.and_then(|node| node.get("tags")).or_else(|| project.get("keywords")),
        ),
        category: text(metadata, "category"),
        changelog: text(Some(own), "changelog"),
        dependencies: Dependencies { file: None, packages: strings(project.get("dependencies")) },
        functions,
    })
}

fn strings(list: Option<&Node>) -> Vec<String> {
    list.into_iter()
        .flat_map(Node::items)
        .filter_map(|item| item.as_str().map(str::to_owned))
        .collect()
}

fn authors(project: &Node) -> Vec<Author> {
    let list = project.get("authors").into_iter().flat_map(Node::items);
    list.map(|author| Author {
        name: text(Some(author), "name"),
        email: text(Some(author), "email"),
    })
    .collect()
}

/// The version that `requires-python` starts at, if it says so plainly.
fn lowest_python(specifier: &str) -> Option<model::manifest::PythonVersion> {
    specifier
        .split(',')
        .filter_map(|part| {
            part.trim().strip_prefix(">=").or_else(|| part.trim().strip_prefix("~="))
        })
        .filter_map(|version| {
            let minor: Vec<&str> = version.trim().split('.').take(2).collect();
            python_version(&minor.join("."))
        })
        .max()
}
