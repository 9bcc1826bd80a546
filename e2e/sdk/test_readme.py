"""The README's quick start, as it stands there: its commands and its program run against the gateway, and say hello."""

import os
import pathlib
import re
import subprocess
import sys

README = pathlib.Path(__file__).parents[2] / "README.md"
# Where the README's gateway listens.
THERE = "http://localhost:10000"


def blocks(language):
    """The README's code blocks in that language, in their order."""
    return re.findall(rf"^```{language}\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)


def run(command, **environment):
    """What a command prints; it must succeed."""
    done = subprocess.run(
        command, capture_output=True, encoding="utf-8", timeout=60, env={**os.environ, **environment}, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_two_commands_are_there():
    shell = blocks("sh")
    assert shell[0].strip() == "make run"
    assert "make test" in [block.strip() for block in shell]


def test_the_curl_command_is_answered(gateway):
    (curl,) = [block for block in blocks("sh") if block.startswith("curl ")]
    assert THERE in curl
    printed = run(["sh", "-c", curl.replace(THERE, gateway.root)])
    assert '"object": "chat.completion"' in printed or '"object":"chat.completion"' in printed, printed
    assert gateway.asked() == (1, 0)


def test_the_program_is_answered_twice(gateway):
    (program,) = blocks("python")
    assert THERE in program
    assert len(program.splitlines()) <= 20
    printed = run([sys.executable, "-c", program.replace(THERE, gateway.root)])
    assert printed.startswith("gpt-4 "), printed
    first, _, streamed = printed.partition("\n")
    assert first.removeprefix("gpt-4 ").strip() and streamed.strip(), printed
    assert gateway.asked() == (2, 0)
