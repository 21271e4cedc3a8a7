//! The worker within the server: takes tasks up, runs them, records how they ended.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::task::{Event as TaskEvent, TaskState};
use model::{CancelToken, Engine, ErrorKind, Executor};
use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};
use uuid::Uuid;

use super::inline::{self, Inline, InlineError};
use super::queue::{DatabaseQueue, Queue};
use super::recording::{ended, read_document};
use super::signals::Signals;
use super::single::{Flight, Flights, Leader, over};
use super::submission::{Submission, Target};
use super::wait::Ended;
use crate::app::Engines;
use crate::blobs::{BlobKey, Blobs};
use crate::callable::Callable;
use crate::catalog::Catalog;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::identity::{Held, Meter};
use crate::problem::Problem;
use crate::store::{
    Account, Class, Finished, FunctionName, NewEvent, NewTask, Store, StoreError, Task, Tenant,
    VersionQuery,
};
use crate::worker::gate::Gate;
use crate::worker::gated::Gated;
use crate::worker::places::{Place, Places, Purpose};
use crate::worker::pool::{Pool, Spawn};
use crate::worker::sink::Sink;
use crate::worker::{self, Ran, Run};

/// A call that ends sooner is written once, when it has ended.
const EARLY: Duration = Duration::from_millis(20);
/// How long a caller waits for a place before its call is queued.
const IN_LINE: Duration = Duration::from_millis(250);
/// How often what a running call says is written.
const FLUSH_EVERY: Duration = Duration::from_millis(100);
const HISTORY_REMEMBERED: Duration = Duration::from_secs(10);
const OWNERS_REMEMBERED: Duration = Duration::from_secs(2);
/// How long a tenant is passed over whose quota of calls at a time is used up.
const PASSED_OVER: Duration = Duration::from_millis(200);

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
    gate: Arc<Gate>,
    places: Arc<Places>,
    pool: Pool,
    flights: Arc<Flights>,
    inline: moka::sync::Cache<[u8; 32], Arc<Inline>>,
    /// Inline codes that are checked at a time.
    checks: tokio::sync::Semaphore,
    live: Mutex<HashMap<Uuid, Live>>,
    meter: Arc<Meter>,
    /// Accounts with their tenants, for their quotas.
    owners: moka::future::Cache<Uuid, Arc<(Tenant, Account)>>,
    /// Tenants with as many calls under way as may be, and until when they are passed over.
    full: Mutex<HashMap<String, Instant>>,
    /// Rung when a task of this process has ended.
    idle: Notify,
    stopping: AtomicBool,
    /// Held while a task is taken up.
    taking: tokio::sync::Mutex<()>,
}

/// A task that this process runs.
#[derive(Clone)]
struct Live {
    cancel: CancelToken,
    /// It is stopped because the server stops: another worker is to have it.
    handed_back: Arc<AtomicBool>,
}

/// A task among those of this process, until this is dropped.
pub(super) struct Entered {
    dispatcher: Arc<Dispatcher>,
    id: Uuid,
    live: Live,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.dispatcher.live.lock().remove(&self.id);
        self.dispatcher.idle.notify_waiters();
    }
}

/// How far a call came while its caller waited.
pub enum Progress {
    Ended(Box<Ended>),
    UnderWay(Box<Task>),
}

enum Carried {
    Ended(Box<Ended>),
    /// It waits for a worker.
    Queued,
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

    fn check_running(&self) -> Result<(), Problem> {
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

    fn queued(&self, mut new: NewTask) -> Result<NewTask, Problem> {
        let now = self.clock.now();
        new.task.life = new
            .task
            .life
            .after(&TaskEvent::Enqueue, now.into())
            .map_err(|refused| Problem::conflict(refused.to_string()))?;
        new.task.queued_at = Some(now);
        Ok(new)
    }

    async fn store_queued(&self, tasks: Vec<NewTask>) -> Result<(), Problem> {
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

    /// Runs a call while its caller waits: right here if there is a place, else through the
    /// queue. The call goes on when the caller stops waiting.
    pub async fn run(
        self: &Arc<Self>,
        submission: Submission,
        wait: Duration,
        held: Option<Held>,
    ) -> Result<Progress, Problem> {
        let (id, tenant) = (submission.new.task.id, submission.new.task.tenant.clone());
        let entered = self.enter(id);
        // Looked at after it is entered: a stop waits for all that are.
        self.check_running()?;
        let until = tokio::time::Instant::now() + wait;
        let (stored, was_stored) = oneshot::channel();
        // A task of its own, which nothing stops when the caller goes.
        let carried = tokio::spawn(self.clone().carry(submission, held, stored, entered));
        let lost = |error: tokio::task::JoinError| Problem::internal(&error);
        tokio::pin!(carried);
        let carried = match tokio::time::timeout_at(until, &mut carried).await {
            Ok(carried) => carried.map_err(lost)??,
            // What is answered with an id has to be there when it is asked for.
            Err(_) => match was_stored.await {
                Ok(task) => return Ok(Progress::UnderWay(task)),
                Err(_) => (&mut carried).await.map_err(lost)??,
            },
        };
        match carried {
            Carried::Ended(ended) => Ok(Progress::Ended(ended)),
            Carried::Queued => {
                let left = until.saturating_duration_since(tokio::time::Instant::now());
                self.wait_for(&tenant, id, left).await
            }
        }
    }

    async fn carry(
        self: Arc<Self>,
        mut submission: Submission,
        held: Option<Held>,
        stored: oneshot::Sender<Box<Task>>,
        entered: Entered,
    ) -> Result<Carried, Problem> {
        let _leader = match submission.new.task.cache_key {
            None => None,
            Some(key) => match self.cached_or_first(&submission.new.task.tenant, key).await? {
                Ok(ended) => {
                    return Ok(Carried::Ended(self.record_cached(submission, ended).await?));
                }
                Err(leader) => Some(leader),
            },
        };
        let Some(place) = self.places.take_in_line(IN_LINE).await else {
            // It counts as under way again when it is taken up.
            drop(held);
            let new = self.queued(submission.new)?;
            let (task, class) = (new.task.clone(), new.task.class);
            self.store_queued(vec![new]).await?;
            self.queue.offer(class);
            let _ = stored.send(Box::new(task));
            return Ok(Carried::Queued);
        };
        let task = &mut submission.new.task;
        let id = task.id;
        let now = self.clock.now();
        let until = now.after(self.config.worker.lease);
        let start = TaskEvent::Start { worker: self.worker.clone(), until: until.into() };
        task.life = task
            .life
            .after(&start, now.into())
            .map_err(|refused| Problem::conflict(refused.to_string()))?;
        task.started_at = Some(now);
        task.worker = Some(self.worker.clone());
        let fence = task.life.fence;

        let live = &entered.live;
        let sink = Arc::new(Sink::new(self.clock.clone()));
        let files = submission.new.payload.files.clone();
        let mut ran = self.begin(
            place,
            task,
            submission.callable.clone(),
            submission.inputs,
            files,
            live.cancel.clone(),
            sink.clone(),
        );
        let early = tokio::time::timeout(EARLY, &mut ran).await;
        if let Ok(ran) = early {
            let ran = ran.unwrap_or_else(|_| lost());
            return match self.record_at_once(&submission.new, &ran, &sink).await {
                Ok(Some(ended)) => Ok(Carried::Ended(ended)),
                // To be tried again: it gets a row first.
                Ok(None) => self.record_later(submission.new, ran, &sink, live).await,
                Err(problem) => Err(problem),
            };
        }
        let running = submission.new.task.clone();
        self.store_running(submission.new, live).await?;
        let _ = stored.send(Box::new(running.clone()));
        let ran = self.follow(ran, id, fence, &sink).await;
        self.carried(running, ran, &sink, live).await
    }

    async fn record_later(
        &self,
        new: NewTask,
        ran: Ran,
        sink: &Sink,
        live: &Live,
    ) -> Result<Carried, Problem> {
        let running = new.task.clone();
        self.store_running(new, live).await?;
        self.carried(running, ran, sink, live).await
    }

    async fn carried(
        &self,
        running: Task,
        ran: Ran,
        sink: &Sink,
        live: &Live,
    ) -> Result<Carried, Problem> {
        let (id, fence) = (running.id, running.life.fence);
        match self.finish(id, fence, ran, sink, live).await {
            Some(task) if task.life.state.is_final() => Ok(Carried::Ended(self.shown(task).await?)),
            // It is tried again, or another has it.
            _ => Ok(Carried::Queued),
        }
    }

    /// Stores the row of a task that runs already; if that fails, the run is stopped.
    async fn store_running(&self, new: NewTask, live: &Live) -> Result<(), Problem> {
        let stored = self.store.create_tasks(vec![new], u64::MAX).await;
        if stored.is_err() {
            live.cancel.cancel();
        }
        Ok(stored?)
    }

    /// The result of the same call before; or nothing, and this is the one that runs.
    async fn cached_or_first(
        &self,
        tenant: &str,
        key: [u8; 32],
    ) -> Result<Result<Box<Ended>, Leader>, StoreError> {
        loop {
            if let Some(found) = self.cached(tenant, &key).await? {
                return Ok(Ok(found));
            }
            match self.flights.join(tenant, key) {
                Flight::First(leader) => {
                    // Between the look and the joining the one before may have ended.
                    return Ok(match self.cached(tenant, &key).await? {
                        Some(found) => Ok(found),
                        None => Err(leader),
                    });
                }
                Flight::Later(receiver) => over(receiver).await,
            }
        }
    }

    async fn cached(&self, tenant: &str, key: &[u8; 32]) -> Result<Option<Box<Ended>>, StoreError> {
        let Some(id) = self.store.cached(tenant, key).await? else { return Ok(None) };
        let task = match self.store.task(tenant, None, id).await {
            Ok(task) => task,
            Err(StoreError::NotFound) => return Ok(None),
            Err(error) => return Err(error),
        };
        match self.shown(task).await {
            Ok(ended) if ended.task.life.state == TaskState::Completed => Ok(Some(ended)),
            _ => Ok(None),
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn begin(
        &self,
        place: Place,
        task: &Task,
        callable: Arc<Callable>,
        inputs: serde_json::Map<String, serde_json::Value>,
        files: Vec<(String, BlobKey)>,
        cancel: CancelToken,
        sink: Arc<Sink>,
    ) -> oneshot::Receiver<Ran> {
        let executor = match (callable.engine, &self.engines.docker) {
            (Engine::Docker, Some(docker)) => docker.clone(),
            _ => self.engines.sandbox.clone(),
        };
        let timeout = Duration::from_millis(task.timeout_ms);
        let deterministic = task.deterministic;
        let run = Run { callable, inputs, files, timeout, deterministic, cancel, sink };
        worker::start(&self.pool, &self.gate, executor, self.blobs.clone(), place, run)
    }

    /// Waits for a run, and writes what it says meanwhile.
    async fn follow(
        &self,
        mut ran: oneshot::Receiver<Ran>,
        id: Uuid,
        fence: u64,
        sink: &Sink,
    ) -> Ran {
        loop {
            tokio::select! {
                ran = &mut ran => return ran.unwrap_or_else(|_| lost()),
                () = sink.changed.notified() => {}
            }
            if let Ok(ran) = tokio::time::timeout(FLUSH_EVERY, &mut ran).await {
                return ran.unwrap_or_else(|_| lost());
            }
            let events: Vec<NewEvent> = sink.take();
            if events.is_empty() {
                continue;
            }
            match self.store.append_events(id, fence, events.clone()).await {
                Ok(()) => self.signals.ring(id),
                Err(StoreError::Full | StoreError::Unavailable(_)) => sink.put_back(events),
                // The task is another's, or over: nobody is to hear of this run any more.
                Err(error) => tracing::debug!(%id, %error, "events of a run were dropped"),
            }
        }
    }

    /// Records how a run ended. Nothing if the task was no longer this worker's.
    ///
    /// What a database or an object store without space or answer refuses is tried again: a
    /// result is not thrown away while its lease is held.
    async fn finish(
        &self,
        id: Uuid,
        fence: u64,
        ran: Ran,
        sink: &Sink,
        live: &Live,
    ) -> Option<Task> {
        let mut wait = Duration::from_millis(50);
        let events = sink.take();
        let finished = loop {
            match self.record(id, fence, &ran, events.clone(), live).await {
                Ok(task) => break Some(task),
                Err(error) if error.is_passing() => {
                    crate::gc::suspect();
                    tracing::warn!(%id, %error, "a result could not be stored; trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(5));
                }
                Err(error) => {
                    crate::gc::suspect();
                    tracing::info!(%id, %error, "a run ended that was no longer wanted");
                    break None;
                }
            }
        };
        self.signals.ring(id);
        if let Some(task) = &finished {
            count(task);
            if task.life.state == TaskState::Queued {
                self.queue.offer(task.class);
            }
        }
        finished
    }

    async fn record(
        &self,
        id: Uuid,
        fence: u64,
        ran: &Ran,
        events: Vec<NewEvent>,
        live: &Live,
    ) -> Result<Task, RecordError> {
        let was_stopped =
            matches!(&ran.result, Err(failure) if failure.kind == ErrorKind::Cancelled);
        if was_stopped && live.handed_back.load(Ordering::Acquire) {
            return Ok(self.store.hand_back(id, fence, self.clock.now()).await?);
        }
        let finished = Finished {
            fence,
            failure: ran.result.as_ref().err().cloned(),
            usage: ran.usage.clone(),
            warnings: ran.warnings.clone(),
            cached: false,
            ended: ended(&self.blobs, ran).await?,
            events,
            chance: chance(),
            now: self.clock.now(),
        };
        Ok(self.store.finish(id, finished).await?)
    }

    /// Takes a queued task up. It is running and leased to this worker already.
    pub(super) async fn run_claimed(self: Arc<Self>, task: Task, place: Place, entered: Entered) {
        let (id, fence) = (task.id, task.life.fence);
        let held = match self.owner(&task).await {
            Ok(owner) => self.meter.hold(&owner.0, &owner.1),
            // A deleted account's task is run: it was accepted. So is one whose quotas do not
            // answer: it is taken up already.
            Err(error) => {
                tracing::debug!(%id, %error, "the quotas of a task's account are not known");
                self.meter.hold_nothing()
            }
        };
        let Some(_held) = held else {
            let until = Instant::now() + PASSED_OVER;
            self.full.lock().insert(task.tenant.clone(), until);
            if let Err(error) = self.store.hand_back(id, fence, self.clock.now()).await {
                tracing::warn!(%id, %error, "a task was not handed back; its lease will end");
            }
            return;
        };
        let live = &entered.live;
        let sink = Arc::new(Sink::new(self.clock.clone()));
        self.signals.ring(id);
        let mut leader = None;
        if let Some(key) = task.cache_key {
            match self.cached_or_first(&task.tenant, key).await {
                Ok(Ok(found)) => {
                    self.finish_cached(&task, *found).await;
                    return;
                }
                Ok(Err(first)) => leader = Some(first),
                Err(error) => tracing::warn!(%id, %error, "the result cache did not answer"),
            }
        }
        let ran = match self.load(&task).await {
            Ok((callable, inputs, files)) => {
                let cancel = live.cancel.clone();
                let ran = self.begin(place, &task, callable, inputs, files, cancel, sink.clone());
                self.follow(ran, id, fence, &sink).await
            }
            Err(ran) => {
                drop(place);
                ran
            }
        };
        self.finish(id, fence, ran, &sink, live).await;
        drop(leader);
    }

    async fn owner(&self, task: &Task) -> Result<Arc<(Tenant, Account)>, Arc<StoreError>> {
        let look_up = async {
            let tenant = self.store.tenant(&task.tenant).await?;
            let account = self.store.account(&task.tenant, task.owner).await?;
            Ok::<_, StoreError>(Arc::new((tenant, account)))
        };
        self.owners.try_get_with(task.owner, look_up).await
    }

    /// Tenants that have to wait until some of their calls have ended.
    fn passed_over(&self) -> Vec<String> {
        let mut full = self.full.lock();
        let now = Instant::now();
        full.retain(|_, until| now < *until);
        full.keys().cloned().collect()
    }

    /// What a queued task is to run.
    async fn load(
        self: &Arc<Self>,
        task: &Task,
    ) -> Result<
        (Arc<Callable>, serde_json::Map<String, serde_json::Value>, Vec<(String, BlobKey)>),
        Ran,
    > {
        let ours = |error: &dyn std::fmt::Display| {
            tracing::error!(id = %task.id, %error, "a task could not be loaded");
            Ran::failed(ErrorKind::Internal, "the task could not be loaded")
        };
        let payload = self.store.payload(task.id).await.map_err(|error| ours(&error))?;
        let text =
            read_document(&self.blobs, payload.inputs).await.map_err(|error| ours(&error))?;
        let inputs = match model::json::parse(&text) {
            Ok(serde_json::Value::Object(inputs)) => inputs,
            _ => return Err(ours(&"its inputs are not an object")),
        };
        let callable = match (&task.function, payload.code) {
            (Some(name), _) => {
                let Ok(version) = task.version.parse() else {
                    return Err(ours(&"its version is not one"));
                };
                let found = self.catalog.find(name, &VersionQuery::Exact(version)).await;
                let Some(function) = found.map_err(|error| ours(&error))? else {
                    let message = format!("{} {} was deleted", name.id, task.version);
                    return Err(Ran::failed(ErrorKind::InvalidPackage, message));
                };
                self.catalog.callable(&function).await.map_err(|error| ours(&error))?
            }
            (None, Some(code)) => {
                let code = read_document(&self.blobs, code).await.map_err(|error| ours(&error))?;
                let name = task.name.as_deref().unwrap_or("inline");
                self.inline(name, &code).await.map_err(|error| ours(&error))?.callable.clone()
            }
            (None, None) => return Err(ours(&"it has neither function nor code")),
        };
        Ok((callable, inputs, payload.files))
    }

    fn enter(self: &Arc<Self>, id: Uuid) -> Entered {
        let live = Live { cancel: CancelToken::new(), handed_back: Arc::default() };
        self.live.lock().insert(id, live.clone());
        Entered { dispatcher: self.clone(), id, live }
    }

    /// Whether this process has the task, if only for a moment yet.
    pub fn is_live(&self, id: Uuid) -> bool {
        self.live.lock().contains_key(&id)
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

    /// Takes queued tasks up until the server stops.
    pub async fn take_up(self: Arc<Self>) {
        let mut taken = 0;
        loop {
            if self.is_stopping() {
                return;
            }
            let (took, had_no_place) = self.take_one(taken).await;
            if took {
                taken += 1;
                continue;
            }
            if had_no_place {
                tokio::select! {
                    () = self.places.freed() => {}
                    () = self.queue.wait() => {}
                }
            } else {
                self.queue.wait().await;
            }
        }
    }

    async fn take_one(self: &Arc<Self>, taken: u64) -> (bool, bool) {
        // Mostly the urgent first; now and then the others, so that they are never starved.
        use Class::{Default, HighPriority, LongRunning};
        let order = match taken % 8 {
            3 | 5 => [Default, HighPriority, LongRunning],
            7 => [LongRunning, Default, HighPriority],
            _ => [HighPriority, Default, LongRunning],
        };
        let mut had_no_place = false;
        for class in order {
            let Some(place) = self.places.try_take(Purpose::Queued(class)) else {
                had_no_place = true;
                continue;
            };
            let until = self.clock.now().after(self.config.worker.lease);
            let without = self.passed_over();
            let taking = self.taking.lock().await;
            if self.is_stopping() {
                place.give_back();
                return (false, true);
            }
            match self.queue.take(class, &without, &self.worker, until).await {
                Ok(Some(task)) => {
                    let entered = self.enter(task.id);
                    drop(taking);
                    tokio::spawn(self.clone().run_claimed(task, place, entered));
                    return (true, had_no_place);
                }
                Ok(None) => place.give_back(),
                Err(error) => {
                    place.give_back();
                    tracing::warn!(%error, "the queue does not answer");
                    tokio::time::sleep(Duration::from_millis(200)).await;
                }
            }
        }
        (false, had_no_place)
    }

    /// Takes nothing up any more, lets what runs finish for a while, and hands the rest back.
    pub async fn stop(&self, grace: Duration) {
        self.stopping.store(true, Ordering::Release);
        self.signals.ring_all();
        // What is being taken up is entered then; nothing is taken up after that.
        drop(self.taking.lock().await);
        if tokio::time::timeout(grace, self.all_left()).await.is_ok() {
            return;
        }
        for live in self.live.lock().values() {
            live.handed_back.store(true, Ordering::Release);
            live.cancel.cancel();
        }
        // A run stops within 100 ms; recording it takes as long as the database does.
        if tokio::time::timeout(Duration::from_secs(5), self.all_left()).await.is_err() {
            let left = self.live.lock().len();
            tracing::warn!(left, "tasks were not handed back in time; their leases will end");
        }
    }

    async fn all_left(&self) {
        loop {
            let notified = self.idle.notified();
            if self.live.lock().is_empty() {
                return;
            }
            notified.await;
        }
    }

    /// The target that a stored task calls: its function in its very version, or its code.
    pub async fn target_of(self: &Arc<Self>, task: &Task) -> Result<Target, Problem> {
        match &task.function {
            Some(name) => {
                let version = task
                    .version
                    .parse()
                    .map_err(|_| Problem::internal(&"a task's version is not one"))?;
                let found = self.catalog.find(name, &VersionQuery::Exact(version)).await?;
                let gone = || Problem::gone(format!("{} {} was deleted", name.id, task.version));
                let function = found.ok_or_else(gone)?;
                let callable = self.catalog.callable(&function).await?;
                Ok(Target::Function(function, callable))
            }
            None => {
                let payload = self.store.payload(task.id).await?;
                let code = payload
                    .code
                    .ok_or_else(|| Problem::internal(&"a task has neither function nor code"))?;
                let code = read_document(&self.blobs, code).await?;
                let name = task.name.as_deref().unwrap_or("inline");
                Ok(Target::Inline(self.inline(name, &code).await?))
            }
        }
    }
}

/// Why a result could not be recorded.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] crate::blobs::BlobError),
}

impl RecordError {
    /// Whether it may be otherwise in a moment.
    fn is_passing(&self) -> bool {
        use crate::blobs::BlobError;
        matches!(
            self,
            Self::Store(StoreError::Full | StoreError::Unavailable(_))
                | Self::Blobs(BlobError::Full | BlobError::Unavailable(_))
        )
    }
}

/// A run whose thread is gone.
fn lost() -> Ran {
    Ran::failed(ErrorKind::Internal, "the engine failed")
}

/// From 0 to 1.
pub fn chance() -> f64 {
    use rand_core::{OsRng, TryRngCore};
    f64::from(OsRng.try_next_u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX)
}

pub(super) fn count(task: &Task) {
    metrics::counter!("mecapy_tasks_total",
        "state" => task.life.state.as_str(), "engine" => task.engine.to_string(),
        "class" => task.class.as_str(), "cached" => if task.cached { "true" } else { "false" })
    .increment(1);
    if let Some(usage) = &task.usage {
        metrics::histogram!("mecapy_task_run_seconds", "engine" => task.engine.to_string())
            .record(usage.wall_ms / 1e3);
    }
    if let (Some(queued), Some(started)) = (task.queued_at, task.started_at) {
        metrics::histogram!("mecapy_task_queue_seconds", "class" => task.class.as_str())
            .record(started.since(queued).as_secs_f64());
    }
}

/// The executor that deploys try functions with.
pub fn executor(dispatcher: &Dispatcher) -> Arc<dyn Executor> {
    Arc::new(dispatcher.gated())
}
