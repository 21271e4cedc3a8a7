//! Packages that a server deploys when it starts.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use mecapy_server::app::App;
use mecapy_server::deploy::{Order, Source};
use mecapy_server::store::{DeploymentState, PageRequest, Role, new_id};

use crate::bootstrap::TENANT;

/// Deploys every folder of `folder` with a manifest, in the tenant `default`, one after the
/// other; says what was deployed. One that fails is logged and does not stop the others.
pub async fn deploy(app: &Arc<App>, folder: &Path) -> anyhow::Result<Vec<String>> {
    let accounts = app.store.accounts(TENANT, PageRequest { limit: 200, after: None }).await?.items;
    let account = accounts
        .into_iter()
        .find(|account| account.role == Role::Admin)
        .context("there is no administrator to deploy as")?;
    let mut packages: Vec<_> = std::fs::read_dir(folder)
        .with_context(|| format!("the folder {}", folder.display()))?
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
        .collect();
    packages.sort();
    let mut deployed = Vec::new();
    for path in packages {
        let shown = path.display().to_string();
        let read = {
            let path = path.clone();
            tokio::task::spawn_blocking(move || {
                let archive = package::archive::read_folder(&path).ok()?;
                // What is no package is none of ours.
                package::manifest::read(&archive).ok()?;
                package::archive::write_zip(&archive.tree).ok()
            })
            .await?
        };
        let Some(bytes) = read else { continue };
        let id = new_id();
        let order = Order {
            id,
            tenant: TENANT.to_owned(),
            account: account.id,
            is_admin: true,
            source: Source::Archive {
                name: "package.zip".to_owned(),
                bytes: bytes.into(),
                room: None,
            },
            visibility: None,
        };
        if let Err(problem) = app.deploys.begin(order).await {
            tracing::warn!(package = %shown, detail = %problem.detail, "not deployed");
            continue;
        }
        let mut ear = app.signals.listen(id);
        let deployment = loop {
            let deployment = app.store.deployment(TENANT, id).await?;
            if deployment.state.is_final() {
                break deployment;
            }
            let _ = tokio::time::timeout(Duration::from_secs(1), ear.rung()).await;
        };
        if deployment.state == DeploymentState::Succeeded {
            let ids = deployment.document["functions"].as_array().cloned().unwrap_or_default();
            deployed.extend(ids.iter().filter_map(|id| id.as_str()).map(str::to_owned));
        } else {
            let detail = deployment.document["error"]["detail"].as_str().unwrap_or_default();
            tracing::warn!(package = %shown, %detail, "not deployed");
        }
    }
    Ok(deployed)
}
