//! From a layout to a registry: what it names first, then the manifests, then what refers to them.
//!
//! The OCI distribution specification, sections "Pushing Blobs", "Pushing Manifests" and "Referrers Tag Schema". What the registry has already is not sent again.

use std::collections::BTreeSet;

use ureq::http::{Method, StatusCode};

use crate::client::{Answer, Ask, Client, ClientError};
use crate::credentials::Credentials;
use crate::digest::Digest;
use crate::image::Descriptor;
use crate::layout::{Index, Layout, LayoutError, Stored};
use crate::media;
use crate::reference::Reference;

/// The largest part of an image that is sent: Envoy Gateway fetches no larger one.
const LARGEST_BLOB: u64 = 256 << 20;

/// Something that is in the registry now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// By which it can be fetched: `ghcr.io/someone/ai-gateway:0.1.0`, or with a digest.
    pub name: String,
    /// Its digest.
    pub digest: Digest,
}

/// Why not everything is there.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// The layout cannot be read.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// The registry cannot be written.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// Pushes every image of a layout, under its own tags. Returns what is there now, in that order.
///
/// # Errors
///
/// At the first thing that cannot be read or is not taken. What was pushed before stays; nothing is tagged whose parts are not there.
pub fn push(
    layout: &Layout,
    to: &Reference,
    credentials: Option<Credentials>,
) -> Result<Vec<Pushed>, PushError> {
    let mut client = Client::new(to, credentials)?;
    let mut there = BTreeSet::new();
    let mut pushed = Vec::new();
    for image in layout.images()? {
        for blob in &image.blobs {
            if there.insert(blob.digest.clone()) {
                push_blob(&mut client, layout, blob)?;
            }
        }
        let answer = push_manifest(&mut client, &image)?;
        if let (Some(subject), None) = (&image.subject, answer.header("oci-subject")) {
            list_referrer(&mut client, subject, &image.descriptor)?;
        }
        let digest = image.descriptor.digest;
        let name = match &image.tag {
            Some(tag) => format!("{to}:{tag}"),
            None => format!("{to}@{digest}"),
        };
        pushed.push(Pushed { name, digest });
    }
    Ok(pushed)
}

fn push_blob(client: &mut Client, layout: &Layout, blob: &Descriptor) -> Result<(), PushError> {
    let to = format!("blobs/{}", blob.digest);
    let found = client.send(&Ask { method: Method::HEAD, to: &to, headers: &[], body: b"" })?;
    if found.status == StatusCode::OK {
        return Ok(());
    }
    let bytes = layout.read(blob, LARGEST_BLOB)?;
    let opened = client.send(&Ask { method: Method::POST, to: "blobs/uploads/", headers: &[], body: b"" })?;
    if opened.status != StatusCode::ACCEPTED {
        return Err(opened.refused().into());
    }
    let location =
        opened.header("location").ok_or_else(|| opened.unexpected("the upload has no `location`"))?;
    let separator = if location.contains('?') { '&' } else { '?' };
    let to = format!("{location}{separator}digest={}", blob.digest);
    let headers = [("content-type", "application/octet-stream")];
    let done = client.send(&Ask { method: Method::PUT, to: &to, headers: &headers, body: &bytes })?;
    if done.status == StatusCode::CREATED { Ok(()) } else { Err(done.refused().into()) }
}

fn push_manifest(client: &mut Client, image: &Stored) -> Result<Answer, ClientError> {
    let digest = image.descriptor.digest.to_string();
    let name = image.tag.as_ref().map_or(digest.as_str(), |tag| tag.as_str());
    let answer = put(client, name, media::MANIFEST, &image.manifest)?;
    match answer.header("docker-content-digest") {
        Some(stored) if stored != digest => Err(answer.unexpected("the registry has stored another digest")),
        _ => Ok(answer),
    }
}

/// Where a registry keeps no list of what refers to an image, its clients do, in an index with a tag of the image's digest.
fn list_referrer(client: &mut Client, subject: &Digest, referrer: &Descriptor) -> Result<(), ClientError> {
    let tag = format!("sha256-{}", subject.hex());
    let to = format!("manifests/{tag}");
    let headers = [("accept", media::INDEX)];
    let found = client.send(&Ask { method: Method::GET, to: &to, headers: &headers, body: b"" })?;
    let mut index = match found.status {
        StatusCode::NOT_FOUND => Index::of(Vec::new()),
        StatusCode::OK => serde_json::from_slice(&found.body)
            .map_err(|_| found.unexpected("the list of what refers to the image cannot be read"))?,
        _ => return Err(found.refused()),
    };
    if index.manifests.iter().any(|listed| listed.digest == referrer.digest) {
        return Ok(());
    }
    index.manifests.push(referrer.clone());
    let json = serde_json::to_vec(&index)
        .map_err(|_| found.unexpected("the list of what refers to the image cannot be written"))?;
    put(client, &tag, media::INDEX, &json).map(drop)
}

fn put(client: &mut Client, name: &str, media_type: &str, bytes: &[u8]) -> Result<Answer, ClientError> {
    let to = format!("manifests/{name}");
    let headers = [("content-type", media_type)];
    let answer = client.send(&Ask { method: Method::PUT, to: &to, headers: &headers, body: bytes })?;
    if answer.status == StatusCode::CREATED { Ok(answer) } else { Err(answer.refused()) }
}
