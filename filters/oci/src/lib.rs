//! The filters as OCI images: built byte for byte, and pushed to a registry.
//!
//! A module becomes two images, because those who fetch it understand two formats: [`Image::compat`] is an ordinary image of one layer, which every registry takes and
//! every tool copies; [`Image::artifact`] carries the module as it is. What is known of a module's origin stands in the [`Labels`], and what it was made of in a [`bill
//! of materials`](bom::cyclonedx) that refers to the image. A [`Layout`] is all of that in a directory, in the format that other tools read too; [`push`] takes it to a registry.
//!
//! The same inputs give the same bytes on every machine: times, owners and compression are fixed, and nothing is read from where it is built.
//!
//! There is no engine here and no daemon: an image of one file is a tar header, a digest and two pieces of JSON. There is no pull either: what fetches the images is Envoy's
//! control plane, and what checks them in the tests is a client that others wrote.

#![forbid(unsafe_code)]

mod archive;
pub mod bom;
mod challenge;
mod client;
mod credentials;
mod digest;
mod image;
mod layout;
mod media;
mod module;
mod push;
mod reference;
mod time;
mod transport;

pub use client::ClientError;
pub use credentials::{Credentials, CredentialsError};
pub use digest::Digest;
pub use image::{Descriptor, Image, Labels};
pub use layout::{Layout, LayoutError};
pub use module::{Module, ModuleError};
pub use push::{PushError, Pushed, push};
pub use reference::{Reference, ReferenceError, Tag};
pub use time::Created;
