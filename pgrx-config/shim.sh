#!/usr/bin/env bash
# Puts the extension `vector` that stands for annex into an installation, or takes it away.
#
#   shim.sh install|uninstall PG_CONFIG
#
# Files of the real pgvector are neither overwritten nor removed. May be run twice. The packages ship this script beside the shim's
# files, so it needs nothing else of the checkout, where they lie in sql/vector_shim.
set -euo pipefail

note() { printf '%s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

if [ $# != 2 ] || [[ ! $1 =~ ^(install|uninstall)$ ]]; then
    sed -n '4s/^# *//p' "${BASH_SOURCE[0]}" >&2
    exit 2
fi
action=$1
pg_config=$2
[ -x "$pg_config" ] || fail "no pg_config at $pg_config"
extension=$("$pg_config" --sharedir)/extension
lib=$("$pg_config" --pkglibdir)
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
if [ -e "$here/vector.control" ]; then shim=$here; else shim=$here/../sql/vector_shim; fi

# The first line of each file of the shim; of any version, so that an older shim can be replaced and removed.
is_ours() { head -n 1 "$1" | grep -Eq '^(#|--) annex: '; }

ours=()
foreign=()
for file in "$extension"/vector.control "$extension"/vector--*.sql "$lib"/vector.{so,dylib}; do
    if [ ! -e "$file" ]; then continue; fi
    case $file in
    *.so | *.dylib) foreign+=("$file") ;;
    *) if is_ours "$file"; then ours+=("$file"); else foreign+=("$file"); fi ;;
    esac
done

if [ $action = install ]; then
    if [ ${#foreign[@]} -gt 0 ]; then
        note "$(basename "$0"): pgvector is installed for $("$pg_config" --version): ${foreign[0]}"
        note "Its files are left as they are. To let annex answer in its place, dump the databases that use it, remove its package,"
        note "and run this again."
        exit 1
    fi
    [ -e "$extension/annex.control" ] || fail "annex is not installed for this server: $extension has no annex.control"
    commands=(install -m 644 "$shim/vector.control" "$shim"/vector--*.sql "$extension/")
    done_text="installed for $("$pg_config" --version): CREATE EXTENSION IF NOT EXISTS vector; succeeds in databases that have annex"
else
    if [ ${#ours[@]} = 0 ]; then
        note "$(basename "$0"): the shim is not installed for $("$pg_config" --version)"
        exit 0
    fi
    commands=(rm "${ours[@]}")
    done_text="removed for $("$pg_config" --version); databases keep the extension until DROP EXTENSION vector"
fi

if [ -w "$extension" ]; then
    "${commands[@]}"
elif command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
    note "running: sudo ${commands[*]}"
    sudo "${commands[@]}"
else
    note "please run as root:"
    note "    $(printf '%q ' "${commands[@]}")"
    exit 1
fi
printf '%s\n' "$done_text"
