#!/bin/sh
# Makes a Linux guest for `cargo nexus bench --net --beside DIR`: DIR/kernel and DIR/initramfs, from Debian's packages for
# riscv64, unpacked and not installed. Wants apt, gcc-riscv64-linux-gnu, cpio and xz.
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
libraries="libc6 libcrypt1 libpcre2-8-0 libssl3t64 zlib1g libzstd1"
(cd "$packages" && apt-get download -q "$linux" busybox-static nginx $libraries)
for package in "$packages"/*.deb; do dpkg-deb -x "$package" "$root"; done

ram=$directory/ram
rm -rf "$ram"
mkdir -p "$ram/bin" "$ram/proc" "$ram/sys" "$ram/dev" "$ram/run" "$ram/etc" "$ram/www" "$ram/mod" \
    "$ram/var/log/nginx" "$ram/var/lib/nginx" "$ram/usr/lib"
ln -s usr/lib "$ram/lib"
riscv64-linux-gnu-gcc -O2 -static -o "$ram/bin/net-load" "$here/net-load.c"
cp "$root/usr/bin/busybox" "$root/usr/sbin/nginx" "$ram/bin/"
ln -s busybox "$ram/bin/sh"
# What nginx is linked with, and what that is.
needed() { riscv64-linux-gnu-objdump -p "$1" | sed -n 's/^ *NEEDED *//p'; }
copy() {
    for library in $(needed "$1"); do
        case $library in ld-linux-*) continue ;; esac
        at=$(find "$root" -name "$library" | head -n 1)
        target=$ram/usr/lib/$library
        [ -e "$target" ] && continue
        cp -L "$at" "$target"
        copy "$at"
    done
}
copy "$root/usr/sbin/nginx"
cp -L "$(find "$root" -name ld-linux-riscv64-lp64d.so.1 | head -n 1)" "$ram/usr/lib/"
for module in virtio_mmio failover net_failover virtio_net; do
    xz -dc "$(find "$root" -name "$module.ko.xz")" >"$ram/mod/$module.ko"
done
echo 'root:x:0:0::/:/bin/sh' >"$ram/etc/passwd"
echo 'root:x:0:' >"$ram/etc/group"
cp "$here/nginx.conf" "$ram/etc/"
head -c 1024 /dev/zero | tr '\0' . >"$ram/www/alive"
install -m 755 "$here/init" "$ram/init"
(cd "$ram" && find . | cpio -o -H newc --quiet | gzip -1) >"$directory/initramfs"
cp "$root"/boot/vmlinux-* "$directory/kernel"
echo "guest.sh: $directory/kernel and $directory/initramfs: $linux, $(ls "$packages" | grep ^nginx_)"
