#!/usr/bin/env python3
"""Writes THIRD-PARTY-NOTICES: every crate that is linked into annex.so, its licence and the text of that licence.

    pgrx-config/notices.py            write the file
    pgrx-config/notices.py --check    exit 1 if the file is not what would be written, or a licence is not known here

Crates that only run in the compiler (procedural macros, build scripts) or in tests are not distributed, so not listed.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "THIRD-PARTY-NOTICES"
PLATFORMS = ("x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu")
# Terms under which a binary may be given away beside code under the PostgreSQL licence.
ACCEPTED = {
    "0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause", "BSL-1.0", "CC0-1.0",
    "ISC", "MIT", "MIT-0", "PostgreSQL", "Unicode-3.0", "Unicode-DFS-2016", "Unlicense", "Zlib",
}
TEXT_NAMES = re.compile(r"(licen[cs]e|copying|copyright|notice|unlicense)", re.IGNORECASE)
HEAD = """\
annex is distributed under the PostgreSQL licence, see LICENSE. Its library contains the crates below.
Written by pgrx-config/notices.py; do not edit.
"""


def is_accepted(expression):
    """Whether an SPDX expression can be met with accepted licences. Parentheses do not nest in practice, OR binds last."""
    if not expression:
        return False
    expression = expression.replace("/", " OR ")
    while match := re.search(r"\(([^()]*)\)", expression):
        inner = "MIT" if is_accepted(match.group(1)) else "unknown"
        expression = expression[:match.start()] + inner + expression[match.end():]
    return any(
        all(term.strip() in ACCEPTED for term in alternative.split(" AND "))
        for alternative in expression.split(" OR ")
    )


def linked_packages():
    """Packages reached from annex by normal dependencies, ordered by name and version."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    for platform in PLATFORMS:
        command += ["--filter-platform", platform]
    metadata = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = metadata["resolve"]["root"]
    seen, waiting = set(), [root]
    while waiting:
        node = nodes[waiting.pop()]
        for dependency in node["deps"]:
            identity = dependency["pkg"]
            is_normal = any(kind["kind"] is None for kind in dependency["dep_kinds"])
            is_macro = any("proc-macro" in target["kind"] for target in packages[identity]["targets"])
            if is_normal and not is_macro and identity not in seen:
                seen.add(identity)
                waiting.append(identity)
    return sorted((packages[identity] for identity in seen), key=lambda package: (package["name"], package["version"]))


def licence_texts(package):
    """The texts that a package carries about its terms."""
    folder = Path(package["manifest_path"]).parent
    files = sorted(path for path in folder.iterdir() if path.is_file() and TEXT_NAMES.match(path.name))
    named = package.get("license_file")
    if named and (folder / named).is_file() and folder / named not in files:
        files.append(folder / named)
    texts = []
    for path in files:
        if path.suffix in (".rs", ".py", ".sh"):
            continue
        text = path.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").replace("\f", "")
        texts.append("\n".join(line.rstrip() for line in text.strip().split("\n")))
    return texts


def notices():
    """The text of the file, and what is wrong with the dependencies."""
    problems, listing, texts = [], [], {}
    for package in linked_packages():
        title = f"{package['name']} {package['version']}"
        if not is_accepted(package["license"]):
            problems.append(f"{title}: licence {package['license']!r} is not in the list of accepted ones")
        numbers = []
        for text in licence_texts(package):
            digest = hashlib.sha256(" ".join(text.split()).encode()).digest()
            number, _ = texts.setdefault(digest, (len(texts) + 1, text))
            numbers.append(number)
        holders = ", ".join(re.sub(r" *<[^>]*>|@.*", "", author) for author in package["authors"])
        listing.append(f"{title}\n    {package['license']}")
        if package["repository"]:
            listing.append(f"    {package['repository']}")
        if holders:
            listing.append(f"    authors: {holders}")
        if numbers:
            listing.append("    text " + ", ".join(map(str, sorted(set(numbers)))))
        else:
            listing.append("    the package carries no text: the licence named above applies, copyright by its authors")
    parts = [HEAD, "\n".join(listing)]
    for number, text in texts.values():
        parts.append(f"{'=' * 20} text {number} {'=' * 20}\n\n{text}")
    return "\n\n".join(parts) + "\n", problems


def main():
    text, problems = notices()
    for problem in problems:
        print(problem, file=sys.stderr)
    if sys.argv[1:] == ["--check"]:
        if not FILE.exists() or FILE.read_text(encoding="utf-8") != text:
            problems.append("stale")
            print("THIRD-PARTY-NOTICES is not up to date: run pgrx-config/notices.py and commit it", file=sys.stderr)
    else:
        FILE.write_text(text, encoding="utf-8")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
