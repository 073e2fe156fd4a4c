# Sourced by what runs in a booted guest. A check is one line: `t NAME COMMAND…`; the guest ends with `verdict`.
failed=0

t() {
    local name=$1 said
    shift
    if said=$("$@" 2>&1); then
        echo "ok     $name"
    else
        echo "FAILED $name: $said"
        failed=1
    fi
}

# What a page says below a heading.
page() {
    t "page: $1" bash -eu "/opt/guest/page/$1"
}

# Notes where the journal is; `awaited PATTERN` waits for a line after that. No check waits by the clock.
mark() {
    cursor=$(journalctl --lines=0 --show-cursor --quiet | sed -n 's/^-- cursor: //p')
}

awaited() {
    # Not by unit: now and then journald does not tell to which one a line belongs.
    grep -q -m 1 -e "$1" < <(timeout 60 journalctl --follow --no-tail --after-cursor="$cursor") && return
    echo "the journal has no such line, but these:"
    journalctl --no-pager --after-cursor="$cursor" --output=verbose
    return 1
}

property() {
    systemctl show --property="$2" --value "$1"
}

# A constant small load while COMMAND runs, new connections all the time: not one may be lost.
# `under_load URL COMMAND…`; the URL may be the path of a unix socket that speaks HTTP.
under_load() {
    local url=$1 out
    shift
    coproc LOAD { exec python3.11 /opt/guest/load.py "$url" 2>&1; }
    read -r -u "${LOAD[0]}" out && [ "$out" = serving ] || { echo "the load does not begin: $out"; return 1; }
    "$@" || return 1
    echo done >&"${LOAD[1]}"
    read -r -u "${LOAD[0]}" out
    echo "$out"
    [[ $out == lost\ 0\ of* ]]
}

# What the process itself may: as root of the guest, in its own mounts.
within() {
    local pid
    pid=$(property "$1" MainPID)
    shift
    nsenter --target "$pid" --mount "$@"
}

# Stops a process as a bug might; of nothing else, as 0 would be.
hang() {
    [ "$1" -gt 1 ] && kill -STOP "$1"
}

verdict() {
    if [ $failed -ne 0 ]; then
        journalctl --no-pager --lines=80 --unit='rsgi*'
    fi
    exit $failed
}
