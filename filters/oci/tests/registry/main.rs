//! Pushing to registries that do what real ones do: tokens, tokens that end, uploads elsewhere, lists of their own, and refusals.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so by panicking")]

mod server;

use std::path::PathBuf;

use oci::{Created, Credentials, Digest, Image, Labels, Layout, Module, Pushed, Reference, push};
use server::{Answer, Asked, Server};

/// A layout with one image and its bill; the image's digest.
fn layout(name: &str) -> (Layout, Digest) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let module = Module::new(b"\0asm\x01\0\0\0proxy_abi_version_0_2_1".to_vec()).unwrap();
    let labels = Labels {
        title: "a".to_owned(),
        description: "b".to_owned(),
        version: "1".to_owned(),
        revision: None,
        source: None,
        licenses: "MIT".to_owned(),
        created: Created::at(0).unwrap(),
    };
    let image = Image::artifact(&module, &labels).unwrap();
    let bill = image.bill_of_materials(b"{\"bomFormat\":\"CycloneDX\"}", labels.created).unwrap();
    let layout = Layout::at(directory);
    layout.write(&[("1".parse().unwrap(), &image)], &[&bill]).unwrap();
    (layout, image.descriptor().digest)
}

fn password() -> Option<Credentials> {
    Some(Credentials::Password { username: "me".to_owned(), password: "canary".to_owned() })
}

fn pushed(server: &Server, name: &str, credentials: Option<Credentials>) -> Result<Vec<Pushed>, String> {
    let (layout, _) = layout(name);
    let to: Reference = format!("127.0.0.1:{}/ai/a", server.port).parse().unwrap();
    push(&layout, &to, credentials).map_err(|error| {
        let said = format!("{error} {error:?}");
        assert!(!said.contains("canary") && !said.contains("t-1"), "{said}");
        error.to_string()
    })
}

fn challenge(port: u16) -> Answer {
    let challenge = format!(
        r#"Bearer realm="http://127.0.0.1:{port}/token?a=b",service="a registry",scope="repository:ai/a:pull""#
    );
    (401, vec![("www-authenticate", challenge)], String::new())
}

/// A registry that takes everything once the right token is with it, and lists what refers to an image by itself.
fn taking(port: u16, asked: &Asked) -> Answer {
    match asked.method.as_str() {
        "HEAD" => (404, Vec::new(), String::new()),
        "POST" => (202, vec![("location", format!("/uploads/1?port={port}"))], String::new()),
        _ => (201, vec![("OCI-Subject", "sha256:…".replace('…', "0"))], String::new()),
    }
}

#[test]
fn a_token_is_asked_for_and_asked_for_again_when_it_ends() {
    let (mut tokens, mut uses) = (0, 0);
    let server = Server::start(move |port, asked| {
        if asked.path.starts_with("/token") {
            tokens += 1;
            uses = 0;
            return (200, Vec::new(), format!(r#"{{"access_token": "t-{tokens}", "expires_in": 1}}"#));
        }
        uses += 1;
        let bearer = format!("Bearer t-{tokens}");
        if tokens == 0 || uses > 4 || asked.header("authorization") != Some(&bearer) {
            return challenge(port);
        }
        taking(port, asked)
    });
    let pushed = pushed(&server, "token", password()).unwrap();
    assert_eq!(pushed.len(), 2);
    assert_eq!(pushed[0].name, format!("127.0.0.1:{}/ai/a:1", server.port));
    let tokens: Vec<Asked> =
        server.asked().into_iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert!(tokens.len() > 1, "{}", tokens.len());
    for token in &tokens {
        assert_eq!(token.path, "/token?a=b&scope=repository%3Aai%2Fa%3Apull%2Cpush&service=a%20registry");
        // `me:canary`
        assert_eq!(token.header("authorization"), Some("Basic bWU6Y2FuYXJ5"));
    }
    let lines = server.lines();
    assert_eq!(lines.iter().filter(|line| *line == "PUT /v2/ai/a/manifests/1").count(), 1, "{lines:?}");
    let listed = lines.iter().any(|line| line.contains("manifests/sha256-"));
    assert!(!listed, "this registry lists what refers to an image by itself: {lines:?}");
}

#[test]
fn an_identity_token_is_exchanged_in_a_form() {
    let server = Server::start(|port, asked| {
        if asked.path.starts_with("/token") {
            return (200, Vec::new(), r#"{"token": "t-1"}"#.to_owned());
        }
        if asked.header("authorization") == Some("Bearer t-1") {
            taking(port, asked)
        } else {
            challenge(port)
        }
    });
    pushed(&server, "identity", Some(Credentials::IdentityToken("a canary/token".to_owned()))).unwrap();
    let tokens: Vec<Asked> =
        server.asked().into_iter().filter(|asked| asked.path.starts_with("/token")).collect();
    assert_eq!(tokens.len(), 1, "what was given out once is used for all");
    assert_eq!((tokens[0].method.as_str(), tokens[0].path.as_str()), ("POST", "/token?a=b"));
    assert_eq!(tokens[0].header("authorization"), None);
    assert_eq!(
        String::from_utf8_lossy(&tokens[0].body),
        "scope=repository%3Aai%2Fa%3Apull%2Cpush&service=a%20registry&grant_type=refresh_token&client_id=ai-filters\
         &refresh_token=a%20canary%2Ftoken"
    );
}

#[test]
fn an_upload_that_goes_on_elsewhere_takes_no_credentials_there() {
    let elsewhere = Server::start(|_, _| (201, Vec::new(), String::new()));
    let port = elsewhere.port;
    let server = Server::start(move |own, asked| {
        if asked.header("authorization") != Some("Basic bWU6Y2FuYXJ5") {
            return (401, vec![("www-authenticate", "Basic realm=\"a\"".to_owned())], String::new());
        }
        match asked.method.as_str() {
            "POST" => (202, vec![("location", format!("http://localhost:{port}/up?at=1"))], String::new()),
            _ => taking(own, asked),
        }
    });
    let (_, image) = layout("elsewhere");
    let pushed = pushed(&server, "elsewhere", password()).unwrap();
    assert_eq!(pushed[0].digest, image);
    let uploads = elsewhere.asked();
    assert_eq!(uploads.len(), 4, "a configuration and a module, an empty configuration and a bill");
    for upload in uploads {
        assert_eq!(upload.method, "PUT");
        assert_eq!(upload.path, format!("/up?at=1&digest={}", Digest::of(&upload.body)));
        assert_eq!(upload.header("authorization"), None);
    }
}

#[test]
fn what_is_there_is_not_sent_again_and_what_refers_is_added_to_the_list() {
    let known = r#"{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [
        {"mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7, "artifactType": "a/signature",
         "digest": "sha256:0000000000000000000000000000000000000000000000000000000000000000"}]}"#;
    let server = Server::start(move |_, asked| match asked.method.as_str() {
        "HEAD" => (200, Vec::new(), String::new()),
        "GET" => (200, Vec::new(), known.to_owned()),
        _ => (201, Vec::new(), String::new()),
    });
    let pushed = pushed(&server, "there", None).unwrap();
    let (image, bill) = (pushed[0].digest.hex(), &pushed[1].digest);
    let lines = server.lines();
    assert!(!lines.iter().any(|line| line.starts_with("POST")), "{lines:?}");
    let list = server.asked().pop().unwrap();
    assert_eq!(
        (list.method.as_str(), list.path.clone()),
        ("PUT", format!("/v2/ai/a/manifests/sha256-{image}"))
    );
    assert_eq!(list.header("content-type"), Some("application/vnd.oci.image.index.v1+json"));
    let list: serde_json::Value = serde_json::from_slice(&list.body).unwrap();
    let listed: Vec<_> =
        list["manifests"].as_array().unwrap().iter().map(|one| one["artifactType"].as_str()).collect();
    assert_eq!(listed, [Some("a/signature"), Some("application/vnd.cyclonedx+json")]);
    assert_eq!(list["manifests"][1]["digest"], bill.to_string());
}

#[test]
fn refusals_say_what_the_registry_says() {
    let denied = r#"{"errors": [{"code": "DENIED", "message": "not\n yours"}, {"code": "UNKNOWN"}]}"#;
    let refusing = |status| Server::start(move |_, _| (status, Vec::new(), denied.to_owned()));
    let server = refusing(403);
    // A refusal of HEAD has no body to say anything.
    let said = pushed(&server, "denied", None).unwrap_err();
    assert!(said.ends_with(": 403: DENIED: not yours; UNKNOWN"), "{said}");

    let server = Server::start(move |port, asked| {
        if asked.path.starts_with("/token") { (401, Vec::new(), denied.to_owned()) } else { challenge(port) }
    });
    let said = pushed(&server, "token-denied", password()).unwrap_err();
    let service =
        format!("http://127.0.0.1:{}/token?a=b: not allowed: DENIED: not yours; UNKNOWN\n", server.port);
    assert!(said.starts_with(&service), "{said}");

    let server = Server::start(|port, asked| {
        if asked.path.starts_with("/token") { (200, Vec::new(), "{}".to_owned()) } else { challenge(port) }
    });
    let said = pushed(&server, "no-token", password()).unwrap_err();
    assert!(said.ends_with("/token?a=b: the answer has no token"), "{said}");

    let server = Server::start(|_, _| {
        (
            401,
            vec![("www-authenticate", "Bearer realm=\"http://example.com/token\"".to_owned())],
            String::new(),
        )
    });
    let said = pushed(&server, "insecure", password()).unwrap_err();
    assert_eq!(
        said,
        "http://example.com/token: the token service is spoken to without TLS: no credentials go there"
    );

    let server = Server::start(|port, asked| match asked.path.as_str() {
        "/v2/ai/a/manifests/1" => {
            (201, vec![("docker-content-digest", "sha256:other".to_owned())], String::new())
        }
        _ => taking(port, asked),
    });
    let said = pushed(&server, "other-digest", None).unwrap_err();
    assert!(said.ends_with("/v2/ai/a/manifests/1: the registry has stored another digest"), "{said}");
}
