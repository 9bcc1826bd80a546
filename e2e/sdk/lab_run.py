"""`lab run` as a user starts it, from its ready line to SIGTERM, and the control of its scripted providers."""

import json
import os
import re
import subprocess
import tempfile
import threading
import urllib.request

# What a person may have in the environment beyond this, keys and proxies above all, must not decide what is tested.
KEPT = ("PATH", "HOME", "TMPDIR", "ENVOY", "CARGO_TARGET_DIR")
READY = re.compile(r"^ready: (http://\S+)/v1$")
CONTROL = re.compile(r"curl -X POST (http://[^/\s]+)/")
# Only a gateway that hangs gets there. The first start compiles both filters, on a machine that may be busy.
STARTS_WITHIN_SECONDS = 120
STOPS_WITHIN_SECONDS = 30


class LabRun:
    """A running gateway. `settings` are the variables that `make run` reads; without a key the providers are scripted."""

    def __init__(self, **settings):
        self.root = None
        self._control = None
        self._log = tempfile.TemporaryFile(mode="w+", encoding="utf-8")
        environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        # Port 0 is any free one; which, the ready line says.
        environment.update({"PORT": "0", "ADMIN_PORT": "0", **settings})
        self._process = subprocess.Popen(
            [os.environ["LAB"], "run"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            encoding="utf-8",
        )
        try:
            self._wait_until_ready(scripted="OPENAI_API_KEY" not in settings)
        except BaseException:
            self._end()
            raise

    @property
    def url(self):
        """The base URL that OpenAI's SDK wants; Anthropic's wants `root`."""
        return f"{self.root}/v1"

    def control(self, order):
        """Steers the scripted providers: `openai/down`, `anthropic/up`, `clear`."""
        with urllib.request.urlopen(urllib.request.Request(f"{self._control}/{order}", method="POST"), timeout=10) as response:
            assert response.status == 200

    def seen(self):
        """The requests that each scripted provider saw since `clear`, by its name. What leaked to one fails at once."""
        with urllib.request.urlopen(f"{self._control}/requests", timeout=10) as response:
            seen = json.load(response)
        assert {name: provider["leaks"] for name, provider in seen.items()} == {"openai": [], "anthropic": []}
        return {name: provider["requests"] for name, provider in seen.items()}

    def asked(self):
        """How many requests each scripted provider saw: (OpenAI, Anthropic)."""
        seen = self.seen()
        return len(seen["openai"]), len(seen["anthropic"])

    def stop(self):
        """SIGTERM ends everything that was started, and that is success."""
        status = self._end()
        assert status == 0, f"the gateway ended with status {status}:\n{self._words()}"
        self._log.close()

    def _wait_until_ready(self, scripted):
        watchdog = threading.Timer(STARTS_WITHIN_SECONDS, self._process.kill)
        watchdog.start()
        try:
            for line in self._process.stdout:
                ready, control = READY.search(line), CONTROL.search(line)
                self.root = ready[1] if ready else self.root
                self._control = control[1] if control else self._control
                if self.root and (self._control or not scripted):
                    return
        finally:
            watchdog.cancel()
        raise RuntimeError(f"the gateway did not start:\n{self._words()}")

    def _end(self):
        self._process.terminate()
        try:
            return self._process.wait(timeout=STOPS_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process.stdout.close()

    def _words(self):
        self._log.seek(0)
        return self._log.read()
