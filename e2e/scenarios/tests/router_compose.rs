//! `envoy-configs/llm-router`'s two compose files, run without Docker: their commands, variables, mounts and health checks, on the Envoy that
//! the tests run; and what every compose file of the project has to have.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use scenarios::compose::{Compose, Project, Service};
use scenarios::stand::Equipment;
use serde_json::{Value, json};

const FOLDER: &str = "envoy-configs/llm-router";

fn file(name: &str) -> PathBuf {
    lab::paths::root().join(FOLDER).join(name)
}

fn text(path: &str) -> String {
    fs::read_to_string(lab::paths::root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

async fn equipment() -> Equipment {
    Equipment::find().await.unwrap_or_else(|failure| panic!("{failure}"))
}

/// Every service of every compose file, and where it is.
fn every_service(mut check: impl FnMut(&str, Service<'_>)) {
    let files = Compose::committed();
    assert!(files.len() >= 3, "only {files:?} were found");
    let mut services = 0;
    for file in files {
        let compose = Compose::read(&file);
        for service in compose.services() {
            check(&format!("{}: {}", file.display(), service.name), service);
            services += 1;
        }
    }
    assert!(services >= 11, "only {services} services were found");
}

#[test]
fn no_container_has_more_rights_than_it_needs() {
    every_service(|place, service| {
        let user = service.text("user");
        assert!(user.contains(':') && !user.starts_with("0:"), "{place} runs as {user:?}");
        assert_eq!(service.get("read_only"), true, "{place} may write");
        assert_eq!(service.texts("cap_drop"), ["ALL"], "{place}");
        assert_eq!(service.texts("security_opt"), ["no-new-privileges:true"], "{place}");
        for member in ["privileged", "cap_add", "devices", "pid", "ipc"] {
            assert!(service.get(member).is_null(), "{place} has {member}");
        }
        for mount in service.mounts() {
            assert!(mount.read_only || mount.is_volume(), "{place} may write to {}", mount.source);
            assert!(!mount.source.contains("docker.sock"), "{place} may do anything");
        }
    });
}

#[test]
fn every_container_is_bounded_watched_and_started_again() {
    every_service(|place, service| {
        let memory = service.text("mem_limit");
        let number: u32 = memory.trim_end_matches(['m', 'g']).parse().unwrap_or_default();
        assert!(number > 0, "{place}: {memory:?} is no limit of memory");
        assert_eq!(service.text("restart"), "unless-stopped", "{place}");
        let options = &service.get("logging")["options"];
        assert!(
            options["max-size"].is_string() && options["max-file"].is_string(),
            "{place}: its log is unbounded"
        );
        // The rate limit service's image is one program, and nothing that could ask it.
        if service.image().0 == "envoyproxy/ratelimit" {
            return;
        }
        let check = service.get("healthcheck");
        assert!(service.health().len() > 1, "{place} has no health check");
        for member in ["interval", "timeout", "start_period", "retries"] {
            assert!(!check[member].is_null(), "{place}: its health check has no {member}");
        }
    });
}

#[test]
fn images_are_official_and_pinned_and_the_envoy_is_the_tested_one() {
    const OFFICIAL: [&str; 5] =
        ["envoyproxy/envoy", "envoyproxy/ratelimit", "redis", "prom/prometheus", "grafana/grafana"];
    let pinned = text("e2e/envoy/pin.txt");
    every_service(|place, service| {
        let (image, tag) = service.image();
        if !service.get("build").is_null() {
            assert_eq!((image, tag), ("ai-filters/mock-llm", "local"), "{place}");
            return;
        }
        assert!(OFFICIAL.contains(&image), "{place}: who builds {image}?");
        let version = tag.trim_start_matches('v');
        assert!(
            version.len() >= 5 && version.starts_with(|c: char| c.is_ascii_digit()),
            "{place}: {tag:?} is not pinned"
        );
        if image == "envoyproxy/envoy" {
            assert!(
                pinned.contains(&format!("version {version}\n")),
                "{place}: the tests run another than {version}"
            );
        }
    });
}

#[test]
fn no_key_is_in_a_file_and_the_example_names_every_variable() {
    for path in Compose::committed() {
        let compose = Compose::read(&path);
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("sk-"), "{} holds a key", path.display());
        for service in compose.services() {
            for (name, value) in service.environment().into_iter().filter(|(name, _)| name.ends_with("_KEY"))
            {
                let asked = value == format!("${{{name}:?is not set}}");
                let scripted = value.starts_with("scripted-") && path.ends_with("docker-compose.mock.yaml");
                assert!(asked || scripted, "{}: {name} is {value}", path.display());
            }
        }
        let asked = compose.asked_for();
        if asked.is_empty() {
            continue;
        }
        let example = fs::read_to_string(compose.folder.join(".env.example")).unwrap();
        let lines = example.lines().filter(|line| !line.starts_with('#'));
        let named: BTreeSet<String> = lines
            .map(|line| line.strip_suffix('=').unwrap_or_else(|| panic!("{line} says something")).to_owned())
            .collect();
        assert_eq!(named, asked, "{}", compose.folder.display());
    }
    let ignored = Command::new("git")
        .args(["check-ignore", "--quiet", "envoy-configs/llm-router/.env"])
        .current_dir(lab::paths::root())
        .status()
        .unwrap();
    assert!(ignored.success(), "git would take a .env");
}

#[test]
fn only_the_gateway_is_reached_from_other_machines() {
    every_service(|place, service| {
        for (port, inside) in service.ports() {
            let open = matches!(inside, 10_000) && service.image().0 == "envoyproxy/envoy";
            assert!(open || port.starts_with("127.0.0.1:"), "{place} publishes {port}");
        }
    });
}

/// Compose's own loader, from its own library: the schema, the variables, and what services say of each other.
#[test]
fn composes_own_loader_takes_every_file() {
    let Some(loader) = loader() else { return };
    let run = |file: &Path, profiles: &[&str], keys: bool| {
        let mut command = Command::new(&loader);
        command
            .arg(file)
            .args(profiles)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        if keys {
            command.envs([("OPENAI_API_KEY", "one"), ("ANTHROPIC_API_KEY", "two")]);
        }
        command.output().unwrap()
    };
    for file in Compose::committed() {
        let asks = !Compose::read(&file).asked_for().is_empty();
        let output = run(&file, &["monitoring"], asks);
        let project: Value = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|_| panic!("{}: {}", file.display(), String::from_utf8_lossy(&output.stderr)));
        let loaded: BTreeSet<_> = project["services"].as_object().unwrap().keys().cloned().collect();
        let compose = Compose::read(&file);
        let read: BTreeSet<_> = compose.services().iter().map(|service| service.name.to_owned()).collect();
        assert_eq!(loaded, read, "{}", file.display());
        for mount in project["services"]["gateway"]["volumes"].as_array().into_iter().flatten() {
            let source = Path::new(mount["source"].as_str().unwrap());
            let built = source.extension().is_some_and(|extension| extension == "wasm");
            assert!(mount["type"] == "volume" || built || source.exists(), "{}: {mount}", file.display());
        }
        if asks {
            let output = run(&file, &[], false);
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success() && said.contains("OPENAI_API_KEY is missing a value"), "{said}");
        }
    }
    // Without the profile there is the gateway, and nothing else.
    let output = run(&file("docker-compose.yaml"), &[], true);
    let project: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(project["services"].as_object().unwrap().keys().collect::<Vec<_>>(), ["gateway"]);
    // A loader that takes everything would prove nothing.
    let directory = tempfile::tempdir().unwrap();
    let broken = directory.path().join("docker-compose.yaml");
    let text = fs::read_to_string(file("docker-compose.mock.yaml")).unwrap();
    fs::write(&broken, text.replace("read_only: true", "read_only: perhaps")).unwrap();
    assert!(!run(&broken, &[], false).status.success());
}

/// The loader, built; none, with its reason, where there is no Go.
fn loader() -> Option<PathBuf> {
    let go = [PathBuf::from("go"), PathBuf::from("/usr/local/go/bin/go")];
    let found = go
        .into_iter()
        .find(|go| Command::new(go).arg("version").output().is_ok_and(|said| said.status.success()));
    let Some(go) = found else {
        scenarios::compose::skip(
            "Compose's own loader",
            "go was not found (install Go 1.21 or newer: https://go.dev/dl)",
        );
        return None;
    };
    let built = lab::paths::target().join("compose-loader");
    let output = Command::new(go)
        .args(["build", "-o"])
        .arg(&built)
        .arg(".")
        .current_dir(lab::paths::root().join("e2e/compose"))
        .envs([("GOFLAGS", "-mod=readonly"), ("GOTOOLCHAIN", "auto"), ("CGO_ENABLED", "0")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(built)
}

#[tokio::test]
async fn its_command_serves_and_its_health_check_says_so() {
    let compose = Compose::read(&file("docker-compose.yaml"));
    let mut project = Project::of(compose, &equipment().await)
        .variable("OPENAI_API_KEY", "the-key-of-a-test")
        .variable("ANTHROPIC_API_KEY", "the-key-of-a-test");
    project.up("gateway").await;
    let address = project.address("gateway", 10_000);
    let reply = lab::http::get(address, "/v1/models", Duration::from_secs(20)).await.unwrap();
    assert_eq!((reply.status, reply.json()["data"][0]["id"].as_str()), (200, Some("gpt-4")));
    let told = project.log("gateway");
    assert!(!told.contains("[critical]"), "{told}");
    project.stop("gateway");
    assert!(!project.is_healthy("gateway").await, "the check does not always say yes");
}

#[tokio::test]
async fn the_statistics_can_be_scraped_and_nothing_else_of_the_admin_interface() {
    let compose = Compose::read(&file("docker-compose.yaml"));
    let mut project = Project::of(compose, &equipment().await)
        .variable("OPENAI_API_KEY", "the-key-of-a-test")
        .variable("ANTHROPIC_API_KEY", "the-key-of-a-test");
    project.up("gateway").await;
    let metrics = project.address("gateway", 9902);
    let get = async |path: &str| lab::http::get(metrics, path, Duration::from_secs(20)).await.unwrap();
    let reply = get("/stats/prometheus").await;
    assert_eq!(reply.status, 200);
    assert!(reply.text().contains("envoy_server_live{} 1"), "{}", reply.text());
    for path in [
        "/",
        "/config_dump",
        "/quitquitquit",
        "/stats",
        "/stats/prometheus/../../config_dump",
        "/stats%2Fprometheus",
    ] {
        let reply = get(path).await;
        assert!(matches!(reply.status, 400 | 404), "{path} is answered {}", reply.status);
    }
    let quit = lab::http::post_json("/quitquitquit", &[], &json!({})).unwrap();
    assert_eq!(lab::http::send(metrics, quit, Duration::from_secs(20)).await.unwrap().status, 404);
    let posted = lab::http::post_json("/stats/prometheus", &[], &json!({})).unwrap();
    assert_eq!(lab::http::send(metrics, posted, Duration::from_secs(20)).await.unwrap().status, 404);
    assert!(project.is_healthy("gateway").await);
}

#[tokio::test]
async fn without_a_key_there_are_answers_streams_and_fallback() {
    let mut project = Project::of(Compose::read(&file("docker-compose.mock.yaml")), &equipment().await);
    project.up("gateway").await;
    let address = project.address("gateway", 10_000);
    let ask = async |stream: bool| {
        let body =
            json!({"model": "gpt-4", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]});
        let request = lab::http::post_json("/v1/chat/completions", &[], &body).unwrap();
        lab::http::send(address, request, Duration::from_secs(20)).await.unwrap()
    };
    let answer = ask(false).await;
    assert_eq!((answer.status, answer.json()["model"].as_str()), (200, Some("gpt-4")), "{}", answer.text());
    assert_eq!((answer.header("x-ai-provider"), answer.header("x-ai-attempts")), ("openai", "1"));
    assert!(ask(true).await.text().ends_with("data: [DONE]\n\n"));

    let control = project.address("providers", 10_080);
    let order = lab::http::post_json("/openai/down", &[], &json!({})).unwrap();
    assert_eq!(lab::http::send(control, order, Duration::from_secs(20)).await.unwrap().status, 200);
    for stream in [false, true] {
        let answer = ask(stream).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!((answer.header("x-ai-provider"), answer.header("x-ai-attempts")), ("anthropic", "2"));
        assert!(answer.text().contains("\"gpt-4\""), "{}", answer.text());
    }
    let seen = lab::http::get(control, "/requests", Duration::from_secs(20)).await.unwrap().json();
    assert_eq!(seen["anthropic"]["requests"].as_array().map(Vec::len), Some(2), "{seen}");
    assert_eq!((&seen["openai"]["leaks"], &seen["anthropic"]["leaks"]), (&json!([]), &json!([])));
}

/// The image itself is built by Docker alone; what it is built from and by is not.
#[test]
fn the_scripted_providers_image_is_built_from_what_it_needs() {
    let compose = Compose::read(&file("docker-compose.mock.yaml"));
    let build = compose.service("providers").get("build").clone();
    let context = compose.folder.join(build["context"].as_str().unwrap()).canonicalize().unwrap();
    assert_eq!(context, lab::paths::root().canonicalize().unwrap());
    let dockerfile = fs::read_to_string(context.join(build["dockerfile"].as_str().unwrap())).unwrap();
    for line in [
        "RUN cargo build --locked --release -p mock-llm",
        "COPY --from=build /ai-filters/target/release/mock-llm /usr/local/bin/mock-llm",
        "RUN install -d -o 65532 -g 65532 /authority",
        "ENTRYPOINT [\"mock-llm\"]",
    ] {
        assert!(dockerfile.lines().any(|known| known == line), "there is no line {line}");
    }
    assert_eq!(dockerfile.lines().rfind(|line| line.starts_with("USER ")), Some("USER 65532:65532"));
    for image in dockerfile.lines().filter_map(|line| line.strip_prefix("FROM ")) {
        let image = image.split(' ').next().unwrap();
        assert!(
            image.split_once(':').is_some_and(|(_, tag)| tag.starts_with(|c: char| c.is_ascii_digit())),
            "{image} is not pinned"
        );
    }

    // The files that the ignore file lets through, and cargo's opinion of them.
    let ignored = fs::read_to_string(context.join("e2e/mock-llm/Dockerfile.dockerignore")).unwrap();
    let kept: Vec<_> = ignored.lines().filter_map(|line| line.strip_prefix('!')).collect();
    let listed = Command::new("git")
        .args(["ls-files", "-co", "--exclude-standard"])
        .current_dir(&context)
        .output()
        .unwrap();
    let copy = tempfile::tempdir().unwrap();
    for file in String::from_utf8(listed.stdout).unwrap().lines() {
        if kept.iter().any(|kept| file == *kept || file.starts_with(&format!("{kept}/")))
            && context.join(file).is_file()
        {
            let there = copy.path().join(file);
            fs::create_dir_all(there.parent().unwrap()).unwrap();
            fs::copy(context.join(file), there).unwrap();
        }
    }
    let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["metadata", "--locked", "--no-deps", "--format-version", "1"])
        .current_dir(copy.path())
        .output()
        .unwrap();
    let metadata: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let package = metadata["packages"]
        .as_array()
        .unwrap()
        .iter()
        .find(|package| package["name"] == "mock-llm")
        .unwrap();
    let targets = package["targets"].as_array().unwrap();
    assert!(
        targets.iter().any(|target| target["kind"] == json!(["bin"]) && target["name"] == "mock-llm"),
        "{targets:?}"
    );
}
