//! Files that are there after a power loss. A file is durable when its content
//! *and* the directory entry that names it are synced, so every function here
//! syncs both.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Something that the file system refused.
#[derive(Debug, thiserror::Error)]
#[error("could not {operation} {}: {source}", path.display())]
pub struct FileError {
    /// What was tried, as a verb.
    pub operation: &'static str,
    /// On which file or directory.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

/// Names the operation and the path in an error of the operating system.
pub(super) fn failed_to(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_path_buf();
    move |source| FileError {
        operation,
        path,
        source,
    }
}

/// Makes the entries of a directory durable.
pub(super) fn sync_directory(path: &Path) -> Result<(), FileError> {
    File::open(path)
        .and_then(|directory| directory.sync_all())
        .map_err(failed_to("sync the directory", path))
}

/// The directory that holds a path: `.` for a bare name.
pub(super) fn parent_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Creates a directory and what leads to it, all of it durable and open to its
/// owner alone. One that is there already is left alone.
pub(super) fn create_directory(path: &Path) -> Result<(), FileError> {
    use std::os::unix::fs::DirBuilderExt;

    if path.is_dir() {
        return Ok(());
    }
    let parent = parent_of(path);
    create_directory(parent)?;
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(failed_to("create the directory", path)(error));
        }
        _ => {}
    }
    sync_directory(path)?;
    sync_directory(parent)
}

/// Creates a file that must not be there yet. Only its owner may read it: the
/// data directory holds keys.
pub(super) fn create(path: &Path, content: &[u8]) -> Result<File, FileError> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed_to("create", path))?;
    file.write_all(content)
        .and_then(|()| file.sync_all())
        .map_err(failed_to("write", path))?;
    sync_directory(parent_of(path))?;
    Ok(file)
}

/// Puts a file in place whole or not at all: written beside, synced, renamed. A
/// leftover of an earlier try is overwritten.
pub(super) fn replace(path: &Path, parts: &[&[u8]]) -> Result<(), FileError> {
    use std::os::unix::fs::OpenOptionsExt;

    let mut temporary_name = path.as_os_str().to_owned();
    temporary_name.push(TEMPORARY_SUFFIX);
    let temporary = PathBuf::from(temporary_name);
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)?;
        for part in parts {
            file.write_all(part)?;
        }
        file.sync_all()
    };
    write().map_err(failed_to("write", &temporary))?;
    fs::rename(&temporary, path).map_err(failed_to("rename a new file to", path))?;
    sync_directory(parent_of(path))
}

/// What [`replace`] adds to a name while the file is not whole yet.
pub(super) const TEMPORARY_SUFFIX: &str = ".new";

/// Removes a file and makes that durable. One that is not there is no error.
pub(super) fn remove(path: &Path) -> Result<(), FileError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed_to("remove", path)(error))
        }
        Err(_) => Ok(()),
        Ok(()) => sync_directory(parent_of(path)),
    }
}
