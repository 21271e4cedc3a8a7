//! A call's inputs: read from where the command line says, strictly.

use std::io::Read;

use model::limits::INPUT_BYTES;
use model::{ErrorKind, Failure, Violation, json};
use serde_json::{Map, Value};

use crate::ending::Stop;

/// Reads `JSON`, `@FILE` or `-`; nothing given is `{}`.
pub fn read(given: Option<&str>) -> Result<Map<String, Value>, Stop> {
    let (text, origin) = match given {
        None => return Ok(Map::new()),
        Some("-") => (bounded("standard input", std::io::stdin().lock())?, Some("standard input")),
        Some(text) => match text.strip_prefix('@') {
            Some(path) => {
                let file = std::fs::File::open(path).map_err(|error| {
                    Stop::usage(format!("the inputs `{path}` cannot be opened: {error}"))
                })?;
                (bounded(path, file)?, Some(path))
            }
            None => (text.to_owned(), None),
        },
    };
    parse(&text, origin)
}

fn bounded(origin: &str, source: impl Read) -> Result<String, Stop> {
    let mut bytes = Vec::new();
    source.take(INPUT_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(|error| {
        Stop::usage(format!("the inputs cannot be read from {origin}: {error}"))
    })?;
    if bytes.len() > INPUT_BYTES {
        let limit = INPUT_BYTES / (1024 * 1024);
        return Err(Stop::usage(format!("the inputs are larger than {limit} MiB"))
            .help("pass large data as files: {\"$file\": \"key\"} with `--files DIR`"));
    }
    String::from_utf8(bytes)
        .map_err(|_| Stop::usage(format!("the inputs from {origin} are not UTF-8")))
}

fn parse(text: &str, origin: Option<&str>) -> Result<Map<String, Value>, Stop> {
    let place = origin.map(|origin| format!("{origin}: ")).unwrap_or_default();
    match json::parse(text.trim_start_matches('\u{feff}')) {
        Ok(Value::Object(inputs)) => Ok(inputs),
        Ok(other) => {
            let violation = Violation {
                pointer: String::new(),
                rule: "type".to_owned(),
                message: format!("the inputs must be an object, got {}", json::excerpt(&other, 60)),
                value: Value::String(json::excerpt(&other, 60)),
            };
            Err(invalid(vec![violation]).help("name each input: {\"name\": value, ...}"))
        }
        Err(error) => {
            let stop = Stop::usage(format!("the inputs are not JSON: {place}{error}"));
            let looks_like_a_file = origin.is_none() && std::path::Path::new(text).exists();
            Err(if looks_like_a_file {
                stop.help(format!("to read them from that file, write `-i @{text}`"))
            } else {
                stop
            })
        }
    }
}

/// Inputs that break rules, all of them named.
pub fn invalid(violations: Vec<Violation>) -> Stop {
    let message = match violations.as_slice() {
        [only] => format!("the inputs are not valid: {}", only.message),
        several => format!("the inputs break {} rules", several.len()),
    };
    Stop::from(Failure { violations, ..Failure::new(ErrorKind::InvalidInputs, message) })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn inputs_are_objects_of_strict_json() {
        assert_eq!(read(None), Ok(Map::new()));
        assert_eq!(
            Value::Object(read(Some(r#"{"a": 1.50}"#)).unwrap()).to_string(),
            r#"{"a":1.50}"#
        );
        for (bad, why) in [
            (r#"{"a": 1, "a": 2}"#, "duplicate key `a`"),
            (r#"{"a": NaN}"#, "not JSON"),
            (r#"{"a": 1e999}"#, "out of range"),
            ("[1]", "must be an object, got [1]"),
            ("3", "must be an object"),
            ("", "not JSON"),
            ("@no/such/file.json", "cannot be opened"),
        ] {
            let stop = read(Some(bad)).unwrap_err();
            assert_eq!(stop.failure.kind, ErrorKind::InvalidInputs, "{bad}");
            assert!(stop.failure.message.contains(why), "{bad}: {}", stop.failure.message);
        }
    }

    #[test]
    fn inputs_come_from_files_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("in.json");
        std::fs::write(&path, "\u{feff}{\"a\": 1}\n").unwrap();
        assert_eq!(read(Some(&format!("@{}", path.display()))).unwrap()["a"], json!(1));
        let stop = read(Some(&path.display().to_string())).unwrap_err();
        assert!(stop.help.unwrap().contains("-i @"));
        std::fs::write(&path, b"{\"a\": \"\xff\"}").unwrap();
        assert!(read(Some(&format!("@{}", path.display()))).is_err());
    }
}
