# What gdb does for `cargo nexus gdb`, before the first line is typed. Above stand SERVICE, MARK, PROGRAM, KERNEL,
# SOCKET, and SOURCES: where the sources are of which the programs say another place.
#
# Every program begins at the same address, and breakpoints know addresses alone: so one in a service holds in each other
# service, too. MARK is a word of its code, and where it stands, that no other program has there. It is looked at when a
# breakpoint is hit, in whatever address space that is; so it is right in each life of the service, of which each has
# another root of page tables.
import gdb


def in_service():
    if MARK is None:
        return True
    address, word = MARK
    try:
        memory = gdb.selected_inferior().read_memory(address, 8)
    except gdb.MemoryError:
        return False
    return int.from_bytes(bytes(memory), "little") == word


class InService(gdb.Function):
    """$in_service(): 1 while the address space is that of the service."""

    def __init__(self):
        super().__init__("in_service")

    def invoke(self):
        return in_service()


class Break(gdb.Command):
    """As gdb's own, in hardware: no memory is written, in whichever address space the machine stands."""

    def __init__(self, name, hardware):
        super().__init__(name, gdb.COMMAND_BREAKPOINTS, gdb.COMPLETE_LOCATION)
        self.hardware = hardware

    def invoke(self, where, from_tty):
        gdb.execute(f"{self.hardware} {where}", from_tty)


def only_there(breakpoint):
    """A breakpoint that is made stops the machine in the service alone."""
    has = breakpoint.condition
    breakpoint.condition = f"$in_service() && ({has})" if has else "$in_service()"


InService()
for name, hardware in (("break", "hbreak"), ("b", "hbreak"), ("tbreak", "thbreak"), ("tb", "thbreak")):
    Break(name, hardware)
gdb.execute("set pagination off")
gdb.execute("set confirm off")
for place, here in SOURCES:
    gdb.execute(f"set substitute-path {place} {here}" if place else f"directory {here}")
gdb.execute(f"file {PROGRAM}")
if MARK is not None:
    gdb.execute(f"add-symbol-file {KERNEL}")
    gdb.events.breakpoint_created.connect(only_there)
gdb.execute(f"target remote {SOCKET}")
gdb.execute("set confirm on")
print(f"The machine stands still. `break` stops it in {SERVICE}, `continue` lets it go on, `detach` leaves it.")
