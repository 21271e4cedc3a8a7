//! Bells: rung when a task or a deployment has news, for those of this process who wait.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use uuid::Uuid;

/// Who rings does not know whether anybody hears. Who hears looks at the database for what
/// is new; what another process did rings nothing, so hearers look now and then anyway.
#[derive(Default)]
pub struct Signals {
    bells: Mutex<HashMap<Uuid, watch::Sender<()>>>,
}

/// Hears of one subject.
pub struct Ear {
    subject: Uuid,
    signals: Arc<Signals>,
    receiver: watch::Receiver<()>,
}

impl Signals {
    pub fn listen(self: &Arc<Self>, subject: Uuid) -> Ear {
        let mut bells = self.bells.lock();
        let receiver = bells.entry(subject).or_insert_with(|| watch::channel(()).0).subscribe();
        Ear { subject, signals: self.clone(), receiver }
    }

    pub fn ring(&self, subject: Uuid) {
        if let Some(bell) = self.bells.lock().get(&subject) {
            bell.send_replace(());
        }
    }

    /// Every bell: the server stops.
    pub fn ring_all(&self) {
        for bell in self.bells.lock().values() {
            bell.send_replace(());
        }
    }
}

impl Ear {
    /// Returns after a ring since the last time.
    pub async fn rung(&mut self) {
        if self.receiver.changed().await.is_err() {
            // The bell stays as long as somebody listens.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        let mut bells = self.signals.bells.lock();
        // This one is still counted.
        if bells.get(&self.subject).is_some_and(|bell| bell.receiver_count() <= 1) {
            bells.remove(&self.subject);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_listens_hears_and_leaves_nothing_behind() {
        let signals = Arc::new(Signals::default());
        let subject = crate::store::new_id();
        signals.ring(subject);
        let (mut a, b) = (signals.listen(subject), signals.listen(subject));
        signals.ring(subject);
        a.rung().await;
        drop(b);
        signals.ring(subject);
        a.rung().await;
        drop(a);
        assert!(signals.bells.lock().is_empty());
    }
}
