//! YAML 1.2's core schema: what a scalar stands for.

use model::json::MAX_INTEGER_DIGITS;
use saphyr_parser::{ScalarStyle, Tag};
use serde_json::{Number, Value};

use super::document::{Content, Mistake, Node, Position};

/// A scalar with its tag, if it has one.
pub fn scalar(
    text: &str,
    style: ScalarStyle,
    tag: Option<&Tag>,
    at: Position,
) -> Result<Node, Mistake> {
    let is_plain = style == ScalarStyle::Plain;
    let value = match tag {
        None if is_plain => core(text, at)?,
        None => Value::String(text.to_owned()),
        Some(tag) if tag.is_yaml_core_schema() => {
            let value =
                if tag.suffix == "str" { Value::String(text.to_owned()) } else { core(text, at)? };
            let fits = match tag.suffix.as_str() {
                "str" => true,
                "null" => value.is_null(),
                "bool" => value.is_boolean(),
                "int" => value.is_number() && !value.to_string().contains(['.', 'e', 'E']),
                "float" => value.is_number(),
                _ => false,
            };
            if !fits {
                return Err(unknown_tag(tag, at));
            }
            value
        }
        Some(tag) => return Err(unknown_tag(tag, at)),
    };
    let plain = is_plain.then(|| text.to_owned());
    Ok(Node { at, content: Content::Scalar { value, plain } })
}

/// The core schema's reading of a plain scalar.
fn core(text: &str, at: Position) -> Result<Value, Mistake> {
    Ok(match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_infinite(text) => {
            return Err(Mistake::new(at, format!("`{text}` has no form in JSON"))
                .help("use a finite number, or quote it if it is text"));
        }
        _ => match json_number(text) {
            None => Value::String(text.to_owned()),
            Some(digits) => number_value(&digits, at)?,
        },
    })
}

fn is_infinite(text: &str) -> bool {
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    matches!(bare, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN")
}

fn number_value(digits: &str, at: Position) -> Result<Value, Mistake> {
    let is_integer = !digits.contains(['.', 'e']);
    let fits = if is_integer {
        digits.len() <= MAX_INTEGER_DIGITS
    } else {
        digits.parse::<f64>().is_ok_and(f64::is_finite)
    };
    let number = digits.parse::<Number>().ok().filter(|_| fits);
    number
        .map(Value::Number)
        .ok_or_else(|| Mistake::new(at, "the number is too large").help("quote it if it is text"))
}

/// A YAML number as JSON writes it, digits unchanged; nothing if it is not a number.
fn json_number(text: &str) -> Option<String> {
    for (prefix, radix) in [("0x", 16), ("0o", 8)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return u128::from_str_radix(digits, radix)
                .ok()
                .filter(|_| !digits.starts_with('+'))
                .map(|n| n.to_string());
        }
    }
    let negative = text.starts_with('-');
    let bare = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (bare, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !fraction.is_none_or(digits) {
        return None;
    }
    if whole.is_empty() && fraction.is_none_or(str::is_empty) {
        return None;
    }
    let mut json = String::from(if negative { "-" } else { "" });
    let whole = whole.trim_start_matches('0');
    json.push_str(if whole.is_empty() { "0" } else { whole });
    if let Some(fraction) = fraction {
        json.push('.');
        json.push_str(if fraction.is_empty() { "0" } else { fraction });
    }
    if let Some(exponent) = exponent {
        let bare = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if bare.is_empty() || !digits(bare) {
            return None;
        }
        json.push('e');
        json.push_str(exponent);
    }
    Some(json)
}

pub fn unknown_tag(tag: &Tag, at: Position) -> Mistake {
    let name =
        if tag.is_yaml_core_schema() { format!("!!{}", tag.suffix) } else { tag.to_string() };
    Mistake::new(at, format!("the tag `{name}` does not fit here or is not known"))
        .help("remove it")
}
