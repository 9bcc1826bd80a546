//! Images in a directory, as OCI lays them out: what other tools read too.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::image::{Descriptor, Image};
use crate::media;
use crate::reference::Tag;

/// The annotation of an index's entry that names it.
const NAME: &str = "org.opencontainers.image.ref.name";
/// The most bytes of an index or a manifest that are read: registries take no more.
const LONGEST_MANIFEST: u64 = 4 << 20;

/// A directory with images.
#[derive(Clone, Debug)]
pub struct Layout {
    directory: PathBuf,
}

/// Why a directory cannot be written, or is no layout.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// A file that cannot be read or written.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file that is not what it should be.
    #[error("{}: {reason}\n  hint: `ai-filters image build` writes the directory anew", path.display())]
    Broken {
        /// Which.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

/// A list of manifests.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Index {
    pub(crate) schema_version: u8,
    pub(crate) media_type: String,
    pub(crate) manifests: Vec<Descriptor>,
}

/// Of a manifest, what it names.
#[derive(Deserialize)]
struct Named {
    config: Descriptor,
    layers: Vec<Descriptor>,
    subject: Option<Descriptor>,
}

/// An image in a layout, before its bytes are read.
pub(crate) struct Stored {
    /// None of what only refers to another.
    pub(crate) tag: Option<Tag>,
    pub(crate) descriptor: Descriptor,
    pub(crate) manifest: Vec<u8>,
    pub(crate) blobs: Vec<Descriptor>,
    pub(crate) subject: Option<Digest>,
}

impl Index {
    pub(crate) fn of(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: media::INDEX.to_owned(), manifests }
    }
}

impl Layout {
    /// The layout in that directory.
    pub fn at(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into() }
    }

    /// Writes these images, each under its tag, and what refers to them. What was in the directory before and is not named any more stays, unreachable.
    ///
    /// # Errors
    ///
    /// Where the directory cannot be written.
    pub fn write(&self, images: &[(Tag, &Image)], referrers: &[&Image]) -> Result<(), LayoutError> {
        let tagged = images.iter().map(|(tag, image)| (Some(tag), *image));
        let mut manifests = Vec::new();
        for (tag, image) in tagged.chain(referrers.iter().map(|image| (None, *image))) {
            for blob in image.blobs().iter().map(Vec::as_slice).chain([image.manifest()]) {
                self.write_file(&self.blob(&Digest::of(blob)), blob)?;
            }
            let mut descriptor = image.descriptor();
            descriptor.annotations.extend(tag.map(|tag| (NAME.to_owned(), tag.as_str().to_owned())));
            manifests.push(descriptor);
        }
        let index = self.directory.join("index.json");
        let json = serde_json::to_vec(&Index::of(manifests)).map_err(|error| broken(&index, &error))?;
        self.write_file(&index, &json)?;
        self.write_file(&self.directory.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)
    }

    /// The images, in the order in which they can be pushed: what refers to one comes after it.
    pub(crate) fn images(&self) -> Result<Vec<Stored>, LayoutError> {
        let path = self.directory.join("index.json");
        let index: Index =
            serde_json::from_slice(&read(&path, LONGEST_MANIFEST)?).map_err(|error| broken(&path, &error))?;
        let mut images = Vec::with_capacity(index.manifests.len());
        for mut descriptor in index.manifests {
            let tag = match descriptor.annotations.remove(NAME) {
                Some(name) => Some(name.parse().map_err(|error| broken(&path, &error))?),
                None => None,
            };
            let manifest = self.read(&descriptor, LONGEST_MANIFEST)?;
            let named: Named = serde_json::from_slice(&manifest)
                .map_err(|error| broken(&self.blob(&descriptor.digest), &error))?;
            descriptor.annotations = BTreeMap::new();
            images.push(Stored {
                tag,
                descriptor,
                manifest,
                blobs: [named.config].into_iter().chain(named.layers).collect(),
                subject: named.subject.map(|subject| subject.digest),
            });
        }
        images.sort_by_key(|image| image.subject.is_some());
        Ok(images)
    }

    /// The bytes of that descriptor, if they are these.
    pub(crate) fn read(&self, descriptor: &Descriptor, most: u64) -> Result<Vec<u8>, LayoutError> {
        let path = self.blob(&descriptor.digest);
        let bytes = read(&path, most)?;
        let found = Digest::of(&bytes);
        if found == descriptor.digest && u64::try_from(bytes.len()) == Ok(descriptor.size) {
            return Ok(bytes);
        }
        Err(broken(&path, &format!("its digest is {found}, and its length {}", bytes.len())))
    }

    fn blob(&self, digest: &Digest) -> PathBuf {
        self.directory.join("blobs").join("sha256").join(digest.hex())
    }

    fn write_file(&self, path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
        let file = |source| LayoutError::File { path: path.to_owned(), source };
        fs::create_dir_all(path.parent().unwrap_or(&self.directory)).map_err(file)?;
        fs::write(path, bytes).map_err(file)
    }
}

fn read(path: &Path, most: u64) -> Result<Vec<u8>, LayoutError> {
    let file = |source| LayoutError::File { path: path.to_owned(), source };
    let length = fs::metadata(path).map_err(file)?.len();
    if length > most {
        return Err(broken(path, &format!("{length} bytes are more than the {most} that are read")));
    }
    fs::read(path).map_err(file)
}

fn broken(path: &Path, reason: &impl ToString) -> LayoutError {
    LayoutError::Broken { path: path.to_owned(), reason: reason.to_string() }
}
