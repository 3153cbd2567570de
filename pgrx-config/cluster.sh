#!/usr/bin/env bash
# A private PostgreSQL cluster: own folder, unprivileged user, Unix socket only, no TCP port.
#
#   cluster.sh new DIR --pg BINDIR --conf FILE    create it and start it
#   cluster.sh start DIR                          start it; nothing happens when it runs
#   cluster.sh stop DIR                           stop it; nothing happens when it does not run
#   cluster.sh drop DIR                           stop it and remove the folder
#   cluster.sh psql-line DIR [DATABASE]           print the command that connects to it
#   cluster.sh socket DIR                         print the folder of its socket
#
# It addresses a server by its data folder only, so it cannot reach another one.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

usage() { sed -n '4,9s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

[ $# -ge 2 ] || usage
command=$1
dir=$2
shift 2
case $dir in /*) ;; *) dir=$PWD/$dir ;; esac

# A socket's path may have 107 bytes: a deep folder gets its socket in /tmp.
socket_dir() {
    if [ ${#dir} -le 80 ]; then printf '%s/socket' "$dir"; else cat "$dir/socket_dir"; fi
}

# The programs the cluster was made with.
bin_dir() {
    cat "$dir/bin_dir" 2>/dev/null || fail "no cluster of annex in $dir"
}

is_running() {
    [ -d "$dir/data" ] && as_server_user "$(bin_dir)/pg_ctl" status -D "$dir/data" >/dev/null 2>&1
}

start() {
    local bin socket
    bin=$(bin_dir)
    if is_running; then return; fi
    if [ ${#dir} -gt 80 ]; then
        as_server_user mktemp -d /tmp/annex.XXXXXX | as_server_user tee "$dir/socket_dir" >/dev/null
    fi
    socket=$(socket_dir)
    as_server_user mkdir -p -m 700 "$socket"
    if ! as_server_user "$bin/pg_ctl" start -w -t 120 -D "$dir/data" -l "$dir/server.log" \
        -o "-c listen_addresses='' -c port=5432 -c unix_socket_directories='$socket'" >/dev/null; then
        tail -n 20 "$dir/server.log" >&2
        fail "the server in $dir did not start"
    fi
}

stop() {
    if is_running; then
        as_server_user "$(bin_dir)/pg_ctl" stop -w -t 120 -m fast -D "$dir/data" >/dev/null
    fi
    if [ -f "$dir/socket_dir" ]; then as_server_user rm -rf "$(cat "$dir/socket_dir")" "$dir/socket_dir"; fi
}

case $command in
new)
    bin=
    conf=
    while [ $# -gt 0 ]; do
        case $1 in
        --pg) bin=$2; shift 2 ;;
        --conf) conf=$2; shift 2 ;;
        *) usage ;;
        esac
    done
    [ -x "$bin/initdb" ] || fail "no initdb in $bin"
    [ -r "$conf" ] || fail "cannot read $conf"
    if [ -e "$dir/data" ]; then fail "$dir already holds a cluster"; fi
    mkdir -p "$dir"
    if [ "$(id -u)" = 0 ]; then chown "$server_user" "$dir"; fi
    # The socket's folder is closed to others, so trust lets in its owner and root only.
    as_server_user "$bin/initdb" -D "$dir/data" -U postgres -A trust -E UTF8 --locale=C --no-sync >"$dir/initdb.log" 2>&1 ||
        { cat "$dir/initdb.log" >&2; fail "initdb failed"; }
    as_server_user tee -a "$dir/data/postgresql.conf" <"$conf" >/dev/null
    printf '%s\n' "$bin" >"$dir/bin_dir"
    start
    ;;
start) start ;;
stop) stop ;;
drop)
    [ -e "$dir" ] || exit 0
    stop
    rm -rf "$dir/data" "$dir/socket" "$dir/server.log" "$dir/initdb.log" "$dir/bin_dir"
    rmdir "$dir" 2>/dev/null || true
    ;;
psql-line) printf '%s/psql -h %s -p 5432 -U postgres %s\n' "$(bin_dir)" "$(socket_dir)" "${1:-postgres}" ;;
socket) socket_dir ;;
*) usage ;;
esac
