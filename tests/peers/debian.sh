# What makes a Linux guest of Debian's packages for riscv64, unpacked and not installed: read by guest.sh of each peer, whose
# arguments it takes, and whose directory is $here. Wants apt, gcc-riscv64-linux-gnu, cpio and xz.
directory=${1:?usage: guest.sh DIR [SUITE]}
suite=${2:-trixie}
for tool in apt-get dpkg-deb riscv64-linux-gnu-gcc cpio xz; do
    command -v $tool >/dev/null || {
        echo "guest.sh: no $tool; on Debian: apt-get install gcc-riscv64-linux-gnu cpio xz-utils" >&2
        exit 1
    }
done
mkdir -p "$directory"
directory=$(readlink -f "$directory")
apt=$directory/apt packages=$directory/packages root=$directory/root ram=$directory/ram
mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" "$packages" "$root"
: >"$apt/status"
mirror=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb *\(\[[^]]*\] *\)\{0,1\}\([^ ]*\).*/\2/p' \
    /etc/apt/sources.list.d/*.sources /etc/apt/sources.list 2>/dev/null | head -n 1)
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
cat >"$apt/apt.conf" <<END
APT::Architecture "riscv64"; APT::Architectures { "riscv64"; };
Dir::State "$apt"; Dir::State::status "$apt/status"; Dir::State::lists "$apt/lists"; Dir::Cache "$apt/cache";
Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/dev/null"; Acquire::Languages "none";
APT::Sandbox::User "root";
END
export APT_CONFIG="$apt/apt.conf"
apt-get update -q
linux=$(apt-cache depends linux-image-riscv64 | sed -n 's/.*Depends: *\(linux-image-[^ ]*\).*/\1/p' | head -n 1)

# The packages, with the kernel and busybox, under $root; and $ram, which becomes the initramfs.
unpack() {
    (cd "$packages" && apt-get download -q "$linux" busybox-static "$@")
    for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$root"; done
    rm -rf "$ram"
    mkdir -p "$ram/bin" "$ram/proc" "$ram/sys" "$ram/dev" "$ram/mod" "$ram/usr/lib"
    ln -s usr/lib "$ram/lib"
    cp "$root/usr/bin/busybox" "$ram/bin/"
    ln -s busybox "$ram/bin/sh"
}

# These modules of the kernel.
modules() {
    for module in "$@"; do
        xz -dc "$(find "$root" -name "$module.ko.xz")" >"$ram/mod/$module.ko"
    done
}

# The kernel and the initramfs, which is made of $ram and of init; then what they are made of is said.
pack() {
    install -m 755 "$here/init" "$ram/init"
    (cd "$ram" && find . | cpio -o -H newc --quiet | gzip -1) >"$directory/initramfs"
    cp "$root"/boot/vmlinux-* "$directory/kernel"
    echo "guest.sh: $directory/kernel and $directory/initramfs: $linux, $(ls "$packages" | grep "^$1")"
}
