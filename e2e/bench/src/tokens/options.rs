//! What may be chosen on the command line of `bench tokens`.

use std::path::PathBuf;

use clap::ValueEnum;
use corpora::Corpus;

use super::contender::{Contender, Place};

/// Measures tokenizers against each other.
#[derive(Clone, Debug, clap::Args)]
pub struct TokenOptions {
    /// The tokenizers to measure; without tiktoken-rs there are no ratios.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Contender::ALL)]
    contenders: Vec<Contender>,
    /// The texts to measure on.
    #[arg(long = "corpora", value_enum, value_delimiter = ',', default_values_t = CorpusName::ALL)]
    texts: Vec<CorpusName>,
    /// Where the tokenizers run.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Place::ALL)]
    places: Vec<Place>,
    /// Rounds that count, after one that does not [default: 5, with --quick 1].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    rounds: Option<u32>,
    /// Also writes every measurement to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Shows in seconds that everything works, on short texts; its figures mean nothing.
    #[arg(long)]
    pub quick: bool,
}

/// A corpus on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct CorpusName(Corpus);

impl CorpusName {
    const ALL: [Self; 6] = [
        Self(Corpus::English),
        Self(Corpus::Code),
        Self(Corpus::Json),
        Self(Corpus::Cjk),
        Self(Corpus::Multi),
        Self(Corpus::Uniq),
    ];
}

impl ValueEnum for CorpusName {
    fn value_variants<'a>() -> &'a [Self] {
        const { &Self::ALL }
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()))
    }
}

impl TokenOptions {
    /// How many rounds count.
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 5 })
    }

    /// The contenders, each once, in the tables' order.
    pub fn contenders(&self) -> Vec<Contender> {
        Contender::ALL.into_iter().filter(|one| self.contenders.contains(one)).collect()
    }

    /// The texts, each once, in the tables' order.
    pub fn corpora(&self) -> Vec<Corpus> {
        Corpus::ALL.into_iter().filter(|corpus| self.texts.contains(&CorpusName(*corpus))).collect()
    }

    /// The places, each once, in the tables' order.
    pub fn places(&self) -> Vec<Place> {
        Place::ALL.into_iter().filter(|place| self.places.contains(place)).collect()
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Cli {
        #[command(flatten)]
        options: TokenOptions,
    }

    fn parse(line: &str) -> TokenOptions {
        Cli::try_parse_from(line.split(' ')).unwrap().options
    }

    #[test]
    fn everything_is_measured_where_nobody_chooses() {
        let options = parse("tokens");
        assert_eq!(options.contenders(), Contender::ALL);
        assert_eq!(options.corpora(), Corpus::ALL);
        assert_eq!(options.places(), Place::ALL);
        assert_eq!(options.rounds(), 5);
    }

    #[test]
    fn choices_are_kept_in_the_tables_order() {
        let options =
            parse("tokens --contenders tiktoken-rs,tokens --corpora uniq,english --places wasm --quick");
        assert_eq!(options.contenders(), [Contender::Tokens, Contender::TiktokenRs]);
        assert_eq!(options.corpora(), [Corpus::English, Corpus::Uniq]);
        assert_eq!(options.places(), [Place::Wasm]);
        assert_eq!(options.rounds(), 1);
    }
}
