//! Reading JSON that a stranger wrote.
//!
//! Stricter than `serde_json` alone, because a number or a key that is silently changed
//! is a wrong result: duplicate keys, numbers that no double can hold, and deep nesting
//! are errors. Numbers keep their text, so a long integer reaches Python unrounded.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// Deepest nesting of inputs and results, arrays and objects counted alike.
pub const MAX_DEPTH: usize = 100;

/// Most values in one text, keys not counted. A value takes some hundred bytes of memory
/// however short its text is.
pub const MAX_VALUES: usize = 1_000_000;

/// Longest integer, in digits: the limit that Python itself sets for reading one.
pub const MAX_INTEGER_DIGITS: usize = 4300;

/// What is wrong with a JSON text, with line and column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct JsonError(pub String);

/// Parses one JSON value and nothing after it.
pub fn parse(text: &str) -> Result<Value, JsonError> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let values = Cell::new(0);
    let value = Strict { depth: 0, values: &values }
        .deserialize(&mut reader)
        .map_err(|error| JsonError(error.to_string()))?;
    reader.end().map_err(|error| JsonError(error.to_string()))?;
    Ok(value)
}

/// A value as short text for messages: at most `limit` bytes, cut at a character.
pub fn excerpt(value: &Value, limit: usize) -> String {
    cut(&value.to_string(), limit)
}

/// A text of at most `limit` bytes, cut at a character.
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    format!("{}…", &text[..end])
}

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    /// Values read so far, in the whole text.
    values: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth == MAX_DEPTH {
            return Err(E::custom(format_args!("nested deeper than {MAX_DEPTH} levels")));
        }
        Ok(Self { depth: self.depth + 1, values: self.values })
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MAX_VALUES {
            return Err(D::Error::custom(format_args!("more than {MAX_VALUES} values")));
        }
        reader.deserialize_any(self)
    }
}

/// The key under which `serde_json` hands over a number's text.
const NUMBER_KEY: &str = "$serde_json::private::Number";

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            array.push(item);
        }
        array.shrink_to_fit();
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            if object.is_empty() && key == NUMBER_KEY {
                return number(&entries.next_value::<String>()?);
            }
            if object.contains_key(&key) {
                return Err(A::Error::custom(format_args!("duplicate key `{}`", cut(&key, 100))));
            }
            let value = entries.next_value_seed(self.deeper()?)?;
            object.insert(key, value);
        }
        self.deeper::<A::Error>()?;
        Ok(Value::Object(object))
    }
}

fn number<E: serde::de::Error>(text: &str) -> Result<Value, E> {
    let is_integer = !text.contains(['.', 'e', 'E']);
    if is_integer && text.len() > MAX_INTEGER_DIGITS {
        return Err(E::custom(format_args!("integer of more than {MAX_INTEGER_DIGITS} digits")));
    }
    if !is_integer && !text.parse::<f64>().is_ok_and(f64::is_finite) {
        let start: String = text.chars().take(40).collect();
        return Err(E::custom(format_args!("number out of range: {start}")));
    }
    text.parse::<Number>().map(Value::Number).map_err(E::custom)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_text() {
        let text = r#"{"a":100000000000000000000000000001,"b":0.1,"c":-0.0,"d":1E+2}"#;
        assert_eq!(parse(text).unwrap().to_string().to_lowercase(), text.to_lowercase());
    }

    #[test]
    fn what_would_be_changed_in_silence_is_refused() {
        for (bad, why) in [
            (r#"{"a":1,"a":2}"#, "duplicate key `a` at line 1 column 10"),
            ("1e400", "number out of range: 1e+400"),
            ("-1e400", "number out of range: -1e+400"),
            ("NaN", "expected value"),
            ("Infinity", "expected value"),
            ("01", "invalid number"),
            ("1 2", "trailing characters"),
            ("", "EOF while parsing"),
            ("\"\\ud800\"", "unexpected end of hex escape"),
        ] {
            let error = parse(bad).unwrap_err().to_string();
            assert!(error.contains(why), "{bad}: {error}");
        }
        let digits = "9".repeat(MAX_INTEGER_DIGITS + 1);
        assert!(parse(&digits).unwrap_err().to_string().contains("more than 4300 digits"));
    }

    #[test]
    fn the_number_of_values_is_bounded() {
        let text = format!("[{}0]", "[],".repeat(MAX_VALUES));
        assert!(parse(&text).unwrap_err().to_string().contains("more than 1000000 values"));
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(&nest(MAX_DEPTH)).is_ok());
        assert!(parse(&nest(MAX_DEPTH + 1)).unwrap_err().to_string().contains("nested deeper"));
        assert!(parse(&"[".repeat(1_000_000)).is_err());
        assert!(parse(&"{\"a\":".repeat(1_000_000)).is_err());
    }
}
