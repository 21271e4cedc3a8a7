//! The files that a function's inputs name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::escaped;

/// Deepest chain of references that is followed in a schema.
const MAX_REFERENCES: usize = 32;

/// The keys of the files that inputs name, each with the JSON Pointer of a place that names
/// it: `{"$file": "key"}` anywhere, and texts where the schema says `format: file`.
pub fn file_keys(inputs: &Map<String, Value>, schema: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for (name, value) in inputs {
        let pointer = format!("/{}", escaped(name));
        let schema = property(schema, schema, name);
        collect(value, schema, pointer, &mut found);
    }
    found
}

/// A part of a schema, with the whole that its references are into.
type At<'a> = Option<(&'a Value, &'a Value)>;

fn collect(value: &Value, schema: At<'_>, pointer: String, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(object) => {
            if let (1, Some(Value::String(key))) = (object.len(), object.get("$file")) {
                found.entry(key.clone()).or_insert(pointer);
                return;
            }
            for (name, value) in object {
                let schema = schema.and_then(|(root, at)| property(root, at, name));
                collect(value, schema, format!("{pointer}/{}", escaped(name)), found);
            }
        }
        Value::Array(items) => {
            let schema =
                schema.and_then(|(root, at)| Some((root, resolved(root, at)?.get("items")?)));
            for (i, value) in items.iter().enumerate() {
                collect(value, schema, format!("{pointer}/{i}"), found);
            }
        }
        Value::String(key) => {
            let is_file = schema.is_some_and(|(root, at)| {
                let at = resolved(root, at);
                at.and_then(|at| at.get("format")).and_then(Value::as_str) == Some("file")
            });
            if is_file {
                found.entry(key.clone()).or_insert(pointer);
            }
        }
        _ => {}
    }
}

fn property<'a>(root: &'a Value, at: &'a Value, name: &str) -> At<'a> {
    Some((root, resolved(root, at)?.get("properties")?.get(name)?))
}

/// The schema that stands for a part: what it refers to, and the one alternative to null.
pub fn resolved<'a>(root: &'a Value, mut at: &'a Value) -> Option<&'a Value> {
    for _ in 0..MAX_REFERENCES {
        if let Some(reference) = at.get("$ref").and_then(Value::as_str) {
            at = root.pointer(reference.strip_prefix('#')?)?;
            continue;
        }
        let alternatives = at.get("anyOf").or_else(|| at.get("oneOf")).and_then(Value::as_array);
        let mut others = alternatives
            .into_iter()
            .flatten()
            .filter(|one| one.get("type").and_then(Value::as_str) != Some("null"));
        match (others.next(), others.next()) {
            (Some(only), None) if at.get("properties").is_none() => at = only,
            _ => return Some(at),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn files_are_found_by_mark_and_by_schema() {
        let Value::Object(inputs) = json!({
            "mesh": {"$file": "meshes/a.msh"},
            "plain": "not-a-file",
            "more": [{"deep": {"$file": "b.csv"}}, {"$file": "c", "and": 1}],
            "named": "d.csv",
            "maybe": "e.csv",
            "list": ["f.csv", 3],
        }) else {
            unreachable!()
        };
        let schema = json!({
            "properties": {
                "named": {"$ref": "#/$defs/file"},
                "maybe": {"anyOf": [{"$ref": "#/$defs/file"}, {"type": "null"}]},
                "list": {"items": {"format": "file"}},
                "plain": {"type": "string"},
            },
            "$defs": {"file": {"type": "string", "format": "file"}, "loop": {"$ref": "#/$defs/loop"}},
        });
        let found = file_keys(&inputs, &schema);
        let found: Vec<_> =
            found.iter().map(|(key, pointer)| (key.as_str(), pointer.as_str())).collect();
        assert_eq!(
            found,
            [
                ("b.csv", "/more/0/deep"),
                ("d.csv", "/named"),
                ("e.csv", "/maybe"),
                ("f.csv", "/list/0"),
                ("meshes/a.msh", "/mesh"),
            ]
        );
        assert_eq!(resolved(&schema, &schema["$defs"]["loop"]), None);
    }
}
