//! `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::App;
use crate::config::DockerUse;

#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: String,
}

/// The process is alive.
#[utoipa::path(get, path = "/healthz", tag = "health", operation_id = "healthz", security(()),
    responses((status = 200, description = "alive", body = Health)))]
pub async fn alive() -> axum::Json<Health> {
    axum::Json(Health { status: "ok".to_owned() })
}

/// What the server needs, each by itself.
#[derive(Debug, Serialize, ToSchema)]
pub struct Readiness {
    pub ready: bool,
    /// `ok`, or what is wrong.
    pub database: String,
    pub queue: String,
    pub objects: String,
    pub sandbox: String,
    /// `absent` where there is no Docker: wrong only if `docker.use` is `always`.
    pub docker: String,
}

/// Whether requests can be served.
#[utoipa::path(get, path = "/readyz", tag = "health", operation_id = "readyz", security(()),
    responses(
        (status = 200, description = "ready", body = Readiness),
        (status = 503, description = "not ready", body = Readiness),
    ))]
pub async fn ready(State(app): State<Arc<App>>) -> Response {
    let told = |name: &str, result: Result<(), String>| match result {
        Ok(()) => "ok".to_owned(),
        // What is wrong inside is for the log.
        Err(error) => {
            tracing::warn!(%name, %error, "not ready");
            "unavailable".to_owned()
        }
    };
    let database = told("database", app.store.check().await.map_err(|error| error.to_string()));
    let queue = told(
        "queue",
        app.store.queue_depths().await.map(|_| ()).map_err(|error| error.to_string()),
    );
    let objects = told("objects", app.blobs.check().await.map_err(|error| error.to_string()));
    let sandbox = if app.dispatcher.is_stopping() { "stopping" } else { "ok" }.to_owned();
    let docker = docker(&app).await;
    let is_needed = app.config.docker.mode == DockerUse::Always;
    let ready = [&database, &queue, &objects, &sandbox].iter().all(|part| *part == "ok")
        && (docker == "ok" || !is_needed);
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let body = Readiness { ready, database, queue, objects, sandbox, docker };
    let mut response = (status, axum::Json(body)).into_response();
    // It is an answer, not a problem.
    response.extensions_mut().insert(crate::http::Plain);
    response
}

/// Whether Docker answers; it may come and go.
async fn docker(app: &Arc<App>) -> String {
    let Some(docker) = app.engines.docker.clone() else { return "absent".to_owned() };
    let checked = tokio::task::spawn_blocking(move || docker.check()).await;
    match checked {
        Ok(Ok(())) => "ok".to_owned(),
        Ok(Err(error)) => {
            tracing::debug!(%error, "Docker is not there");
            "absent".to_owned()
        }
        Err(_) => "unavailable".to_owned(),
    }
}

/// Prometheus metrics: of the server as a whole, no names in them.
#[utoipa::path(get, path = "/metrics", tag = "health", operation_id = "metrics", security(()),
    responses((status = 200, description = "metrics", body = String,
        content_type = "text/plain")))]
pub async fn metrics(State(app): State<Arc<App>>) -> Response {
    if let Ok(depths) = app.store.queue_depths().await {
        let now = app.clock.now();
        for depth in depths {
            let class = depth.class.as_str();
            metrics::gauge!("mecapy_queue_tasks", "class" => class).set(depth.tasks as f64);
            let age = depth.oldest.map_or(0.0, |oldest| now.since(oldest).as_secs_f64());
            metrics::gauge!("mecapy_queue_age_seconds", "class" => class).set(age);
        }
    }
    let (computing, slots, waiting, under_way) = app.dispatcher.usage();
    metrics::gauge!("mecapy_worker_slots").set(slots as f64);
    metrics::gauge!("mecapy_worker_slots_computing").set(computing as f64);
    metrics::gauge!("mecapy_worker_calls_waiting_for_a_turn").set(waiting as f64);
    metrics::gauge!("mecapy_worker_calls").set(under_way as f64);
    let docker = app.engines.docker.iter().flat_map(|docker| docker.measures());
    for (name, value) in docker {
        metrics::gauge!(format!("mecapy_docker_{name}")).set(value);
    }
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (headers, app.metrics.render()).into_response()
}
