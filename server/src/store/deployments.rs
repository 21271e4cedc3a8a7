//! Deploys as they go on, and how they ended.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{NewEvent, Page, PageRequest, Publication, Result};
use crate::clock::Time;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeploymentState {
    Queued,
    Running,
    Succeeded,
    Failed,
}

impl DeploymentState {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }

    pub fn is_final(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed)
    }
}

/// One deploy.
#[derive(Clone, Debug, PartialEq)]
pub struct Deployment {
    pub id: Uuid,
    pub tenant: String,
    pub account: Uuid,
    pub state: DeploymentState,
    pub created_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// Steps, package, version, functions, error: as the API shows them.
    pub document: Value,
}

/// What came of publishing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// False: the content was there already.
    pub is_new: bool,
}

#[async_trait]
pub trait DeploymentStore: Send + Sync {
    /// `Conflict` if there is one of that id.
    async fn create_deployment(&self, deployment: Deployment) -> Result<()>;
    async fn deployment(&self, tenant: &str, id: Uuid) -> Result<Deployment>;
    /// Newest first; of one account, or of all.
    async fn deployments(
        &self,
        tenant: &str,
        account: Option<Uuid>,
        page: PageRequest,
    ) -> Result<Page<Deployment>>;
    /// Writes state, times and document, and appends events, unless it has ended
    /// (`Conflict`).
    async fn update_deployment(&self, deployment: Deployment, events: Vec<NewEvent>) -> Result<()>;
    /// `publish` and `update_deployment` in one transaction.
    async fn finish_deployment(
        &self,
        publication: Publication,
        deployment: Deployment,
        events: Vec<NewEvent>,
    ) -> Result<Published>;
    /// Those that have not ended, of all tenants, at most 1,000: after a start, what a server
    /// that died left behind.
    async fn unfinished_deployments(&self) -> Result<Vec<Deployment>>;
}
