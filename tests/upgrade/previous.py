"""Makes up a previous version of the extension: the current one without `annex.overlap`, and the script that brings it back.

    previous.py FOLDER VERSION       the folder of the extension's scripts, and the current version

Writes annex--previous.sql and annex--previous--VERSION.sql.
"""

import re
import sys
from pathlib import Path

folder, version = Path(sys.argv[1]), sys.argv[2]
script = (folder / f"annex--{version}.sql").read_text(encoding="utf-8")
# The definition and its comment, which follow each other.
pattern = r"CREATE FUNCTION annex\.overlap\(.*?;\nCOMMENT ON FUNCTION annex\.overlap\(.*?;\n"
found = re.findall(pattern, script, re.DOTALL)
if len(found) != 1:
    sys.exit(f"annex--{version}.sql defines annex.overlap {len(found)} times")
(folder / "annex--previous.sql").write_text(script.replace(found[0], ""), encoding="utf-8")
(folder / f"annex--previous--{version}.sql").write_text(found[0], encoding="utf-8")
