//! Lines to instructions, as the daemon would read them where its versions agree; what they
//! read differently is refused.

use model::image::ImageError;

use super::refused;

const MAX_BYTES: usize = 64 * 1024;

#[derive(Debug, PartialEq)]
pub struct Instruction {
    /// Where it begins.
    pub line: usize,
    /// In capitals.
    pub word: String,
    pub flags: Vec<(String, String)>,
    /// On one line, without what continued it.
    pub rest: String,
}

/// The character that escapes, and all instructions.
pub fn read(text: &str) -> Result<(char, Vec<Instruction>), ImageError> {
    if text.len() > MAX_BYTES {
        return Err(refused(1, "the file is larger than 64 KiB"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let escape = directives(text)?;
    let mut found = Vec::new();
    let mut logical: Option<(usize, String)> = None;
    for (index, line) in text.split('\n').enumerate() {
        let number = index + 1;
        let line = line.strip_suffix('\r').unwrap_or(line);
        if line.contains(|c: char| c.is_control() && c != '\t') {
            return Err(refused(number, "there is a control character: remove it"));
        }
        let trimmed = line.trim_start();
        // Also between the lines of one instruction.
        if trimmed.is_empty() || trimmed.starts_with('#') {
            continue;
        }
        let (part, continues) = match line.trim_end().strip_suffix(escape) {
            Some(part) if part.ends_with(escape) => {
                let what = format!("two `{escape}` at the end of a line can be read in two ways");
                return Err(refused(number, &format!("{what}: write the line in another way")));
            }
            Some(part) => (part, true),
            None => (line, false),
        };
        match &mut logical {
            Some((_, whole)) => whole.push_str(part),
            None => logical = Some((number, part.to_owned())),
        }
        if !continues && let Some((begin, whole)) = logical.take() {
            found.push(instruction(begin, &whole)?);
        }
    }
    match logical {
        Some((begin, _)) => Err(refused(begin, "the file ends within this instruction")),
        None => Ok((escape, found)),
    }
}

/// Reads the comments at the very top that are more than comments.
fn directives(text: &str) -> Result<char, ImageError> {
    let mut escape = '\\';
    for (index, line) in text.split('\n').enumerate() {
        let Some((name, value)) =
            line.trim().strip_prefix('#').and_then(|line| line.split_once('='))
        else {
            break;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match (name.as_str(), value) {
            ("escape", "\\") => escape = '\\',
            ("escape", "`") => escape = '`',
            ("escape", _) => return Err(refused(index + 1, "`escape` is `\\` or `` ` ``")),
            ("syntax", _) => {
                return Err(refused(
                    index + 1,
                    "another syntax would be fetched: remove this line",
                ));
            }
            // A comment with an equals sign: what follows is no directive any more for some,
            // and still is one for others.
            (name, _) if name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {}
            _ => break,
        }
    }
    Ok(escape)
}

fn instruction(line: usize, whole: &str) -> Result<Instruction, ImageError> {
    let whole = whole.trim();
    let (word, mut rest) = whole.split_once(char::is_whitespace).unwrap_or((whole, ""));
    let word = word.to_ascii_uppercase();
    if !word.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Err(refused(line, &format!("`{}` is no instruction", model::json::cut(&word, 40))));
    }
    let mut flags = Vec::new();
    loop {
        rest = rest.trim_start();
        let Some(flag) = rest.strip_prefix("--") else { break };
        let (flag, after) = flag.split_once(char::is_whitespace).unwrap_or((flag, ""));
        let (name, value) = flag.split_once('=').unwrap_or((flag, ""));
        // Neither quotes nor variables: they would be read again.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte);
        if name.is_empty()
            || value.is_empty()
            || !flag.bytes().all(|byte| is_plain(byte) || byte == b'=')
        {
            let what = format!("`--{}` is not understood", model::json::cut(flag, 100));
            return Err(refused(line, &format!("{what}: options are written `--name=value`")));
        }
        flags.push((name.to_owned(), value.to_owned()));
        rest = after;
    }
    Ok(Instruction { line, word, flags, rest: rest.to_owned() })
}
