//! Everything that the server is made of, wired together once.

use std::sync::Arc;

use model::Executor;

use crate::blobs::Blobs;
use crate::catalog::Catalog;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::deploy::Deploys;
use crate::identity::{Authenticator, Meter};
use crate::sealed::SealingKey;
use crate::store::Store;
use crate::tasks::{Dispatcher, Signals};
use crate::webhook;

/// Bytes of archives that are in memory at a time, while they are uploaded and until they
/// are read; others are told to come again.
const ARCHIVE_ROOM: usize = 256 * 1024 * 1024;
pub const ROOM_UNIT: usize = 64 * 1024;
/// Bytes of JSON bodies above `http::LARGE_BODY_BYTES` that are served at a time: parsed, JSON
/// takes many times its size.
const LARGE_BODIES: usize = 4 * 1024 * 1024;
pub const LARGE_BODIES_UNITS: u32 = (LARGE_BODIES / ROOM_UNIT) as u32;

/// What runs functions.
#[derive(Clone)]
pub struct Engines {
    pub sandbox: Arc<dyn Executor>,
    /// Where there is Docker.
    pub docker: Option<Arc<dyn Executor>>,
}

/// What the parts are made of.
pub struct Parts {
    pub config: Arc<Config>,
    pub clock: SharedClock,
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub engines: Engines,
    pub sealing: Arc<SealingKey>,
    pub spawn: Arc<crate::worker::pool::Spawn>,
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// Shared by all controllers.
pub struct App {
    pub config: Arc<Config>,
    pub clock: SharedClock,
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub engines: Engines,
    pub sealing: Arc<SealingKey>,
    pub catalog: Arc<Catalog>,
    pub signals: Arc<Signals>,
    pub meter: Arc<Meter>,
    pub authenticator: Authenticator,
    pub dispatcher: Arc<Dispatcher>,
    pub deploys: Arc<Deploys>,
    pub webhooks: webhook::Sender,
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
    /// Event streams that may still be opened.
    pub streams: Arc<tokio::sync::Semaphore>,
    /// Idempotency keys of requests under way.
    pub keys: crate::http::Keys,
    /// Archives in memory, in units of `ROOM_UNIT`.
    pub archive_room: Arc<tokio::sync::Semaphore>,
    /// Large JSON bodies that are served at a time, in units of `ROOM_UNIT`.
    pub large_bodies: Arc<tokio::sync::Semaphore>,
    /// Names this process: of idempotency keys, and as a worker.
    pub process: uuid::Uuid,
    /// Signs links to files.
    pub link_key: [u8; 32],
    /// Of the disk, held back for what makes room.
    pub reserve: Arc<crate::folders::Reserve>,
}

impl App {
    /// Starts the threads of the worker; its loops are `Dispatcher::run`'s.
    pub fn new(parts: Parts) -> anyhow::Result<Arc<Self>> {
        let Parts { config, clock, store, blobs, engines, sealing, spawn, metrics } = parts;
        let process = crate::store::new_id();
        let catalog = Arc::new(Catalog::new(
            store.clone(),
            blobs.clone(),
            Arc::new(crate::deploy::resolver(&config)),
        ));
        let signals = Arc::new(Signals::default());
        let meter = Arc::new(Meter::new(&config.quotas));
        let policy = webhook::TargetPolicy { allow_private: config.webhooks.allow_private_targets };
        let dispatcher = Dispatcher::start(crate::tasks::Wiring {
            config: config.clone(),
            clock: clock.clone(),
            store: store.clone(),
            blobs: blobs.clone(),
            engines: engines.clone(),
            catalog: catalog.clone(),
            signals: signals.clone(),
            meter: meter.clone(),
            spawn,
            worker: process.to_string(),
        })?;
        let deploys = Deploys::new(crate::deploy::Wiring {
            config: config.clone(),
            clock: clock.clone(),
            store: store.clone(),
            blobs: blobs.clone(),
            engines: Engines { sandbox: crate::tasks::executor(&dispatcher), ..engines.clone() },
            catalog: catalog.clone(),
            signals: signals.clone(),
        });
        Ok(Arc::new(Self {
            authenticator: Authenticator::new(store.clone(), clock.clone(), &config.quotas),
            keys: crate::http::Keys::default(),
            archive_room: Arc::new(tokio::sync::Semaphore::new(ARCHIVE_ROOM / ROOM_UNIT)),
            large_bodies: Arc::new(tokio::sync::Semaphore::new(LARGE_BODIES_UNITS as usize)),
            streams: Arc::new(tokio::sync::Semaphore::new(config.limits.sse_streams)),
            webhooks: webhook::Sender::new(policy)?,
            link_key: sealing.derive("links to files"),
            reserve: Arc::new(crate::folders::Reserve::new(&config.data_dir)),
            config,
            clock,
            store,
            blobs,
            engines,
            sealing,
            catalog,
            signals,
            meter,
            dispatcher,
            deploys,
            metrics,
            process,
        }))
    }
}
