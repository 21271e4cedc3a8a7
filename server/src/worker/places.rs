//! How many calls may be under way at a time, of each kind.
//!
//! More than there are slots, since they take turns (`gate`): a caller who waits gets a place
//! while a long call computes. Queued work only fills the slots, and long work only its share.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::store::Class;

/// Why a place is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Somebody waits for the answer.
    Waited,
    /// It was queued.
    Queued(Class),
}

pub struct Places {
    /// Of all kinds together: threads.
    most: usize,
    /// Of queued calls that are not urgent.
    slots: usize,
    /// Of long ones among them.
    long: usize,
    taken: Mutex<Taken>,
    freed: Notify,
}

#[derive(Default)]
struct Taken {
    all: usize,
    queued: usize,
    long: usize,
}

impl Places {
    pub fn new(most: usize, slots: usize, long_share: f64) -> Arc<Self> {
        let slots = slots.max(1);
        let long = ((slots as f64 * long_share) as usize).clamp(1, slots);
        Arc::new(Self {
            most: most.max(slots),
            slots,
            long,
            taken: Mutex::default(),
            freed: Notify::new(),
        })
    }

    pub fn try_take(self: &Arc<Self>, purpose: Purpose) -> Option<Place> {
        let mut taken = self.taken.lock();
        let fits = taken.all < self.most
            && match purpose {
                Purpose::Waited | Purpose::Queued(Class::HighPriority) => true,
                Purpose::Queued(Class::Default) => taken.queued < self.slots,
                Purpose::Queued(Class::LongRunning) => {
                    taken.queued < self.slots && taken.long < self.long
                }
            };
        if !fits {
            return None;
        }
        taken.add(purpose, 1);
        Some(Place { places: self.clone(), purpose, used: true })
    }

    /// Returns after a place became free since the last time.
    pub async fn freed(&self) {
        self.freed.notified().await;
    }

    pub fn in_use(&self) -> usize {
        self.taken.lock().all
    }
}

impl Taken {
    fn add(&mut self, purpose: Purpose, one: isize) {
        let change = |count: &mut usize| *count = count.saturating_add_signed(one);
        change(&mut self.all);
        match purpose {
            Purpose::Waited | Purpose::Queued(Class::HighPriority) => {}
            Purpose::Queued(Class::Default) => change(&mut self.queued),
            Purpose::Queued(Class::LongRunning) => {
                change(&mut self.queued);
                change(&mut self.long);
            }
        }
    }
}

/// A place; free again when it is dropped.
pub struct Place {
    places: Arc<Places>,
    purpose: Purpose,
    used: bool,
}

impl Place {
    /// Gives it back unused: nobody is told that one became free.
    pub fn give_back(mut self) {
        self.used = false;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.taken.lock().add(self.purpose, -1);
        if self.used {
            self.places.freed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queued_work_leaves_places_for_those_who_wait() {
        let places = Places::new(4, 2, 0.5);
        let long = places.try_take(Purpose::Queued(Class::LongRunning)).unwrap();
        assert!(places.try_take(Purpose::Queued(Class::LongRunning)).is_none(), "their share");
        let default = places.try_take(Purpose::Queued(Class::Default)).unwrap();
        assert!(places.try_take(Purpose::Queued(Class::Default)).is_none(), "all slots");
        let _high = places.try_take(Purpose::Queued(Class::HighPriority)).unwrap();
        let _waited = places.try_take(Purpose::Waited).unwrap();
        assert!(places.try_take(Purpose::Waited).is_none(), "all threads");
        drop((long, default));
        assert_eq!(places.in_use(), 2);
        assert!(places.try_take(Purpose::Queued(Class::LongRunning)).is_some());
    }
}
