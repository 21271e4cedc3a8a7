//! The schema's own shape: which keywords hold schemas, and what is wrong with a schema.

use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind;
use serde_json::Value;

use super::{DIALECT, MAX_SCHEMA_NODES, SchemaMistake, escaped, explain};
use crate::problem::nearest;

/// Keywords that apply a schema to the same value.
const IN_PLACE: [&str; 4] = ["not", "if", "then", "else"];
const IN_PLACE_LISTS: [&str; 3] = ["allOf", "anyOf", "oneOf"];
const IN_PLACE_MAPS: [&str; 1] = ["dependentSchemas"];
/// Keywords that apply a schema to a part of the value.
const BELOW: [&str; 6] = [
    "additionalProperties",
    "items",
    "contains",
    "propertyNames",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const BELOW_LISTS: [&str; 1] = ["prefixItems"];
const BELOW_MAPS: [&str; 2] = ["properties", "patternProperties"];
/// Keywords that only keep schemas.
const KEPT_MAPS: [&str; 2] = ["$defs", "definitions"];
const KEPT: [&str; 1] = ["contentSchema"];
const OTHERS: [&str; 38] = [
    "type",
    "enum",
    "const",
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "pattern",
    "format",
    "minItems",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
    "required",
    "dependentRequired",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "contentEncoding",
    "contentMediaType",
    "$id",
    "$schema",
    "$ref",
    "$anchor",
    "$dynamicRef",
    "$dynamicAnchor",
    "$comment",
    "$vocabulary",
];

/// How a schema stands to the one that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    InPlace,
    Below,
    Kept,
}

/// The schemas directly inside of a schema, references aside: keyword, key or index in it.
pub fn children<'a>(
    schema: &'a Value,
    mut visit: impl FnMut(Relation, &str, Option<&str>, &'a Value),
) {
    let Some(object) = schema.as_object() else {
        return;
    };
    for (keyword, value) in object {
        let is = |list: &[&str]| list.contains(&keyword.as_str());
        let relation = if is(&IN_PLACE) || is(&IN_PLACE_LISTS) || is(&IN_PLACE_MAPS) {
            Relation::InPlace
        } else if is(&BELOW) || is(&BELOW_LISTS) || is(&BELOW_MAPS) {
            Relation::Below
        } else {
            Relation::Kept
        };
        if is(&IN_PLACE) || is(&BELOW) || is(&KEPT) {
            visit(relation, keyword, None, value);
        } else if is(&IN_PLACE_LISTS) || is(&BELOW_LISTS) {
            for (i, item) in value.as_array().into_iter().flatten().enumerate() {
                visit(relation, keyword, Some(&i.to_string()), item);
            }
        } else if is(&IN_PLACE_MAPS) || is(&BELOW_MAPS) || is(&KEPT_MAPS) {
            for (key, item) in value.as_object().into_iter().flatten() {
                visit(relation, keyword, Some(key), item);
            }
        }
    }
}

/// What a schema refers to, as written.
pub fn references(schema: &Value) -> impl Iterator<Item = (&'static str, &str)> {
    ["$ref", "$dynamicRef"]
        .into_iter()
        .filter_map(|keyword| Some((keyword, schema.get(keyword)?.as_str()?)))
}

/// The schema that an anchor names.
pub fn anchored<'a>(root: &'a Value, name: &str) -> Option<&'a Value> {
    let mut left = vec![root];
    while let Some(schema) = left.pop() {
        let is_named = |keyword| schema.get(keyword).and_then(Value::as_str) == Some(name);
        if is_named("$anchor") || is_named("$dynamicAnchor") {
            return Some(schema);
        }
        children(schema, |_, _, _, child| left.push(child));
    }
    None
}

/// Everything wrong with a schema, but for what only compiling it shows.
pub fn check(root: &Value) -> Vec<SchemaMistake> {
    if !(root.is_object() || root.is_boolean()) {
        return vec![
            SchemaMistake::new("", "a schema is an object")
                .help("write `type: object` and `properties`"),
        ];
    }
    if count(root, MAX_SCHEMA_NODES).is_none() {
        return vec![
            SchemaMistake::new("", format!("the schema has more than {MAX_SCHEMA_NODES} values"))
                .help("describe less, or use `$defs` and `$ref`"),
        ];
    }
    if let Some(dialect) = root.get("$schema").and_then(Value::as_str)
        && dialect.trim_end_matches('#') != DIALECT
    {
        return vec![
            SchemaMistake::new("/$schema", format!("the dialect `{dialect}` is not supported"))
                .help(format!("use `{DIALECT}`")),
        ];
    }
    let mut mistakes = Vec::new();
    for error in jsonschema::draft202012::meta::validator().iter_errors(root) {
        for said in explain(None, &error) {
            mistakes.push(SchemaMistake {
                help: said.help.or_else(|| type_help(root, &said.pointer)),
                pointer: said.pointer,
                message: format!("this is not a valid schema: {}", said.message),
            });
        }
    }
    if mistakes.is_empty() {
        check_parts(root, &mut mistakes);
    }
    mistakes.dedup();
    mistakes
}

/// References that lead out, and keywords that are misspelt.
fn check_parts(root: &Value, mistakes: &mut Vec<SchemaMistake>) {
    let mut left = vec![(String::new(), root)];
    while let Some((pointer, schema)) = left.pop() {
        for (keyword, reference) in references(schema) {
            let at = format!("{pointer}/{keyword}");
            if !reference.starts_with('#') {
                mistakes.push(
                    SchemaMistake::new(
                        at,
                        format!("the reference `{reference}` leads out of the schema"),
                    )
                    .help("copy what it names into `$defs`, and refer to `#/$defs/...`"),
                );
            } else if super::resolve(root, reference)
                .is_none_or(|found| !(found.is_object() || found.is_boolean()))
            {
                mistakes.push(
                    SchemaMistake::new(
                        at,
                        format!("the reference `{reference}` leads to no schema"),
                    )
                    .help(reference_help(root, reference)),
                );
            }
        }
        if !pointer.is_empty() && schema.get("$id").is_some() {
            mistakes.push(
                SchemaMistake::new(
                    format!("{pointer}/$id"),
                    "`$id` inside of a schema starts another one",
                )
                .help("remove it, and refer by `#/$defs/...`"),
            );
        }
        for keyword in schema.as_object().into_iter().flat_map(|object| object.keys()) {
            if let Some(known) = misspelt(keyword) {
                mistakes.push(
                    SchemaMistake::new(
                        format!("{pointer}/{}", escaped(keyword)),
                        format!("`{keyword}` is no keyword of JSON Schema"),
                    )
                    .help(format!("did you mean `{known}`? (an own keyword begins with `x-`)")),
                );
            }
        }
        children(schema, |_, keyword, key, child| {
            let below = key.map(|key| format!("/{}", escaped(key))).unwrap_or_default();
            left.push((format!("{pointer}/{keyword}{below}"), child));
        });
    }
    mistakes.sort_by(|a, b| a.pointer.cmp(&b.pointer));
}

fn known_keywords() -> impl Iterator<Item = &'static str> {
    IN_PLACE
        .iter()
        .chain(&IN_PLACE_LISTS)
        .chain(&IN_PLACE_MAPS)
        .chain(&BELOW)
        .chain(&BELOW_LISTS)
        .chain(&BELOW_MAPS)
        .chain(&KEPT_MAPS)
        .chain(&KEPT)
        .chain(&OTHERS)
        .copied()
}

/// The keyword that an unknown one is close to: most likely a rule that would silently
/// not be checked.
fn misspelt(keyword: &str) -> Option<&'static str> {
    if keyword.starts_with("x-") || known_keywords().any(|known| known == keyword) {
        return None;
    }
    if keyword == "unit" || keyword == "units" {
        return Some("x-unit");
    }
    let near = nearest(keyword, known_keywords())?;
    (strsim::damerau_levenshtein(&keyword.to_lowercase(), &near.to_lowercase()) <= 2)
        .then_some(near)
}

fn type_help(root: &Value, pointer: &str) -> Option<String> {
    let value = root.pointer(pointer)?.as_str().filter(|_| pointer.ends_with("/type"))?;
    let near = match value {
        "float" | "double" => Some("number"),
        "int" => Some("integer"),
        "str" | "text" => Some("string"),
        "bool" => Some("boolean"),
        "list" | "tuple" => Some("array"),
        "dict" | "map" => Some("object"),
        "None" => Some("null"),
        _ => nearest(value, ["string", "number", "integer", "boolean", "array", "object", "null"]),
    }?;
    Some(format!("did you mean `{near}`?"))
}

fn reference_help(root: &Value, reference: &str) -> String {
    let defined = ["$defs", "definitions"].into_iter().flat_map(|keyword| {
        let names =
            root.get(keyword).and_then(Value::as_object).into_iter().flat_map(|defs| defs.keys());
        names.map(move |name| format!("#/{keyword}/{name}"))
    });
    let defined: Vec<String> = defined.collect();
    match nearest(reference, defined.iter().map(String::as_str)) {
        Some(near) => format!("did you mean `{near}`?"),
        None => "define it below `$defs`, and refer to `#/$defs/...`".to_owned(),
    }
}

/// What compiling a valid schema can still trip over: patterns.
pub fn uncompilable(root: &Value, error: &ValidationError<'_>) -> SchemaMistake {
    let pointer = error.instance_path().as_str().to_owned();
    let is_pattern = matches!(error.kind(), ValidationErrorKind::Format { format } if format == "regex")
        || pointer.contains("/pattern")
        || error.instance().is_string();
    let pointer =
        if is_pattern { pattern_pointer(root, error).unwrap_or(pointer) } else { pointer };
    if is_pattern {
        let pattern = error.instance().as_str().unwrap_or_default().to_owned();
        SchemaMistake::new(pointer, format!("the pattern `{pattern}` cannot be used"))
            .help("patterns have no look-ahead, look-behind or back-references, and a bounded size")
    } else {
        SchemaMistake::new(pointer, format!("the schema cannot be used: {error}"))
            .help("simplify it")
    }
}

/// Where the pattern that could not be compiled is.
fn pattern_pointer(root: &Value, error: &ValidationError<'_>) -> Option<String> {
    let pattern = error.instance().as_str()?;
    let mut left = vec![(String::new(), root)];
    while let Some((pointer, schema)) = left.pop() {
        if schema.get("pattern").and_then(Value::as_str) == Some(pattern) {
            return Some(format!("{pointer}/pattern"));
        }
        if schema.get("patternProperties").is_some_and(|map| map.get(pattern).is_some()) {
            return Some(format!("{pointer}/patternProperties/{}", escaped(pattern)));
        }
        children(schema, |_, keyword, key, child| {
            let below = key.map(|key| format!("/{}", escaped(key))).unwrap_or_default();
            left.push((format!("{pointer}/{keyword}{below}"), child));
        });
    }
    None
}

/// How many values there are, if not more than `limit`.
fn count(value: &Value, limit: usize) -> Option<usize> {
    let mut left = vec![value];
    let mut found = 0;
    while let Some(value) = left.pop() {
        found += 1;
        if found > limit {
            return None;
        }
        match value {
            Value::Array(items) => left.extend(items),
            Value::Object(object) => left.extend(object.values()),
            _ => {}
        }
    }
    Some(found)
}
