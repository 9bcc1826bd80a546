//! `ai-filters count`: how many tokens a text, or a request, is.
//!
//! Text is read and counted piece by piece, so that its length costs no memory; a request has to be read whole. stdout has nothing but
//! numbers, so that a script can use them; what is not exact about a number is said on stderr.

mod problem;
mod request;
mod text;

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Write as _};
use std::path::PathBuf;

use clap::ValueEnum;
use metering::{Families, Family, Part, Source, Surface};

pub(super) use problem::{Problem, Refused};

use super::{Failure, print};

/// The name of the family of models that nothing is known of.
const UNKNOWN_FAMILY: &str = "unknown";
/// Bytes of numbers that are collected before they are printed.
const PRINTED_TOGETHER: usize = 4096;

/// `ai-filters count --model NAME [--chat] [--lines] [FILE]`
#[derive(clap::Args)]
pub(super) struct Options {
    /// The model whose tokens are counted, such as `gpt-4o`. With --chat, the request's own `model` where this is left out.
    #[arg(long, value_name = "NAME", conflicts_with = "encoding")]
    model: Option<String>,
    /// Count in this encoding, `o200k_base` or `cl100k_base`, whatever the model.
    #[arg(long, value_name = "NAME")]
    encoding: Option<String>,
    /// The input is the body of a request, or its `messages`: count what the model is shown, with what frames it.
    #[arg(long)]
    chat: bool,
    /// Which API's body it is. Where this is left out, the body's members say.
    #[arg(long, value_enum, requires = "chat")]
    surface: Option<SurfaceName>,
    /// Print a number for each line of the input. With --chat, each line is a request.
    #[arg(long)]
    lines: bool,
    /// The file to count; stdin where it is left out, or `-`.
    file: Option<PathBuf>,
}

/// The APIs whose requests can be counted.
#[derive(Clone, Copy, ValueEnum)]
enum SurfaceName {
    /// OpenAI `POST /v1/chat/completions`.
    ChatCompletions,
    /// OpenAI `POST /v1/responses`.
    Responses,
    /// OpenAI `POST /v1/embeddings`.
    Embeddings,
    /// Anthropic `POST /v1/messages`.
    Messages,
}

/// A number, and what is not exact about it.
struct Counted {
    tokens: u64,
    source: Source,
    uncharged: Option<Part>,
}

impl Options {
    pub(super) fn run(self) -> Result<(), Failure> {
        let place = match &self.file {
            Some(path) if path.as_os_str() != "-" => path.display().to_string(),
            _ => "stdin".to_owned(),
        };
        // What is wrong with the command line is told before the input is looked at.
        let families = Families::default();
        let chosen = self.family(&families)?;
        let mut notes = Notes::default();
        let at = |refused: Refused| Failure::Count(refused.at(&place));
        let mut input = self.open().map_err(at)?;
        if self.lines {
            let mut numbers = String::new();
            let mut line = Vec::new();
            let mut number: u64 = 0;
            while next_line(&mut input, &mut line).map_err(|source| at(Refused::Unreadable(source)))? {
                number = number.saturating_add(1);
                let counted = self.line(chosen, &families, &line);
                let counted =
                    counted.map_err(|refused| Failure::Count(refused.at(&format!("{place}:{number}"))))?;
                notes.take(&counted);
                numbers.push_str(&counted.tokens.to_string());
                numbers.push('\n');
                if numbers.len() > PRINTED_TOGETHER {
                    print(&numbers)?;
                    numbers.clear();
                }
            }
            print(&numbers)?;
        } else {
            let counted = match chosen {
                Some(family) if !self.chat => text::count(family, &mut input).map_err(at)?,
                _ => {
                    let mut body = Vec::new();
                    input.read_to_end(&mut body).map_err(|source| at(Refused::Unreadable(source)))?;
                    self.line(chosen, &families, &body).map_err(at)?
                }
            };
            notes.take(&counted);
            print(&format!("{}\n", counted.tokens))?;
        }
        notes.say();
        Ok(())
    }

    /// What the command line says of the model: nothing, where the request has to say it.
    fn family<'a>(&self, families: &'a Families) -> Result<Option<&'a Family>, Failure> {
        match (&self.encoding, &self.model) {
            // An encoding stands for the models that have it: a chat is framed as theirs.
            (Some(name), _) => match name.as_str() {
                "o200k_base" => Ok(Some(families.of("gpt-4o"))),
                "cl100k_base" => Ok(Some(families.of("gpt-4"))),
                _ => Err(Failure::Count(Problem::UnknownEncoding { given: name.clone() })),
            },
            (None, Some(model)) => match known(families, model) {
                Some(family) => Ok(Some(family)),
                None => Err(Failure::Count(Problem::UnknownModel { given: model.clone() })),
            },
            (None, None) if self.chat => Ok(None),
            (None, None) => Err(Failure::Count(Problem::NoModel)),
        }
    }

    fn open(&self) -> Result<Box<dyn BufRead>, Refused> {
        match &self.file {
            Some(path) if path.as_os_str() != "-" => match File::open(path) {
                Ok(file) => Ok(Box::new(BufReader::new(file))),
                Err(source) => Err(Refused::Unreadable(source)),
            },
            _ => Ok(Box::new(BufReader::new(std::io::stdin()))),
        }
    }

    /// Counts what was read whole.
    fn line(&self, chosen: Option<&Family>, families: &Families, bytes: &[u8]) -> Result<Counted, Refused> {
        match chosen {
            Some(family) if !self.chat => text::count(family, &mut &*bytes),
            _ => request::count(self.surface.map(SurfaceName::surface), chosen, families, bytes),
        }
    }
}

impl SurfaceName {
    const fn surface(self) -> Surface {
        match self {
            Self::ChatCompletions => Surface::ChatCompletions,
            Self::Responses => Surface::Responses,
            Self::Embeddings => Surface::Embeddings,
            Self::Messages => Surface::Messages,
        }
    }
}

/// The family of a model that something is known of.
fn known<'a>(families: &'a Families, model: &str) -> Option<&'a Family> {
    Some(families.of(model)).filter(|family| family.name() != UNKNOWN_FAMILY)
}

/// Reads one line without its end, `\n` or `\r\n`. `false` where there is none.
fn next_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    let read = input.read_until(b'\n', line)?;
    if line.pop_if(|last| *last == b'\n').is_some() {
        line.pop_if(|last| *last == b'\r');
    }
    Ok(read > 0)
}

/// What is not exact about the numbers, each once.
#[derive(Default)]
struct Notes {
    estimated: bool,
    uncharged: Vec<Part>,
}

impl Notes {
    fn take(&mut self, counted: &Counted) {
        self.estimated |= counted.source != Source::Exact;
        if let Some(part) = counted.uncharged.filter(|part| !self.uncharged.contains(part)) {
            self.uncharged.push(part);
        }
    }

    fn say(&self) {
        let mut stderr = std::io::stderr().lock();
        // Nobody is left to tell where stderr is gone.
        if self.estimated {
            let _ = writeln!(
                stderr,
                "note: estimated: this model's vocabulary, or what frames some part of the request, is not public"
            );
        }
        for part in &self.uncharged {
            let _ =
                writeln!(stderr, "note: not counted: {part}; what it costs cannot be read from the request");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_end_as_either_system_ends_them() {
        let mut input: &[u8] = b"a\r\n\nb\rc\n\r\nlast\r";
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while next_line(&mut input, &mut line).unwrap() {
            lines.push(String::from_utf8(line.clone()).unwrap());
        }
        assert_eq!(lines, ["a", "", "b\rc", "", "last\r"]);
    }
}
