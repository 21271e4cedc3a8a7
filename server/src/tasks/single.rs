//! Identical calls at the same time run once: those that come later wait for the first.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

type Key = (String, [u8; 32]);

/// Calls under way in this process, by tenant and cache key.
#[derive(Default)]
pub struct Flights {
    under_way: Mutex<HashMap<Key, UnderWay>>,
    landed: Notify,
}

struct UnderWay {
    over: watch::Receiver<()>,
    /// The queue may have passed others over because of it.
    was_told: bool,
}

/// What a call is.
pub enum Flight {
    /// The first: others wait until this is dropped.
    First(Leader),
    /// Another runs; when this is done its result may be in the cache.
    Later(watch::Receiver<()>),
}

pub struct Leader {
    flights: Arc<Flights>,
    key: Key,
    _sender: watch::Sender<()>,
}

impl Flights {
    pub fn join(self: &Arc<Self>, tenant: &str, key: [u8; 32]) -> Flight {
        let key = (tenant.to_owned(), key);
        let mut under_way = self.under_way.lock();
        if let Some(first) = under_way.get(&key) {
            return Flight::Later(first.over.clone());
        }
        let (sender, over) = watch::channel(());
        under_way.insert(key.clone(), UnderWay { over, was_told: false });
        Flight::First(Leader { flights: self.clone(), key, _sender: sender })
    }

    /// All that are under way, for the queue to pass over.
    pub fn under_way(&self) -> Vec<Key> {
        let mut under_way = self.under_way.lock();
        under_way.values_mut().for_each(|first| first.was_told = true);
        under_way.keys().cloned().collect()
    }

    /// Returns when one is over that `under_way` told of, since the last time.
    pub async fn landed(&self) {
        self.landed.notified().await;
    }
}

/// Returns when the first is over.
pub async fn over(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}

impl Drop for Leader {
    fn drop(&mut self) {
        let first = self.flights.under_way.lock().remove(&self.key);
        if first.is_some_and(|first| first.was_told) {
            self.flights.landed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test]
    async fn later_ones_wait_for_the_first() {
        let flights = Arc::new(Flights::default());
        let Flight::First(leader) = flights.join("a", [1; 32]) else { panic!("not the first") };
        assert!(matches!(flights.join("b", [1; 32]), Flight::First(_)), "another tenant");
        let Flight::Later(receiver) = flights.join("a", [1; 32]) else { panic!("not later") };
        drop(leader);
        over(receiver).await;
        assert!(matches!(flights.join("a", [1; 32]), Flight::First(_)));
    }

    #[tokio::test]
    async fn the_queue_hears_of_the_end_of_what_it_passed_over() {
        let flights = Arc::new(Flights::default());
        let Flight::First(unheard) = flights.join("a", [1; 32]) else { panic!("not the first") };
        drop(unheard);
        assert!(flights.landed().now_or_never().is_none(), "nobody was told of it");
        let Flight::First(leader) = flights.join("a", [1; 32]) else { panic!("not the first") };
        assert_eq!(flights.under_way(), [("a".to_owned(), [1; 32])]);
        drop(leader);
        flights.landed().await;
        assert!(flights.landed().now_or_never().is_none());
        assert!(flights.under_way().is_empty());
    }
}
