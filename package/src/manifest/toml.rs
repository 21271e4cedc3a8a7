//! TOML to values with positions, within bounds.

use serde_json::{Number, Value};
use toml_edit::{Document, Item, TableLike, Value as TomlValue};

use super::document::{Content, Entry, Mistake, Node, Position};
use super::{MAX_DEPTH, MAX_NODES};

pub fn parse(text: &str) -> Result<Node, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let places = Places::new(text);
    let document = Document::parse(text).map_err(|error| {
        let at = error.span().map_or(places.of(0), |span| places.of(span.start));
        Mistake::new(at, format!("this is not valid TOML: {}", error.message().trim()))
            .help("check the quotes, brackets and keys here")
    })?;
    let mut reader = Reader { places, nodes: 0 };
    let start = Position { line: 1, column: 1 };
    reader.table(document.as_table(), start, 0)
}

/// Lines of a text, to turn byte offsets into positions.
struct Places<'a> {
    text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Places<'a> {
    fn new(text: &'a str) -> Self {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Self { text, lines: [0].into_iter().chain(starts).collect() }
    }

    fn of(&self, offset: usize) -> Position {
        let line = self.lines.partition_point(|start| *start <= offset).max(1);
        let start = self.lines[line - 1];
        let column = self.text.get(start..offset).map_or(0, |text| text.chars().count());
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: number(line), column: number(column + 1) }
    }
}

struct Reader<'a> {
    places: Places<'a>,
    nodes: usize,
}

impl Reader<'_> {
    fn at(&self, span: Option<std::ops::Range<usize>>, or: Position) -> Position {
        span.map_or(or, |span| self.places.of(span.start))
    }

    fn count(&mut self, at: Position, depth: usize) -> Result<(), Mistake> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            return Err(Mistake::new(at, format!("the manifest has more than {MAX_NODES} values"))
                .help("move data into a file of the package's `data/` folder"));
        }
        if depth > MAX_DEPTH {
            return Err(Mistake::new(at, format!("nested deeper than {MAX_DEPTH} levels"))
                .help("use `$defs` and `$ref` to flatten a schema"));
        }
        Ok(())
    }

    fn table(
        &mut self,
        table: &dyn TableLike,
        at: Position,
        depth: usize,
    ) -> Result<Node, Mistake> {
        self.count(at, depth)?;
        let mut entries = Vec::new();
        for (key, item) in table.iter() {
            let key_at = self.at(table.key(key).and_then(toml_edit::Key::span), at);
            let value = self.item(item, key_at, depth + 1)?;
            entries.push(Entry { key: key.to_owned(), at: key_at, value });
        }
        Ok(Node { at, content: Content::Map(entries) })
    }

    fn item(&mut self, item: &Item, key_at: Position, depth: usize) -> Result<Node, Mistake> {
        let at = self.at(item.span(), key_at);
        match item {
            Item::None => {
                Ok(Node { at, content: Content::Scalar { value: Value::Null, plain: None } })
            }
            Item::Value(value) => self.value(value, at, depth),
            Item::Table(table) => self.table(table, at, depth),
            Item::ArrayOfTables(tables) => {
                self.count(at, depth)?;
                let items = tables
                    .iter()
                    .map(|table| self.table(table, self.at(table.span(), at), depth + 1))
                    .collect::<Result<_, _>>()?;
                Ok(Node { at, content: Content::List(items) })
            }
        }
    }

    fn value(&mut self, value: &TomlValue, at: Position, depth: usize) -> Result<Node, Mistake> {
        self.count(at, depth)?;
        let scalar = |value: Value, plain: bool, text: String| {
            let plain = plain.then_some(text);
            Ok(Node { at, content: Content::Scalar { value, plain } })
        };
        match value {
            TomlValue::String(text) => {
                scalar(Value::String(text.value().clone()), false, String::new())
            }
            TomlValue::Boolean(value) => {
                scalar(Value::Bool(*value.value()), true, value.value().to_string())
            }
            TomlValue::Integer(value) => {
                let text = value.value().to_string();
                scalar(Value::Number(Number::from(*value.value())), true, text)
            }
            TomlValue::Float(value) => {
                let raw = value.span().and_then(|span| self.places.text.get(span));
                let written =
                    raw.map_or_else(|| value.value().to_string(), |raw| raw.replace('_', ""));
                let text = written.strip_prefix('+').unwrap_or(&written);
                match text.parse::<Number>() {
                    Ok(number) if value.value().is_finite() => {
                        scalar(Value::Number(number), true, written)
                    }
                    _ => Err(Mistake::new(at, format!("`{written}` has no form in JSON"))
                        .help("use a finite number, or quote it if it is text")),
                }
            }
            TomlValue::Datetime(value) => {
                scalar(Value::String(value.value().to_string()), false, String::new())
            }
            TomlValue::Array(array) => {
                let items = array
                    .iter()
                    .map(|item| self.value(item, self.at(item.span(), at), depth + 1))
                    .collect::<Result<_, _>>()?;
                Ok(Node { at, content: Content::List(items) })
            }
            TomlValue::InlineTable(table) => self.table(table, at, depth),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_places() {
        let text = "[project]\nname = \"é\"  # x\n[tool.mecapy]\nruntime.timeout = 1_0.50\n\
                    runtime.fuel = 5\n[[tool.mecapy.test_cases]]\ninputs = {a = [1, true]}\n";
        let node = parse(text).unwrap();
        assert_eq!(
            node.to_value().to_string(),
            r#"{"project":{"name":"é"},"tool":{"mecapy":{"runtime":{"timeout":10.50,"fuel":5},"test_cases":[{"inputs":{"a":[1,true]}}]}}}"#
        );
        let at = |pointer: &str| {
            let (key, value) = (node.key_position(pointer), node.position(pointer));
            (key.line, key.column, value.line, value.column)
        };
        assert_eq!(at("/project/name"), (2, 1, 2, 8));
        assert_eq!(at("/tool/mecapy/runtime/timeout"), (4, 9, 4, 19));
        assert_eq!(at("/tool/mecapy/test_cases/0/inputs/a/1"), (7, 19, 7, 19));
    }

    #[test]
    fn mistakes() {
        for (text, start) in
            [("a = ", "1:"), ("a = 1\na = 2", "2:1"), ("a = inf", "1:5"), ("a = [", "1:")]
        {
            let mistake = parse(text).unwrap_err();
            let found = format!("{}:{} {}", mistake.at.line, mistake.at.column, mistake.message);
            assert!(found.starts_with(start), "{text}: {found}");
        }
        for open in ["[", "{a=", "a."] {
            assert!(parse(&format!("a = {}", open.repeat(50_000))).is_err());
            assert!(parse(&open.repeat(50_000)).is_err());
        }
    }
}
