#!/usr/bin/env bash
# Installs what is missing to build, test or demonstrate annex on Debian 12. Quick when nothing is missing.
#
#   setup.sh [build|test|demo|clients]...         everything of these groups (default: the first three)
#   setup.sh packages [build|test|demo|clients]...   Debian packages only; the part that needs root
#
# As an ordinary user the packages go through sudo; where that is impossible the line to run is printed and the exit is 1.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

only_packages=no
if [ "${1:-}" = packages ]; then only_packages=yes; shift; fi
[ $# -gt 0 ] || set -- build test demo
groups=("$@")
for group in "${groups[@]}"; do
    case $group in build | test | demo | clients) ;; *) fail "no group $group: build, test, demo or clients" ;; esac
done

# A group of `packages` is wanted if it was named; `build` is part of the others.
missing_packages() {
    local package program uses group
    while read -r package uses _; do
        case $package in
        '' | '#'*) continue ;;
        */*)
            program=${package#*/}
            package=${package%%/*}
            if command -v "$program" >/dev/null; then continue; fi
            ;;
        esac
        for group in build "${groups[@]}"; do
            if [[ ,$uses, == *,$group,* ]]; then
                # shellcheck disable=SC2016
                dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q ' installed$' || printf '%s\n' "$package"
                break
            fi
        done
    done <"$checkout/pgrx-config/packages"
}

# Debian makes and starts a cluster with the first server package of a major. Nobody asked for one here.
createcluster_conf=/etc/postgresql-common/createcluster.conf
added_line='create_main_cluster = false # while annex installs postgresql'
forget_added_line() { sed -i "\\|^$added_line\$|d" "$createcluster_conf"; }

install_packages() {
    local packages
    mapfile -t packages < <(missing_packages)
    [ ${#packages[@]} -gt 0 ] || return 0
    if ! command -v apt-get >/dev/null; then
        fail "this is not Debian; please install: ${packages[*]}"
    fi
    if [ "$(id -u)" != 0 ]; then
        local line
        line="$(printf '%q' "$checkout/pgrx-config/setup.sh") packages ${groups[*]}"
        note "missing Debian packages: ${packages[*]}"
        if command -v sudo >/dev/null && { sudo -n true 2>/dev/null || [ -t 0 ]; }; then
            note "running: sudo $line"
            # shellcheck disable=SC2086
            sudo $line
            return
        fi
        note "please run as root, then try again:"
        note "    $line"
        exit 1
    fi
    note "installing: ${packages[*]}"
    export DEBIAN_FRONTEND=noninteractive
    local apt=(apt-get -q -y -o Dpkg::Options::=--force-confold -o DPkg::Lock::Timeout=300)
    "${apt[@]}" update >/dev/null
    if [[ " ${packages[*]} " == *" postgresql-$PG_DEFAULT "* ]]; then
        "${apt[@]}" install --no-install-recommends postgresql-common >&2
        trap forget_added_line EXIT
        printf '%s\n' "$added_line" >>"$createcluster_conf"
    fi
    "${apt[@]}" install --no-install-recommends "${packages[@]}" >&2
}

check_rust() {
    if ! command -v cargo >/dev/null; then
        fail "no cargo in PATH: install Rust $RUST or newer from https://rustup.rs, then try again"
    fi
    local have
    have=$(rustc --version | sed -E 's/^rustc ([0-9]+\.[0-9]+).*/\1/')
    if [ "$(printf '%s\n' "$RUST" "$have" | sort -V | head -n 1)" != "$RUST" ]; then
        fail "Rust $RUST or newer is needed, this is $have: rustup update"
    fi
    if [[ " ${groups[*]} " == *" test "* ]]; then
        cargo fmt --version >/dev/null 2>&1 || rustup component add rustfmt >&2
        cargo clippy --version >/dev/null 2>&1 || rustup component add clippy >&2
    fi
}

install_cargo_pgrx() {
    if [ "$(cargo pgrx --version 2>/dev/null)" = "cargo-pgrx $CARGO_PGRX" ]; then return; fi
    note "installing cargo-pgrx $CARGO_PGRX (some minutes)"
    cargo install cargo-pgrx --version "=$CARGO_PGRX" --locked --quiet >&2
}

# `cargo build` and `cargo test` find the headers by this list. Entries that a developer made are left as they are.
init_pgrx() {
    local config=${PGRX_HOME:-$HOME/.pgrx}/config.toml key=pg$PG_DEFAULT
    if [ ! -e "$config" ]; then
        cargo pgrx init --no-run "--$key=$debian_pg_config" >&2
    elif ! grep -q "^$key *=" "$config"; then
        if grep -q '^\[configs\]' "$config"; then
            sed -i "/^\[configs\]/a $key = \"$debian_pg_config\"" "$config"
        else
            printf '\n[configs]\n%s = "%s"\n' "$key" "$debian_pg_config" >>"$config"
        fi
    fi
}

install_packages
if [ $only_packages = yes ]; then exit 0; fi
check_rust
install_cargo_pgrx
init_pgrx
