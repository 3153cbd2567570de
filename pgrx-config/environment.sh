# Sourced, never run: the places, users and servers on which all scripts of this checkout agree.
# shellcheck shell=bash disable=SC2034

checkout=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
# shellcheck source=versions
. "$checkout/pgrx-config/versions"

# A developer's own server must never be reached by accident.
unset PGDATA PGHOST PGHOSTADDR PGPORT PGUSER PGDATABASE PGSERVICE PGOPTIONS PGPASSFILE PGSSLMODE PGCLIENTENCODING
# A server that inherits it adds a backtrace to the DETAIL of each error that passes through Rust.
unset RUST_BACKTRACE RUST_LIB_BACKTRACE
# A runner of jobs may start without one.
export HOME=${HOME:-$(getent passwd "$(id -u)" | cut -d: -f6)}
# Messages are compared and parsed.
export LC_ALL=C.UTF-8

# The Rust installer adds its folder to the PATH of login shells only.
if ! command -v cargo >/dev/null && [ -x "${CARGO_HOME:-$HOME/.cargo}/bin/cargo" ]; then
    PATH=${CARGO_HOME:-$HOME/.cargo}/bin:$PATH
fi

# Downloads and the Python environment.
cache_dir=${ANNEX_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/annex}

# PostgreSQL refuses root. As root the servers run as another user, who cannot enter root's home: their folders lie elsewhere.
if [ "$(id -u)" = 0 ]; then
    state_dir=${ANNEX_STATE:-/var/lib/annex}
    if id postgres >/dev/null 2>&1; then server_user=postgres; else server_user=nobody; fi
else
    state_dir=${ANNEX_STATE:-$cache_dir}
    server_user=$(id -un)
fi

# Runs a command as the user who owns the servers. The current folder may be closed to him, so all paths must be absolute.
as_server_user() {
    if [ "$(id -u)" = 0 ]; then
        (cd / && exec runuser -u "$server_user" -- "$@")
    else
        (cd / && exec "$@")
    fi
}

# The system's server tree is named directly: a pg_config in PATH may belong to another one.
debian_pg_config=/usr/lib/postgresql/$PG_DEFAULT/bin/pg_config

# Major version of the server a pg_config belongs to.
pg_major() {
    "$1" --version | sed -E 's/^PostgreSQL ([0-9]+).*/\1/'
}

note() { printf '%s\n' "$*" >&2; }
fail() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }
