//! The log, as the configuration says.

use mecapy_server::config::{Log, LogFormat};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;

/// To standard error: standard output is for what a command answers.
pub fn start(log: &Log) -> anyhow::Result<()> {
    let builder = fmt()
        .with_env_filter(EnvFilter::try_new(&log.filter)?)
        .with_writer(std::io::stderr)
        // A log that cannot be written, on a disk that is full, stops nothing else.
        .log_internal_errors(false)
        .with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    match log.format {
        LogFormat::Json => builder.json().init(),
        LogFormat::Pretty => builder.init(),
    }
    Ok(())
}
