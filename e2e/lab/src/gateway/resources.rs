//! The directory of manifests that the control plane watches.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// It. What is written here is read within moments, all files anew at each change.
///
/// A change is merged into what was there before: lists are replaced, but a field that is gone from its resource stays. What should lose a
/// field has to be removed and written again.
#[derive(Clone, Debug)]
pub struct Resources {
    directory: PathBuf,
}

impl Resources {
    /// Makes the directory.
    ///
    /// # Errors
    /// When the system cannot.
    pub(super) fn new(directory: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&directory)?;
        Ok(Self { directory })
    }

    /// Where it is.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Adds or replaces that file, at once: nobody reads half of it. Where it is there already, nothing happens: every change of a file makes
    /// the control plane read all of them, for seconds.
    ///
    /// # Errors
    /// When the system cannot.
    pub fn put(&self, name: &str, text: &str) -> io::Result<()> {
        let file = self.directory.join(name);
        if fs::read(&file).is_ok_and(|there| there == text.as_bytes()) {
            return Ok(());
        }
        // Beside the directory, which is watched.
        let hidden = self.directory.parent().unwrap_or(&self.directory).join(format!(".{name}"));
        fs::write(&hidden, text)?;
        fs::rename(hidden, file)
    }

    /// Removes that file.
    ///
    /// # Errors
    /// When it is not there.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }
}
