#!/bin/sh
# build.sh cargo|prebuilt VERSION DIR: puts the language-free rsgi and its plugin for that Python below DIR.
set -eu
how=$1 version=$2 dist=$3
plugin=python$(echo "$version" | tr -d .)
here=$PWD
mkdir -p "$dist/usr/bin" "$dist/usr/lib/rsgi" "$dist/usr/share/doc/rsgi"

case $how in
prebuilt)
    cp dist/image/rsgi "$dist/usr/bin/"
    cp "dist/image/rsgi_$plugin.so" "$dist/usr/lib/rsgi/"
    ;;
cargo)
    apt-get update
    command -v "python$version" > /dev/null || needed="python$version libpython$version-dev"
    # shellcheck disable=SC2086 # a list of words
    apt-get install --yes --no-install-recommends build-essential ${needed-}
    # A Python below /usr/local came without the linker's notice.
    ldconfig
    cargo build --locked --release --no-default-features
    cd "$(mktemp -d)"
    PYTHON=$(command -v "python$version") "$here/target/release/rsgi" --build-plugin "$here $plugin"
    install --strip "$here/target/release/rsgi" "$dist/usr/bin/"
    install --strip --mode 644 "${plugin}_plugin.so" "$dist/usr/lib/rsgi/rsgi_$plugin.so"
    ;;
*)
    echo "build.sh: not cargo nor prebuilt: $how" >&2
    exit 2
    ;;
esac
cp "$here"/LICENSE-* "$dist/usr/share/doc/rsgi/"
