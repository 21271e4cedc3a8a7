//! Files by key, as callers see them; their content is in the object store.

use async_trait::async_trait;
use uuid::Uuid;

use super::{Page, PageRequest, Result};
use crate::blobs::BlobKey;
use crate::clock::Time;

#[derive(Clone, Debug, PartialEq)]
pub struct File {
    pub tenant: String,
    pub key: String,
    pub content: BlobKey,
    pub bytes: u64,
    pub content_type: String,
    pub created_at: Time,
    pub created_by: Uuid,
}

#[async_trait]
pub trait FileStore: Send + Sync {
    /// Makes or replaces the file of a key. `Conflict` if the tenant's files, this one
    /// counted, would be larger than `most_bytes` together.
    async fn put_file(&self, file: File, most_bytes: u64) -> Result<()>;
    async fn file(&self, tenant: &str, key: &str) -> Result<File>;
    /// By key, those whose key begins with `prefix`.
    async fn files(&self, tenant: &str, prefix: &str, page: PageRequest) -> Result<Page<File>>;
    async fn delete_file(&self, tenant: &str, key: &str) -> Result<()>;
    /// Bytes of all files of the tenant.
    async fn stored_bytes(&self, tenant: &str) -> Result<u64>;
}
