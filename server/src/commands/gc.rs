//! `mecapy-server gc`.

use std::time::SystemTime;

use clap::Args;
use mecapy_server::clock::{Clock, SystemClock};
use mecapy_server::config::Config;
use mecapy_server::folders::Hold;
use mecapy_server::gc::{self, GRACE};
use mecapy_server::store::Retention;

use crate::wiring;

/// Rows that are forgotten at a time.
const AT_ONCE: usize = 1_000;

#[derive(Args)]
pub struct GcArgs {
    /// Only says what would be removed.
    #[arg(long)]
    dry_run: bool,
}

/// Beside a running server, objects of the last hour are left alone.
pub async fn gc(config: &Config, args: GcArgs) -> anyhow::Result<()> {
    let hold = Hold::take(&config.data_dir)?;
    let storage = wiring::storage(config)?;
    let now = SystemTime::now();
    let before =
        if hold.is_some() { now } else { now.checked_sub(GRACE).unwrap_or(SystemTime::UNIX_EPOCH) };
    let mut forgotten = 0;
    if !args.dry_run {
        let (keep, now) = (&config.retention, SystemClock.now());
        let before = Retention {
            answers: now.before(keep.idempotency),
            cached_results: now.before(keep.result_cache),
            deployments: now.before(keep.deployments),
            deliveries: now.before(keep.deployments),
        };
        loop {
            match storage.store.forget(&before, AT_ONCE).await? {
                0 => break,
                count => forgotten += count,
            }
        }
    }
    let swept = gc::sweep(&storage.store, &storage.blobs, before, !args.dry_run).await?;
    println!(
        "objects: {} ({} bytes)\norphans: {} ({} bytes){}\nold rows forgotten: {forgotten}",
        swept.objects,
        swept.bytes,
        swept.orphans,
        swept.orphan_bytes,
        if args.dry_run { ", left where they are" } else { ", removed" },
    );
    Ok(())
}
