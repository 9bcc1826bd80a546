//! The pages about deployments do what they say: every command of theirs runs, in order, and prints what the page prints.
//!
//! `docker`, `kubectl` and `make` are stand-ins, since a test has no daemon and no cluster, and builds nothing twice. They refuse what they do
//! not know, and what the real ones would: `docker compose` runs the compose file's services on local binaries, `kubectl apply` wants the
//! Secrets that the manifests name, `make` wants a target of the Makefile. Ports are free ones in the place of the page's.
//!
//! A block may be preceded by a comment: `<!-- background: until URL -->` starts it and waits for that answer; `<!-- not run: REASON -->`
//! leaves it out, and the table below says how many there are.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use scenarios::compose::{Compose, Project, skip};
use scenarios::stand::Equipment;
use serde_json::{Value, json};
use tempfile::TempDir;

/// A page, how many commands it has at least, and how many blocks nothing runs.
const PAGES: [(&str, usize, usize); 3] =
    [("docs/local.md", 10, 0), ("docs/compose.md", 18, 0), ("docs/gateway.md", 5, 1)];
const STARTS_WITHIN: Duration = Duration::from_secs(60);
/// Where a page's gateway is that is no compose file's.
const PORTS: [u16; 3] = [10_000, 9901, 9902];

/// What a page says between two lines of backquotes.
struct Block {
    kind: String,
    note: String,
    text: String,
}

fn blocks(page: &str) -> Vec<Block> {
    let text = fs::read_to_string(lab::paths::root().join(page)).unwrap();
    let mut blocks = Vec::new();
    let mut before = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            before = line.to_owned();
            continue;
        };
        let body: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
        let note =
            before.strip_prefix("<!-- ").and_then(|note| note.strip_suffix(" -->")).unwrap_or_default();
        blocks.push(Block { kind: kind.to_owned(), note: note.to_owned(), text: body.join("\n") });
        before.clear();
    }
    blocks
}

/// The commands of a block, each with what it prints; none is said of a script.
fn commands(block: &Block) -> Vec<(String, Option<String>)> {
    if block.kind == "sh" {
        let whole = block.text.replace("\\\n", " ");
        return whole.lines().map(|line| (line.to_owned(), None)).collect();
    }
    let mut commands: Vec<(String, Option<String>)> = Vec::new();
    let mut goes_on = false;
    for line in block.text.lines() {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (_, Some((command, _))) if goes_on => command.push_str(&format!("\n{line}")),
            (Some(command), _) => commands.push((command.to_owned(), Some(String::new()))),
            (None, Some((_, Some(printed)))) => printed.push_str(&format!("{line}\n")),
            _ => panic!("no command prints {line:?}"),
        }
        goes_on = line.ends_with('\\');
    }
    commands
}

/// What the stand-ins know and have started.
struct World {
    equipment: Equipment,
    runtime: tokio::runtime::Runtime,
    project: Option<(PathBuf, Project)>,
    /// The local port of each port that a page says.
    ports: BTreeMap<u16, u16>,
    secrets: BTreeSet<String>,
    /// Secrets of the type `kubernetes.io/tls`.
    certificates: BTreeSet<String>,
    registry: String,
    asked: usize,
}

impl World {
    fn answer(&mut self, asked: &Value) -> Result<String, String> {
        self.asked += 1;
        let arguments = asked["arguments"].as_array().unwrap().iter().map(|text| text.as_str().unwrap());
        let arguments: Vec<&str> = arguments.collect();
        let directory = Path::new(asked["directory"].as_str().unwrap());
        match asked["name"].as_str().unwrap() {
            "docker" => self.docker(&arguments, directory),
            "kubectl" => self.kubectl(&arguments, directory, asked["stdin"].as_str().unwrap()),
            "make" => self.make(&arguments),
            other => Err(format!("nothing stands for {other}")),
        }
    }

    fn docker(&mut self, arguments: &[&str], directory: &Path) -> Result<String, String> {
        let mut arguments = arguments.iter().copied();
        if arguments.next() != Some("compose") {
            return Err("only docker compose is stood in for".to_owned());
        }
        let (mut file, mut profiles, mut verb) = ("docker-compose.yaml", Vec::new(), "");
        let mut options = Vec::new();
        while let Some(argument) = arguments.next() {
            match argument {
                "-f" => file = arguments.next().ok_or("-f: which file?")?,
                "--profile" => profiles.push(arguments.next().ok_or("--profile: which?")?),
                _ if verb.is_empty() => verb = argument,
                _ => options.push(argument),
            }
        }
        let path = directory.join(file);
        if !path.is_file() {
            return Err(format!("{} is not there", path.display()));
        }
        let known: &[&str] = match verb {
            "up" => &["--build", "--detach", "--wait"],
            "down" => &["--volumes"],
            "config" => &["--quiet"],
            other => return Err(format!("docker compose {other} is not stood in for")),
        };
        if let Some(unknown) = options.iter().find(|option| !known.contains(option)) {
            return Err(format!("docker compose {verb} {unknown} is not stood in for"));
        }
        let compose = Compose::read(&path);
        if verb == "down" {
            self.project.take().ok_or("nothing is up")?;
            return Ok(String::new());
        }
        let variables = dot_env(directory);
        for name in compose.asked_for() {
            if variables.get(&name).is_none_or(String::is_empty) {
                return Err(format!("required variable {name} is missing a value: is not set"));
            }
        }
        if verb == "config" {
            return Ok(String::new());
        }
        if !options.contains(&"--detach") {
            return Err("up without --detach does not end".to_owned());
        }
        self.up(&path, &compose, &profiles, &variables);
        Ok(String::new())
    }

    /// Starts what is not up yet.
    fn up(
        &mut self,
        path: &Path,
        compose: &Compose,
        profiles: &[&str],
        variables: &BTreeMap<String, String>,
    ) {
        if self.project.as_ref().is_none_or(|(known, _)| known != path) {
            let mut project = Project::of(compose.clone(), &self.equipment);
            for (name, value) in variables {
                project = project.variable(name, value);
            }
            if let Some(prometheus) = on_path("prometheus") {
                let listen = format!("--web.listen-address={}", project.address("prometheus", 9090));
                project = project.program("prom/prometheus", &prometheus).argument("prometheus", &listen);
            }
            self.project = Some((path.to_path_buf(), project));
        }
        let (_, project) = self.project.as_mut().unwrap();
        for service in compose.services() {
            let wanted = service.texts("profiles");
            let chosen =
                wanted.is_empty() || wanted.iter().any(|profile| profiles.contains(&profile.as_str()));
            // Nothing stands for Grafana.
            if chosen && service.image().0 != "grafana/grafana" {
                self.runtime.block_on(project.up(service.name));
            }
            for (published, inside) in service.ports() {
                let mut outside = published.rsplit(':').skip(1);
                let outside = outside.next().and_then(|port| port.parse().ok()).unwrap_or(inside);
                self.ports.insert(outside, project.address(service.name, inside).port());
            }
        }
    }

    fn kubectl(&mut self, arguments: &[&str], directory: &Path, stdin: &str) -> Result<String, String> {
        let read =
            |file: &str| fs::read_to_string(directory.join(file)).map_err(|error| format!("{file}: {error}"));
        match arguments {
            ["-n", _, "create", "secret", "generic", name, literal] => {
                let value = literal.strip_prefix("--from-literal=key=").ok_or("a literal `key` is wanted")?;
                if value.is_empty() {
                    return Err(format!("the Secret {name} would be empty"));
                }
                self.secrets.insert((*name).to_owned());
                Ok(format!("secret/{name} created\n"))
            }
            ["create", "secret", "tls", name, certificate, key] => {
                for (argument, option, holds) in
                    [(certificate, "--cert=", "CERTIFICATE"), (key, "--key=", "PRIVATE KEY")]
                {
                    let file =
                        argument.strip_prefix(option).ok_or_else(|| format!("{option}: which file?"))?;
                    if !read(file)?.contains(holds) {
                        return Err(format!("{file} has no {}", holds.to_lowercase()));
                    }
                }
                self.certificates.insert((*name).to_owned());
                Ok(format!("secret/{name} created\n"))
            }
            ["apply", "-f", "-"] => self.apply(stdin),
            ["apply", "-f", file] => self.apply(&read(file)?),
            other => Err(format!("kubectl {} is not stood in for", other.join(" "))),
        }
    }

    /// Wants of manifests what a cluster would: kinds and names, the Secrets that they name, images from where they were pushed.
    fn apply(&self, text: &str) -> Result<String, String> {
        let mut said = String::new();
        for document in serde_yaml_ng::Deserializer::from_str(text) {
            let value: Value =
                serde::Deserialize::deserialize(document).map_err(|error| error.to_string())?;
            let (kind, name) = (value["kind"].as_str(), value["metadata"]["name"].as_str());
            let (Some(kind), Some(name), true) = (kind, name, value["apiVersion"].is_string()) else {
                return Err(format!("{value} is no manifest"));
            };
            said.push_str(&format!("{kind}/{name} created\n"));
            for reference in value["spec"]["listeners"].as_array().into_iter().flatten() {
                let shown = reference["tls"]["certificateRefs"][0]["name"].as_str();
                if shown.is_some_and(|name| !self.certificates.contains(name)) {
                    return Err(format!("{kind}/{name} shows a certificate that was not created"));
                }
            }
            let json = value.to_string();
            for reference in json.split("\"secretKeyRef\":").skip(1) {
                let known =
                    self.secrets.iter().any(|secret| reference.contains(&format!("\"name\":\"{secret}\"")));
                if !known || !reference.contains("\"key\":\"key\"") {
                    return Err(format!("{kind}/{name} names a Secret that was not created"));
                }
            }
        }
        if said.lines().count() < 8 {
            return Err(format!("only {said} was applied"));
        }
        if text.matches(&format!("{}/ai-", self.registry)).count() < 2 {
            return Err(format!("no image is from {}, where they were pushed", self.registry));
        }
        Ok(said)
    }

    fn make(&mut self, arguments: &[&str]) -> Result<String, String> {
        let makefile = fs::read_to_string(lab::paths::root().join("Makefile")).unwrap();
        let (variables, targets): (Vec<&str>, Vec<&str>) =
            arguments.iter().copied().partition(|word| word.contains('='));
        if let Some(unknown) = targets.iter().find(|target| !makefile.contains(&format!("\n{target}:"))) {
            return Err(format!("no rule to make target '{unknown}'"));
        }
        match targets.as_slice() {
            ["wasm", ..] => {
                let sizes = Command::new("sh")
                    .arg(lab::paths::root().join("e2e/wasm-sizes.sh"))
                    .arg(lab::paths::filters())
                    .output()
                    .unwrap();
                let said = String::from_utf8(sizes.stderr).unwrap();
                if sizes.status.success() { Ok(String::new()) } else { Err(said) }
            }
            ["push"] => {
                let registry = variables.iter().find_map(|word| word.strip_prefix("REGISTRY="));
                self.registry = registry.ok_or("REGISTRY names no registry")?.to_owned();
                Ok(String::new())
            }
            other => Err(format!("make {} is not stood in for", other.join(" "))),
        }
    }
}

/// `.env` as Compose reads the simple ones.
fn dot_env(directory: &Path) -> BTreeMap<String, String> {
    let text = fs::read_to_string(directory.join(".env")).unwrap_or_default();
    let lines = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn on_path(program: &str) -> Option<PathBuf> {
    let named = std::env::var_os(program.to_uppercase()).map(PathBuf::from);
    let paths = std::env::var_os("PATH").unwrap_or_default();
    named.or_else(|| std::env::split_paths(&paths).map(|path| path.join(program)).find(|path| path.is_file()))
}

/// A process and those that it started.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", "--", &format!("-{}", self.0.id())]).status();
        let _ = self.0.wait();
    }
}

/// A page while it is run.
struct Session {
    world: Arc<Mutex<World>>,
    directory: TempDir,
    background: Option<Background>,
    ran: usize,
}

impl Session {
    fn new(equipment: &Equipment) -> Self {
        let directory = tempfile::Builder::new().prefix("page-").tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        let root = lab::paths::root();
        fs::create_dir_all(at("bin")).unwrap();
        fs::create_dir_all(at("checkout")).unwrap();
        copy(&root.join("envoy-configs"), &at("checkout/envoy-configs"));
        symlink(lab::paths::target(), at("checkout/target")).unwrap();
        for name in ["docker", "kubectl", "make"] {
            symlink(env!("CARGO_BIN_EXE_stand-in"), at("bin").join(name)).unwrap();
        }
        symlink(&equipment.binary.path, at("bin/envoy")).unwrap();
        let tool = lab::paths::target().join("debug/ai-filters");
        assert!(tool.is_file(), "{} is not there: make tool", tool.display());
        symlink(tool, at("bin/ai-filters")).unwrap();
        fs::write(at("cwd"), at("checkout").display().to_string()).unwrap();

        let world = Arc::new(Mutex::new(World {
            equipment: equipment.clone(),
            runtime: tokio::runtime::Runtime::new().unwrap(),
            project: None,
            ports: PORTS.map(|port| (port, lab::port::free().unwrap())).into(),
            secrets: BTreeSet::new(),
            certificates: BTreeSet::new(),
            registry: String::new(),
            asked: 0,
        }));
        let listener = UnixListener::bind(at("socket")).unwrap();
        let serving = Arc::clone(&world);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut asked = String::new();
                stream.read_to_string(&mut asked).unwrap();
                let asked: Value = serde_json::from_str(&asked).unwrap();
                let answer = match serving.lock().unwrap().answer(&asked) {
                    Ok(out) => json!({"status": 0, "out": out}),
                    Err(problem) => json!({"status": 1, "err": format!("{problem}\n")}),
                };
                stream.write_all(answer.to_string().as_bytes()).unwrap();
            }
        });
        Self { world, directory, background: None, ran: 0 }
    }

    /// A text with the ports that are free here.
    fn here(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (port, local) in &self.world.lock().unwrap().ports {
            for host in ["localhost", "127.0.0.1"] {
                text = text.replace(&format!("{host}:{port}"), &format!("127.0.0.1:{local}"));
            }
            text = text.replace(&format!("--admin-port {port}"), &format!("--admin-port {local}"));
        }
        text
    }

    fn shell(&self, command: &str) -> Command {
        let at = |name: &str| self.directory.path().join(name).display().to_string();
        let inherited = std::env::var("PATH").unwrap_or_default();
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                &format!(
                    "cd \"$(cat {cwd})\" || exit; {{ {command}\n}}; status=$?; pwd > {cwd}; exit $status",
                    cwd = at("cwd")
                ),
            ])
            .env("PATH", format!("{}:{inherited}", at("bin")))
            .env("STAND_IN", at("socket"))
            .env("OPENAI_API_KEY", "the-key-of-a-test")
            .env("ANTHROPIC_API_KEY", "the-key-of-a-test")
            .stdin(Stdio::null());
        shell
    }

    fn run(&mut self, command: &str, printed: Option<&str>) {
        let output = self.shell(&self.here(command)).output().unwrap();
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        match printed {
            Some(printed) => assert_eq!(out, printed, "$ {command}\n{err}"),
            None => assert!(output.status.success(), "$ {command}\n{out}{err}"),
        }
        self.ran += 1;
    }

    /// Starts a command and waits for that answer.
    fn start(&mut self, command: &str, url: &str) {
        drop(self.background.take());
        let log = self.directory.path().join("background.log");
        let out = fs::File::create(&log).unwrap();
        let mut child = if command == "make run" {
            // What the recipe starts, with ports that are free here.
            let makefile = fs::read_to_string(lab::paths::root().join("Makefile")).unwrap();
            assert!(
                makefile.contains("\trun: wasm lab".trim_start())
                    && makefile.contains("\t@exec '$(LAB)' run\n")
            );
            let ports = self.world.lock().unwrap().ports.clone();
            let mut child = Command::new(lab::paths::target().join("debug/lab"));
            child
                .arg("run")
                .env("PORT", ports[&PORTS[0]].to_string())
                .env("ADMIN_PORT", ports[&PORTS[1]].to_string());
            child.env_remove("OPENAI_API_KEY").env_remove("ANTHROPIC_API_KEY");
            child
        } else {
            self.shell(&self.here(command))
        };
        child.stdout(out.try_clone().unwrap()).stderr(out).process_group(0);
        self.background = Some(Background(child.spawn().unwrap()));
        let url = self.here(url);
        let (address, path) = url.strip_prefix("http://").and_then(|url| url.split_once('/')).expect("a URL");
        let (address, path) = (address.parse().unwrap(), format!("/{path}"));
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let deadline = Instant::now() + STARTS_WITHIN;
        loop {
            let reply = runtime.block_on(lab::http::get(address, &path, Duration::from_secs(5)));
            if reply.is_ok_and(|reply| reply.status == 200) {
                break;
            }
            assert!(Instant::now() < deadline, "{command}: {}", fs::read_to_string(&log).unwrap_or_default());
            thread::sleep(Duration::from_millis(100));
        }
        self.ran += 1;
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let there = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &there);
        } else if entry.file_name() != ".env" {
            fs::copy(entry.path(), there).unwrap();
        }
    }
}

fn check(page: &str) {
    for program in ["curl", "jq"] {
        if on_path(program).is_none() {
            return skip(
                "the commands of the pages about deployments",
                &format!("{program} was not found (install {program})"),
            );
        }
    }
    let (_, least, left_out) = *PAGES.iter().find(|(known, ..)| *known == page).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let equipment = runtime.block_on(Equipment::find()).unwrap_or_else(|failure| panic!("{failure}"));
    let mut session = Session::new(&equipment);
    let mut not_run = 0;
    for block in blocks(page).iter().filter(|block| ["sh", "console"].contains(&block.kind.as_str())) {
        if block.note.starts_with("not run: ") {
            not_run += 1;
        } else if let Some(url) = block.note.strip_prefix("background: until ") {
            session.start(&block.text, url);
        } else {
            for (command, printed) in commands(block) {
                if page == "docs/compose.md" && command.contains(":9090") && on_path("prometheus").is_none() {
                    skip(
                        "what the page about compose asks Prometheus",
                        "prometheus was not found (install Prometheus)",
                    );
                    continue;
                }
                session.run(&command, printed.as_deref());
            }
        }
    }
    assert_eq!(not_run, left_out, "{page}: another number of blocks is not run");
    assert!(session.ran >= least, "{page}: only {} commands ran", session.ran);
}

#[test]
fn the_page_about_one_machine() {
    check("docs/local.md");
}

#[test]
fn the_page_about_compose() {
    check("docs/compose.md");
}

#[test]
fn the_page_about_envoy_gateway() {
    check("docs/gateway.md");
}

/// Stand-ins that take everything would prove nothing.
#[test]
fn what_the_real_ones_would_refuse_is_refused() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let equipment = runtime.block_on(Equipment::find()).unwrap_or_else(|failure| panic!("{failure}"));
    let session = Session::new(&equipment);
    for (command, said) in [
        ("docker compose -f none.yaml up --detach", "is not there"),
        (
            "cd envoy-configs/llm-router && docker compose up --detach --wait",
            "ANTHROPIC_API_KEY is missing a value",
        ),
        (
            "cd envoy-configs/llm-router && docker compose -f docker-compose.mock.yaml up --dettach",
            "is not stood in for",
        ),
        ("cd envoy-configs/llm-router && docker compose down", "nothing is up"),
        ("docker run envoy", "only docker compose"),
        ("make wasmm", "no rule to make target"),
        ("make push", "REGISTRY names no registry"),
        ("ai-filters render gateway-api | kubectl apply -f -", "names a Secret that was not created"),
        ("echo 'kind: Pod' | kubectl apply -f -", "is no manifest"),
    ] {
        let output = session.shell(&format!("( {command} )")).output().unwrap();
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && err.contains(said), "{command}: {err}");
    }
    assert_eq!(session.world.lock().unwrap().asked, 9);
}
