//! Lists in answers: `?limit=&cursor=`, `{"items": [...], "next_cursor": ...}`.

use axum::http::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::problem::Problem;
use crate::store::{Page, PageRequest};

pub const MAX_LIMIT: u32 = 200;
const DEFAULT_LIMIT: u32 = 50;
const MAX_CURSOR_BYTES: usize = 2_048;

/// Which part of a list.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Most items of the answer.
    #[param(minimum = 1, maximum = 200, default = 50)]
    pub limit: Option<u32>,
    /// Where the answer before this one ended: its `next_cursor`.
    #[param(max_length = 2048)]
    pub cursor: Option<String>,
}

/// A part of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct List<T> {
    pub items: Vec<T>,
    /// Asks for the next part; null at the end.
    pub next_cursor: Option<String>,
}

/// `List` as an answer.
pub type Listed<T> = axum::Json<List<T>>;

impl ListQuery {
    pub fn page(&self) -> Result<PageRequest, Problem> {
        page(self.limit, self.cursor.as_deref())
    }
}

/// The page that a query asks for.
pub fn page(limit: Option<u32>, cursor: Option<&str>) -> Result<PageRequest, Problem> {
    let limit = limit.unwrap_or(DEFAULT_LIMIT);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Problem::invalid(
            "invalid-query",
            format!("`limit` is {limit}; it has to be from 1 to {MAX_LIMIT}"),
        ));
    }
    let wrong = || Problem::invalid("invalid-query", "`cursor` is not one that a list answered");
    let after = match cursor {
        None => None,
        Some(cursor) if cursor.len() > MAX_CURSOR_BYTES => return Err(wrong()),
        Some(cursor) => {
            let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| wrong())?;
            Some(String::from_utf8(bytes).map_err(|_| wrong())?)
        }
    };
    Ok(PageRequest { limit: limit as usize, after })
}

impl<T> List<T> {
    pub fn of<U>(page: Page<U>, f: impl FnMut(U) -> T) -> Self {
        let page = page.map(f);
        let next_cursor = page.next.map(|key| URL_SAFE_NO_PAD.encode(key));
        Self { items: page.items, next_cursor }
    }
}

/// Refuses texts of a query that are longer than the document says, in characters.
pub fn bounded(texts: &[(&str, Option<&String>, usize)]) -> Result<(), Problem> {
    for (name, text, most) in texts {
        if text.is_some_and(|text| text.chars().count() > *most) {
            return Err(Problem::invalid(
                "invalid-query",
                format!("`{name}` is longer than {most} characters"),
            ));
        }
    }
    Ok(())
}

/// Whether the caller has this version of what it asks for already.
pub fn has_etag(headers: &HeaderMap, etag: &str) -> bool {
    let given =
        headers.get(axum::http::header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    given.is_some_and(|given| {
        given.split(',').any(|one| {
            let one = one.trim();
            one == "*" || one.strip_prefix("W/").unwrap_or(one) == etag
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_what_lists_answered_or_refused() {
        let page_of = |key: &str| Page { items: vec![1], next: Some(key.to_owned()) };
        let list = List::of(page_of("a/é"), |item| item);
        let asked = page(Some(10), list.next_cursor.as_deref()).unwrap();
        assert_eq!(asked, PageRequest { limit: 10, after: Some("a/é".to_owned()) });
        for bad in ["!", "/w", &"x".repeat(3_000)] {
            assert_eq!(page(None, Some(bad)).unwrap_err().slug, "invalid-query");
        }
        for bad in [0, 201] {
            assert!(page(Some(bad), None).is_err());
        }
    }

    #[test]
    fn etags() {
        let mut headers = HeaderMap::new();
        assert!(!has_etag(&headers, "\"a\""));
        headers.insert("if-none-match", "\"b\", W/\"a\"".parse().unwrap());
        assert!(has_etag(&headers, "\"a\"") && !has_etag(&headers, "\"c\""));
    }
}
