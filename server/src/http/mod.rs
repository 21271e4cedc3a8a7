//! HTTP around the controllers: request ids, problem documents, strict bodies and queries.

mod body;
mod cursor;
mod idempotent;
mod prefer;
mod request;
mod room;
pub mod sse;

pub use body::{
    Json, LARGE_BODY_BYTES, RawBody, cut_off, is_json, object, object_or_null, parsed,
    read_bounded, slow, typed,
};
pub use cursor::{List, ListQuery, Listed, bounded, has_etag, page};
pub use idempotent::{Key, Keys, once};
pub use prefer::Wait;
pub use request::{Address, Path, Plain, Query, RequestId, wrap};
pub use room::with_room;
