//! Values, types and places of a document in words, short whatever they hold.

use jsonschema::error::TypeKind;
use model::json::excerpt;
use serde_json::Value;

/// Longest value in a message, in bytes.
const SHOWN_BYTES: usize = 60;
/// Largest value carried in a violation, in bytes of its JSON, roughly.
const CARRIED_BYTES: usize = 1024;
/// Most choices listed in a message.
pub const LISTED: usize = 12;

/// A JSON Pointer in words.
pub fn label(pointer: &str) -> String {
    let mut label = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit()) {
            label.push_str(&format!("[{token}]"));
        } else {
            if !label.is_empty() {
                label.push('.');
            }
            label.push_str(&token);
        }
    }
    if label.is_empty() { "the value".to_owned() } else { label }
}

pub fn type_names(kind: &TypeKind) -> String {
    let name = |text: &str| match text {
        "integer" => "an integer",
        "number" => "a number",
        "string" => "text",
        "array" => "a list",
        "object" => "an object",
        "boolean" => "true or false",
        _ => "null",
    };
    match kind {
        TypeKind::Single(one) => name(one.as_str()).to_owned(),
        TypeKind::Multiple(set) => {
            let names: Vec<_> = set.iter().map(|one| name(one.as_str())).collect();
            names.join(" or ")
        }
    }
}

pub fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => shown_with_type(value),
        _ => excerpt(value, SHOWN_BYTES),
    }
}

pub fn shown_with_type(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("a list of {}", plural(items.len() as u64, "item")),
        Value::Object(object) => {
            format!("an object of {}", plural(object.len() as u64, "property"))
        }
        Value::String(_) => format!("the text {}", excerpt(value, SHOWN_BYTES)),
        _ => excerpt(value, SHOWN_BYTES),
    }
}

pub fn text_that_is_a_number(value: &Value, wanted: &str) -> Option<String> {
    let text = value.as_str()?;
    let is_number = text.trim().parse::<f64>().is_ok_and(f64::is_finite);
    if is_number && (wanted.contains("number") || wanted.contains("integer")) {
        return Some("write it without quotes".to_owned());
    }
    let comma = text.trim().replacen(',', ".", 1).parse::<f64>().is_ok_and(f64::is_finite);
    (comma && wanted.contains("number"))
        .then(|| "write it without quotes and with a decimal point".to_owned())
}

pub fn sized(label: &str, value: &Value, wanted: &str) -> String {
    let size = match value {
        Value::Array(items) => items.len(),
        Value::Object(object) => object.len(),
        _ => 0,
    };
    format!("{} must have {wanted}, got {size}", label)
}

pub fn plural(n: u64, noun: &str) -> String {
    match (n, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "property") => format!("{n} properties"),
        _ => format!("{n} {noun}s"),
    }
}

pub fn listed(options: &[Value]) -> String {
    let mut texts: Vec<_> = options.iter().take(LISTED).map(shown).collect();
    if options.len() > LISTED {
        texts.push("…".to_owned());
    }
    texts.join(", ")
}

pub fn format_name(format: &str) -> String {
    match format {
        "date" => "a date like 2026-01-31".to_owned(),
        "date-time" => "a date and time like 2026-01-31T12:00:00Z".to_owned(),
        "time" => "a time like 12:00:00Z".to_owned(),
        "duration" => "a duration like PT1H30M".to_owned(),
        "email" => "an e-mail address".to_owned(),
        "uuid" => "a UUID".to_owned(),
        "uri" => "a URI".to_owned(),
        "regex" => "a regular expression".to_owned(),
        other => format!("a valid {other}"),
    }
}

/// The value itself if it is small, else the start of its text.
pub fn carried(value: &Value) -> Value {
    if weight(value, CARRIED_BYTES).is_some() {
        value.clone()
    } else {
        Value::String(outline(value))
    }
}

pub fn outline(value: &Value) -> String {
    match value {
        Value::String(text) => {
            excerpt(&Value::String(text.chars().take(SHOWN_BYTES * 2).collect()), SHOWN_BYTES * 2)
                + "…"
        }
        _ => format!("({})", shown_with_type(value)),
    }
}

/// What is left of `room` after a value; nothing if it does not fit.
pub fn weight(value: &Value, room: usize) -> Option<usize> {
    match value {
        Value::Null | Value::Bool(_) => room.checked_sub(5),
        Value::Number(number) => room.checked_sub(number.as_str().len()),
        Value::String(text) => room.checked_sub(text.len() + 2),
        Value::Array(items) => items
            .iter()
            .try_fold(room.checked_sub(2)?, |room, item| weight(item, room.checked_sub(1)?)),
        Value::Object(object) => {
            object.iter().try_fold(room.checked_sub(2)?, |room, (key, item)| {
                weight(item, room.checked_sub(key.len() + 4)?)
            })
        }
    }
}
