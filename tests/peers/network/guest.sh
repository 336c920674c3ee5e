#!/bin/sh
# Makes a Linux guest for `cargo nexus bench --net --beside DIR`: DIR/kernel and DIR/initramfs.
# Usage: guest.sh DIR [SUITE]
set -eu
here=$(dirname "$(readlink -f "$0")")
. "$here/../debian.sh"
unpack nginx libc6 libcrypt1 libpcre2-8-0 libssl3t64 zlib1g libzstd1
mkdir -p "$ram/run" "$ram/etc" "$ram/www" "$ram/var/log/nginx" "$ram/var/lib/nginx"
riscv64-linux-gnu-gcc -O2 -static -o "$ram/bin/net-load" "$here/net-load.c"
cp "$root/usr/sbin/nginx" "$ram/bin/"
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
modules virtio_mmio failover net_failover virtio_net
echo 'root:x:0:0::/:/bin/sh' >"$ram/etc/passwd"
echo 'root:x:0:' >"$ram/etc/group"
cp "$here/nginx.conf" "$ram/etc/"
head -c 1024 /dev/zero | tr '\0' . >"$ram/www/alive"
pack nginx_
