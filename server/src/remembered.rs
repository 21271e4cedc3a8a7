//! Answers that are remembered until somebody says that they may have changed.

use std::hash::Hash;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use moka::future::Cache;

/// A cache of what is looked up. What was looked up before `forget` is never answered after
/// it, not even by a lookup that was under way then.
pub struct Remembered<K, V> {
    /// How often all was forgotten: a part of every key.
    generation: AtomicU64,
    answers: Cache<(u64, K), V>,
}

impl<K, V> Remembered<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    pub fn new(answers: Cache<(u64, K), V>) -> Self {
        Self { generation: AtomicU64::new(0), answers }
    }

    /// What is known, or else what `look_up` finds. Those who ask for the same at the same time
    /// look it up once; an error is not remembered.
    pub async fn get<E: Send + Sync + 'static>(
        &self,
        key: K,
        look_up: impl Future<Output = Result<V, E>>,
    ) -> Result<V, Arc<E>> {
        // Read before the lookup begins: if it is forgotten meanwhile, nobody asks for this.
        let key = (self.generation.load(Ordering::SeqCst), key);
        match self.answers.get(&key).await {
            Some(known) => Ok(known),
            None => self.answers.try_get_with(key, look_up).await,
        }
    }

    /// To be called after the change: from now on all is looked up again.
    pub fn forget(&self) {
        self.generation.fetch_add(1, Ordering::SeqCst);
        self.answers.invalidate_all();
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::FutureExt;
    use tokio::sync::oneshot;

    use super::*;

    fn remembered() -> Remembered<&'static str, u32> {
        Remembered::new(Cache::new(10))
    }

    async fn is(value: u32) -> Result<u32, Infallible> {
        Ok(value)
    }

    #[tokio::test]
    async fn what_is_known_is_not_looked_up() {
        let answers = remembered();
        assert_eq!(answers.get("a", is(1)).await, Ok(1));
        assert_eq!(answers.get("a", is(2)).await, Ok(1));
        assert_eq!(answers.get("b", is(3)).await, Ok(3));
        answers.forget();
        assert_eq!(answers.get("a", is(4)).await, Ok(4));
        let failed = answers.get("c", async { Err::<u32, _>("no") }).await;
        assert_eq!(failed, Err(Arc::new("no")));
        assert_eq!(answers.get("c", is(5)).await, Ok(5));
    }

    /// A store that is slow: it has read the old answer when all is forgotten, and says so
    /// later.
    #[tokio::test]
    async fn an_old_answer_is_not_put_back() {
        let answers = Arc::new(remembered());
        let (go, wait) = oneshot::channel::<()>();
        let (begin, begun) = oneshot::channel::<()>();
        let slow = {
            let answers = answers.clone();
            tokio::spawn(async move {
                let look_up = async {
                    let old = 1;
                    begin.send(()).unwrap();
                    wait.await.unwrap();
                    is(old).await
                };
                answers.get("a", look_up).await
            })
        };
        begun.await.unwrap();
        assert!(answers.get("a", is(2)).now_or_never().is_none(), "they share one lookup");
        answers.forget();
        assert_eq!(answers.get("a", is(2)).await, Ok(2), "nobody waits for the old one");
        go.send(()).unwrap();
        assert_eq!(slow.await.unwrap(), Ok(1), "who asked before hears what was then");
        assert_eq!(answers.get("a", is(3)).await, Ok(2));
        answers.forget();
        assert_eq!(answers.get("a", is(4)).await, Ok(4));
    }
}
