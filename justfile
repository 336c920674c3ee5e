# Recipes for daily work. `just --list` shows them. CI runs what `just ci` runs.

nexus := "scripts/nexus"

[private]
default:
    @just --list

# Boot to the prompt
run *args:
    @{{nexus}} run {{args}}

# Boot the test profile in QEMU and judge the run (RUN_UNTIL_MARKER, RUN_TIMEOUT)
test-os *args:
    @scripts/qemu-test.sh {{args}}

# Tests on the host
test-host:
    @{{nexus}} ci --only host

# The device part alone: its host tests and its proofs in QEMU
test-mmio:
    @{{nexus}} ci --only mmio

# Each defence left out in turn: every one of these runs must fail
test-broken *names:
    @{{nexus}} test-broken {{names}}

# Systems whose policyd or logd is dead, slow or garbled: none may come up; and the examples
test-systems:
    @{{nexus}} ci --only systems

# 3.5 million faults in the code of drivers, over hours: goes on where it was; `just faults --life SEED`: one
faults *args:
    @{{nexus}} faults {{args}}

# libFuzzer on one target (nightly, cargo-fuzz): `just fuzz elf -max_total_time=60`; alone: lists them
fuzz *args:
    @{{nexus}} fuzz {{args}}

# Who may touch what, from the built image
audit *args:
    @{{nexus}} audit {{args}}

# Measure, beside the peers' figures
bench *args:
    @{{nexus}} bench {{args}}

# The description of a system, refused with file, line and fix
check *args:
    @{{nexus}} check {{args}}

# Without running anything: format, lints, description, unsafe code, licences
quick:
    @{{nexus}} ci --only fmt,clippy,check,unsafe,size,licences

# Everything that CI runs
ci:
    @{{nexus}} ci

# Two clean builds in two places give the same bytes
reproducible *args:
    @{{nexus}} build --profile test --check-reproducible {{args}}

# The tests of each attack, and how to run them: `just attacks 7`
attacks *args:
    @{{nexus}} attacks {{args}}

# A thousand deaths of each driver under load: what was acknowledged is there, and no call hangs
kills *args:
    @{{nexus}} assure --only kills {{args}}

# What takes longer than `just ci` may: all defences, long random runs, fuzzing, coverage
assure *args:
    @{{nexus}} assure {{args}}
