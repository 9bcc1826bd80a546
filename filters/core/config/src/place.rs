//! Where something stands in a document, and what was found there.

use std::rc::Rc;

use crate::problem::{Fault, Findings, quoted};

/// Where something stands: its path, and its number in the order of the document.
#[derive(Clone)]
pub(crate) struct Place {
    step: Option<Rc<Step>>,
    order: u32,
}

/// The last step of a path, and the place that it starts from.
struct Step {
    from: Place,
    to: Segment,
}

enum Segment {
    /// A path that was written before.
    #[cfg(feature = "route")]
    Written(String),
    Key(String),
    Index(usize),
}

impl Place {
    pub(crate) const fn root() -> Self {
        Self { step: None, order: 0 }
    }

    /// The root of one of several documents in a file.
    #[cfg(feature = "route")]
    pub(crate) const fn document(order: u32) -> Self {
        Self { step: None, order }
    }

    /// The place of something whose path is written already.
    #[cfg(feature = "route")]
    pub(crate) fn of(order: u32, path: &str) -> Self {
        let to = Segment::Written(path.to_owned());
        Self { step: Some(Rc::new(Step { from: Self::root(), to })), order }
    }

    /// The place of that key's value.
    pub(crate) fn key(&self, key: &str, order: u32) -> Self {
        Self { step: Some(Rc::new(Step { from: self.clone(), to: Segment::Key(key.to_owned()) })), order }
    }

    /// The place of a key that is not there: where its object begins.
    pub(crate) fn missing(&self, key: &str) -> Self {
        self.key(key, self.order)
    }

    /// The place of that item.
    pub(crate) fn index(&self, index: usize, order: u32) -> Self {
        Self { step: Some(Rc::new(Step { from: self.clone(), to: Segment::Index(index) })), order }
    }

    pub(crate) const fn order(&self) -> u32 {
        self.order
    }

    /// `models[2].name`; a key that is no plain name is quoted: `headers["a.b"]`; the root is `configuration`.
    pub(crate) fn path(&self) -> String {
        match &self.step {
            None => "configuration".to_owned(),
            Some(_) => {
                let mut path = String::new();
                self.write(&mut path);
                path
            }
        }
    }

    /// As deep as the raw types nest, which is a handful.
    fn write(&self, path: &mut String) {
        let Some(step) = &self.step else { return };
        step.from.write(path);
        match &step.to {
            #[cfg(feature = "route")]
            Segment::Written(written) => path.push_str(written),
            Segment::Index(index) => path.push_str(&format!("[{index}]")),
            Segment::Key(key) if key.is_empty() || !key.bytes().all(is_plain) => {
                path.push_str(&format!("[\"{}\"]", quoted(key).trim_matches('`')));
            }
            Segment::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
            }
        }
    }
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

/// A value and where it stands.
pub(crate) struct At<T> {
    pub(crate) place: Place,
    pub(crate) value: T,
}

impl<T> At<T> {
    /// What that makes of the value; a fault is noted here.
    pub(crate) fn check<U>(
        &self,
        findings: &mut Findings,
        check: impl FnOnce(&T) -> Result<U, Fault>,
    ) -> Option<U> {
        check(&self.value).map_err(|fault| findings.report(&self.place, fault)).ok()
    }
}

/// A field of a section.
#[derive(Default)]
pub(crate) enum Field<T> {
    #[default]
    Missing,
    /// Not of its type, or required and missing: noted already.
    Wrong,
    Given(At<T>),
}

impl<T> Field<T> {
    pub(crate) const fn is_missing(&self) -> bool {
        matches!(self, Self::Missing)
    }

    #[cfg(feature = "route")]
    pub(crate) fn into_given(self) -> Option<At<T>> {
        match self {
            Self::Given(at) => Some(at),
            Self::Missing | Self::Wrong => None,
        }
    }

    pub(crate) const fn given(&self) -> Option<&At<T>> {
        match self {
            Self::Given(at) => Some(at),
            Self::Missing | Self::Wrong => None,
        }
    }

    /// What that makes of the field; the default where there is none.
    pub(crate) fn check_or<U>(
        &self,
        default: U,
        findings: &mut Findings,
        check: impl FnOnce(&T) -> Result<U, Fault>,
    ) -> Option<U> {
        match self {
            Self::Missing => Some(default),
            Self::Wrong => None,
            Self::Given(at) => at.check(findings, check),
        }
    }

    /// What that makes of a required field.
    pub(crate) fn check<U>(
        &self,
        findings: &mut Findings,
        check: impl FnOnce(&T) -> Result<U, Fault>,
    ) -> Option<U> {
        self.given()?.check(findings, check)
    }
}

impl<T: Copy> Field<T> {
    pub(crate) fn copied_or(&self, default: T) -> Option<T> {
        match self {
            Self::Missing => Some(default),
            Self::Wrong => None,
            Self::Given(at) => Some(at.value),
        }
    }
}
