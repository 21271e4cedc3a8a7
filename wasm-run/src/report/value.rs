//! A result as a person reads it: names, values, units and descriptions in columns.
//!
//! Numbers are rounded to six significant digits for the eye; `--json` gives all of them.

use anstyle::Style;
use serde_json::{Map, Number, Value};

use super::human::{GREEN, RED, YELLOW, clean, clean_line};
use super::table::{Cell, Row, Table};
use package::schema::resolved;

const SIGNIFICANT_DIGITS: i32 = 6;
/// Longest list that is written on one line, in columns.
const INLINE_COLUMNS: usize = 60;
/// Rows shown of a list of rows.
const SHOWN_ROWS: usize = 12;
/// Rows shown at its end, if it is longer.
const LAST_ROWS: usize = 2;
/// Deepest nesting that is taken apart; what lies below is written as JSON.
const MAX_DEPTH: usize = 6;

/// A result, with what its schema says of it.
pub fn formatted(result: &Value, schema: Option<&Value>, columns: usize) -> String {
    let mut shape = Shape { root: schema, table: Table::default() };
    match result {
        Value::Object(object) if !object.is_empty() => shape.object(object, schema, 0),
        other => shape.entry("", other, schema, 0),
    }
    shape.table.render(columns)
}

struct Shape<'a> {
    root: Option<&'a Value>,
    table: Table,
}

impl<'a> Shape<'a> {
    fn object(&mut self, object: &Map<String, Value>, schema: Option<&'a Value>, depth: usize) {
        for (name, value) in object {
            let schema =
                self.part(schema, "properties").and_then(|properties| properties.get(name));
            self.entry(name, value, schema, depth);
        }
    }

    fn entry(&mut self, name: &str, value: &Value, schema: Option<&'a Value>, depth: usize) {
        let row = Row {
            depth,
            name: clean_line(name),
            cell: Cell::None,
            unit: self.text(schema, "x-unit"),
            note: self.description(schema),
        };
        match value {
            Value::Object(object) if !object.is_empty() && depth < MAX_DEPTH => {
                self.table.push(row);
                self.object(object, schema, depth + 1);
            }
            Value::Array(items) if !items.is_empty() && depth < MAX_DEPTH => {
                self.list(row, items, schema);
            }
            Value::String(text) if text.trim_end().contains('\n') => {
                self.table.push(row);
                for line in clean(text.trim_end()).lines() {
                    self.table.line(depth + 1, line.to_owned());
                }
            }
            scalar => self.table.push(Row { cell: cell(scalar), ..row }),
        }
    }

    fn list(&mut self, row: Row, items: &[Value], schema: Option<&'a Value>) {
        let depth = row.depth;
        let of_items = self.part(schema, "items");
        if let Some(rows) = Grid::of(items) {
            let units = rows.names.iter().map(|name| {
                let properties = self.part(of_items, "properties");
                self.text(properties.and_then(|properties| properties.get(name)), "x-unit")
            });
            let units: Vec<String> = units.collect();
            // A unit cannot be that of all columns.
            let note = self.text(schema, "description");
            let cell = Cell::Text(Style::new(), count(items.len(), "row"));
            self.table.push(Row { cell, unit: String::new(), note, ..row });
            for line in rows.lines(&units) {
                self.table.line(depth + 1, line);
            }
            return;
        }
        if items.iter().all(is_scalar) {
            let unit =
                if row.unit.is_empty() { self.text(of_items, "x-unit") } else { row.unit.clone() };
            let cell = Cell::Text(Style::new(), inline(items));
            self.table.push(Row { cell, unit, ..row });
            return;
        }
        self.table.push(Row { cell: Cell::Text(Style::new(), count(items.len(), "item")), ..row });
        for (i, item) in items.iter().enumerate().take(SHOWN_ROWS) {
            self.entry(&format!("[{i}]"), item, of_items, depth + 1);
        }
        if items.len() > SHOWN_ROWS {
            self.table.line(depth + 1, more(items.len() - SHOWN_ROWS));
        }
    }

    fn part(&self, schema: Option<&'a Value>, keyword: &str) -> Option<&'a Value> {
        resolved(self.root?, schema?)?.get(keyword)
    }

    /// A text of the schema: its own, else of what it refers to.
    fn text(&self, schema: Option<&'a Value>, keyword: &str) -> String {
        let own = schema.and_then(|schema| schema.get(keyword));
        let text = own.or_else(|| self.part(schema, keyword)).and_then(Value::as_str);
        text.map(clean_line).unwrap_or_default()
    }

    /// The description without the unit that stands in a column of its own.
    fn description(&self, schema: Option<&'a Value>) -> String {
        let own = schema.and_then(|schema| schema.get("description")).and_then(Value::as_str);
        let text = own.map(clean_line).unwrap_or_default();
        let unit = self.text(schema, "x-unit");
        for (open, close) in [('(', ')'), ('[', ']')] {
            if let Some(rest) = text.strip_suffix(&format!("{open}{unit}{close}")) {
                return rest.trim_end().to_owned();
            }
        }
        text
    }
}

fn is_scalar(value: &Value) -> bool {
    !matches!(value, Value::Array(_) | Value::Object(_))
}

fn count(n: usize, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn more(n: usize) -> String {
    format!("… {n} more, all of them with --json")
}

fn cell(value: &Value) -> Cell {
    match value {
        Value::Number(number) => Cell::Number(rounded(number)),
        Value::String(text) => Cell::Text(verdict(text), clean_line(text.trim_end())),
        other => Cell::Text(Style::new(), clean_line(&other.to_string())),
    }
}

/// The colour of what checks of strength answer, in French and English.
fn verdict(text: &str) -> Style {
    match text {
        "OK" | "PASS" => GREEN,
        "LIMITE" | "LIMIT" | "WARNING" => YELLOW,
        "RUPTURE" | "NOK" | "KO" | "FAIL" | "FAILURE" => RED,
        _ => Style::new(),
    }
}

fn scalar_text(value: &Value) -> String {
    match value {
        Value::Number(number) => rounded(number),
        Value::String(text) => clean_line(text),
        other => other.to_string(),
    }
}

/// A list on one line; of a long one the beginning and the end.
fn inline(items: &[Value]) -> String {
    let texts: Vec<String> = items.iter().map(scalar_text).collect();
    let all = texts.join(", ");
    if all.chars().count() <= INLINE_COLUMNS || items.len() <= 4 {
        return format!("[{all}]");
    }
    let (first, last) = (texts[..3].join(", "), &texts[texts.len() - 1]);
    format!("[{first}, … {last}] {}", count(items.len(), "item"))
}

/// A number for the eye. Whole numbers are left as they are.
pub fn rounded(number: &Number) -> String {
    let text = number.as_str();
    let Some(float) = text.parse::<f64>().ok().filter(|float| float.is_finite()) else {
        return text.to_owned();
    };
    if !text.contains(['.', 'e', 'E']) {
        return text.to_owned();
    }
    if float == 0.0 {
        return "0".to_owned();
    }
    let magnitude = float.abs().log10().floor() as i32;
    if !(-4..15).contains(&magnitude) {
        let text = format!("{float:.*e}", SIGNIFICANT_DIGITS as usize - 1);
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", without_zeros(mantissa));
    }
    let decimals = (SIGNIFICANT_DIGITS - 1 - magnitude).max(0);
    without_zeros(&format!("{float:.*}", decimals as usize)).to_owned()
}

fn without_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// Rows of scalars: a list of like objects, or of lists of one length.
struct Grid<'a> {
    /// Empty for lists.
    names: Vec<&'a str>,
    rows: Vec<Vec<&'a Value>>,
}

impl<'a> Grid<'a> {
    fn of(items: &'a [Value]) -> Option<Self> {
        let names: Vec<&str> = match &items[0] {
            Value::Object(object) => object.keys().map(String::as_str).collect(),
            Value::Array(_) => Vec::new(),
            _ => return None,
        };
        let width = items[0].as_array().map_or(names.len(), Vec::len);
        let mut rows = Vec::new();
        for item in items {
            let row: Vec<&Value> = match item {
                Value::Object(object) if object.keys().eq(names.iter()) => {
                    object.values().collect()
                }
                Value::Array(row) if names.is_empty() => row.iter().collect(),
                _ => return None,
            };
            if row.len() != width || width == 0 || !row.iter().all(|value| is_scalar(value)) {
                return None;
            }
            rows.push(row);
        }
        Some(Self { names, rows })
    }

    fn lines(&self, units: &[String]) -> Vec<String> {
        let heads = self.names.iter().zip(units).map(|(name, unit)| {
            if unit.is_empty() {
                clean_line(name)
            } else {
                format!("{} [{unit}]", clean_line(name))
            }
        });
        let heads: Vec<String> = heads.collect();
        let is_cut = self.rows.len() > SHOWN_ROWS;
        let (first, last) =
            if is_cut { (SHOWN_ROWS - LAST_ROWS, LAST_ROWS) } else { (self.rows.len(), 0) };
        let shown = self.rows[..first].iter().chain(&self.rows[self.rows.len() - last..]);
        let texts: Vec<Vec<String>> =
            shown.map(|row| row.iter().map(|one| scalar_text(one)).collect()).collect();
        let numbers: Vec<bool> = (0..self.rows[0].len())
            .map(|column| {
                self.rows.iter().all(|row| row[column].is_number() || row[column].is_null())
            })
            .collect();
        let mut lines = super::table::columns(&texts, &heads, &numbers);
        if is_cut {
            let hidden = self.rows.len() - SHOWN_ROWS;
            lines.insert(lines.len() - LAST_ROWS, more(hidden));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn shown(result: &Value, schema: &Value) -> String {
        anstream::adapter::strip_str(&formatted(result, Some(schema), 100)).to_string()
    }

    #[test]
    fn numbers_for_the_eye() {
        let text = |number: &str| rounded(&number.parse().unwrap());
        for (given, expected) in [
            ("12.732395447351628", "12.7324"),
            ("100.0", "100"),
            ("0.1", "0.1"),
            ("1234567.891", "1234568"),
            ("123456789012345678901234567890", "123456789012345678901234567890"),
            ("0.00012345678", "0.000123457"),
            ("0.000012345678", "1.23457e-5"),
            ("-2.5e-9", "-2.5e-9"),
            ("6.02214076e23", "6.02214e23"),
            ("9.9999999", "10"),
            ("-0.0", "0"),
            ("1e2", "100"),
        ] {
            assert_eq!(text(given), expected, "{given}");
        }
    }

    #[test]
    fn columns_with_units() {
        let schema = json!({"properties": {
            "contrainte": {"type": "number", "x-unit": "MPa", "description": "Contrainte calculée (MPa)"},
            "coefficient": {"description": "Sécurité"},
            "bolt": {"$ref": "#/$defs/bolt"},
        }, "$defs": {"bolt": {"properties": {"area": {"x-unit": "mm²", "description": "Section [mm²]"}}}}});
        let result = json!({
            "contrainte": 127.32395447351628,
            "coefficient": 2,
            "statut": "OK",
            "bolt": {"area": 78.5, "grade": "8.8", "empty": [], "none": null},
            "forces": [1, 2.5, 3],
            "note": "two\nlines\n",
        });
        insta::assert_snapshot!(shown(&result, &schema), @r"
        contrainte   127.324      MPa  Contrainte calculée
        coefficient    2               Sécurité
        statut       OK
        bolt
          area        78.5        mm²  Section
          grade      8.8
          empty      []
          none       null
        forces       [1, 2.5, 3]
        note
          two
          lines
        ");
    }

    #[test]
    fn rows() {
        let schema =
            json!({"properties": {"points": {"items": {"properties": {"x": {"x-unit": "m"}}}}}});
        let points: Vec<Value> =
            (0..20).map(|n| json!({"x": f64::from(n) / 4.0, "label": format!("p{n}")})).collect();
        let long: Vec<Value> = (0..40).map(|n| json!(f64::from(n) * 1.1)).collect();
        let result = json!({"points": points, "curve": [[0.5, 10], [1.25, 200]], "long": long,
                            "mixed": [{"a": 1}, {"b": [1, {"c": 2}]}]});
        insta::assert_snapshot!(shown(&result, &schema), @r"
        points     20 rows
          x [m]  label
           0     p0
           0.25  p1
           0.5   p2
           0.75  p3
           1     p4
           1.25  p5
           1.5   p6
           1.75  p7
           2     p8
           2.25  p9
          … 8 more, all of them with --json
           4.5   p18
           4.75  p19
        curve      2 rows
          0.5    10
          1.25  200
        long       [0, 1.1, 2.2, … 42.9] 40 items
        mixed      2 items
          [0]
            a      1
          [1]
            b      2 items
              [0]  1
              [1]
                c  2
        ");
    }

    #[test]
    fn a_result_that_is_no_object() {
        assert_eq!(shown(&json!(2.5), &json!({"x-unit": "mm"})), "2.5  mm");
        assert_eq!(shown(&json!({}), &json!({})), "{}");
        assert_eq!(shown(&json!(null), &json!(true)), "null");
    }
}
