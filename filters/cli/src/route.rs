//! AIGatewayRoute files: one file in, the inputs of a rendering out, or every problem with its line, its path and a hint.
//!
//! [`document`] reads YAML, `config::route` reads what it says and checks it as the filters would, [`meaning`] makes a [`LlmRouter`] of it.

mod document;
mod explain;
mod finding;
mod meaning;
mod warnings;

pub use document::{Documents, Unreadable};
pub use explain::explain;
pub use finding::{Finding, Findings};

use crate::render::{EnvoyVersion, LlmRouter};

/// A file that is understood.
#[derive(Debug)]
pub struct Understood {
    /// What is rendered of it.
    pub router: LlmRouter,
    /// What experience warns of.
    pub warnings: Vec<Finding>,
}

/// Reads a file of that name and text, for that Envoy. The name is for messages and for the heading of what is rendered.
///
/// # Errors
/// With every problem that there is.
pub fn read(name: &str, text: &[u8], envoy: EnvoyVersion) -> Result<Understood, Findings> {
    let whole = |line, message: String, hint: &str| {
        Findings::of(vec![Finding::new(name, Some(line), "file".to_owned(), message, hint.to_owned())])
    };
    let text = std::str::from_utf8(text)
        .map_err(|_| whole(1, "is no UTF-8".to_owned(), "save it as UTF-8, without a byte order mark"))?;
    let documents = Documents::read(text).map_err(|error| whole(error.line, error.message, error.hint))?;
    let reading = config::route::read(documents.json.as_bytes(), &|_| Some("set".repeat(16)));
    if reading.file.routes.is_empty() && reading.problems.is_empty() {
        let hint = "write an AIGatewayRoute: docs/route.md begins with one";
        return Err(whole(1, "there is no route in it".to_owned(), hint));
    }
    let mut found = finding::Found::new(name, &documents);
    for (order, problem) in reading.problems {
        found.push(order, problem.path, problem.message, problem.hint);
    }
    let router = meaning::router(name, &reading.file, envoy, &mut found);
    let problems = found.finish();
    if !problems.is_empty() {
        return Err(Findings::of(problems));
    }
    if let Err(problems) = router.check() {
        let finding = |(place, problem): (&str, &crate::render::Problem)| {
            Finding::new(name, None, place_in_file(place).to_owned(), problem.to_string(), problem.hint())
        };
        return Err(Findings::of(problems.iter().map(finding).collect()));
    }
    let warnings = warnings::of(name, &reading.file, &router, &documents);
    Ok(Understood { router, warnings })
}

/// Where in a file stands what the renderer's inputs call so.
fn place_in_file(place: &str) -> &str {
    match place {
        "providers" | "models" => "spec.backends",
        "limits" => "spec.timeouts",
        "admin-port" => "spec.listener.admin",
        "envoy" => "--envoy-version",
        other => other,
    }
}
