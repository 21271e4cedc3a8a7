//! Service accounts: made, listed, changed, deleted.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::FutureExt;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::App;
use crate::clock::Time;
use crate::controllers::{Trail, audit, making_room};
use crate::http::{Json, Key, List, ListQuery, Listed, Path, Query, object, object_or_null, once};
use crate::identity::Caller;
use crate::problem::{Named, Problem};
use crate::store::{Account, Quotas, Role, Scope, StoreError};

pub const MAX_NAME_CHARS: usize = 100;
/// Largest quotas; without one, there is no limit.
pub const MAX_COUNT: u32 = 1_000_000_000;
pub const MAX_STORAGE_BYTES: u64 = 1 << 53;

/// An account that programs use.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountView {
    pub id: Uuid,
    pub tenant: String,
    pub name: String,
    pub role: Role,
    pub quotas: Quotas,
    pub created_at: Time,
    pub created_by: Option<Uuid>,
}

impl From<Account> for AccountView {
    fn from(account: Account) -> Self {
        Self {
            id: account.id,
            tenant: account.tenant,
            name: account.name,
            role: account.role,
            quotas: account.quotas,
            created_at: account.created_at,
            created_by: account.created_by,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly report", "role": "user"}))]
pub struct NewAccount {
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\p{C}]+$")]
    pub name: String,
    pub role: Role,
    #[serde(default, deserialize_with = "object")]
    pub quotas: Quotas,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"role": "user"}))]
pub struct AccountChange {
    #[serde(default)]
    #[schema(min_length = 1, max_length = 100)]
    pub name: Option<String>,
    #[serde(default)]
    pub role: Option<Role>,
    #[serde(default, deserialize_with = "object_or_null")]
    pub quotas: Option<Quotas>,
}

/// Makes a service account of the caller's tenant. It has no token yet.
#[utoipa::path(post, path = "/api/service-accounts", tag = "accounts",
    operation_id = "create_account",
    params(("Idempotency-Key" = Option<String>, Header, description = "the same key and body \
        are answered as the first time")),
    request_body = NewAccount,
    responses((status = 201, description = "made", body = AccountView,
        headers(("location" = String, description = "the account")))))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    key: Key,
    Json { value: body, fingerprint, room: _room }: Json<NewAccount>,
) -> Result<Response, Problem> {
    caller.may(Scope::Admin)?;
    check_name(&body.name)?;
    check_quotas(&body.quotas, "/quotas")?;
    let (app, caller) = (&app, &caller);
    once(app, caller, key, &[b"account", &fingerprint], |id| {
        async move {
            if let Ok(account) = app.store.account(caller.tenant(), id).await {
                return Ok(made(account));
            }
            let account = Account {
                id,
                tenant: caller.tenant().to_owned(),
                name: body.name,
                role: body.role,
                quotas: body.quotas,
                created_at: app.clock.now(),
                created_by: Some(caller.id()),
            };
            app.store.create_account(account.clone()).await?;
            audit(app, caller, &trail, "account.create", &account.name).await;
            Ok(made(account))
        }
        .boxed()
    })
    .await
}

fn made(account: Account) -> Response {
    let headers = [(header::LOCATION, format!("/api/service-accounts/{}", account.id))];
    (StatusCode::CREATED, headers, axum::Json(AccountView::from(account))).into_response()
}

/// The tenant's service accounts, newest first.
#[utoipa::path(get, path = "/api/service-accounts", tag = "accounts",
    operation_id = "list_accounts", params(ListQuery),
    responses((status = 200, description = "accounts", body = List<AccountView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Listed<AccountView>, Problem> {
    caller.may(Scope::Admin)?;
    let page = app.store.accounts(caller.tenant(), query.page()?).await?;
    Ok(axum::Json(List::of(page, AccountView::from)))
}

/// One account.
#[utoipa::path(get, path = "/api/service-accounts/{id}", tag = "accounts",
    operation_id = "get_account", params(("id" = Uuid, Path, description = "the account")),
    responses((status = 200, description = "the account", body = AccountView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
) -> Result<axum::Json<AccountView>, Problem> {
    caller.may(Scope::Admin)?;
    let account = app.store.account(caller.tenant(), id).await.named("account")?;
    Ok(axum::Json(account.into()))
}

/// Changes name, role or quotas. The last administrator stays one.
#[utoipa::path(patch, path = "/api/service-accounts/{id}", tag = "accounts",
    operation_id = "update_account", params(("id" = Uuid, Path, description = "the account")),
    request_body = AccountChange,
    responses((status = 200, description = "the account", body = AccountView)))]
pub async fn update(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path(id): Path<Uuid>,
    Json { value: body, .. }: Json<AccountChange>,
) -> Result<axum::Json<AccountView>, Problem> {
    caller.may(Scope::Admin)?;
    if let Some(name) = &body.name {
        check_name(name)?;
    }
    if let Some(quotas) = &body.quotas {
        check_quotas(quotas, "/quotas")?;
    }
    let mut account = app.store.account(caller.tenant(), id).await.named("account")?;
    account.name = body.name.unwrap_or(account.name);
    account.role = body.role.unwrap_or(account.role);
    account.quotas = body.quotas.unwrap_or(account.quotas);
    app.store.update_account(account.clone()).await.named("account")?;
    app.authenticator.forget();
    audit(&app, &caller, &trail, "account.update", &account.name).await;
    Ok(axum::Json(account.into()))
}

/// Deletes an account; its tokens are revoked with it.
#[utoipa::path(delete, path = "/api/service-accounts/{id}", tag = "accounts",
    operation_id = "delete_account", params(("id" = Uuid, Path, description = "the account")),
    responses((status = 204, description = "deleted")))]
pub async fn delete(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin)?;
    let account = app.store.account(caller.tenant(), id).await.named("account")?;
    let delete = || app.store.delete_account(caller.tenant(), id, app.clock.now());
    match making_room(&app, delete).await {
        Err(StoreError::NotFound) => return Err(Problem::not_found("account")),
        other => other?,
    }
    app.authenticator.forget();
    audit(&app, &caller, &trail, "account.delete", &account.name).await;
    Ok(StatusCode::NO_CONTENT)
}

pub fn check_name(name: &str) -> Result<(), Problem> {
    let length = name.chars().count();
    if (1..=MAX_NAME_CHARS).contains(&length) && !name.chars().any(char::is_control) {
        return Ok(());
    }
    let message = format!("a name has 1 to {MAX_NAME_CHARS} characters, none of them a control");
    Err(Problem::at("/name", "format", message))
}

/// Quotas that can be counted with.
pub fn check_quotas(quotas: &Quotas, base: &str) -> Result<(), Problem> {
    let counts = [
        ("calls_per_minute", quotas.calls_per_minute),
        ("concurrent_calls", quotas.concurrent_calls),
        ("cpu_seconds_per_day", quotas.cpu_seconds_per_day),
    ];
    let storage = quotas.storage_bytes.map(|bytes| ("storage_bytes", bytes, MAX_STORAGE_BYTES));
    let counts = counts
        .into_iter()
        .filter_map(|(name, count)| Some((name, u64::from(count?), u64::from(MAX_COUNT))));
    for (name, value, most) in counts.chain(storage) {
        if value > most {
            let message = format!("`{name}` is at most {most}");
            return Err(Problem::at(format!("{base}/{name}"), "maximum", message));
        }
    }
    Ok(())
}
