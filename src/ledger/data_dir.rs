//! The data directory: what is in it, who may use it, and whether it is one.
//!
//! ```text
//! FORMAT             version of this layout and the store's identity, checksummed; written last
//! CREATING           there only while the directory is being created
//! lock               held by the process that uses the directory; holds its pid
//! store/             the records (sled)
//! high-water-mark    the last acknowledged head, outside of the store
//! checkpoints/       states folded from the records, so that a start need not fold them all
//! secrets            the keys: of the shop, of ids, of each subject
//! ```
//!
//! A directory counts as created once `FORMAT` is there. Before that it holds
//! `CREATING` and nothing was acknowledged from it, so that an unfinished
//! creation may be begun again from nothing. A directory with neither file and
//! with other entries belongs to somebody else, or has lost its `FORMAT`: both
//! are refused.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::durable_file::{self, FileError, failed_to};

/// The version of the layout that this program writes, and the only one that it
/// reads.
pub const FORMAT_VERSION: u32 = 1;

const FORMAT: &str = "FORMAT";
const CREATING: &str = "CREATING";
const LOCK: &str = "lock";
const STORE: &str = "store";
const HIGH_WATER_MARK: &str = "high-water-mark";
const CHECKPOINTS: &str = "checkpoints";
const SECRETS: &str = "secrets";

/// Entries that say nothing about whose directory it is: our lock, which is
/// taken before anything else, and what a file system puts into its root.
const NEUTRAL_ENTRIES: [&str; 2] = [LOCK, "lost+found"];

/// What an unfinished creation may have left, all of it without value.
const CREATED_ENTRIES: [&str; 4] = [STORE, HIGH_WATER_MARK, CHECKPOINTS, SECRETS];

/// A data directory's identity: drawn at its creation and repeated in every file
/// of it, so that a file of another directory is noticed.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct StoreId(pub [u8; 16]);

impl fmt::Display for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for StoreId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreId({self})")
    }
}

/// Why a data directory was refused.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// The path names a file.
    #[error("{} is not a directory; name another data directory", path.display())]
    NotADirectory {
        /// The path.
        path: PathBuf,
    },
    /// The directory holds something else.
    #[error(
        "{} is not a data directory and is not empty (it holds {entry:?}); name an empty or a \
         new directory, or, if this was a data directory, restore its FORMAT file from a backup",
        path.display()
    )]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// One of its entries.
        entry: String,
    },
    /// Another process uses it.
    #[error(
        "{} is in use by another process ({holder}); stop that process, or ask the running \
         service by --endpoint",
        path.display()
    )]
    Locked {
        /// The directory.
        path: PathBuf,
        /// `pid 123`, or that the holder has not written it yet.
        holder: String,
    },
    /// A later program wrote it.
    #[error(
        "{} has format {found}, this program reads format {supported}; use the version of \
         promobandit that wrote it, or a later one",
        path.display()
    )]
    UnknownFormat {
        /// The directory.
        path: PathBuf,
        /// The version in its `FORMAT` file.
        found: u32,
        /// The version that can be read.
        supported: u32,
    },
    /// The `FORMAT` file is not as it was written.
    #[error("{} is damaged: {reason}; restore the data directory from a backup", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes: {0}")]
    Entropy(#[from] getrandom::Error),
    /// The file system refused something.
    #[error(transparent)]
    File(#[from] FileError),
}

/// A data directory that exists and is held by this process until this value is
/// dropped.
#[derive(Debug)]
pub struct DataDir {
    layout: Layout,
    store_id: StoreId,
    _lock: Lock,
}

/// The lock of a data directory. The operating system drops it with the process,
/// however that ends.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    /// Closing the file is not enough: a child process that is being started at this
    /// moment shares it until it runs its own program, and would hold the lock on.
    fn drop(&mut self) {
        // Closing it is all that is left where this fails.
        let _ = self.0.unlock();
    }
}

/// A data directory under construction: its parts are created next, then
/// [`finish`](NewDataDir::finish) makes it count.
#[derive(Debug)]
pub struct NewDataDir {
    directory: DataDir,
}

/// What [`acquire`] found.
#[derive(Debug)]
pub enum Acquired {
    /// Nothing was there, or an unfinished creation.
    New(NewDataDir),
    /// A whole data directory of a known format.
    Existing(DataDir),
}

/// Where the parts of a data directory are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    root: PathBuf,
}

/// What a file takes on disk: a store preallocates, and leaves holes.
#[cfg(unix)]
fn allocated_bytes(metadata: &fs::Metadata) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    const BLOCK_BYTES: u64 = 512;
    metadata.blocks() * BLOCK_BYTES
}

#[cfg(not(unix))]
fn allocated_bytes(metadata: &fs::Metadata) -> u64 {
    metadata.len()
}

impl Layout {
    /// The layout of the data directory at a path.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    /// The data directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where the records are.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.root.join(STORE)
    }

    /// The file that holds the last acknowledged head.
    #[must_use]
    pub fn high_water_mark(&self) -> PathBuf {
        self.root.join(HIGH_WATER_MARK)
    }

    /// Where the checkpoints are.
    #[must_use]
    pub fn checkpoints(&self) -> PathBuf {
        self.root.join(CHECKPOINTS)
    }

    /// The file with the keys.
    #[must_use]
    pub fn secrets(&self) -> PathBuf {
        self.root.join(SECRETS)
    }

    /// How many bytes of disk all of its files have been given. A file that
    /// goes away meanwhile, or cannot be looked at, counts as nothing.
    #[must_use]
    pub fn disk_bytes(&self) -> u64 {
        let mut bytes = 0;
        let mut directories = vec![self.root.clone()];
        while let Some(directory) = directories.pop() {
            for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
                match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => directories.push(entry.path()),
                    Ok(metadata) => bytes += allocated_bytes(&metadata),
                    Err(_) => {}
                }
            }
        }
        bytes
    }

    /// Whether a data directory was created there, whole or damaged.
    #[must_use]
    pub fn is_created(&self) -> bool {
        self.entry(FORMAT).exists()
    }

    fn entry(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl DataDir {
    /// Where its parts are.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Its identity.
    #[must_use]
    pub fn store_id(&self) -> StoreId {
        self.store_id
    }
}

impl NewDataDir {
    /// Where its parts go.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.directory.layout
    }

    /// Its identity, drawn just now.
    #[must_use]
    pub fn store_id(&self) -> StoreId {
        self.directory.store_id
    }

    /// Declares the directory whole. Every part must be there and synced.
    ///
    /// # Errors
    /// When the file system refuses; the creation can then be begun again.
    pub fn finish(self) -> Result<DataDir, DataDirError> {
        let layout = &self.directory.layout;
        let format = render_format(FORMAT_VERSION, self.directory.store_id);
        durable_file::replace(&layout.entry(FORMAT), &[format.as_bytes()])?;
        durable_file::remove(&layout.entry(CREATING))?;
        Ok(self.directory)
    }
}

/// Takes a data directory for this process: creates it, or checks that it is
/// one.
///
/// # Errors
/// See [`DataDirError`]; nothing is created in a directory that is refused.
pub fn acquire(root: &Path) -> Result<Acquired, DataDirError> {
    let layout = Layout::of(root);
    // Looked at before the lock so that a foreign directory stays untouched, and
    // again under the lock, when nobody else can be creating it.
    classify(&layout)?;
    durable_file::create_directory(root)?;
    let lock = lock(&layout)?;
    match classify(&layout)? {
        Found::Nothing | Found::Unfinished => begin_creation(layout, lock),
        Found::Whole => {
            let store_id = read_format(&layout)?;
            durable_file::remove(&layout.entry(CREATING))?;
            Ok(Acquired::Existing(DataDir {
                layout,
                store_id,
                _lock: lock,
            }))
        }
    }
}

enum Found {
    Nothing,
    Unfinished,
    Whole,
}

fn classify(layout: &Layout) -> Result<Found, DataDirError> {
    let root = layout.root();
    let entries = match fs::read_dir(root) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(DataDirError::NotADirectory {
                path: root.to_path_buf(),
            });
        }
        Err(error) => return Err(failed_to("list", root)(error).into()),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed_to("list", root))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    if names.iter().any(|name| name == FORMAT) {
        return Ok(Found::Whole);
    }
    if names.iter().any(|name| name == CREATING) {
        return Ok(Found::Unfinished);
    }
    match names
        .into_iter()
        .find(|name| !NEUTRAL_ENTRIES.contains(&name.as_str()))
    {
        Some(entry) => Err(DataDirError::Foreign {
            path: root.to_path_buf(),
            entry,
        }),
        None => Ok(Found::Nothing),
    }
}

/// Takes the lock and leaves the pid in it for whoever is refused.
fn lock(layout: &Layout) -> Result<Lock, DataDirError> {
    let path = layout.entry(LOCK);
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed_to("open", &path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(DataDirError::Locked {
                path: layout.root().to_path_buf(),
                holder: describe_holder(&mut file),
            });
        }
        Err(TryLockError::Error(error)) => return Err(failed_to("lock", &path)(error).into()),
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(format!("{}\n", std::process::id()).as_bytes()))
        .map_err(failed_to("write", &path))?;
    Ok(Lock(file))
}

/// The pid that the holder of the lock wrote; it may be about to.
fn describe_holder(file: &mut File) -> String {
    let mut content = String::new();
    let read = file.take(32).read_to_string(&mut content);
    match (read, content.trim().parse::<u32>()) {
        (Ok(_), Ok(pid)) => format!("pid {pid}"),
        _ => "its pid is not known yet".to_owned(),
    }
}

fn begin_creation(layout: Layout, lock: Lock) -> Result<Acquired, DataDirError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)?;
    if !layout.entry(CREATING).exists() {
        durable_file::create(&layout.entry(CREATING), b"")?;
    }
    for name in CREATED_ENTRIES {
        let path = layout.entry(name);
        if path.is_dir() {
            fs::remove_dir_all(&path).map_err(failed_to("remove", &path))?;
        } else {
            durable_file::remove(&path)?;
        }
    }
    durable_file::create_directory(&layout.store())?;
    durable_file::create_directory(&layout.checkpoints())?;
    let directory = DataDir {
        layout,
        store_id: StoreId(id),
        _lock: lock,
    };
    Ok(Acquired::New(NewDataDir { directory }))
}

fn render_format(version: u32, store_id: StoreId) -> String {
    let content = format!("promobandit data directory\nformat {version}\nstore {store_id}\n");
    let checksum = crc32c::crc32c(content.as_bytes());
    format!("{content}check {checksum:08x}\n")
}

/// Reads the identity of a store whose directory this process, or the one that
/// started it, holds.
///
/// # Errors
/// [`DataDirError::Damaged`] or [`DataDirError::UnknownFormat`].
pub(super) fn read_format(layout: &Layout) -> Result<StoreId, DataDirError> {
    let path = layout.entry(FORMAT);
    let bytes = fs::read(&path).map_err(failed_to("read", &path))?;
    let damaged = |reason: &str| DataDirError::Damaged {
        path: path.clone(),
        reason: reason.to_owned(),
    };
    let (version, store_id) =
        parse_format(&bytes).ok_or_else(|| damaged("it is not a format description"))?;
    // Written again and compared as a whole: no byte of the file is unchecked.
    if render_format(version, store_id).as_bytes() != bytes {
        return Err(damaged("its checksum does not match"));
    }
    if version != FORMAT_VERSION {
        return Err(DataDirError::UnknownFormat {
            path: layout.root().to_path_buf(),
            found: version,
            supported: FORMAT_VERSION,
        });
    }
    Ok(store_id)
}

fn parse_format(bytes: &[u8]) -> Option<(u32, StoreId)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let mut lines = text.lines().skip(1);
    let version = lines.next()?.strip_prefix("format ")?.parse().ok()?;
    let digits = lines.next()?.strip_prefix("store ")?;
    let number = u128::from_str_radix(digits, 16).ok()?;
    Some((version, StoreId(number.to_be_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn create(root: &Path) -> DataDir {
        match acquire(root).expect("a new directory is taken") {
            Acquired::New(new) => new.finish().expect("and finished"),
            Acquired::Existing(_) => panic!("the directory was there already"),
        }
    }

    #[test]
    fn a_new_directory_keeps_its_identity() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let root = scratch.path().join("a").join("b");
        let store_id = create(&root).store_id();
        match acquire(&root).expect("it is taken again") {
            Acquired::Existing(found) => assert_eq!(found.store_id(), store_id),
            Acquired::New(_) => panic!("it was created a second time"),
        }
    }

    #[test]
    fn an_unfinished_creation_is_begun_again() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let Acquired::New(new) = acquire(scratch.path()).expect("taken") else {
            panic!("an empty directory is new");
        };
        fs::write(new.layout().secrets(), "half").expect("written");
        drop(new);
        let Acquired::New(again) = acquire(scratch.path()).expect("taken again") else {
            panic!("an unfinished directory is new");
        };
        assert!(!again.layout().secrets().exists());
    }

    #[test]
    fn a_foreign_directory_is_refused_and_left_alone() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        fs::write(scratch.path().join("diary.txt"), "mine").expect("written");
        let error = acquire(scratch.path()).expect_err("it is somebody else's");
        assert!(error.to_string().contains("diary.txt"), "{error}");
        let entries = fs::read_dir(scratch.path()).expect("listed").count();
        assert_eq!(entries, 1, "nothing was created in it");
    }

    #[test]
    fn a_directory_that_lost_its_format_is_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let layout = create(scratch.path()).layout().clone();
        fs::remove_file(layout.entry(FORMAT)).expect("removed");
        let error = acquire(scratch.path()).expect_err("its FORMAT is missing");
        assert!(matches!(error, DataDirError::Foreign { .. }), "{error}");
    }

    #[test]
    fn a_second_holder_is_told_the_pid_of_the_first() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let held = create(scratch.path());
        let error = acquire(scratch.path()).expect_err("it is held");
        let pid = format!("pid {}", std::process::id());
        assert!(error.to_string().contains(&pid), "{error}");
        drop(held);
        acquire(scratch.path()).expect("free again");
    }

    #[test]
    fn every_flipped_bit_of_the_format_is_refused() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let layout = create(scratch.path()).layout().clone();
        let path = layout.entry(FORMAT);
        let original = fs::read(&path).expect("read");
        for bit in 0..original.len() * 8 {
            let mut bytes = original.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).expect("written");
            let error = read_format(&layout).expect_err("one bit is wrong");
            assert!(matches!(error, DataDirError::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn a_later_format_is_refused_by_its_number() {
        let scratch = tempfile::tempdir().expect("a scratch directory");
        let directory = create(scratch.path());
        let later = render_format(FORMAT_VERSION + 1, directory.store_id());
        let layout = directory.layout().clone();
        drop(directory);
        fs::write(layout.entry(FORMAT), later).expect("written");
        let error = acquire(scratch.path()).expect_err("a later program wrote it");
        assert!(error.to_string().contains("has format 2"), "{error}");
    }
}
