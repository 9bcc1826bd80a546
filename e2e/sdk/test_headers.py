"""What a client's headers may not do: steer the gateway, name a provider's credentials, or reach a provider."""

import pytest

HELLO = [{"role": "user", "content": "Hello"}]
SPOOFED = "spoofed-by-the-client"
# Each would change what happens if it were believed.
STEERING = {
    "x-ai-model": "no-such-route",
    "x-ai-stream": "true",
    "x-ai-plan": "anthropic",
    "x-ai-provider": SPOOFED,
    "x-ai-attempts": "99",
    "x-ai-original-status": "418",
    "x-ai-context": SPOOFED,
    "x-envoy-max-retries": "0",
    "x-envoy-retry-on": SPOOFED,
    "x-envoy-attempt-count": "7",
    "x-envoy-upstream-rq-timeout-ms": "1",
    "x-envoy-upstream-rq-per-try-timeout-ms": "1",
    "x-envoy-original-path": "/v1/models",
}
FOREIGN = {
    "x-api-key": SPOOFED,
    "api-key": SPOOFED,
    "x-goog-api-key": SPOOFED,
    "anthropic-version": "2020-01-01",
    "anthropic-beta": SPOOFED,
    "openai-organization": SPOOFED,
    "openai-project": SPOOFED,
    "cookie": f"session={SPOOFED}",
    "x-forwarded-for": "203.0.113.7",
}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("order", "shown"),
    [("openai/slow?ms=50", ["openai", "gpt-4", "1"]), ("openai/down", ["anthropic", "claude-3-opus", "2"])],
)
def test_spoofed_headers_have_no_effect(gateway, client, order, shown, stream):
    # Slow enough for a time limit of a millisecond to be noticed.
    gateway.control(order)
    spoofing = client.with_options(default_headers={**STEERING, **FOREIGN})
    raw = spoofing.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO, stream=stream)
    assert raw.status_code == 200
    assert raw.headers["content-type"].startswith("text/event-stream" if stream else "application/json")
    assert [raw.headers[name] for name in ("x-ai-provider", "x-ai-model", "x-ai-attempts")] == shown
    assert raw.parse().response.is_success if stream else raw.parse().model == "gpt-4"

    seen = gateway.seen()
    assert len(seen[shown[0]]) == 1
    assert SPOOFED not in str(seen)
    for request in seen["openai"] + seen["anthropic"]:
        names = {name.lower() for name, _ in request["headers"]}
        assert not [name for name in names if name.startswith(("x-ai-", "x-envoy-", "x-forwarded-"))]
        assert not names & {"cookie", "api-key", "x-goog-api-key", "openai-organization", "openai-project"}
        assert "203.0.113.7" not in str(request["headers"])


def test_the_clients_key_reaches_no_provider(gateway, client, anthropic_client):
    gateway.control("openai/down")
    client.chat.completions.create(model="gpt-4", messages=HELLO)
    anthropic_client.messages.create(model="gpt-4", max_tokens=64, messages=HELLO)
    # Values of credentials are shown by their length, and each provider refuses every key but its own.
    for name, credential, key in (
        ("openai", "authorization", "Bearer sk-proj-mock-openai-key"),
        ("anthropic", "x-api-key", "sk-ant-api03-mock-anthropic-key"),
    ):
        requests = gateway.seen()[name]
        assert len(requests) == 2
        for request in requests:
            assert request["refused"] is None
            headers = {header.lower(): value for header, value in request["headers"]}
            assert headers[credential] == f"({len(key)} bytes)"
            assert len({"authorization", "x-api-key"} & set(headers)) == 1


def test_the_answer_says_nothing_of_the_account_behind_it(gateway, client):
    raw = client.chat.completions.with_raw_response.create(model="gpt-4", messages=HELLO)
    accounts = ("openai-", "anthropic-", "x-ratelimit-", "set-cookie", "x-envoy-")
    told = {name for name in raw.headers if name.startswith(accounts)}
    # What the user may spend at the gateway is theirs to know. The provider tells of requests, and that is of the account behind it.
    assert told == {f"x-ratelimit-{what}-tokens" for what in ("limit", "remaining", "reset")}
    assert raw.headers["x-ratelimit-limit-tokens"] == "10000"
