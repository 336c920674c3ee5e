#!/bin/sh
# Installs what a build and a run need and this machine lacks. Debian 12 and newer, as root or
# with sudo. Does nothing, quickly, when nothing is missing.
set -eu
cd "$(dirname "$0")/.."

has() { command -v "$1" >/dev/null 2>&1; }
say() { echo "setup: $*" >&2; }

# A cargo of 1.95 or newer: rustup's, which takes the version from rust-toolchain.toml, or any.
new_enough() {
    version=$("$1" --version 2>/dev/null | cut -d' ' -f2) || return 1
    minor=$(echo "$version" | cut -d. -f2)
    [ "${minor:-0}" -ge 95 ] 2>/dev/null
}

target=riscv64imac-unknown-none-elf
# Core for the target, or its source: see tools/nexus/src/toolchain.rs.
can_build() {
    new_enough cargo || return 1
    sysroot=$(rustc --print sysroot 2>/dev/null) || return 1
    [ -d "$sysroot/lib/rustlib/$target" ] || [ -d "$sysroot/lib/rustlib/src/rust/library/core" ]
}
debian_can_build() {
    new_enough /usr/bin/cargo && [ -d /usr/lib/rustlib/src/rust/library/core ] && has ld.lld
}

packages=""
has qemu-system-riscv64 || packages="$packages qemu-system-misc"
has cc || packages="$packages gcc libc6-dev"

case "${NEXUS_TOOLCHAIN:-}" in
    rustup | "")
        if has rustup && new_enough cargo && ! can_build; then
            say "adding the target $target by rustup"
            rustup target add "$target" >&2 || say "rustup cannot fetch it; taking Debian's compiler"
        fi
        ;;
esac
if [ "${NEXUS_TOOLCHAIN:-}" = debian ] || ! can_build; then
    debian_can_build || packages="$packages rustc-web rust-web-src lld ca-certificates"
    new_enough cargo || new_enough /usr/bin/cargo || packages="$packages cargo-web"
    has rustup || has rustfmt || packages="$packages rustfmt-web rust-web-clippy"
fi

[ -n "$packages" ] || exit 0

if ! has apt-get; then
    say "missing:$packages; this machine has no apt-get, install them in its own way"
    exit 1
fi
if [ "$(id -u)" = 0 ]; then
    as_root="env"
elif has sudo; then
    as_root="sudo env"
else
    say "missing; run as root: apt-get install$packages"
    exit 1
fi
say "installing$packages"
$as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2
# shellcheck disable=SC2086 # a list of words on purpose
$as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >&2
say "done"
