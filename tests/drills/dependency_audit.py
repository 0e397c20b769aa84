"""Audit of the locked packages: known vulnerabilities and licences. Exits 1 on a finding.

The vulnerabilities come from an advisory service; when it cannot be reached that is said, and is no finding.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

LOCK = Path(__file__).resolve().parents[2] / "constraints.txt"
AUDIT_SECONDS = 600
ABSENT = "not installed on this machine"
ALLOWED = frozenset(
    {
        "0BSD", "Apache Software License", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD License",
        "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT License", "MIT-0", "MPL-2.0",
        "Mozilla Public License 2.0 MPL 2.0", "PSF-2.0", "Python Software Foundation License", "Unlicense", "Zlib",
    }
)  # fmt: skip
"""What a service under Apache-2.0 may be built on without owing its own source."""


def ask_advisories(lock: Path) -> tuple[list[dict[str, Any]] | None, str]:
    """What pip-audit knows of each package of the lock, or None and the reason why it could not ask."""
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    command += ["--format", "json", "--requirement", str(lock)]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=AUDIT_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return None, f"no answer within {AUDIT_SECONDS} s"
    try:
        packages: list[dict[str, Any]] = json.loads(answer.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        return None, (answer.stderr.strip().splitlines() or ["no reason given"])[-1]
    return packages, ""


def report_vulnerabilities(lock: Path) -> int:
    """Print what is known; gives back the number of findings."""
    packages, reason = ask_advisories(lock)
    if packages is None:
        print(f"vulnerabilities: NOT CHECKED, the advisory service could not be asked: {reason}")
        return 0
    findings = [(package, finding) for package in packages for finding in package.get("vulns", [])]
    for package, finding in findings:
        mended = ", ".join(finding["fix_versions"]) or "no release"
        print(f"vulnerable: {package['name']} {package['version']}: {finding['id']}, mended in {mended}")
    skipped = [package["name"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        print("vulnerabilities: NOT CHECKED, the advisory service knows none of the packages (a mirror?)")
        return 0
    if skipped:
        print(f"vulnerabilities: unknown to the advisory service: {', '.join(skipped)}")
    print(f"vulnerabilities: {len(packages) - len(skipped)} packages checked, {len(findings)} findings")
    return len(findings)


def licence(package: Distribution) -> str:
    """The licence as the package states it: its expression, else its classifiers, else its first line."""
    stated = package.metadata.json
    if expression := stated.get("license_expression"):
        return str(expression)
    classifiers = [entry for entry in stated.get("classifier", []) if entry.startswith("License ::")]
    named = [entry.rpartition(" :: ")[2] for entry in classifiers if not entry.endswith("OSI Approved")]
    return ", ".join(named) or (str(stated.get("license", "")).splitlines() or ["not stated"])[0]


def refused_parts(stated: str) -> list[str]:
    """Those parts of a licence, as a package states it, that this project does not build on."""
    parts = re.split(r" AND | OR |, |;", stated.replace("(", "").replace(")", ""))
    return [part.strip() for part in parts if part.strip() not in ALLOWED]


def report_licences(lock: Path) -> int:
    """Print the packages under each licence; gives back how many licences are refused."""
    holders = defaultdict(list)
    for line in lock.read_text(encoding="utf-8").splitlines():
        name, pinned, _version = line.partition("==")
        if pinned:
            try:
                holders[licence(distribution(name))].append(name)
            except PackageNotFoundError:
                holders[ABSENT].append(name)
    refused = 0
    for name, packages in sorted(holders.items(), key=lambda entry: (-len(entry[1]), entry[0])):
        wrong = refused_parts(name) if name != ABSENT else []
        refused += bool(wrong)
        print(f"licence{' REFUSED' if wrong else ''}: {name} ({len(packages)}): {', '.join(packages)}")
    return refused


def main() -> int:
    lock = Path(sys.argv[1]) if len(sys.argv) > 1 else LOCK
    findings = report_licences(lock) + report_vulnerabilities(lock)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
