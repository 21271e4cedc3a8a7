//! Where the parts are made and put together: the one module, with the program's commands,
//! that names an engine or a database.

use std::sync::Arc;

use anyhow::{Context, bail};
use fallback_docker::Docker;
use fallback_docker::settings::{Bases, BuildLimits, KeepImages, PoolLimits, Registry, Settings};
use model::Executor;
use runtime::{Metering, Sandbox, SandboxConfig};

use mecapy_server::app::{App, Engines, Parts};
use mecapy_server::blobs::Blobs;
use mecapy_server::blobs::folder::FolderBlobs;
use mecapy_server::clock::SystemClock;
use mecapy_server::config::{Config, DockerUse};
use mecapy_server::folders::{self, Hold};
use mecapy_server::sealed::SealingKey;
use mecapy_server::store::Store;
use mecapy_server::store::sqlite::SqliteStore;

/// Instances that may be alive beyond those of calls: deploys try functions too.
const INSTANCES_FOR_DEPLOYS: usize = 16;

/// Database and objects of a data folder.
pub struct Storage {
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
}

/// Opens the embedded database, migrated, and the objects.
pub fn storage(config: &Config) -> anyhow::Result<Storage> {
    let data = &config.data_dir;
    folders::create(data).with_context(|| format!("the data folder {}", data.display()))?;
    let path = folders::database(data);
    let store = SqliteStore::open(&path, Arc::new(SystemClock))
        .with_context(|| format!("the database {}", path.display()))?;
    let objects = folders::objects(data);
    let blobs = FolderBlobs::open(&objects)
        .with_context(|| format!("the objects {}", objects.display()))?;
    Ok(Storage { store, blobs: Arc::new(blobs) })
}

/// The one hold of a data folder.
pub fn hold(config: &Config) -> anyhow::Result<Hold> {
    let data = &config.data_dir;
    match Hold::take(data).with_context(|| format!("the data folder {}", data.display()))? {
        Some(hold) => Ok(hold),
        None => bail!("the data folder {} is in use by another server", data.display()),
    }
}

pub fn sealing(config: &Config) -> anyhow::Result<SealingKey> {
    let configured = config.secret_key.as_ref().map(|secret| secret.expose());
    let key = folders::sealing_key(&config.data_dir, configured).context("the sealing key")?;
    Ok(SealingKey::from_bytes(key))
}

/// The whole server, its sandbox ready to run.
pub fn app(config: Arc<Config>, storage: Storage) -> anyhow::Result<Arc<App>> {
    let sandbox = Sandbox::new(SandboxConfig {
        instances: config.worker.threads + INSTANCES_FOR_DEPLOYS,
        ..SandboxConfig::new(&config.cache_dir)
    })?;
    tracing::info!("making the sandbox ready; the first time on a machine this takes a minute");
    sandbox.warm_up(Metering::Unmetered)?;
    sandbox.warm_up(Metering::Metered)?;
    let sandbox: Arc<dyn Executor> = Arc::new(sandbox);
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new()
        .set_buckets(&[
            0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
            30.0, 60.0, 300.0,
        ])?
        .install_recorder()?;
    App::new(Parts {
        sealing: Arc::new(sealing(&config)?),
        clock: Arc::new(SystemClock),
        store: storage.store,
        blobs: storage.blobs,
        engines: Engines { sandbox, docker: docker(&config)? },
        spawn: Arc::new(|name: &str, body| runtime::spawn_worker(name, body).map(|_| ())),
        metrics: recorder,
        config,
    })
}

/// The fallback. Whether a daemon is there is found out when it is needed: it may come later.
fn docker(config: &Config) -> anyhow::Result<Option<Arc<dyn Executor>>> {
    let docker = &config.docker;
    if docker.mode == DockerUse::Never {
        return Ok(None);
    }
    let own = Settings::default();
    let registry = docker.registry.clone().map(|prefix| Registry {
        prefix,
        user: docker.registry_user.clone(),
        password: docker.registry_password.as_ref().map(|secret| secret.expose().to_owned()),
    });
    // Containers of a server that died are known by its data folder, which one server has.
    let folder = config.data_dir.canonicalize().context("the data folder")?;
    let executor = Docker::new(Settings {
        host: docker.host.clone(),
        bases: Bases {
            python: docker.python_base.clone(),
            scientific: docker.scientific_base.clone(),
            cfd: docker.cfd_base.clone(),
        },
        versions: docker.versions.clone(),
        registry,
        runtime: docker.runtime.clone(),
        owner: format!("mecapy-server {}", folder.display()),
        scratch: Some(config.cache_dir.join("images")),
        build: BuildLimits {
            timeout: docker.build_timeout,
            image_bytes: docker.image_bytes,
            memory_bytes: docker.build_memory_bytes,
            ..own.build
        },
        keep: KeepImages {
            unused_for: docker.keep_images,
            bytes: docker.keep_images_bytes,
            ..own.keep
        },
        pool: PoolLimits {
            containers: docker.containers,
            memory_bytes: docker.memory_bytes,
            pause_after: docker.pause_after,
            remove_after: docker.remove_after,
            ..own.pool
        },
        ..own
    })?;
    if let Err(error) = executor.check() {
        tracing::info!(%error, "there is no Docker; what needs it is refused until there is");
    }
    Ok(Some(Arc::new(executor)))
}
