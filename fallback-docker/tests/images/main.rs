//! Images, made by the real daemon and shared by a real registry.
//!
//! `tools/docker ensure` and `tools/test-images` make what these tests need. Without Docker
//! they fail, unless `MECAPY_WITHOUT_DOCKER=1` says to go without.

mod building;
mod failing;
mod garbage;
mod harness;
mod programs;
mod registry;
