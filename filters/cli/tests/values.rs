//! Which texts are values, and which are not.

use ai_filters::render::{
    Alias, BaseUrl, BodyLimit, EnvName, FilePath, Limit, ModelName, ProviderName, Scheme,
};

#[test]
fn limits() {
    for (text, millis) in [("500ms", 500), ("4s", 4_000), ("2m", 120_000), ("24h", 86_400_000)] {
        assert_eq!(text.parse::<Limit>().unwrap().duration().as_millis(), millis, "{text}");
    }
    for text in [
        "",
        "s",
        "4",
        "4 s",
        "-4s",
        "+4s",
        "4.5s",
        "0s",
        "25h",
        "4S",
        "4d",
        "99999999999999999999s",
        "18446744073709551615h",
        "٤s",
    ] {
        assert!(text.parse::<Limit>().is_err(), "{text}");
    }
}

#[test]
fn base_urls() {
    let cases = [
        ("https://api.openai.com/v1", Scheme::Https, "api.openai.com", 443, "/v1", "api.openai.com"),
        ("https://api.anthropic.com", Scheme::Https, "api.anthropic.com", 443, "", "api.anthropic.com"),
        ("https://API.Anthropic.com/", Scheme::Https, "api.anthropic.com", 443, "", "api.anthropic.com"),
        ("http://localhost:8080/a/b/", Scheme::Http, "localhost", 8080, "/a/b", "localhost:8080"),
        ("http://127.0.0.1", Scheme::Http, "127.0.0.1", 80, "", "127.0.0.1"),
        ("http://h:443", Scheme::Http, "h", 443, "", "h:443"),
        ("https://[::1]:8443/v1", Scheme::Https, "::1", 8443, "/v1", "[::1]:8443"),
        ("https://[::1]", Scheme::Https, "::1", 443, "", "[::1]"),
    ];
    for (text, scheme, host, port, path, authority) in cases {
        let url: BaseUrl = text.parse().unwrap_or_else(|problem| panic!("{text}: {problem}"));
        assert_eq!(
            (url.scheme(), url.host(), url.port(), url.path(), url.authority().as_str()),
            (scheme, host, port, path, authority)
        );
        assert_eq!(url.to_string().parse::<BaseUrl>().unwrap(), url);
    }
    for text in [
        "",
        "api.openai.com",
        "ftp://h",
        "https://",
        "https:///v1",
        "https://h:",
        "https://h:0",
        "https://h:65536",
        "https://h:+1",
        "https://u:p@h",
        "https://h/v1?key=1",
        "https://h/v1#f",
        "https://h?x",
        "https://h v",
        "https://h/a b",
        "https://h/a//b",
        "https://h/../x",
        "https://-h",
        "https://h..x",
        "https://[::1",
        "https://[h]",
        "https://::1",
        "https://[::1]x",
        "https://1.2.3",
        "https://999.1.1.1",
        "https://h\n",
        "https://h/\u{e9}",
        "https://é",
    ] {
        assert!(text.parse::<BaseUrl>().is_err(), "{text}");
    }
}

#[test]
fn names_and_paths() {
    for text in ["openai", "a-b_1", "1"] {
        assert_eq!(text.parse::<ProviderName>().unwrap().as_str(), text);
    }
    for text in ["", "OpenAI", "-a", "a b", "a,b", "a.b", "a\n", "é", &"a".repeat(129)] {
        assert!(text.parse::<ProviderName>().is_err(), "{text}");
    }
    for text in ["gpt-4", "meta-llama/Llama-3:free", "ft:gpt-4o:org::id", "a@b"] {
        assert_eq!(text.parse::<ModelName>().unwrap().as_str(), text);
    }
    for text in ["", "a b", "a,b", "gpt-*", "a\"", "é", "a\n"] {
        assert!(text.parse::<ModelName>().is_err(), "{text}");
    }
    for text in ["", "1A", "A-B", "sk-proj-abc", "A B", "A="] {
        assert!(text.parse::<EnvName>().is_err(), "{text}");
    }
    for text in ["", "a", "./a", "/", "/a/", "/a\nb"] {
        assert!(text.parse::<FilePath>().is_err(), "{text}");
    }
    for text in ["", "a", "=gpt-4", "a=", "a*b=gpt-4", "a=b*"] {
        assert!(text.parse::<Alias>().is_err(), "{text}");
    }
    for pattern in ["gpt-4*", "*"] {
        assert_eq!(format!("{pattern}=gpt-4").parse::<Alias>().unwrap().pattern, pattern);
    }
}

#[test]
fn body_limits() {
    assert_eq!("8388608".parse::<BodyLimit>().unwrap().envoy_bytes(), 16_777_216);
    for text in ["", "0", "1023", "134217729", "-1", "8M", "99999999999999999999"] {
        assert!(text.parse::<BodyLimit>().is_err(), "{text}");
    }
}
