#!/bin/sh
# Installs what the tests in a browser need and this machine lacks (tests/web): Debian's Chromium, node and npm with
# apt, as root or with sudo, and what tests/web/package-lock.json names with npm. Says what it installs and how large
# that is, and removes nothing. Does nothing, quickly, when nothing is missing; NEXUS_SETUP=no only looks.
set -eu
cd "$(dirname "$0")/.."

web=tests/web
# The lock file as it was when npm had installed all that it names.
installed=$web/node_modules/.installed

has() { command -v "$1" >/dev/null 2>&1; }
say() { echo "setup: $*" >&2; }

# The packages of Debian that are missing. Without a font a page has no text.
packages() {
    has chromium || printf ' chromium fonts-dejavu-core'
    has node || printf ' nodejs'
    has npm || printf ' npm'
}
has_modules() { cmp -s "$web/package-lock.json" "$installed"; }

lacks=$(packages)
if [ -n "$lacks" ]; then
    if [ "${NEXUS_SETUP:-}" = no ] || ! has apt-get; then
        say "missing:$lacks. Nothing is installed; install them, and run this again"
        exit 1
    elif [ "$(id -u)" = 0 ]; then
        as_root=env
    elif has sudo; then
        as_root="sudo env"
    else
        say "missing:$lacks. Run this as root, or install sudo"
        exit 1
    fi
    say "fetching the lists of packages"
    $as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 ||
        say "they cannot be fetched; going on with the lists that are here"
    # What apt would do, without doing it: it says no to its own question.
    # shellcheck disable=SC2086 # lists of words on purpose
    plan=$($as_root LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get install --assume-no \
        --no-install-recommends --no-remove $lacks 2>&1) || true
    download=$(echo "$plan" | sed -n 's/^Need to get \(.*\) of archives\./\1/p')
    disk=$(echo "$plan" | sed -n 's/^After this operation, \(.* of additional disk space\) will be used\./\1/p')
    count=$(echo "$plan" | sed -n 's/^\([0-9]* upgraded, [0-9]* newly installed\), .*/\1/p')
    say "installing$lacks"
    say "  with what they need: ${count:-nothing}; ${download:-nothing} to fetch, ${disk:-no more disk space}"
    # shellcheck disable=SC2086 # lists of words on purpose
    if ! $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        --no-remove $lacks >&2; then
        say "apt did not install them; what it says is above"
        exit 1
    fi
    lacks=$(packages)
    if [ -n "$lacks" ]; then
        say "still missing after that:$lacks"
        exit 1
    fi
fi

if ! has_modules; then
    if [ "${NEXUS_SETUP:-}" = no ]; then
        say "missing: what $web/package-lock.json names. Nothing is installed (NEXUS_SETUP=no)"
        exit 1
    fi
    say "installing what $web/package-lock.json names into $web/node_modules (playwright-core, which has no browser: about 3 MB to fetch, 10 MB there)"
    if ! (cd "$web" && npm ci --ignore-scripts --no-audit --no-fund >&2); then
        say "npm did not install it; what it says is above"
        exit 1
    fi
    cp "$web/package-lock.json" "$installed"
fi
