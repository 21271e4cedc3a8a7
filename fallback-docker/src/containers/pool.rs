//! Which containers are kept, for whom, and who has to wait.
//!
//! Knows nothing of Docker: it keeps whatever it is given. Whoever uses one holds a `Lease`;
//! dropped, the place is free again.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use model::CancelToken;
use parking_lot::{Condvar, Mutex};

use crate::settings::PoolLimits;

/// How often who waits looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(10);

/// How long to wait for one that is in use, before another is started: a start takes some
/// hundred milliseconds, and most calls a few.
const PATIENCE_BUSY: Duration = Duration::from_millis(30);

/// As long, if it is only being cleaned up.
const PATIENCE_SETTLING: Duration = Duration::from_secs(1);

pub struct Pool<K, C> {
    limits: PoolLimits,
    state: Mutex<State<K, C>>,
    changed: Condvar,
}

struct State<K, C> {
    slots: HashMap<u64, Slot<K, C>>,
    last: u64,
    bytes: u64,
    waiting: usize,
    evicted: u64,
}

struct Slot<K, C> {
    key: K,
    bytes: u64,
    held: Held<C>,
}

enum Held<C> {
    /// In use, or being started.
    Busy,
    /// Its call is over, it will be idle in a moment.
    Settling,
    Idle {
        what: C,
        since: Instant,
        paused: bool,
    },
}

/// What whoever asks is given.
pub enum Taken<K: Eq + Hash + Clone, C> {
    /// One that is ready, and whether it is paused.
    Ready { lease: Lease<K, C>, what: C, paused: bool },
    /// Room to start one.
    Room(Lease<K, C>),
}

#[derive(Debug, PartialEq, Eq)]
pub enum NotTaken {
    Cancelled,
    /// For so long, no place became free.
    Busy(Duration),
    /// One alone is more than all may be.
    TooLarge,
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Numbers {
    pub containers: usize,
    pub idle: usize,
    pub paused: usize,
    pub waiting: usize,
    pub evicted: u64,
}

impl<K: Eq + Hash + Clone, C> Pool<K, C> {
    pub fn new(limits: PoolLimits) -> Arc<Self> {
        let state = State { slots: HashMap::new(), last: 0, bytes: 0, waiting: 0, evicted: 0 };
        Arc::new(Self { limits, state: Mutex::new(state), changed: Condvar::new() })
    }

    /// One for this key, or room for one, waiting for it if need be. What has to go for it is
    /// dropped.
    pub fn take(
        self: &Arc<Self>,
        key: &K,
        bytes: u64,
        cancel: &CancelToken,
    ) -> Result<Taken<K, C>, NotTaken> {
        if bytes > self.limits.memory_bytes || self.limits.containers == 0 {
            return Err(NotTaken::TooLarge);
        }
        let begun = Instant::now();
        let mut evicted = Vec::new();
        let mut state = self.state.lock();
        loop {
            if let Some(id) = state.ready(key) {
                let slot = state.slots.get_mut(&id).expect("just found");
                if let Held::Idle { what, paused, .. } =
                    std::mem::replace(&mut slot.held, Held::Busy)
                {
                    drop(state);
                    return Ok(Taken::Ready { lease: self.lease(id), what, paused });
                }
            }
            let waited = begun.elapsed();
            if waited >= self.limits.wait || !state.is_worth_waiting(key, waited) {
                if state.has_room(&self.limits, bytes) {
                    let id = state.reserve(key.clone(), bytes);
                    drop(state);
                    drop(evicted);
                    return Ok(Taken::Room(self.lease(id)));
                }
                if let Some(what) = state.evict_for(&self.limits, bytes) {
                    evicted.push(what);
                    continue;
                }
            }
            if cancel.is_cancelled() {
                return Err(NotTaken::Cancelled);
            }
            if waited >= self.limits.wait {
                return Err(NotTaken::Busy(waited));
            }
            state.waiting += 1;
            self.changed.wait_for(&mut state, LOOK);
            state.waiting -= 1;
        }
    }

    /// Takes out what has been idle for so long.
    pub fn idle_since(&self, before: Instant) -> Vec<C> {
        self.remove(|_, since| since <= before)
    }

    /// Takes out all that is idle.
    pub fn drain(&self) -> Vec<C> {
        self.remove(|_, _| true)
    }

    /// Takes out what is idle and no longer good.
    pub fn sick(&self, is_sick: impl Fn(&C) -> bool) -> Vec<C> {
        self.remove(|what, _| is_sick(what))
    }

    /// Lends what has been idle for so long and is not paused yet.
    pub fn to_pause(self: &Arc<Self>, before: Instant) -> Vec<(Lease<K, C>, C, Instant)> {
        let mut state = self.state.lock();
        let due = |held: &Held<C>| matches!(held, Held::Idle { since, paused: false, .. } if *since <= before);
        let mut lent = Vec::new();
        for (&id, slot) in &mut state.slots {
            if due(&slot.held) {
                // Who wants it meanwhile waits for it.
                if let Held::Idle { what, since, .. } =
                    std::mem::replace(&mut slot.held, Held::Settling)
                {
                    lent.push((self.lease(id), what, since));
                }
            }
        }
        lent
    }

    pub fn numbers(&self) -> Numbers {
        let state = self.state.lock();
        let mut numbers = Numbers {
            containers: state.slots.len(),
            waiting: state.waiting,
            evicted: state.evicted,
            ..Numbers::default()
        };
        for slot in state.slots.values() {
            if let Held::Idle { paused, .. } = slot.held {
                numbers.idle += 1;
                numbers.paused += usize::from(paused);
            }
        }
        numbers
    }

    fn lease(self: &Arc<Self>, id: u64) -> Lease<K, C> {
        Lease { pool: self.clone(), id, is_given_back: false }
    }

    fn remove(&self, which: impl Fn(&C, Instant) -> bool) -> Vec<C> {
        let mut state = self.state.lock();
        let ids: Vec<u64> = state
            .idle()
            .filter(|(_, what, since)| which(what, *since))
            .map(|(id, _, _)| id)
            .collect();
        let out = ids.into_iter().filter_map(|id| state.take_out(id)).collect();
        self.changed.notify_all();
        out
    }
}

impl<K: Eq + Hash, C> State<K, C> {
    fn idle(&self) -> impl Iterator<Item = (u64, &C, Instant)> {
        self.slots.iter().filter_map(|(&id, slot)| match &slot.held {
            Held::Idle { what, since, .. } => Some((id, what, *since)),
            _ => None,
        })
    }

    /// The one that was used last: its pages are still at hand.
    fn ready(&self, key: &K) -> Option<u64> {
        let mine = self.slots.iter().filter(|(_, slot)| slot.key == *key);
        let idle = mine.filter_map(|(&id, slot)| match &slot.held {
            Held::Idle { since, paused, .. } => Some((!paused, *since, id)),
            _ => None,
        });
        idle.max().map(|(_, _, id)| id)
    }

    fn is_worth_waiting(&self, key: &K, waited: Duration) -> bool {
        if waited >= PATIENCE_SETTLING {
            return false;
        }
        let mut mine = self.slots.values().filter(|slot| slot.key == *key);
        mine.any(|slot| match slot.held {
            Held::Settling => true,
            Held::Busy => waited < PATIENCE_BUSY,
            Held::Idle { .. } => false,
        })
    }

    fn has_room(&self, limits: &PoolLimits, bytes: u64) -> bool {
        self.slots.len() < limits.containers && self.bytes + bytes <= limits.memory_bytes
    }

    fn reserve(&mut self, key: K, bytes: u64) -> u64 {
        self.last += 1;
        self.bytes += bytes;
        self.slots.insert(self.last, Slot { key, bytes, held: Held::Busy });
        self.last
    }

    /// Takes out the one that was not used for longest, if all that is idle would be enough.
    fn evict_for(&mut self, limits: &PoolLimits, bytes: u64) -> Option<C> {
        let idle_bytes: u64 = self
            .slots
            .values()
            .filter(|slot| matches!(slot.held, Held::Idle { .. }))
            .map(|slot| slot.bytes)
            .sum();
        if self.bytes - idle_bytes + bytes > limits.memory_bytes {
            return None;
        }
        let (id, _, _) = self.idle().min_by_key(|(id, _, since)| (*since, *id))?;
        self.evicted += 1;
        self.take_out(id)
    }

    fn take_out(&mut self, id: u64) -> Option<C> {
        let slot = self.slots.remove(&id)?;
        self.bytes -= slot.bytes;
        match slot.held {
            Held::Idle { what, .. } => Some(what),
            Held::Busy | Held::Settling => None,
        }
    }
}

/// A place in the pool, whose container somebody uses.
pub struct Lease<K: Eq + Hash + Clone, C> {
    pool: Arc<Pool<K, C>>,
    id: u64,
    /// From then on the place is another's.
    is_given_back: bool,
}

impl<K: Eq + Hash + Clone, C> Lease<K, C> {
    /// It will be back in a moment.
    pub fn settling(&self) {
        if let Some(slot) = self.pool.state.lock().slots.get_mut(&self.id) {
            slot.held = Held::Settling;
        }
        self.pool.changed.notify_all();
    }

    /// Gives one back that can be used again.
    pub fn give_back(self, what: C) {
        self.put(what, Instant::now(), false);
    }

    /// Gives one back that nobody has used meanwhile.
    pub fn give_back_paused(self, what: C, since: Instant) {
        self.put(what, since, true);
    }

    fn put(mut self, what: C, since: Instant, paused: bool) {
        self.is_given_back = true;
        if let Some(slot) = self.pool.state.lock().slots.get_mut(&self.id) {
            slot.held = Held::Idle { what, since, paused };
        }
        self.pool.changed.notify_all();
    }
}

impl<K: Eq + Hash + Clone, C> Drop for Lease<K, C> {
    fn drop(&mut self) {
        if !self.is_given_back {
            self.pool.state.lock().take_out(self.id);
            self.pool.changed.notify_all();
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
