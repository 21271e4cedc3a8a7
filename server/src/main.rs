//! `mecapy-server`: the platform's server, and what its operator does with its data.

#![forbid(unsafe_code)]

mod bootstrap;
mod commands;
mod examples;
mod logging;
mod wiring;

use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use mecapy_server::config::{Config, Flags, Sources};

/// Deploys, versions, executes and follows functions over REST.
#[derive(Parser)]
#[command(name = "mecapy-server", version, about)]
struct Args {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves the API, and runs tasks.
    Serve(commands::serve::ServeArgs),
    /// Runs tasks of a server elsewhere; needs a shared database.
    Worker,
    /// Brings the database up to date.
    Migrate,
    /// Prints the effective configuration, secrets masked.
    Config,
    /// Makes a token of an account, and the account and its tenant if there are none.
    Token(commands::token::TokenArgs),
    /// Removes objects that nothing refers to, and what is older than its retention.
    Gc(commands::gc::GcArgs),
    /// Writes database, objects and key into one file.
    Backup(commands::backup::BackupArgs),
    /// Fills an empty data folder from a backup.
    Restore(commands::backup::RestoreArgs),
    /// Prints the OpenAPI document.
    Openapi,
}

fn main() -> ExitCode {
    let args = Args::parse();
    match run(args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mecapy-server: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    if let Command::Openapi = args.command {
        println!("{:#}", mecapy_server::router::document());
        return Ok(());
    }
    let config = Arc::new(Config::load(Sources::of_process(args.flags)?)?);
    logging::start(&config.log)?;
    match args.command {
        Command::Serve(serve) => runtime(&config)?.block_on(commands::serve::serve(config, serve)),
        Command::Worker => anyhow::bail!(
            "a worker of its own needs a database that it shares with the server; with the \
             embedded one, the server itself runs tasks"
        ),
        Command::Migrate => commands::migrate(&config),
        Command::Config => {
            print!("{}", config.effective());
            Ok(())
        }
        Command::Token(token) => runtime(&config)?.block_on(commands::token::token(&config, token)),
        Command::Gc(gc) => runtime(&config)?.block_on(commands::gc::gc(&config, gc)),
        Command::Backup(backup) => {
            runtime(&config)?.block_on(commands::backup::backup(&config, backup))
        }
        Command::Restore(restore) => commands::backup::restore(&config, &restore),
        Command::Openapi => Ok(()),
    }
}

/// Threads of the HTTP server; calls have their own.
fn runtime(config: &Config) -> anyhow::Result<tokio::runtime::Runtime> {
    let threads = config.worker.slots.clamp(2, 16);
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .thread_name("mecapy-http")
        .enable_all()
        .build()?)
}
