//! A stream on its way to the client: translated, or renamed where nobody else does it.

use llm_api::Usage;
use seam::Millis;
use translate::{Edit, Skipped, StreamEdit, StreamOptions, StreamTranslator};

use crate::attempt::Attempt;

/// What is done to the bytes of a stream once it is committed.
pub(crate) enum Stream {
    /// The provider speaks another API than the client.
    Translated(Box<StreamTranslator>),
    /// The same API, and no ai-gateway to rename the model and to notice a cut.
    Edited(Box<StreamEdit>),
    /// The same API, and ai-gateway reads it.
    Untouched,
}

impl Stream {
    pub(crate) fn of(attempt: &Attempt, id_seed: u64, now: Millis) -> Self {
        let model = attempt.shown_model().to_owned();
        let include_usage = attempt.context.include_usage;
        let options = StreamOptions { model: model.clone(), created: now.seconds(), include_usage, id_seed };
        match StreamTranslator::new(attempt.api(), attempt.dialect(), options) {
            Some(translator) => Self::Translated(Box::new(translator)),
            None if attempt.context.gateway => Self::Untouched,
            None => Self::Edited(Box::new(StreamEdit::new(attempt.dialect(), model))),
        }
    }

    /// Takes bytes, and appends what goes on instead.
    pub(crate) fn push(&mut self, chunk: &[u8], out: &mut Vec<u8>) {
        match self {
            Self::Translated(translator) => translator.push(chunk, out),
            Self::Edited(edit) => {
                if edit.push(chunk, out) == Edit::Unchanged {
                    out.extend_from_slice(chunk);
                }
            }
            Self::Untouched => out.extend_from_slice(chunk),
        }
    }

    /// What the provider has reported so far, where it is read here.
    pub(crate) fn usage(&self) -> Option<&Usage> {
        match self {
            Self::Translated(translator) => translator.usage(),
            Self::Edited(_) | Self::Untouched => None,
        }
    }

    /// What could not be carried over so far.
    pub(crate) fn skipped(&self) -> Skipped {
        match self {
            Self::Translated(translator) => translator.skipped(),
            Self::Edited(_) | Self::Untouched => Skipped::default(),
        }
    }

    /// The provider ended cleanly: appends what is still to be said.
    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Translated(translator) => {
                let _ = translator.finish(out);
            }
            Self::Edited(edit) => {
                let _ = edit.finish(out);
            }
            Self::Untouched => {}
        }
    }
}
