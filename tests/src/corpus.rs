//! The corpus of hostile guests in `tests/hostile`: each a module whose header says how
//! its call has to end. The README there describes the header.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use model::limits::MIB;
use model::{ExecutorError, Limits, Outcome};
use serde_json::{Map, Value, json};
use toml_edit::{DocumentMut, Item, Value as Toml};

use crate::call::{Call, kind_of};
use crate::repository;

/// One guest, and what is expected of it.
pub struct Case {
    /// The file's name without `.py`.
    pub name: String,
    pub call: Call,
    /// How the call may end: `completed` or kinds of failures.
    pub kinds: Vec<String>,
    /// Occurs in the failure's message.
    pub contains: Option<String>,
    pub result: Option<Value>,
    pub logs_truncated: Option<bool>,
    pub twice: bool,
}

impl Case {
    pub fn group(&self) -> &str {
        self.name.split('_').next().unwrap_or_default()
    }
}

/// All of them, by name.
///
/// # Panics
/// If a header is not as the README says.
pub fn read() -> Vec<Case> {
    let folder = repository::root().join("tests/hostile");
    let mut cases: Vec<Case> = fs::read_dir(&folder)
        .expect("tests/hostile")
        .map(|entry| entry.expect("tests/hostile").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "py"))
        .map(|path| {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let text = fs::read_to_string(&path).expect("UTF-8 text");
            parse(&name, &text).unwrap_or_else(|why| panic!("tests/hostile/{name}.py: {why}"))
        })
        .collect();
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    cases
}

/// Reads a guest's header.
pub fn parse(name: &str, text: &str) -> Result<Case, String> {
    let document: DocumentMut = header(text)?.parse().map_err(|error| format!("{error}"))?;
    let mut limits =
        Limits { timeout: Duration::from_secs(5), memory_bytes: 256 * MIB, ..Limits::default() };
    let mut case = Case {
        name: name.to_owned(),
        call: Call::of(text),
        kinds: Vec::new(),
        contains: None,
        result: None,
        logs_truncated: None,
        twice: false,
    };
    for (key, item) in document.iter() {
        let value = to_json(item).ok_or_else(|| format!("`{key}` has no JSON form"))?;
        let wrong = || format!("`{key} = {value}` is of the wrong type");
        let number = || value.as_u64().ok_or_else(wrong);
        let text = || value.as_str().map(str::to_owned).ok_or_else(wrong);
        let flag = || value.as_bool().ok_or_else(wrong);
        match key {
            "kind" | "kinds" if !case.kinds.is_empty() => {
                return Err("both `kind` and `kinds`".to_owned());
            }
            "kind" => case.kinds = vec![text()?],
            "kinds" => {
                let kinds = value.as_array().ok_or_else(wrong)?;
                case.kinds = kinds.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            }
            "contains" => case.contains = Some(text()?),
            "result" => case.result = Some(value),
            "logs_truncated" => case.logs_truncated = Some(flag()?),
            "twice" => case.twice = flag()?,
            "timeout_ms" => limits.timeout = Duration::from_millis(number()?),
            "memory_mb" => limits.memory_bytes = number()? * MIB,
            "tmp_mb" => limits.tmp_bytes = number()? * MIB,
            "fuel" => limits.fuel = Some(number()?),
            "output_bytes" => limits.output_bytes = number()?,
            "log_bytes" => limits.log_bytes = number()?,
            "inputs" => {
                case.call.inputs =
                    serde_json::from_str(&text()?).map_err(|error| error.to_string())?;
            }
            "repeat_inputs" => {
                let bytes = value["bytes"].as_u64().ok_or_else(wrong)?;
                case.call.inputs =
                    Map::from_iter([("blob".to_owned(), json!("x".repeat(bytes as usize)))]);
            }
            _ => return Err(format!("unknown key `{key}`")),
        }
    }
    if case.kinds.is_empty() {
        return Err("neither `kind` nor `kinds`".to_owned());
    }
    case.call.limits = limits;
    Ok(case)
}

/// The TOML between `# /// expect` and `# ///`.
fn header(text: &str) -> Result<String, String> {
    let mut lines = text.lines();
    if lines.next() != Some("# /// expect") {
        return Err("does not begin with `# /// expect`".to_owned());
    }
    let mut toml = String::new();
    for line in lines {
        if line == "# ///" {
            return Ok(toml);
        }
        let line = line.strip_prefix('#').ok_or_else(|| format!("no comment: `{line}`"))?;
        toml.push_str(line.strip_prefix(' ').unwrap_or(line));
        toml.push('\n');
    }
    Err("the header has no end".to_owned())
}

fn to_json(item: &Item) -> Option<Value> {
    fn value(toml: &Toml) -> Option<Value> {
        Some(match toml {
            Toml::String(text) => json!(text.value()),
            Toml::Integer(number) => json!(number.value()),
            Toml::Float(number) => json!(number.value()),
            Toml::Boolean(flag) => json!(flag.value()),
            Toml::Array(list) => list.iter().map(value).collect::<Option<Value>>()?,
            Toml::InlineTable(table) => table
                .iter()
                .map(|(key, entry)| Some((key.to_owned(), value(entry)?)))
                .collect::<Option<Map<String, Value>>>()?
                .into(),
            Toml::Datetime(_) => return None,
        })
    }
    value(item.as_value()?)
}

/// What of a guest's end is not as expected; it may have been given so much memory.
pub fn compare(case: &Case, outcome: &Outcome, most_memory: u64) -> Vec<String> {
    let mut wrong = Vec::new();
    let kind = kind_of(outcome);
    if !case.kinds.iter().any(|expected| expected == kind) {
        let detail = match &outcome.result {
            Ok(value) => cut(&value.to_string()),
            Err(failure) => cut(&failure.message),
        };
        wrong.push(format!("{kind} instead of {}: {detail}", case.kinds.join(" or ")));
    }
    match &outcome.result {
        Ok(value) => {
            if let Some(expected) = case.result.as_ref().filter(|expected| !same(expected, value)) {
                wrong.push(format!("result {} instead of {expected}", cut(&value.to_string())));
            }
        }
        Err(failure) => {
            let expected = case.contains.as_ref().filter(|text| !failure.message.contains(*text));
            if let Some(text) = expected {
                wrong.push(format!("the message does not say `{text}`: {}", cut(&failure.message)));
            }
        }
    }
    if case.logs_truncated.is_some_and(|expected| outcome.logs.truncated != expected) {
        wrong.push(format!("logs truncated: {}", outcome.logs.truncated));
    }
    let logged: usize = outcome.logs.entries.iter().map(|entry| entry.message.len()).sum();
    // The notice that it was cut comes on top.
    if logged as u64 > case.call.limits.log_bytes + 200 {
        wrong.push(format!("{logged} bytes were logged"));
    }
    if outcome.usage.peak_memory_bytes > most_memory {
        wrong.push(format!("{} bytes of memory were given", outcome.usage.peak_memory_bytes));
    }
    wrong
}

/// Numbers by their value, whatever way they are written.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Somebody else's function, which works whatever a guest has done before it.
pub const BYSTANDER: &str = "
import json, math, os, random, tempfile

def calculate(inputs):
    with tempfile.NamedTemporaryFile('w+') as file:
        file.write(json.dumps(inputs))
        file.seek(0)
        back = json.load(file)
    return {'hypotenuse': math.hypot(back['a'], back['b']), 'tmp': os.listdir('/tmp'),
            'sorted': sorted(['b', 'a']), 'memory': len(bytearray(1 << 20)), 'cwd': os.getcwd()}
";

pub fn bystander_inputs() -> Value {
    json!({"a": 3, "b": 4})
}

/// What is wrong with a call of it.
pub fn bystander_wrong(answer: Result<Outcome, ExecutorError>) -> Option<String> {
    let expected = json!({"hypotenuse": 5.0, "tmp": [], "sorted": ["a", "b"], "memory": 1 << 20, "cwd": "/app"});
    match answer {
        Err(error) => Some(format!("another function: the engine failed: {error}")),
        Ok(outcome) => match outcome.result {
            Err(failure) => Some(format!("another function: {}", cut(&failure.message))),
            Ok(value) if !same(&value, &expected) => {
                Some(format!("another function gave {}", cut(&value.to_string())))
            }
            Ok(_) => None,
        },
    }
}

/// What failed, for people.
pub fn table(failures: &[(String, Vec<String>)]) -> String {
    let mut text = format!("{} guests are not as expected:\n", failures.len());
    for (name, wrong) in failures {
        for (i, what) in wrong.iter().enumerate() {
            let name = if i == 0 { name.as_str() } else { "" };
            writeln!(text, "  {name:<34} {what}").expect("writing to a string");
        }
    }
    text
}

/// On one line, and not too long.
pub fn cut(text: &str) -> String {
    let mut short: String = text.chars().take(200).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.replace('\n', "⏎")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn why(text: &str) -> String {
        parse("x", text).err().expect("a mistake")
    }

    #[test]
    fn headers() {
        let case = parse(
            "cpu_x",
            "# /// expect\n# # Why.\n# kinds = [\"timeout\", \"completed\"]\n# result = [1, {a = 0.5}]\n\
             # timeout_ms = 500\n# repeat_inputs = { bytes = 3 }\n# ///\n",
        )
        .unwrap();
        assert_eq!((case.group(), case.kinds.len(), case.twice), ("cpu", 2, false));
        assert_eq!(case.result, Some(json!([1, {"a": 0.5}])));
        assert_eq!(case.call.limits.timeout, Duration::from_millis(500));
        assert_eq!(case.call.inputs["blob"], "xxx");
    }

    #[test]
    fn mistakes_are_told() {
        assert_eq!(why("def f(): ...\n"), "does not begin with `# /// expect`");
        assert_eq!(why("# /// expect\n# kind = \"timeout\"\n"), "the header has no end");
        assert_eq!(why("# /// expect\n# twice = true\n# ///\n"), "neither `kind` nor `kinds`");
        assert_eq!(why("# /// expect\n# kid = \"timeout\"\n# ///\n"), "unknown key `kid`");
        assert_eq!(
            why("# /// expect\n# fuel = \"1\"\n# ///\n"),
            "`fuel = \"1\"` is of the wrong type"
        );
        assert_eq!(
            why("# /// expect\n# kind = \"a\"\n# kinds = [\"a\"]\n# ///\n"),
            "both `kind` and `kinds`"
        );
    }
}
