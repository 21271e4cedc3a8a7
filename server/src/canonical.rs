//! The canonical text of a JSON value, after RFC 8785: the same values, the same text.
//!
//! One rule differs. RFC 8785 reads every number as a double, which would make one call of
//! `100000000000000000001` and `100000000000000000000`, or of `1` and `1.0`; Python tells them
//! apart. So an integer keeps its digits, and what is written with a point or an exponent is
//! a double in its shortest form, always with a point or an exponent.

use serde_json::{Number, Value};

/// Appends the canonical text.
pub fn write(value: &Value, text: &mut String) {
    match value {
        Value::Null | Value::Bool(_) => text.push_str(&value.to_string()),
        Value::String(string) => write_string(string, text),
        Value::Number(number) => write_number(number, text),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write(item, text);
            }
            text.push(']');
        }
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            // By UTF-16 code units, as the RFC says.
            entries.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            text.push('{');
            for (i, (key, value)) in entries.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_string(key, text);
                text.push(':');
                write(value, text);
            }
            text.push('}');
        }
    }
}

fn write_string(string: &str, text: &mut String) {
    // `serde_json` escapes just what the RFC says, in the RFC's way.
    text.push_str(&Value::from(string).to_string());
}

fn write_number(number: &Number, text: &mut String) {
    let literal = number.to_string();
    if !literal.contains(['.', 'e', 'E']) {
        text.push_str(if literal == "-0" { "0" } else { &literal });
        return;
    }
    match literal.parse::<f64>() {
        // `{:?}` is the shortest text that reads back as the same double.
        Ok(double) => text.push_str(&format!("{double:?}")),
        Err(_) => text.push_str(&literal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn canonical(json: &str) -> String {
        let mut text = String::new();
        write(&serde_json::from_str(json).unwrap(), &mut text);
        text
    }

    #[test]
    fn order_and_spelling_do_not_matter() {
        for (a, b) in [
            (r#"{"b": 1, "a": [1, 2]}"#, r#"{"a":[1,2],"b":1}"#),
            (r#""\u00e9\u0041""#, r#""éA""#),
            ("1.50", "1.5"),
            ("1e2", "100.0"),
            ("1E+2", "1e2"),
            ("-0", "0"),
            (r#"{"\ud83d\ude00":1,"\ufb33":2}"#, r#"{"\ufb33":2,"\ud83d\ude00":1}"#),
        ] {
            assert_eq!(canonical(a), canonical(b));
        }
    }

    #[test]
    fn what_python_tells_apart_stays_apart() {
        for (a, b) in [
            ("1", "1.0"),
            ("100000000000000000001", "100000000000000000000"),
            ("0.1", "0.10000000000000002"),
            ("-0.0", "0.0"),
            ("[1]", "1"),
            (r#""1""#, "1"),
            ("null", r#""null""#),
            ("[]", "{}"),
        ] {
            assert_ne!(canonical(a), canonical(b), "{a} {b}");
        }
    }

    #[test]
    fn the_order_is_that_of_utf_16() {
        assert_eq!(
            canonical(r#"{"\ufb33":1,"\ud83d\ude00":2,"\u20ac":3,"1":4,"\r":5}"#),
            "{\"\\r\":5,\"1\":4,\"€\":3,\"😀\":2,\"\u{fb33}\":1}"
        );
    }
}
