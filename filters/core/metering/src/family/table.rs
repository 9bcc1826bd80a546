//! The models that are known, by the patterns of their names.
//!
//! Encodings of OpenAI's models are those of `tiktoken`'s `model.py`. Multipliers of other vendors are tokens of their own tokenizers
//! ÷ tokens of `o200k_base`, measured on 150 kB each of English (`latin`), program text and JSON (`code`), Chinese (`cjk`) and Russian
//! (`other`). The prompts for tools are those of the \[tool use\] table that [`framing`](crate::framing) names; of models that it no
//! longer lists, those of its earlier versions.

use tokens::Encoding::{self, Cl100kBase, O200kBase};

use super::{Counting, TextPermille};
use crate::{
    framing::Framing,
    image::{Budget, Images},
};

/// A family without its charges.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) pattern: &'static str,
    pub(super) name: &'static str,
    pub(super) encoding: Encoding,
    pub(super) counting: Counting,
    pub(super) framing: Framing,
    pub(super) images: Images,
}

/// What is assumed of a model that no pattern matches: the middle of what was measured, rounded up.
pub(super) const UNKNOWN: Known =
    estimated("", "unknown", [1_100, 1_150, 1_150, 1_200], Framing::OTHER, Images::Unknown);

/// Tiles of GPT-4o, 4.1 and 4.5, and of the models before them that see.
const TILES_4O: Images = Images::Tiles { base: 85, tile: 170 };
const TILES_4O_MINI: Images = Images::Tiles { base: 2_833, tile: 5_667 };
const TILES_5: Images = Images::Tiles { base: 70, tile: 140 };
const TILES_O1: Images = Images::Tiles { base: 75, tile: 150 };

const PATCHES_1536: Budget = Budget { patches: 1_536, edge: 2_048 };
const PATCHES_2500: Budget = Budget { patches: 2_500, edge: 2_048 };
const PATCHES_10000: Budget = Budget { patches: 10_000, edge: 6_000 };

const fn patches(permille: u64) -> Images {
    Images::Patches { permille, auto: Some(PATCHES_1536), high: PATCHES_1536, original: Some(PATCHES_1536) }
}

/// No multiplier is published for the large models of GPT-5.2 and later; users were billed 1.2 tokens a patch.
const LARGE_PERMILLE: u64 = 1_200;

/// Claude until 4.6, and 4.7 and later.
const VISUAL_STANDARD: Images = Images::Visual { edge: 1_568, tokens: 1_568 };
const VISUAL_HIGH: Images = Images::Visual { edge: 2_576, tokens: 4_784 };

const CLAUDE_3: [u32; 4] = [1_130, 1_240, 1_300, 1_380];
const CLAUDE_4_7: [u32; 4] = [1_500, 1_620, 1_330, 1_580];
const GEMINI: [u32; 4] = [1_090, 1_150, 890, 1_060];
const LLAMA_3: [u32; 4] = [1_000, 1_000, 1_000, 1_080];
const LLAMA_2: [u32; 4] = [1_200, 1_270, 1_620, 1_450];
const MISTRAL: [u32; 4] = [1_070, 1_070, 1_130, 1_140];
const DEEPSEEK: [u32; 4] = [1_040, 1_070, 870, 1_080];
const QWEN: [u32; 4] = [1_030, 1_030, 920, 1_180];
const GLM: [u32; 4] = [1_000, 1_010, 900, 1_040];
const KIMI: [u32; 4] = [1_000, 1_010, 890, 1_270];

const fn o200k(pattern: &'static str, images: Images) -> Known {
    Known {
        pattern,
        name: "openai-o200k",
        encoding: O200kBase,
        counting: Counting::Exact,
        framing: Framing::OPENAI,
        images,
    }
}

const fn cl100k(pattern: &'static str, images: Images) -> Known {
    Known {
        name: "openai-cl100k",
        encoding: Cl100kBase,
        framing: Framing::OPENAI_CL100K,
        ..o200k(pattern, images)
    }
}

const fn estimated(
    pattern: &'static str,
    name: &'static str,
    [latin, code, cjk, other]: [u32; 4],
    framing: Framing,
    images: Images,
) -> Known {
    let counting = Counting::Estimated(TextPermille { latin, code, cjk, other });
    Known { pattern, name, encoding: O200kBase, counting, framing, images }
}

const fn claude_3(pattern: &'static str, auto: u64, forced: u64) -> Known {
    estimated(pattern, "claude-3", CLAUDE_3, Framing::claude_3(auto, forced), VISUAL_STANDARD)
}

const fn claude_4_7(pattern: &'static str) -> Known {
    estimated(pattern, "claude-4.7", CLAUDE_4_7, Framing::claude_4_7(675, 804), VISUAL_HIGH)
}

const fn claude_4_8(pattern: &'static str, auto: u64, forced: u64) -> Known {
    estimated(pattern, "claude-4.7", CLAUDE_4_7, Framing::claude_4_8(auto, forced), VISUAL_HIGH)
}

const fn other(pattern: &'static str, name: &'static str, permille: [u32; 4]) -> Known {
    estimated(pattern, name, permille, Framing::OTHER, Images::Unknown)
}

/// Every pattern, in no order: the longest that matches is taken.
#[rustfmt::skip]
pub(super) const KNOWN: &[Known] = &[
    // OpenAI. A model of theirs that is too new for this table is most likely o200k, but nobody knows.
    estimated("gpt-*", "openai-new", [1_000; 4], Framing::OPENAI, Images::Unknown),
    o200k("gpt-4o*", TILES_4O),
    o200k("gpt-4o-mini*", TILES_4O_MINI),
    o200k("chatgpt-4o*", TILES_4O),
    o200k("gpt-4.1*", TILES_4O),
    o200k("gpt-4.1-mini*", patches(1_620)),
    o200k("gpt-4.1-nano*", patches(2_460)),
    o200k("gpt-4.5*", TILES_4O),
    o200k("gpt-5*", TILES_5),
    o200k("gpt-5-mini*", patches(1_620)),
    o200k("gpt-5-nano*", patches(2_460)),
    o200k("gpt-5-codex*", patches(LARGE_PERMILLE)),
    o200k("gpt-5.1-codex*", patches(LARGE_PERMILLE)),
    o200k("gpt-5.2*", patches(LARGE_PERMILLE)),
    o200k("gpt-5.3*", patches(LARGE_PERMILLE)),
    o200k("gpt-5.4*", Images::Patches { permille: LARGE_PERMILLE, auto: Some(PATCHES_2500), high: PATCHES_2500, original: Some(PATCHES_10000) }),
    o200k("gpt-5.4-mini*", patches(1_620)),
    o200k("gpt-5.4-nano*", patches(2_460)),
    o200k("gpt-5.5*", Images::Patches { permille: LARGE_PERMILLE, auto: Some(PATCHES_10000), high: PATCHES_2500, original: Some(PATCHES_10000) }),
    o200k("gpt-5.6*", Images::Patches { permille: LARGE_PERMILLE, auto: None, high: PATCHES_2500, original: None }),
    o200k("o1*", TILES_O1),
    o200k("o3*", TILES_O1),
    o200k("o4*", TILES_O1),
    o200k("o4-mini*", patches(1_720)),
    o200k("computer-use-preview*", Images::Tiles { base: 65, tile: 129 }),
    cl100k("gpt-4", TILES_4O),
    cl100k("gpt-4-*", TILES_4O),
    cl100k("gpt-3.5*", TILES_4O),
    cl100k("gpt-35*", TILES_4O), // as Azure writes it
    cl100k("text-embedding-3*", Images::Unknown),
    cl100k("text-embedding-ada-002*", Images::Unknown),
    // o200k with other special tokens, and a chat format of its own.
    estimated("gpt-oss*", "gpt-oss", [1_000; 4], Framing::OTHER, Images::Unknown),

    // Anthropic. One too new for this table is taken for the newest.
    claude_4_8("claude-*", 354, 474),
    claude_4_8("claude-opus-4-8*", 290, 410),
    claude_4_8("claude-opus-4.8*", 290, 410),
    claude_4_8("claude-sonnet-4-8*", 354, 474),
    claude_4_8("claude-sonnet-4.8*", 354, 474),
    claude_4_7("claude-opus-4-7*"),
    claude_4_7("claude-opus-4.7*"),
    claude_4_7("claude-sonnet-4-7*"),
    claude_4_7("claude-sonnet-4.7*"),
    claude_4_7("claude-haiku-4-7*"),
    claude_4_7("claude-haiku-4.7*"),
    claude_3("claude-opus-4*", 313, 315),
    claude_3("claude-sonnet-4*", 313, 315),
    claude_3("claude-4*", 313, 315),
    claude_3("claude-haiku-4*", 496, 588),
    claude_3("claude-opus-4-5*", 496, 588),
    claude_3("claude-opus-4.5*", 496, 588),
    claude_3("claude-sonnet-4-5*", 496, 588),
    claude_3("claude-sonnet-4.5*", 496, 588),
    claude_3("claude-opus-4-6*", 497, 589),
    claude_3("claude-opus-4.6*", 497, 589),
    claude_3("claude-sonnet-4-6*", 497, 589),
    claude_3("claude-sonnet-4.6*", 497, 589),
    claude_3("claude-3*", 346, 313),
    claude_3("claude-3-5-sonnet-20240620*", 294, 261),
    claude_3("claude-3-5-haiku*", 264, 355),
    claude_3("claude-3.5-haiku*", 264, 355),
    claude_3("claude-3-haiku*", 264, 340),
    claude_3("claude-3-sonnet*", 159, 235),
    claude_3("claude-3-opus*", 530, 281),
    claude_3("claude-2*", 0, 0),
    claude_3("claude-v2*", 0, 0),
    claude_3("claude-instant*", 0, 0),

    // Google. Gemini's tokenizer is Gemma 3's.
    estimated("gemini*", "gemini", GEMINI, Framing::OTHER, Images::Crops),
    other("gemma*", "gemini", GEMINI),

    // Open models. Llama 4 has another vocabulary, which was not measured: it is unknown.
    other("llama*", "llama-3", LLAMA_3),
    other("meta-llama-*", "llama-3", LLAMA_3),
    other("llama-2*", "llama-2", LLAMA_2),
    other("llama2*", "llama-2", LLAMA_2),
    other("meta-llama-2*", "llama-2", LLAMA_2),
    other("llama-4*", "unknown", [1_100, 1_150, 1_150, 1_200]),
    other("llama4*", "unknown", [1_100, 1_150, 1_150, 1_200]),
    other("meta-llama-4*", "unknown", [1_100, 1_150, 1_150, 1_200]),
    other("mistral*", "mistral", MISTRAL),
    other("ministral*", "mistral", MISTRAL),
    other("magistral*", "mistral", MISTRAL),
    other("codestral*", "mistral", MISTRAL),
    other("devstral*", "mistral", MISTRAL),
    other("pixtral*", "mistral", MISTRAL),
    other("open-mistral*", "mistral", MISTRAL),
    other("mixtral*", "llama-2", LLAMA_2),
    other("open-mixtral*", "llama-2", LLAMA_2),
    other("mistral-7b*", "llama-2", LLAMA_2),
    other("open-mistral-7b*", "llama-2", LLAMA_2),
    other("deepseek*", "deepseek", DEEPSEEK),
    other("qwen*", "qwen", QWEN),
    other("qwq*", "qwen", QWEN),
    other("glm*", "glm", GLM),
    other("chatglm*", "glm", GLM),
    other("kimi*", "kimi", KIMI),
    other("moonshot*", "kimi", KIMI),
];
