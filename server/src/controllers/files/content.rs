//! `GET /api/objects/{sha256}`: a content at its signed address.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::app::App;
use crate::blobs::BlobKey;
use crate::http::{Path, Query};
use crate::links::Download;
use crate::problem::Problem;

/// A content. One range of bytes may be asked for.
#[utoipa::path(get, path = "/api/objects/{sha256}", tag = "files", operation_id = "download",
    params(("sha256" = String, Path, description = "names the content"), Download,
        ("Range" = Option<String>, Header, description = "`bytes=first-last`")),
    security(()),
    responses(
        (status = 200, description = "the content", body = Vec<u8>, content_type = "*/*"),
        (status = 206, description = "a part of it", body = Vec<u8>, content_type = "*/*"),
        (status = 416, description = "there is no such part"),
    ))]
pub async fn download(
    State(app): State<Arc<App>>,
    Path(sha256): Path<String>,
    Query(link): Query<Download>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let forbidden = || Problem::forbidden("the address has expired or was altered");
    let key: BlobKey = sha256.parse().map_err(|_| forbidden())?;
    if !link.is_valid(&app.link_key, &key, app.clock.now().seconds()) {
        return Err(forbidden());
    }
    let total = app.blobs.size(&key).await?;
    let range = match headers.get(header::RANGE).and_then(|value| value.to_str().ok()) {
        None => None,
        Some(text) => match parse(text, total) {
            Range::Whole => None,
            Range::Part(first, last) => Some(first..last + 1),
            Range::Nothing => {
                return Err(Problem::new(
                    StatusCode::RANGE_NOT_SATISFIABLE,
                    "range-not-satisfiable",
                    format!("the content has {total} bytes"),
                )
                .header(header::CONTENT_RANGE, &format!("bytes */{total}")));
            }
        },
    };
    let read = app.blobs.read(&key, range.clone()).await?;
    let mut response = Body::from_stream(read.stream).into_response();
    let length = range.as_ref().map_or(total, |range| range.end - range.start);
    let fields = response.headers_mut();
    let text = |text: String| HeaderValue::from_str(&text).ok();
    let disposition = format!(
        "attachment; filename*=UTF-8''{}",
        url::form_urlencoded::byte_serialize(link.name.as_bytes())
            .collect::<String>()
            .replace('+', "%20")
    );
    let sane = text(link.r#type).unwrap_or(HeaderValue::from_static("application/octet-stream"));
    fields.insert(header::CONTENT_TYPE, sane);
    fields.insert(header::CONTENT_LENGTH, length.into());
    fields.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    // The content of an address never changes; the address is a secret of who has it.
    fields.insert(
        header::CACHE_CONTROL,
        HeaderValue::from_static("private, max-age=3600, immutable"),
    );
    // What a function wrote is never run as a page of ours.
    fields.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; sandbox"),
    );
    if let Some(value) = text(disposition) {
        fields.insert(header::CONTENT_DISPOSITION, value);
    }
    if let Some(range) = range {
        if let Some(value) = text(format!("bytes {}-{}/{total}", range.start, range.end - 1)) {
            response.headers_mut().insert(header::CONTENT_RANGE, value);
        }
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

#[derive(Debug, PartialEq)]
enum Range {
    Whole,
    /// The first and the last byte.
    Part(u64, u64),
    Nothing,
}

/// One range of bytes; what is not understood asks for the whole, as RFC 9110 says.
fn parse(text: &str, total: u64) -> Range {
    let Some((first, last)) = text.strip_prefix("bytes=").and_then(|text| text.split_once('-'))
    else {
        return Range::Whole;
    };
    let (first, last) = (first.trim(), last.trim());
    match (first.parse::<u64>(), last.parse::<u64>()) {
        (Ok(first), Ok(last)) if first > last => Range::Whole,
        (Ok(first), _) if first >= total => Range::Nothing,
        (Ok(first), Ok(last)) => Range::Part(first, last.min(total - 1)),
        (Ok(first), Err(_)) if last.is_empty() => Range::Part(first, total - 1),
        (Err(_), Ok(0)) if first.is_empty() => Range::Nothing,
        (Err(_), Ok(_)) if first.is_empty() && total == 0 => Range::Nothing,
        (Err(_), Ok(count)) if first.is_empty() => {
            Range::Part(total.saturating_sub(count), total - 1)
        }
        _ => Range::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, expected) in [
            ("bytes=0-4", Range::Part(0, 4)),
            ("bytes=5-", Range::Part(5, 9)),
            ("bytes=-3", Range::Part(7, 9)),
            ("bytes=-30", Range::Part(0, 9)),
            ("bytes=8-99", Range::Part(8, 9)),
            ("bytes=10-", Range::Nothing),
            ("bytes=-0", Range::Nothing),
            ("bytes=4-2", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("lines=1-2", Range::Whole),
            ("bytes=a-b", Range::Whole),
        ] {
            assert_eq!(parse(text, 10), expected, "{text}");
        }
        assert_eq!(parse("bytes=-1", 0), Range::Nothing);
        assert_eq!(parse("bytes=0-", 0), Range::Nothing);
    }
}
