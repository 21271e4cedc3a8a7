//! What the program does, one module a command.

pub mod backup;
pub mod gc;
pub mod serve;
pub mod token;

use mecapy_server::config::Config;
use mecapy_server::folders;
use mecapy_server::store::sqlite::SqliteStore;

/// Brings the database up to date, as `serve` does by itself.
pub fn migrate(config: &Config) -> anyhow::Result<()> {
    folders::create(&config.data_dir)?;
    let path = folders::database(&config.data_dir);
    let pending = SqliteStore::pending_migrations(&path)?;
    SqliteStore::open(&path, std::sync::Arc::new(mecapy_server::clock::SystemClock))?;
    if pending.is_empty() {
        println!("the database is up to date");
    }
    for migration in pending {
        println!("applied {migration}");
    }
    Ok(())
}
