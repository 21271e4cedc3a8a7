//! What a caller is told of inputs that do not fit.

use mecapy_package::Schema;
use serde_json::{Value, json};

fn schema(value: Value) -> Schema {
    Schema::compile(value).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

/// Pointer, rule and message of each violation.
fn said(schema: &Schema, value: &Value) -> Vec<String> {
    let violations = schema.validate(value);
    violations.iter().map(|one| format!("{} [{}] {}", one.pointer, one.rule, one.message)).collect()
}

#[test]
fn every_violation_is_told_with_units_and_what_was_seen() {
    let bolt = schema(json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["diameter", "grade"],
        "properties": {
            "diameter": {"type": "number", "minimum": 6, "maximum": 72, "x-unit": "mm"},
            "grade": {"enum": ["4.6", "8.8", "10.9"]},
            "count": {"type": "integer", "exclusiveMinimum": 0},
            "loads": {"type": "array", "minItems": 1, "items": {"type": "number", "x-unit": "kN", "maximum": 10}},
            "name": {"type": "string", "pattern": "^[A-Z]", "maxLength": 3},
            "date": {"type": "string", "format": "date"},
            "mail": {"type": "string", "format": "email"},
            "id": {"type": "string", "format": "uuid"},
            "torque": {"anyOf": [{"type": "number", "minimum": 1}, {"type": "null"}], "x-unit": "N·m"},
            "plate": {"$ref": "#/$defs/plate"},
        },
        "$defs": {"plate": {"type": "object", "required": ["t"], "properties": {"t": {"type": "number", "minimum": 2, "x-unit": "mm"}}}},
    }));
    for (value, expected) in [
        (
            json!({"diameter": 3, "grade": "8.8"}),
            vec!["/diameter [minimum] diameter must be at least 6 mm, got 3"],
        ),
        (json!({"grade": "8.8"}), vec![" [required] `diameter` is required"]),
        (
            json!({"diamter": 8, "diameter": 100, "grade": "8.9"}),
            vec![
                "/diameter [maximum] diameter must be at most 72 mm, got 100",
                "/grade [enum] grade must be one of \"4.6\", \"8.8\", \"10.9\", got \"8.9\"; did you mean `8.8`?",
                "/diamter [additionalProperties] `diamter` is not expected; did you mean `diameter`?",
            ],
        ),
        (
            json!({"diameter": "8", "grade": "8.8", "count": 2.5}),
            vec![
                "/diameter [type] diameter must be a number, got the text \"8\"; write it without quotes",
                "/count [type] count must be an integer, got 2.5",
            ],
        ),
        (
            json!({"diameter": "8,5", "grade": "8.8", "count": 0}),
            vec![
                "/diameter [type] diameter must be a number, got the text \"8,5\"; write it without quotes and with a decimal point",
                "/count [exclusiveMinimum] count must be more than 0, got 0",
            ],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "loads": [1, 20, "x"]}),
            vec![
                "/loads/1 [maximum] loads[1] must be at most 10 kN, got 20",
                "/loads/2 [type] loads[2] must be a number, got the text \"x\"",
            ],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "loads": []}),
            vec!["/loads [minItems] loads must have at least 1 item, got 0"],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "name": "abcd"}),
            vec![
                "/name [maxLength] name must have at most 3 characters, got \"abcd\"",
                "/name [pattern] name must match the pattern `^[A-Z]`, got \"abcd\"",
            ],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "date": "31/01/2026", "mail": "x", "id": "1"}),
            vec![
                "/date [format] date must be a date like 2026-01-31, got \"31/01/2026\"",
                "/mail [format] mail must be an e-mail address, got \"x\"",
                "/id [format] id must be a UUID, got \"1\"",
            ],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "torque": 0}),
            vec!["/torque [minimum] torque must be at least 1 N·m, got 0"],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "torque": "x"}),
            vec!["/torque [anyOf] torque must be a number or null, got the text \"x\""],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "plate": {"t": 1}}),
            vec!["/plate/t [minimum] plate.t must be at least 2 mm, got 1"],
        ),
        (
            json!({"diameter": 8, "grade": "8.8", "plate": {}}),
            vec!["/plate [required] `t` is required in plate"],
        ),
        (json!({"diameter": 8, "grade": "8.8", "torque": null}), vec![]),
        (json!([]), vec![" [type] the value must be an object, got a list of 0 items"]),
    ] {
        assert_eq!(said(&bolt, &value), expected, "{value}");
    }
}

#[test]
fn of_several_forms_the_one_that_was_meant_is_told() {
    let shapes = schema(json!({"properties": {"shape": {"anyOf": [
        {"type": "object", "required": ["kind", "r"], "properties": {"kind": {"const": "circle"}, "r": {"type": "number"}}},
        {"type": "object", "required": ["kind", "a"], "properties": {"kind": {"const": "square"}, "a": {"type": "number", "minimum": 0}}},
    ]}}}));
    assert_eq!(
        said(&shapes, &json!({"shape": {"kind": "square", "a": -1}})),
        ["/shape/a [minimum] shape.a must be at least 0, got -1"]
    );
    assert_eq!(
        said(&shapes, &json!({"shape": {"kind": "hexagon"}})),
        [
            "/shape [anyOf] shape fits none of the 2 forms allowed (`r` is required in shape; `a` is required in shape)"
        ]
    );
}

#[test]
fn large_numbers_are_compared_exactly() {
    let exact = schema(
        json!({"properties": {"n": {"type": "integer", "maximum": 9_007_199_254_740_992_u64}}}),
    );
    assert!(exact.validate(&json!({"n": 9_007_199_254_740_992_u64})).is_empty());
    assert_eq!(exact.validate(&json!({"n": 9_007_199_254_740_993_u64})).len(), 1);
    let long = model::json::parse("{\"n\": 100000000000000000000000000000000}").unwrap();
    assert_eq!(exact.validate(&long).len(), 1);
}

#[test]
fn what_is_seen_is_cut() {
    let short = schema(json!({"properties": {"text": {"maxLength": 3}, "list": {"maxItems": 1}}}));
    let violations =
        short.validate(&json!({"text": "é".repeat(1_000_000), "list": vec![1; 1_000_000]}));
    assert_eq!(violations.len(), 2);
    for violation in violations {
        assert!(
            violation.value.to_string().len() < 2_000 && violation.message.len() < 300,
            "{}",
            violation.message
        );
    }
    let all = schema(json!({"items": {"type": "string"}}));
    assert_eq!(all.validate(&json!(vec![1; 5_000])).len(), mecapy_package::schema::MAX_VIOLATIONS);
}

#[test]
fn nothing_is_fetched_and_nothing_runs_away() {
    for bad in [
        json!({"$ref": "https://json-schema.org/draft/2020-12/schema"}),
        json!({"$ref": "file:///etc/passwd"}),
        json!({"$ref": "#"}),
        json!({"pattern": "(a|b)\\1"}),
        json!({"pattern": format!("(a{{1000}}){{1000}}")}),
        json!({"patternProperties": {"(?=x)": true}}),
        json!({"type": "float"}),
        json!([]),
    ] {
        assert!(Schema::compile(bad.clone()).is_err(), "{bad}");
    }
    // A pattern on which a backtracking engine takes for ever.
    let evil = schema(json!({"properties": {"a": {"pattern": "^(a+)+$"}}}));
    assert_eq!(evil.validate(&json!({"a": format!("{}b", "a".repeat(50_000))})).len(), 1);
    // A recursive schema that doubles at every level.
    let doubling =
        schema(json!({"properties": {"next": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}}));
    let mut deep = json!({});
    for _ in 0..90 {
        deep = json!({"next": deep});
    }
    assert_eq!(
        said(&doubling, &deep),
        [" [complexity] the value is nested too deeply for its schema to be checked"]
    );
    // One that does not.
    let tree = schema(
        json!({"properties": {"children": {"type": "array", "items": {"$ref": "#"}}, "n": {"type": "number"}}}),
    );
    assert_eq!(
        said(&tree, &json!({"children": [{"children": [{"n": "x"}]}]})),
        [
            "/children/0/children/0/n [type] children[0].children[0].n must be a number, got the text \"x\""
        ]
    );
    // Many items that have to differ.
    let unique = schema(json!({"properties": {"a": {"uniqueItems": true}}}));
    let started = std::time::Instant::now();
    assert!(unique.validate(&json!({"a": (0..200_000).collect::<Vec<_>>()})).is_empty());
    assert!(started.elapsed().as_secs() < 20, "{:?}", started.elapsed());
}

#[test]
fn defaults_come_first() {
    let inputs = schema(json!({
        "type": "object", "required": ["e"],
        "properties": {"e": {"type": "number", "default": 210_000}, "n": {"type": "integer", "minimum": 1}},
    }));
    let object = |value: Value| value.as_object().unwrap().clone();
    assert_eq!(inputs.accept(object(json!({}))).unwrap(), object(json!({"e": 210_000})));
    assert_eq!(
        inputs.accept(object(json!({"e": 1, "n": 2}))).unwrap(),
        object(json!({"e": 1, "n": 2}))
    );
    assert_eq!(inputs.accept(object(json!({"n": 0}))).unwrap_err().len(), 1);
}
