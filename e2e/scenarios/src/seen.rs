//! What a provider must see.

use std::fmt;
use std::sync::Arc;

use mock_llm::Recorded;
use serde_json::Value;

use crate::problems::Problems;

type Check = Arc<dyn Fn(&Recorded, &mut Problems) + Send + Sync>;

/// The requests expected at one provider: so many, each passing every check.
#[derive(Clone)]
pub struct Seen {
    times: Option<usize>,
    checks: Vec<Check>,
}

impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seen({:?} times, {} checks)", self.times, self.checks.len())
    }
}

/// No request.
pub fn never() -> Seen {
    times(0)
}

/// One request.
pub fn once() -> Seen {
    times(1)
}

/// That many requests.
pub fn times(times: usize) -> Seen {
    Seen { times: Some(times), checks: Vec::new() }
}

/// Any number of requests.
pub fn any() -> Seen {
    Seen { times: None, checks: Vec::new() }
}

impl Seen {
    /// One more check on each request.
    #[must_use]
    pub fn check(mut self, check: impl Fn(&Recorded, &mut Problems) + Send + Sync + 'static) -> Self {
        self.checks.push(Arc::new(check));
        self
    }

    /// That path.
    #[must_use]
    pub fn path(self, path: &'static str) -> Self {
        self.check(move |request, problems| problems.same("path", request.path.as_str(), path))
    }

    /// That header with that value.
    #[must_use]
    pub fn header(self, name: &'static str, value: &'static str) -> Self {
        self.check(move |request, problems| {
            problems.same(&format!("header {name}"), &request.header(name), &Some(value))
        })
    }

    /// None of these headers.
    #[must_use]
    pub fn no_headers(self, names: &'static [&'static str]) -> Self {
        self.check(move |request, problems| {
            for name in names {
                problems.require(request.header(name).is_none(), || format!("header {name} arrived"));
            }
        })
    }

    /// That JSON as the body.
    #[must_use]
    pub fn json(self, body: Value) -> Self {
        self.check(move |request, problems| {
            let seen = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
            problems.require(seen == body, || format!("body: expected {body}, seen {seen}"));
        })
    }

    /// Those very bytes as the body.
    #[must_use]
    pub fn bytes(self, body: impl Into<Vec<u8>>) -> Self {
        let body = String::from_utf8_lossy(&body.into()).into_owned();
        self.check(move |request, problems| {
            problems.same("body", &String::from_utf8_lossy(&request.body).into_owned(), &body);
        })
    }

    /// That value at that JSON pointer of the body.
    #[must_use]
    pub fn at(self, pointer: &'static str, value: impl Into<Value>) -> Self {
        let value = value.into();
        self.check(move |request, problems| {
            let body = serde_json::from_slice::<Value>(&request.body).unwrap_or_default();
            problems.same(pointer, body.pointer(pointer).unwrap_or(&Value::Null), &value);
        })
    }

    /// Everything that is not as it should be.
    pub fn problems(&self, requests: &[Recorded]) -> Problems {
        let mut problems = Problems::default();
        if let Some(times) = self.times {
            problems.same("requests", &requests.len(), &times);
        }
        for request in requests {
            for check in &self.checks {
                check(request, &mut problems);
            }
        }
        problems
    }
}
