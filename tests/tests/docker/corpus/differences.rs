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
            "state_environment",
        ],
        "they expect nothing but the sandbox's few folders and no environment, and a container is \
         a whole Debian; that nothing of it is the host's or an earlier call's is for `escape`",
    ),
    (&["env_uptime"], "a container has the machine's clocks"),
];

pub const OTHERWISE: &[Otherwise] = &[
    Otherwise {
        guests: &[
            "bomb_pickle",
            "proc_ctypes",
            "proc_exec",
            "proc_multiprocessing",
            "proc_pool",
            "proc_posix_spawn",
            "proc_subprocess",
            "proc_system",
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
    Otherwise {
        guests: &["tmp_seek_far", "tmp_truncate_far"],
        kinds: &["completed", "exception"],
        why: "the gap of a sparse file takes no room, and only what takes room is limited",
    },
    Otherwise {
        guests: &["code_stack_size", "mem_load", "mem_in_del"],
        kinds: &["completed", "exception", "memory_exceeded", "timeout"],
        why: "the kernel counts memory when it is written to, which these hardly do",
    },
    Otherwise {
        guests: &["mem_caught", "mem_caught_forever"],
        kinds: &["completed", "memory_exceeded", "timeout"],
        why: "the kernel ends a process that has used up its memory, instead of denying more",
    },
    Otherwise {
        guests: &["input_blob_memory"],
        kinds: &["completed", "memory_exceeded", "exception"],
        why: "the runner's own memory comes on top of the call's, and the input fits there",
    },
    Otherwise {
        guests: &["mem_bytearray_overflow"],
        kinds: &["exception", "memory_exceeded"],
        why: "an index has 64 bits here, so that it is the memory that is too little",
    },
    Otherwise {
        guests: &["host_log_surrogate"],
        kinds: &["completed", "exception"],
        why: "there is no binding that refuses such a text: it is written in another way",
    },
    Otherwise {
        guests: &["shim_json_replaced"],
        kinds: &["completed", "exception"],
        why: "what a call says to its runner is JSON, too; who breaks that has broken its own call",
    },
    Otherwise {
        guests: &[
            "cpu_decimal_power",
            "cpu_factorial",
            "cpu_hash_collisions",
            "cpu_huge_pow",
            "cpu_int_hash_collisions",
            "cpu_int_to_text",
            "cpu_modular_pow",
        ],
        kinds: &["timeout", "completed"],
        why: "the work has an end, which native code on a fast machine may come to in time",
    },
    Otherwise {
        guests: &["mem_product", "mem_range", "mem_shift", "mem_list_overflow", "mem_list_repeat"],
        kinds: &["memory_exceeded", "exception"],
        why: "more than the machine has may be refused before it is used up",
    },
];
