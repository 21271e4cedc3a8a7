//! One maker per image, and only so many builds at a time.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use model::CancelToken;
use model::image::ImageError;
use parking_lot::{Condvar, Mutex};

/// How soon whoever waits sees that it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// What is being made, by name. Whoever wants the same thing waits for it.
#[derive(Default)]
pub struct Flights {
    under_way: Mutex<HashMap<String, Arc<Flight>>>,
}

#[derive(Default)]
struct Flight {
    result: Mutex<Option<Result<String, ImageError>>>,
    landed: Condvar,
}

impl Flights {
    /// Makes a thing, or waits until another thread has. A failure is everybody's who waited
    /// for it; when the maker was cancelled, the next one makes it.
    pub fn once(
        &self,
        name: &str,
        cancel: &CancelToken,
        make: impl FnOnce() -> Result<String, ImageError>,
    ) -> Result<String, ImageError> {
        loop {
            if cancel.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            let flight = {
                let mut under_way = self.under_way.lock();
                match under_way.get(name) {
                    Some(flight) => flight.clone(),
                    None => {
                        let flight = Arc::new(Flight::default());
                        under_way.insert(name.to_owned(), flight.clone());
                        drop(under_way);
                        // Lands also when making it panics.
                        let landing = Landing { flights: self, name, flight, result: None };
                        return landing.with(make());
                    }
                }
            };
            let mut result = flight.result.lock();
            while result.is_none() {
                flight.landed.wait_for(&mut result, LOOK);
                if cancel.is_cancelled() {
                    return Err(ImageError::Cancelled);
                }
            }
            match result.clone() {
                Some(Err(ImageError::Cancelled)) | None => {}
                Some(result) => return result,
            }
        }
    }

    pub fn is_under_way(&self, name: &str) -> bool {
        self.under_way.lock().contains_key(name)
    }
}

struct Landing<'a> {
    flights: &'a Flights,
    name: &'a str,
    flight: Arc<Flight>,
    result: Option<Result<String, ImageError>>,
}

impl Landing<'_> {
    fn with(mut self, result: Result<String, ImageError>) -> Result<String, ImageError> {
        self.result = Some(result.clone());
        result
    }
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let panicked = || Err(ImageError::Internal("making the image panicked".to_owned()));
        let result = self.result.take().unwrap_or_else(panicked);
        *self.flight.result.lock() = Some(result);
        self.flights.under_way.lock().remove(self.name);
        self.flight.landed.notify_all();
    }
}

/// Places for builds.
pub struct Places {
    free: Mutex<usize>,
    freed: Condvar,
}

/// A place that is taken until this is dropped.
pub struct Place<'a>(&'a Places);

impl Places {
    pub fn new(count: usize) -> Self {
        Self { free: Mutex::new(count.max(1)), freed: Condvar::new() }
    }

    /// Waits for a place; `waiting` is told once if there is none now.
    pub fn take(
        &self,
        cancel: &CancelToken,
        waiting: impl FnOnce(),
    ) -> Result<Place<'_>, ImageError> {
        let mut free = self.free.lock();
        if *free == 0 {
            waiting();
        }
        while *free == 0 {
            if cancel.is_cancelled() {
                return Err(ImageError::Cancelled);
            }
            self.freed.wait_for(&mut free, LOOK);
        }
        *free -= 1;
        Ok(Place(self))
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        *self.0.free.lock() += 1;
        self.0.freed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn what_two_want_is_made_once() {
        let flights = Flights::default();
        let made = AtomicUsize::new(0);
        let (begun, may_end) = (mpsc::channel(), mpsc::channel::<()>());
        std::thread::scope(|scope| {
            let (flights, made) = (&flights, &made);
            let first = scope.spawn(move || {
                flights.once("a", &CancelToken::new(), || {
                    made.fetch_add(1, Ordering::SeqCst);
                    begun.0.send(()).unwrap();
                    may_end.1.recv().unwrap();
                    Ok("it".to_owned())
                })
            });
            begun.1.recv().unwrap();
            let others: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(move || {
                        flights.once("a", &CancelToken::new(), || {
                            made.fetch_add(1, Ordering::SeqCst);
                            Ok("another".to_owned())
                        })
                    })
                })
                .collect();
            // Another thing does not wait.
            assert_eq!(flights.once("b", &CancelToken::new(), || Ok("b".to_owned())).unwrap(), "b");
            // Who waits can go.
            let token = CancelToken::new();
            token.cancel();
            assert_eq!(flights.once("a", &token, || unreachable!()), Err(ImageError::Cancelled));
            may_end.0.send(()).unwrap();
            assert_eq!(first.join().unwrap().unwrap(), "it");
            for other in others {
                // A thread that came late makes it again.
                assert!(other.join().unwrap().is_ok());
            }
        });
        assert!(!flights.is_under_way("a"));
    }

    #[test]
    fn a_maker_that_panics_lets_go() {
        let flights = Flights::default();
        let panicking = std::panic::AssertUnwindSafe(|| {
            let _ = flights.once("a", &CancelToken::new(), || panic!("on purpose"));
        });
        assert!(std::panic::catch_unwind(panicking).is_err());
        assert_eq!(flights.once("a", &CancelToken::new(), || Ok("it".to_owned())).unwrap(), "it");
    }

    #[test]
    fn a_place_is_waited_for_until_cancelled() {
        let places = Places::new(1);
        let place = places.take(&CancelToken::new(), || unreachable!()).unwrap();
        let token = CancelToken::new();
        let mut told = false;
        token.cancel();
        assert!(places.take(&token, || told = true).is_err());
        assert!(told);
        drop(place);
        assert!(places.take(&CancelToken::new(), || unreachable!()).is_ok());
    }
}
