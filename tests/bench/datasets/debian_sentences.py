"""Sentences of Debian's package descriptions, with the package's section, priority and size.

Apt keeps long descriptions in its Translation-en index, which many installations do not fetch; a private apt state folder
inside the cache holds it here, so the lists of the system are left alone and no root is needed.
Only the release itself is read: its descriptions stay the same between point releases, those of -security do not.
"""

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

MIN_CHARACTERS = 20
SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])")
LIST_ITEM = re.compile(r"^\s+(?:[*+o-]|\d+[.)])\s+(.*)$")
SIDE_ARCHIVES = ("-security", "-updates", "-backports")


@dataclass(frozen=True)
class Sentence:
    """One sentence and what a filter can ask of the first package that contains it."""

    text: str
    package: str
    section: str
    priority: str
    size_bytes: int


def read_sentences(apt_folder: Path) -> list[Sentence]:
    """All distinct sentences, in the order of package name and place in the description."""
    translations, packages = update_lists(apt_folder)
    facts = {}
    for path in packages:
        for fields in stanzas(path):
            facts.setdefault(fields["Package"], fields)
    descriptions = {}
    for path in translations:
        for fields in stanzas(path):
            descriptions.setdefault(fields["Package"], fields.get("Description-en", ""))
    seen = set()
    sentences = []
    for package in sorted(descriptions):
        fields = facts.get(package)
        if fields is None:
            continue
        for text in split_description(descriptions[package]):
            if text not in seen:
                seen.add(text)
                sentences.append(
                    Sentence(text, package, fields["Section"].rsplit("/", 1)[-1], fields["Priority"], int(fields["Size"]))
                )
    return sentences


def update_lists(folder: Path) -> tuple[list[Path], list[Path]]:
    """Fetches apt's indexes into `folder` unless they are there; returns (Translation-en files, Packages files)."""
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True, exist_ok=True)
    (folder / "cache" / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    if not list(lists.glob("*Translation-en*")):
        subprocess.run(
            ["apt-get", "update", "-qq", "-o", f"Dir::State::lists={lists}", "-o", f"Dir::Cache={folder / 'cache'}",
             "-o", "Acquire::Languages=en", "-o", "APT::Sandbox::User="],
            check=True,
        )
    main = [p for p in sorted(lists.iterdir()) if p.is_file() and not any(s in p.name for s in SIDE_ARCHIVES)]
    translations = [p for p in main if "Translation-en" in p.name]
    packages = [p for p in main if "_Packages" in p.name]
    if not translations or not packages:
        raise SystemExit(f"apt brought no Translation-en or no Packages index into {lists}")
    return translations, packages


def stanzas(path: Path):
    """The stanzas of an apt index as dictionaries; continuation lines keep their line breaks."""
    content = subprocess.run(["/usr/lib/apt/apt-helper", "cat-file", str(path)], check=True, capture_output=True).stdout
    for block in content.decode("utf-8", "replace").split("\n\n"):
        fields = {}
        name = None
        for line in block.split("\n"):
            if line.startswith(" ") and name:
                fields[name] += "\n" + line
            elif ":" in line:
                name, value = line.split(":", 1)
                fields[name] = value.strip()
        if "Package" in fields:
            yield fields


def split_description(description: str) -> list[str]:
    """The synopsis of a description, then the sentences and list items of the long text."""
    synopsis, *lines = description.split("\n")
    blocks = [synopsis]
    paragraph = []

    def end_paragraph():
        if paragraph:
            blocks.extend(SENTENCE_END.split(" ".join(paragraph)))
            paragraph.clear()

    for line in lines:
        item = LIST_ITEM.match(line)
        if line.strip() == ".":
            end_paragraph()
        elif item:
            end_paragraph()
            paragraph.append(item.group(1).strip())
        else:
            paragraph.append(line.strip())
    end_paragraph()
    texts = (" ".join(block.split()) for block in blocks)
    return [text for text in texts if len(text) >= MIN_CHARACTERS]
