//! The media types of what a registry holds.

/// An image's manifest.
pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// A list of manifests.
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// What an ordinary image runs as.
pub(crate) const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// A layer of an ordinary image.
pub(crate) const TAR_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// The empty object, where there is nothing to configure.
pub(crate) const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// What a module's runtime needs to know: github.com/solo-io/wasm, spec/spec.md.
pub(crate) const WASM_CONFIG: &str = "application/vnd.module.wasm.config.v1+json";
/// A module: the same specification.
pub(crate) const WASM_MODULE: &str = "application/vnd.module.wasm.content.layer.v1+wasm";
/// A bill of materials: cyclonedx.org.
pub(crate) const CYCLONEDX: &str = "application/vnd.cyclonedx+json";
