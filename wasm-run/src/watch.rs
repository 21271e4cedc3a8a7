//! Running again whenever a file of the package changes.
//!
//! The system says that something changed; whether it matters is seen from the package's
//! content, so a touched file, an editor's leavings or an output beside the package do not
//! make it run again. A package that cannot be read is watched like any other.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use model::ErrorKind;
use notify::{RecursiveMode, Watcher};

use crate::commands::report_stop;
use crate::ending::{Exit, Known, Stop};
use crate::report::summary;
use crate::session::Session;

/// Saving a file is often several changes: they are waited for.
const QUIET: Duration = Duration::from_millis(100);
/// How often Ctrl-C is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs until interrupted.
pub fn watch(session: &Session) -> Exit {
    let (changed, changes) = mpsc::channel();
    let listening = notify::recommended_watcher(move |_event| {
        // Whoever waited has gone: nothing is left to tell.
        let _ = changed.send(());
    });
    let watched = listening.and_then(|mut watcher| {
        for (path, mode) in places(session) {
            watcher.watch(&path, mode)?;
        }
        Ok(watcher)
    });
    let watched = match watched {
        Ok(watcher) => watcher,
        Err(error) => {
            let path = session.args.package.display();
            let stop = Stop::usage(format!("`{path}` cannot be watched: {error}"));
            return report_stop(&session.printer, Known::default(), stop);
        }
    };
    loop {
        // Taken before: what changes during the run is seen after it.
        let seen = fingerprint(session);
        session.printer.clear_terminal();
        let exit = session.run_once();
        if exit == Exit::Interrupted || session.interrupt.was_hit() {
            break;
        }
        let shown = session.args.package.display().to_string();
        session.printer.note(&summary::watching(&shown));
        if !wait(session, &changes, seen) {
            break;
        }
    }
    drop(watched);
    Exit::from(ErrorKind::Cancelled)
}

/// Waits until the package is another one; `false` if interrupted.
fn wait(session: &Session, changes: &Receiver<()>, seen: blake3::Hash) -> bool {
    loop {
        match changes.recv_timeout(LOOK) {
            _ if session.interrupt.was_hit() => return false,
            Err(RecvTimeoutError::Timeout) => continue,
            Err(RecvTimeoutError::Disconnected) => return false,
            Ok(()) => {}
        }
        while changes.recv_timeout(QUIET).is_ok() {}
        if fingerprint(session) != seen {
            return true;
        }
    }
}

/// A folder is watched whole; a file by way of its folder, since editors replace files.
fn places(session: &Session) -> Vec<(PathBuf, RecursiveMode)> {
    let beside = |path: &Path| {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        parent.unwrap_or(Path::new(".")).to_owned()
    };
    let package = &session.args.package;
    let mut places = vec![if package.is_dir() {
        (package.clone(), RecursiveMode::Recursive)
    } else {
        (beside(package), RecursiveMode::NonRecursive)
    }];
    if let Some(path) = inputs_file(session) {
        places.push((beside(path), RecursiveMode::NonRecursive));
    }
    places
}

fn inputs_file(session: &Session) -> Option<&Path> {
    session.args.inputs.as_deref()?.strip_prefix('@').map(Path::new)
}

/// What the package and the inputs are now, also if they cannot be read.
fn fingerprint(session: &Session) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    match package::archive::read(&session.args.package) {
        Ok(archive) => hasher.update(&package::version::checksum(&archive.tree).0),
        Err(error) => hasher.update(error.to_string().as_bytes()),
    };
    if let Some(content) = inputs_file(session).map(std::fs::read) {
        hasher.update(&content.unwrap_or_default());
    }
    hasher.finalize()
}
