//! What a container may do: how it is locked down.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HealthConfig, HostConfig, HostConfigLogConfig, ResourcesUlimits,
    RestartPolicy, RestartPolicyNameEnum,
};
use model::Limits;
use model::limits::{MIB, TMP_NODES};

use crate::settings::Settings;

/// Room for the runner beside a call: its own interpreters stay below their children, one of
/// them with what was preloaded. An estimate, above the 58 MiB that `bench --docker` saw a
/// whole warm container with numpy, scipy and pandas use.
pub const RUNNER_BYTES: u64 = 96 * MIB;

/// The kernel's shared memory, which programs expect to have: counted as the container's.
const SHM_BYTES: u64 = 16 * MIB;

/// Nobody.
const USER: &str = "65534:65534";

const MAX_FILES: i64 = 1024;

/// When memory is short on the machine, a stranger's container goes before anything of ours.
const OOM_SCORE: i64 = 500;

/// Of a container that runs calls within these limits, all told.
pub fn memory_bytes(limits: &Limits) -> u64 {
    limits.memory_bytes.saturating_add(RUNNER_BYTES)
}

/// The whole of what Docker is asked for.
pub fn body(
    image: &str,
    limits: &Limits,
    settings: &Settings,
    labels: HashMap<String, String>,
) -> ContainerCreateBody {
    // The runner would start again, to have the same seed in every container.
    let env = vec![format!("MECAPY_CPUS={}", limits.cpus), "PYTHONHASHSEED=0".to_owned()];
    ContainerCreateBody {
        image: Some(image.to_owned()),
        hostname: Some("mecapy".to_owned()),
        user: Some(USER.to_owned()),
        env: Some(env),
        labels: Some(labels),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        open_stdin: Some(true),
        // When we are gone, so is its input: the runner ends by itself.
        stdin_once: Some(true),
        tty: Some(false),
        // Process 1 heeds no other: a daemon that stops would wait for it in vain.
        stop_signal: Some("SIGKILL".to_owned()),
        network_disabled: Some(true),
        // An image's own would run beside the calls.
        healthcheck: Some(HealthConfig {
            test: Some(vec!["NONE".to_owned()]),
            ..HealthConfig::default()
        }),
        host_config: Some(locks(limits, settings)),
        ..ContainerCreateBody::default()
    }
}

fn locks(limits: &Limits, settings: &Settings) -> HostConfig {
    let memory = signed(memory_bytes(limits));
    let tmp = format!(
        "size={},nr_inodes={TMP_NODES},mode=1777,noexec,nosuid,nodev",
        limits.tmp_bytes.max(4096)
    );
    let ulimit = |name: &str, most: i64| ResourcesUlimits {
        name: Some(name.to_owned()),
        soft: Some(most),
        hard: Some(most),
    };
    HostConfig {
        network_mode: Some("none".to_owned()),
        readonly_rootfs: Some(true),
        tmpfs: Some(HashMap::from([("/tmp".to_owned(), tmp)])),
        shm_size: Some(signed(SHM_BYTES.min(limits.tmp_bytes.max(MIB)))),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        privileged: Some(false),
        ipc_mode: Some("private".to_owned()),
        pids_limit: Some(settings.pool.pids),
        memory: Some(memory),
        // The same: no swap.
        memory_swap: Some(memory),
        nano_cpus: Some((limits.cpus * 1e9) as i64),
        ulimits: Some(vec![ulimit("nofile", MAX_FILES), ulimit("core", 0)]),
        oom_score_adj: Some(OOM_SCORE),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        restart_policy: Some(RestartPolicy {
            name: Some(RestartPolicyNameEnum::NO),
            maximum_retry_count: None,
        }),
        runtime: settings.runtime.clone(),
        ..HostConfig::default()
    }
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_is_there() {
        let limits = Limits { cpus: 1.5, ..Limits::default() };
        let settings = Settings { runtime: Some("runsc".to_owned()), ..Settings::default() };
        let body = body("an:image", &limits, &settings, HashMap::new());
        let host = body.host_config.unwrap();
        assert_eq!(body.user.as_deref(), Some("65534:65534"));
        assert_eq!(body.env.unwrap(), ["MECAPY_CPUS=1.5", "PYTHONHASHSEED=0"]);
        assert_eq!(host.network_mode.as_deref(), Some("none"));
        assert_eq!(host.readonly_rootfs, Some(true));
        assert_eq!(host.cap_drop.unwrap(), ["ALL"]);
        assert_eq!(host.security_opt.unwrap(), ["no-new-privileges"]);
        assert_eq!((host.memory, host.memory_swap), (Some(608 << 20), Some(608 << 20)));
        assert_eq!(host.nano_cpus, Some(1_500_000_000));
        assert_eq!(host.pids_limit, Some(128));
        assert_eq!(host.shm_size, Some(16 << 20));
        assert_eq!(host.runtime.as_deref(), Some("runsc"));
        let tmp = &host.tmpfs.unwrap()["/tmp"];
        assert!(
            tmp.contains("size=67108864,nr_inodes=4096") && tmp.contains("noexec,nosuid,nodev")
        );
        let open = (host.binds, host.mounts, host.devices, host.cap_add, host.volumes_from);
        assert_eq!(open, (None, None, None, None, None));
    }
}
