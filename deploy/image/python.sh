#!/bin/sh
# python.sh VERSION: sees to a CPython with its shared library: the one that the base image brings, or Debian's own.
set -eu
version=$1
export DEBIAN_FRONTEND=noninteractive

packages="ca-certificates media-types tzdata"
if ! command -v "python$version" > /dev/null; then
    packages="$packages python$version-minimal libpython$version"
fi
apt-get update
# shellcheck disable=SC2086 # a list of words
apt-get install --yes --no-install-recommends $packages
rm -rf /var/lib/apt/lists/* /var/cache/apt/*
