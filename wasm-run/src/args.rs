//! The command line: options, their ranges and their help.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Parser, ValueEnum};
use model::limits::{MAX_MEMORY_BYTES, MAX_TIMEOUT, MIB, MIN_MEMORY_BYTES};

use crate::environment::VARIABLES;

/// Shortest time that a call may be given, as in a manifest.
const MIN_TIMEOUT: Duration = Duration::from_secs(1);
/// Largest instruction budget, as in a manifest.
const MAX_FUEL: u64 = i64::MAX as u64;
/// Most calls of one benchmark.
const MAX_BENCH: u32 = 1_000_000;

const AFTER_HELP: &str = "\
Exit status: 0 completed; 1 the handler raised or returned what is not valid, or a test
failed; 2 usage, or the package or the inputs are invalid; 3 a limit was crossed; 4 the
engine needed is not available here; 5 internal; 130 interrupted.

Examples:
  wasm-run bolt/ -i '{\"force\": 1000, \"section\": 10}'
  wasm-run structural-analysis/ -f calculate-weld --inputs @weld.json --json
  wasm-run --test bolt/";

fn after_help() -> String {
    let width = VARIABLES.iter().map(|one| one.name.len()).max().unwrap_or(0);
    let variables = VARIABLES.iter().map(|one| format!("\n  {:width$}  {}", one.name, one.meaning));
    format!("{AFTER_HELP}\n\nEnvironment:{}", variables.collect::<String>())
}

/// Runs a MecaPy function package on this machine, exactly as the platform would.
#[derive(Clone, Debug, Parser)]
#[command(name = "wasm-run", version, after_help = after_help(), max_term_width = 100)]
#[command(group = ArgGroup::new("what").args(["check", "schema", "test", "bench"]))]
pub struct Args {
    /// Package: a folder, a .zip of one, or a .py file with a `calculate` function
    pub package: PathBuf,

    /// Which function; needed when the package has several
    #[arg(short, long, value_name = "ID")]
    pub function: Option<String>,

    /// Inputs, as JSON, from a file or from standard input [default: {}]
    #[arg(short, long, value_name = "JSON|@FILE|-", allow_hyphen_values = true)]
    pub inputs: Option<String>,

    /// Folder of the call's files: `{"$file": "key"}` inputs are read from it (default: the
    /// current folder) and output files are written to it (default: none may be written)
    #[arg(long, value_name = "DIR")]
    pub files: Option<PathBuf>,

    /// Print one JSON object on standard output, and nothing else
    #[arg(long)]
    pub json: bool,

    /// Validate the manifest, the code and the schemas; call nothing
    #[arg(long, conflicts_with = "inputs")]
    pub check: bool,

    /// Print the function's inputs and outputs schemas
    #[arg(long, conflicts_with = "inputs")]
    pub schema: bool,

    /// Run the manifest's test cases and `tests/`
    #[arg(long, conflicts_with_all = ["inputs", "function"])]
    pub test: bool,

    /// Make N calls; print p50, p95 and p99 of each phase, and calls per second
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_BENCH)))]
    pub bench: Option<u32>,

    /// Run again whenever a file of the package changes
    #[arg(long, conflicts_with = "bench")]
    pub watch: bool,

    /// What runs the function
    #[arg(long, value_enum, default_value_t = EngineChoice::Auto)]
    pub engine: EngineChoice,

    /// Wall-clock limit of the call, in seconds, 1 to 600 [default: the manifest's]
    #[arg(long, value_name = "S", value_parser = timeout, allow_negative_numbers = true)]
    pub timeout: Option<Duration>,

    /// Memory limit of the call, in MB, 16 to 4096 [default: the manifest's]
    #[arg(long, value_name = "MB", value_parser = memory, allow_negative_numbers = true)]
    pub memory: Option<u64>,

    /// Instruction budget of the call [default: the manifest's]
    #[arg(long, value_name = "N", value_parser = fuel, allow_negative_numbers = true)]
    pub fuel: Option<u64>,

    /// Fixed clock and seeded randomness: the same inputs give the same outputs and fuel
    #[arg(long)]
    pub deterministic: bool,

    /// Where compiled code, dependencies and what is known of packages are kept
    /// [default: MECAPY_CACHE_DIR, else `mecapy` in the user's cache folder]
    #[arg(long, value_name = "DIR")]
    pub cache_dir: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EngineChoice {
    /// The sandbox where it can, Docker where it must
    #[default]
    Auto,
    /// The sandbox, also where the package is meant for Docker
    Sandbox,
    /// Docker, which this build does not have
    Docker,
}

/// What the command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Run,
    Check,
    Schema,
    Test,
    Bench(u32),
}

impl Args {
    pub fn mode(&self) -> Mode {
        match self.bench {
            Some(calls) => Mode::Bench(calls),
            None if self.check => Mode::Check,
            None if self.schema => Mode::Schema,
            None if self.test => Mode::Test,
            None => Mode::Run,
        }
    }

    /// What clap cannot say: combinations of values.
    pub fn check_combinations(&self) -> Result<(), String> {
        if self.watch && self.inputs.as_deref() == Some("-") {
            return Err("`--watch` runs several times, and standard input can be read once: \
                        give the inputs in a file, as `-i @FILE`"
                .to_owned());
        }
        Ok(())
    }
}

/// Whether arguments that may not even parse ask for JSON.
pub fn ask_for_json(arguments: &[std::ffi::OsString]) -> bool {
    arguments.iter().skip(1).take_while(|one| *one != "--").any(|one| one == "--json")
}

fn timeout(text: &str) -> Result<Duration, String> {
    let (min, max) = (MIN_TIMEOUT.as_secs(), MAX_TIMEOUT.as_secs());
    let seconds: f64 =
        text.parse().map_err(|_| format!("give a number of seconds from {min} to {max}"))?;
    if !(min as f64..=max as f64).contains(&seconds) {
        return Err(format!("a timeout is from {min} to {max} seconds"));
    }
    Ok(Duration::from_secs_f64(seconds))
}

fn memory(text: &str) -> Result<u64, String> {
    let (min, max) = (MIN_MEMORY_BYTES / MIB, MAX_MEMORY_BYTES / MIB);
    match whole(text) {
        Some(megabytes) if (min..=max).contains(&megabytes) => Ok(megabytes * MIB),
        _ => Err(format!("a memory limit is a whole number of MB from {min} to {max}")),
    }
}

fn fuel(text: &str) -> Result<u64, String> {
    whole(text).filter(|fuel| (1..=MAX_FUEL).contains(fuel)).ok_or_else(|| {
        format!("an instruction budget is a whole number from 1 to {MAX_FUEL}, such as 1e9")
    })
}

/// A whole number, also one written as `1e9` or `1_000_000`.
fn whole(text: &str) -> Option<u64> {
    if let Ok(number) = text.replace('_', "").parse() {
        return Some(number);
    }
    let (mantissa, exponent) = text.split_once(['e', 'E'])?;
    let scale = 10_u64.checked_pow(exponent.parse().ok()?)?;
    mantissa.parse::<u64>().ok()?.checked_mul(scale)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    fn parse(arguments: &[&str]) -> Result<Args, String> {
        let all = ["wasm-run"].iter().chain(arguments);
        let args = Args::try_parse_from(all).map_err(|error| error.to_string())?;
        args.check_combinations().map(|()| args)
    }

    #[test]
    fn the_command_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn limits_have_the_manifests_ranges() {
        for (option, good, bad) in [
            (
                "--timeout",
                &["1", "0.5e1", "600"][..],
                &["0", "0.99", "601", "-1", "NaN", "inf", "x", ""][..],
            ),
            ("--memory", &["16", "4096", "5e2"], &["15", "4097", "-16", "16.5", "", "1e30"]),
            (
                "--fuel",
                &["1", "1_000", "1e9", "9223372036854775807"],
                &["0", "-1", "9223372036854775808", "1.5"],
            ),
            ("--bench", &["1", "1000000"], &["0", "-1", "1000001", "many"]),
        ] {
            for value in good {
                assert!(parse(&["pkg", option, value]).is_ok(), "{option} {value}");
            }
            for value in bad {
                let said = parse(&["pkg", option, value]).expect_err(value);
                assert!(said.contains(option), "{option} {value}: {said}");
            }
        }
        let args = parse(&["pkg", "--timeout", "1.5", "--memory", "64", "--fuel", "2e6"]).unwrap();
        assert_eq!(args.timeout, Some(Duration::from_millis(1500)));
        assert_eq!((args.memory, args.fuel), (Some(64 * MIB), Some(2_000_000)));
    }

    #[test]
    fn modes_exclude_each_other() {
        assert_eq!(parse(&["pkg"]).unwrap().mode(), Mode::Run);
        assert_eq!(parse(&["--bench", "5", "pkg"]).unwrap().mode(), Mode::Bench(5));
        assert_eq!(parse(&["--watch", "--test", "pkg"]).unwrap().mode(), Mode::Test);
        for bad in [
            &["pkg", "--check", "--test"][..],
            &["pkg", "--schema", "--bench", "3"],
            &["pkg", "--watch", "--bench", "3"],
            &["pkg", "--watch", "-i", "-"],
            &["pkg", "--test", "-i", "{}"],
            &["pkg", "other"],
            &[],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn inputs_may_begin_with_a_hyphen() {
        assert_eq!(parse(&["pkg", "-i", "-"]).unwrap().inputs.as_deref(), Some("-"));
        assert_eq!(parse(&["pkg", "-i", "-1"]).unwrap().inputs.as_deref(), Some("-1"));
    }

    #[test]
    fn json_is_seen_in_arguments_that_do_not_parse() {
        let seen = |arguments: &[&str]| {
            ask_for_json(&arguments.iter().map(Into::into).collect::<Vec<_>>())
        };
        assert!(seen(&["wasm-run", "--nonsense", "--json"]));
        assert!(!seen(&["--json", "pkg"]));
        assert!(!seen(&["wasm-run", "--", "--json"]));
    }
}
