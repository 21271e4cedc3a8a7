//! How much work a schema can make, so that none is without end.
//!
//! A schema can name another twice, that one a third twice, and so on: checking doubles at
//! every step. References can also lead in a circle on one and the same value. Both are
//! found here, before the checking is left to the validator.

use std::collections::HashMap;

use serde_json::Value;

use super::keywords::{Relation, children, references};
use super::{SchemaMistake, resolve};

/// Most schemas that one schema may apply to one and the same value.
pub const MAX_IN_PLACE: u64 = 10_000;
/// Paths through a schema above which the work is counted for every value.
const MAX_UNGUARDED: u64 = 100_000;
/// Most pairs of schema and part of a value that one validation may visit.
pub const MAX_STEPS: u64 = 20_000_000;

/// A schema's identity within its document.
type Id = *const Value;

fn id(schema: &Value) -> Id {
    std::ptr::from_ref(schema)
}

/// The schemas that a schema leads to, references followed.
fn targets<'a>(root: &'a Value, schema: &'a Value) -> Vec<(Relation, &'a Value)> {
    let mut found = Vec::new();
    children(schema, |relation, _, _, child| {
        if relation != Relation::Kept {
            found.push((relation, child));
        }
    });
    let referred = references(schema).filter_map(|(_, reference)| resolve(root, reference));
    found.extend(referred.map(|target| (Relation::InPlace, target)));
    found
}

/// Refuses circles and floods; says whether values have to be counted against the schema.
pub fn check(root: &Value) -> Result<bool, SchemaMistake> {
    // Every schema of the document, those that are only kept included.
    let mut all = Vec::new();
    let mut left = vec![(String::new(), root)];
    while let Some((pointer, schema)) = left.pop() {
        children(schema, |_, keyword, key, child| {
            let below = key.map(|key| format!("/{}", super::escaped(key))).unwrap_or_default();
            left.push((format!("{pointer}/{keyword}{below}"), child));
        });
        all.push((pointer, schema));
    }
    let mut in_place = Paths::new(root, true);
    let mut whole = Paths::new(root, false);
    let mut guarded = false;
    for (pointer, schema) in &all {
        match in_place.of(schema) {
            None => {
                return Err(SchemaMistake::new(pointer, "the schema refers to itself without end")
                    .help("let the reference stand below `properties` or `items`"));
            }
            Some(paths) if paths > MAX_IN_PLACE => {
                return Err(SchemaMistake::new(
                    pointer,
                    format!("the schema applies more than {MAX_IN_PLACE} schemas to one value"),
                )
                .help("combine fewer schemas"));
            }
            Some(_) => guarded |= whole.of(schema).is_none_or(|paths| paths > MAX_UNGUARDED),
        }
    }
    Ok(guarded)
}

/// Counts the paths that lead on from a schema.
struct Paths<'a> {
    root: &'a Value,
    in_place_only: bool,
    /// `None` while it is being counted, and for what leads back to itself.
    counted: HashMap<Id, Option<u64>>,
}

impl<'a> Paths<'a> {
    fn new(root: &'a Value, in_place_only: bool) -> Self {
        Self { root, in_place_only, counted: HashMap::new() }
    }

    /// Iterative, because references can make a chain as long as the document.
    fn of(&mut self, schema: &'a Value) -> Option<u64> {
        enum Visit<'a> {
            Enter(&'a Value),
            Leave(&'a Value, Vec<&'a Value>),
        }
        let mut stack = vec![Visit::Enter(schema)];
        while let Some(visit) = stack.pop() {
            match visit {
                Visit::Enter(schema) => {
                    if self.counted.contains_key(&id(schema)) {
                        continue;
                    }
                    self.counted.insert(id(schema), None);
                    let mut next = Vec::new();
                    for (relation, target) in targets(self.root, schema) {
                        if relation == Relation::InPlace || !self.in_place_only {
                            next.push(target);
                        }
                    }
                    stack.push(Visit::Leave(schema, next.clone()));
                    stack.extend(next.into_iter().map(Visit::Enter));
                }
                Visit::Leave(schema, next) => {
                    let paths = next.iter().try_fold(1_u64, |sum, target| {
                        let paths = self.counted.get(&id(target)).copied().flatten()?;
                        Some(sum.saturating_add(paths))
                    });
                    self.counted.insert(id(schema), paths);
                }
            }
        }
        self.counted.get(&id(schema)).copied().flatten()
    }
}

/// Whether checking `value` would take more than `MAX_STEPS`.
pub fn is_too_much(root: &Value, value: &Value) -> bool {
    let mut steps = 0_u64;
    !walk(root, &[(root, 1)], value, &mut steps)
}

/// Visits one part of a value with all schemas that apply to it, each with how often; false
/// once there were too many steps.
fn walk(root: &Value, schemas: &[(&Value, u64)], value: &Value, steps: &mut u64) -> bool {
    let mut below: Vec<(&Value, u64)> = Vec::new();
    let mut left: Vec<(&Value, u64)> = schemas.to_vec();
    let mut visited = 0_u64;
    while let Some((schema, times)) = left.pop() {
        *steps = steps.saturating_add(times);
        visited += 1;
        if *steps > MAX_STEPS || visited > MAX_STEPS {
            return false;
        }
        for (relation, target) in targets(root, schema) {
            if relation == Relation::InPlace {
                left.push((target, times));
            }
        }
        below.push((schema, times));
    }
    match value {
        Value::Object(object) => object.iter().all(|(name, item)| {
            walk(
                root,
                &applied(&below, |keyword, key| match keyword {
                    "properties" => key == Some(name.as_str()),
                    "items" | "prefixItems" | "contains" | "unevaluatedItems" => false,
                    _ => true,
                }),
                item,
                steps,
            )
        }),
        Value::Array(items) => items.iter().enumerate().all(|(i, item)| {
            walk(
                root,
                &applied(&below, |keyword, key| match keyword {
                    "prefixItems" => key.and_then(|key| key.parse().ok()) == Some(i),
                    "items" | "contains" | "unevaluatedItems" => true,
                    _ => false,
                }),
                item,
                steps,
            )
        }),
        _ => true,
    }
}

/// The schemas for one part of the value, each once with how often it applies.
fn applied<'a>(
    schemas: &[(&'a Value, u64)],
    applies: impl Fn(&str, Option<&str>) -> bool,
) -> Vec<(&'a Value, u64)> {
    let mut found: Vec<(&Value, u64)> = Vec::new();
    let mut index: HashMap<Id, usize> = HashMap::new();
    for (schema, times) in schemas {
        children(schema, |relation, keyword, key, child| {
            if relation == Relation::Below && applies(keyword, key) {
                let at = *index.entry(id(child)).or_insert_with(|| {
                    found.push((child, 0));
                    found.len() - 1
                });
                found[at].1 = found[at].1.saturating_add(*times);
            }
        });
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn circles_and_floods_are_refused() {
        for circle in [
            json!({"$ref": "#"}),
            json!({"allOf": [{"$ref": "#"}]}),
            json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}),
        ] {
            assert!(check(&circle).unwrap_err().message.contains("without end"), "{circle}");
        }
        let mut flood = json!({"$defs": {"s20": {}}, "$ref": "#/$defs/s0"});
        for i in 0..20 {
            let next = json!({"$ref": format!("#/$defs/s{}", i + 1)});
            flood["$defs"][format!("s{i}")] = json!({"allOf": [next, next]});
        }
        assert!(check(&flood).unwrap_err().message.contains("more than 10000"));
    }

    #[test]
    fn recursive_schemas_are_counted_with_their_values() {
        let tree = json!({"properties": {"next": {"$ref": "#"}}});
        assert_eq!(check(&tree), Ok(true));
        assert_eq!(check(&json!({"properties": {"a": {"type": "number"}}})), Ok(false));
        let doubling = json!({"properties": {"next": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}});
        assert_eq!(check(&doubling), Ok(true));
        let mut deep = json!({});
        for _ in 0..60 {
            deep = json!({"next": deep});
        }
        assert!(!is_too_much(&tree, &deep));
        assert!(is_too_much(&doubling, &deep));
        assert!(!is_too_much(&doubling, &json!({"next": {"next": {}}})));
    }
}
