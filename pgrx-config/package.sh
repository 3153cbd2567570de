#!/usr/bin/env bash
# Packs the extension for the server of a pg_config into dist/: a tarball, and a .deb where the server came from Debian's packages.
#
#   package.sh PG_CONFIG
#
# Prints the files it wrote. Installs nothing.
set -euo pipefail
. "$(dirname "${BASH_SOURCE[0]}")/environment.sh"

[ $# = 1 ] || { sed -n '4s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 2; }
pg_config=$1
tools=$checkout/pgrx-config
[ "$pg_config" != "$debian_pg_config" ] || "$tools/setup.sh" build
[ -x "$pg_config" ] || fail "no pg_config at $pg_config"
build=$("$tools/build.sh" "$pg_config")
major=$(pg_major "$pg_config")
version=$(sed -n 's/^version = "\(.*\)"$/\1/p' "$checkout/Cargo.toml" | head -n 1)
dist=$checkout/dist
mkdir -p "$dist"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
umask 022

# What lets the extension `vector` stand for annex. Not installed with it: its files would be in pgvector's way.
add_shim() { # FOLDER
    mkdir -p "$1"
    install -m 644 "$checkout"/sql/vector_shim/* "$1/"
    install -m 755 "$tools/shim.sh" "$1/"
}

# The tarball: what `server.sh add` copies, with the terms.
name=annex-$version-pg$major-$(uname -m)
mkdir -p "$stage/$name"
cp -r "$build/lib" "$build/extension" "$checkout/LICENSE" "$checkout/THIRD-PARTY-NOTICES" "$checkout/CHANGELOG.md" "$stage/$name/"
cat >"$stage/$name/INSTALL" <<'TEXT'
As a user who may write there (root, for a packaged server):

    install -m 755 lib/annex.so "$(pg_config --pkglibdir)"
    install -m 644 extension/annex* "$(pg_config --sharedir)/extension"

Then, in a database: CREATE EXTENSION annex;

For clients of pgvector, which ask for the extension vector, where pgvector is not installed:

    vector_shim/shim.sh install "$(command -v pg_config)"
TEXT
add_shim "$stage/$name/vector_shim"
tar -C "$stage" --owner=root --group=root -czf "$dist/$name.tar.gz" "$name"
printf '%s\n' "$dist/$name.tar.gz"

# The Debian package, named as those of other extensions are.
package=postgresql-$major-annex
if [ "$("$pg_config" --bindir)" != "/usr/lib/postgresql/$major/bin" ] || ! command -v dpkg-deb >/dev/null; then exit 0; fi
root=$stage/deb
architecture=$(dpkg --print-architecture)
lib=$root$("$pg_config" --pkglibdir)
extension=$root$("$pg_config" --sharedir)/extension
share=/usr/share/$package
doc=$root/usr/share/doc/$package
mkdir -p "$root/DEBIAN" "$lib" "$extension" "$doc"
install -m 644 "$build"/lib/annex.so "$lib/"
install -m 644 "$build"/extension/* "$extension/"
strip --strip-debug "$lib/annex.so"
add_shim "$root$share/vector_shim"
cat >"$doc/README.Debian" <<TEXT
In a database: CREATE EXTENSION annex;

Clients of pgvector ask for the extension vector. Where pgvector is not installed, annex answers to that name after

    $share/vector_shim/shim.sh install $pg_config

and no longer after the same with uninstall, which is to be done before this package is removed.
TEXT
cat "$checkout/LICENSE" - "$checkout/THIRD-PARTY-NOTICES" <<<'' >"$doc/copyright"
gzip -9n <"$checkout/CHANGELOG.md" >"$doc/changelog.gz"
# The C library that the build machine has is the oldest that is known to serve.
libc=$(dpkg-query -W -f '${Version}' libc6 | sed 's/-.*//')
cat >"$root/DEBIAN/control" <<TEXT
Package: $package
Version: $version
Architecture: $architecture
Maintainer: annex contributors <annex@localhost>
Section: database
Priority: optional
Depends: postgresql-$major, libc6 (>= $libc), libgcc-s1
Installed-Size: $(du -sk --exclude=DEBIAN "$root" | cut -f1)
Description: vector types and an HNSW index for PostgreSQL $major
 Adds the types vector, halfvec and sparsevec, distance operators for them
 and for bit, and the index access method hnsw, for nearest-neighbour
 searches in SQL, with or without filters.
TEXT
dpkg-deb --root-owner-group --build "$root" "$dist/${package}_${version}_$architecture.deb" >&2
printf '%s\n' "$dist/${package}_${version}_$architecture.deb"
