//! `mecapy-server serve`.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use clap::Args;
use mecapy_server::config::Config;
use mecapy_server::serve;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::{bootstrap, examples, wiring};

#[derive(Args)]
pub struct ServeArgs {
    /// Serves the API and runs no queued tasks.
    #[arg(long)]
    no_worker: bool,
    /// Deploys the packages of a folder when it starts.
    #[arg(long, value_name = "FOLDER")]
    deploy: Option<PathBuf>,
    /// Writes the first administrator's token into a file, instead of printing it.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

pub async fn serve(config: Arc<Config>, args: ServeArgs) -> anyhow::Result<()> {
    // Heard from the beginning on: a stop while it starts is one in order too.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let hold = wiring::hold(&config)?;
    hold.begin().context("the data folder cannot be written to")?;
    let storage = wiring::storage(&config)?;
    let file = args.token_file.as_deref();
    bootstrap::administrator(&config, &*storage.store, |token| tell(token, file)).await?;
    // Bound before the sandbox is made ready: an address that is in use is told at once.
    let listener = TcpListener::bind(config.listen)
        .await
        .with_context(|| format!("the address {} cannot be listened at", config.listen))?;
    let address = listener.local_addr()?;
    let app = {
        let config = config.clone();
        tokio::task::spawn_blocking(move || wiring::app(config, storage)).await??
    };
    serve::recover(&app, &hold).await?;
    if let Some(folder) = &args.deploy {
        let deployed = examples::deploy(&app, folder).await?;
        tracing::info!(functions = deployed.len(), "deployed the packages of a folder");
    }
    // Standard output hears of nothing else: a script can wait for this line.
    println!("listening on http://{address}");
    std::io::stdout().flush()?;
    tracing::info!(%address, "serving");
    let stop = async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    let in_order = serve::serve(app.clone(), listener, !args.no_worker, stop).await?;
    drop(app);
    if in_order {
        hold.stopped()?;
    }
    tracing::info!(in_order, "stopped");
    Ok(())
}

fn tell(token: &str, file: Option<&std::path::Path>) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    match file {
        Some(path) => {
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)
                .with_context(|| format!("the file {}", path.display()))?;
            writeln!(file, "{token}")?;
            // A pipe has nothing to be synced.
            let _ = file.sync_all();
        }
        None => {
            println!("administrator token (shown this once): {token}");
            std::io::stdout().flush()?;
        }
    }
    Ok(())
}
