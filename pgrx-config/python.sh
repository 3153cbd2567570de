#!/usr/bin/env bash
# Prints the Python of a virtual environment in the cache folder that has the packages named as arguments.
#
#   python.sh [--venv NAME] [REQUIREMENT...]      exact versions only: name==version
#
# Requirements that exclude each other need environments of different names; without a name it is `venv`.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

venv=$cache_dir/venv
if [ "${1:-}" = --venv ]; then
    venv=$cache_dir/venv-$2
    shift 2
fi
if [ ! -x "$venv/bin/python" ]; then
    mkdir -p "$cache_dir"
    python3 -m venv "$venv"
fi
for requirement in "$@"; do
    # One file for each requirement that is there: pip takes seconds to say the same.
    mark=$venv/$(printf '%s' "$requirement" | tr -c 'A-Za-z0-9.=_-' _).installed
    if [ ! -e "$mark" ]; then
        note "installing $requirement into $venv"
        "$venv/bin/python" -m pip install --quiet --disable-pip-version-check "$requirement" >&2
        touch "$mark"
    fi
done
printf '%s\n' "$venv/bin/python"
