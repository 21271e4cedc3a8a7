//! Which calls may have the same container, one after the other.

use model::{Job, Operation};

/// Equal for calls that a container may serve in turn: of one tenant and one handler, from one
/// image, within the limits that the container was made with.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key([u8; 32]);

impl Key {
    pub fn of(job: &Job, image: &str) -> Self {
        let mut key = Hash::default();
        key.text(&job.tenant);
        key.text(image);
        match &job.operation {
            Operation::Call { handler, .. } | Operation::Describe { handler } => {
                key.number(1);
                key.text(&handler.path);
                key.text(&handler.callable);
                key.number(handler.init.len() as u64);
                for name in &handler.init {
                    key.text(name);
                }
            }
            Operation::Inspect { .. } | Operation::Test => key.number(0),
        }
        key.number(job.bundle.left_out.len() as u64);
        for import in &job.bundle.left_out {
            key.text(&import.module);
            key.text(&import.file);
            key.number(u64::from(import.line));
        }
        key.number(job.limits.memory_bytes);
        key.number(job.limits.tmp_bytes);
        key.number(job.limits.cpus.to_bits());
        key.end()
    }

    /// Of one call alone.
    pub fn once(number: u64) -> Self {
        let mut key = Hash::default();
        key.text("once");
        key.number(number);
        key.end()
    }
}

#[derive(Default)]
struct Hash(blake3::Hasher);

impl Hash {
    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.0.update(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        self.0.update(&number.to_le_bytes());
    }

    fn end(self) -> Key {
        Key(*self.0.finalize().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::{Bundle, CancelToken, HandlerRef, Limits};

    use super::*;

    fn job(change: impl FnOnce(&mut Job)) -> Job {
        let handler =
            HandlerRef { path: "a.py".to_owned(), callable: "f".to_owned(), init: Vec::new() };
        let mut job = Job {
            tenant: "t".into(),
            bundle: Arc::new(Bundle::default()),
            operation: Operation::Describe { handler },
            snapshot: None,
            limits: Limits::default(),
            deterministic: false,
            files: Arc::new(()),
            events: Arc::new(()),
            cancel: CancelToken::new(),
        };
        change(&mut job);
        job
    }

    #[test]
    fn only_calls_that_may_share_have_one_key() {
        let key = |change: fn(&mut Job)| Key::of(&job(change), "image");
        let plain = key(|_| ());
        assert_eq!(plain, key(|job| job.limits.output_bytes = 1));
        assert_eq!(plain, key(|job| job.deterministic = true));
        let others = [
            key(|job| job.tenant = "u".into()),
            key(|job| job.limits.memory_bytes += 1),
            key(|job| job.limits.cpus = 2.0),
            key(|job| job.limits.tmp_bytes = 1),
            key(|job| job.operation = Operation::Test),
            Key::of(&job(|_| ()), "another"),
            Key::once(1),
        ];
        for other in others {
            assert_ne!(plain, other);
        }
        // What follows cannot be taken for what comes before.
        let split = Key::of(&job(|job| job.tenant = "ti".into()), "mage");
        assert_ne!(split, plain);
    }
}
