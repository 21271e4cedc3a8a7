//! The Python component's flavours and the standard library that goes with them.
pub static PYTHON: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/python-0.wasm"));
