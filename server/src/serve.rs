//! A server from its start to its end: what is left behind cleaned up, requests served,
//! background work done, and an orderly stop.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use axum::extract::connect_info::ConnectInfo;
use futures_util::FutureExt;
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

/// Exit status of a server that is broken.
const EXIT_BROKEN: i32 = 70;
/// How long a listener rests after an error such as too many open files.
const REST: Duration = Duration::from_millis(50);
/// How often the use of tokens is written.
const KEEP_UP_EVERY: Duration = Duration::from_secs(10);
/// How often objects that nothing refers to are swept.
const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// How long connections may take to close, when all tasks have ended.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);
/// How long containers may take to be removed.
const CONTAINERS_WITHIN: Duration = Duration::from_secs(20);
/// How long deploys may take to hear that they are cancelled.
const DEPLOYS_WITHIN: Duration = Duration::from_secs(10);

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

/// Serves until `stop` says so, then finishes or hands back what is under way. Says whether
/// all of it ended: if not, the next start puts it in order.
pub async fn serve(
    app: Arc<App>,
    listener: TcpListener,
    with_worker: bool,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<bool> {
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
        let asked = Arc::new(AtomicBool::new(false));
        let has_asked = asked.clone();
        let service = service.clone().map_request(move |mut request: axum::http::Request<_>| {
            has_asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(ConnectInfo::<SocketAddr>(address));
            request
        });
        let connection = builder
            .serve_connection_with_upgrades(TokioIo::new(stream), TowerToHyperService::new(service))
            .into_owned();
        let connection = graceful.watch(connection);
        let patience = app.config.limits.header_timeout;
        tokio::spawn(async move {
            tokio::pin!(connection);
            // Before the first request there is no timer but this: which protocol it is has
            // to be known first.
            let ended = match tokio::time::timeout(patience, &mut connection).await {
                Ok(ended) => ended,
                Err(_) if !asked.load(Ordering::Relaxed) => return,
                Err(_) => connection.await,
            };
            if let Err(error) = ended {
                tracing::debug!(%error, %address, "a connection ended early");
            }
            drop(place);
        });
    }
    tracing::info!("stopping");
    drop(listener);
    app.deploys.stop();
    let deploys = tokio::time::timeout(DEPLOYS_WITHIN, app.deploys.all_ended());
    let all_ran = app.dispatcher.stop(app.config.worker.shutdown_grace).await;
    let all_closed = tokio::time::timeout(CLOSE_WITHIN, graceful.shutdown()).await.is_ok();
    if !all_closed {
        tracing::warn!("connections were closed while they were in use");
    }
    let in_order = deploys.await.is_ok() && all_ran && all_closed;
    for task in background {
        task.abort();
    }
    app.authenticator.keep_up().await;
    if let Some(docker) = app.engines.docker.clone() {
        // Nobody calls any more; what a daemon that hangs keeps, the next start removes.
        let closed = tokio::task::spawn_blocking(move || docker.close());
        let _ = tokio::time::timeout(CONTAINERS_WITHIN, closed).await;
    }
    // If all has ended, nobody else works here any more; else the next start sweeps.
    if in_order && gc::is_suspected() {
        gc::sweep(&app.store, &app.blobs, SystemTime::now(), true).await?;
    }
    Ok(in_order)
}

fn background(app: &Arc<App>, with_worker: bool) -> Vec<tokio::task::JoinHandle<()>> {
    let mut tasks = vec![
        watched("leases", app.dispatcher.clone().keep_leases()),
        watched("retention", app.dispatcher.clone().forget_old()),
        watched("webhooks", delivery::deliver(app.clone())),
        watched("tokens", keep_up(app.clone())),
        watched("sweeping", sweep(app.clone())),
    ];
    if with_worker {
        tasks.push(watched("queue", app.dispatcher.clone().take_up()));
    }
    tasks
}

/// Without one of these the server would only seem to work: a mistake of ours in one ends
/// the process, and whoever watches it starts another.
fn watched(
    name: &'static str,
    work: impl Future<Output = ()> + Send + 'static,
) -> tokio::task::JoinHandle<()> {
    tokio::spawn(async move {
        if AssertUnwindSafe(work).catch_unwind().await.is_err() {
            tracing::error!(%name, "background work panicked");
            std::process::exit(EXIT_BROKEN);
        }
    })
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
