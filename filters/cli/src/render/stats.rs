//! Statistics: which parts of the filters' names are labels, and in which steps numbers are counted.

use seam::names::{labels, metrics};

use crate::yaml::{List, Map};

/// The steps of a histogram of tokens: OpenTelemetry's for `gen_ai.client.token.usage`.
const TOKENS: [u64; 14] =
    [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];
/// The steps of a histogram of errors, per mille.
const PERMILLE: [u64; 10] = [1, 5, 10, 20, 50, 100, 200, 500, 1000, 5000];

/// The steps of a histogram of milliseconds: OpenTelemetry's for how long a first token takes, in whole milliseconds.
const MILLISECONDS: [u64; 16] =
    [1, 5, 10, 20, 40, 60, 80, 100, 250, 500, 750, 1_000, 2_500, 5_000, 10_000, 30_000];

/// `stats_config`
pub(super) fn config() -> Map {
    Map::new()
        .why("A Wasm filter's statistics have no labels, so their names carry them: `name;label=value`. Here they become labels again.")
        .with("stats_tags", tags().into_iter().collect::<List>())
        .with("histogram_bucket_settings", steps())
}

/// The labels.
pub(super) fn tags() -> Vec<Map> {
    labels::ALL.into_iter().map(tag).collect()
}

/// The steps of the histograms.
pub(super) fn steps() -> List {
    List::new()
        .item(buckets(metrics::TOKEN_USAGE, &TOKENS))
        .item(buckets(metrics::ESTIMATE_ERROR, &PERMILLE))
        .item(buckets(metrics::FIRST_BYTE, &MILLISECONDS))
}

/// A label: the first group is taken out of the name, the second is the value.
fn tag(label: &str) -> Map {
    let regex = format!("(;{}=([^;]*))", label.replace('.', "\\."));
    Map::new().with("tag_name", label).with("regex", regex).inline()
}

fn buckets(metric: &str, steps: &[u64]) -> Map {
    let prefix = Map::new().with("prefix", format!("wasmcustom.{metric}")).inline();
    Map::new().with("match", prefix).with("buckets", steps.iter().copied().collect::<List>().inline())
}
