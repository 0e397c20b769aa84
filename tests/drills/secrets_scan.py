"""Looks for secrets in every file that git tracks (library detect-secrets). Exits 1 on one that is not known.

What is known guards nothing: secrets of tests and benchmarks, and words that only look like one.
`known_secrets.json` has their places and hashes; `detect-secrets audit` explains it, and `--update` writes it anew.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KNOWN = Path(__file__).with_name("known_secrets.json")
BIN = Path(sys.executable).parent
GENERATED = ("constraints.txt", "tests/node/", "tests/drills/known_secrets.json")
NOISY = ("Base64HighEntropyString", "HexHighEntropyString")
"""Plugins that take every digest and cursor for a secret."""


def tracked() -> list[str]:
    """The files that git tracks, generated ones aside."""
    listed = subprocess.run(("git", "ls-files", "-z"), cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in listed.stdout.split("\0") if name and not name.startswith(GENERATED)]


def unknown_secrets(names: list[str]) -> str:
    """What detect-secrets reports of files beyond what is known; empty for nothing."""
    command = [BIN / "detect-secrets-hook", "--baseline", KNOWN, *names]
    answer = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return answer.stdout + answer.stderr if answer.returncode else ""


def update() -> None:
    """Write `known_secrets.json` anew; look at what it adds before it is committed."""
    plugins = [part for name in NOISY for part in ("--disable-plugin", name)]
    command = [BIN / "detect-secrets", "scan", *plugins, *tracked()]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout)
    found.pop("generated_at", None)
    KNOWN.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def main() -> int:
    if "--update" in sys.argv:
        update()
    names = tracked()
    if found := unknown_secrets(names):
        print(found)
        return 1
    print(f"secrets: {len(names)} files checked, 0 findings")
    return 0


if __name__ == "__main__":
    sys.exit(main())
