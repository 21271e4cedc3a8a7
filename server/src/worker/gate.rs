//! Whose turn it is to compute: as many at a time as there are slots, and who has computed
//! for a slice of time lets the next one. So a long call cannot starve a short one, and there
//! are never more threads computing than processors.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

pub struct Gate {
    slice: Duration,
    slots: usize,
    state: Mutex<State>,
    /// How many wait: looked at every few milliseconds of every run, without the lock.
    waiting: AtomicUsize,
}

struct State {
    free: usize,
    line: VecDeque<Arc<Seat>>,
}

/// One who waits.
#[derive(Default)]
struct Seat {
    called: Mutex<bool>,
    changed: Condvar,
}

impl Gate {
    pub fn new(slots: usize, slice: Duration) -> Arc<Self> {
        let slots = slots.max(1);
        let state = Mutex::new(State { free: slots, line: VecDeque::new() });
        Arc::new(Self { slice, slots, state, waiting: AtomicUsize::new(0) })
    }

    pub fn slots(&self) -> usize {
        self.slots
    }

    /// How many compute now, and how many wait for their turn.
    pub fn usage(&self) -> (usize, usize) {
        let state = self.state.lock();
        (self.slots - state.free, state.line.len())
    }

    /// Waits for a turn; those who came before go first.
    pub fn enter(self: &Arc<Self>) -> Turn {
        self.wait();
        Turn { gate: self.clone(), computing: Mutex::new(Some(Instant::now())) }
    }

    fn wait(&self) {
        let seat = {
            let mut state = self.state.lock();
            if state.free > 0 {
                state.free -= 1;
                return;
            }
            let seat = Arc::new(Seat::default());
            state.line.push_back(seat.clone());
            self.waiting.fetch_add(1, Ordering::Relaxed);
            seat
        };
        let mut called = seat.called.lock();
        while !*called {
            seat.changed.wait(&mut called);
        }
    }

    /// Hands the slot to the first who waits.
    fn leave(&self) {
        let next = {
            let mut state = self.state.lock();
            let next = state.line.pop_front();
            if next.is_some() {
                self.waiting.fetch_sub(1, Ordering::Relaxed);
            } else {
                state.free += 1;
            }
            next
        };
        if let Some(seat) = next {
            *seat.called.lock() = true;
            seat.changed.notify_one();
        }
    }
}

/// A turn: ends when it is dropped.
pub struct Turn {
    gate: Arc<Gate>,
    /// Since when, unless it rests.
    computing: Mutex<Option<Instant>>,
}

impl Turn {
    /// Lets the next one, if somebody waits and this one's slice is over; returns when it is
    /// its turn again, and how long that took.
    pub fn give_way(&self) -> Duration {
        if self.gate.waiting.load(Ordering::Relaxed) == 0 {
            return Duration::ZERO;
        }
        let mut computing = self.computing.lock();
        let Some(since) = *computing else { return Duration::ZERO };
        if since.elapsed() < self.gate.slice {
            return Duration::ZERO;
        }
        let began = Instant::now();
        self.gate.leave();
        self.gate.wait();
        *computing = Some(Instant::now());
        began.elapsed()
    }

    /// Needs no slot for now.
    pub fn rest(&self) {
        if self.computing.lock().take().is_some() {
            self.gate.leave();
        }
    }

    /// Needs one again; answers how long it waited for it.
    pub fn wake(&self) -> Duration {
        let mut computing = self.computing.lock();
        if computing.is_some() {
            return Duration::ZERO;
        }
        let began = Instant::now();
        self.gate.wait();
        *computing = Some(Instant::now());
        began.elapsed()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.rest();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn no_more_than_the_slots_compute() {
        let gate = Gate::new(2, Duration::ZERO);
        let now = Arc::new(AtomicUsize::new(0));
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let (gate, now) = (gate.clone(), now.clone());
                thread::spawn(move || {
                    for _ in 0..200 {
                        let turn = gate.enter();
                        assert!(now.fetch_add(1, Ordering::SeqCst) < 2);
                        thread::yield_now();
                        now.fetch_sub(1, Ordering::SeqCst);
                        turn.give_way();
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(gate.usage(), (0, 0));
    }

    #[test]
    fn who_computes_long_lets_others_and_goes_on() {
        let gate = Gate::new(1, Duration::ZERO);
        let long = gate.enter();
        assert_eq!(long.give_way(), Duration::ZERO, "nobody waits");
        let (done, was_done) = mpsc::channel();
        let short = {
            let gate = gate.clone();
            thread::spawn(move || {
                let _turn = gate.enter();
                done.send(()).unwrap();
            })
        };
        while gate.usage().1 == 0 {
            thread::yield_now();
        }
        long.give_way();
        was_done.try_recv().expect("the short one had its turn before the long one went on");
        short.join().unwrap();
        drop(long);
        assert_eq!(gate.usage(), (0, 0));
    }

    #[test]
    fn who_rests_holds_no_slot() {
        let gate = Gate::new(1, Duration::from_secs(1));
        let resting = gate.enter();
        resting.rest();
        resting.rest();
        let other = gate.enter();
        drop(other);
        assert!(resting.wake() < Duration::from_secs(60));
        assert_eq!(gate.usage(), (1, 0));
    }
}
