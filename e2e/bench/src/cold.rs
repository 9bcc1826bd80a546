//! What a worker's memory of words is worth, and what emptied caches take from it: passages of English, counted natively with so many bytes
//! written between two counts.
//!
//! A loop over a text finds the tokenizer's tables in the caches, where a gateway's worker, which did other things since its last count,
//! does not. Wall time, since a count is too short for the clocks of CPU time; its medians are of thousands.

use std::fmt::Write as _;
use std::hint::black_box;
use std::time::{Duration, Instant};

use corpora::{Corpus, Random};
use tokens::{Encoding, Memory, Recalled};

use crate::stats::Spread;

/// A passage's length, about that of a prompt in the bench's requests of 2 KB.
const PASSAGE: usize = 1_900;
/// Between two counts so many KiB are written.
const WRITTEN: [usize; 4] = [0, 1 << 10, 4 << 10, 8 << 10];
/// One byte of each line is enough to bring it in.
const LINE: usize = 64;

/// Measure what emptied caches do to counting, with a memory of words and without, natively.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct ColdOptions {
    /// Passages that are counted for each line of the table, in both ways.
    #[arg(long, default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(2..=1_000_000))]
    passages: u32,
}

/// What was measured with so much written in between.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// KiB.
    pub written: usize,
    /// Microseconds for a passage without a memory.
    pub without: Spread,
    /// With one.
    pub with: Spread,
    /// How often the memory was of use.
    pub recalled: Recalled,
}

/// Measures every row. The first half of the passages teaches the memory and does not count.
///
/// # Panics
/// When the two ways count differently.
pub fn measure(options: ColdOptions, mut progress: impl FnMut(&str)) -> Vec<Row> {
    let text = Corpus::English.text();
    let measured = WRITTEN.map(|written| {
        progress(&format!("{written} KiB written between two counts"));
        row(&text, written, options.passages)
    });
    measured.into_iter().flatten().collect()
}

fn row(text: &str, written: usize, passages: u32) -> Option<Row> {
    let mut random = Random::new(7);
    let mut others = vec![0; written << 10];
    let mut memory = Memory::new();
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for turn in 0..passages.saturating_mul(2) {
        if turn == passages {
            // What it took to learn is not what is asked.
            let _ = memory.recalled(0);
            with.clear();
            without.clear();
        }
        let passage = passage(text, &mut random);
        let (took, expected) = timed(&mut others, || Encoding::O200kBase.count(passage));
        without.push(took);
        let (took, tokens) = timed(&mut others, || Encoding::O200kBase.count_with(passage, &mut memory));
        with.push(took);
        assert_eq!(tokens, expected, "{passage:?}");
    }
    let spread = |times: &[Duration]| Spread::of(times.iter().map(|time| time.as_nanos() as f64 / 1_000.0));
    Some(Row {
        written,
        without: spread(&without)?,
        with: spread(&with)?,
        recalled: memory.recalled(0).unwrap_or_default(),
    })
}

/// One from a place of its own, as two requests have different texts.
fn passage<'a>(text: &'a str, random: &mut Random) -> &'a str {
    let from = random.below((text.len() - PASSAGE) as u64) as usize;
    let bound = |at: usize| (at..).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len());
    &text[bound(from)..bound(from + PASSAGE)]
}

/// Writes to all of the others first.
fn timed(others: &mut [u8], count: impl FnOnce() -> u64) -> (Duration, u64) {
    others.iter_mut().step_by(LINE).for_each(|byte| *byte = byte.wrapping_add(1));
    black_box(&*others);
    let begun = Instant::now();
    let tokens = black_box(count());
    (begun.elapsed(), tokens)
}

/// The table.
pub fn markdown(rows: &[Row], command: &str) -> String {
    let mut table = format!(
        "Command: `{command}`. Medians and quartiles of µs for {PASSAGE} bytes of English, `o200k_base`.\n\n\
         | written between two counts | without a memory | with one | words remembered |\n|--:|--:|--:|--:|\n"
    );
    for row in rows {
        let time =
            |spread: Spread| format!("{:.1} [{:.1} – {:.1}]", spread.median, spread.lower, spread.upper);
        let part = row.recalled.remembered as f64 / row.recalled.words.max(1) as f64 * 100.0;
        // Writing to a String does not fail.
        let _ = writeln!(
            table,
            "| {} KiB | {} | {} | {part:.1} % |",
            row.written,
            time(row.without),
            time(row.with)
        );
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_measured_in_both_ways_and_words_are_remembered() {
        let rows = measure(ColdOptions { passages: 20 }, |_| {});
        assert_eq!(rows.iter().map(|row| row.written).collect::<Vec<_>>(), WRITTEN);
        for row in &rows {
            assert!(row.with.median > 0.0 && row.without.median > 0.0, "{row:?}");
            assert!(row.recalled.words > 20 * 200, "{row:?}");
            assert!(row.recalled.remembered * 2 > row.recalled.words, "{row:?}");
        }
        assert_eq!(markdown(&rows, "c").lines().count(), 4 + WRITTEN.len());
    }
}
