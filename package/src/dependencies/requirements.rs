//! Requirements as the author wrote them: read line by line, with what is refused and why.
//!
//! Only names, versions, extras, markers and hashes: whatever would fetch from another
//! place, build, or read other files is refused, here and not by the resolver.

use model::Tree;

use crate::manifest::ManifestSource;
use crate::problem::{PackageError, Problem, Step};

/// Most requirements of a package.
pub const MAX_REQUIREMENTS: usize = 500;
/// Largest requirements file.
pub const MAX_REQUIREMENTS_BYTES: usize = 256 * 1024;
/// Longest requirement, in bytes.
const MAX_LINE_BYTES: usize = 16 * 1024;

/// One requirement, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Requirement {
    /// Normalised: `ruamel-yaml`.
    pub name: String,
    /// As the resolver gets it.
    pub text: String,
    pub file: String,
    pub line: Option<u32>,
    pub column: Option<u32>,
}

impl Requirement {
    /// A problem with this requirement.
    pub(super) fn problem(&self, message: impl Into<String>) -> Problem {
        let mut problem = Problem::new(Step::Dependencies, message).in_file(&self.file);
        (problem.line, problem.column) = (self.line, self.column);
        problem
    }
}

/// Everything that a package requires, from its file and its manifest.
pub fn of_package(tree: &Tree, source: &ManifestSource) -> Result<Vec<Requirement>, PackageError> {
    let declared = &source.manifest.dependencies;
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    if let Some(file) = &declared.file {
        match tree.file(file) {
            Some(bytes) => read_file(file, bytes, &mut found, &mut problems),
            None => problems.push(
                Problem::new(
                    Step::Dependencies,
                    format!("there is no file `{file}` in the package"),
                )
                .in_file(&source.manifest.file)
                .help("add it, or correct `dependencies.requirements`"),
            ),
        }
    }
    let list = if source.position("/project/dependencies").is_some()
        && source.manifest.file.ends_with(".toml")
    {
        "/project/dependencies"
    } else {
        "/dependencies/packages"
    };
    for (i, text) in declared.packages.iter().enumerate() {
        let at = source.position(&format!("{list}/{i}"));
        let place = Requirement {
            name: String::new(),
            text: text.trim().to_owned(),
            file: source.manifest.file.clone(),
            line: at.map(|at| at.line),
            column: at.map(|at| at.column),
        };
        take(place, &mut found, &mut problems);
    }
    if found.len() > MAX_REQUIREMENTS {
        problems.push(
            Problem::new(
                Step::Dependencies,
                format!("there are more than {MAX_REQUIREMENTS} requirements"),
            )
            .help("list only what the code imports: the rest follows"),
        );
    }
    PackageError::unless_empty(problems, found)
}

fn read_file(file: &str, bytes: &[u8], found: &mut Vec<Requirement>, problems: &mut Vec<Problem>) {
    let whole = |message: String, help: &str| {
        Problem::new(Step::Dependencies, message).in_file(file).help(help)
    };
    if bytes.len() > MAX_REQUIREMENTS_BYTES {
        problems.push(whole(
            format!("the file is larger than {} KiB", MAX_REQUIREMENTS_BYTES / 1024),
            "list only what the code imports",
        ));
        return;
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        problems.push(whole("the file is not UTF-8".to_owned(), "save it as UTF-8"));
        return;
    };
    let mut lines = text.trim_start_matches('\u{feff}').lines().zip(1_u32..);
    while let Some((line, number)) = lines.next() {
        // A backslash joins the next line to this one.
        let mut joined = line.to_owned();
        while joined.ends_with('\\') {
            joined.pop();
            match lines.next() {
                Some((next, _)) => joined.push_str(next),
                None => break,
            }
        }
        let text = without_comment(&joined).trim();
        if !text.is_empty() {
            let place = Requirement {
                name: String::new(),
                text: text.to_owned(),
                file: file.to_owned(),
                line: Some(number),
                column: None,
            };
            take(place, found, problems);
        }
    }
}

fn without_comment(line: &str) -> &str {
    if line.trim_start().starts_with('#') {
        return "";
    }
    line.find(" #").or_else(|| line.find("\t#")).map_or(line, |at| &line[..at])
}

fn take(mut requirement: Requirement, found: &mut Vec<Requirement>, problems: &mut Vec<Problem>) {
    match check(&requirement.text) {
        Ok(name) => {
            requirement.name = name;
            found.push(requirement);
        }
        Err((why, help)) => {
            let shown: String = requirement.text.chars().take(80).collect();
            problems.push(requirement.problem(format!("`{shown}` {why}")).help(help));
        }
    }
}

/// The name that a requirement is of; else why it is refused and what to write.
fn check(text: &str) -> Result<String, (&'static str, &'static str)> {
    const FORM: &str = "write a name and versions, such as `sympy==1.14.0` or `pint>=0.24,<1`";
    if text.len() > MAX_LINE_BYTES || text.chars().any(char::is_control) {
        return Err(("is no requirement", FORM));
    }
    if text.starts_with('-') {
        let option = text.split([' ', '=']).next().unwrap_or(text);
        return Err(match option {
            "-r" | "--requirement" | "-c" | "--constraint" => {
                ("reads another file", "copy its lines here")
            }
            "-e" | "--editable" => {
                ("is an editable install", "put the code into the package itself")
            }
            "-i" | "--index-url" | "--extra-index-url" | "-f" | "--find-links" | "--no-index"
            | "--trusted-host" => (
                "chooses an index",
                "remove it: the operator of the platform chooses where packages come from",
            ),
            _ => ("is an option", "remove it: only requirements stand in this file"),
        });
    }
    let is_url = text.contains("://") || text.starts_with("git+");
    let is_path =
        text.starts_with(['.', '/', '~']) || text.ends_with(".whl") || text.ends_with(".tar.gz");
    if is_url || is_path {
        return Err((
            "is fetched from a place of its own",
            "require a released version by name, or put the code into the package itself",
        ));
    }
    let name_end = text
        .find(|c: char| !(c.is_ascii_alphanumeric() || "._-".contains(c)))
        .unwrap_or(text.len());
    let (name, rest) = text.split_at(name_end);
    if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
        || !name.ends_with(|c: char| c.is_ascii_alphanumeric())
    {
        return Err(("is no requirement", FORM));
    }
    let mut rest = rest.trim_start();
    if let Some(extras) = rest.strip_prefix('[') {
        let Some((extras, after)) = extras.split_once(']') else {
            return Err(("has extras without a closing bracket", "write them as `name[extra]`"));
        };
        if !extras.chars().all(|c| c.is_ascii_alphanumeric() || "._- ,".contains(c)) {
            return Err(("has extras that are no names", "write them as `name[extra]`"));
        }
        rest = after.trim_start();
    }
    if rest.starts_with('@') {
        return Err(("is fetched from a place of its own", "require a released version by name"));
    }
    let mut parts = rest.splitn(2, ';');
    let versions = parts.next().unwrap_or_default();
    if parts.next().is_some_and(|marker| marker.trim().is_empty()) {
        return Err(("has an empty environment marker", "remove the semicolon"));
    }
    let mut words = versions.split(" --hash=");
    let versions = words.next().unwrap_or_default().trim();
    let is_hash = |hash: &str| {
        hash.trim().split_once(':').is_some_and(|(kind, hex)| {
            ["sha256", "sha384", "sha512"].contains(&kind)
                && hex.bytes().all(|b| b.is_ascii_hexdigit())
        })
    };
    if !words.all(is_hash) {
        return Err((
            "has a hash that is none",
            "write hashes as `--hash=sha256:...`, or leave them out: the lock has them",
        ));
    }
    let versions =
        versions.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')).unwrap_or(versions);
    if !versions.is_empty() && !versions.split(',').all(is_specifier) {
        return Err(("has versions that cannot be read", FORM));
    }
    Ok(normalised(name))
}

fn is_specifier(text: &str) -> bool {
    let text = text.trim();
    let operators = ["===", "==", "!=", "<=", ">=", "~=", "<", ">"];
    operators.iter().find_map(|operator| text.strip_prefix(operator)).is_some_and(|version| {
        let version = version.trim();
        !version.is_empty()
            && version.chars().all(|c| c.is_ascii_alphanumeric() || ".*+!-_".contains(c))
    })
}

/// A distribution's name as indexes compare it.
pub fn normalised(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        match c {
            '-' | '_' | '.' if text.ends_with('-') => {}
            '-' | '_' | '.' => text.push('-'),
            _ => text.push(c.to_ascii_lowercase()),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements() {
        for (good, name) in [
            ("sympy", "sympy"),
            ("Ruamel_Yaml>=0.18,<1", "ruamel-yaml"),
            ("a[b,c] ~= 1.0", "a"),
            ("a==1.*; python_version < '4'", "a"),
            ("a (>=1)", "a"),
            ("a===1!2+local", "a"),
            ("a==1 --hash=sha256:00ff --hash=sha256:aa", "a"),
        ] {
            assert_eq!(check(good), Ok(name.to_owned()), "{good}");
        }
        for bad in [
            "-r other.txt",
            "-e .",
            "--index-url https://x",
            "./a",
            "/a",
            "a.whl",
            "git+https://x/y",
            "a @ https://x/y.whl",
            "https://x/a.whl",
            "a=1",
            "a==",
            "a 1",
            "=1",
            "a[b",
            "a;",
            "-a",
            "a-",
            "a==1 --hash=md5:0",
            "a==1 --no-binary",
            "é",
            "a>=1,",
            "a\n--index-url=x",
        ] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn files_keep_their_lines() {
        let (mut found, mut problems) = (Vec::new(), Vec::new());
        let text =
            "# comment\n\nsympy==1.14.0 \\\n    --hash=sha256:aa  # why\n-r x.txt\npint # y\n";
        read_file("requirements.txt", text.as_bytes(), &mut found, &mut problems);
        let lines: Vec<_> = found.iter().map(|one| (one.name.as_str(), one.line)).collect();
        assert_eq!(lines, [("sympy", Some(3)), ("pint", Some(6))]);
        assert_eq!(
            problems[0].to_string(),
            "requirements.txt:5: `-r x.txt` reads another file; copy its lines here"
        );
    }
}
