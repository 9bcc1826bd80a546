//! What a request and its answer cost in tokens: chat framing, model families, estimates and their calibration.
//!
//! `tokens` knows vocabularies and no API; this crate knows what of a request reaches the model, and what a provider adds to it:
//!
//! * [`Families`] finds what is known of a model by its name: its vocabulary, its framing, what an image costs, and whether a
//!   count can be exact at all.
//! * [`prompt`] counts a request, [`prompt_up_to`] stops at a limit, [`bound`] says in a microsecond what it cannot exceed, and
//!   [`within`] counts only as much as it takes to bring that below a limit.
//! * [`Completion`] counts an answer from its deltas, and only when somebody asks; [`answer`] counts a whole one.
//! * [`Calibration`] learns by how much a model's estimates are off, and corrects them.
//!
//! Nothing here refuses a request: what is of the wrong type is counted as the JSON text it is, and the provider judges it.
//! There is no clock and no I/O, and no state that changes a count ([`Memory`] makes it quicker); every function takes time linear in its
//! input and bounded stack.

#![forbid(unsafe_code)]

mod bound;
mod calibration;
mod completion;
mod family;
mod framing;
mod image;
mod json;
mod memory;
mod meter;
mod mix;
mod prompt;
mod surface;

pub use tokens::Encoding;

pub use self::{
    bound::{Part, Unbounded, bound},
    calibration::Calibration,
    completion::{Completion, Generated, Said, answer},
    family::{Charges, Counting, Families, Family, FamilyPlace, FamilyRule, RuleProblem, TextPermille},
    memory::{Memory, Recalled},
    prompt::{Limits, NotCountable, Prompt, Source, UpTo, Within, prompt, prompt_up_to, within},
    surface::Surface,
};
