//! Whether a result is what a test case expects.

use serde_json::{Number, Value};

use super::escaped;

/// Most differences reported of one test case.
const MAX_MISMATCHES: usize = 100;

/// One difference between what was expected and what came.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// JSON Pointer into the result.
    pub pointer: String,
    pub message: String,
    pub expected: Value,
    /// `None` where the result has nothing.
    pub actual: Option<Value>,
}

/// Every difference that matters: of objects only the expected properties are looked at, lists
/// must agree item by item, and numbers within `tolerance`, relative to the larger of the
/// two (against an expected 0 it is absolute).
pub fn compare(expected: &Value, actual: &Value, tolerance: f64) -> Vec<Mismatch> {
    let mut found = Vec::new();
    visit(expected, actual, tolerance, &mut String::new(), &mut found);
    found
}

fn visit(
    expected: &Value,
    actual: &Value,
    tolerance: f64,
    pointer: &mut String,
    found: &mut Vec<Mismatch>,
) {
    if found.len() == MAX_MISMATCHES {
        return;
    }
    let start = pointer.len();
    match (expected, actual) {
        (Value::Object(wanted), Value::Object(given)) => {
            for (name, expected) in wanted {
                pointer.push('/');
                pointer.push_str(&escaped(name));
                match given.get(name) {
                    Some(actual) => visit(expected, actual, tolerance, pointer, found),
                    None => found.push(Mismatch {
                        pointer: pointer.clone(),
                        message: format!("expected {}, and there is no `{name}`", shown(expected)),
                        expected: expected.clone(),
                        actual: None,
                    }),
                }
                pointer.truncate(start);
            }
        }
        (Value::Array(wanted), Value::Array(given)) if wanted.len() == given.len() => {
            for (i, (expected, actual)) in wanted.iter().zip(given).enumerate() {
                pointer.push_str(&format!("/{i}"));
                visit(expected, actual, tolerance, pointer, found);
                pointer.truncate(start);
            }
        }
        (Value::Array(wanted), Value::Array(given)) => {
            let message = format!("expected {} items, got {}", wanted.len(), given.len());
            differ(expected, actual, message, pointer, found);
        }
        (Value::Number(wanted), Value::Number(given)) => {
            if let Err(difference) = close(wanted, given, tolerance) {
                let message = format!("expected {wanted}, got {given}{difference}");
                differ(expected, actual, message, pointer, found);
            }
        }
        _ if expected == actual => {}
        _ => {
            let message = format!("expected {}, got {}", shown(expected), shown(actual));
            differ(expected, actual, message, pointer, found);
        }
    }
}

fn differ(
    expected: &Value,
    actual: &Value,
    message: String,
    pointer: &str,
    found: &mut Vec<Mismatch>,
) {
    found.push(Mismatch {
        pointer: pointer.to_owned(),
        message,
        expected: expected.clone(),
        actual: Some(actual.clone()),
    });
}

fn shown(value: &Value) -> String {
    model::json::excerpt(value, 80)
}

/// Whether two numbers are as close as asked; if not, by how much they differ.
fn close(expected: &Number, actual: &Number, tolerance: f64) -> Result<(), String> {
    let (wanted, given) = (decimal(expected.as_str()), decimal(actual.as_str()));
    if wanted.is_some() && wanted == given {
        return Ok(());
    }
    let finite = |number: &Number| number.as_str().parse::<f64>().ok().filter(|x| x.is_finite());
    let (Some(e), Some(a)) = (finite(expected), finite(actual)) else {
        return Err(String::new());
    };
    let difference = (a - e).abs();
    let scale = if e == 0.0 { 1.0 } else { e.abs().max(a.abs()) };
    if difference <= tolerance * scale && tolerance > 0.0 {
        return Ok(());
    }
    let kind = if e == 0.0 { "absolute" } else { "relative" };
    Err(format!(" ({kind} difference {:.1e}, tolerance {tolerance:e})", difference / scale))
}

/// A number's sign, significant digits and power of ten: equal exactly if the numbers are.
fn decimal(text: &str) -> Option<(bool, String, i64)> {
    let (negative, bare) = match text.strip_prefix('-') {
        Some(bare) => (true, bare),
        None => (false, text),
    };
    let (mantissa, exponent) = match bare.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
        None => (bare, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let trimmed = digits.trim_end_matches('0');
    let power = exponent
        .checked_sub(i64::try_from(fraction.len()).ok()?)?
        .checked_add(i64::try_from(digits.len() - trimmed.len()).ok()?)?;
    let significant = trimmed.trim_start_matches('0');
    if significant.is_empty() {
        return Some((false, String::new(), 0));
    }
    Some((negative, significant.to_owned(), power))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn differences(expected: &str, actual: &str, tolerance: f64) -> Vec<String> {
        let value = |text: &str| model::json::parse(text).unwrap();
        compare(&value(expected), &value(actual), tolerance)
            .into_iter()
            .map(|found| format!("{} {}", found.pointer, found.message))
            .collect()
    }

    #[test]
    fn what_agrees() {
        for (expected, actual, tolerance) in [
            (r#"{"a": 1}"#, r#"{"a": 1.0, "b": 2}"#, 0.0),
            ("100", "100.00000000001", 1e-9),
            ("1e2", "100", 0.0),
            ("0", "-0.0", 0.0),
            ("0", "1e-12", 1e-9),
            ("0.1", "0.10", 0.0),
            ("[1, [2, {}]]", "[1, [2, {\"x\": 1}]]", 0.0),
            ("\"a\"", "\"a\"", 0.0),
            ("100000000000000000000000000001", "100000000000000000000000000001", 0.0),
            ("1000", "1010", 0.01),
            ("1e300", "1.0000001e300", 1e-6),
        ] {
            assert_eq!(differences(expected, actual, tolerance), [""; 0], "{expected} {actual}");
        }
    }

    #[test]
    fn what_differs() {
        for (expected, actual, tolerance, message) in [
            (r#"{"a": {"b": 1}}"#, r#"{"a": {}}"#, 0.0, "/a/b expected 1, and there is no `b`"),
            (
                "1",
                "1.01",
                1e-9,
                " expected 1, got 1.01 (relative difference 9.9e-3, tolerance 1e-9)",
            ),
            ("0", "0.5", 1e-9, " expected 0, got 0.5 (absolute difference 5.0e-1, tolerance 1e-9)"),
            ("[1, 2]", "[1]", 0.0, " expected 2 items, got 1"),
            ("true", "1", 0.0, " expected true, got 1"),
            ("\"1\"", "1", 0.0, " expected \"1\", got 1"),
            (
                "{\"a\":[1,{\"b/c\":2}]}",
                "{\"a\":[1,{\"b/c\":3}]}",
                0.0,
                "/a/1/b~1c expected 2, got 3 (relative difference 3.3e-1, tolerance 0e0)",
            ),
            ("null", "{}", 0.0, " expected null, got {}"),
        ] {
            assert_eq!(differences(expected, actual, tolerance), [message]);
        }
        // Where a double cannot tell, digits do.
        let big = |end: u8| format!("{}{end}", "9".repeat(400));
        assert!(differences(&big(1), &big(1), 1e-9).is_empty());
        assert_eq!(differences(&big(1), &big(2), 1e-9).len(), 1);
        assert_eq!(differences("9007199254740993", "9007199254740992", 0.0).len(), 1);
    }
}
