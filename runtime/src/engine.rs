//! The two ways in which the component is compiled, and the clock that ends calls.

use std::sync::Arc;
use std::time::Duration;

use wasmtime::{Config, Engine, OptLevel, WasmBacktraceDetails};

use crate::memory::{self, Pool};
use crate::thread::GUEST_STACK_BYTES;

/// How often running guests look at their deadline and at cancellation.
const TICK: Duration = Duration::from_millis(5);

/// Whether instructions are counted.
///
/// Counting costs plain Python about a fifth of its time (see docs/performance.md), and most calls do
/// not need it: their deadline and memory cap hold by other means. So the component is
/// compiled twice, and a call takes the variant that it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Metering {
    /// Deadlines by epochs alone. For calls with no instruction budget.
    Unmetered,
    /// Fuel is counted, and NaNs are canonical. For calls with a budget, and for
    /// deterministic ones.
    Metered,
}

impl Metering {
    pub fn name(self) -> &'static str {
        match self {
            Self::Unmetered => "unmetered",
            Self::Metered => "metered",
        }
    }
}

/// An engine with its clock running.
pub fn new(metering: Metering, pool: Arc<Pool>) -> wasmtime::Result<Engine> {
    let metered = metering == Metering::Metered;
    let mut config = Config::new();
    memory::configure(&mut config, pool);
    config
        .wasm_component_model(true)
        .consume_fuel(metered)
        .cranelift_nan_canonicalization(metered)
        .epoch_interruption(true)
        .cranelift_opt_level(OptLevel::Speed)
        .async_stack_size(GUEST_STACK_BYTES)
        .max_wasm_stack(GUEST_STACK_BYTES)
        .wasm_memory64(false)
        .wasm_multi_memory(false)
        .wasm_relaxed_simd(false)
        .wasm_tail_call(false)
        .native_unwind_info(false)
        .generate_address_map(false)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable);
    let engine = Engine::new(&config)?;
    start_clock(&engine)?;
    Ok(engine)
}

/// Advances the engine's epoch for as long as the engine lives.
fn start_clock(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("mecapy-clock".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
