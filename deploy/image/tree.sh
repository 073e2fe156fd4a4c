#!/bin/sh
# tree.sh VERSION TREE: gathers below TREE what rsgi and this Python open while they run, and in /busybox a shell for the debug image.
set -eu
version=$1 tree=$2
python=$(readlink -f "$(command -v "python$version")")
library=$("$python" -c 'import os; print(os.path.dirname(os.__file__))')

apt-get update
apt-get install --yes --no-install-recommends busybox-static
mkdir /busybox
cp "$(command -v busybox)" /busybox/
/busybox/busybox --install -s /busybox

mkdir -p "$tree/usr/bin" "$tree/usr/sbin" "$tree/usr/lib" "$tree/usr/lib64" "$tree/usr/local/bin" "$tree/app" "$tree/etc" "$tree/proc" "$tree/var"
for folder in bin sbin lib lib64; do ln -s "usr/$folder" "$tree/$folder"; done
install --directory --mode 1777 "$tree/tmp" "$tree/run/rsgi"

# Files under their own names, links as links.
take() {
    for file; do
        mkdir -p "$tree$(dirname "$file")"
        cp --archive "$file" "$tree$(dirname "$file")/"
    done
}
take /usr/bin/rsgi /usr/lib/rsgi /usr/share/doc/rsgi /usr/share/zoneinfo /etc/os-release /usr/lib/os-release /etc/mime.types
mkdir -p "$tree/etc/ssl/certs"
cp --dereference /etc/ssl/certs/ca-certificates.crt "$tree/etc/ssl/certs/"
grep -E '^(root|nobody|rsgi):' /etc/passwd > "$tree/etc/passwd"
grep -E '^(root|nogroup|rsgi):' /etc/group > "$tree/etc/group"
echo 'hosts: files dns' > "$tree/etc/nsswitch.conf"

# The interpreter as a program too, for multiprocessing and subprocess([sys.executable, …]); its library without what no server uses.
take "$python" "$library"
rm -rf "$tree/usr/share/zoneinfo/right" "$tree/usr/share/zoneinfo/posix" "$tree/usr/share/zoneinfo/tzdata.zi"
ln -s "$(basename "$python")" "$tree$(dirname "$python")/python3"
(
    cd "$tree$library"
    rm -rf test idlelib lib2to3 tkinter turtle.py turtledemo pydoc_data ensurepip curses _pyrepl config-* site-packages/*
    for module in _tkinter _dbm _gdbm nis readline _curses _test; do rm -f "lib-dynload/$module"*; done
    # Twins in Python of what is there in C.
    for module in decimal datetime io; do
        if "$python" -c "import _$module"; then rm -f "_py$module.py" "__pycache__/_py$module".*; fi
    done
    # A hundred codecs are compiled when they are asked for.
    find encodings/__pycache__ -type f ! -name '__init__.*' ! -name 'aliases.*' ! -name 'utf_8.*' ! -name 'latin_1.*' ! -name 'ascii.*' \
        -delete 2> /dev/null || true
)

# Every shared library that any of it is linked to.
find "$tree/usr/bin" "$tree/usr/local/bin" "$tree/usr/lib/rsgi" "$tree$library/lib-dynload" -type f -exec ldd {} + > /tmp/linked 2> /dev/null || true
if grep 'not found' /tmp/linked; then
    echo "tree.sh: libraries are missing in the base image" >&2
    exit 1
fi
awk '$2 == "=>" && $3 ~ /^\// { print $3 } $1 ~ /^\/.*ld-linux/ { print $1 }' /tmp/linked | sort -u > /tmp/libraries
while read -r name; do
    folder=$(readlink -f "$(dirname "$name")")
    mkdir -p "$tree$folder"
    cp --dereference "$name" "$tree$folder/"
done < /tmp/libraries
take /etc/ld.so.conf /etc/ld.so.conf.d
ldconfig -r "$tree"

# What is in it, for scanners, and under which terms.
mkdir -p "$tree/var/lib/dpkg/status.d"
{
    xargs -n 1 readlink -f < /tmp/libraries
    find "$tree" -type f | sed "s|^$tree||"
} | sed 'p; s|^/usr/|/|' | xargs dpkg --search 2> /dev/null | sed '/^diversion by/d; s/: .*//; s/:.*//' | sort -u > /tmp/packages
while read -r package; do
    dpkg --status "$package" > "$tree/var/lib/dpkg/status.d/$package"
    take "/usr/share/doc/$package/copyright"
done < /tmp/packages
