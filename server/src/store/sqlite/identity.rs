//! Tenants, accounts and the audit log. Tokens are in `tokens`.

use async_trait::async_trait;
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::rows::{
    Columns, after_time_and_id, all, bytes_of, one, row_limit, run, time_key, to_json,
};
use super::tokens;
use crate::clock::Time;
use crate::store::{
    Account, AuditEntry, IdentityStore, Page, PageRequest, Quotas, Result, Role, StoreError,
    Tenant, Token,
};

const TENANT: &str = "SELECT id, quotas, created_at FROM tenants WHERE id = ?1";
const ACCOUNT: &str = "SELECT id, tenant, name, role, quotas, created_at, created_by
    FROM accounts WHERE id = ?1 AND tenant = ?2 AND deleted_at IS NULL";
const ACCOUNT_NAMED: &str = "SELECT id, tenant, name, role, quotas, created_at, created_by
    FROM accounts WHERE tenant = ?1 AND name = ?2 AND deleted_at IS NULL";
const ACCOUNTS: &str = "SELECT id, tenant, name, role, quotas, created_at, created_by
    FROM accounts
    WHERE tenant = ?1 AND deleted_at IS NULL AND (created_at, id) < (?2, ?3)
    ORDER BY created_at DESC, id DESC LIMIT ?4";
const AUDIT_LOG: &str = "SELECT id, at, tenant, account, action, target, request_id, address
    FROM audit WHERE tenant = ?1 AND (at, id) < (?2, ?3)
    ORDER BY at DESC, id DESC LIMIT ?4";
/// Administrators but one who can still do what administrators do.
const OTHER_ADMINISTRATORS: &str = "SELECT tokens.scopes
    FROM accounts JOIN tokens ON tokens.account = accounts.id
    WHERE accounts.tenant = ?1 AND accounts.deleted_at IS NULL AND accounts.role = 'admin'
        AND accounts.id <> ?2
        AND tokens.revoked_at IS NULL AND (tokens.expires_at IS NULL OR tokens.expires_at > ?3)";
const OWN_TOKENS: &str = "SELECT scopes FROM tokens
    WHERE account = ?1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > ?2)";

fn tenant_of(columns: &mut Columns<'_>) -> Result<Tenant> {
    Ok(Tenant { id: columns.take()?, quotas: columns.json()?, created_at: columns.time()? })
}

pub(super) fn account_of(columns: &mut Columns<'_>) -> Result<Account> {
    Ok(Account {
        id: columns.id()?,
        tenant: columns.take()?,
        name: columns.take()?,
        role: columns.named(Role::parse)?,
        quotas: columns.json()?,
        created_at: columns.time()?,
        created_by: columns.maybe_id()?,
    })
}

fn entry_of(columns: &mut Columns<'_>) -> Result<AuditEntry> {
    Ok(AuditEntry {
        id: columns.id()?,
        at: columns.time()?,
        tenant: columns.take()?,
        account: columns.maybe_id()?,
        action: columns.take()?,
        target: columns.take()?,
        request_id: columns.take()?,
        address: columns.take()?,
    })
}

pub(super) fn account(conn: &Connection, tenant: &str, id: &Uuid) -> Result<Account> {
    one(conn, ACCOUNT, (id.as_bytes(), tenant), account_of)?.ok_or(StoreError::NotFound)
}

fn tenant(conn: &Connection, id: &str) -> Result<Tenant> {
    one(conn, TENANT, (id,), tenant_of)?.ok_or(StoreError::NotFound)
}

/// An administrator who can act is not taken away if there is no other.
fn check_others(conn: &Connection, account: &Account, now: Time) -> Result<()> {
    let is_usable = |columns: &mut Columns<'_>| {
        Ok(columns.json::<crate::store::Scopes>()?.has(crate::store::Scope::Admin))
    };
    let now = now.micros();
    let own = all(conn, OWN_TOKENS, (account.id.as_bytes(), now), is_usable)?;
    if account.role != Role::Admin || !own.contains(&true) {
        return Ok(());
    }
    let id = account.id.as_bytes();
    let others = all(conn, OTHER_ADMINISTRATORS, (&account.tenant, id, now), is_usable)?;
    if others.contains(&true) {
        return Ok(());
    }
    Err(StoreError::Conflict(
        "no administrator with a usable token would be left in the tenant".to_owned(),
    ))
}

fn check_name(conn: &Connection, account: &Account) -> Result<()> {
    match one(conn, ACCOUNT_NAMED, (&account.tenant, &account.name), account_of)? {
        Some(other) if other.id != account.id => Err(StoreError::Conflict(format!(
            "there is an account named `{}` already",
            account.name
        ))),
        _ => Ok(()),
    }
}

#[async_trait]
impl IdentityStore for SqliteStore {
    async fn ensure_tenant(&self, wanted: Tenant) -> Result<Tenant> {
        let quotas = to_json(&wanted.quotas)?;
        self.write(move |conn| {
            run(
                conn,
                "INSERT INTO tenants (id, quotas, created_at) VALUES (?1, ?2, ?3)
                 ON CONFLICT DO NOTHING",
                (&wanted.id, quotas, wanted.created_at.micros()),
            )?;
            tenant(conn, &wanted.id)
        })
        .await
    }

    async fn tenant(&self, id: &str) -> Result<Tenant> {
        let id = id.to_owned();
        self.read(move |conn| tenant(conn, &id)).await
    }

    async fn set_tenant_quotas(&self, id: &str, quotas: Quotas) -> Result<Tenant> {
        let id = id.to_owned();
        let quotas = to_json(&quotas)?;
        self.write(move |conn| {
            run(conn, "UPDATE tenants SET quotas = ?2 WHERE id = ?1", (&id, quotas))?;
            tenant(conn, &id)
        })
        .await
    }

    async fn create_account(&self, account: Account) -> Result<()> {
        let quotas = to_json(&account.quotas)?;
        self.write(move |conn| {
            tenant(conn, &account.tenant)?;
            let known = "SELECT 1 FROM accounts WHERE id = ?1";
            if one(conn, known, (account.id.as_bytes(),), |_| Ok(()))?.is_some() {
                return Err(StoreError::Conflict("there is an account of that id".to_owned()));
            }
            check_name(conn, &account)?;
            run(
                conn,
                "INSERT INTO accounts (id, tenant, name, role, quotas, created_at, created_by)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                (
                    account.id.as_bytes(),
                    &account.tenant,
                    &account.name,
                    account.role.as_str(),
                    quotas,
                    account.created_at.micros(),
                    bytes_of(account.created_by.as_ref()),
                ),
            )?;
            Ok(())
        })
        .await
    }

    async fn account(&self, tenant: &str, id: Uuid) -> Result<Account> {
        let tenant = tenant.to_owned();
        self.read(move |conn| account(conn, &tenant, &id)).await
    }

    async fn account_named(&self, tenant: &str, name: &str) -> Result<Account> {
        let (tenant, name) = (tenant.to_owned(), name.to_owned());
        self.read(move |conn| {
            one(conn, ACCOUNT_NAMED, (tenant, name), account_of)?.ok_or(StoreError::NotFound)
        })
        .await
    }

    async fn accounts(&self, tenant: &str, page: PageRequest) -> Result<Page<Account>> {
        let tenant = tenant.to_owned();
        let (at, id) = after_time_and_id(&page)?;
        self.read(move |conn| {
            let params = (tenant, at, id.as_bytes(), row_limit(page.limit));
            let accounts = all(conn, ACCOUNTS, params, account_of)?;
            Ok(Page::of(accounts, page.limit, |account| {
                time_key(account.created_at, &account.id.to_string())
            }))
        })
        .await
    }

    async fn update_account(&self, changed: Account) -> Result<()> {
        let quotas = to_json(&changed.quotas)?;
        let now = self.clock.now();
        self.write(move |conn| {
            let before = account(conn, &changed.tenant, &changed.id)?;
            check_name(conn, &changed)?;
            if changed.role != Role::Admin {
                check_others(conn, &before, now)?;
            }
            run(
                conn,
                "UPDATE accounts SET name = ?2, role = ?3, quotas = ?4 WHERE id = ?1",
                (changed.id.as_bytes(), &changed.name, changed.role.as_str(), quotas),
            )?;
            Ok(())
        })
        .await
    }

    async fn delete_account(&self, tenant: &str, id: Uuid, now: Time) -> Result<()> {
        let tenant = tenant.to_owned();
        self.write(move |conn| {
            let account = account(conn, &tenant, &id)?;
            check_others(conn, &account, now)?;
            run(
                conn,
                "UPDATE accounts SET deleted_at = ?2 WHERE id = ?1",
                (id.as_bytes(), now.micros()),
            )?;
            run(
                conn,
                "UPDATE tokens SET revoked_at = ?2 WHERE account = ?1 AND revoked_at IS NULL",
                (id.as_bytes(), now.micros()),
            )?;
            Ok(())
        })
        .await
    }

    async fn create_token(&self, token: Token) -> Result<()> {
        let scopes = to_json(&token.scopes)?;
        self.write(move |conn| tokens::create(conn, &token, &scopes)).await
    }

    async fn token(&self, id: &str) -> Result<(Token, Account)> {
        let id = id.to_owned();
        self.read(move |conn| tokens::with_account(conn, &id)).await
    }

    async fn tokens(&self, tenant: &str, account: Uuid, page: PageRequest) -> Result<Page<Token>> {
        let tenant = tenant.to_owned();
        self.read(move |conn| tokens::list(conn, &tenant, &account, &page)).await
    }

    async fn revoke_token(&self, tenant: &str, account: Uuid, id: &str, now: Time) -> Result<()> {
        let (tenant, id) = (tenant.to_owned(), id.to_owned());
        self.write(move |conn| tokens::revoke(conn, &tenant, &account, &id, now)).await
    }

    async fn touch_tokens(&self, used: Vec<(String, Time)>) -> Result<()> {
        self.write(move |conn| tokens::touch(conn, &used)).await
    }

    async fn audit(&self, entries: Vec<AuditEntry>) -> Result<()> {
        self.write(move |conn| entries.iter().try_for_each(|entry| append(conn, entry))).await
    }

    async fn audit_log(&self, tenant: &str, page: PageRequest) -> Result<Page<AuditEntry>> {
        let tenant = tenant.to_owned();
        let (at, id) = after_time_and_id(&page)?;
        self.read(move |conn| {
            let params = (tenant, at, id.as_bytes(), row_limit(page.limit));
            let entries = all(conn, AUDIT_LOG, params, entry_of)?;
            Ok(Page::of(entries, page.limit, |entry| time_key(entry.at, &entry.id.to_string())))
        })
        .await
    }
}

fn append(conn: &Connection, entry: &AuditEntry) -> Result<()> {
    run(
        conn,
        "INSERT INTO audit (id, at, tenant, account, action, target, request_id, address)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        (
            entry.id.as_bytes(),
            entry.at.micros(),
            &entry.tenant,
            bytes_of(entry.account.as_ref()),
            &entry.action,
            &entry.target,
            &entry.request_id,
            &entry.address,
        ),
    )?;
    Ok(())
}
