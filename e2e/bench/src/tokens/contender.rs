//! Who is compared, and how each is built: alone, as the filters are built.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use clap::ValueEnum;

use crate::Error;

/// A tokenizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Contender {
    /// This project's own.
    Tokens,
    /// The same, remembering the words that are several tokens.
    TokensMemory,
    /// What the others are measured against.
    TiktokenRs,
    /// Linear, with early exit.
    #[value(name = "bpe-openai")]
    BpeOpenAi,
    /// With caches of pieces.
    ToktokRs,
}

/// Where a contender runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Place {
    /// As a wasm module under V8, as in Envoy.
    Wasm,
    /// As a process of this machine.
    Native,
}

/// A contender's artefacts.
#[derive(Clone, Debug)]
pub struct Built {
    /// Whose.
    pub contender: Contender,
    /// Its version as the lock file has it.
    pub version: String,
    /// The program, where it was built.
    pub native: Option<PathBuf>,
    /// The module, where it was built.
    pub wasm: Option<PathBuf>,
}

impl Contender {
    /// Every contender, in the tables' order.
    pub const ALL: [Self; 5] =
        [Self::Tokens, Self::TokensMemory, Self::TiktokenRs, Self::BpeOpenAi, Self::ToktokRs];

    /// This project's own.
    pub const OURS: [Self; 2] = [Self::Tokens, Self::TokensMemory];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tokens => "tokens",
            Self::TokensMemory => "tokens-memory",
            Self::TiktokenRs => "tiktoken-rs",
            Self::BpeOpenAi => "bpe-openai",
            Self::ToktokRs => "toktok-rs",
        }
    }

    /// The crate that it is of.
    pub const fn package(self) -> &'static str {
        match self {
            Self::TokensMemory => "tokens",
            other => other.name(),
        }
    }
}

impl Place {
    /// Every place, in the tables' order.
    pub const ALL: [Self; 2] = [Self::Wasm, Self::Native];

    /// Its name in JSON.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Wasm => "wasm",
            Self::Native => "native",
        }
    }
}

/// Builds that contender for those places.
///
/// # Errors
/// When cargo cannot.
pub fn build(contender: Contender, places: &[Place]) -> Result<Built, Error> {
    let target = lab::paths::target().join("contenders");
    let package = format!("contender-{}", contender.name());
    let mut built = Built { contender, version: version(contender)?, native: None, wasm: None };
    for place in places {
        match place {
            Place::Wasm => {
                cargo(&package, &target, &["--lib", "--profile", "wasm", "--target", "wasm32-wasip1"])?;
                let file = format!("{}.wasm", package.replace('-', "_"));
                built.wasm = Some(target.join("wasm32-wasip1").join("wasm").join(file));
            }
            Place::Native => {
                cargo(&package, &target, &["--bins", "--profile", "native"])?;
                let file = format!("{package}{}", env::consts::EXE_SUFFIX);
                built.native = Some(target.join("native").join(file));
            }
        }
    }
    Ok(built)
}

/// The workspace of the contenders.
pub(super) fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("contenders")
}

fn cargo(package: &str, target: &Path, arguments: &[&str]) -> Result<(), Error> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--locked", "--quiet", "--package", package, "--target-dir"])
        .arg(target)
        .args(arguments)
        // Cargo looks for its configuration, which has the module's target features, from here upwards.
        .current_dir(directory())
        // What this process was started with by cargo is not meant for another workspace.
        .env_remove("CARGO_MANIFEST_DIR")
        .output()
        .map_err(Error::system("starting cargo"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Build {
        package: package.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
    })
}

/// The version that the contenders' lock file has of a contender's crate.
fn version(contender: Contender) -> Result<String, Error> {
    let lock =
        fs::read_to_string(directory().join("Cargo.lock")).map_err(Error::system("reading Cargo.lock"))?;
    let named = format!("name = \"{}\"", contender.package());
    let after = lock.lines().skip_while(|line| **line != named).nth(1).unwrap_or_default();
    Ok(after.trim_start_matches("version = ").trim_matches('"').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The section of a manifest, without its comments.
    fn section(manifest: &Path, header: &str) -> Vec<String> {
        let text = fs::read_to_string(manifest).unwrap();
        text.lines()
            .skip_while(|line| *line != header)
            .skip(1)
            .take_while(|line| !line.is_empty() && !line.starts_with('['))
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn contenders_are_built_as_the_filters_are() {
        let of = |manifest: PathBuf| section(&manifest, "[profile.wasm]");
        let filters = of(lab::paths::root().join("Cargo.toml"));
        assert!(filters.len() > 5, "{filters:?}");
        assert_eq!(of(directory().join("Cargo.toml")), filters);
    }

    #[test]
    fn versions_are_those_of_the_lock_file() {
        for contender in Contender::ALL {
            assert!(version(contender).unwrap().starts_with("0."), "{}", contender.name());
        }
    }
}
