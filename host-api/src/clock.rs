//! The guest's clocks: the host's, or fixed ones that only the guest's own acts advance.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time at which every deterministic call begins: 2000-01-01T00:00:00Z.
const FIXED_EPOCH: Duration = Duration::from_secs(946_684_800);

/// Time that every call's clocks have behind them when it begins: what was read while the
/// handler was loaded, be it in a snapshot, lies before it.
const LOADING: Duration = Duration::from_secs(3_600);

/// What one reading of a fixed clock costs, so that loops that wait for time to pass end.
const FIXED_TICK: Duration = Duration::from_micros(1);

pub enum Clock {
    /// Monotonic time counts from the start of the job: the guest does not learn the host's uptime.
    Real { started: Instant },
    /// `elapsed` is an hour when the call begins.
    Fixed { elapsed: Duration },
}

impl Clock {
    pub fn real() -> Self {
        Self::Real { started: Instant::now() }
    }

    pub fn fixed() -> Self {
        Self::Fixed { elapsed: Duration::ZERO }
    }

    /// The call begins, after its handler was loaded. Fixed clocks show the same time then,
    /// however it was loaded.
    pub fn begin_call(&mut self) {
        if let Self::Fixed { elapsed } = self {
            *elapsed = LOADING;
        }
    }

    /// Time since the start of the job, and an hour.
    pub fn monotonic(&mut self) -> Duration {
        match self {
            Self::Real { started } => LOADING + started.elapsed(),
            Self::Fixed { elapsed } => {
                *elapsed = elapsed.saturating_add(FIXED_TICK);
                *elapsed
            }
        }
    }

    /// Time since the Unix epoch.
    pub fn wall(&mut self) -> Duration {
        match self {
            Self::Real { .. } => {
                SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO)
            }
            Self::Fixed { .. } => (FIXED_EPOCH - LOADING).saturating_add(self.monotonic()),
        }
    }

    /// Lets a fixed clock sleep without waiting; says whether it did.
    pub fn advance(&mut self, by: Duration) -> bool {
        match self {
            Self::Real { .. } => false,
            Self::Fixed { elapsed } => {
                *elapsed = elapsed.saturating_add(by);
                true
            }
        }
    }
}
