//! Ctrl-C: the first one cancels what runs, the second one ends the process at once. Where
//! nothing runs that could be cancelled, the first one ends it.

use std::sync::{Arc, Mutex, PoisonError};

use model::CancelToken;

use crate::ending::Exit;

#[derive(Clone, Default)]
pub struct Interrupt {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    running: Option<CancelToken>,
    interrupted: bool,
}

impl Interrupt {
    /// Listens for the signals of the process; to be called once. `farewell` is said when the
    /// process is ended with nothing else to say.
    pub fn listen(farewell: impl Fn() + Send + 'static) -> Result<Self, ctrlc::Error> {
        let interrupt = Self::default();
        let heard = interrupt.clone();
        ctrlc::set_handler(move || {
            if let Some(first) = heard.hit() {
                if first {
                    farewell();
                }
                std::process::exit(Exit::Interrupted as i32);
            }
        })?;
        Ok(interrupt)
    }

    /// Cancels what runs; if there is nothing to wait for, whether this was the first time.
    fn hit(&self) -> Option<bool> {
        let mut state = self.lock();
        let first = !std::mem::replace(&mut state.interrupted, true);
        match &state.running {
            Some(token) if first => {
                token.cancel();
                None
            }
            _ => Some(first),
        }
    }

    /// A token that Ctrl-C cancels for as long as the guard lives.
    pub fn cancellable(&self) -> Cancellable {
        let token = CancelToken::new();
        let mut state = self.lock();
        if state.interrupted {
            token.cancel();
        }
        state.running = Some(token.clone());
        Cancellable { interrupt: self.clone(), token }
    }

    pub fn was_hit(&self) -> bool {
        self.lock().interrupted
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct Cancellable {
    interrupt: Interrupt,
    pub token: CancelToken,
}

impl Drop for Cancellable {
    fn drop(&mut self) {
        self.interrupt.lock().running = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_cancels_and_the_second_ends() {
        let interrupt = Interrupt::default();
        let running = interrupt.cancellable();
        assert_eq!(interrupt.hit(), None);
        assert!(running.token.is_cancelled() && interrupt.was_hit());
        assert_eq!(interrupt.hit(), Some(false));
        // What begins after it is cancelled from its beginning.
        drop(running);
        assert!(interrupt.cancellable().token.is_cancelled());
    }

    #[test]
    fn with_nothing_to_cancel_the_first_ends() {
        let interrupt = Interrupt::default();
        drop(interrupt.cancellable());
        assert_eq!(interrupt.hit(), Some(true));
    }
}
