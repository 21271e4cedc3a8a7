//! When a delivery that failed is tried again, and when it is given up.

use std::time::Duration;

/// What is waited after each failed attempt; the first attempt waits for nothing. A receiver
/// that restarts misses nothing for long, and one that is down for a working day or a night
/// still gets its deliveries: about a day in all.
const WAITS: [Duration; 10] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_mins(2),
    Duration::from_mins(10),
    Duration::from_mins(30),
    Duration::from_hours(1),
    Duration::from_hours(2),
    Duration::from_hours(4),
    LONGEST_WAIT,
    LONGEST_WAIT,
];

/// The longest wait before jitter, and the most that a receiver's `Retry-After` may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_hours(8);

/// Attempts before a delivery is given up.
pub const MAX_ATTEMPTS: u32 = WAITS.len() as u32 + 1;

/// A wait is longer or shorter by up to this part of itself, so that the deliveries that failed
/// together when a receiver went down do not all come back together.
const JITTER: f64 = 0.2;

/// How long to wait once `attempt` attempts were made (0: none yet, so not at all); `None` to
/// give up. `chance` is a random number from 0 to 1: 0.5 is the wait without jitter.
pub fn wait_after(attempt: u32, chance: f64) -> Option<Duration> {
    let Some(index) = attempt.checked_sub(1) else { return Some(Duration::ZERO) };
    let wait = WAITS.get(usize::try_from(index).ok()?)?;
    // `mul_f64` panics on what is not a finite, positive number.
    let chance = if chance.is_finite() { chance.clamp(0.0, 1.0) } else { 0.5 };
    Some(wait.mul_f64(1.0 + JITTER * (2.0 * chance - 1.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(chance: f64) -> Duration {
        (0..).map_while(|attempt| wait_after(attempt, chance)).sum()
    }

    #[test]
    fn attempts_spread_over_about_a_day() {
        let hours = |chance| total(chance).as_secs_f64() / 3600.0;
        assert!((23.0..25.0).contains(&hours(0.5)), "{}", hours(0.5));
        assert!((18.0..24.0).contains(&hours(0.0)), "{}", hours(0.0));
        assert!((24.0..30.0).contains(&hours(1.0)), "{}", hours(1.0));
    }

    #[test]
    fn the_first_attempt_is_at_once_and_the_last_is_followed_by_none() {
        assert_eq!(wait_after(0, 0.9), Some(Duration::ZERO));
        assert_eq!(wait_after(1, 0.5), Some(Duration::from_secs(5)));
        assert!(wait_after(MAX_ATTEMPTS - 1, 0.5).is_some());
        assert_eq!(wait_after(MAX_ATTEMPTS, 0.5), None);
        assert_eq!(wait_after(u32::MAX, 0.5), None);
    }

    #[test]
    fn waits_never_get_shorter() {
        for attempt in 1..MAX_ATTEMPTS - 1 {
            assert!(wait_after(attempt, 0.5) <= wait_after(attempt + 1, 0.5));
        }
    }

    #[test]
    fn jitter_moves_a_wait_by_a_fifth_and_no_chance_breaks_it() {
        assert_eq!(wait_after(2, 0.0), Some(Duration::from_secs(24)));
        assert_eq!(wait_after(2, 1.0), Some(Duration::from_secs(36)));
        assert_eq!(wait_after(2, -7.0), wait_after(2, 0.0));
        assert_eq!(wait_after(2, 7.0), wait_after(2, 1.0));
        assert_eq!(wait_after(2, f64::NAN), wait_after(2, 0.5));
        assert_eq!(wait_after(2, f64::INFINITY), wait_after(2, 0.5));
    }
}
