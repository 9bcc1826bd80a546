//! A real registry on this machine, with a password, for as long as a test runs; and a client of it that others wrote.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::text;

pub(crate) const USERNAME: &str = "ci";
pub(crate) const PASSWORD: &str = "a password";
/// The line of a `htpasswd` file for the two: bcrypt, as the registry wants it, with the lowest cost there is.
const HTPASSWD: &str = "ci:$2b$04$abcdefghijklmnopqrstuuQCzP7jzWZS/E3GL4oF3LWbHm3pfKHH.\n";
const READY_WITHIN: Duration = Duration::from_secs(30);

/// A registry that runs until this is dropped.
pub(crate) struct Registry {
    child: Child,
    port: u16,
    directory: PathBuf,
}

impl Registry {
    /// Starts one with a directory of that name; none where a program for that is missing, which is said.
    pub(crate) fn start(name: &str) -> Option<Self> {
        for program in ["docker-registry", "skopeo", "jq"] {
            if Command::new(program).arg("--version").stdout(Stdio::null()).status().is_err() {
                super::skipped(&format!(
                    "images in a real registry: {program} was not found (install {program})"
                ));
                return None;
            }
        }
        let directory = super::fresh_directory(name);
        let port = ports::free().unwrap();
        let here = directory.display().to_string();
        let configuration = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: '{here}/data'}}}}\n\
             http: {{addr: '127.0.0.1:{port}'}}\nauth: {{htpasswd: {{realm: test, path: '{here}/htpasswd'}}}}\n"
        );
        fs::write(directory.join("registry.yaml"), configuration).unwrap();
        fs::write(directory.join("htpasswd"), HTPASSWD).unwrap();
        let log = fs::File::create(directory.join("registry.log")).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(directory.join("registry.yaml"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let registry = Self { child, port, directory };
        let started = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(started.elapsed() < READY_WITHIN, "the registry is not ready; see {here}/registry.log");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// `127.0.0.1:12345`
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A directory of this test's own.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What skopeo prints when it is given these arguments and an image: `inspect --raw` and `ai-gateway:0.1.0`.
    pub(crate) fn skopeo(&self, arguments: &[&str], image: &str) -> Vec<u8> {
        let output = Command::new("skopeo")
            .args(arguments)
            .args(["--tls-verify=false", "--creds", &format!("{USERNAME}:{PASSWORD}")])
            .arg(format!("docker://{}/{image}", self.host()))
            .output()
            .unwrap();
        assert!(output.status.success(), "skopeo {arguments:?} {image}: {}", text(&output.stderr));
        output.stdout
    }

    /// Copies an image out of the registry into a directory, as it is stored there.
    pub(crate) fn pull(&self, image: &str) -> PathBuf {
        let to = self.directory.join("pulled").join(image.replace(['/', ':'], "-"));
        fs::create_dir_all(&to).unwrap();
        let output = Command::new("skopeo")
            .args(["copy", "--src-tls-verify=false", "--src-creds", &format!("{USERNAME}:{PASSWORD}")])
            .arg(format!("docker://{}/{image}", self.host()))
            .arg(format!("dir:{}", to.display()))
            .output()
            .unwrap();
        assert!(output.status.success(), "skopeo copy {image}: {}", text(&output.stderr));
        to
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // It may have ended by itself, and then there is nothing to end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
