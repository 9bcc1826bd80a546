//! What ai-gateway's file may say about counting tokens.

use crate::read::List;

/// More tokens than any model takes, in a prompt or as a charge.
pub(crate) const MOST_TOKENS: u64 = 1_000_000_000;
/// The default of `extrapolate_above_bytes`: some 250,000 tokens of English.
pub(crate) const DEFAULT_EXTRAPOLATE_ABOVE: u64 = 1 << 20;
/// The least that `extrapolate_above_bytes` may be: below it samples say nothing.
pub(crate) const LEAST_EXTRAPOLATE_ABOVE: u64 = 1 << 10;

section! {
    /// How tokens are counted, and who is shown the numbers.
    #[schema(rename = "Counting")]
    struct RawCounting;
    required {}
    optional {
        /// How tokens are counted where a model does not say.
        #[schema(extend("default" = "auto"))]
        mode: RawMode,
        /// Bytes of text above which evenly spaced samples of a prompt are counted instead of all of it. Such a number is labelled
        /// `extrapolated`.
        #[schema(extend("minimum" = LEAST_EXTRAPOLATE_ABOVE, "maximum" = crate::raw::LARGEST_MAX_BODY_BYTES, "default" = DEFAULT_EXTRAPOLATE_ABOVE))]
        extrapolate_above_bytes: u64,
        /// What is known of further models, or known better of some. Of two patterns that match a model the longer one counts, and an
        /// exact name before any.
        #[schema(extend("default" = []))]
        families: List<RawFamily>,
        /// Whether OpenAI's streams are asked for their usage (`stream_options.include_usage`) also where the client did not ask. Clients do
        /// not see what they then report. A stream that reports nothing is counted by its text, which knows nothing of hidden reasoning.
        #[schema(extend("default" = "always"))]
        stream_usage: RawStreamUsage,
        /// Whether the prompt's tokens are told in `x-ai-input-tokens`: to Envoy's routes in the request, to the client in the answer. They
        /// are then always counted.
        #[schema(extend("default" = false))]
        input_tokens_header: bool,
        /// Whether `POST /v1/messages/count_tokens` and `POST /v1/responses/input_tokens` are answered here. Needs held headers.
        #[schema(extend("default" = false))]
        local_endpoints: bool,
    }
}

section! {
    /// What is known of the models that a pattern matches. Whatever is left out is as it would be without this.
    #[schema(rename = "Family")]
    struct RawFamily;
    required {
        /// The model's name at its provider, or a prefix followed by `*`.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*\*?$"))]
        pattern as "match": String,
    }
    optional {
        /// A model whose family these belong to, such as `gpt-4o` for a deployment of another name.
        #[schema(extend("minLength" = 1, "pattern" = r"^[^*]*$"))]
        like: String,
        /// The vocabulary that text is counted with.
        encoding: RawEncoding,
        /// Whether that vocabulary is the models' own: then counts are not multiplied and not calibrated.
        exact: bool,
        /// Tokens of these models for each thousand tokens of the vocabulary.
        permille: RawPermille,
        /// What parts cost whose cost no request tells.
        charges: RawCharges,
    }
}

section! {
    /// Tokens for each thousand tokens of the vocabulary, by the kind of text.
    #[schema(rename = "Permille")]
    struct RawPermille;
    required {
        /// Of text in ASCII letters.
        #[schema(extend("minimum" = metering::TextPermille::MIN, "maximum" = metering::TextPermille::MAX))]
        latin: u64,
        /// Of program text and JSON.
        #[schema(extend("minimum" = metering::TextPermille::MIN, "maximum" = metering::TextPermille::MAX))]
        code: u64,
        /// Of Chinese, Japanese and Korean.
        #[schema(extend("minimum" = metering::TextPermille::MIN, "maximum" = metering::TextPermille::MAX))]
        cjk: u64,
        /// Of every other script, and of Latin with diacritics.
        #[schema(extend("minimum" = metering::TextPermille::MIN, "maximum" = metering::TextPermille::MAX))]
        other: u64,
    }
    optional {}
}

section! {
    /// Tokens that each part is charged whose cost cannot be read from a request. Where there is no charge, a request with such a part has
    /// no known size, and a model with `max_input_tokens` refuses it.
    #[schema(rename = "Charges")]
    struct RawCharges;
    required {}
    optional {
        /// An image given by URL or id, in the place of the documented maximum.
        #[schema(extend("minimum" = 0, "maximum" = MOST_TOKENS))]
        image: u64,
        /// A sound.
        #[schema(extend("minimum" = 0, "maximum" = MOST_TOKENS))]
        audio: u64,
        /// A file or a document that is no text.
        #[schema(extend("minimum" = 0, "maximum" = MOST_TOKENS))]
        file: u64,
        /// Anything else: stored conversations and prompts, hosted tools, parts of unknown kinds.
        #[schema(extend("minimum" = 0, "maximum" = MOST_TOKENS))]
        other: u64,
    }
}

choice! {
    /// How tokens are counted.
    #[schema(rename = "CountingMode")]
    enum RawMode: "mode" {
        /// Every prompt is counted before it is sent.
        Exact = "exact",
        /// Counted only where it matters: near a limit, for who asked to see it, and where a provider reports nothing.
        Auto = "auto",
        /// Every prompt is estimated from samples before it is sent.
        Estimate = "estimate",
        /// Nothing is counted, and nothing that providers report is published.
        Off = "off",
    }
}

choice! {
    /// Whether OpenAI's streams are asked for their usage.
    #[schema(rename = "StreamUsage")]
    enum RawStreamUsage: "choice" {
        /// Wherever tokens are counted.
        Always = "always",
        /// Where the client asks, for servers that do not know `stream_options`.
        AsAsked = "as_asked",
    }
}

choice! {
    /// A vocabulary.
    #[schema(rename = "Encoding")]
    enum RawEncoding: "vocabulary" {
        /// Of GPT-4o and everything newer of OpenAI's.
        O200kBase = "o200k_base",
        /// Of GPT-4 and GPT-3.5.
        Cl100kBase = "cl100k_base",
    }
}
