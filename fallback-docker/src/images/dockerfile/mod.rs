//! A package's own `Dockerfile`: checked strictly, and written anew.
//!
//! The daemon is never given an author's text, but what was understood of it, one instruction
//! a line: so nothing is in it that was not looked at, whatever the daemon's own parser makes
//! of continuations, heredocs and directives. The stages begin with the package's base alone,
//! the build has no network, and the program runs as a user without rights.

mod instructions;

use model::Tree;
use model::image::{ImageError, Platform};

use self::instructions::{Instruction, read};
use super::bases;
use crate::settings::Settings;

/// Layers of an image are bounded by the kernel, too.
const MAX_INSTRUCTIONS: usize = 60;

/// The bases that manifests name, and other words for the one that this package's does.
const BASES: [&str; 3] = ["python-base", "python-scientific", "python-cfd"];
const THE_BASE: [&str; 3] = ["mecapy-base", "${BASE}", "$BASE"];

/// What every stage over the base begins with.
pub fn additions(has_dependencies: bool) -> String {
    if has_dependencies {
        // The layers below are made for handlers.
        "ENTRYPOINT []\nENV PYTHONPATH=/deps\n".to_owned()
    } else {
        format!("{}WORKDIR /app\n", super::layers::ENVIRONMENT)
    }
}

/// What a Dockerfile is checked against.
pub struct Rules<'a> {
    pub settings: &'a Settings,
    pub platform: &'a Platform,
    /// Id of the image that stages begin with.
    pub parent: &'a str,
    /// Instructions that are put after each `FROM` of it.
    pub additions: &'a str,
}

/// The Dockerfile that is built instead of the package's own.
pub fn rewritten(app: &Tree, rules: &Rules<'_>) -> Result<String, ImageError> {
    let file = app.file("Dockerfile").ok_or_else(|| {
        ImageError::Refused("the package has no `Dockerfile` in its top folder".to_owned())
    })?;
    let text = std::str::from_utf8(file).map_err(|_| refused(1, "is not UTF-8"))?;
    let (escape, instructions) = read(text)?;
    if instructions.len() > MAX_INSTRUCTIONS {
        let line = instructions[MAX_INSTRUCTIONS].line;
        return Err(refused(
            line,
            &format!("more than {MAX_INSTRUCTIONS} instructions: join some"),
        ));
    }
    let mut writer = Writer { rules, stages: Vec::new(), text: format!("# escape={escape}\n") };
    for instruction in &instructions {
        writer.add(instruction)?;
    }
    writer.finish()
}

fn refused(line: usize, what: &str) -> ImageError {
    ImageError::Refused(format!("Dockerfile:{line}: {what}"))
}

struct Writer<'a> {
    rules: &'a Rules<'a>,
    stages: Vec<Stage>,
    text: String,
}

struct Stage {
    name: Option<String>,
    starts: bool,
}

impl Writer<'_> {
    fn add(&mut self, instruction: &Instruction) -> Result<(), ImageError> {
        let Instruction { line, word, flags, rest } = instruction;
        let no = |what: &str| Err(refused(*line, what));
        if self.stages.is_empty() && !matches!(word.as_str(), "FROM" | "ARG") {
            return no(&format!("`{word}` comes before `FROM`: begin with `FROM python-base`"));
        }
        if rest.is_empty() {
            return no(&format!("`{word}` says nothing"));
        }
        match word.as_str() {
            "FROM" => return self.from(instruction),
            "COPY" => self.check_copy(instruction)?,
            "RUN" if !flags.is_empty() => {
                return no(&format!(
                    "`--{}` of `RUN` is not possible here: leave it out",
                    flags[0].0
                ));
            }
            _ if !flags.is_empty() => {
                return no(&format!("`{word}` has no option `--{}`", flags[0].0));
            }
            "ENTRYPOINT" | "CMD" => {
                if let Some(stage) = self.stages.last_mut() {
                    stage.starts = true;
                }
            }
            "ARG" | "ENV" | "RUN" | "USER" | "WORKDIR" => {}
            // Nothing reads them here; some labels are ours.
            "LABEL" | "EXPOSE" | "MAINTAINER" => return Ok(()),
            "ADD" => return no("`ADD` fetches and unpacks: use `COPY` of files in the package"),
            "VOLUME" => return no("`VOLUME`: a function keeps no files: leave it out"),
            "ONBUILD" | "HEALTHCHECK" | "STOPSIGNAL" => {
                return no(&format!("`{word}` means nothing for a function: leave it out"));
            }
            "SHELL" => return no("`SHELL`: name the shell in `RUN [\"shell\", \"-c\", ...]`"),
            _ => {
                return no(&format!(
                    "`{word}` is no instruction; there are FROM, ARG, ENV, WORKDIR, COPY, RUN, \
                     USER, ENTRYPOINT and CMD"
                ));
            }
        }
        // Some parsers read on in the next lines.
        if matches!(word.as_str(), "RUN" | "COPY") && rest.contains("<<") {
            return no("`<<` is not possible here: put the text into a file of the package");
        }
        self.text += word;
        for (name, value) in flags {
            self.text += &format!(" --{name}={value}");
        }
        self.text += &format!(" {rest}\n");
        Ok(())
    }

    fn from(&mut self, instruction: &Instruction) -> Result<(), ImageError> {
        let Instruction { line, flags, rest, .. } = instruction;
        let no = |what: &str| Err(refused(*line, what));
        if let Some((flag, _)) = flags.first() {
            return no(&format!("`--{flag}` of `FROM` is not possible here: leave it out"));
        }
        let words: Vec<&str> = rest.split_whitespace().collect();
        let (image, name) = match words.as_slice() {
            [image] => (*image, None),
            [image, word, name] if word.eq_ignore_ascii_case("as") => (*image, Some(*name)),
            _ => return no("`FROM` is followed by an image, and perhaps by `AS` and a name"),
        };
        let name = name.map(str::to_ascii_lowercase);
        if let Some(name) = &name {
            let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            if !name.bytes().all(is_word) || !name.as_bytes()[0].is_ascii_alphabetic() {
                return no(&format!("`{name}` is no name of a stage: use letters and digits"));
            }
            if self.stage(name).is_some() || BASES.contains(&name.as_str()) || name == THE_BASE[0] {
                return no(&format!("`{name}` names something else already: choose another name"));
            }
        }
        let suffix = name.as_ref().map(|name| format!(" AS {name}")).unwrap_or_default();
        let mut starts = false;
        if let Some(earlier) = self.stage(&image.to_ascii_lowercase()) {
            starts = earlier.starts;
            self.text += &format!("FROM {}{suffix}\n", image.to_ascii_lowercase());
        } else {
            self.check_base(*line, image)?;
            let Rules { settings, parent, additions, .. } = self.rules;
            let label = super::layers::label_of_images(settings);
            self.text += &format!("FROM {parent}{suffix}\n{label}{additions}");
        }
        self.stages.push(Stage { name, starts });
        Ok(())
    }

    /// Whether an image is this package's base, by whichever of its names.
    fn check_base(&self, line: usize, image: &str) -> Result<(), ImageError> {
        let Rules { settings, platform, .. } = self.rules;
        let here = bases::without_digest(&platform.base);
        let configured = |name: &str| {
            bases::configured(settings, name, platform.python).is_some_and(|it| it == here)
        };
        let mut its_names = BASES.into_iter().filter(|name| configured(name));
        if THE_BASE.contains(&image) || image == here || image == platform.base || configured(image)
        {
            return Ok(());
        }
        let expected = its_names.next().unwrap_or(THE_BASE[0]);
        if BASES.contains(&image) {
            return Err(refused(
                line,
                &format!(
                    "`FROM {image}`: the manifest's `base_image` is another: name the same in both"
                ),
            ));
        }
        Err(refused(line, &format!("`FROM {image}` is not possible here: write `FROM {expected}`")))
    }

    fn check_copy(&self, instruction: &Instruction) -> Result<(), ImageError> {
        let line = instruction.line;
        for (name, value) in &instruction.flags {
            match name.as_str() {
                "chown" => {}
                "from" => {
                    let earlier = &self.stages[..self.stages.len() - 1];
                    let is_number = value.parse().is_ok_and(|number: usize| number < earlier.len());
                    let lower = value.to_ascii_lowercase();
                    let is_name = earlier.iter().any(|stage| stage.name.as_deref() == Some(&lower));
                    if !is_number && !is_name {
                        let what = format!("`--from={value}` is no earlier stage of this file");
                        return Err(refused(line, &format!("{what}: other images cannot be used")));
                    }
                }
                _ => {
                    let what = format!("`--{name}` of `COPY` is not possible here: leave it out");
                    return Err(refused(line, &what));
                }
            }
        }
        Ok(())
    }

    fn stage(&self, name: &str) -> Option<&Stage> {
        self.stages.iter().find(|stage| stage.name.as_deref() == Some(name))
    }

    fn finish(mut self) -> Result<String, ImageError> {
        match self.stages.last() {
            None => Err(refused(1, "nothing is built: begin with `FROM python-base`")),
            Some(Stage { starts: false, .. }) => Err(refused(
                1,
                "no `ENTRYPOINT` in the last stage: say which program reads the inputs from standard \
                 input and writes the result to standard output",
            )),
            Some(_) => {
                self.text += "USER 65534:65534\n";
                Ok(self.text)
            }
        }
    }
}

#[cfg(test)]
mod tests;
