//! What came of a run, as it is stored.

use std::sync::Arc;

use bytes::Bytes;
use model::Logs;

use crate::blobs::{BlobError, Blobs};
use crate::store::{Document, Ended};
use crate::worker::Ran;

/// Texts up to this size are kept with their row.
pub const INLINE_BYTES: usize = 64 * 1024;

/// Puts a text where it belongs by its size.
pub async fn put_document(blobs: &Arc<dyn Blobs>, text: String) -> Result<Document, BlobError> {
    if text.len() <= INLINE_BYTES {
        return Ok(Document::Inline(text));
    }
    let stored = blobs.put(Bytes::from(text)).await?;
    Ok(Document::Object { key: stored.key, bytes: stored.bytes })
}

/// The text of a document.
pub async fn read_document(
    blobs: &Arc<dyn Blobs>,
    document: Document,
) -> Result<String, BlobError> {
    use futures_util::TryStreamExt;
    match document {
        Document::Inline(text) => Ok(text),
        Document::Object { key, .. } => {
            let read = blobs.read(&key, None).await?;
            let parts: Vec<Bytes> = read.stream.try_collect().await.map_err(BlobError::from)?;
            String::from_utf8(parts.concat())
                .map_err(|_| BlobError::Corrupt("a document is not UTF-8".to_owned()))
        }
    }
}

/// The lasting part of a run.
pub async fn ended(blobs: &Arc<dyn Blobs>, ran: &Ran) -> Result<Ended, BlobError> {
    let result = match &ran.result {
        Ok((_, text)) => Some(put_document(blobs, text.clone()).await?),
        Err(_) => None,
    };
    let has_logs = !ran.logs.entries.is_empty() || ran.logs.truncated;
    let logs = if has_logs { Some(put_logs(blobs, &ran.logs).await?) } else { None };
    // They were stored while it ran, which may be long ago.
    let files: Vec<_> = ran.files.iter().map(|(_, key, _)| *key).collect();
    if !blobs.renew(&files).await? {
        return Err(BlobError::Corrupt("a file that the call wrote is gone".to_owned()));
    }
    Ok(Ended { result, logs, files: ran.files.clone() })
}

async fn put_logs(blobs: &Arc<dyn Blobs>, logs: &Logs) -> Result<Document, BlobError> {
    put_document(blobs, serde_json::to_string(logs).unwrap_or_default()).await
}
