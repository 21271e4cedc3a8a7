//! The steps from an empty folder to the files of one commit.

use super::command::Git;
use super::error::GitError;
use super::failure;
use super::names::Reference;

/// Disk that a file takes at least, as file systems count it.
const BLOCK_BYTES: u64 = 4_096;

/// Every fetch: without anything that was not asked for.
const FETCH: [&str; 6] = [
    "fetch",
    "--quiet",
    "--no-tags",
    "--no-recurse-submodules",
    "--no-auto-maintenance",
    "--no-show-forced-updates",
];

/// Fetches what `reference` names into `git.work`, and says which commit it is.
pub(super) fn obtain(git: &Git<'_>, reference: &Reference) -> Result<String, GitError> {
    init(git)?;
    let commit = fetch(git, reference)?;
    check_size(git, &commit)?;
    let done = git.run(&[
        "checkout",
        "--quiet",
        "--force",
        "--detach",
        "--no-recurse-submodules",
        &commit,
        "--",
    ])?;
    if !done.success {
        return Err(failure::of_checkout(&done.stderr));
    }
    // Read-only files in writable folders: this needs no help.
    std::fs::remove_dir_all(git.work.join(".git"))
        .map_err(|error| GitError::local("the fetched objects cannot be removed", &error))?;
    Ok(commit)
}

fn init(git: &Git<'_>) -> Result<(), GitError> {
    let done = git.run(&["init", "--quiet", "--template="])?;
    if !done.success {
        let why = failure::excerpt(&done.stderr);
        return Err(GitError::Unavailable(format!("git cannot begin a repository: {why}")));
    }
    // Stronger than any `.gitattributes` of the commit: no filter, even one that the
    // operator's git has configured, no conversion of line ends or encodings, no `$Id$`.
    let info = git.work.join(".git/info");
    std::fs::create_dir_all(&info)
        .and_then(|()| {
            let attributes = "* -filter -text !eol -ident !working-tree-encoding !diff !merge\n";
            std::fs::write(info.join("attributes"), attributes)
        })
        .map_err(|error| GitError::local("the fetched repository cannot be set up", &error))
}

fn fetch(git: &Git<'_>, reference: &Reference) -> Result<String, GitError> {
    let url = git.source.url.as_str();
    let mut arguments = FETCH.to_vec();
    arguments.extend(["--depth=1", "--", url, reference.as_str()]);
    let done = git.run(&arguments)?;
    let fetched = match reference {
        Reference::Commit(id) if !done.success && failure::is_refused_commit(&done.stderr) => {
            fetch_branches(git, reference)?;
            id
        }
        _ if !done.success => return Err(failure::of_fetch(&done.stderr, url, reference)),
        _ => "FETCH_HEAD",
    };
    // A tag leads to its commit; a tree or a file does not.
    let commit =
        git.run(&["rev-parse", "--verify", "--quiet", &format!("{fetched}^{{commit}}")])?;
    let id = commit.stdout.trim();
    if commit.success && id.len() == 40 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(id.to_owned())
    } else {
        Err(failure::no_commit(url, reference))
    }
}

/// For servers that give nothing but what a name leads to: all branches and tags with their
/// history, in which the commit may be. Time and size bound it as they do all else.
fn fetch_branches(git: &Git<'_>, reference: &Reference) -> Result<(), GitError> {
    let url = git.source.url.as_str();
    let mut arguments = FETCH.to_vec();
    arguments.extend(["--", url, "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"]);
    let done = git.run(&arguments)?;
    if done.success { Ok(()) } else { Err(failure::of_fetch(&done.stderr, url, reference)) }
}

/// Adds up the commit's files before any of them is written: a pack of a few kilobytes may
/// hold terabytes, and a look every 100 ms is late for it.
fn check_size(git: &Git<'_>, commit: &str) -> Result<(), GitError> {
    // Sizes alone (`-` for a folder or a submodule), so that names cannot be in the way.
    // More of them than is read of a program's output is too large as well.
    let listed =
        git.run(&["ls-tree", "-r", "-t", "--full-tree", "--format=%(objectsize)", commit])?;
    if !listed.success {
        return Err(failure::of_checkout(&listed.stderr));
    }
    let total = listed
        .stdout
        .lines()
        .map(|size| size.trim().parse::<u64>().unwrap_or(0).max(BLOCK_BYTES))
        .fold(0, u64::saturating_add);
    if total > git.bounds.max_bytes { Err(git.bounds.too_large()) } else { Ok(()) }
}
