#!/usr/bin/env bash
# A private copy of a PostgreSQL installation, and the extension inside it.
#
#   server.sh copy PG_CONFIG DIR     copy programs, libraries and shared files below DIR; prints the folder of the programs
#   server.sh add BUILD BINDIR       put a build (see build.sh) into the installation that owns BINDIR
#
# PostgreSQL finds its files relative to its programs, so a copy is complete by itself. Tests and demo install annex into
# such a copy: the system's installation stays clean, no right on it is needed, and two checkouts do not meet.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

usage() { sed -n '4,5s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# Longest folder that holds all arguments.
common_folder() {
    local folder=$1 path
    for path in "$@"; do
        while [ "${path#"$folder"/}" = "$path" ]; do folder=$(dirname "$folder"); done
    done
    printf '%s' "$folder"
}

copy() {
    local pg_config=$1 dir=$2 bin share lib prefix path
    bin=$("$pg_config" --bindir)
    share=$("$pg_config" --sharedir)
    lib=$("$pg_config" --pkglibdir)
    prefix=$(common_folder "$bin" "$share" "$lib")
    # The programs of the wheel look for their libraries at ../../../*.libs: two levels below DIR, as they lie in the wheel.
    local target=$dir/server/root
    rm -rf "$dir/server"
    for path in "$bin" "$share" "$lib"; do
        mkdir -p "$target/$(dirname "${path#"$prefix"/}")"
        # -L: a link into the original would lead out of the copy.
        cp -rpL "$path" "$target/$(dirname "${path#"$prefix"/}")/"
    done
    rm -rf "$target/${lib#"$prefix"/}/bitcode"
    for path in "$prefix"/../../*.libs; do
        if [ -d "$path" ]; then
            cp -rp "$path" "$dir/"
            chmod -R u+w,go+rX "$dir/$(basename "$path")"
        fi
    done
    # Only what was copied: DIR may hold a cluster too, whose files must stay closed.
    chmod go+rx "$dir"
    chmod -R u+w,go+rX "$dir/server"
    printf '%s\n' "$target/${bin#"$prefix"/}"
}

add() {
    local build=$1 bin=$2 lib share
    lib=$("$bin/pg_config" --pkglibdir)
    share=$("$bin/pg_config" --sharedir)
    install -m 755 "$build"/lib/*.so "$lib/"
    install -m 644 "$build"/extension/* "$share/extension/"
}

[ $# = 3 ] || usage
case $1 in
copy | add) "$@" ;;
*) usage ;;
esac
