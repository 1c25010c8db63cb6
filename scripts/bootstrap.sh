#!/usr/bin/env bash
# Makes .venv ready: the pinned requirements and this package itself, installed so that edits count.
#
# Usage: scripts/bootstrap.sh [run|dev]     (dev: with the tools for tests and checks)
#
# Safe to call every time and by several commands at once: when nothing has changed it only compares
# a stamp, which takes some milliseconds. Changes nothing outside the clone but the installers' caches.
set -euo pipefail

cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.."

readonly WANTED=${1:-run}
readonly VENV=.venv
readonly LOG=$VENV/installer.log
readonly MADE=$VENV/.made
readonly OLDEST=3.11
readonly PYTHONS=(python3 python3.11 python3.12 python3.13 python3.14 /usr/bin/python3)

say() { printf '%s\n' "$*"; }

fail() {
    printf 'bootstrap: %s\n' "$*" >&2
    exit 1
}

# --- Is there anything to do? -------------------------------------------------------------------

requirement_files() {
    if [[ $1 == dev ]]; then
        printf '%s\n' requirements.txt requirements-dev.txt
    else
        printf '%s\n' requirements.txt
    fi
}

# All that the installed packages depend on: the pins, the package's own entry points, this script.
fingerprint() {
    local files
    mapfile -t files < <(requirement_files "$1")
    cat -- "${files[@]}" pyproject.toml scripts/bootstrap.sh | sha256sum | cut -d ' ' -f 1
}

# Where .venv lies (it cannot be moved) and which interpreter it stands on, read without starting it.
foundation() {
    local interpreter
    interpreter=$(readlink -f -- "$VENV/bin/python") || return 1
    printf '%s %s %s\n' "$PWD" "$interpreter" "$(stat -c '%Y-%s' -- "$interpreter" 2>/dev/null)"
}

# A .venv that was finished, for this place and interpreter. All else is made anew.
is_finished() {
    [[ -x $VENV/bin/python && -f $MADE && $(<"$MADE") == "$(foundation)" ]]
}

has_installed() {
    [[ -f $VENV/.stamp-$1 && $(<"$VENV/.stamp-$1") == "$(fingerprint "$1")" ]]
}

is_ready() {
    # What is made for development also runs.
    is_finished && { has_installed "$WANTED" || has_installed dev; }
}

# --- What went wrong? ---------------------------------------------------------------------------

# Runs an installer quietly; when it fails, says why in one line.
quietly() {
    local doing=$1 status=0
    shift
    "$@" >"$LOG" 2>&1 || status=$?
    if ((status != 0)); then explain "$doing" "$status"; fi
}

explain() {
    local doing=$1 status=$2
    if grep -qiE 'no space left|disk quota' "$LOG" || ! disk_takes_writes; then
        fail "$doing failed: the disk is full. Free 1.5 GB for $PWD/$VENV, then try again"
    elif log_says_no_network; then
        fail "$doing failed: the package registry cannot be reached. Check the network and proxy settings, then try again"
    elif grep -qiE 'hash mismatch|not match the hashes' "$LOG"; then
        fail "$doing failed: a downloaded package is not the one that was pinned. Try again; if it stays so, look at requirements*.txt"
    elif grep -qiE 'permission denied|read-only file system' "$LOG"; then
        fail "$doing failed: a file may not be written. Check who owns $PWD and what is in it"
    fi
    tail -n 15 -- "$LOG" >&2
    fail "$doing failed with status $status; its last lines are above, all of them in $LOG"
}

log_says_no_network() {
    grep -qiE 'connection|connecterror|unreachable|resolution|dns error|timed ?out|error sending request|failed to fetch' "$LOG"
}

disk_takes_writes() {
    local probe=$VENV/.probe status=0
    # A megabyte: a small file may still fit on a full disk.
    head -c 1048576 /dev/zero 2>/dev/null >"$probe" || status=1
    rm -f -- "$probe"
    return "$status"
}

# --- Making it ----------------------------------------------------------------------------------

find_python() {
    local candidate
    for candidate in ${PYTHON:+"$PYTHON"} "${PYTHONS[@]}"; do
        if "$candidate" -c "import sys; sys.exit(sys.version_info < (${OLDEST/./, }))" 2>/dev/null; then
            command -v -- "$candidate"
            return
        fi
    done
    fail "Python $OLDEST or newer was not found. Install it (Debian 12: apt install python3 python3-venv) or name it: make PYTHON=/path/to/python3 ..."
}

make_venv() {
    local python=$1
    say "Making $VENV with $("$python" --version) ..."
    rm -rf -- "$VENV" 2>/dev/null || fail "the old $VENV cannot be removed. Check who owns $PWD/$VENV"
    mkdir -- "$VENV" 2>/dev/null || fail "$PWD/$VENV cannot be made. Check who owns $PWD and whether its disk is full"
    if "$python" -c 'import venv; from ensurepip import bootstrap' 2>/dev/null; then
        quietly "making $VENV" "$python" -m venv "$VENV"
    elif "$python" -c 'import venv; from pip import main' 2>/dev/null; then
        # Debian ships a part of venv separately; pip from outside can do that part's work.
        quietly "making $VENV" "$python" -m venv --without-pip "$VENV"
    else
        rm -rf -- "$VENV"
        fail "Python's venv module is missing. Install it: apt install python3-venv"
    fi
}

# The pip that installs into .venv: its own, or the system's on its behalf.
find_pip() {
    if [[ -x $VENV/bin/pip ]]; then
        pip=("$VENV/bin/python" -m pip)
    else
        pip=("$1" -m pip --python "$VENV/bin/python")
    fi
}

# uv installs the same pins several times faster than pip; where there is no uv, pip does.
find_uv() {
    uv=()
    if "${pip[@]}" install --quiet --require-hashes -r scripts/installer.txt >"$LOG" 2>&1; then
        uv=("$VENV/bin/uv" pip)
    elif log_says_no_network; then
        explain "installing the packages" 1
    fi
}

install_all() {
    local pip uv files arguments=() file
    find_pip "$1"
    use_no_cache_without_home
    say "Installing the pinned packages (the first time this takes a minute) ..."
    find_uv
    mapfile -t files < <(requirement_files "$WANTED")
    for file in "${files[@]}"; do arguments+=(-r "$file"); done
    install "installing the packages" --require-hashes "${arguments[@]}"
    # The build backend is one of the pinned packages, so this step downloads nothing.
    install "installing this package" --no-deps --no-build-isolation --editable .
}

# uv does not read pip's configuration, so where it fails (say, behind a mirror) pip gets a try.
install() {
    local doing=$1
    shift
    if ((${#uv[@]})) && "${uv[@]}" install --quiet --python "$VENV/bin/python" "$@" >"$LOG" 2>&1; then
        return
    fi
    quietly "$doing" "${pip[@]}" install --quiet "$@"
}

use_no_cache_without_home() {
    local cache=${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}
    export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore
    if ! mkdir -p -- "$cache" 2>/dev/null || [[ ! -w $cache ]]; then
        export UV_NO_CACHE=1 PIP_NO_CACHE_DIR=1
    fi
}

main() {
    local python
    [[ $WANTED == run || $WANTED == dev ]] || fail "say 'run' or 'dev', not '$WANTED'"
    if is_ready; then return; fi

    # One command at a time; whoever waited finds the work done. The lock ends with its holder.
    exec 9<scripts/bootstrap.sh
    if ! flock --nonblock 9; then
        say "Another command is setting up $VENV; waiting for it ..."
        flock 9
        if is_ready; then return; fi
    fi
    python=$(find_python)
    if ! is_finished; then make_venv "$python"; fi
    rm -f -- "$MADE" "$VENV"/.stamp-*
    install_all "$python"
    {
        fingerprint "$WANTED" >"$VENV/.stamp-$WANTED" && foundation >"$MADE"
    } 2>/dev/null || fail "$VENV cannot be written to. Check whether the disk is full"
    say "Ready."
}

main
