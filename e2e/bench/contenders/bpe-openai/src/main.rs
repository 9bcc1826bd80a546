//! The contender `bpe-openai` as a native process.

fn main() {
    harness::serve(contender_bpe_openai::count);
}
