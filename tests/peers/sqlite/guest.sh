#!/bin/sh
# Makes a Linux guest for `cargo nexus bench --store --beside DIR`: DIR/kernel and DIR/initramfs, from Debian's packages
# for riscv64, unpacked and not installed. Wants apt, gcc-riscv64-linux-gnu, cpio and xz.
# Usage: guest.sh DIR [SUITE]
set -eu
directory=${1:?usage: guest.sh DIR [SUITE]}
suite=${2:-trixie}
here=$(dirname "$(readlink -f "$0")")
for tool in apt-get dpkg-deb riscv64-linux-gnu-gcc cpio xz; do
    command -v $tool >/dev/null || {
        echo "guest.sh: no $tool; on Debian: apt-get install gcc-riscv64-linux-gnu cpio xz-utils" >&2
        exit 1
    }
done
mkdir -p "$directory"
directory=$(readlink -f "$directory")
apt=$directory/apt packages=$directory/packages root=$directory/root
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
(cd "$packages" && apt-get download -q "$linux" busybox-static libc6 libsqlite3-0 libsqlite3-dev)
for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$root"; done

lib=usr/lib/riscv64-linux-gnu
ram=$directory/ram
rm -rf "$ram"
mkdir -p "$ram/bin" "$ram/proc" "$ram/sys" "$ram/dev" "$ram/mnt" "$ram/mod" "$ram/$lib"
ln -s usr/lib "$ram/lib"
riscv64-linux-gnu-gcc -O2 -pthread -I"$root/usr/include" -o "$ram/bin/sqlite-load" "$here/sqlite-load.c" \
    -L"$root/$lib" -l:libsqlite3.so.0 -Wl,--unresolved-symbols=ignore-in-shared-libs
cp "$root/usr/bin/busybox" "$ram/bin/"
ln -s busybox "$ram/bin/sh"
for library in libc.so.6 libm.so.6 libsqlite3.so.0; do cp -L "$root/$lib/$library" "$ram/$lib/"; done
cp -L "$root/$lib/ld-linux-riscv64-lp64d.so.1" "$ram/usr/lib/"
for module in virtio_mmio virtio_blk crc16 mbcache jbd2 crc32c_generic ext4; do
    xz -dc "$(find "$root" -name "$module.ko.xz")" >"$ram/mod/$module.ko"
done
install -m 755 "$here/init" "$ram/init"
(cd "$ram" && find . | cpio -o -H newc --quiet | gzip -1) >"$directory/initramfs"
cp "$root"/boot/vmlinux-* "$directory/kernel"
echo "guest.sh: $directory/kernel and $directory/initramfs: $linux, $(ls "$packages" | grep libsqlite3-0)"
