//! What is wrong with a package, where, and what to do about it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The step of reading a package that found a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Step {
    Archive,
    Manifest,
    Code,
    Dependencies,
    Engine,
    Image,
    Schemas,
    Tests,
}

impl Step {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Archive => "archive",
            Self::Manifest => "manifest",
            Self::Code => "code",
            Self::Dependencies => "dependencies",
            Self::Engine => "engine",
            Self::Image => "image",
            Self::Schemas => "schemas",
            Self::Tests => "tests",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One thing to change in a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    pub step: Step,
    /// Relative to the package's root; empty for the package as a whole.
    pub file: String,
    /// 1-based.
    pub line: Option<u32>,
    /// 1-based, in characters.
    pub column: Option<u32>,
    pub message: String,
    /// What to do, where the message does not say it already.
    pub help: Option<String>,
}

impl Problem {
    /// A problem of the package as a whole.
    pub fn new(step: Step, message: impl Into<String>) -> Self {
        Self {
            step,
            file: String::new(),
            line: None,
            column: None,
            message: message.into(),
            help: None,
        }
    }

    pub fn in_file(mut self, file: impl Into<String>) -> Self {
        self.file = file.into();
        self
    }

    pub fn at(mut self, line: u32, column: u32) -> Self {
        self.line = Some(line);
        self.column = Some(column);
        self
    }

    pub fn at_line(mut self, line: u32) -> Self {
        self.line = Some(line);
        self
    }

    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.file.is_empty() {
            f.write_str(&self.file)?;
            if let Some(line) = self.line {
                write!(f, ":{line}")?;
                if let Some(column) = self.column {
                    write!(f, ":{column}")?;
                }
            }
            f.write_str(": ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// A package that cannot be used, and every reason found; never empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PackageError {
    pub problems: Vec<Problem>,
}

impl PackageError {
    /// `Err` if there are problems, else `value`.
    pub fn unless_empty<T>(problems: Vec<Problem>, value: T) -> Result<T, Self> {
        if problems.is_empty() { Ok(value) } else { Err(Self { problems }) }
    }
}

impl From<Problem> for PackageError {
    fn from(problem: Problem) -> Self {
        Self { problems: vec![problem] }
    }
}

impl From<Vec<Problem>> for PackageError {
    fn from(problems: Vec<Problem>) -> Self {
        Self { problems }
    }
}

impl fmt::Display for PackageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for PackageError {}

/// `; did you mean ...` for a name that is none of those allowed.
pub(crate) fn nearest<'a>(
    name: &str,
    allowed: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let simple = |text: &str| text.to_lowercase().replace(['-', ' '], "_");
    let wanted = simple(name);
    allowed
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&wanted, &simple(candidate)), candidate))
        .filter(|(score, _)| *score >= 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn problems_read_as_compilers_write_them() {
        let problem = Problem::new(Step::Manifest, "unknown key `timout`")
            .in_file("mecapy.yaml")
            .at(12, 3)
            .help("did you mean `timeout`?");
        assert_eq!(
            problem.to_string(),
            "mecapy.yaml:12:3: unknown key `timout`; did you mean `timeout`?"
        );
        assert_eq!(Problem::new(Step::Archive, "it is empty").to_string(), "it is empty");
    }

    #[test]
    fn names_that_are_near() {
        let keys = ["timeout", "memory_limit", "cpu_limit"];
        assert_eq!(nearest("timout", keys), Some("timeout"));
        assert_eq!(nearest("memory-limit", keys), Some("memory_limit"));
        assert_eq!(nearest("MemoryLimit", keys), Some("memory_limit"));
        assert_eq!(nearest("colour", keys), None);
    }
}
