//! Sweeping objects that nothing refers to: what was stored and never published, and what
//! was let go.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use crate::blobs::{BlobError, Blobs};
use crate::store::{Store, StoreError};

/// Objects that are looked at together.
const AT_ONCE: usize = 100;
/// While a server runs, what was stored lately may be about to be referred to.
pub const GRACE: Duration = Duration::from_secs(3_600);

/// Whether something may have been stored that nothing refers to, since the start.
static SUSPECTED: AtomicBool = AtomicBool::new(false);

/// Something was stored whose row was refused, or was let go: an orderly stop sweeps.
pub fn suspect() {
    SUSPECTED.store(true, Ordering::Relaxed);
}

pub fn is_suspected() -> bool {
    SUSPECTED.load(Ordering::Relaxed)
}

/// What a sweep found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    pub objects: u64,
    pub bytes: u64,
    /// Of them, those that nothing refers to.
    pub orphans: u64,
    pub orphan_bytes: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Looks at every object; removes those that nothing refers to and that were stored before
/// `stored_before`, unless it is only to look.
pub async fn sweep(
    store: &Arc<dyn Store>,
    blobs: &Arc<dyn Blobs>,
    stored_before: SystemTime,
    remove: bool,
) -> Result<Swept, SweepError> {
    let mut swept = Swept::default();
    let mut after = None;
    loop {
        let listed = blobs.list(after.as_ref(), AT_ONCE).await?;
        let Some(last) = listed.last() else { return Ok(swept) };
        after = Some(last.key);
        swept.objects += listed.len() as u64;
        swept.bytes += listed.iter().map(|one| one.bytes).sum::<u64>();
        let old: Vec<_> = listed.into_iter().filter(|one| one.modified < stored_before).collect();
        let keys: Vec<_> = old.iter().map(|one| one.key).collect();
        let referenced = store.referenced(&keys).await?;
        for one in old.iter().filter(|one| !referenced.contains(&one.key)) {
            // Who is about to refer to it has stored or renewed it first, and then it stays.
            if remove && !blobs.remove(&one.key, stored_before).await? {
                continue;
            }
            swept.orphans += 1;
            swept.orphan_bytes += one.bytes;
        }
    }
}
