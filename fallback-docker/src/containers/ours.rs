//! Which containers are this process's, and the removal of those that no longer are anybody's.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bollard::query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder};
use futures_util::StreamExt;
use parking_lot::{Condvar, Mutex};

use crate::daemon::{Daemon, DaemonError};

/// For one removal. What takes longer is found by the next look around.
const REMOVE_WITHIN: Duration = Duration::from_secs(30);

/// Leftovers removed at a time.
const AT_ONCE: usize = 8;

/// The containers of this process, by name: from before they are made until they are removed.
pub struct Ours {
    daemon: Arc<Daemon>,
    owner: String,
    /// Of this process, and no other's ever.
    process: String,
    last: AtomicU64,
    names: Mutex<HashSet<String>>,
    removals: Mutex<usize>,
    removed: Condvar,
}

impl Ours {
    pub fn new(daemon: Arc<Daemon>, owner: &str) -> Arc<Self> {
        Arc::new(Self {
            daemon,
            owner: owner.to_owned(),
            process: random_name(),
            last: AtomicU64::new(0),
            names: Mutex::default(),
            removals: Mutex::default(),
            removed: Condvar::new(),
        })
    }

    /// A name that no container has, and that counts as ours from now on.
    pub fn new_name(&self) -> String {
        let number = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let name = format!("mecapy-{}-{number}", self.process);
        self.names.lock().insert(name.clone());
        name
    }

    pub fn labels(&self, tenant: &str, recipe: &model::image::Recipe) -> HashMap<String, String> {
        let tenant = blake3::hash(tenant.as_bytes()).to_hex();
        let label = |name: &str, value: &str| (format!("mecapy.{name}"), value.to_owned());
        HashMap::from([
            label("owner", &self.owner),
            label("process", &self.process),
            label("tenant", &tenant[..16]),
            label("name", &recipe.name),
            label("version", &recipe.version),
        ])
    }

    /// Removes a container, alive or dead, without waiting for it.
    pub fn remove(self: &Arc<Self>, name: String) {
        *self.removals.lock() += 1;
        let ours = self.clone();
        self.daemon.handle().spawn(async move {
            match tokio::time::timeout(REMOVE_WITHIN, ours.remove_now(&name)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!("container {name} stays for now: {error}"),
                Err(_) => tracing::warn!("container {name} cannot be removed in time"),
            }
            // What is still there is a leftover from now on.
            ours.names.lock().remove(&name);
            *ours.removals.lock() -= 1;
            ours.removed.notify_all();
        });
    }

    /// Waits until what is being removed is gone; says whether it is.
    pub fn wait_removed(&self, within: Duration) -> bool {
        let until = Instant::now() + within;
        let mut removals = self.removals.lock();
        while *removals > 0 {
            if self.removed.wait_until(&mut removals, until).timed_out() {
                return *removals == 0;
            }
        }
        true
    }

    /// Removes what bears our owner's name and is not of this process: a dead one left it; or
    /// is, but nobody knows it: its removal failed. Answers how many.
    pub async fn reap(&self) -> Result<usize, DaemonError> {
        let docker = self.daemon.docker().await?;
        // What is built from images of ours has their labels, but not that of a process.
        let labels = vec![format!("mecapy.owner={}", self.owner), "mecapy.process".to_owned()];
        let filters = HashMap::from([("label", labels)]);
        let options = ListContainersOptionsBuilder::new().all(true).filters(&filters).build();
        let found = docker.list_containers(Some(options)).await?;
        let dead: Vec<String> = {
            let names = self.names.lock();
            found
                .into_iter()
                .filter(|container| {
                    let mut called = container.names.iter().flatten();
                    !called.any(|name| names.contains(name.trim_start_matches('/')))
                })
                .filter_map(|container| container.id)
                .collect()
        };
        let removals = dead.iter().map(|id| self.remove_now(id));
        let removed = futures_util::stream::iter(removals).buffer_unordered(AT_ONCE);
        let removed: Vec<_> = removed.collect().await;
        for error in removed.iter().filter_map(|removed| removed.as_ref().err()) {
            tracing::warn!("a container that nobody owns any more stays for now: {error}");
        }
        Ok(removed.iter().filter(|removed| removed.is_ok()).count())
    }

    async fn remove_now(&self, name: &str) -> Result<(), DaemonError> {
        let docker = self.daemon.docker().await?;
        let options = RemoveContainerOptionsBuilder::new().force(true).v(true).build();
        match docker.remove_container(name, Some(options)).await.map_err(DaemonError::from) {
            // It is gone, or somebody else is at it.
            Ok(()) | Err(DaemonError::Missing(_) | DaemonError::Conflict(_)) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Twelve letters that no other process has.
fn random_name() -> String {
    // Keyed at random, differently for each process and instance.
    use std::hash::{BuildHasher, Hasher};
    let mut hash = blake3::Hasher::new();
    for _ in 0..4 {
        let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
        hash.update(&random.to_le_bytes());
    }
    hash.update(&std::process::id().to_le_bytes());
    hash.finalize().to_hex()[..12].to_owned()
}
