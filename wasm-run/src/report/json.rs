//! What is printed for programs. The shapes are in docs/wasm-run.md and are part of the
//! interface: keys are added, never changed.

use serde_json::{Map, Value, json};

use crate::ending::{Ended, Known, Stop};

/// The object of a call.
pub fn ended(ended: &Ended) -> Value {
    let usage = ended.usage.as_ref();
    json!({
        "status": status(ended.result.is_ok()),
        "function_id": ended.known.function_id,
        "version": ended.known.version,
        "engine": ended.known.engine,
        "engine_reason": ended.known.engine_reason,
        "result": ended.result.as_ref().ok(),
        "error": ended.result.as_ref().err().map(error),
        "logs": ended.logs.entries,
        "warnings": ended.warnings,
        "usage": {
            "fuel": usage.and_then(|usage| usage.fuel),
            "wall_ms": usage.map(|usage| thousandths(usage.wall_ms)),
            "cpu_ms": usage.map(|usage| thousandths(usage.cpu_ms)),
            "peak_memory_bytes": usage.map(|usage| usage.peak_memory_bytes),
            "cold": usage.map(|usage| usage.cold),
        },
    })
}

/// The object of another command that could not do its work.
pub fn stopped(known: &Known, stop: &Stop) -> Value {
    ended(&Ended::early(known.clone(), stop.clone()))
}

pub fn status(ok: bool) -> &'static str {
    if ok { "completed" } else { "failed" }
}

/// `kind`, `message`, and `traceback`, `violations` and `problems` where there are some.
pub fn error(stop: &Stop) -> Value {
    let mut object = match serde_json::to_value(&stop.failure) {
        Ok(Value::Object(object)) => object,
        _ => Map::new(),
    };
    if let Some(help) = &stop.help {
        object.insert("message".to_owned(), format!("{}; {help}", stop.failure.message).into());
    }
    if !stop.problems.is_empty() {
        object.insert("problems".to_owned(), json!(stop.problems));
    }
    Value::Object(object)
}

/// Milliseconds to the microsecond.
pub fn thousandths(ms: f64) -> f64 {
    (ms * 1e3).round() / 1e3
}
