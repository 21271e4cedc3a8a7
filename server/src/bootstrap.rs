//! The first administrator, so that there is somebody who can make others.

use mecapy_server::clock::{Clock, SystemClock, Time};
use mecapy_server::config::Config;
use mecapy_server::identity::token::NewToken;
use mecapy_server::store::{
    Account, PageRequest, Quotas, Role, Store, StoreError, Tenant, Token, new_id,
};

pub const TENANT: &str = "default";
const ADMINISTRATOR: &str = "administrator";

/// Makes sure that there is an administrator: with the configured token, or, as long as no
/// account has a token, with a new one. `tell` hears of it before it is stored: a start that
/// is cut off in between makes another.
pub async fn administrator(
    config: &Config,
    store: &dyn Store,
    tell: impl FnOnce(&str) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let tenant = tenant(store, TENANT, now).await?;
    if let Some(secret) = &config.admin_token {
        let text = secret.expose();
        let token = NewToken::parse(text)
            .ok_or_else(|| anyhow::anyhow!("admin_token is not like mcp_<id>_<secret>"))?;
        match store.token(&token.id).await {
            Ok((known, _)) if known.hash == token.hash() && known.revoked_at.is_none() => {}
            Ok(_) => anyhow::bail!(
                "there is a token of the id in admin_token already, revoked or with another secret"
            ),
            Err(StoreError::NotFound) => {
                let account = account(store, &tenant.id, ADMINISTRATOR, Role::Admin, now).await?;
                add_token(store, &account, &token, "configured", None, now).await?;
            }
            Err(error) => return Err(error.into()),
        }
        return Ok(());
    }
    let few = || PageRequest { limit: 10, after: None };
    for account in store.accounts(&tenant.id, few()).await?.items {
        if !store.tokens(&tenant.id, account.id, few()).await?.items.is_empty() {
            return Ok(());
        }
    }
    let token = NewToken::generate()?;
    tell(&token.text())?;
    let account = account(store, &tenant.id, ADMINISTRATOR, Role::Admin, now).await?;
    add_token(store, &account, &token, "first start", None, now).await
}

pub async fn tenant(store: &dyn Store, id: &str, now: Time) -> anyhow::Result<Tenant> {
    let tenant = Tenant { id: id.to_owned(), quotas: Quotas::default(), created_at: now };
    Ok(store.ensure_tenant(tenant).await?)
}

/// The account of a name; made, if there is none.
pub async fn account(
    store: &dyn Store,
    tenant: &str,
    name: &str,
    role: Role,
    now: Time,
) -> anyhow::Result<Account> {
    match store.account_named(tenant, name).await {
        Ok(account) => return Ok(account),
        Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    let account = Account {
        id: new_id(),
        tenant: tenant.to_owned(),
        name: name.to_owned(),
        role,
        quotas: Quotas::default(),
        created_at: now,
        created_by: None,
    };
    store.create_account(account.clone()).await?;
    Ok(account)
}

pub async fn add_token(
    store: &dyn Store,
    account: &Account,
    token: &NewToken,
    name: &str,
    expires_at: Option<Time>,
    now: Time,
) -> anyhow::Result<()> {
    store
        .create_token(Token {
            id: token.id.clone(),
            account: account.id,
            tenant: account.tenant.clone(),
            name: name.to_owned(),
            hash: token.hash(),
            scopes: account.role.scopes(),
            created_at: now,
            expires_at,
            last_used_at: None,
            revoked_at: None,
        })
        .await?;
    Ok(())
}
