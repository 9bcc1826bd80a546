//! Runs the commands of a document in a shell, and compares what they print with what the document says.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the commands of a document find where they run.
#[derive(Default)]
pub(crate) struct Setting<'a> {
    /// Files in their directory.
    pub(crate) files: &'a [(&'a str, &'a [u8])],
    /// Variables.
    pub(crate) environment: &'a [(&'a str, &'a str)],
    /// What stands in the document for a name that is only known here.
    pub(crate) stands_for: Option<(&'a str, &'a str)>,
}

/// Runs the commands of `docs/NAME`, one after the other in a directory of their own. Returns how many there were.
pub(crate) fn check(name: &str, setting: &Setting<'_>) -> usize {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut document = fs::read_to_string(manifest.join("../../docs").join(name)).unwrap();
    if let Some((shown, meant)) = setting.stands_for {
        document = document.replace(shown, meant);
    }
    let directory = fresh_directory(name);
    for (file, bytes) in setting.files {
        fs::write(directory.join(file), bytes).unwrap();
    }
    let program = Path::new(env!("CARGO_BIN_EXE_ai-filters")).parent().unwrap();
    let inherited = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths([program.to_owned()].into_iter().chain(env::split_paths(&inherited))).unwrap();
    let mut commands = 0_usize;
    for block in document.split("```console\n").skip(1) {
        let block = block.split("```").next().unwrap_or_default();
        for command in block.split("$ ").skip(1) {
            let (command, expected) = command.split_once('\n').unwrap();
            let output = Command::new("sh")
                .args(["-c", &format!("{{ {command}\n}} 2>&1")])
                .env("PATH", &path)
                .envs(setting.environment.iter().copied())
                .current_dir(&directory)
                .output()
                .unwrap();
            assert_eq!(str::from_utf8(&output.stdout), Ok(expected), "{command}");
            commands = commands.saturating_add(1);
        }
    }
    commands
}

fn fresh_directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("documents").join(name);
    if directory.exists() {
        fs::remove_dir_all(&directory).unwrap();
    }
    fs::create_dir_all(&directory).unwrap();
    directory
}
