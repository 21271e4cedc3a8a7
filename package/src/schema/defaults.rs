//! Defaults of a schema, filled into a value where it gives nothing.

use model::json::MAX_DEPTH;
use serde_json::Value;

use super::resolve;

/// Longest chain of references that is followed for one value.
const MAX_LAYERS: usize = 256;
/// Most defaults filled into one value: a recursive schema's could go on for ever.
const MAX_DEFAULTS: usize = 10_000;

pub fn apply(root: &Value, value: &mut Value) {
    fill(root, &[root], value, MAX_DEPTH, &mut MAX_DEFAULTS.clone());
}

/// All schemas are gathered before descending, so each part of the value is visited once.
fn fill(root: &Value, schemas: &[&Value], value: &mut Value, depth: usize, room: &mut usize) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    let layers = layers(root, schemas, value);
    match value {
        Value::Object(object) => {
            let names = layers
                .iter()
                .filter_map(|layer| layer.get("properties")?.as_object())
                .flat_map(|properties| properties.keys());
            let mut seen = std::collections::HashSet::new();
            for name in names.filter(|name| seen.insert(name.as_str())).collect::<Vec<_>>() {
                let declared: Vec<&Value> =
                    layers.iter().filter_map(|layer| layer.get("properties")?.get(name)).collect();
                if !object.contains_key(name) {
                    let Some(default) = default_of(root, &declared) else {
                        continue;
                    };
                    let Some(left) = room.checked_sub(1) else {
                        return;
                    };
                    *room = left;
                    object.insert(name.clone(), default.clone());
                }
                if let Some(value) = object.get_mut(name) {
                    fill(root, &declared, value, depth, room);
                }
            }
            for (name, value) in object.iter_mut().filter(|(name, _)| !seen.contains(name.as_str()))
            {
                let others: Vec<&Value> = layers
                    .iter()
                    .filter(|layer| {
                        layer
                            .get("properties")
                            .is_none_or(|properties| properties.get(name).is_none())
                    })
                    .filter_map(|layer| layer.get("additionalProperties"))
                    .filter(|schema| schema.is_object())
                    .collect();
                if !others.is_empty() {
                    fill(root, &others, value, depth, room);
                }
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter_mut().enumerate() {
                let schemas: Vec<&Value> = layers
                    .iter()
                    .filter_map(|layer| {
                        let first = layer.get("prefixItems").and_then(Value::as_array);
                        first.and_then(|list| list.get(i)).or_else(|| layer.get("items"))
                    })
                    .filter(|schema| schema.is_object())
                    .collect();
                if schemas.is_empty() && layers.iter().all(|layer| layer.get("items").is_none()) {
                    break;
                }
                fill(root, &schemas, item, depth, room);
            }
        }
        _ => {}
    }
}

/// The schemas that surely apply to a value: themselves, what they refer to, all of
/// `allOf`, and the one alternative to null.
fn layers<'a>(root: &'a Value, schemas: &[&'a Value], value: &Value) -> Vec<&'a Value> {
    let mut found: Vec<&Value> = Vec::new();
    let mut left: Vec<&Value> = schemas.iter().rev().copied().collect();
    while let Some(schema) = left.pop() {
        if found.len() == MAX_LAYERS || found.iter().any(|seen| std::ptr::eq(*seen, schema)) {
            continue;
        }
        found.push(schema);
        if let Some(all) = schema.get("allOf").and_then(Value::as_array) {
            left.extend(all.iter().rev());
        }
        if !value.is_null() {
            left.extend(
                ["anyOf", "oneOf"]
                    .into_iter()
                    .filter_map(|keyword| only_alternative(schema, keyword)),
            );
        }
        let reference = schema.get("$ref").and_then(Value::as_str);
        left.extend(reference.and_then(|reference| resolve(root, reference)));
    }
    found
}

fn only_alternative<'a>(schema: &'a Value, keyword: &str) -> Option<&'a Value> {
    let alternatives = schema.get(keyword)?.as_array()?;
    let mut others = alternatives
        .iter()
        .filter(|schema| schema.get("type").and_then(Value::as_str) != Some("null"));
    others.next().filter(|_| others.next().is_none())
}

/// The default on which all schemas of a property that name one agree.
fn default_of<'a>(root: &'a Value, schemas: &[&'a Value]) -> Option<&'a Value> {
    let layers = layers(root, schemas, &Value::Null);
    // A property's own default stands over that of what it refers to.
    let own = schemas.iter().filter_map(|schema| schema.get("default"));
    let referred = layers.iter().filter_map(|schema| schema.get("default"));
    let agreed = |mut defaults: Box<dyn Iterator<Item = &'a Value> + '_>| {
        let first = defaults.next()?;
        defaults.all(|other| other == first).then_some(first)
    };
    if schemas.iter().any(|schema| schema.get("default").is_some()) {
        agreed(Box::new(own))
    } else {
        agreed(Box::new(referred))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn applied(schema: &Value, mut value: Value) -> Value {
        apply(schema, &mut value);
        value
    }

    #[test]
    fn defaults_are_filled_in() {
        let schema = json!({
            "properties": {
                "a": {"default": 1},
                "b": {"properties": {"c": {"default": [2]}}},
                "d": {"$ref": "#/$defs/d"},
                "e": {"$ref": "#/$defs/d", "default": 5},
                "f": {"default": {}, "properties": {"g": {"default": 6}}},
                "list": {"items": {"properties": {"x": {"default": 0}}}},
                "maybe": {"anyOf": [{"properties": {"y": {"default": 7}}}, {"type": "null"}]},
                "map": {"additionalProperties": {"properties": {"z": {"default": 8}}}},
            },
            "allOf": [{"properties": {"h": {"default": 9}, "i": {"default": 1}}},
                      {"properties": {"i": {"default": 2}}}],
            "$defs": {"d": {"default": 4}},
        });
        assert_eq!(
            applied(
                &schema,
                json!({"b": {}, "list": [{}, {"x": 1}], "maybe": {}, "map": {"k": {}}})
            ),
            json!({"b": {"c": [2]}, "list": [{"x": 0}, {"x": 1}], "maybe": {"y": 7},
                   "map": {"k": {"z": 8}}, "a": 1, "d": 4, "e": 5, "f": {"g": 6}, "h": 9})
        );
        // What is given stays, null too; what is absent with no default stays absent.
        assert_eq!(applied(&schema, json!({"a": null, "d": 0, "maybe": null}))["a"], json!(null));
        assert!(applied(&schema, json!({})).get("b").is_none());
    }

    #[test]
    fn circles_end() {
        let schema = json!({"$ref": "#", "properties": {"a": {"$ref": "#", "default": 1}}});
        assert_eq!(applied(&schema, json!({})), json!({"a": 1}));
        let endless = json!({"properties": {"a": {"$ref": "#", "default": {"b": 1}}}});
        assert_eq!(applied(&endless, json!({"a": 1})), json!({"a": 1}));
        applied(&endless, json!({}));
        let doubling = json!({"properties": {"a": {"$ref": "#", "default": {}},
                                             "b": {"$ref": "#", "default": {}}}});
        applied(&doubling, json!({}));
    }

    proptest! {
        #[test]
        fn what_is_given_is_never_changed(
            given in proptest::collection::btree_map("[a-e]", 0..5_i32, 0..5),
            defaults in proptest::collection::btree_map("[a-e]", 5..9_i32, 0..5),
        ) {
            let properties: serde_json::Map<_, _> = defaults
                .iter()
                .map(|(name, value)| (name.clone(), json!({"default": value})))
                .collect();
            let schema = json!({"properties": properties});
            let filled = applied(&schema, json!(given));
            for (name, value) in &given {
                prop_assert_eq!(&filled[name], &json!(value));
            }
            for (name, value) in &defaults {
                prop_assert_eq!(&filled[name], &json!(given.get(name).unwrap_or(value)));
            }
            prop_assert_eq!(applied(&schema, filled.clone()), filled);
        }
    }
}
