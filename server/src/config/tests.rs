//! The configuration as its callers and operators see it; no test sets a variable of the
//! process.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Parser;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const TOKEN: &str = "mcp_abcdefgh01_0123456789abcdefghijABCDEFGHIJ42";

/// A command line with the flags in it.
#[derive(Parser)]
struct Command {
    #[command(flatten)]
    flags: Flags,
}

/// Loads in a folder of its own, with `file` as its `mecapy.toml`.
fn load(
    file: Option<&str>,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<Config, ConfigError> {
    let folder = TempDir::new().expect("a temporary folder");
    if let Some(text) = file {
        std::fs::write(folder.path().join(FILE_NAME), text).expect("writing the file");
    }
    load_in(&folder, variables, flags)
}

fn load_in(
    folder: &TempDir,
    variables: &[(&str, &str)],
    flags: &[&str],
) -> Result<Config, ConfigError> {
    let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    Config::load(Sources {
        file: None,
        working_folder: folder.path().to_owned(),
        environment: variables.iter().map(own).collect(),
        flags: Command::try_parse_from([&["mecapy-server"], flags].concat())
            .expect("flags that parse")
            .flags,
    })
}

/// The refusal's lines, with the file's folder left out.
fn refusal(file: Option<&str>, variables: &[(&str, &str)], flags: &[&str]) -> Vec<String> {
    let error = load(file, variables, flags).expect_err("a refusal").to_string();
    let name = |line: &str| match line.find(FILE_NAME) {
        Some(start) => line[start..].to_owned(),
        None => line.to_owned(),
    };
    error.lines().map(name).collect()
}

#[test]
fn nothing_given_is_the_defaults() {
    let config = load(None, &[("HOME", "/home/me")], &[]).expect("defaults");
    assert_eq!(config.listen.to_string(), "127.0.0.1:8000");
    assert_eq!(config.data_dir, PathBuf::from("mecapy-data"));
    assert_eq!(config.cache_dir, PathBuf::from("/home/me/.cache/mecapy"));
    assert_eq!(config.worker.threads, 4 * config.worker.slots);
    assert_eq!(config.worker.slice, Duration::from_millis(10));
    assert_eq!(config.limits.body_bytes, 4 << 20);
    assert_eq!(config.quotas.storage_bytes, Some(10 << 30));
    assert_eq!(config.quotas.cpu_per_day, Some(Duration::from_secs(2 * 86_400)));
    assert_eq!(config.retention.result_cache, Duration::from_secs(30 * 86_400));
    assert!(config.admin_token.is_none());
    assert!(config.deploy.blocked_modules.is_none());
    assert!(config.origins.0.values().all(|origin| *origin == Origin::Default));
}

#[test]
fn the_cache_folder_is_the_users() {
    let all = [("MECAPY_CACHE_DIR", "/c"), ("XDG_CACHE_HOME", "/x"), ("HOME", "/h")];
    let cache = |variables| load(None, variables, &[]).expect("loading").cache_dir;
    assert_eq!(cache(&all), PathBuf::from("/c"));
    assert_eq!(cache(&all[1..]), PathBuf::from("/x/mecapy"));
    assert_eq!(cache(&all[2..]), PathBuf::from("/h/.cache/mecapy"));
    let odd = [("MECAPY_CACHE_DIR", ""), ("XDG_CACHE_HOME", "relative"), ("HOME", "/h")];
    assert_eq!(cache(&odd), PathBuf::from("/h/.cache/mecapy"));
    assert_eq!(cache(&[]), std::env::temp_dir().join("mecapy-cache"));
}

#[test]
fn each_source_stands_over_the_one_before() {
    let file = Some("[worker]\nslots = 3");
    let variable = [("MECAPY_WORKER_SLOTS", "5")];
    let set = ["--set", "worker.slots=6", "--set", "worker.slots=7"];
    let flag = [&set[..], &["--slots", "9"]].concat();
    let all = [
        (&variable[..0], &flag[..0], 3, Origin::File(PathBuf::new())),
        (&variable, &[], 5, Origin::Variable(String::from("MECAPY_WORKER_SLOTS"))),
        (&variable, &set, 7, Origin::Flag("--set")),
        (&variable, &flag, 9, Origin::Flag("--slots")),
    ];
    for (variables, flags, slots, origin) in all {
        let config = load(file, variables, flags).expect("loading");
        assert_eq!((config.worker.slots, config.worker.threads), (slots, 4 * slots));
        match (config.origins.of("worker.slots"), origin) {
            (Origin::File(file), Origin::File(_)) => assert!(file.ends_with(FILE_NAME)),
            (found, origin) => assert_eq!(*found, origin),
        }
    }
    let config = load(file, &[("MECAPY_WORKER_SLOTS", "")], &[]).expect("loading");
    assert_eq!(config.worker.slots, 3, "a variable that is empty is not set");
}

#[test]
fn a_given_file_stands_for_the_one_in_the_folder_and_must_be_there() {
    let folder = TempDir::new().expect("a temporary folder");
    for name in ["mecapy", "variable", "flag"] {
        let text = format!("data_dir = \"of-{name}\"");
        std::fs::write(folder.path().join(name).with_extension("toml"), text).expect("writing");
    }
    let data_dir = |variables: &[(&str, &str)], flags: &[&str]| {
        load_in(&folder, variables, flags).map(|config| config.data_dir)
    };
    let variable = [(FILE_VARIABLE, "variable.toml")];
    assert_eq!(data_dir(&[], &[]).expect("loading"), PathBuf::from("of-mecapy"));
    assert_eq!(data_dir(&variable, &[]).expect("loading"), PathBuf::from("of-variable"));
    let flagged = data_dir(&variable, &["--config", "flag.toml"]);
    assert_eq!(flagged.expect("loading"), PathBuf::from("of-flag"));
    for (variables, flags) in
        [(&[(FILE_VARIABLE, "gone.toml")][..], &[][..]), (&variable, &["--config", "gone.toml"])]
    {
        let error = data_dir(variables, flags).expect_err("a missing file");
        assert!(matches!(error, ConfigError::Unreadable { .. }));
        assert!(error.to_string().contains("gone.toml"), "{error}");
    }
}

#[test]
fn an_unknown_key_is_named_in_every_source() {
    let file = "datadir = \"x\"\nslots = 1\n\"worker.slots\" = 2\n[workr]\nslots = 1\n\
                [log]\nformatt = \"json\"\n[podman]\n\
                [\"\"]\nlisten = \"x\"";
    // In the file's order or the alphabet's, as the `toml` crate is built.
    let mut unknown = refusal(Some(file), &[], &[]);
    unknown.sort();
    assert_eq!(
        unknown,
        [
            "mecapy.toml: there is no key `.listen`; did you mean `listen`?",
            "mecapy.toml: there is no key `datadir`; did you mean `data_dir`?",
            "mecapy.toml: there is no key `log.formatt`; did you mean `log.format`?",
            "mecapy.toml: there is no key `podman`",
            "mecapy.toml: there is no key `slots`; did you mean `worker.slots`?",
            "mecapy.toml: there is no key `worker.slots`; did you mean `worker.slots`?",
            "mecapy.toml: there is no key `workr.slots`; did you mean `worker.slots`?",
        ]
    );
    assert_eq!(
        refusal(None, &[("MECAPY_LISTN", "x"), ("MECAPY_SLOTS", ""), ("MECAPYX", "")], &[]),
        [
            "MECAPY_LISTN: there is no such variable; did you mean `MECAPY_LISTEN`?",
            "MECAPY_SLOTS: there is no such variable; did you mean `MECAPY_WORKER_SLOTS`?",
        ]
    );
    assert_eq!(
        refusal(None, &[], &["--set", "log.fitler=info", "--set", "xyzzy=1"]),
        [
            "--set: there is no key `log.fitler`; did you mean `log.filter`?",
            "--set: there is no key `xyzzy`",
        ]
    );
}

#[test]
fn a_bad_value_is_named_with_its_source_and_what_is_allowed() {
    let file = "listen = {}\nlog = \"json\"\n[worker]\nslots = \"4\"\nlong_running_share = 0\n\
                [limits]\nbody_bytes = \"4 MB\"\n[quotas]\ncalls_per_minute = 0\n\
                [deploy]\ngit_file_urls = \"true\"\nblocked_calls = [\"a b\"]";
    assert_eq!(
        refusal(Some(file), &[], &[]),
        [
            "mecapy.toml: `log` is a section, not a value",
            "mecapy.toml: `listen` is {}; it must be an IP address and a port, such as `\"127.0.0.1:8000\"`",
            "mecapy.toml: `worker.slots` is \"4\"; it must be a whole number from 1 to 1024",
            "mecapy.toml: `worker.long_running_share` is 0; it must be a number above 0, at most 1",
            "mecapy.toml: `limits.body_bytes` is \"4 MB\"; it must be a number of bytes, or text with a unit such as `\"64 MiB\"`, from 1 KiB to 1 TiB",
            "mecapy.toml: `quotas.calls_per_minute` is 0; it must be a whole number from 1 to 1000000000, or `\"unlimited\"`",
            "mecapy.toml: `deploy.blocked_calls` is [\"a b\"]; it must be a list of names; in a variable or flag, `a,b` or `[]`",
            "mecapy.toml: `deploy.git_file_urls` is \"true\"; it must be `true` or `false`",
        ]
    );
    let variables = [("MECAPY_LOG_FORMAT", "xml"), ("MECAPY_LOG_FILTER", "a=b=c")];
    assert_eq!(
        refusal(None, &variables, &["--slots=-1", "--set", "git="]),
        [
            "--set: `git` is \"\"; it must be a path",
            "MECAPY_LOG_FORMAT: `log.format` is \"xml\"; it must be `\"json\"` or `\"pretty\"`",
            "MECAPY_LOG_FILTER: `log.filter` is \"a=b=c\"; it must be directives of `tracing`, such as `\"info\"` or `\"info,mecapy_server=debug\"`",
            "--slots: `worker.slots` is \"-1\"; it must be a whole number from 1 to 1024",
        ]
    );
    assert_eq!(
        refusal(None, &[("MECAPY_WORKER_THREADS", "3")], &["--slots", "4"]),
        [
            "MECAPY_WORKER_THREADS: `worker.threads` is \"3\"; it must be at least `worker.slots`, which is 4"
        ]
    );
}

#[test]
fn what_comes_later_is_refused_with_the_reason() {
    let variables = [("MECAPY_DATABASE_URL", "postgres://u:hush@h/d"), ("MECAPY_REDIS_URL", "x")];
    assert_eq!(
        refusal(Some("[s3]\nbucket = \"b\"\n[oidc]\nissuer = \"i\""), &variables, &[]),
        [
            "MECAPY_DATABASE_URL: `database_url` must be left unset: PostgreSQL comes with a later release",
            "MECAPY_REDIS_URL: `redis_url` must be left unset: Redis comes with a later release",
            "mecapy.toml: `s3.bucket` must be left unset: S3 comes with a later release",
            "mecapy.toml: `oidc.issuer` must be left unset: OpenID Connect comes with a later release",
        ]
    );
}

#[test]
fn sizes_lists_and_lifted_limits_are_read_from_any_source() {
    let file = "[limits]\nfile_bytes = \"2 GiB\"\narchive_bytes = 2048\n[quotas]\n\
                storage_bytes = \"unlimited\"\n[deploy]\nblocked_modules = [\"os\", \"ctypes\"]";
    let variables = [
        ("MECAPY_LIMITS_BODY_BYTES", "16KiB"),
        ("MECAPY_QUOTAS_CALLS_PER_MINUTE", "unlimited"),
        ("MECAPY_DEPLOY_BLOCKED_CALLS", "[]"),
        ("MECAPY_DEPLOY_ALLOWED_MODULES", "math, numpy"),
        ("MECAPY_PUBLIC_URL", "https://mecapy.example/api/"),
    ];
    let config = load(Some(file), &variables, &["--set", "deploy.git_private_hosts=true"]);
    let config = config.expect("loading");
    assert_eq!(config.limits.file_bytes, 2 << 30);
    assert_eq!(config.limits.archive_bytes, 2048);
    assert_eq!(config.limits.body_bytes, 16 << 10);
    assert_eq!(config.quotas.storage_bytes, None);
    assert_eq!(config.quotas.calls_per_minute, None);
    assert_eq!(
        config.deploy.blocked_modules.as_deref(),
        Some(&["os", "ctypes"].map(str::to_owned)[..])
    );
    assert_eq!(config.deploy.blocked_calls.as_deref(), Some(&[][..]));
    assert_eq!(
        config.deploy.allowed_modules.as_deref(),
        Some(&["math", "numpy"].map(str::to_owned)[..])
    );
    assert_eq!(config.public_url.as_deref(), Some("https://mecapy.example/api"));
    assert!(config.deploy.git_private_hosts);
}

#[test]
fn no_secret_is_printed() {
    let key = "0123456789abcdef".repeat(4);
    let file = format!("secret_key = \"{key}\"");
    let flags = ["--set", &format!("admin_token={TOKEN}")];
    let config = load(Some(&file), &[], &flags).expect("loading");
    assert_eq!(config.admin_token.as_ref().map(Secret::expose), Some(TOKEN));
    assert_eq!(config.secret_key.as_ref().map(Secret::expose), Some(key.as_str()));
    let effective = config.effective();
    assert!(effective.contains("admin_token = \"********\" # --set\n"), "{effective}");
    let flags =
        Command::try_parse_from(["mecapy-server", flags[0], flags[1]]).expect("flags").flags;
    for text in [effective, format!("{config:?}"), format!("{flags:?}")] {
        assert!(!text.contains(TOKEN) && !text.contains(&key), "{text}");
    }

    // Nor in errors: bad values, a name that is not quite right, a file that is not TOML.
    let almost = TOKEN.replace("mcp", "mpc");
    let broken = format!("secret_key = \"{key}\nlisten = 1");
    let keys = format!("admin_token = \"{almost}\"\nsecretkey = \"{key}\"");
    let url = [("MECAPY_PUBLIC_URL", "https://me:hush@here")];
    for (file, lines) in [(broken, 1), (keys, 3)] {
        let refusal = refusal(Some(&file), &url, &[]);
        assert_eq!(refusal.len(), lines, "{refusal:?}");
        let text = refusal.join("\n");
        for secret in [TOKEN, &almost, &key, "hush"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}

#[test]
fn a_file_that_is_not_toml_is_named_with_its_line() {
    let refusal = refusal(Some("listen = \"[::1]:80\"\n[worker\nslots = 1"), &[], &[]);
    assert!(refusal[0].starts_with("mecapy.toml, line 2: not TOML: "), "{refusal:?}");
}

#[test]
fn the_token_must_look_like_one() {
    let accepts = |token: &str| load(None, &[("MECAPY_ADMIN_TOKEN", token)], &[]).is_ok();
    assert!(accepts(TOKEN));
    let secret = "x".repeat(32);
    for (id, secret) in [
        ("abcdefg", secret.as_str()),
        (&"a".repeat(33), &secret),
        ("Abcdefgh", &secret),
        ("abcdefgh", &secret[1..]),
        ("abcdefgh", &secret.replace("xx", "x_")),
    ] {
        assert!(!accepts(&format!("mcp_{id}_{secret}")), "{id} {secret}");
    }
}

#[test]
fn the_effective_configuration_reads_back_the_same() {
    let changes = ["--set", "quotas.storage_bytes=unlimited", "--set", "deploy.blocked_calls=[]"];
    for flags in [&[][..], &changes] {
        let config = load(None, &[("HOME", "/home/\"me\"")], flags).expect("loading");
        let text = config.effective();
        let again = load(Some(&text), &[], &[]).expect("what was printed");
        let plain = |mut config: Config| {
            config.origins = Origins::default();
            (config.effective(), format!("{config:?}"))
        };
        assert_eq!(plain(again), plain(config));
        for key in keys() {
            let is_there = |line: &str| {
                let line = line.strip_prefix("# ").unwrap_or(line);
                line.split(' ').next() == Some(key.name)
            };
            assert!(text.lines().any(is_there), "`{}` is not printed", key.path());
        }
    }
}

#[test]
fn every_key_has_a_path_and_a_variable_of_its_own() {
    let variables: BTreeSet<String> = keys().iter().map(Key::variable).collect();
    let paths: BTreeSet<String> = keys().iter().map(Key::path).collect();
    assert_eq!((variables.len(), paths.len()), (keys().len(), keys().len()));
    assert!(!variables.contains(FILE_VARIABLE));
}

#[test]
fn every_key_is_documented() {
    let page = include_str!("../../../docs/configuration.md");
    let table = reference();
    assert!(page.contains(&table), "docs/configuration.md needs this table:\n\n{table}");
}

#[test]
fn the_pages_example_is_valid() {
    let page = include_str!("../../../docs/configuration.md");
    let (_, rest) = page.split_once("```toml\n").expect("an example");
    let (example, _) = rest.split_once("```").expect("its end");
    let config = load(Some(example), &[], &[]).expect("a valid example");
    assert_eq!(config.worker.slots, 8);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn no_input_panics(file in "\\PC{0,60}", index in 0..60_usize, value in "\\PC{0,20}|[0-9]{0,25} ?[KMGT]?i?B?") {
        let keys = keys();
        let variable = keys[index % keys.len()].variable();
        let typed = format!("{} = {value:?}", keys[index % keys.len()].path());
        let _ = load(Some(&file), &[], &[]);
        let _ = load(Some(&typed), &[(&variable, &value)], &[]);
    }
}
