#!/bin/sh
# Installs what a build and a run need and this machine lacks: Debian 12 and newer, and what is made
# from it, as root or with sudo. Elsewhere it says which packages to install. Says what it installs and
# how large that is, removes nothing, and looks afterwards whether all is there. Does nothing, quickly,
# when nothing is missing; NEXUS_SETUP=no only looks.
# NEXUS_SETUP_ROOT is where /usr and /etc are looked for, for tests.
set -eu
cd "$(dirname "$0")/.."
root=${NEXUS_SETUP_ROOT:-}

has() { command -v "$1" >/dev/null 2>&1; }
say() { echo "setup: $*" >&2; }

# The oldest compiler, 1.NEWEST, and the oldest emulator that will do.
oldest_rust=95
target=riscv64imac-unknown-none-elf
qemu=${NEXUS_QEMU:-qemu-system-riscv64}
# Where QEMU is unpacked when its packages do not go with those that are installed; the host tool
# (tools/nexus/src/qemu/version.rs) looks there after the path.
beside=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/nexus/qemu

# A cargo that is new enough: rustup's, which takes the version from rust-toolchain.toml, or any.
new_enough() {
    version=$("$1" --version 2>/dev/null | cut -d' ' -f2) || return 1
    is_new_version "$version"
}
is_new_version() {
    case $1 in 1.*) ;; *) return 1 ;; esac
    minor=$(echo "$1" | cut -d. -f2)
    [ "${minor:-0}" -ge "$oldest_rust" ] 2>/dev/null
}

# Core for the target, or its source: see tools/nexus/src/toolchain.rs.
rustup_can_build() {
    new_enough cargo || return 1
    sysroot=$(rustc --print sysroot 2>/dev/null) || return 1
    [ -d "$sysroot/lib/rustlib/$target" ] || [ -d "$sysroot/lib/rustlib/src/rust/library/core" ]
}
debian_can_build() {
    new_enough "$root/usr/bin/cargo" && [ -d "$root/usr/lib/rustlib/src/rust/library/core" ] &&
        has ld.lld
}
can_build() {
    case "${NEXUS_TOOLCHAIN:-}" in
        debian) debian_can_build ;;
        rustup) rustup_can_build ;;
        *) rustup_can_build || debian_can_build ;;
    esac
}
has_qemu() {
    is_new_qemu "$qemu" || { [ -z "${NEXUS_QEMU:-}" ] && is_new_qemu "$beside/qemu-system-riscv64"; }
}
is_new_qemu() {
    version=$("$1" --version 2>/dev/null | sed -n 's/^QEMU emulator version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ -n "$version" ] || return 1
    # shellcheck disable=SC2086 # two numbers on purpose
    set -- $version
    [ "$1" -gt 7 ] || { [ "$1" = 7 ] && [ "$2" -ge 2 ]; }
}
# A program and the C library to link it with.
has_cc() { has cc && echo 'int main(void){return 0;}' | cc -x c -o /dev/null - 2>/dev/null; }

# What is missing, in words; nothing when nothing is.
missing() {
    words=""
    has_qemu || words="$words, QEMU 7.2 or newer for riscv64"
    has_cc || words="$words, a C compiler"
    can_build || words="$words, Rust 1.$oldest_rust or newer that can build for $target"
    echo "${words#, }"
}

# The way out where this script cannot install: one line.
other_systems() {
    id=$(sed -n 's/^ID=//p; s/^ID_LIKE=//p' "$root/etc/os-release" 2>/dev/null | tr -d '"' | tr '\n' ' ')
    case "$(uname -s) $id" in
        Darwin*) echo "brew install qemu rustup, and xcode-select --install (Nexus is not tested there)" ;;
        *nixos*) echo "nix-shell -p qemu gcc rustup" ;;
        *fedora* | *rhel*) echo "sudo dnf install qemu-system-riscv gcc rustup && rustup-init" ;;
        *arch*) echo "sudo pacman -S --needed qemu-system-riscv gcc rustup" ;;
        *alpine*) echo "doas apk add qemu-system-riscv64 build-base rustup && rustup-init" ;;
        *suse*) echo "sudo zypper install qemu-extra gcc rustup" ;;
        *) echo "install qemu-system-riscv64 (7.2 or newer), gcc and rustup (https://rustup.rs)" ;;
    esac
}

# The version of a package that apt would install.
candidate() { LC_ALL=C apt-cache policy "$1" 2>/dev/null | sed -n 's/^ *Candidate: //p'; }
is_new_package() {
    version=$(candidate "$1")
    is_new_version "${version#*:}"
}

# QEMU's package, in the version of the QEMU packages that are here already: others do not go with it.
qemu_package() {
    case "$(candidate qemu-system-riscv)" in
        "" | "(none)") package=qemu-system-misc ;;
        *) package=qemu-system-riscv ;;
    esac
    here=$(dpkg-query -W -f '${db:Status-Abbrev}${Version}\n' qemu-system-common 2>/dev/null |
        sed -n 's/^ii *//p') || here=""
    if [ -n "$here" ] && LC_ALL=C apt-cache madison "$package" 2>/dev/null | grep -qF "| $here |"; then
        echo "$package=$here"
    else
        echo "$package"
    fi
}

# Debian's compiler, which is new enough in the security archive of a stable release.
rust_packages() {
    if is_new_package rustc-web; then
        echo "rustc-web rust-web-src cargo-web lld ca-certificates rustfmt-web rust-web-clippy"
    elif is_new_package rustc; then
        echo "rustc rust-src cargo lld ca-certificates rustfmt rust-clippy"
    else
        return 1
    fi
}

no_rust() {
    codename=$(sed -n 's/^VERSION_CODENAME=//p' "$root/etc/os-release" 2>/dev/null | tr -d '"')
    say "no archive of this machine has Rust 1.$oldest_rust or newer. Two ways out:"
    say "  rustup: see https://rustup.rs (it fetches the version that rust-toolchain.toml names)"
    say "  Debian's security archive: add to /etc/apt/sources.list, and run this again:"
    say "    deb http://security.debian.org/debian-security ${codename:-bookworm}-security main"
    exit 1
}

lacks=$(missing)
if has rustup && [ "${NEXUS_TOOLCHAIN:-}" != debian ] && [ "${NEXUS_SETUP:-}" != no ] &&
    ! can_build && new_enough cargo; then
    say "adding the target $target by rustup (about 40 MB)"
    rustup target add "$target" >&2 || say "rustup cannot fetch it; taking Debian's compiler"
    lacks=$(missing)
fi
[ -n "$lacks" ] || exit 0
if [ "${NEXUS_SETUP:-}" = no ]; then
    say "missing: $lacks. Nothing is installed (NEXUS_SETUP=no)"
    exit 1
fi
if ! has apt-get; then
    say "missing: $lacks. Here: $(other_systems)"
    exit 1
fi

if [ "$(id -u)" = 0 ]; then
    as_root="env"
elif has sudo; then
    as_root="sudo env"
else
    say "missing: $lacks. Run \`make setup\` as root, or install sudo"
    exit 1
fi

say "missing: $lacks"
say "fetching the lists of packages"
$as_root DEBIAN_FRONTEND=noninteractive apt-get update -qq >&2 ||
    say "they cannot be fetched; going on with the lists that are here"

# The packages to install, each with a space before it.
wanted() {
    has_qemu || printf ' %s' "$(qemu_package)"
    has_cc || printf ' gcc libc6-dev'
    if ! can_build; then printf ' %s' "$(rust_packages)"; fi
}
# Says whether all is there now, and ends.
finish() {
    lacks=$(missing)
    if [ -n "$lacks" ]; then
        say "still missing after that: $lacks"
        say "  rustup (https://rustup.rs) brings Rust; NEXUS_QEMU names a QEMU that is elsewhere"
        exit 1
    fi
    say "done: all that is needed is here"
    exit 0
}

can_build || rust_packages >/dev/null || no_rust

# What apt would do with $packages, without doing it: it says no to its own question.
look_ahead() {
    # shellcheck disable=SC2086 # a list of words on purpose
    plan=$($as_root LC_ALL=C DEBIAN_FRONTEND=noninteractive apt-get install --assume-no \
        --no-install-recommends --no-remove $packages 2>&1) || true
    removed=$(echo "$plan" | sed -n '/^The following packages will be REMOVED:/,/^[^ ]/s/^  //p' | tr '\n' ' ')
}

# QEMU and the libraries that are missing for it, unpacked and not installed. What is there stays as it is.
unpack_qemu() {
    debs=$(mktemp -d) && mkdir "$debs/partial" || return 1
    rm -rf "$beside.new" && mkdir -p "$beside.new" || return 1
    $as_root DEBIAN_FRONTEND=noninteractive apt-get install --download-only -y -qq \
        --no-install-recommends -o APT::Sandbox::User=root -o "Dir::Cache::archives=$debs" "$(qemu_package)" >&2 || return 1
    for deb in "$debs"/*.deb; do dpkg-deb -x "$deb" "$beside.new" || return 1; done
    $as_root rm -rf "$debs"
    libraries=$(find "$beside.new" -name '*.so*' | sed "s|^$beside.new/|\$here/|; s|/[^/]*\$||" | sort -u | paste -sd:)
    cat >"$beside.new/qemu-system-riscv64" <<END
#!/bin/sh
# QEMU as \`make setup\` of Nexus unpacked it, with its own libraries and firmware.
here=\${0%/*}
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
exec "\$here/usr/bin/qemu-system-riscv64" -L "\$here/usr/share/qemu" "\$@"
END
    chmod 755 "$beside.new/qemu-system-riscv64"
    rm -rf "$beside" && mv "$beside.new" "$beside"
}

packages=$(wanted)
look_ahead
if [ -n "$removed" ] && [ -z "${NEXUS_QEMU:-}" ] && ! has_qemu; then
    packages=" $(qemu_package)"
    look_ahead
    if [ -n "$removed" ]; then
        say "installing$packages would remove ${removed% }: it is unpacked into $beside instead"
        unpack_qemu || say "that did not work"
    fi
    packages=$(wanted)
    [ -n "$packages" ] || finish
    look_ahead
fi
if [ -n "$removed" ]; then
    say "installing$packages would remove ${removed% }: not done"
    say "  rustup takes the place of Debian's Rust (https://rustup.rs); NEXUS_QEMU names another QEMU"
    exit 1
fi
if ! echo "$plan" | grep -q ' newly installed'; then
    say "apt cannot install$packages:"
    echo "$plan" | grep -v '^Reading\|^Building' >&2
    say "  rustup takes the place of Debian's Rust (https://rustup.rs); NEXUS_QEMU names another QEMU"
    exit 1
fi
say "installing$packages"
download=$(echo "$plan" | sed -n 's/^Need to get \(.*\) of archives\./\1/p')
disk=$(echo "$plan" | sed -n 's/^After this operation, \(.* of additional disk space\) will be used\./\1/p')
count=$(echo "$plan" | sed -n 's/^\([0-9]* upgraded, [0-9]* newly installed\), .*/\1/p')
say "  with what they need: $count; ${download:-nothing} to fetch, ${disk:-no more disk space}"
# shellcheck disable=SC2086 # a list of words on purpose
if ! $as_root DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    --no-remove $packages >&2; then
    say "apt did not install them; what it says is above"
    exit 1
fi

finish
