//! What is otherwise in a container than in the sandbox, guest by guest, and why that is right.

/// Guests that end otherwise.
pub struct Otherwise {
    pub guests: &'static [&'static str],
    pub kinds: &'static [&'static str],
    pub why: &'static str,
}

/// Guests that say nothing about a container, and why.
pub const LEFT_OUT: &[(&[&str], &str)] = &[
    (
        &["fuel_c_loop", "fuel_loop", "fuel_regex", "fuel_swallow"],
        "instructions are not counted: a deploy says so",
    ),
    (
        &["host_double_drop", "host_import_index"],
        "there is no component whose imports could be called by number",
    ),
    (
        &[
            "env_build_paths",
            "env_empty",
            "path_descriptors",
            "path_devices",
            "path_outside",
            "path_root",
            "path_walk",
        ],
        "they list what there is besides the sandbox's few folders, and a container is a whole \
         Debian; that nothing of it is the host's is for `escape`",
    ),
    (&["env_uptime"], "a container has the machine's clocks"),
];

pub const OTHERWISE: &[Otherwise] = &[
    Otherwise {
        guests: &[
            "bomb_pickle",
            "proc_system",
            "proc_exec",
            "proc_subprocess",
            "proc_posix_spawn",
            "proc_multiprocessing",
            "proc_ctypes",
            "proc_pool",
            "proc_thread",
            "proc_thread_raw",
        ],
        kinds: &["completed", "exception"],
        why: "a call may start processes and threads: they end with it",
    },
    Otherwise {
        guests: &["net_listen", "net_names", "net_udp"],
        kinds: &["completed", "exception"],
        why: "a container has sockets, and a loopback interface that nobody else can reach",
    },
    Otherwise {
        guests: &["bomb_tar_links", "net_url_file", "path_climb", "path_symlink"],
        kinds: &["completed", "exception"],
        why: "there are links, and an /etc/passwd: that of the image",
    },
];
