//! An image: a manifest and the bytes that it names.

use std::collections::BTreeMap;
use std::io;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::archive::archive;
use crate::digest::Digest;
use crate::media;
use crate::module::Module;
use crate::time::Created;

/// The file name that Envoy's control planes look for in a layer.
const PLUGIN: &str = "plugin.wasm";

/// What bytes are, how many, and by what name they are found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// Their media type.
    pub media_type: String,
    /// What they are, where the media type is a manifest's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Their digest.
    pub digest: Digest,
    /// How many bytes they are.
    pub size: u64,
    /// What else is said of them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Where an image comes from: what becomes its annotations.
#[derive(Clone, Debug)]
pub struct Labels {
    /// The filter's name: `ai-gateway`.
    pub title: String,
    /// What it is, in a sentence.
    pub description: String,
    /// Its version.
    pub version: String,
    /// The commit that it was built from.
    pub revision: Option<String>,
    /// The address of its source.
    pub source: Option<String>,
    /// Its licence, as SPDX has it.
    pub licenses: String,
    /// When it was made.
    pub created: Created,
}

/// An image, or what refers to one.
#[derive(Clone, Debug)]
pub struct Image {
    manifest: Vec<u8>,
    artifact_type: Option<String>,
    subject: Option<Digest>,
    blobs: Vec<Vec<u8>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u8,
    media_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: Descriptor,
    layers: Vec<Descriptor>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Descriptor>,
    annotations: BTreeMap<String, String>,
}

impl Image {
    /// An ordinary image: one compressed layer with the module as `plugin.wasm` and the runtime's `runtime-config.json` left out, as the *compat* variant of
    /// github.com/solo-io/wasm has it (spec/README-compat.md). Its platform is the module's own, not that of a machine.
    ///
    /// # Errors
    ///
    /// Where the module is too large for a tar archive.
    pub fn compat(module: &Module, labels: &Labels) -> io::Result<Self> {
        let layer = archive(PLUGIN, module.bytes())?;
        let config = json!({
            "architecture": "wasm",
            "os": "wasip1",
            "created": labels.created.to_string(),
            "config": {"Labels": labels.annotations()},
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(&layer.plain)]},
            "history": [{"created": labels.created.to_string(), "created_by": format!("COPY {PLUGIN}")}],
        });
        let config = config.to_string().into_bytes();
        let mut annotations = labels.annotations();
        annotations.insert("module.wasm.image/variant".to_owned(), "compat".to_owned());
        let manifest = Manifest {
            schema_version: 2,
            media_type: media::MANIFEST,
            artifact_type: None,
            config: descriptor(media::IMAGE_CONFIG, &config),
            layers: vec![descriptor(media::TAR_GZIP, &layer.compressed)],
            subject: None,
            annotations,
        };
        Self::new(&manifest, vec![config, layer.compressed])
    }

    /// The module as it is, beside what its runtime has to know: the other variant (spec/spec.md).
    ///
    /// # Errors
    ///
    /// None that is known; the manifest is written as JSON.
    pub fn artifact(module: &Module, labels: &Labels) -> io::Result<Self> {
        let config = json!({"type": "envoy_proxy", "abiVersions": [module.abi()], "config": {"rootIds": []}});
        let config = config.to_string().into_bytes();
        let runtime = titled(descriptor(media::WASM_CONFIG, &config), "runtime-config.json");
        let content = titled(descriptor(media::WASM_MODULE, module.bytes()), PLUGIN);
        let manifest = Manifest {
            schema_version: 2,
            media_type: media::MANIFEST,
            artifact_type: None,
            config: descriptor(media::WASM_CONFIG, &config),
            layers: vec![runtime, content],
            subject: None,
            annotations: labels.annotations(),
        };
        Self::new(&manifest, vec![config, module.bytes().to_vec()])
    }

    /// A bill of materials that refers to this image.
    ///
    /// # Errors
    ///
    /// None that is known; the manifest is written as JSON.
    pub fn bill_of_materials(&self, cyclonedx: &[u8], created: Created) -> io::Result<Self> {
        let manifest = Manifest {
            schema_version: 2,
            media_type: media::MANIFEST,
            artifact_type: Some(media::CYCLONEDX),
            config: descriptor(media::EMPTY, b"{}"),
            layers: vec![titled(descriptor(media::CYCLONEDX, cyclonedx), "bom.cdx.json")],
            subject: Some(self.descriptor()),
            annotations: BTreeMap::from([(key("created"), created.to_string())]),
        };
        Self::new(&manifest, vec![b"{}".to_vec(), cyclonedx.to_vec()])
    }

    fn new(manifest: &Manifest<'_>, blobs: Vec<Vec<u8>>) -> io::Result<Self> {
        Ok(Self {
            artifact_type: manifest.artifact_type.map(str::to_owned),
            subject: manifest.subject.as_ref().map(|subject| subject.digest.clone()),
            manifest: serde_json::to_vec(manifest)?,
            blobs,
        })
    }

    /// The manifest as bytes: an image's digest is that of these.
    pub fn manifest(&self) -> &[u8] {
        &self.manifest
    }

    /// What the manifest is and how it is found.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor {
            artifact_type: self.artifact_type.clone(),
            ..descriptor(media::MANIFEST, &self.manifest)
        }
    }

    /// The image that this one refers to.
    pub const fn subject(&self) -> Option<&Digest> {
        self.subject.as_ref()
    }

    /// Everything that the manifest names.
    pub fn blobs(&self) -> &[Vec<u8>] {
        &self.blobs
    }
}

impl Labels {
    /// As OCI names them: github.com/opencontainers/image-spec, annotations.md.
    fn annotations(&self) -> BTreeMap<String, String> {
        let always = [
            ("title", self.title.clone()),
            ("description", self.description.clone()),
            ("version", self.version.clone()),
            ("licenses", self.licenses.clone()),
            ("created", self.created.to_string()),
        ];
        let known = [("revision", &self.revision), ("source", &self.source)];
        let known = known.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)));
        always.into_iter().chain(known).map(|(name, value)| (key(name), value)).collect()
    }
}

fn key(name: &str) -> String {
    format!("org.opencontainers.image.{name}")
}

pub(crate) fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        artifact_type: None,
        digest: Digest::of(bytes),
        size: u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        annotations: BTreeMap::new(),
    }
}

fn titled(mut descriptor: Descriptor, title: &str) -> Descriptor {
    descriptor.annotations.insert(key("title"), title.to_owned());
    descriptor
}
