//! A file that is there whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// A file that is written beside its place and put there at the end. One that
/// is dropped before leaves what was there, and nothing beside it.
#[derive(Debug)]
pub struct WholeFile {
    place: PathBuf,
    /// `None` for what is no file, such as a pipe, and is written directly.
    beside: Option<PathBuf>,
    writer: BufWriter<File>,
}

impl WholeFile {
    /// Opens a file beside `path`.
    ///
    /// # Errors
    /// When it cannot be made there.
    pub fn create(path: &Path) -> anyhow::Result<Self> {
        let place = resolved(path);
        // `/dev/stdout` may lead to a file that another program has open.
        let is_device = ["/dev", "/proc"].iter().any(|root| path.starts_with(root));
        let is_special =
            is_device || fs::metadata(&place).is_ok_and(|metadata| !metadata.is_file());
        let beside = (!is_special).then(|| {
            let mut name = place.as_os_str().to_owned();
            name.push(format!(".{}.new", std::process::id()));
            PathBuf::from(name)
        });
        let opened = match &beside {
            Some(beside) => File::create(beside),
            None => File::options().append(true).open(path),
        };
        let file = opened.with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(Self {
            place,
            beside,
            writer: BufWriter::with_capacity(1 << 16, file),
        })
    }

    /// Opens files for what is made of `input`: none of them is the input, and no
    /// two are the same, so that a place that cannot be written is known before any
    /// work is done.
    ///
    /// # Errors
    /// When one is, or cannot be made.
    pub fn create_apart<'a>(
        paths: impl IntoIterator<Item = &'a Path>,
        input: &Path,
    ) -> anyhow::Result<Vec<Self>> {
        let input = input.canonicalize().ok();
        let mut files: Vec<Self> = Vec::new();
        for path in paths {
            let file = Self::create(path)?;
            let name = path.display();
            ensure!(
                input.as_deref() != Some(file.place()),
                "{name} is read, it cannot be written as well: give another file"
            );
            ensure!(
                files.iter().all(|other| other.place() != file.place()),
                "{name} would be written twice: give each output a file of its own"
            );
            files.push(file);
        }
        Ok(files)
    }

    /// Where it will be.
    #[must_use]
    pub fn place(&self) -> &Path {
        &self.place
    }

    /// Puts it in its place and says where that is.
    ///
    /// # Errors
    /// When it cannot be written to the end or be moved.
    pub fn put_in_place(mut self) -> anyhow::Result<PathBuf> {
        let place = self.place.clone();
        let mut put = || -> io::Result<()> {
            self.writer.flush()?;
            if let Some(beside) = &self.beside {
                self.writer.get_ref().sync_all()?;
                fs::rename(beside, &place)?;
                self.beside = None;
            }
            Ok(())
        };
        put().with_context(|| format!("{} could not be put in place", place.display()))?;
        Ok(place)
    }
}

/// The path that a link leads to, whole where the directory is there.
fn resolved(path: &Path) -> PathBuf {
    if let Ok(place) = path.canonicalize() {
        return place;
    }
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    match (directory.canonicalize(), path.file_name()) {
        (Ok(directory), Some(name)) => directory.join(name),
        _ => path.to_path_buf(),
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        if let Some(beside) = &self.beside {
            // Nobody is left to tell; the next try uses another name.
            let _ = fs::remove_file(beside);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let name = |entry: io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        entries.map(|entry| name(entry).unwrap()).collect()
    }

    #[test]
    fn it_is_there_when_it_is_whole() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.csv");
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        file.put_in_place().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
        assert_eq!(names(directory.path()), ["rules.csv"]);
    }

    #[test]
    fn one_that_is_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("rules.csv");
        let mut file = WholeFile::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert!(names(directory.path()).is_empty());
    }

    #[test]
    fn files_are_apart_from_each_other_and_from_what_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        fs::write(at("read.csv"), "kept").unwrap();
        let refusal = |paths: &[&Path]| {
            let paths = paths.iter().copied();
            let refused = WholeFile::create_apart(paths, &at("read.csv")).unwrap_err();
            refused.to_string()
        };
        let (model, rows) = (at("model.json"), at("rows.csv"));
        assert!(refusal(&[&model, &at("read.csv")]).contains("is read"));
        assert!(refusal(&[&model, &rows, &model]).contains("would be written twice"));
        let files = WholeFile::create_apart([&*model, &*rows], &at("read.csv")).unwrap();
        assert_eq!(files.len(), 2);
        drop(files);
        assert_eq!(names(directory.path()), ["read.csv"]);
    }

    #[test]
    fn a_place_that_is_not_there_is_named() {
        let refused = WholeFile::create(Path::new("/no/such/place/rules.csv")).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains("/no/such/place/rules.csv cannot be written")
        );
    }
}
