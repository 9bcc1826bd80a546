//! What a filter was made of: a bill of materials in CycloneDX's JSON, from `cargo metadata`.
//!
//! It lists what is linked into the module: the crates that are reached from the filter by ordinary dependencies. Those of build scripts, procedural macros and tests are
//! not in it. It has no serial number and no time of its own, so that the same sources give the same bytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};

use crate::digest::Digest;

/// Why there is no bill.
#[derive(Debug, thiserror::Error)]
pub enum BomError {
    /// The text is not what cargo prints.
    #[error("is no output of `cargo metadata --format-version 1`: {0}")]
    NotMetadata(#[from] serde_json::Error),
    /// The metadata know no such package, or not what it needs.
    #[error(
        "has no package `{0}` with its dependencies\n  hint: print it in the workspace, without `--no-deps`"
    )]
    NoPackage(String),
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
    resolve: Option<Resolve>,
}

#[derive(Deserialize)]
struct Package {
    id: String,
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
    repository: Option<String>,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Resolve {
    nodes: Vec<Node>,
}

#[derive(Deserialize)]
struct Node {
    id: String,
    deps: Vec<Dependency>,
}

#[derive(Deserialize)]
struct Dependency {
    pkg: String,
    dep_kinds: Vec<Kind>,
}

#[derive(Deserialize)]
struct Kind {
    /// None of an ordinary dependency; else `dev` or `build`.
    kind: Option<String>,
}

/// The bill of the package of that name, whose module has that digest. `metadata` is what `cargo metadata --format-version 1 --filter-platform wasm32-wasip1` prints.
///
/// # Errors
///
/// Where that is something else, or has no such package.
pub fn cyclonedx(metadata: &[u8], package: &str, module: &Digest) -> Result<Vec<u8>, BomError> {
    let metadata: Metadata = serde_json::from_slice(metadata)?;
    let absent = || BomError::NoPackage(package.to_owned());
    let packages: BTreeMap<&str, &Package> =
        metadata.packages.iter().map(|package| (package.id.as_str(), package)).collect();
    let nodes = metadata.resolve.as_ref().ok_or_else(absent)?.nodes.iter();
    let linked: BTreeMap<&str, Vec<&str>> =
        nodes.map(|node| (node.id.as_str(), linked(node, &packages))).collect();
    let root = metadata.packages.iter().find(|found| found.name == package).ok_or_else(absent)?;

    let mut reached = BTreeSet::from([root.id.as_str()]);
    let mut next = vec![root.id.as_str()];
    while let Some(id) = next.pop() {
        next.extend(linked.get(id).ok_or_else(absent)?.iter().filter(|id| reached.insert(**id)));
    }
    let mut materials: Vec<&Package> = reached.iter().filter_map(|id| packages.get(id).copied()).collect();
    materials.sort_by(|a, b| (&a.name, &a.version).cmp(&(&b.name, &b.version)));

    let mut subject = component(root, "application");
    if let Some(fields) = subject.as_object_mut() {
        fields.insert("hashes".to_owned(), json!([{"alg": "SHA-256", "content": module.hex()}]));
    }
    let others = materials.iter().filter(|material| material.id != root.id);
    let components: Vec<Value> = others.map(|material| component(material, "library")).collect();
    let dependencies: Vec<Value> = materials
        .iter()
        .map(|material| {
            let used = linked.get(material.id.as_str()).into_iter().flatten();
            let mut used: Vec<String> =
                used.filter_map(|id| packages.get(id)).map(|package| purl(package)).collect();
            used.sort();
            json!({"ref": purl(material), "dependsOn": used})
        })
        .collect();
    let bill = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": subject},
        "components": components,
        "dependencies": dependencies,
    });
    let mut text = serde_json::to_vec_pretty(&bill)?;
    text.push(b'\n');
    Ok(text)
}

/// What of a node's dependencies ends up in what it is linked into.
fn linked<'a>(node: &'a Node, packages: &BTreeMap<&str, &Package>) -> Vec<&'a str> {
    let is_macro = |id: &str| {
        packages.get(id).is_some_and(|package| {
            package.targets.iter().any(|target| target.kind.iter().any(|kind| kind == "proc-macro"))
        })
    };
    let ordinary = |dependency: &&Dependency| dependency.dep_kinds.iter().any(|kind| kind.kind.is_none());
    node.deps
        .iter()
        .filter(ordinary)
        .map(|dependency| dependency.pkg.as_str())
        .filter(|id| !is_macro(id))
        .collect()
}

fn component(package: &Package, kind: &str) -> Value {
    let mut component = json!({
        "type": kind,
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(fields) = component.as_object_mut() {
        if let Some(license) = &package.license {
            // Cargo still takes the old way to say "or".
            fields.insert("licenses".to_owned(), json!([{"expression": license.replace('/', " OR ")}]));
        }
        if let Some(description) = &package.description {
            fields.insert("description".to_owned(), json!(description.trim()));
        }
        if let Some(repository) = &package.repository {
            fields.insert("externalReferences".to_owned(), json!([{"type": "vcs", "url": repository}]));
        }
    }
    component
}

/// github.com/package-url/purl-spec
fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"))
}
