//! `mecapy-server token`.

use std::time::Duration;

use anyhow::{Context, bail};
use clap::Args;
use mecapy_server::clock::{Clock, SystemClock};
use mecapy_server::config::Config;
use mecapy_server::identity::token::NewToken;
use mecapy_server::store::Role;

use crate::{bootstrap, wiring};

#[derive(Args)]
pub struct TokenArgs {
    /// The tenant; made if there is none.
    #[arg(long, default_value = bootstrap::TENANT)]
    tenant: String,
    /// The account's name; made if there is none.
    #[arg(long, default_value = "administrator")]
    account: String,
    /// The account's role: viewer, user, developer or admin.
    #[arg(long, default_value = "admin")]
    role: String,
    /// Days that the token lasts; for ever if not given.
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

/// Also while a server runs on the same data folder.
pub async fn token(config: &Config, args: TokenArgs) -> anyhow::Result<()> {
    let role = Role::parse(&args.role).with_context(|| {
        format!("`{}` is not a role: viewer, user, developer, admin", args.role)
    })?;
    args.tenant
        .parse::<model::FunctionId>()
        .map_err(|_| anyhow::anyhow!("`{}` is not a tenant's name: a-z, 0-9, -", args.tenant))?;
    if args.account.is_empty() || args.account.chars().any(char::is_control) {
        bail!("the account's name is empty or has control characters");
    }
    let storage = wiring::storage(config)?;
    let store = &*storage.store;
    let now = SystemClock.now();
    let tenant = bootstrap::tenant(store, &args.tenant, now).await?;
    let account = bootstrap::account(store, &tenant.id, &args.account, role, now).await?;
    if account.role != role {
        bail!(
            "the account `{}` is a {}, not a {}: give another name, or `--role {}`",
            account.name,
            account.role.as_str(),
            role.as_str(),
            account.role.as_str()
        );
    }
    let token = NewToken::generate()?;
    let days = |days: u32| now.after(Duration::from_secs(u64::from(days) * 86_400));
    let expires = args.days.map(days);
    bootstrap::add_token(store, &account, &token, "made on the command line", expires, now).await?;
    println!("{}", token.text());
    Ok(())
}
