//! YAML 1.2 (core schema) to values with positions, within bounds.
//!
//! Stricter than most readers, because what is silently changed is a wrong calculation:
//! duplicate keys, unknown tags, several documents, infinities and keys that are no text
//! are mistakes. Anchors, aliases and `<<` work; what they expand to counts.

use std::collections::HashMap;

use saphyr_parser::{Event, Parser, ScanError, Span, Tag};
use serde_json::Value;

use super::document::{Content, Entry, Mistake, Node, Position};
use super::scalar::{scalar, unknown_tag};
use super::{MAX_DEPTH, MAX_NODES};

pub fn parse(text: &str) -> Result<Node, Mistake> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let start = Position { line: 1, column: 1 };
    let mut loader = Loader::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| unreadable(&error))?;
        loader.take(event, span)?;
    }
    loader.root.ok_or_else(|| {
        Mistake::new(start, "the manifest is empty").help("write at least a name and a version")
    })
}

fn unreadable(error: &ScanError) -> Mistake {
    let mark = error.marker();
    let at = Position { line: number(mark.line()).max(1), column: number(mark.col() + 1) };
    let mistake = Mistake::new(at, format!("this is not valid YAML: {}", error.info()));
    if error.info().contains("tab") {
        mistake.help("indent with spaces")
    } else {
        mistake.help("check the indentation, colons and quotes here and just above")
    }
}

fn number(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn position(span: &Span) -> Position {
    Position { line: number(span.start.line()), column: number(span.start.col() + 1) }
}

/// A list or map that has begun and not ended.
struct Open {
    at: Position,
    anchor: usize,
    content: OpenContent,
}

enum OpenContent {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        /// The line of each key.
        lines: HashMap<String, u32>,
        merged: Vec<Node>,
        key: Option<(String, Position)>,
    },
}

#[derive(Default)]
struct Loader {
    open: Vec<Open>,
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
    documents: usize,
    root: Option<Node>,
}

impl Loader {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Mistake> {
        let at = position(&span);
        match event {
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Mistake::new(at, "there is a second document after `---`")
                        .help("a manifest is one document: remove the rest"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = scalar(&text, style, tag.as_deref(), at)?;
                self.count(1, at)?;
                self.place(node, anchor, 1)
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq", at)?;
                self.open(at, anchor, OpenContent::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map", at)?;
                let content = OpenContent::Map {
                    entries: Vec::new(),
                    lines: HashMap::new(),
                    merged: Vec::new(),
                    key: None,
                };
                self.open(at, anchor, content)
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
                    return Err(Mistake::new(at, "this alias stands inside of what it names")
                        .help("write the value out"));
                };
                self.count(size, at)?;
                if self.open.len() + depth_of(&node) > MAX_DEPTH {
                    return Err(too_deep(at));
                }
                self.place(node, 0, size)
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn count(&mut self, nodes: usize, at: Position) -> Result<(), Mistake> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            return Err(Mistake::new(
                at,
                format!("the manifest has more than {MAX_NODES} values, aliases expanded"),
            )
            .help("move data into a file of the package's `data/` folder"));
        }
        Ok(())
    }

    fn open(&mut self, at: Position, anchor: usize, content: OpenContent) -> Result<(), Mistake> {
        self.count(1, at)?;
        if self.open.len() == MAX_DEPTH {
            return Err(too_deep(at));
        }
        self.open.push(Open { at, anchor, content });
        Ok(())
    }

    fn close(&mut self) -> Result<(), Mistake> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let content = match open.content {
            OpenContent::List(items) => Content::List(items),
            OpenContent::Map { entries, merged, .. } => Content::Map(merge(entries, &merged)),
        };
        let node = Node { at: open.at, content };
        let size = if open.anchor == 0 { 0 } else { size(&node) };
        self.place(node, open.anchor, size)
    }

    /// Puts a finished node where it belongs.
    fn place(&mut self, node: Node, anchor: usize, size: usize) -> Result<(), Mistake> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), size));
        }
        match self.open.last_mut().map(|open| &mut open.content) {
            None => self.root = Some(node),
            Some(OpenContent::List(items)) => items.push(node),
            Some(OpenContent::Map { entries, lines, merged, key }) => match key.take() {
                None => *key = Some((key_text(&node)?, node.at)),
                Some((name, at)) if name == "<<" => merged.push(mergeable(node, at)?),
                Some((name, at)) => {
                    if let Some(line) = lines.insert(name.clone(), at.line) {
                        return Err(Mistake::new(
                            at,
                            format!("the key `{name}` is there twice, first on line {line}"),
                        )
                        .help("keep one of them"));
                    }
                    entries.push(Entry { key: name, at, value: node });
                }
            },
        }
        Ok(())
    }
}

fn too_deep(at: Position) -> Mistake {
    Mistake::new(at, format!("nested deeper than {MAX_DEPTH} levels"))
        .help("use `$defs` and `$ref` to flatten a schema")
}

/// An alias may hold what is deep already.
fn depth_of(node: &Node) -> usize {
    match &node.content {
        Content::Scalar { .. } => 0,
        Content::List(items) => 1 + items.iter().map(depth_of).max().unwrap_or(0),
        Content::Map(entries) => {
            1 + entries.iter().map(|entry| depth_of(&entry.value)).max().unwrap_or(0)
        }
    }
}

fn size(node: &Node) -> usize {
    match &node.content {
        Content::Scalar { .. } => 1,
        Content::List(items) => 1 + items.iter().map(size).sum::<usize>(),
        Content::Map(entries) => {
            1 + entries.iter().map(|entry| 1 + size(&entry.value)).sum::<usize>()
        }
    }
}

/// `<<`: a map's own keys win, then those of the first map merged.
fn merge(mut entries: Vec<Entry>, merged: &[Node]) -> Vec<Entry> {
    for node in merged {
        let maps = if let Content::List(items) = &node.content {
            items.as_slice()
        } else {
            std::slice::from_ref(node)
        };
        for entry in maps.iter().flat_map(Node::entries) {
            if !entries.iter().any(|own| own.key == entry.key) {
                entries.push(entry.clone());
            }
        }
    }
    entries
}

fn mergeable(node: Node, at: Position) -> Result<Node, Mistake> {
    let is_map = |node: &Node| matches!(node.content, Content::Map(_));
    if is_map(&node) || (!node.items().is_empty() && node.items().iter().all(is_map)) {
        Ok(node)
    } else {
        Err(Mistake::new(at, "`<<` merges maps, and this is none")
            .help("give it an alias of a map"))
    }
}

fn key_text(node: &Node) -> Result<String, Mistake> {
    match &node.content {
        Content::Scalar { plain: Some(text), .. } => Ok(text.clone()),
        Content::Scalar { value: Value::String(text), .. } => Ok(text.clone()),
        _ => Err(Mistake::new(node.at, "a key must be text").help("write it in quotes")),
    }
}

fn check_tag(tag: Option<&Tag>, wanted: &str, at: Position) -> Result<(), Mistake> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == wanted) => {
            Err(unknown_tag(tag, at))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> String {
        parse(text).unwrap().to_value().to_string()
    }

    fn mistake(text: &str) -> String {
        let mistake = parse(text).unwrap_err();
        format!("{}:{} {}", mistake.at.line, mistake.at.column, mistake.message)
    }

    #[test]
    fn core_schema() {
        for (yaml, json) in [
            ("~", "null"),
            ("yes", "\"yes\""),
            ("on", "\"on\""),
            ("True", "true"),
            ("0x1F", "31"),
            ("0o17", "15"),
            ("017", "17"),
            ("+12", "12"),
            ("-0", "-0"),
            (".5", "0.5"),
            ("1.", "1.0"),
            ("1e-12", "1e-12"),
            ("1.50", "1.50"),
            ("6.02E23", "6.02e+23"),
            ("1.2.3", "\"1.2.3\""),
            ("1_000", "\"1_000\""),
            ("'1'", "\"1\""),
            ("!!str 1", "\"1\""),
            ("!!float 1", "1"),
            ("2001-01-01", "\"2001-01-01\""),
            ("12:30", "\"12:30\""),
            ("-", "[null]"),
            ("e5", "\"e5\""),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("{a: [1, {b: c}]}", "{\"a\":[1,{\"b\":\"c\"}]}"),
            ("\u{feff}a: 1", "{\"a\":1}"),
            ("1: x", "{\"1\":\"x\"}"),
            ("true: x", "{\"true\":\"x\"}"),
            (
                "a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}",
                "{\"a\":{\"k\":1,\"l\":2},\"b\":{\"k\":3,\"l\":2}}",
            ),
            ("a: |\n  two\n  lines\n", "{\"a\":\"two\\nlines\\n\"}"),
        ] {
            assert_eq!(value(yaml), json, "{yaml}");
        }
    }

    #[test]
    fn mistakes() {
        for (yaml, start) in [
            ("", "1:1 the manifest is empty"),
            ("a: 1\nb: 2\na: 3", "3:1 the key `a` is there twice, first on line 1"),
            ("a: .inf", "1:4 `.inf` has no form"),
            ("a: 1e999", "1:4 the number is too large"),
            ("a: 1\n---\nb: 2", "2:1 there is a second document"),
            ("a: &x [*x]", "1:8 this alias stands inside"),
            ("a: *nope", "1:4 this is not valid YAML"),
            ("? [a]\n: b", "1:3 a key must be text"),
            ("a: !!python/object:os.system ls", "1:4 the tag `!!python/object:os.system`"),
            ("a: !!int x", "1:4 the tag `!!int`"),
            ("a:\n\t- b", "2:"),
            ("a: [1", "2:1 this is not valid YAML"),
            ("<<: 3", "1:1 `<<` merges maps"),
        ] {
            let found = mistake(yaml);
            assert!(found.starts_with(start), "{yaml:?}: {found}");
        }
    }

    #[test]
    fn bombs_are_refused_quickly() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for i in 1..20 {
            let prior = format!("*a{}", i - 1);
            bomb += &format!("a{i}: &a{i} [{}]\n", [prior.as_str(); 10].join(", "));
        }
        assert!(mistake(&bomb).contains("more than 20000 values"));
        for open in ["[", "{a: ", "- ", "? "] {
            let deep = open.repeat(super::super::MAX_BYTES / 4);
            assert!(parse(&deep).is_err(), "{open}");
        }
        let mut deep = String::from("a0: &a0 [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n");
        for i in 1..9 {
            deep += &format!("a{i}: &a{i} [[[[[[[[[[*a{}]]]]]]]]]]\n", i - 1);
        }
        assert!(mistake(&deep).contains("nested deeper"));
    }
}
