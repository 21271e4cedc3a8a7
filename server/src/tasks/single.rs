//! Identical calls at the same time run once: those that come later wait for the first.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;

type Key = (String, [u8; 32]);

/// Calls under way in this process, by tenant and cache key.
#[derive(Default)]
pub struct Flights {
    under_way: Mutex<HashMap<Key, watch::Receiver<()>>>,
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
        if let Some(receiver) = under_way.get(&key) {
            return Flight::Later(receiver.clone());
        }
        let (sender, receiver) = watch::channel(());
        under_way.insert(key.clone(), receiver);
        Flight::First(Leader { flights: self.clone(), key, _sender: sender })
    }
}

/// Returns when the first is over.
pub async fn over(mut receiver: watch::Receiver<()>) {
    while receiver.changed().await.is_ok() {}
}

impl Drop for Leader {
    fn drop(&mut self) {
        self.flights.under_way.lock().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
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
}
