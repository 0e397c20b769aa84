"""What the servers see of the environment: nothing of the person who happens to start them."""

import os

KEPT = ("LD_LIBRARY_PATH", "TMPDIR")


def server_environment() -> dict[str, str]:
    """A whole environment without PGDATA, PGOPTIONS, locale and the like."""
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C", **{name: os.environ[name] for name in KEPT if name in os.environ}}
