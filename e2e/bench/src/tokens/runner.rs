//! A contender at work: a process that counts when it is told to, native or Node.
//!
//! Both speak the line protocol of `contenders/harness/src/process.rs`. A process that dies of a text has given an answer too: it is
//! reported as a trap, and the next fresh instance is a new process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use super::contender::directory;
use crate::Error;

/// A vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Encoding {
    /// GPT-4, GPT-3.5.
    Cl100kBase,
    /// GPT-4o and later.
    O200kBase,
}

impl Encoding {
    /// Both, in the tables' order.
    pub const ALL: [Self; 2] = [Self::Cl100kBase, Self::O200kBase];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cl100kBase => "cl100k_base",
            Self::O200kBase => "o200k_base",
        }
    }
}

/// What became of a count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Counted {
    /// It was counted.
    Tokens {
        /// How many there are.
        tokens: u64,
        /// CPU time that it took.
        took: Duration,
    },
    /// The contender broke.
    Trap(String),
}

/// How a module began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Started {
    /// Its size in bytes.
    pub(super) module: u64,
    /// CPU time of its compilation.
    pub(super) compile: Duration,
    /// CPU time until its first instance was ready.
    pub(super) instantiate: Duration,
    /// Linear memory of that instance.
    pub(super) memory: u64,
}

/// A process with one contender in it.
pub(super) struct Runner {
    program: Program,
    process: Process,
    started: Option<Started>,
    dead: bool,
}

#[derive(Clone, Debug)]
enum Program {
    Native(PathBuf),
    Module(PathBuf),
}

struct Process {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Runner {
    /// A native process.
    pub(super) fn native(program: &Path) -> Result<Self, Error> {
        Self::start(Program::Native(program.to_owned()))
    }

    /// A module under Node's V8.
    pub(super) fn module(module: &Path) -> Result<Self, Error> {
        Self::start(Program::Module(module.to_owned()))
    }

    fn start(program: Program) -> Result<Self, Error> {
        let (process, started) = spawn(&program)?;
        Ok(Self { program, process, started, dead: false })
    }

    /// How the module began; `None` of a native process.
    pub(super) fn started(&self) -> Option<Started> {
        self.started
    }

    /// Puts a text in place.
    pub(super) fn text(&mut self, path: &Path) -> Result<(), Error> {
        let answer = self.ask(&format!("text {}", path.display()));
        self.expect_ok(answer)
    }

    /// Counts the text.
    pub(super) fn count(&mut self, encoding: Encoding) -> Result<Counted, Error> {
        let Some(answer) = self.ask(&format!("count {}", encoding.name())) else {
            return Ok(Counted::Trap("the process died".to_owned()));
        };
        let words: Vec<&str> = answer.split(' ').collect();
        match words.as_slice() {
            ["tokens", tokens, "nanos", nanos] => match (tokens.parse(), nanos.parse()) {
                (Ok(tokens), Ok(nanos)) => Ok(Counted::Tokens { tokens, took: Duration::from_nanos(nanos) }),
                _ => Err(self.unexpected(&answer)),
            },
            ["trap", ..] => Ok(Counted::Trap(answer.trim_start_matches("trap ").to_owned())),
            _ => Err(self.unexpected(&answer)),
        }
    }

    /// Linear memory of the module's instance.
    pub(super) fn memory(&mut self) -> Result<u64, Error> {
        let answer = self.ask("memory").unwrap_or_default();
        answer
            .strip_prefix("memory ")
            .and_then(|bytes| bytes.parse().ok())
            .ok_or_else(|| self.unexpected(&answer))
    }

    /// Replaces it by one that has counted nothing yet and has no text: another instance of the compiled module, or another process.
    pub(super) fn fresh(&mut self) -> Result<(), Error> {
        if matches!(self.program, Program::Module(_)) && !self.dead {
            let answer = self.ask("fresh");
            return self.expect_ok(answer);
        }
        (self.process, self.started) = spawn(&self.program)?;
        self.dead = false;
        Ok(())
    }

    /// `None` where the process is gone.
    fn ask(&mut self, line: &str) -> Option<String> {
        let asked = writeln!(self.process.stdin, "{line}").and_then(|()| self.process.stdin.flush());
        let answer = asked.ok().and_then(|()| read_line(&mut self.process.stdout));
        self.dead = answer.is_none();
        answer
    }

    fn expect_ok(&self, answer: Option<String>) -> Result<(), Error> {
        match answer.as_deref() {
            Some("ok") => Ok(()),
            other => Err(self.unexpected(other.unwrap_or("nothing: the process died"))),
        }
    }

    fn unexpected(&self, answer: &str) -> Error {
        Error::Contender { program: self.program.path().to_owned(), answer: answer.to_owned() }
    }
}

impl Program {
    fn path(&self) -> &Path {
        match self {
            Self::Native(path) | Self::Module(path) => path,
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It has nothing to tidy up, and may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(program: &Program) -> Result<(Process, Option<Started>), Error> {
    let mut command = match program {
        Program::Native(path) => Command::new(path),
        Program::Module(path) => {
            let mut node = Command::new("node");
            // Node's WASI is called experimental on stderr at every start. `gc` frees an instance before the next one begins.
            node.args(["--no-warnings", "--expose-gc"]).arg(directory().join("v8.mjs")).arg(path);
            node
        }
    };
    // A contender that panics says so on stderr, at length; the trap is reported anyway.
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(Error::system("starting a contender"))?;
    let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
        unreachable!("both were asked for")
    };
    let mut process = Process { child, stdin, stdout: BufReader::new(stdout) };
    let started = match program {
        Program::Native(_) => None,
        Program::Module(path) => {
            let line = read_line(&mut process.stdout).unwrap_or_default();
            let unexpected = || Error::Contender { program: path.clone(), answer: line.clone() };
            Some(parse_started(&line).ok_or_else(unexpected)?)
        }
    };
    Ok((process, started))
}

fn read_line(stdout: &mut BufReader<ChildStdout>) -> Option<String> {
    let mut line = String::new();
    let read = stdout.read_line(&mut line).ok()?;
    (read > 0).then(|| line.trim_end().to_owned())
}

fn parse_started(line: &str) -> Option<Started> {
    match line.split(' ').collect::<Vec<_>>().as_slice() {
        ["started", "bytes", module, "compile", compile, "instantiate", instantiate, "memory", memory] => {
            Some(Started {
                module: module.parse().ok()?,
                compile: Duration::from_nanos(compile.parse().ok()?),
                instantiate: Duration::from_nanos(instantiate.parse().ok()?),
                memory: memory.parse().ok()?,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_read() {
        let started = parse_started("started bytes 10 compile 2000 instantiate 3000 memory 65536").unwrap();
        assert_eq!(started.module, 10);
        assert_eq!(started.compile, Duration::from_micros(2));
        assert_eq!(started.memory, 65_536);
        assert_eq!(parse_started("Error: no such file"), None);
    }

    /// A program that does not speak the protocol is an error; one that dies of a count is a trap.
    #[cfg(unix)]
    #[test]
    fn a_process_that_dies_of_a_text_has_trapped() {
        let mut echo = Runner::native("/bin/cat".as_ref()).unwrap();
        assert!(matches!(echo.count(Encoding::O200kBase), Err(Error::Contender { .. })));
        let mut gone = Runner::native("/bin/true".as_ref()).unwrap();
        assert!(matches!(gone.count(Encoding::O200kBase), Ok(Counted::Trap(_))));
    }
}
