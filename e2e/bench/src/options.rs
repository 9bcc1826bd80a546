//! What may be chosen on the command line.

use std::path::PathBuf;

use clap::Parser;

use crate::variant::Variant;
use crate::workload::{Volume, Workload};

/// Measures what the filters cost Envoy, beside a bare Envoy in the same run.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench", version)]
pub struct Options {
    /// The rows to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Workload::ALL)]
    pub rows: Vec<Workload>,
    /// The Envoys to measure; the bare ones that they are compared with come along.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Variant::ALL)]
    pub variants: Vec<Variant>,
    /// How often the Envoys are started anew: two of one configuration differ by up to a tenth for as long as they live [default: 3,
    /// with --quick 1].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub starts: Option<u32>,
    /// Rounds of each start that count, after one that does not [default: 4, with --quick 2].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub rounds: Option<u32>,
    /// Requests in a round, in every row [default: 8000 of 2 KB, 3200 of 32 KB and unpaced streams, 100 paced ones].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub requests: Option<u32>,
    /// Also writes every measurement to this file.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Shows in seconds that everything works; its figures mean nothing.
    #[arg(long)]
    pub quick: bool,
}

impl Options {
    /// How often the Envoys are started.
    pub fn starts(&self) -> u32 {
        self.starts.unwrap_or(if self.quick { 1 } else { 3 })
    }

    /// How many rounds of each start count.
    pub fn rounds(&self) -> u32 {
        self.rounds.unwrap_or(if self.quick { 2 } else { 4 })
    }

    /// How much of a workload makes up a round.
    pub fn volume(&self, workload: Workload) -> Volume {
        let volume = if self.quick { workload.quick_volume() } else { workload.volume() };
        match self.requests {
            Some(requests) => {
                let requests = requests as usize;
                Volume { connections: volume.connections.min(requests), requests }
            }
            None => volume,
        }
    }

    /// The rows to measure, each once, in the table's order. Not those in which a bare Envoy alone would be, where others were asked for.
    pub fn rows(&self) -> Vec<Workload> {
        let compared: Vec<_> =
            self.variants.iter().filter(|variant| variant.baseline() != **variant).collect();
        let has_one =
            |row: &Workload| compared.is_empty() || compared.iter().any(|variant| variant.is_in(*row));
        Workload::ALL.into_iter().filter(|row| self.rows.contains(row)).filter(has_one).collect()
    }

    /// The Envoys to start, with what they are compared with, in the table's order.
    pub fn variants(&self) -> Vec<Variant> {
        let wanted = |variant: &Variant| {
            self.variants.iter().any(|chosen| {
                chosen == variant || chosen.baseline() == *variant || chosen.uncounted() == Some(*variant)
            })
        };
        let rows = self.rows();
        let measured = |variant: &Variant| rows.iter().any(|row| variant.is_in(*row));
        Variant::ALL.into_iter().filter(wanted).filter(measured).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Options {
        Options::try_parse_from(line.split(' ')).unwrap()
    }

    #[test]
    fn everything_is_measured_where_nobody_chooses() {
        let options = parse("bench");
        assert_eq!(options.rows(), Workload::ALL);
        assert_eq!(options.variants(), Variant::ALL);
        assert!(options.starts() * options.rounds() >= 7);
    }

    #[test]
    fn a_variant_brings_its_baseline() {
        assert_eq!(
            parse("bench --variants translated").variants(),
            [Variant::BareAnthropic, Variant::Translated]
        );
        assert_eq!(
            parse("bench --variants count-exact").variants(),
            [Variant::BareOpenAi, Variant::CountOff, Variant::CountExact]
        );
        assert_eq!(parse("bench --rows paced,json").rows(), [Workload::Json, Workload::Paced]);
    }

    #[test]
    fn a_row_without_anything_to_compare_is_not_measured() {
        let rows = parse("bench --variants renamed,bare-openai").rows();
        assert_eq!(rows, [Workload::Json, Workload::Unpaced, Workload::Paced]);
        assert_eq!(parse("bench --variants bare-openai").rows(), Workload::ALL);
    }

    #[test]
    fn an_envoy_without_a_row_is_not_started() {
        let variants = parse("bench --rows paced").variants();
        assert_eq!(variants.len(), 7);
        assert!(variants.iter().all(|variant| variant.counting().is_none()));
        assert!(!parse("bench --rows json").variants().contains(&Variant::CountAutoNearLarge));
    }

    #[test]
    fn there_are_never_more_connections_than_requests() {
        let volume = parse("bench --requests 5").volume(Workload::Json);
        assert_eq!(volume, Volume { connections: 5, requests: 5 });
    }

    #[test]
    fn the_arguments_are_well_formed() {
        use clap::CommandFactory as _;
        Options::command().debug_assert();
    }
}
