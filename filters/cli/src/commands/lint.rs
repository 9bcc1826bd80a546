//! `ai-filters lint`: manifests of the Gateway API and Envoy Gateway, read for what experience forbids.

use std::path::PathBuf;

use ai_filters::lint::{File, lint};

use super::{Failure, print, read};

/// `ai-filters lint FILE…`
#[derive(clap::Args)]
pub(super) struct Options {
    /// Files of manifests, read together; `-` is stdin.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// A warning is a problem.
    #[arg(long)]
    deny_warnings: bool,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let mut texts = Vec::new();
        for file in &self.files {
            let (path, text) = read(file)?;
            let text = String::from_utf8(text).map_err(|_| {
                Failure::Problems(format!(
                    "{path}: is no UTF-8\n  hint: save it as UTF-8, without a byte order mark"
                ))
            })?;
            texts.push((path, text));
        }
        let files: Vec<File<'_>> = texts.iter().map(|(name, text)| File { name, text }).collect();
        let found = lint(&files);
        let problems = found.problems.iter().map(ToString::to_string);
        let warnings: Vec<String> =
            found.warnings.iter().map(|warning| format!("warning: {warning}")).collect();
        let is_refused = !found.problems.is_empty() || (self.deny_warnings && !warnings.is_empty());
        let said: Vec<String> = problems.chain(warnings).collect();
        if is_refused {
            return Err(Failure::Problems(said.join("\n")));
        }
        if !said.is_empty() {
            eprint(&said.join("\n"));
        }
        print(&files.iter().map(|file| format!("{}: nothing forbidden\n", file.name)).collect::<String>())
    }
}

/// Warnings go to stderr, as problems do.
fn eprint(text: &str) {
    use std::io::Write as _;
    // Nobody is left to tell where stderr is gone.
    let _ = writeln!(std::io::stderr(), "{text}");
}
