#!/bin/sh
# Makes a Linux guest for `cargo nexus bench --store --beside DIR`: DIR/kernel and DIR/initramfs.
# Usage: guest.sh DIR [SUITE]
set -eu
here=$(dirname "$(readlink -f "$0")")
. "$here/../debian.sh"
unpack libc6 libsqlite3-0 libsqlite3-dev
lib=usr/lib/riscv64-linux-gnu
mkdir -p "$ram/mnt" "$ram/$lib"
riscv64-linux-gnu-gcc -O2 -pthread -I"$root/usr/include" -o "$ram/bin/sqlite-load" "$here/sqlite-load.c" \
    -L"$root/$lib" -l:libsqlite3.so.0 -Wl,--unresolved-symbols=ignore-in-shared-libs
for library in libc.so.6 libm.so.6 libsqlite3.so.0; do cp -L "$root/$lib/$library" "$ram/$lib/"; done
cp -L "$root/$lib/ld-linux-riscv64-lp64d.so.1" "$ram/usr/lib/"
modules virtio_mmio virtio_blk crc16 mbcache jbd2 crc32c_generic ext4
pack libsqlite3-0
