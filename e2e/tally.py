"""Runs the parts of `make test`, passes their output on as it comes, and adds up what their test runners say at the end.

Every part runs, also after one that failed. A part that ends badly counts as a failure even where no test of it does (it did not build,
say), and so does one that ran no test and named no reason: a suite that silently runs nothing must not look like one that passed.
"""

import os
import re
import shlex
import subprocess
import sys

# `cargo test`, libtest-mimic and wasm-bindgen-test close every test binary with this line.
CARGO = re.compile(r"^test result: \w+\. (\d+) passed; (\d+) failed;")
# pytest's last line: `=== 3 passed, 1 skipped in 0.12s ===`, in quiet mode without the frame.
PYTEST = re.compile(r"^=*\s*((?:\d+ \w+, )*\d+ \w+) in [\d.]+s")
ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
SKIPPED = "SKIPPED: "


class Tally:
    """What was counted so far."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = []

    def read(self, line):
        """Counts what one line of output says."""
        line = ESCAPES.sub("", line).strip()
        if match := CARGO.match(line):
            self.passed += int(match[1])
            self.failed += int(match[2])
        elif match := PYTEST.match(line):
            counts = {word: int(number) for number, word in (part.split() for part in match[1].split(", "))}
            self.passed += counts.get("passed", 0)
            self.failed += counts.get("failed", 0) + counts.get("error", 0) + counts.get("errors", 0)
            if skipped := counts.get("skipped", 0):
                self.skipped.append(f"{skipped} of the Python tests")
        elif line.startswith(SKIPPED):
            self.skipped.append(line[len(SKIPPED):])

    def close(self, part, status):
        """Turns what the part's end says into a failure where its tests say none. Returns the reason, if it failed."""
        if status != 0:
            self.failed = max(self.failed, 1)
            return f"{part} ended with status {status}"
        if self.failed:
            return f"{part} ended with status 0 although tests of it failed"
        if not self.passed and not self.skipped:
            self.failed = 1
            return f"{part} ran no test"
        return None


def run(make, part):
    """Runs one part and counts its output."""
    print(f"\n=== make {part}", flush=True)
    tally = Tally()
    process = subprocess.Popen([*make, part], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    for raw in process.stdout:
        line = raw.decode("utf-8", "replace")
        sys.stdout.write(line)
        sys.stdout.flush()
        tally.read(line)
    return tally, tally.close(part, process.wait())


def main(arguments):
    """Runs all parts and prints the sum. Returns the exit status."""
    make = ["make"]
    if arguments[:1] == ["--make"]:
        make, arguments = shlex.split(arguments[1]), arguments[2:]
    # `-j` and its job server are between make and its own recipes.
    os.environ.pop("MAKEFLAGS", None)
    os.environ.pop("MFLAGS", None)
    total, reasons = Tally(), []
    for part in arguments:
        tally, reason = run([*make, "--no-print-directory"], part)
        total.passed += tally.passed
        total.failed += tally.failed
        total.skipped += tally.skipped
        if reason:
            reasons.append(reason)
    print()
    for skipped in total.skipped:
        print(f"{SKIPPED}{skipped}")
    for reason in reasons:
        print(f"FAILED: {reason}")
    print(f"{total.passed} passed, {total.failed} failed", flush=True)
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
