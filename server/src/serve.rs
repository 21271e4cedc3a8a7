//! A server from its start to its end: what is left behind cleaned up, requests served,
//! background work done, and an orderly stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::extract::connect_info::ConnectInfo;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tower::ServiceExt;

use crate::app::App;
use crate::folders::Hold;
use crate::{delivery, gc, router};

/// How long a listener rests after an error such as too many open files.
const REST: Duration = Duration::from_millis(50);
/// How often the use of tokens is written.
const KEEP_UP_EVERY: Duration = Duration::from_secs(10);
/// How often objects that nothing refers to are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// How long connections may take to close, when all tasks have ended.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Puts in order what a server before this one left behind. Nobody else works here yet.
pub async fn recover(app: &Arc<App>, hold: &Hold) -> anyhow::Result<()> {
    app.blobs.clear_staging().await?;
    app.dispatcher.find_lost(true).await;
    let ended = app.deploys.end_interrupted().await?;
    if ended > 0 {
        tracing::warn!(deployments = ended, "deploys were cut off; nothing of them is visible");
    }
    if hold.was_unclean {
        let swept = gc::sweep(&app.store, &app.blobs, SystemTime::now(), true).await?;
        tracing::info!(orphans = swept.orphans, objects = swept.objects, "objects were swept");
    }
    Ok(())
}

/// Serves until `stop` says so, then finishes or hands back what is under way.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    with_worker: bool,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let background = background(&app, with_worker);
    let graceful = GracefulShutdown::new();
    let service = router::router(app.clone());
    let connections = Arc::new(Semaphore::new(app.config.limits.connections));
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(app.config.limits.header_timeout)
        .max_buf_size(64 * 1024);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .max_concurrent_streams(256)
        .max_header_list_size(64 * 1024);
    tokio::pin!(stop);
    loop {
        // Beyond the limit, connections wait in the kernel's line, which is bounded.
        let place = tokio::select! {
            place = connections.clone().acquire_owned() => place?,
            () = &mut stop => break,
        };
        let (stream, address) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "a connection was not accepted");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Answers are small and wait for nothing.
        let _ = stream.set_nodelay(true);
        let service = service.clone().map_request(move |mut request: axum::http::Request<_>| {
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(address));
            request
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, %address, "a connection ended early");
            }
            drop(place);
        });
    }
    tracing::info!("stopping");
    drop(listener);
    app.deploys.stop();
    app.dispatcher.stop(app.config.worker.shutdown_grace).await;
    if tokio::time::timeout(CLOSE_WITHIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections were closed while they were in use");
    }
    for task in background {
        task.abort();
    }
    app.authenticator.keep_up().await;
    // Nobody else works here any more.
    if gc::is_suspected() {
        gc::sweep(&app.store, &app.blobs, SystemTime::now(), true).await?;
    }
    Ok(())
}

fn background(app: &Arc<App>, with_worker: bool) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = vec![
        tokio::spawn(app.dispatcher.clone().keep_leases()),
        tokio::spawn(app.dispatcher.clone().forget_old()),
        tokio::spawn(delivery::deliver(app.clone())),
        tokio::spawn(keep_up(app.clone())),
        tokio::spawn(sweep(app.clone())),
    ];
    if with_worker {
        tasks.push(tokio::spawn(app.dispatcher.clone().take_up()));
    }
    tasks
}

async fn keep_up(app: Arc<App>) {
    loop {
        tokio::time::sleep(KEEP_UP_EVERY).await;
        app.authenticator.keep_up().await;
        app.metrics.run_upkeep();
    }
}

async fn sweep(app: Arc<App>) {
    loop {
        tokio::time::sleep(SWEEP_EVERY).await;
        let before = SystemTime::now().checked_sub(gc::GRACE).unwrap_or(SystemTime::UNIX_EPOCH);
        match gc::sweep(&app.store, &app.blobs, before, true).await {
            Ok(swept) if swept.orphans > 0 => {
                tracing::info!(orphans = swept.orphans, "objects were swept");
            }
            Ok(_) => {}
            Err(error) => tracing::warn!(%error, "objects were not swept"),
        }
    }
}
