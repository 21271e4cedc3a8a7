//! What a call may use, and what it used.

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub const MIB: u64 = 1024 * 1024;

/// Longest wall-clock time that a manifest may ask for.
pub const MAX_TIMEOUT: Duration = Duration::from_secs(600);
/// Wall-clock time of a call whose manifest says nothing.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);
/// Range and default of a call's linear memory.
pub const MIN_MEMORY_BYTES: u64 = 16 * MIB;
pub const DEFAULT_MEMORY_BYTES: u64 = 512 * MIB;
/// wasm32 addresses 4 GiB; the manifest's 4096 MB means the whole of it.
pub const MAX_MEMORY_BYTES: u64 = 4096 * MIB;
/// Largest inputs, as JSON text.
pub const INPUT_BYTES: usize = 32 * 1024 * 1024;
/// Largest result, as JSON text.
pub const OUTPUT_BYTES: u64 = 16 * MIB;
/// Captured logs and prints of one call, then cut with a notice.
pub const LOG_BYTES: u64 = MIB;
/// Content of a call's private `/tmp`.
pub const TMP_BYTES: u64 = 64 * MIB;
/// Files and folders in a call's private `/tmp`.
pub const TMP_NODES: usize = 4096;

/// Cores of a call whose manifest says nothing.
pub const DEFAULT_CPUS: f64 = 1.0;

/// What one call may use. Nothing here is optional but fuel: a call without a
/// deadline or a memory cap does not exist.
#[derive(Clone, Debug, PartialEq)]
pub struct Limits {
    /// Wall-clock time, from the start of the call to its answer.
    pub timeout: Duration,
    /// Linear memory, the interpreter's own included.
    pub memory_bytes: u64,
    /// Instruction budget; `None` leaves the call unmetered.
    pub fuel: Option<u64>,
    pub output_bytes: u64,
    pub log_bytes: u64,
    pub tmp_bytes: u64,
    /// Cores, where an engine can give a call several; a sandbox call runs on one thread.
    pub cpus: f64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            timeout: DEFAULT_TIMEOUT,
            memory_bytes: DEFAULT_MEMORY_BYTES,
            fuel: None,
            output_bytes: OUTPUT_BYTES,
            log_bytes: LOG_BYTES,
            tmp_bytes: TMP_BYTES,
            cpus: DEFAULT_CPUS,
        }
    }
}

/// What one call used.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Usage {
    /// Instructions executed, for metered calls; `None` for unmetered ones.
    pub fuel: Option<u64>,
    pub wall_ms: f64,
    /// Processor time of the thread that ran the call.
    pub cpu_ms: f64,
    /// Largest size that the linear memory reached.
    pub peak_memory_bytes: u64,
    /// Whether the handler was loaded for this call, rather than found ready.
    pub cold: bool,
    /// Where the wall time went.
    #[serde(skip)]
    pub phases: Phases,
}

/// Wall time of each step of a call.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Phases {
    /// A store and an instance.
    pub instantiate: Duration,
    /// Importing the handler.
    pub load: Duration,
    /// The handler's own run, with its inputs and outputs converted.
    pub call: Duration,
}
