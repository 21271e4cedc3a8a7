//! The worker within the server: what it is made of, what it is asked, and its stop. How a
//! call is run is `carry`'s and `running`'s, how the queue is worked off `taking`'s.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::task::Event as TaskEvent;
use model::{CancelToken, Executor};
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use super::inline::{self, Inline, InlineError};
use super::queue::{DatabaseQueue, Queue};
use super::signals::Signals;
use super::single::Flights;
use super::submission::Submission;
use super::wait::Ended;
use crate::app::Engines;
use crate::blobs::Blobs;
use crate::catalog::Catalog;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::identity::Meter;
use crate::problem::Problem;
use crate::store::{Account, Class, FunctionName, NewTask, Store, StoreError, Task, Tenant};
use crate::worker::gate::Gate;
use crate::worker::gated::Gated;
use crate::worker::places::Places;
use crate::worker::pool::{Pool, Spawn};

const HISTORY_REMEMBERED: Duration = Duration::from_secs(10);
const OWNERS_REMEMBERED: Duration = Duration::from_secs(2);

/// What the dispatcher is made of.
pub struct Wiring {
    pub config: Arc<Config>,
    pub clock: SharedClock,
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub engines: Engines,
    pub catalog: Arc<Catalog>,
    pub signals: Arc<Signals>,
    pub meter: Arc<Meter>,
    pub spawn: Arc<Spawn>,
    pub worker: String,
}

pub struct Dispatcher {
    pub(super) config: Arc<Config>,
    pub(super) clock: SharedClock,
    pub(super) store: Arc<dyn Store>,
    pub(super) blobs: Arc<dyn Blobs>,
    pub(super) engines: Engines,
    pub(super) catalog: Arc<Catalog>,
    pub(super) signals: Arc<Signals>,
    pub(super) queue: Arc<dyn Queue>,
    pub(super) worker: String,
    /// 95th percentile and count of a function's recent runs.
    pub(super) history: moka::sync::Cache<(String, FunctionName), (f64, u32)>,
    pub(super) gate: Arc<Gate>,
    pub(super) places: Arc<Places>,
    pub(super) pool: Pool,
    pub(super) flights: Arc<Flights>,
    pub(super) inline: moka::sync::Cache<[u8; 32], Arc<Inline>>,
    /// Inline codes that are checked at a time.
    pub(super) checks: tokio::sync::Semaphore,
    pub(super) live: Mutex<HashMap<Uuid, Live>>,
    pub(super) meter: Arc<Meter>,
    /// Accounts with their tenants, for their quotas.
    pub(super) owners: moka::future::Cache<Uuid, Arc<(Tenant, Account)>>,
    /// Tenants with as many calls under way as may be, and until when they are passed over.
    pub(super) full: Mutex<HashMap<String, Instant>>,
    /// Rung when a task of this process has ended.
    pub(super) idle: Notify,
    pub(super) stopping: AtomicBool,
    /// Held while a task is taken up.
    pub(super) taking: tokio::sync::Mutex<()>,
}

/// A task that this process runs.
#[derive(Clone)]
pub(super) struct Live {
    pub(super) cancel: CancelToken,
    /// It is stopped because the server stops: another worker is to have it.
    pub(super) handed_back: Arc<AtomicBool>,
}

/// A task among those of this process, until this is dropped.
pub(super) struct Entered {
    dispatcher: Arc<Dispatcher>,
    id: Uuid,
    pub(super) live: Live,
}

impl Drop for Entered {
    fn drop(&mut self) {
        // Queued and taken up again meanwhile, the task is entered anew.
        let mut live = self.dispatcher.live.lock();
        let is_this = |other: &Live| Arc::ptr_eq(&other.handed_back, &self.live.handed_back);
        if live.get(&self.id).is_some_and(is_this) {
            live.remove(&self.id);
        }
        drop(live);
        self.dispatcher.idle.notify_waiters();
    }
}

/// How far a call came while its caller waited.
pub enum Progress {
    Ended(Box<Ended>),
    UnderWay(Box<Task>),
}

impl Dispatcher {
    pub fn start(wiring: Wiring) -> std::io::Result<Arc<Self>> {
        let Wiring { config, clock, store, blobs, engines, catalog, signals, meter, spawn, worker } =
            wiring;
        let settings = &config.worker;
        Ok(Arc::new(Self {
            queue: Arc::new(DatabaseQueue::new(store.clone(), clock.clone())),
            history: moka::sync::Cache::builder()
                .max_capacity(10_000)
                .time_to_live(HISTORY_REMEMBERED)
                .build(),
            gate: Gate::new(settings.slots, settings.slice),
            places: Places::new(settings.threads, settings.slots, settings.long_running_share),
            pool: Pool::start(settings.threads, &*spawn)?,
            flights: Arc::default(),
            inline: moka::sync::Cache::builder()
                .max_capacity(64 * 1024)
                .weigher(|_, inline: &Arc<Inline>| (inline.callable.bytes / 1024) as u32)
                .build(),
            checks: tokio::sync::Semaphore::new(settings.threads),
            live: Mutex::default(),
            idle: Notify::new(),
            stopping: AtomicBool::new(false),
            taking: tokio::sync::Mutex::default(),
            owners: moka::future::Cache::builder()
                .max_capacity(10_000)
                .time_to_live(OWNERS_REMEMBERED)
                .build(),
            full: Mutex::default(),
            config,
            clock,
            store,
            blobs,
            engines,
            catalog,
            signals,
            meter,
            worker,
        }))
    }

    /// Slots that compute, slots, calls that wait for a turn, calls under way.
    pub fn usage(&self) -> (usize, usize, usize, usize) {
        let (computing, waiting) = self.gate.usage();
        (computing, self.gate.slots(), waiting, self.places.in_use())
    }

    pub fn gated(&self) -> Gated {
        Gated { inner: self.engines.sandbox.clone(), gate: self.gate.clone() }
    }

    /// Checks inline code and makes it callable; what was checked lately is remembered.
    pub async fn inline(
        self: &Arc<Self>,
        name: &str,
        code: &str,
    ) -> Result<Arc<Inline>, InlineError> {
        let key = crate::hash::sha256(&[name.as_bytes(), code.as_bytes()]);
        if let Some(known) = self.inline.get(&key) {
            return Ok(known);
        }
        let place = tokio::time::timeout(inline::IMPORT_WITHIN, self.checks.acquire()).await;
        let Ok(Ok(_place)) = place else { return Err(InlineError::Busy) };
        let (executor, name, code) = (self.gated(), name.to_owned(), code.to_owned());
        let cancel = CancelToken::new();
        let stop = cancel.clone();
        let mut checking =
            tokio::task::spawn_blocking(move || inline::prepare(&executor, &name, &code, cancel));
        let checked = match tokio::time::timeout(inline::IMPORT_WITHIN, &mut checking).await {
            Ok(checked) => checked,
            Err(_) => {
                stop.cancel();
                checking.await
            }
        };
        let prepared =
            checked.unwrap_or_else(|error| Err(InlineError::Engine(error.to_string())))?;
        let prepared = Arc::new(prepared);
        self.inline.insert(key, prepared.clone());
        Ok(prepared)
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(super) fn check_running(&self) -> Result<(), Problem> {
        if self.is_stopping() {
            return Err(Problem::unavailable("the server is stopping; try another or try again"));
        }
        Ok(())
    }

    /// Stores a task, to be run when somebody says so.
    pub async fn create(&self, submission: Submission) -> Result<Task, Problem> {
        let id = submission.new.task.id;
        let tenant = submission.new.task.tenant.clone();
        self.store.create_tasks(vec![submission.new], u64::MAX).await?;
        Ok(self.store.task(&tenant, None, id).await?)
    }

    /// Stores tasks that wait for a worker.
    pub async fn enqueue(&self, submissions: Vec<Submission>) -> Result<(), Problem> {
        self.check_running()?;
        let mut classes: Vec<Class> = Vec::new();
        let mut tasks = Vec::new();
        for submission in submissions {
            classes.push(submission.new.task.class);
            tasks.push(self.queued(submission.new)?);
        }
        self.store_queued(tasks).await?;
        classes.sort();
        classes.dedup();
        classes.into_iter().for_each(|class| self.queue.offer(class));
        Ok(())
    }

    pub(super) fn queued(&self, mut new: NewTask) -> Result<NewTask, Problem> {
        let now = self.clock.now();
        new.task.life = new
            .task
            .life
            .after(&TaskEvent::Enqueue, now.into())
            .map_err(|refused| Problem::conflict(refused.to_string()))?;
        new.task.queued_at = Some(now);
        Ok(new)
    }

    pub(super) async fn store_queued(&self, tasks: Vec<NewTask>) -> Result<(), Problem> {
        let most = self.config.limits.queue_length as u64;
        self.store.create_tasks(tasks, most).await.map_err(|error| match error {
            StoreError::Conflict(message) => Problem::too_many(message, 5),
            error => error.into(),
        })
    }

    /// Runs a task that was created before, when a worker has a place for it.
    pub async fn enqueue_created(&self, tenant: &str, id: Uuid) -> Result<Task, StoreError> {
        let most = self.config.limits.queue_length as u64;
        let task = self.store.enqueue(tenant, id, most, self.clock.now()).await?;
        self.queue.offer(task.class);
        self.signals.ring(id);
        Ok(task)
    }

    pub(super) fn enter(self: &Arc<Self>, id: Uuid) -> Entered {
        let live = Live { cancel: CancelToken::new(), handed_back: Arc::default() };
        self.live.lock().insert(id, live.clone());
        Entered { dispatcher: self.clone(), id, live }
    }

    /// Whether this process has the task, if only for a moment yet.
    pub fn is_live(&self, id: Uuid) -> bool {
        self.live.lock().contains_key(&id)
    }

    /// Tasks that this process has.
    pub(super) fn held(&self) -> Vec<Uuid> {
        self.live.lock().keys().copied().collect()
    }

    /// Stops runs of this process.
    pub(super) fn stop_runs(&self, ids: &[Uuid]) {
        let live = self.live.lock();
        ids.iter().filter_map(|id| live.get(id)).for_each(|live| live.cancel.cancel());
    }

    pub async fn cancel(&self, tenant: &str, id: Uuid) -> Result<Task, StoreError> {
        let task = self.store.cancel(tenant, id, self.clock.now()).await?;
        self.stop_runs(&[id]);
        self.signals.ring(id);
        Ok(task)
    }

    /// Takes nothing up any more, lets what runs finish for a while, and hands the rest back.
    /// Says whether nothing is left.
    pub async fn stop(&self, grace: Duration) -> bool {
        self.stopping.store(true, Ordering::Release);
        self.signals.ring_all();
        // What is being taken up is entered then; nothing is taken up after that.
        drop(self.taking.lock().await);
        if tokio::time::timeout(grace, self.all_left()).await.is_ok() {
            return true;
        }
        for live in self.live.lock().values() {
            live.handed_back.store(true, Ordering::Release);
            live.cancel.cancel();
        }
        // A run stops within 100 ms; recording it takes as long as the database does.
        let all_left = tokio::time::timeout(Duration::from_secs(5), self.all_left()).await.is_ok();
        if !all_left {
            let left = self.live.lock().len();
            tracing::warn!(left, "tasks were not handed back in time; their leases will end");
        }
        all_left
    }

    pub(super) async fn all_left(&self) {
        loop {
            let notified = self.idle.notified();
            if self.live.lock().is_empty() {
                return;
            }
            notified.await;
        }
    }
}

/// The executor that deploys try functions with.
pub fn executor(dispatcher: &Dispatcher) -> Arc<dyn Executor> {
    Arc::new(dispatcher.gated())
}
