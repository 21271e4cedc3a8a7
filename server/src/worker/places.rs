//! How many calls may be under way at a time, of each kind.
//!
//! More than there are slots, since they take turns (`gate`): a caller who waits gets a place
//! while a long call computes. Queued work only fills the slots, and long work only its share.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{Notify, oneshot};

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

/// Callers who wait for a place, for each place there is. Others are queued in the database.
const LINE_PER_PLACE: usize = 16;

#[derive(Default)]
struct Taken {
    all: usize,
    waited: usize,
    queued: usize,
    long: usize,
    /// Who waits for a place, the first first.
    line: VecDeque<oneshot::Sender<Place>>,
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
        // Those in line come first, of those who wait.
        let is_behind = purpose == Purpose::Waited && !taken.line.is_empty();
        if is_behind || !self.fits(&taken, purpose) {
            return None;
        }
        taken.add(purpose, 1);
        Some(Place { places: self.clone(), purpose, used: true })
    }

    fn fits(&self, taken: &Taken, purpose: Purpose) -> bool {
        taken.all < self.most
            && match purpose {
                // One place is left to what is queued, however many wait.
                Purpose::Waited => taken.waited < (self.most - 1).max(1),
                Purpose::Queued(Class::HighPriority) => true,
                Purpose::Queued(Class::Default) => taken.queued < self.slots,
                Purpose::Queued(Class::LongRunning) => {
                    taken.queued < self.slots && taken.long < self.long
                }
            }
    }

    /// A place for a caller who waits, in the order in which they came; nothing if the line is
    /// full or the wait too long.
    pub async fn take_in_line(self: &Arc<Self>, wait: Duration) -> Option<Place> {
        let receiver = {
            let mut taken = self.taken.lock();
            if taken.line.is_empty() && self.fits(&taken, Purpose::Waited) {
                taken.add(Purpose::Waited, 1);
                return Some(self.place());
            }
            if taken.line.len() >= self.most * LINE_PER_PLACE {
                return None;
            }
            let (sender, receiver) = oneshot::channel();
            taken.line.push_back(sender);
            receiver
        };
        // One that comes too late is in the channel, and free again with it.
        tokio::time::timeout(wait, receiver).await.ok()?.ok()
    }

    fn place(self: &Arc<Self>) -> Place {
        Place { places: self.clone(), purpose: Purpose::Waited, used: true }
    }

    /// Hands free places to those in line.
    fn serve_line(self: &Arc<Self>) {
        loop {
            let mut taken = self.taken.lock();
            if !self.fits(&taken, Purpose::Waited) {
                return;
            }
            let Some(first) = taken.line.pop_front() else { return };
            taken.add(Purpose::Waited, 1);
            drop(taken);
            // Who has gone gives it back, and that serves the next one.
            drop(first.send(self.place()));
        }
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
            Purpose::Waited => change(&mut self.waited),
            Purpose::Queued(Class::HighPriority) => {}
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
        self.places.serve_line();
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

    #[tokio::test]
    async fn who_waits_is_served_in_order() {
        let places = Places::new(1, 1, 0.5);
        let wait = Duration::from_secs(60);
        let only = places.take_in_line(wait).await.unwrap();
        let in_line = || {
            let places = places.clone();
            tokio::spawn(async move { places.take_in_line(wait).await })
        };
        let gone = in_line();
        tokio::task::yield_now().await;
        let stays = in_line();
        tokio::task::yield_now().await;
        assert!(places.try_take(Purpose::Waited).is_none(), "those in line come first");
        gone.abort();
        assert!(gone.await.is_err(), "it was aborted");
        drop(only);
        let place = stays.await.unwrap().expect("the one before has gone");
        assert!(places.take_in_line(Duration::ZERO).await.is_none());
        drop(place);
        assert_eq!(places.in_use(), 0);
        assert!(places.try_take(Purpose::Waited).is_some());
    }
}
