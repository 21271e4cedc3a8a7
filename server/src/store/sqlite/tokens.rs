//! Tokens of accounts.

use rusqlite::Connection;
use uuid::Uuid;

use super::identity::{account, account_of};
use super::rows::{Columns, after_time, all, micros, one, row_limit, run, time_key};
use crate::clock::Time;
use crate::store::{Account, Page, PageRequest, Result, StoreError, Token};

const TOKEN: &str = "SELECT
        tokens.id, tokens.account, tokens.tenant, tokens.name, tokens.hash, tokens.scopes,
        tokens.created_at, tokens.expires_at, tokens.last_used_at, tokens.revoked_at,
        accounts.id, accounts.tenant, accounts.name, accounts.role, accounts.quotas,
        accounts.created_at, accounts.created_by
    FROM tokens JOIN accounts ON accounts.id = tokens.account
    WHERE tokens.id = ?1";
const TOKENS: &str = "SELECT id, account, tenant, name, hash, scopes,
        created_at, expires_at, last_used_at, revoked_at
    FROM tokens
    WHERE account = ?1 AND tenant = ?2 AND (created_at, id) < (?3, ?4)
    ORDER BY created_at DESC, id DESC LIMIT ?5";

fn token_of(columns: &mut Columns<'_>) -> Result<Token> {
    Ok(Token {
        id: columns.take()?,
        account: columns.id()?,
        tenant: columns.take()?,
        name: columns.take()?,
        hash: columns.take()?,
        scopes: columns.json()?,
        created_at: columns.time()?,
        expires_at: columns.maybe_time()?,
        last_used_at: columns.maybe_time()?,
        revoked_at: columns.maybe_time()?,
    })
}

/// Of an account that is there, and not deleted.
pub(super) fn create(conn: &Connection, token: &Token, scopes: &str) -> Result<()> {
    account(conn, &token.tenant, &token.account)?;
    run(
        conn,
        "INSERT INTO tokens (id, account, tenant, name, hash, scopes, created_at, expires_at,
            last_used_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        (
            &token.id,
            token.account.as_bytes(),
            &token.tenant,
            &token.name,
            &token.hash,
            scopes,
            token.created_at.micros(),
            micros(token.expires_at),
            micros(token.last_used_at),
            micros(token.revoked_at),
        ),
    )?;
    Ok(())
}

pub(super) fn with_account(conn: &Connection, id: &str) -> Result<(Token, Account)> {
    one(conn, TOKEN, (id,), |columns| Ok((token_of(columns)?, account_of(columns)?)))?
        .ok_or(StoreError::NotFound)
}

pub(super) fn list(
    conn: &Connection,
    tenant: &str,
    owner: &Uuid,
    page: &PageRequest,
) -> Result<Page<Token>> {
    account(conn, tenant, owner)?;
    let (at, id) = after_time(page)?;
    let params = (owner.as_bytes(), tenant, at, id, row_limit(page.limit));
    let tokens = all(conn, TOKENS, params, token_of)?;
    Ok(Page::of(tokens, page.limit, |token| time_key(token.created_at, &token.id)))
}

pub(super) fn revoke(
    conn: &Connection,
    tenant: &str,
    account: &Uuid,
    id: &str,
    now: Time,
) -> Result<()> {
    let changed = run(
        conn,
        "UPDATE tokens SET revoked_at = COALESCE(revoked_at, ?4)
         WHERE id = ?1 AND account = ?2 AND tenant = ?3",
        (id, account.as_bytes(), tenant, now.micros()),
    )?;
    if changed == 0 { Err(StoreError::NotFound) } else { Ok(()) }
}

/// Tokens that are not there are passed over.
pub(super) fn touch(conn: &Connection, used: &[(String, Time)]) -> Result<()> {
    for (id, at) in used {
        run(
            conn,
            "UPDATE tokens SET last_used_at = ?2
             WHERE id = ?1 AND (last_used_at IS NULL OR last_used_at < ?2)",
            (id, at.micros()),
        )?;
    }
    Ok(())
}
