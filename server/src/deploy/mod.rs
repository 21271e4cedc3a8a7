//! Deploying: from an archive, a repository or inline code to a published release.
//!
//! `build` does what takes time, on a blocking thread; `publish` makes it visible at once.

mod build;
pub mod git;
mod log;
mod source;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use model::CancelToken;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use uuid::Uuid;

pub use build::resolver;
pub use log::{StepState, Steps};
pub use source::{Code, MAX_REQUIREMENTS_BYTES, Source};

use crate::app::Engines;
use crate::blobs::{BlobError, Blobs};
use crate::catalog::Catalog;
use crate::clock::SharedClock;
use crate::config::Config;
use crate::problem::Problem;
use crate::store::{
    Deployment, DeploymentState, EventKind, NewEvent, Store, StoreError, Visibility,
};
use crate::tasks::Signals;
use build::{Built, Failed};
use log::Log;

/// What deploys are made with.
pub struct Wiring {
    pub config: Arc<Config>,
    pub clock: SharedClock,
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub engines: Engines,
    pub catalog: Arc<Catalog>,
    pub signals: Arc<Signals>,
}

/// A deploy as it is asked for.
pub struct Order {
    pub id: Uuid,
    pub tenant: String,
    pub account: Uuid,
    pub is_admin: bool,
    pub source: Source,
    pub visibility: Option<Visibility>,
}

pub struct Deploys {
    wiring: Wiring,
    /// Deploys at a time.
    places: Semaphore,
    /// Those under way and those that wait.
    accepted: AtomicUsize,
    /// Stops all of them: the server stops.
    cancel: CancelToken,
}

/// One of those under way, until this is dropped: also if it panics, or nobody waits any more.
struct Accepted(Arc<Deploys>);

impl Drop for Accepted {
    fn drop(&mut self) {
        self.0.accepted.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Deploys {
    pub fn new(wiring: Wiring) -> Arc<Self> {
        let places = Semaphore::new(wiring.config.limits.deploys);
        Arc::new(Self { wiring, places, accepted: AtomicUsize::new(0), cancel: CancelToken::new() })
    }

    /// Begins a deploy; it goes on whoever waits for it.
    pub async fn begin(self: &Arc<Self>, order: Order) -> Result<(), Problem> {
        let limits = &self.wiring.config.limits;
        let most = limits.deploys + limits.waiting_deploys;
        let one_more = |now: usize| (now < most).then_some(now + 1);
        if self.cancel.is_cancelled()
            || self.accepted.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).is_err()
        {
            return Err(
                Problem::unavailable("too many deploys are under way; try again").retry_after(5)
            );
        }
        let deployment = Deployment {
            id: order.id,
            tenant: order.tenant.clone(),
            account: order.account,
            state: DeploymentState::Queued,
            created_at: self.wiring.clock.now(),
            started_at: None,
            finished_at: None,
            document: json!({"source": order.source.describe(), "steps": Steps::default()}),
        };
        let accepted = Accepted(self.clone());
        if let Err(error) = self.wiring.store.create_deployment(deployment.clone()).await {
            return match error {
                // The same request again, after a server that died: it is under way or over.
                StoreError::Conflict(_) => Ok(()),
                error => Err(error.into()),
            };
        }
        tokio::spawn(async move {
            accepted.0.carry(deployment, order).await;
            drop(accepted);
        });
        Ok(())
    }

    async fn carry(self: &Arc<Self>, mut deployment: Deployment, order: Order) {
        let Ok(_place) = self.places.acquire().await else { return };
        deployment.state = DeploymentState::Running;
        deployment.started_at = Some(self.wiring.clock.now());
        let id = deployment.id;
        let (log, listener) = Log::new(self.wiring.clock.clone(), deployment);
        let writer =
            tokio::spawn(listener.write(self.wiring.store.clone(), self.wiring.signals.clone()));
        let deploys = self.clone();
        let building = {
            let log = log.clone();
            let (tenant, account) = (order.tenant.clone(), order.account);
            tokio::task::spawn_blocking(move || deploys.build(order.source, &tenant, account, &log))
        };
        let built = building.await.unwrap_or_else(|error| Err(Failed::internal(&error)));
        let outcome = match built {
            Ok(built) => {
                let visibility = order.visibility;
                self.publish(*built, visibility, order.account, order.is_admin, &log, writer).await
            }
            Err(failed) => {
                log.end_step(Err(&failed.detail));
                let (mut deployment, events) = log.close(writer).await;
                self.fail(&mut deployment, failed, events).await
            }
        };
        if let Err(error) = outcome {
            tracing::error!(%id, %error, "the end of a deploy could not be stored");
        }
        self.wiring.signals.ring(id);
    }

    /// Makes a release visible, all at once.
    async fn publish(
        &self,
        built: Built,
        visibility: Option<Visibility>,
        account: Uuid,
        is_admin: bool,
        log: &Log,
        writer: tokio::task::JoinHandle<()>,
    ) -> Result<(), StoreError> {
        log.end_step(Ok(()));
        let (mut deployment, events) = log.clone().close(writer).await;
        let now = self.wiring.clock.now();
        let ids: Vec<&str> = built.functions.iter().map(|one| one.id.as_str()).collect();
        deployment.state = DeploymentState::Succeeded;
        deployment.finished_at = Some(now);
        let mut with_end = events.clone();
        with_end.push(end(&deployment, None));
        let document = &mut deployment.document;
        document["package"] = json!(built.release.package);
        document["version"] = json!(built.release.version);
        document["functions"] = json!(ids);
        document["warnings"] = json!(built.release.warnings);
        document["report"] = built.release.report.clone();
        let publication = crate::store::Publication {
            release: built.release,
            functions: built.functions,
            visibility,
            account,
            is_admin,
            now,
        };
        // Of a release that was there before they may be old, and let go in this moment.
        let objects = publication.objects();
        let finished = match self.wiring.blobs.renew(&objects).await {
            Ok(true) => {
                let done = deployment.clone();
                self.wiring.store.finish_deployment(publication, done, with_end).await
            }
            Ok(false) => Err(StoreError::Unavailable("what was stored is gone".to_owned())),
            Err(BlobError::Full) => Err(StoreError::Full),
            Err(error) => Err(StoreError::Unavailable(error.to_string())),
        };
        match finished {
            Ok(_) => {
                self.wiring.catalog.forget();
                metrics::counter!("mecapy_deploys_total", "state" => "succeeded").increment(1);
                Ok(())
            }
            Err(StoreError::Conflict(message)) => {
                deployment.document["functions"] = Value::Null;
                self.fail(&mut deployment, Failed::conflict(message), events).await
            }
            Err(StoreError::Full) => self.fail(&mut deployment, Failed::full(), events).await,
            Err(error) => {
                let failed = Failed::unavailable(error.to_string());
                self.fail(&mut deployment, failed, events).await
            }
        }
    }

    async fn fail(
        &self,
        deployment: &mut Deployment,
        failed: Failed,
        mut events: Vec<NewEvent>,
    ) -> Result<(), StoreError> {
        metrics::counter!("mecapy_deploys_total", "state" => "failed").increment(1);
        deployment.state = DeploymentState::Failed;
        deployment.finished_at = Some(self.wiring.clock.now());
        deployment.document["error"] = failed.to_json();
        let mut steps: Steps =
            serde_json::from_value(deployment.document["steps"].clone()).unwrap_or_default();
        if let Some(last) = steps.0.last_mut().filter(|last| last.state == StepState::Running) {
            last.state = StepState::Failed;
            last.finished_at = deployment.finished_at;
            last.message.clone_from(&failed.detail);
            deployment.document["steps"] = json!(steps);
        }
        crate::gc::suspect();
        events.push(end(deployment, Some(&failed)));
        let mut wait = std::time::Duration::from_millis(50);
        loop {
            let written =
                self.wiring.store.update_deployment(deployment.clone(), events.clone()).await;
            match written {
                Err(StoreError::Full | StoreError::Unavailable(_))
                    if !self.cancel.is_cancelled() =>
                {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(std::time::Duration::from_secs(5));
                }
                written => return written,
            }
        }
    }

    /// Ends what a server that died had begun: nothing of it was visible.
    pub async fn end_interrupted(&self) -> Result<usize, StoreError> {
        let mut ended = 0;
        loop {
            let unfinished = self.wiring.store.unfinished_deployments().await?;
            if unfinished.is_empty() {
                return Ok(ended);
            }
            for mut deployment in unfinished {
                let failed = Failed::interrupted();
                self.fail(&mut deployment, failed, Vec::new()).await?;
                ended += 1;
            }
        }
    }

    /// Returns when none is under way.
    pub async fn all_ended(&self) {
        while self.accepted.load(Ordering::Acquire) > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    }

    /// Takes nothing more, and stops what is under way.
    pub fn stop(&self) {
        self.cancel.cancel();
    }
}

/// The last event of a deploy.
fn end(deployment: &Deployment, failed: Option<&Failed>) -> NewEvent {
    let mut data = json!({"state": deployment.state.as_str()});
    if let Some(failed) = failed {
        data["error"] = failed.to_json();
    }
    let at = deployment.finished_at.unwrap_or(deployment.created_at);
    NewEvent { kind: EventKind::Status, at, data }
}
