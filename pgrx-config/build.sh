#!/usr/bin/env bash
# Builds the extension in release mode for the server of a pg_config.
#
#   build.sh PG_CONFIG [FEATURE...]
#
# Prints the folder of the result: lib/annex.so and extension/{annex.control, annex--VERSION.sql}. Installs nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[ $# -ge 1 ] || { sed -n '4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
pg_config=$1
shift
[ -x "$pg_config" ] || fail "no pg_config at $pg_config"
major=$(pg_major "$pg_config")
name=pg$major$(printf -- '-%s' "$@" | sed 's/-$//')
target=${CARGO_TARGET_DIR:-$checkout/target}
out=$target/annex/$name
rm -rf "$out"
mkdir -p "$out/tree" "$out/lib" "$out/extension"

cd "$checkout"
# cargo-pgrx looks up the headers by this variable, so no entry in the developer's list of servers is needed.
PGRX_PG_CONFIG_PATH=$pg_config cargo pgrx package --pg-config "$pg_config" --out-dir "$out/tree" \
    --no-default-features --features "pg$major $*" >&2
cp "$out/tree$("$pg_config" --pkglibdir)"/annex.so "$out/lib/"
cp "$out/tree$("$pg_config" --sharedir)"/extension/annex* "$out/extension/"
rm -rf "$out/tree"
printf '%s\n' "$out"
