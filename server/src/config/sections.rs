//! Every key there is.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Value;

use model::manifest::PythonVersion;

use super::docker::{BASE, DAEMON, DockerUse, NAME, REGISTRY, USES, Versions};
use super::key::Fallback::{Computed, Is, Unset};
use super::kind::{Optional, OrUnlimited, later};
use super::layers::Layers;
use super::numbers::{Share, Switch, days, hours, milliseconds, seconds, size, whole};
use super::texts::{
    Address, Choice, FilePath, HEX_KEY, LogFilter, Names, PASSWORD, TOKEN, WebAddress,
};
use super::{Origins, Secret};

const POSTGRESQL: &str = "PostgreSQL comes with a later release";
const REDIS: &str = "Redis comes with a later release";
const S3_STORE: &str = "S3 comes with a later release";
const OPENID: &str = "OpenID Connect comes with a later release";

/// Sizes above are a mistake of writing.
const TIB: u64 = 1 << 40;
const YEAR_SECONDS: u64 = 365 * 86_400;
const MOST_SLOTS: u64 = 1024;
const THREADS_PER_SLOT: u64 = 4;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Json,
    Pretty,
}

const LOG_FORMATS: Choice<LogFormat> =
    Choice(&[("json", LogFormat::Json), ("pretty", LogFormat::Pretty)]);

section! {
    /// The whole configuration.
    pub struct Config in "" {
        /// Where the API listens.
        listen: SocketAddr = Is("\"127.0.0.1:8000\""), Address;
        /// Folder of the database and the objects.
        data_dir: PathBuf = Is("\"mecapy-data\""), FilePath;
        /// Folder of what can be made again: compiled code, dependencies, snapshots.
        cache_dir: PathBuf = Computed("`mecapy` in `XDG_CACHE_HOME`, else in `~/.cache`"), FilePath;
        /// Where users reach the server, for links; unset: what they asked for.
        public_url: Option<String> = Unset, Optional(WebAddress);
        /// The administrator's token; unset: made and printed at the first start.
        admin_token: Option<Secret> = Unset, Optional(TOKEN);
        /// Encrypts secrets in the database; unset: made and kept in the data folder.
        secret_key: Option<Secret> = Unset, Optional(HEX_KEY);
        /// The `uv` that resolves dependencies; unset: the one on `PATH`.
        uv: Option<PathBuf> = Unset, Optional(FilePath);
        /// The `git` that fetches repositories, on `PATH` or by its path.
        git: PathBuf = Is("\"git\""), FilePath;
        /// PostgreSQL instead of the embedded database.
        database_url: Option<Secret> = Unset, later(POSTGRESQL);
        /// Redis for queue and cache.
        redis_url: Option<Secret> = Unset, later(REDIS);
    } with {
        log: Log,
        worker: Worker,
        limits: Limits,
        quotas: Quotas,
        deploy: Deploy,
        docker: Docker,
        webhooks: Webhooks,
        retention: Retention,
        s3: S3,
        oidc: Oidc,
        origins: Origins,
    }
}

section! {
    /// What the server says of itself.
    pub struct Log in "log" {
        /// Form of the log.
        format: LogFormat = Is("\"pretty\""), LOG_FORMATS;
        /// What is logged.
        filter: String = Is("\"info\""), LogFilter;
    }
}

section! {
    /// The worker that runs calls.
    pub struct Worker in "worker" {
        /// Calls that compute at a time.
        slots: usize = Computed("the number of CPUs"), whole(1..=MOST_SLOTS);
        /// Calls under way at a time, those that wait for something too; at least `worker.slots`.
        threads: usize = Computed("four times `worker.slots`"),
            whole(1..=MOST_SLOTS * THREADS_PER_SLOT);
        /// How long a call computes before others have their turn.
        slice as "slice_ms": Duration = Is("10"), milliseconds(1..=1000);
        /// How long a task stays with a worker that no longer answers.
        lease as "lease_seconds": Duration = Is("30"), seconds(3..=3600);
        /// How long a stopping worker lets its calls finish before it hands them back.
        shutdown_grace as "shutdown_grace_seconds": Duration = Is("30"), seconds(0..=3600);
        /// Part of the slots that calls of five minutes and more may have.
        long_running_share: f64 = Is("0.5"), Share;
    }
}

section! {
    /// What one request, or all of them together, may take.
    pub struct Limits in "limits" {
        /// Largest JSON body.
        body_bytes: usize = Is("\"4 MiB\""), size(1024..=TIB);
        /// Largest package archive.
        archive_bytes: u64 = Is("\"64 MiB\""), size(1024..=TIB);
        /// Largest uploaded file.
        file_bytes: u64 = Is("\"1 GiB\""), size(1024..=TIB);
        /// How long a request's headers may take to arrive.
        header_timeout as "header_timeout_seconds": Duration = Is("30"), seconds(1..=3600);
        /// How long the next part of a request's body may take to arrive.
        body_timeout as "body_timeout_seconds": Duration = Is("30"), seconds(1..=3600);
        /// Longest wait that `Prefer: wait` is granted.
        max_wait as "max_wait_seconds": Duration = Is("300"), seconds(0..=3600);
        /// Queued tasks of one tenant.
        queue_length: usize = Is("100000"), whole(1..=100_000_000);
        /// Deploys at a time.
        deploys: usize = Is("2"), whole(1..=1024);
        /// Deploys that wait for their turn.
        waiting_deploys: usize = Is("32"), whole(0..=100_000);
        /// Open connections.
        connections: usize = Is("4096"), whole(1..=1_000_000);
        /// Event streams followed at a time.
        sse_streams: usize = Is("1024"), whole(0..=1_000_000);
    }
}

section! {
    /// What each tenant and account may use, where its own quota does not say.
    pub struct Quotas in "quotas" {
        /// Calls a minute.
        calls_per_minute: Option<NonZeroU32> = Is("60000"), OrUnlimited(whole(1..=1_000_000_000));
        /// Calls that run at a time; queued ones wait until others have ended.
        concurrent_calls: Option<u64> = Is("1000"), OrUnlimited(whole(1..=1_000_000_000));
        /// CPU time a day.
        cpu_per_day as "cpu_seconds_per_day": Option<Duration> = Is("172800"),
            OrUnlimited(seconds(1..=1_000_000_000));
        /// Packages, inputs, results and files kept.
        storage_bytes: Option<u64> = Is("\"10 GiB\""), OrUnlimited(size(1024..=1024 * TIB));
        /// Requests of one account a second, over time.
        requests_per_second: NonZeroU32 = Is("2000"), whole(1..=1_000_000);
        /// Requests of one account at once.
        requests_burst: NonZeroU32 = Is("4000"), whole(1..=1_000_000);
        /// Failed logins from one address a minute.
        failed_logins_per_minute: NonZeroU32 = Is("30"), whole(1..=1_000_000);
    }
}

section! {
    /// What may be deployed, and from where.
    pub struct Deploy in "deploy" {
        /// Top-level modules that a package's own code may not import; unset: those of handlers.md.
        blocked_modules: Option<Vec<String>> = Unset, Optional(Names);
        /// The only top-level modules that it may import, with its own; unset: any other.
        allowed_modules: Option<Vec<String>> = Unset, Optional(Names);
        /// Built-in functions that it may not call; unset: those of handlers.md.
        blocked_calls: Option<Vec<String>> = Unset, Optional(Names);
        /// How long fetching a repository may take.
        git_timeout as "git_timeout_seconds": Duration = Is("120"), seconds(1..=3600);
        /// Whether repositories may be `file:` URLs, of this machine.
        git_file_urls: bool = Is("false"), Switch;
        /// Whether repositories may be on hosts with private addresses.
        git_private_hosts: bool = Is("false"), Switch;
        /// Private key for repositories over SSH.
        git_ssh_key: Option<PathBuf> = Unset, Optional(FilePath);
        /// Keys of the hosts that are trusted over SSH.
        git_known_hosts: Option<PathBuf> = Unset, Optional(FilePath);
    }
}

section! {
    /// Docker, for what the sandbox cannot run.
    pub struct Docker in "docker" {
        /// Whether it is used: while there is one, always, or never.
        mode as "use": DockerUse = Is("\"auto\""), USES;
        /// Where its daemon listens; unset: where Docker's own client finds it.
        host: Option<String> = Unset, Optional(DAEMON);
        /// Base image `python-base`.
        python_base: String = Is("\"python:{version}-slim\""), BASE;
        /// Base image `python-scientific`.
        scientific_base: String = Is("\"python:{version}-slim\""), BASE;
        /// Base image `python-cfd`.
        cfd_base: String = Is("\"python:{version}-slim\""), BASE;
        /// Python versions that the base images come in.
        versions: Vec<PythonVersion> = Is("[\"3.10\", \"3.11\", \"3.12\", \"3.13\"]"), Versions;
        /// Where images are pushed to and pulled from.
        registry: Option<String> = Unset, Optional(REGISTRY);
        /// Who it is that pushes and pulls.
        registry_user: Option<String> = Unset, Optional(NAME);
        /// The password of that user.
        registry_password: Option<Secret> = Unset, Optional(PASSWORD);
        /// Runtime of containers, such as `runsc`; unset: the daemon's own.
        runtime: Option<String> = Unset, Optional(NAME);
        /// Containers that are there at a time, those that are kept ready too.
        containers: usize = Is("200"), whole(1..=10_000);
        /// Memory that calls in containers may use together.
        memory_bytes: u64 = Computed("half of the machine's memory"), size(64 << 20..=TIB);
        /// How long a container is unused before it is paused.
        pause_after as "pause_after_seconds": Duration = Is("60"), seconds(0..=86_400);
        /// How long a container is unused before it is removed.
        remove_after as "remove_after_seconds": Duration = Is("1800"), seconds(0..=YEAR_SECONDS);
        /// How long building an image may take.
        build_timeout as "build_timeout_seconds": Duration = Is("600"), seconds(1..=7200);
        /// Memory of a build.
        build_memory_bytes: u64 = Is("\"2 GiB\""), size(64 << 20..=TIB);
        /// Largest image.
        image_bytes: u64 = Is("\"4 GiB\""), size(1 << 20..=TIB);
        /// How long images are kept that no call uses.
        keep_images as "keep_images_days": Duration = Is("30"), days(1..=3650);
        /// Disk of all images together, before the longest unused are removed.
        keep_images_bytes: u64 = Is("\"20 GiB\""), size(1 << 20..=1024 * TIB);
    }
}

section! {
    /// Events that are sent out.
    pub struct Webhooks in "webhooks" {
        /// Whether targets may have private or loopback addresses.
        allow_private_targets: bool = Is("false"), Switch;
        /// Deliveries at a time.
        parallel: usize = Is("8"), whole(1..=1024);
    }
}

section! {
    /// How long things are kept.
    pub struct Retention in "retention" {
        /// Answers to requests with an `Idempotency-Key`.
        idempotency as "idempotency_hours": Duration = Is("24"), hours(1..=8760);
        /// Results that answer the same call again.
        result_cache as "result_cache_days": Duration = Is("30"), days(1..=3650);
        /// Reports of deploys.
        deployments as "deployments_days": Duration = Is("90"), days(1..=3650);
        /// Links to files.
        signed_url as "signed_url_seconds": Duration = Is("3600"), seconds(1..=YEAR_SECONDS);
    }
}

section! {
    /// Objects in S3.
    pub struct S3 in "s3" {
        /// Its address.
        endpoint: Option<String> = Unset, later(S3_STORE);
        /// The bucket.
        bucket: Option<String> = Unset, later(S3_STORE);
        /// The bucket's region.
        region: Option<String> = Unset, later(S3_STORE);
        /// Name of the access key.
        access_key: Option<String> = Unset, later(S3_STORE);
        /// The access key's secret.
        secret_key: Option<Secret> = Unset, later(S3_STORE);
    }
}

section! {
    /// Identity by OpenID Connect.
    pub struct Oidc in "oidc" {
        /// Whose tokens are accepted.
        issuer: Option<String> = Unset, later(OPENID);
        /// What tokens must be for.
        audience: Option<String> = Unset, later(OPENID);
        /// The dashboard's client.
        client_id: Option<String> = Unset, later(OPENID);
    }
}

/// Fills in the defaults that are `Computed`.
pub(super) fn compute(layers: &mut Layers, cache_dir: &Path) {
    let cpus = std::thread::available_parallelism().map_or(1, |cpus| cpus.get() as u64);
    layers.add_computed("worker.slots", integer(cpus.min(MOST_SLOTS)));
    let slots = layers.peek("worker.slots", &whole::<u64>(1..=MOST_SLOTS)).unwrap_or(1);
    layers.add_computed("worker.threads", integer(slots * THREADS_PER_SLOT));
    layers.add_computed("docker.memory_bytes", integer((memory_bytes() / 2).max(64 << 20)));
    let cache_dir = cache_dir.to_string_lossy().into_owned();
    layers.add_computed("cache_dir", Value::String(cache_dir));
}

/// Of the machine; where the kernel does not say, as much as a small one has.
fn memory_bytes() -> u64 {
    const SMALL: u64 = 4 << 30;
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|rest| rest.trim().trim_end_matches("kB").trim().parse::<u64>().ok());
    kib.map_or(SMALL, |kib| kib * 1024)
}

fn integer(number: u64) -> Value {
    Value::Integer(number.try_into().unwrap_or(i64::MAX))
}

/// What keys must be to each other.
pub(super) fn check(config: &Config, layers: &mut Layers) {
    let Worker { slots, threads, .. } = config.worker;
    if threads < slots {
        let allowed = format!("at least `worker.slots`, which is {slots}");
        layers.refuse("worker.threads", false, allowed);
    }
}
