"""What a reader needs to judge a number: machine, versions, settings, commit."""

import os
import re
import subprocess
from pathlib import Path

from server.side import Side

CHECKOUT = Path(__file__).resolve().parents[3]
SETTINGS = (
    "shared_buffers", "work_mem", "jit", "autovacuum", "fsync", "max_parallel_maintenance_workers",
    "plan_cache_mode",
)


def describe(sides: list[Side], options: str) -> dict[str, str]:
    """Facts by name, in the order to print them."""
    facts = {
        "command": f"tests/bench/run {options}".strip(),
        "commit": git("rev-parse", "--short=12", "HEAD") + local_changes(),
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "last_level_cache": last_level_cache(),
        "memory": first_match("/proc/meminfo", r"MemTotal:\s+(.*)"),
        "huge_pages": huge_pages(),
        "load_at_start": " ".join(f"{load:.2f}" for load in os.getloadavg()),
        "rustc": output("rustc", "--version"),
        "server": sides[0].value("SELECT version()"),
    }
    for side in sides:
        facts[f"side {side.name}"] = side.version
    for name in SETTINGS:
        facts[name] = sides[0].value(f"SHOW {name}")
    return facts


def huge_pages() -> str:
    """How many of the system's huge pages are taken: by this server, as no other one uses them here."""
    reserved, free, promised = (
        int(first_match("/proc/meminfo", rf"HugePages_{what}:\s+(\d+)").replace("unknown", "0")) for what in ("Total", "Free", "Rsvd")
    )
    return f"{reserved - free + promised} in use" if reserved else "none"


def local_changes() -> str:
    return " with local changes" if git("status", "--porcelain", "--untracked-files=no") else ""


def cpu_model() -> str:
    return first_match("/proc/cpuinfo", r"model name\s*:\s*(.*)")


def last_level_cache() -> str:
    sizes = sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size"))
    return sizes[-1].read_text().strip() if sizes else "unknown"


def first_match(path: str, pattern: str) -> str:
    match = re.search(pattern, Path(path).read_text()) if Path(path).exists() else None
    return match.group(1).strip() if match else "unknown"


def git(*arguments: str) -> str:
    # As root git refuses a checkout that another user owns unless told that it is meant.
    return output("git", "-c", f"safe.directory={CHECKOUT}", "-C", str(CHECKOUT), *arguments)


def output(*command: str) -> str:
    """What a command prints, or "unknown": a missing tool must not lose the measurement."""
    try:
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
