//! The configuration's part of the command line, flattened into the subcommands.
//!
//! Values stay text: they are checked with all others, and refused in the same words.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

// Documentation here would become the text of a subcommand's help.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Configuration")]
pub struct Flags {
    /// Configuration file [default: mecapy.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Address and port to listen on
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Folder of the database and the objects
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<String>,
    /// Folder of what can be made again
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<String>,
    /// Form of the log: json or pretty
    #[arg(long, value_name = "FORMAT")]
    pub log_format: Option<String>,
    /// Calls that compute at a time
    #[arg(long, value_name = "N")]
    pub slots: Option<String>,
    /// Any other key, such as `limits.deploys=4`; the last one counts
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<Assignment>,
}

impl Flags {
    /// Flags that stand for one key: flag, key's path, value.
    pub(super) fn named(&self) -> impl Iterator<Item = (&'static str, &'static str, &str)> {
        let all = [
            ("--listen", "listen", &self.listen),
            ("--data-dir", "data_dir", &self.data_dir),
            ("--cache-dir", "cache_dir", &self.cache_dir),
            ("--log-format", "log.format", &self.log_format),
            ("--slots", "worker.slots", &self.slots),
        ];
        all.into_iter().filter_map(|(flag, path, value)| Some((flag, path, value.as_deref()?)))
    }
}

/// `key=value`, with the key's dotted path.
#[derive(Clone, PartialEq, Eq)]
pub struct Assignment {
    pub path: String,
    pub value: String,
}

impl FromStr for Assignment {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (path, value) = text.split_once('=').ok_or("it must be KEY=VALUE")?;
        Ok(Self { path: path.trim().to_owned(), value: value.to_owned() })
    }
}

/// Without the value: the key may be a secret's.
impl fmt::Debug for Assignment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}=…", self.path)
    }
}
