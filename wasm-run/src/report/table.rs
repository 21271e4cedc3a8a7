//! Columns that line up, by the width of characters on a terminal; numbers by their
//! decimal point.

use anstyle::Style;
use unicode_width::UnicodeWidthStr;

use super::human::DIM;

/// Spaces between columns, and of one level of nesting.
const GAP: &str = "  ";
/// Names and values are not padded beyond this: one long one does not push all others away.
const MAX_PADDING: usize = 40;
/// The least that is worth showing of a description.
const MIN_NOTE: usize = 12;

pub enum Cell {
    None,
    Number(String),
    Text(Style, String),
}

pub struct Row {
    pub depth: usize,
    pub name: String,
    pub cell: Cell,
    pub unit: String,
    pub note: String,
}

enum Line {
    Row(Row),
    /// As it is, at a depth.
    Text(usize, String),
}

/// `name  value unit  note`, nested by indentation.
#[derive(Default)]
pub struct Table {
    lines: Vec<Line>,
}

impl Table {
    pub fn push(&mut self, row: Row) {
        self.lines.push(Line::Row(row));
    }

    pub fn line(&mut self, depth: usize, text: String) {
        self.lines.push(Line::Text(depth, text));
    }

    pub fn render(&self, columns: usize) -> String {
        let rows = || {
            self.lines.iter().filter_map(|line| match line {
                Line::Row(row) => Some(row),
                Line::Text(..) => None,
            })
        };
        let widest = |width: fn(&Row) -> usize| {
            rows().map(width).filter(|width| *width <= MAX_PADDING).max().unwrap_or(0)
        };
        let names = widest(|row| row.depth * GAP.len() + row.name.width());
        let whole = rows()
            .filter_map(
                |row| if let Cell::Number(text) = &row.cell { Some(point(text)) } else { None },
            )
            .max()
            .unwrap_or(0);
        let aligned: Vec<String> = self
            .lines
            .iter()
            .map(|line| match line {
                Line::Row(Row { cell: Cell::Number(text), .. }) => {
                    " ".repeat(whole - point(text)) + text
                }
                Line::Row(Row { cell: Cell::Text(_, text), .. }) => text.clone(),
                _ => String::new(),
            })
            .collect();
        let values = aligned
            .iter()
            .map(|text| text.width())
            .filter(|width| *width <= MAX_PADDING)
            .max()
            .unwrap_or(0);
        let units = widest(|row| row.unit.width());
        let lines: Vec<String> = self
            .lines
            .iter()
            .zip(&aligned)
            .map(|(line, value)| match line {
                Line::Text(depth, text) => format!("{}{text}", GAP.repeat(*depth)),
                Line::Row(row) => rendered(row, value, [names, values, units], columns),
            })
            .collect();
        lines.join("\n")
    }
}

fn rendered(row: &Row, value: &str, [names, values, units]: [usize; 3], columns: usize) -> String {
    let name = format!("{}{}", GAP.repeat(row.depth), row.name);
    let style = if let Cell::Text(style, _) = &row.cell { *style } else { Style::new() };
    let parts = [
        (Style::new(), name.as_str(), names),
        (style, value, values),
        (Style::new(), row.unit.as_str(), units),
    ];
    let mut text = String::new();
    let mut used = 0;
    // Spaces are owed until something follows them.
    let mut owed = 0;
    for (style, part, width) in parts {
        if width == 0 && part.is_empty() {
            continue;
        }
        if !part.is_empty() {
            text.push_str(&" ".repeat(owed));
            used += owed + part.width();
            owed = 0;
            text.push_str(&format!("{style}{part}{style:#}"));
        }
        owed += width.saturating_sub(part.width()) + GAP.len();
    }
    let room = columns.saturating_sub(used + owed);
    if !row.note.is_empty() && room >= MIN_NOTE {
        text.push_str(&format!("{}{DIM}{}{DIM:#}", " ".repeat(owed), cut(&row.note, room)));
    }
    text
}

/// Columns before the decimal point.
fn point(number: &str) -> usize {
    number.find(['.', 'e']).unwrap_or(number.len())
}

fn cut(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if cut.width() >= room {
            cut.pop();
            break;
        }
    }
    cut.trim_end().to_owned() + "…"
}

/// Rows of texts in columns; those of numbers line up at their decimal points.
pub fn columns(rows: &[Vec<String>], heads: &[String], numbers: &[bool]) -> Vec<String> {
    let mut columns: Vec<Vec<String>> = Vec::new();
    for (i, is_number) in numbers.iter().enumerate() {
        let mut texts: Vec<String> = rows.iter().map(|row| row[i].clone()).collect();
        if *is_number {
            let fraction = |text: &String| text.len() - point(text);
            let widest = texts.iter().map(fraction).max().unwrap_or(0);
            for text in &mut texts {
                text.push_str(&" ".repeat(widest - fraction(text)));
            }
        }
        texts.splice(0..0, heads.get(i).cloned());
        let width = texts.iter().map(|text| text.width()).max().unwrap_or(0);
        for text in &mut texts {
            let padding = " ".repeat(width - text.width());
            *text = if *is_number { padding + text } else { text.clone() + &padding };
        }
        columns.push(texts);
    }
    let lines = columns.first().map_or(0, Vec::len);
    let line = |i: usize| {
        let cells: Vec<&str> = columns.iter().map(|column| column[i].as_str()).collect();
        cells.join(GAP).trim_end().to_owned()
    };
    (0..lines).map(line).collect()
}
