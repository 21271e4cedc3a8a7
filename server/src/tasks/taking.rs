//! Queued tasks taken up: urgent ones mostly first, tenants in turn, within their quotas.

use std::sync::Arc;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::dispatch::{Dispatcher, Entered};
use super::single::{Flight, over};
use crate::store::{Account, Class, PassedOver, StoreError, Task, Tenant};
use crate::worker::places::{Place, Purpose};
use crate::worker::sink::Sink;

/// How long a tenant is passed over whose quota of calls at a time is used up.
const PASSED_OVER: Duration = Duration::from_millis(200);

impl Dispatcher {
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
                    () = self.flights.landed() => {}
                }
            } else {
                tokio::select! {
                    () = self.queue.wait() => {}
                    () = self.flights.landed() => {}
                }
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
            let taking = self.taking.lock().await;
            let without = self.passed_over();
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
        let Some(held) = held else {
            let until = Instant::now() + PASSED_OVER;
            self.full.lock().insert(task.tenant.clone(), until);
            return self.hand_back(id, fence).await;
        };
        let live = &entered.live;
        let sink = Arc::new(Sink::new(self.clock.clone()));
        self.signals.ring(id);
        let mut leader = None;
        if let Some(key) = task.cache_key {
            // Looked at again by the one that joins first: one before it may have ended.
            for has_joined in [false, true] {
                match self.cached(&task.tenant, &key).await {
                    Ok(Some(found)) => {
                        self.finish_cached(&task, *found).await;
                        return;
                    }
                    Ok(None) => {}
                    Err(error) => tracing::warn!(%id, %error, "the result cache did not answer"),
                }
                if has_joined {
                    break;
                }
                match self.flights.join(&task.tenant, key) {
                    Flight::First(first) => leader = Some(first),
                    // It began just now, before the queue could know. Its place is another's.
                    Flight::Later(first) => {
                        drop((place, held));
                        let _ = tokio::time::timeout(PASSED_OVER, over(first)).await;
                        self.hand_back(id, fence).await;
                        self.queue.offer(task.class);
                        return;
                    }
                }
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
        drop(held);
    }

    /// It is queued again, where it was.
    async fn hand_back(&self, id: Uuid, fence: u64) {
        if let Err(error) = self.store.hand_back(id, fence, self.clock.now()).await {
            tracing::warn!(%id, %error, "a task was not handed back; its lease will end");
        }
        self.signals.ring(id);
    }

    async fn owner(&self, task: &Task) -> Result<Arc<(Tenant, Account)>, Arc<StoreError>> {
        let look_up = async {
            let tenant = self.store.tenant(&task.tenant).await?;
            let account = self.store.account(&task.tenant, task.owner).await?;
            Ok::<_, StoreError>(Arc::new((tenant, account)))
        };
        self.owners.try_get_with(task.owner, look_up).await
    }

    /// Tenants that have to wait until some of their calls have ended, and calls that have to
    /// wait for the same call.
    fn passed_over(&self) -> PassedOver {
        let mut full = self.full.lock();
        let now = Instant::now();
        full.retain(|_, until| now < *until);
        PassedOver { tenants: full.keys().cloned().collect(), calls: self.flights.under_way() }
    }
}
