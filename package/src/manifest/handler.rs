//! The handler that a manifest names, held against the package's files.

use model::{HandlerRef, Tree};

use super::check::Problems;
use super::document::Node;
use crate::problem::nearest;

/// The handler that a function names, if the package has its module.
pub fn handler(
    tree: &Tree,
    node: &Node,
    pointer: &str,
    problems: &mut Problems<'_>,
) -> Option<HandlerRef> {
    let written = node.get("handler")?.as_str()?;
    let init: Vec<String> = node
        .get("init")
        .into_iter()
        .flat_map(Node::items)
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect();
    let at = format!("{pointer}/handler");
    let handler = match HandlerRef::parse(written, init) {
        Ok(handler) => handler,
        Err(error) => {
            problems.value(&at, error.to_string(), "for example `analysis.bolt:resistance`");
            return None;
        }
    };
    let parts: Vec<&str> = handler.path.split('.').collect();
    let is_module = |n: usize| {
        let path = parts[..n].join("/");
        tree.file(&format!("{path}.py")).is_some()
            || tree.node(&path).is_some_and(|node| matches!(node, model::files::Node::Folder(_)))
    };
    let modules = (1..=parts.len()).take_while(|n| is_module(*n)).count();
    if modules + 1 < parts.len() || modules == 0 {
        let missing = parts[..=modules.min(parts.len() - 1)].join(".");
        let siblings = siblings(tree, &parts[..modules].join("/"));
        let help = match nearest(parts[modules], siblings.iter().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("add the file `{}.py`", missing.replace('.', "/")),
        };
        problems.value(&at, format!("there is no module `{missing}` in the package"), help);
    } else if modules == parts.len() && !handler.init.is_empty() {
        problems.key(
            &format!("{pointer}/init"),
            format!("`init` goes to a class's constructor, and `{written}` names no class"),
            Some("write the handler as module.path.Class:method, or remove `init`".to_owned()),
        );
    }
    Some(handler)
}

/// Names of the modules in a folder.
fn siblings(tree: &Tree, folder: &str) -> Vec<String> {
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    tree.files()
        .iter()
        .filter_map(|(path, _)| path.strip_prefix(&prefix))
        .filter(|path| path.ends_with(".py"))
        .map(|path| path.split('/').next().unwrap_or(path).trim_end_matches(".py").to_owned())
        .collect()
}
