//! `ai-filters image build`: a module into a directory of images.

use std::fmt::Write as _;
use std::path::PathBuf;

use oci::{Created, Image, Labels, Layout, Module, Tag, bom};

use super::super::{Failure, Filter, print, read};

/// The licence of the filters, as their crates say it.
const LICENCE: &str = "Apache-2.0";

/// `ai-filters image build gateway|provider --module FILE --output DIRECTORY …`
#[derive(clap::Args)]
pub(in crate::commands) struct Options {
    /// Which filter it is.
    filter: Filter,
    /// The filter's module, as `make wasm` builds it.
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    /// The directory that the images go into.
    #[arg(long, short, value_name = "DIRECTORY")]
    output: PathBuf,
    /// The filter's version, which is the image's tag; the other image's has `-wasm` behind it.
    #[arg(long, value_name = "VERSION", default_value = env!("CARGO_PKG_VERSION"))]
    version: String,
    /// The commit that it was built from.
    #[arg(long, value_name = "COMMIT")]
    revision: Option<String>,
    /// The address of its source.
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// When it was made, in seconds after 1970 began; `SOURCE_DATE_EPOCH` where it is left out. It is part of the image's digest.
    #[arg(long, value_name = "SECONDS")]
    created: Option<String>,
    /// What `cargo metadata --format-version 1 --filter-platform wasm32-wasip1` prints: a bill of materials is made of it.
    #[arg(long, value_name = "FILE")]
    metadata: Option<PathBuf>,
}

impl Options {
    pub(in crate::commands) fn run(self) -> Result<(), Failure> {
        let (path, bytes) = read(&self.module)?;
        let module = Module::new(bytes).map_err(|error| problem(&path, &error))?;
        let labels = self.labels()?;
        let tag: Tag = self.version.parse().map_err(|error| problem("--version", &error))?;
        let wasm_tag: Tag =
            format!("{}-wasm", self.version).parse().map_err(|error| problem("--version", &error))?;

        let written = |error: std::io::Error| problem(&path, &error);
        let compat = Image::compat(&module, &labels).map_err(written)?;
        let artifact = Image::artifact(&module, &labels).map_err(written)?;
        let mut bills = Vec::new();
        if let Some(file) = &self.metadata {
            let (path, metadata) = read(file)?;
            let bill = bom::cyclonedx(&metadata, &labels.title, &module.digest())
                .map_err(|error| problem(&path, &error))?;
            for image in [&compat, &artifact] {
                bills.push(image.bill_of_materials(&bill, labels.created).map_err(written)?);
            }
        }
        let referrers: Vec<&Image> = bills.iter().collect();
        Layout::at(&self.output)
            .write(&[(tag.clone(), &compat), (wasm_tag.clone(), &artifact)], &referrers)
            .map_err(|error| Failure::Problems(error.to_string()))?;

        let mut said = String::new();
        for (tag, image) in [(tag, &compat), (wasm_tag, &artifact)] {
            // A string takes everything.
            let _ = writeln!(said, "{tag} {}", image.descriptor().digest);
        }
        print(&said)
    }

    fn labels(&self) -> Result<Labels, Failure> {
        let environment = || std::env::var("SOURCE_DATE_EPOCH").ok().filter(|seconds| !seconds.is_empty());
        let seconds = self.created.clone().or_else(environment).ok_or_else(|| {
            Failure::Problems(
                "--created: is missing, and so is SOURCE_DATE_EPOCH\n  hint: the commit's time: --created \"$(git log -1 --format=%ct)\""
                    .to_owned(),
            )
        })?;
        let created = seconds.parse().ok().and_then(Created::at).ok_or_else(|| {
            Failure::Problems(
                "--created: is no number of seconds after 1970 began, before the year 10000\n  hint: `date +%s` says the present one"
                    .to_owned(),
            )
        })?;
        let (title, description) = match self.filter {
            Filter::Gateway => {
                ("ai-gateway", "Envoy HTTP filter: routes, counts and accounts for LLM requests")
            }
            Filter::Provider => {
                ("ai-provider", "Envoy upstream HTTP filter: one attempt at one LLM provider")
            }
        };
        Ok(Labels {
            title: title.to_owned(),
            description: description.to_owned(),
            version: self.version.clone(),
            revision: self.revision.clone(),
            source: self.source.as_deref().map(public),
            licenses: LICENCE.to_owned(),
            created,
        })
    }
}

/// The address without who asked for it: `git config --get remote.origin.url` tells a pipeline's token, and labels are for everybody.
fn public(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else { return url.to_owned() };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end).unwrap_or((rest, ""));
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

fn problem(place: &str, error: &impl std::fmt::Display) -> Failure {
    Failure::Problems(format!("{place}: {error}"))
}
