//! Deploys.

use async_trait::async_trait;
use rusqlite::Connection;
use uuid::Uuid;

use super::SqliteStore;
use super::events::Batch;
use super::functions::publish;
use super::rows::{
    Columns, after_time_and_id, all, micros, one, row_limit, run, time_key, to_json,
};
use crate::store::{
    Deployment, DeploymentState, DeploymentStore, NewEvent, Page, PageRequest, Publication,
    Published, Result, StoreError,
};

const DEPLOYMENT: &str =
    "SELECT id, tenant, account, state, created_at, started_at, finished_at, doc
    FROM deployments WHERE id = ?1 AND tenant = ?2";
const DEPLOYMENTS: &str =
    "SELECT id, tenant, account, state, created_at, started_at, finished_at, doc
    FROM deployments WHERE tenant = ?1 AND (created_at, id) < (?2, ?3)
        AND (?5 IS NULL OR account = ?5)
    ORDER BY created_at DESC, id DESC LIMIT ?4";
const UNFINISHED: &str =
    "SELECT id, tenant, account, state, created_at, started_at, finished_at, doc
    FROM deployments WHERE state IN ('queued', 'running') ORDER BY created_at LIMIT 1000";

fn parse_state(text: &str) -> Option<DeploymentState> {
    use DeploymentState::{Failed, Queued, Running, Succeeded};
    [Queued, Running, Succeeded, Failed].into_iter().find(|state| state.as_str() == text)
}

fn deployment_of(columns: &mut Columns<'_>) -> Result<Deployment> {
    Ok(Deployment {
        id: columns.id()?,
        tenant: columns.take()?,
        account: columns.id()?,
        state: columns.named(parse_state)?,
        created_at: columns.time()?,
        started_at: columns.maybe_time()?,
        finished_at: columns.maybe_time()?,
        document: columns.json()?,
    })
}

fn update(conn: &Connection, deployment: &Deployment, batch: &Batch) -> Result<()> {
    let key = (deployment.id.as_bytes(), &deployment.tenant);
    let before = one(conn, DEPLOYMENT, key, deployment_of)?.ok_or(StoreError::NotFound)?;
    if before.state.is_final() {
        return Err(StoreError::Conflict("the deployment has ended already".to_owned()));
    }
    // Without a time of its end it could not be forgotten.
    let created_at = deployment.created_at;
    let finished_at = deployment.finished_at.or(deployment.state.is_final().then_some(created_at));
    let events = one(
        conn,
        "UPDATE deployments
         SET state = ?2, started_at = ?3, finished_at = ?4, doc = ?5, events = events + ?6
         WHERE id = ?1 RETURNING events",
        (
            deployment.id.as_bytes(),
            deployment.state.as_str(),
            micros(deployment.started_at),
            micros(finished_at),
            to_json(&deployment.document)?,
            batch.count(),
        ),
        |columns| columns.take::<i64>(),
    )?;
    batch.append(conn, &deployment.id, events.ok_or(StoreError::NotFound)? - batch.count())
}

#[async_trait]
impl DeploymentStore for SqliteStore {
    async fn create_deployment(&self, deployment: Deployment) -> Result<()> {
        self.write(move |conn| {
            run(
                conn,
                "INSERT INTO deployments
                    (id, tenant, account, state, created_at, started_at, finished_at, doc)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                (
                    deployment.id.as_bytes(),
                    &deployment.tenant,
                    deployment.account.as_bytes(),
                    deployment.state.as_str(),
                    deployment.created_at.micros(),
                    micros(deployment.started_at),
                    micros(deployment.finished_at),
                    to_json(&deployment.document)?,
                ),
            )?;
            Ok(())
        })
        .await
    }

    async fn deployment(&self, tenant: &str, id: Uuid) -> Result<Deployment> {
        let tenant = tenant.to_owned();
        self.read(move |conn| {
            one(conn, DEPLOYMENT, (id.as_bytes(), tenant), deployment_of)?
                .ok_or(StoreError::NotFound)
        })
        .await
    }

    async fn deployments(
        &self,
        tenant: &str,
        account: Option<Uuid>,
        page: PageRequest,
    ) -> Result<Page<Deployment>> {
        let tenant = tenant.to_owned();
        let (at, id) = after_time_and_id(&page)?;
        self.read(move |conn| {
            let account = account.map(|account| account.as_bytes().to_vec());
            let params = (tenant, at, id.as_bytes(), row_limit(page.limit), account);
            let found = all(conn, DEPLOYMENTS, params, deployment_of)?;
            Ok(Page::of(found, page.limit, |deployment| {
                time_key(deployment.created_at, &deployment.id.to_string())
            }))
        })
        .await
    }

    async fn update_deployment(&self, deployment: Deployment, events: Vec<NewEvent>) -> Result<()> {
        let batch = Batch::of(&events)?;
        self.write(move |conn| update(conn, &deployment, &batch)).await
    }

    async fn finish_deployment(
        &self,
        publication: Publication,
        deployment: Deployment,
        events: Vec<NewEvent>,
    ) -> Result<Published> {
        let batch = Batch::of(&events)?;
        self.write(move |conn| {
            update(conn, &deployment, &batch)?;
            Ok(Published { is_new: publish(conn, &publication)? })
        })
        .await
    }

    async fn unfinished_deployments(&self) -> Result<Vec<Deployment>> {
        self.read(|conn| all(conn, UNFINISHED, (), deployment_of)).await
    }
}
