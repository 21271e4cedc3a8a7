//! Who the caller is, its tenant's quotas and audit log.

use std::sync::Arc;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::crud::{AccountView, check_quotas};
use crate::app::App;
use crate::clock::Time;
use crate::controllers::{Trail, audit};
use crate::http::{Json, List, ListQuery, Listed, Query};
use crate::identity::Caller;
use crate::problem::Problem;
use crate::store::{AuditEntry, Quotas, Scope};

/// Who asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct Me {
    #[serde(flatten)]
    pub account: AccountView,
    /// What both the role and the token allow.
    pub scopes: Vec<Scope>,
}

/// The account whose token this is.
#[utoipa::path(get, path = "/api/auth/me", tag = "accounts", operation_id = "get_me",
    responses((status = 200, description = "the caller", body = Me)))]
pub async fn me(caller: Caller) -> axum::Json<Me> {
    let account = AccountView::from((*caller.account).clone());
    axum::Json(Me { account, scopes: caller.scopes.0 })
}

/// The caller's tenant.
#[derive(Debug, Serialize, ToSchema)]
pub struct TenantView {
    pub id: String,
    /// What is not given is the configuration's.
    pub quotas: Quotas,
    /// Bytes of all its files.
    pub stored_bytes: u64,
    /// Processor time of its calls of today, UTC, in milliseconds.
    pub cpu_ms_today: f64,
    pub created_at: Time,
}

/// The caller's tenant: quotas, and what is used of them.
#[utoipa::path(get, path = "/api/tenant", tag = "accounts", operation_id = "get_tenant",
    responses((status = 200, description = "the tenant", body = TenantView)))]
pub async fn show(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> Result<axum::Json<TenantView>, Problem> {
    caller.may(Scope::Read)?;
    let tenant = app.store.tenant(caller.tenant()).await?;
    view(&app, &caller, tenant).await
}

/// Changes the tenant's quotas.
#[utoipa::path(put, path = "/api/tenant/quotas", tag = "accounts", operation_id = "set_quotas",
    request_body = Quotas,
    responses((status = 200, description = "the tenant", body = TenantView)))]
pub async fn set_quotas(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Json { value: quotas, .. }: Json<Quotas>,
) -> Result<axum::Json<TenantView>, Problem> {
    caller.may(Scope::Admin)?;
    check_quotas(&quotas, "")?;
    let tenant = app.store.set_tenant_quotas(caller.tenant(), quotas).await?;
    app.authenticator.forget();
    audit(&app, &caller, &trail, "tenant.quotas", caller.tenant()).await;
    view(&app, &caller, tenant).await
}

async fn view(
    app: &App,
    caller: &Caller,
    tenant: crate::store::Tenant,
) -> Result<axum::Json<TenantView>, Problem> {
    let day = app.clock.now().day();
    let (cpu_ms_today, _) = app.store.cpu_ms_of_day(&tenant.id, caller.id(), day).await?;
    Ok(axum::Json(TenantView {
        stored_bytes: app.store.stored_bytes(&tenant.id).await?,
        cpu_ms_today,
        id: tenant.id,
        quotas: tenant.quotas,
        created_at: tenant.created_at,
    }))
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditView {
    pub id: Uuid,
    pub at: Time,
    pub account: Option<Uuid>,
    /// `function.deploy`, `token.create`, ...
    pub action: String,
    pub target: String,
    pub request_id: String,
    pub address: Option<String>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at,
            account: entry.account,
            action: entry.action,
            target: entry.target,
            request_id: entry.request_id,
            address: entry.address,
        }
    }
}

/// Who did what in the tenant, newest first. Nothing is ever taken out of it.
#[utoipa::path(get, path = "/api/audit", tag = "accounts", operation_id = "list_audit",
    params(ListQuery),
    responses((status = 200, description = "the audit log", body = List<AuditView>)))]
pub async fn audit_log(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Listed<AuditView>, Problem> {
    caller.may(Scope::Admin)?;
    let page = app.store.audit_log(caller.tenant(), query.page()?).await?;
    Ok(axum::Json(List::of(page, AuditView::from)))
}
