//! Tenants, service accounts, tokens, and who did what.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{Page, PageRequest, Result};
use crate::clock::Time;

/// What an account may do within its tenant; each may what those before it may.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Executes functions.
    User,
    /// Deploys functions.
    Developer,
    /// Manages accounts and quotas.
    Admin,
}

impl Role {
    pub const ALL: [Self; 4] = [Self::Viewer, Self::User, Self::Developer, Self::Admin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::User => "user",
            Self::Developer => "developer",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// All that the role may.
    pub fn scopes(self) -> Scopes {
        let all = [Scope::Read, Scope::Execute, Scope::Deploy, Scope::Admin];
        Scopes(all[..=self as usize].to_vec())
    }
}

/// One thing that a token may be used for.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    Read,
    Execute,
    Deploy,
    Admin,
}

impl Scope {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Execute => "execute",
            Self::Deploy => "deploy",
            Self::Admin => "admin",
        }
    }
}

/// A set of scopes, sorted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Scopes(pub Vec<Scope>);

impl Scopes {
    pub fn has(&self, scope: Scope) -> bool {
        self.0.contains(&scope)
    }

    /// What both allow.
    pub fn both(&self, other: &Self) -> Self {
        Self(self.0.iter().copied().filter(|scope| other.has(*scope)).collect())
    }
}

/// Limits of use; what is not given is the configuration's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"calls_per_minute": 100000, "concurrent_calls": 1000}))]
pub struct Quotas {
    /// Calls that may begin within a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000000000)]
    pub calls_per_minute: Option<u32>,
    /// Calls that may be under way at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000000000)]
    pub concurrent_calls: Option<u32>,
    /// Processor time of all calls of a day, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 1000000000)]
    pub cpu_seconds_per_day: Option<u32>,
    /// Stored files, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(maximum = 9007199254740992_i64)]
    pub storage_bytes: Option<u64>,
}

/// A company: all that is in one is invisible in another, but public functions.
#[derive(Clone, Debug, PartialEq)]
pub struct Tenant {
    /// A slug.
    pub id: String,
    pub quotas: Quotas,
    pub created_at: Time,
}

/// Who calls: a service account.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    pub id: Uuid,
    pub tenant: String,
    /// Unique within the tenant, among accounts that are not deleted.
    pub name: String,
    pub role: Role,
    pub quotas: Quotas,
    pub created_at: Time,
    pub created_by: Option<Uuid>,
}

/// A secret that stands for an account. Of the secret itself only the hash is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Token {
    /// The part that is not secret, between `mcp_` and the next `_`.
    pub id: String,
    pub account: Uuid,
    pub tenant: String,
    pub name: String,
    /// SHA-256 of the secret.
    pub hash: [u8; 32],
    pub scopes: Scopes,
    pub created_at: Time,
    pub expires_at: Option<Time>,
    pub last_used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

/// Who did what.
#[derive(Clone, Debug, PartialEq)]
pub struct AuditEntry {
    pub id: Uuid,
    pub at: Time,
    pub tenant: String,
    pub account: Option<Uuid>,
    /// `function.deploy`, `token.create`, ...
    pub action: String,
    /// What it was done to.
    pub target: String,
    pub request_id: String,
    pub address: Option<String>,
}

#[async_trait]
pub trait IdentityStore: Send + Sync {
    /// Makes a tenant, unless there is one of this id; answers with what is there then.
    async fn ensure_tenant(&self, tenant: Tenant) -> Result<Tenant>;
    async fn tenant(&self, id: &str) -> Result<Tenant>;
    async fn set_tenant_quotas(&self, id: &str, quotas: Quotas) -> Result<Tenant>;

    /// `Conflict` if the tenant has an account of that name, or one of that id.
    async fn create_account(&self, account: Account) -> Result<()>;
    async fn account(&self, tenant: &str, id: Uuid) -> Result<Account>;
    async fn account_named(&self, tenant: &str, name: &str) -> Result<Account>;
    /// Newest first.
    async fn accounts(&self, tenant: &str, page: PageRequest) -> Result<Page<Account>>;
    /// Changes name, role and quotas. `Conflict` for a name that another has, or if no
    /// administrator with a usable token would be left in the tenant.
    async fn update_account(&self, account: Account) -> Result<()>;
    /// Its tokens are revoked with it; what it made stays. `Conflict` as above.
    async fn delete_account(&self, tenant: &str, id: Uuid, now: Time) -> Result<()>;

    /// `Conflict` if there is a token of that id.
    async fn create_token(&self, token: Token) -> Result<()>;
    /// With its account, whatever the tenant: for authentication alone. Revoked and expired
    /// tokens are answered too.
    async fn token(&self, id: &str) -> Result<(Token, Account)>;
    /// Newest first, revoked ones included.
    async fn tokens(&self, tenant: &str, account: Uuid, page: PageRequest) -> Result<Page<Token>>;
    /// Once revoked, it stays so.
    async fn revoke_token(&self, tenant: &str, account: Uuid, id: &str, now: Time) -> Result<()>;
    /// Remembers when tokens were last used.
    async fn touch_tokens(&self, used: Vec<(String, Time)>) -> Result<()>;

    /// Appends; nothing removes.
    async fn audit(&self, entries: Vec<AuditEntry>) -> Result<()>;
    /// Newest first.
    async fn audit_log(&self, tenant: &str, page: PageRequest) -> Result<Page<AuditEntry>>;
}
