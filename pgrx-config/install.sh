#!/usr/bin/env bash
# Builds the extension and installs it for the server of a pg_config. Then, in a database: CREATE EXTENSION annex;
#
#   install.sh PG_CONFIG
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[ $# = 1 ] || { sed -n '4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
pg_config=$1
tools=$checkout/pgrx-config
[ "$pg_config" != "$debian_pg_config" ] || "$tools/setup.sh" build
[ -x "$pg_config" ] || fail "no pg_config at $pg_config"
build=$("$tools/build.sh" "$pg_config")
bin=$("$pg_config" --bindir)
lib=$("$pg_config" --pkglibdir)
extension=$("$pg_config" --sharedir)/extension
if [ -w "$lib" ] && [ -w "$extension" ]; then
    "$tools/server.sh" add "$build" "$bin"
else
    line="$(printf '%q ' "$tools/server.sh" add "$build" "$bin")"
    if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
        note "running: sudo $line"
        sudo "$tools/server.sh" add "$build" "$bin"
    else
        note "built; please run as root:"
        note "    $line"
        exit 1
    fi
fi
printf 'installed for %s: CREATE EXTENSION annex;\n' "$("$pg_config" --version)"
