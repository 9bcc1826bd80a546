"""An Envoy with a configuration that `ai-filters` rendered, and virtual keys that it signed: what a deployment is made of, in one process."""

import contextlib
import json
import os
import pathlib
import random
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

# Only a gateway that hangs gets there: the start compiles both filters, on a machine that may be busy.
STARTS_WITHIN_SECONDS = 120
STOPS_WITHIN_SECONDS = 10


class RenderedRun:
    """A gateway in front of one OpenAI-compatible server without TLS, with these budgets for whoever has a virtual key."""

    def __init__(self, provider, budgets):
        self._scratch = tempfile.TemporaryDirectory()
        folder = pathlib.Path(self._scratch.name)
        self._signing_key = folder / "signing-key.json"
        public = json.loads(_ai_filters("keys", "generate", "--private-key", str(self._signing_key)))
        identity = {"virtual_keys": {"public_keys": [public]}}
        for name, section in (("identity", identity), ("budgets", budgets)):
            (folder / f"{name}.json").write_text(json.dumps(section), encoding="utf-8")
        port, admin_port = _free_port(), _free_port()
        wasm = pathlib.Path(os.environ["WASM"])
        bootstrap = _ai_filters(
            *("render", "llm-router", "--listen", f"127.0.0.1:{port}", "--admin-port", str(admin_port)),
            *("--provider", f"name=openai,api=openai,url={provider}/v1,model=gpt-4"),
            *("--identity", str(folder / "identity.json"), "--budgets", str(folder / "budgets.json")),
            *("--gateway-module", str(wasm / "ai_gateway.wasm"), "--provider-module", str(wasm / "ai_provider.wasm")),
        )
        (folder / "envoy.yaml").write_text(bootstrap, encoding="utf-8")
        self.root = f"http://127.0.0.1:{port}"
        self._log = open(folder / "envoy.log", "w+", encoding="utf-8", errors="replace")
        self._process = subprocess.Popen(
            [os.environ["ENVOY"], "-c", str(folder / "envoy.yaml"), "--concurrency", "2", "--disable-hot-restart"],
            env={},
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
        )
        try:
            self._wait_until_ready(f"http://127.0.0.1:{admin_port}/ready")
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        """The base URL that OpenAI's SDK wants; Anthropic's wants `root`."""
        return f"{self.root}/v1"

    def mint(self, user, *options):
        """A virtual key of that user's."""
        return _ai_filters("keys", "mint", "--signing-key", str(self._signing_key), "--user", user, *options).strip()

    def stop(self):
        """Ends Envoy."""
        self._process.terminate()
        try:
            self._process.wait(timeout=STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        self._scratch.cleanup()

    def _wait_until_ready(self, url):
        deadline = time.monotonic() + STARTS_WITHIN_SECONDS
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(url, timeout=10) as response:
                    if response.status == 200:
                        return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        self._log.seek(0)
        raise RuntimeError(f"Envoy did not start:\n{self._log.read()}")


def _ai_filters(*arguments):
    done = subprocess.run([os.environ["AI_FILTERS"], *arguments], capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _free_port():
    """Below what the system gives to whoever binds port 0 or connects, so that nothing takes it before Envoy does."""
    while True:
        port = random.randrange(20_000, 32_000)
        with socket.socket() as listener, contextlib.suppress(OSError):
            listener.bind(("127.0.0.1", port))
            return port
