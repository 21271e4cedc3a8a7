//! What is done between calls: pausing, removing, finding what was left behind.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::attempt::Inner;

/// Between two looks for containers that nobody owns any more, and for images that nobody uses.
const LOOK_AROUND: Duration = Duration::from_secs(60);
const LOOK_AT_IMAGES: Duration = Duration::from_secs(3600);

/// Before images are first looked at: processes that soon end leave it to others.
const FIRST_IMAGES: Duration = Duration::from_secs(300);

/// For the daemon to list and remove what is left over.
const REAP_WITHIN: Duration = Duration::from_secs(20);

/// The daemon may still be going when something was lost.
const AFTER_LOSS: Duration = Duration::from_secs(2);

/// When what is next.
#[derive(Default)]
pub struct Care {
    around: Mutex<Option<Instant>>,
    images: Mutex<Option<Instant>>,
}

impl Care {
    /// Something was lost: there may be remains.
    pub fn after_loss(&self) {
        let soon = Instant::now() + AFTER_LOSS;
        let mut next = self.around.lock();
        *next = Some(next.map_or(soon, |next| next.min(soon)));
    }
}

impl Inner {
    pub fn care_every(&self) -> Duration {
        let pool = &self.settings.pool;
        let least = pool.pause_after.min(pool.remove_after) / 4;
        least.clamp(Duration::from_millis(50), Duration::from_secs(1))
    }

    /// Looks for what a dead process left, when the daemon is first used.
    pub fn look_around_once(&self) {
        let mut next = self.care.around.lock();
        if next.is_none() {
            // By the keeper: no call waits for it.
            *next = Some(Instant::now());
            *self.care.images.lock() = Some(Instant::now() + FIRST_IMAGES);
        }
    }

    pub fn take_care(self: &Arc<Self>) {
        let now = Instant::now();
        let pool = &self.settings.pool;
        let sick = self.pool.sick(|warm| warm.is_lost());
        if !sick.is_empty() {
            self.lost.fetch_add(sick.len() as u64, Ordering::Relaxed);
            tracing::info!("{} containers were ended by somebody else", sick.len());
            self.care.after_loss();
        }
        drop(sick);
        if let Some(before) = now.checked_sub(pool.remove_after) {
            drop(self.pool.idle_since(before));
        }
        if let Some(before) = now.checked_sub(pool.pause_after) {
            for (lease, mut warm, since) in self.pool.to_pause(before) {
                match warm.pause() {
                    Ok(()) => lease.give_back_paused(warm, since),
                    Err(why) => {
                        self.lost.fetch_add(1, Ordering::Relaxed);
                        tracing::info!("container {} is given up: {why}", warm.name());
                    }
                }
            }
        }
        if is_due(&self.care.around, now, LOOK_AROUND) {
            self.reap();
        }
        if is_due(&self.care.images, now, LOOK_AT_IMAGES) {
            let inner = self.clone();
            // It takes a while; containers have to be looked after meanwhile.
            self.daemon.handle().spawn_blocking(move || inner.collect_images());
        }
    }

    /// As the keeper does now and then, if there can be anything.
    pub fn reap_if_used(&self) {
        if self.care.around.lock().is_some() {
            self.reap();
        }
    }

    fn reap(&self) {
        let reaped =
            self.daemon.wait(async { tokio::time::timeout(REAP_WITHIN, self.ours.reap()).await });
        match reaped {
            Ok(Ok(0)) => {}
            Ok(Ok(count)) => tracing::info!("removed {count} containers that nobody owned"),
            Ok(Err(error)) => {
                tracing::debug!("cannot look for leftovers: {error}");
                self.care.after_loss();
            }
            Err(_) => tracing::debug!("looking for leftovers takes too long: later again"),
        }
    }

    fn collect_images(&self) {
        // What containers use stays anyway, and what was made just now.
        match self.images.collect(&|_| false) {
            Ok(collected) => tracing::debug!(?collected, "images that nobody uses are removed"),
            Err(error) => tracing::debug!("cannot remove images: {error}"),
        }
    }
}

/// Whether something is due, which is then due again after a while. Nothing is before the
/// daemon was first used.
fn is_due(next: &Mutex<Option<Instant>>, now: Instant, every: Duration) -> bool {
    let mut next = next.lock();
    match *next {
        Some(at) if at <= now => {
            *next = Some(now + every);
            true
        }
        _ => false,
    }
}
