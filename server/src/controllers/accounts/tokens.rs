//! Tokens of a service account.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::crud::check_name;
use crate::app::App;
use crate::clock::Time;
use crate::controllers::{Trail, audit, making_room};
use crate::http::{Json, List, ListQuery, Listed, Path, Query};
use crate::identity::Caller;
use crate::identity::token::NewToken;
use crate::problem::{Named, Problem};
use crate::store::{Scope, Scopes, Token};

/// A token, without its secret.
#[derive(Debug, Serialize, ToSchema)]
pub struct TokenView {
    pub id: String,
    pub name: String,
    pub scopes: Vec<Scope>,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    /// To about a minute.
    pub last_used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

impl From<&Token> for TokenView {
    fn from(token: &Token) -> Self {
        Self {
            id: token.id.clone(),
            name: token.name.clone(),
            scopes: token.scopes.0.clone(),
            created_at: token.created_at,
            expires_at: token.expires_at,
            last_used_at: token.last_used_at,
            revoked_at: token.revoked_at,
        }
    }
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "nightly report", "scopes": ["read", "execute"]}))]
pub struct TokenOrder {
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\p{C}]+$")]
    pub name: String,
    /// What it may be used for, within the account's role; all of that if not given.
    #[serde(default)]
    #[schema(max_items = 16)]
    pub scopes: Option<Vec<Scope>>,
    /// It lasts until then; for ever if not given.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Time>,
}

/// A token with its secret, shown this once.
#[derive(Debug, Serialize, ToSchema)]
pub struct FreshToken {
    /// `mcp_<id>_<secret>`: send it as `Authorization: Bearer`.
    pub token: String,
    #[serde(flatten)]
    pub details: TokenView,
}

/// Makes a token of an account. Its secret is in this answer and nowhere else, so an
/// `Idempotency-Key` has no effect here.
#[utoipa::path(post, path = "/api/service-accounts/{id}/tokens", tag = "accounts",
    operation_id = "create_token", params(("id" = Uuid, Path, description = "the account")),
    request_body = TokenOrder,
    responses((status = 201, description = "made", body = FreshToken)))]
pub async fn create(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path(id): Path<Uuid>,
    Json { value: body, .. }: Json<TokenOrder>,
) -> Result<(StatusCode, axum::Json<FreshToken>), Problem> {
    caller.may(Scope::Admin)?;
    check_name(&body.name)?;
    let account = app.store.account(caller.tenant(), id).await.named("account")?;
    let now = app.clock.now();
    if body.expires_at.is_some_and(|expires| expires <= now) {
        return Err(Problem::at("/expires_at", "minimum", "that time is over"));
    }
    let mut scopes = body.scopes.unwrap_or_else(|| account.role.scopes().0);
    scopes.sort();
    scopes.dedup();
    let fresh = NewToken::generate().map_err(|error| Problem::internal(&error))?;
    let token = Token {
        id: fresh.id.clone(),
        account: account.id,
        tenant: account.tenant.clone(),
        name: body.name,
        hash: fresh.hash(),
        scopes: Scopes(scopes),
        created_at: now,
        expires_at: body.expires_at,
        last_used_at: None,
        revoked_at: None,
    };
    app.store.create_token(token.clone()).await?;
    audit(&app, &caller, &trail, "token.create", &token.id).await;
    let answer = FreshToken { token: fresh.text(), details: TokenView::from(&token) };
    Ok((StatusCode::CREATED, axum::Json(answer)))
}

/// An account's tokens, newest first, revoked ones too.
#[utoipa::path(get, path = "/api/service-accounts/{id}/tokens", tag = "accounts",
    operation_id = "list_tokens",
    params(("id" = Uuid, Path, description = "the account"), ListQuery),
    responses((status = 200, description = "tokens", body = List<TokenView>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<Uuid>,
    Query(query): Query<ListQuery>,
) -> Result<Listed<TokenView>, Problem> {
    caller.may(Scope::Admin)?;
    let page = query.page()?;
    app.store.account(caller.tenant(), id).await.named("account")?;
    let page = app.store.tokens(caller.tenant(), id, page).await?;
    Ok(axum::Json(List::of(page, |token| TokenView::from(&token))))
}

/// Revokes a token, at once and for ever.
#[utoipa::path(delete, path = "/api/service-accounts/{id}/tokens/{token_id}", tag = "accounts",
    operation_id = "revoke_token",
    params(("id" = Uuid, Path, description = "the account"),
        ("token_id" = String, Path, description = "the token's id")),
    responses((status = 204, description = "revoked")))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    trail: Trail,
    Path((id, token)): Path<(Uuid, String)>,
) -> Result<StatusCode, Problem> {
    caller.may(Scope::Admin)?;
    let revoke = || app.store.revoke_token(caller.tenant(), id, &token, app.clock.now());
    making_room(&app, revoke).await.named("token")?;
    app.authenticator.forget();
    audit(&app, &caller, &trail, "token.revoke", &token).await;
    Ok(StatusCode::NO_CONTENT)
}
