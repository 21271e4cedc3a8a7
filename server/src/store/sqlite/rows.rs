//! From rows to values and back: ids, times, counts, JSON, and the keys of pages.

use rusqlite::types::FromSql;
use rusqlite::{Connection, Params, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::blobs::BlobKey;
use crate::clock::Time;
use crate::store::{PageRequest, Result, StoreError};

/// A row's columns, one after the other.
pub(super) struct Columns<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Columns<'r> {
    pub fn take<T: FromSql>(&mut self) -> Result<T> {
        let value = self.row.get(self.next)?;
        self.next += 1;
        Ok(value)
    }

    pub fn id(&mut self) -> Result<Uuid> {
        Ok(Uuid::from_bytes(self.take()?))
    }

    pub fn maybe_id(&mut self) -> Result<Option<Uuid>> {
        Ok(self.take::<Option<[u8; 16]>>()?.map(Uuid::from_bytes))
    }

    pub fn time(&mut self) -> Result<Time> {
        Ok(Time::from_micros(self.take()?))
    }

    pub fn maybe_time(&mut self) -> Result<Option<Time>> {
        Ok(self.take::<Option<i64>>()?.map(Time::from_micros))
    }

    pub fn count(&mut self) -> Result<u64> {
        let number: i64 = self.take()?;
        u64::try_from(number).map_err(|_| StoreError::Corrupt(format!("a count of {number}")))
    }

    pub fn json<T: DeserializeOwned>(&mut self) -> Result<T> {
        let text = self.row.get_ref(self.next)?.as_str().map_err(corrupt)?;
        self.next += 1;
        from_json(text)
    }

    pub fn maybe_json<T: DeserializeOwned>(&mut self) -> Result<Option<T>> {
        let text = self.row.get_ref(self.next)?.as_str_or_null().map_err(corrupt)?;
        self.next += 1;
        text.map(from_json).transpose()
    }

    /// One of the values that an enum's text can have.
    pub fn named<T>(&mut self, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
        let text = self.row.get_ref(self.next)?.as_str().map_err(corrupt)?;
        self.next += 1;
        parse(text).ok_or_else(|| StoreError::Corrupt(format!("`{text}` in a column of names")))
    }

    pub fn key(&mut self) -> Result<BlobKey> {
        self.named(|text| text.parse().ok())
    }
}

/// The first row, if there is one.
pub(super) fn one<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    decode: impl FnOnce(&mut Columns<'_>) -> Result<T>,
) -> Result<Option<T>> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    match rows.next()? {
        Some(row) => decode(&mut Columns { row, next: 0 }).map(Some),
        None => Ok(None),
    }
}

pub(super) fn all<T>(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut decode: impl FnMut(&mut Columns<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut items = Vec::new();
    each(conn, sql, params, |columns| {
        items.push(decode(columns)?);
        Ok(true)
    })?;
    Ok(items)
}

/// Row by row, as long as `visit` says so.
pub(super) fn each(
    conn: &Connection,
    sql: &str,
    params: impl Params,
    mut visit: impl FnMut(&mut Columns<'_>) -> Result<bool>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(sql)?;
    let mut rows = statement.query(params)?;
    while let Some(row) = rows.next()? {
        if !visit(&mut Columns { row, next: 0 })? {
            break;
        }
    }
    Ok(())
}

/// How many rows were changed.
pub(super) fn run(conn: &Connection, sql: &str, params: impl Params) -> Result<usize> {
    Ok(conn.prepare_cached(sql)?.execute(params)?)
}

/// A key of this beginning is `serde_json`'s own: read again, it would not be what was written.
const PRIVATE_KEY: &str = "$serde_json::private::";
/// What is nested deeper could be written, but not be read again (128 levels).
const DEEPEST: usize = 120;

/// What is written can be read.
pub(super) fn to_json(value: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string(value)
        .map_err(|error| StoreError::Conflict(format!("it has no form as JSON: {error}")))?;
    if depth(&text) > DEEPEST {
        return Err(StoreError::Conflict(format!("it is nested deeper than {DEEPEST} levels")));
    }
    // Only what tells of inputs could have such a key; inputs and results are not read here.
    let is_plain = !text.contains(PRIVATE_KEY);
    Ok(if is_plain { text } else { text.replace(PRIVATE_KEY, "$serde_json private ") })
}

/// How deep arrays and objects are nested in a JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest, mut in_text, mut escaped) = (0_usize, 0, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(corrupt)
}

pub(super) fn corrupt(error: impl std::fmt::Display) -> StoreError {
    StoreError::Corrupt(error.to_string())
}

/// SQLite's integers are signed.
pub(super) fn integer(number: u64) -> Result<i64> {
    i64::try_from(number)
        .map_err(|_| StoreError::Conflict(format!("{number} is too large for the database")))
}

pub(super) fn micros(time: Option<Time>) -> Option<i64> {
    time.map(Time::micros)
}

pub(super) fn bytes_of(id: Option<&Uuid>) -> Option<&[u8]> {
    id.map(|id| id.as_bytes().as_slice())
}

pub(super) fn bounded(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

/// Rows to ask for: one more than are wanted tells whether there are more.
pub(super) fn row_limit(limit: usize) -> i64 {
    bounded(limit).saturating_add(1)
}

/// What a page's key says that is not one.
pub(super) fn invalid_key() -> StoreError {
    StoreError::Conflict("the cursor is not valid".to_owned())
}

/// The key of lists that are ordered by a time and an id.
pub(super) fn time_key(at: Time, id: &str) -> String {
    format!("{}.{id}", at.micros())
}

/// The place that a list goes on after: the end of time, for its first page.
pub(super) fn after_time(page: &PageRequest) -> Result<(i64, String)> {
    let Some(key) = &page.after else { return Ok((i64::MAX, String::new())) };
    let (at, id) = key.split_once('.').ok_or_else(invalid_key)?;
    Ok((at.parse().map_err(|_| invalid_key())?, id.to_owned()))
}

pub(super) fn after_time_and_id(page: &PageRequest) -> Result<(i64, Uuid)> {
    let (at, id) = after_time(page)?;
    if page.after.is_none() {
        return Ok((at, Uuid::nil()));
    }
    Ok((at, Uuid::try_parse(&id).map_err(|_| invalid_key())?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn depth_is_that_of_arrays_and_objects() {
        for (value, expected) in [
            (json!(1), 0),
            (json!("[[{\"\\["), 0),
            (json!([[], {"[": []}]), 3),
            (json!({"\\": {"a\"": "]]"}}), 2),
        ] {
            assert_eq!(depth(&value.to_string()), expected, "{value}");
        }
    }

    #[test]
    fn what_could_not_be_read_again_is_not_written() {
        let nested = |levels: usize| (0..levels).fold(json!(1), |value, _| json!([value]));
        let text = to_json(&nested(DEEPEST)).unwrap();
        assert_eq!(from_json::<Value>(&text).unwrap(), nested(DEEPEST));
        assert!(matches!(to_json(&nested(DEEPEST + 1)), Err(StoreError::Conflict(_))));
        let odd = json!({ "$serde_json::private::Number": "not one" });
        let text = to_json(&odd).unwrap();
        assert!(from_json::<Value>(&text).unwrap().is_object());
    }

    proptest! {
        /// Whatever comes as a page's key.
        #[test]
        fn any_key_is_read_or_refused(key in ".*", at in any::<i64>(), id in any::<u128>()) {
            let _ = after_time_and_id(&PageRequest { limit: 1, after: Some(key) });
            let (at, id) = (Time::from_micros(at), Uuid::from_u128(id));
            let after = Some(time_key(at, &id.to_string()));
            prop_assert_eq!(after_time_and_id(&PageRequest { limit: 1, after }), Ok((at.micros(), id)));
        }
    }
}
