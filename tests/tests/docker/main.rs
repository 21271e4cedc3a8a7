//! The Docker executor against a real daemon: what calls give, what they cannot reach, which
//! containers are kept for them, and the command that uses it.
//!
//! `tools/docker ensure` and `tools/test-images` make what these tests need. Without Docker
//! they fail, unless `MECAPY_WITHOUT_DOCKER=1` says to go without.

mod calls;
mod command;
mod corpus;
mod escape;
mod failures;
mod pool;
mod program;
mod support;
