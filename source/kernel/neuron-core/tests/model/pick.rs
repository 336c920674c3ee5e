//! From a step of a program to the registers of a call: handles that are good, and all kinds of
//! others.

use std::collections::HashSet;

use neuron_core::object::capability::CapState;
use nexus_abi::{Handle, NO_DEADLINE, Rights, Syscall, Tag, regs};

use crate::calls::Named;
use crate::driver::Driver;
use crate::messages::Doing;
use crate::model::{Cap, Kind, Model, Pid, What};
use crate::program::{Call, Letter, NEAR, Pick, RIGHT, Wait};

/// The registers of a thread.
pub type Regs = [u64; 32];

/// A call with plain arguments.
pub fn plain(call: Syscall, args: &[u64]) -> Regs {
    by_number(call.number(), args)
}

fn by_number(number: u64, args: &[u64]) -> Regs {
    // Registers that no call looks at have something in them too.
    let mut x = [0x1f1f_2e2e_3d3d_4c4c; 32];
    x[regs::NUMBER] = number;
    for (n, arg) in args.iter().enumerate() {
        x[regs::A0 + n] = *arg;
    }
    x
}

fn with(model: &Model, cap: &Cap, kind: Kind, right: Rights) -> bool {
    model.kind(cap.what) == Some(kind) && cap.rights.contains(right)
}

fn is_memory(model: &Model, cap: &Cap) -> bool {
    matches!(model.kind(cap.what), Some(Kind::Memory { .. }))
}

fn is_lines(cap: &Cap) -> bool {
    matches!(cap.what, What::Lines { .. })
}

/// For one choice in four only what has been derived from, or was derived: trees get wide and deep.
fn grows(model: &Model, cap: &Cap, pick: Pick) -> bool {
    !matches!(pick, Pick::Fit(n) if n % 4 == 0) || cap.parent.is_some() || has_part(model, cap)
}

/// Whether something hangs below a capability, or is mapped through it.
fn has_part(model: &Model, cap: &Cap) -> bool {
    model.names.get(&cap.handle).is_some_and(|id| {
        model.caps.values().any(|cap| cap.parent == Some(*id)) || model.mapped_through(*id) != 0
    })
}

/// For one choice in four only what somebody waits by, or has bound something by; for two only what
/// something hangs below, or is mapped through.
fn disturbs(model: &Model, cap: &Cap, pick: Pick) -> bool {
    match pick {
        Pick::Fit(n) if n % 4 == 0 => model.is_in_use(cap.handle),
        Pick::Fit(n) if n % 4 < 3 => has_part(model, cap),
        _ => true,
    }
}

impl Driver<'_, '_> {
    /// The registers of a call by a thread of `actor`.
    pub fn registers(&self, actor: Pid, call: &Call) -> Regs {
        match call {
            Call::Endpoint => plain(Syscall::EndpointCreate, &[]),
            Call::Notification => plain(Syscall::NotificationCreate, &[]),
            Call::Memory { pages } => plain(Syscall::VmoCreate, &[*pages]),
            Call::Derive { cap, rights, offset, len } => {
                self.derive(actor, *cap, *rights, *offset, *len)
            }
            Call::Install { target, cap, rights } => {
                let process = self.target(actor, *target);
                let cap = self.pick(actor, *cap, |model, one| {
                    one.rights.contains(Rights::GRANT) && grows(model, one, *cap)
                });
                let rights = self.rights_near(self.model.named(actor, cap), *rights);
                plain(Syscall::CapInstall, &[process.0, cap.0, rights])
            }
            Call::Drop { cap } => {
                let cap = self.pick(actor, *cap, |model, one| disturbs(model, one, *cap));
                plain(Syscall::CapDrop, &[cap.0])
            }
            Call::Revoke { cap } => {
                let cap = self.pick(actor, *cap, |model, one| {
                    one.rights.contains(Rights::REVOKE) && disturbs(model, one, *cap)
                });
                plain(Syscall::CapRevoke, &[cap.0])
            }
            Call::Seal { cap } => plain(Syscall::VmoSeal, &[self.pick(actor, *cap, is_memory).0]),
            Call::MapMemory { target, cap, place: [offset, len, va, prot] } => {
                let (process, vmo) =
                    (self.target(actor, *target), self.pick(actor, *cap, is_memory));
                plain(Syscall::VmoMap, &[process.0, vmo.0, *offset, *len, *va, *prot])
            }
            Call::MapDevice { cap, place: [offset, len, va, prot] } => {
                let window = self.pick(actor, *cap, |_, cap| {
                    matches!(cap.what, What::Window { .. }) && !cap.rights.contains(Rights::DERIVE)
                });
                plain(Syscall::MmioMap, &[window.0, *offset, *len, *va, *prot])
            }
            Call::Mask { cap, mask } => {
                let window = self.pick(actor, *cap, |model, one| {
                    let (manage, free) = (Rights::MANAGE, !has_part(model, one));
                    matches!(one.what, What::Window { .. }) && one.rights.contains(manage) && free
                });
                plain(Syscall::CapLimit, &[window.0, *mask])
            }
            Call::WriteRegister { cap, offset, value } => {
                let window = self.pick(actor, *cap, |_, one| {
                    one.mask.is_some() && !one.rights.contains(Rights::DERIVE)
                });
                plain(Syscall::MmioWrite, &[window.0, *offset, *value])
            }
            Call::Unmap { va } => plain(Syscall::Unmap, &[self.mapped_at(actor, *va)]),
            Call::Protect { va, prot } => {
                plain(Syscall::Protect, &[self.mapped_at(actor, *va), *prot])
            }
            other => self.living(actor, other),
        }
    }

    fn living(&self, actor: Pid, call: &Call) -> Regs {
        match call {
            Call::Spawn { cap, service, frames, objects, notify, bits } => {
                let spawn = self.pick(actor, *cap, |_, cap| cap.what == What::Spawn);
                let notify = self.pick(actor, *notify, |model, cap| {
                    let may = cap.rights.contains(Rights::SEND);
                    with(model, cap, Kind::Notification, Rights::empty()) && may == (*bits != 3)
                });
                let budget = (u64::from(*objects) << 32) | u64::from(*frames);
                plain(Syscall::ProcessCreate, &[spawn.0, *service, budget, notify.0, *bits])
            }
            Call::End { target } => plain(Syscall::ProcessEnd, &[self.target(actor, *target).0, 7]),
            Call::Thread { target, entry, priority } => {
                let process = self.target(actor, *target);
                plain(Syscall::ThreadCreate, &[process.0, *entry, 0x3000_0000, 5, *priority])
            }
            Call::ThreadExit => plain(Syscall::ThreadExit, &[]),
            Call::Bare { number } => by_number(*number, &[]),
            Call::Query { cap } => plain(Syscall::CapQuery, &[self.any(actor, *cap)]),
            Call::Inspect { target, cursor } => {
                let process = self.target(actor, *target);
                let whose = self.model.target(actor, self.named_target(actor, process));
                let cursor = self.any(whose.unwrap_or(actor), *cursor);
                plain(Syscall::CapInspect, &[process.0, cursor])
            }
            Call::Stat { target } => plain(Syscall::ProcessStat, &[self.target(actor, *target).0]),
            Call::Time { spawn, priority } => {
                let spawn = self.pick(actor, *spawn, |_, cap| cap.what == What::Spawn);
                plain(Syscall::TimeStat, &[spawn.0, *priority])
            }
            Call::Console { cap, len } => {
                let console = self.pick(actor, *cap, |_, cap| cap.what == What::Console);
                let text = u64::from_le_bytes(*b"eight by");
                plain(Syscall::ConsoleWrite, &[console.0, *len, text, 1, 2, 3])
            }
            other => self.passing(actor, other),
        }
    }

    fn passing(&self, actor: Pid, call: &Call) -> Regs {
        let endpoint = |pick: Pick, right: Rights| {
            self.pick(actor, pick, |model, cap| with(model, cap, Kind::Endpoint, right))
        };
        let notification = |pick: Pick, right: Rights| {
            self.pick(actor, pick, |model, cap| with(model, cap, Kind::Notification, right))
        };
        match call {
            Call::Send { to, letter, wait } => {
                let to = endpoint(*to, Rights::SEND);
                let mut x = self.letter(actor, Syscall::Call, to, Handle::NONE, letter, *wait);
                if !letter.caps.is_empty() && letter.seed.is_multiple_of(3) {
                    x[regs::WORDS[7]] = Handle::NONE.0;
                }
                x
            }
            Call::Receive { from, reply, letter, wait, irq } => {
                let from = self.pick(actor, *from, |model, cap| {
                    let fits = with(model, cap, Kind::Endpoint, Rights::RECV);
                    fits && (!matches!(from, Pick::Fit(n) if n % 2 == 0) || model.is_sent_to(cap))
                });
                let reply = self.reply(actor, *reply);
                let mut x = self.letter(actor, Syscall::ReplyRecv, from, reply, letter, *wait);
                if !matches!(irq, Pick::Nothing) {
                    x[regs::A1] |= Tag::ACK;
                }
                x[regs::T5] = self.line(actor, *irq).0;
                x
            }
            Call::Reply { reply, letter } => {
                let reply = self.reply(actor, *reply);
                self.letter(actor, Syscall::Reply, reply, Handle(99), letter, Wait::Ever)
            }
            Call::DropReply { reply } => plain(Syscall::CapDrop, &[self.reply(actor, *reply).0]),
            Call::Signal { cap, bits } => {
                plain(Syscall::Signal, &[notification(*cap, Rights::SEND).0, *bits])
            }
            Call::Wait { cap, wait, irq } => {
                let (handle, line) = (notification(*cap, Rights::RECV), self.line(actor, *irq));
                plain(Syscall::Wait, &[handle.0, self.deadline(*wait), line.0])
            }
            Call::Bind { endpoint: to, notification: from } => {
                let args = [endpoint(*to, Rights::RECV), notification(*from, Rights::RECV)];
                plain(Syscall::EndpointBind, &args.map(|handle| handle.0))
            }
            other => self.lines(actor, other),
        }
    }

    fn lines(&self, actor: Pid, call: &Call) -> Regs {
        match call {
            Call::IrqBind { irq, notification, bits, window, offset } => {
                let line = self.pick(actor, *irq, |_, cap| {
                    let receives = cap.rights.contains(Rights::RECV);
                    is_lines(cap) && receives && !cap.rights.contains(Rights::DERIVE)
                });
                let event = self.pick(actor, *notification, |model, cap| {
                    with(model, cap, Kind::Notification, Rights::SEND)
                });
                let window = self.pick(actor, *window, |_, one| {
                    one.mask.is_some() && !one.rights.contains(Rights::DERIVE)
                });
                plain(Syscall::IrqBind, &[line.0, event.0, *bits, window.0, *offset])
            }
            Call::IrqAck { irq, value } => {
                plain(Syscall::IrqAck, &[self.line(actor, *irq).0, *value])
            }
            Call::IrqStat { irq } => {
                let line = self.pick(actor, *irq, |_, cap| is_lines(cap));
                plain(Syscall::IrqStat, &[line.0])
            }
            Call::Limit { cap, limit } => {
                let line = self.pick(actor, *cap, |_, cap| is_lines(cap));
                plain(Syscall::CapLimit, &[line.0, *limit])
            }
            other => self.dma(actor, other),
        }
    }

    fn dma(&self, actor: Pid, call: &Call) -> Regs {
        let window = |pick: Pick| {
            self.pick(actor, pick, |_, cap| {
                cap.mask.is_some() && cap.rights.contains(Rights::PLACE)
            })
        };
        let memory = |pick: Pick, table: bool| {
            self.pick(actor, pick, |model, cap| {
                let What::Object(object) = cap.what else { return false };
                model.memory_at(object).is_some_and(|at| !table || model.memories[at].role == 0)
            })
        };
        match call {
            Call::DmaCreate { cap, pages, role } => {
                plain(Syscall::DmaCreate, &[window(*cap).0, *pages, *role])
            }
            Call::DmaQuiet { cap } => plain(Syscall::DmaQuiet, &[window(*cap).0]),
            Call::DmaPlace { table, object, place: [index, offset, len, flags] } => {
                let (table, object) = (memory(*table, true), memory(*object, false));
                let args = [table.0, *index, object.0, *offset, *len, *flags];
                plain(Syscall::DmaPlace, &args)
            }
            Call::WriteDma { cap, object, register, offset } => {
                let (cap, object) = (window(*cap), memory(*object, false));
                let named = self.model.named(actor, object);
                let at = named.and_then(|id| match self.model.caps[&id].what {
                    What::Object(object) => self.model.memory_at(object),
                    _ => None,
                });
                let register = match at.map(|at| self.model.memories[at].role) {
                    Some(role) if *register == RIGHT => 0x80 + 0x10 * role,
                    _ => *register,
                };
                plain(Syscall::MmioWriteDma, &[cap.0, register, object.0, *offset])
            }
            other => panic!("{other:?} is no call"),
        }
    }

    /// A line to acknowledge; for three choices in four one that was delivered, if there is any.
    fn line(&self, actor: Pid, pick: Pick) -> Handle {
        let delivered = |cap: &Cap| {
            let id = self.model.names.get(&cap.handle).copied();
            matches!(self.model.to_acknowledge(id), Ok(Some(_)))
        };
        match pick {
            Pick::Fit(n) if n % 4 != 0 => self.pick(actor, pick, |_, cap| delivered(cap)),
            _ => self.pick(actor, pick, |_, cap| is_lines(cap)),
        }
    }

    fn derive(&self, actor: Pid, cap: Pick, rights: u64, offset: u64, len: u64) -> Regs {
        let cap = self.pick(actor, cap, |model, one| {
            one.rights.contains(Rights::DERIVE) && grows(model, one, cap)
        });
        let named = self.model.named(actor, cap);
        let what = named.map(|id| self.model.caps[&id].what);
        let window = matches!(what, Some(What::Window { .. } | What::Lines { .. }));
        // Other kinds have no parts; that is refused often enough.
        let (offset, len) =
            if !window && !rights.is_multiple_of(4) { (0, 0) } else { (offset, len) };
        let lines = matches!(what, Some(What::Lines { .. })) && len != 0;
        let (offset, len) = if lines { (offset >> 12, len.div_ceil(4096)) } else { (offset, len) };
        plain(Syscall::CapDerive, &[cap.0, self.rights_near(named, rights), offset, len])
    }

    fn letter(
        &self,
        actor: Pid,
        call: Syscall,
        to: Handle,
        reply: Handle,
        letter: &Letter,
        wait: Wait,
    ) -> Regs {
        let caps = letter.caps.len();
        let words = if caps == 0 { letter.words } else { 8 };
        let mut x = plain(call, &[to.0, Tag::new(0, words, caps as u8).0 | letter.bits]);
        for (n, word) in regs::WORDS.into_iter().zip(0u64..) {
            x[n] = letter.seed.wrapping_mul(word + 3);
        }
        for (n, cap) in regs::WORDS[8 - caps..].iter().zip(&letter.caps) {
            x[*n] = self.pick(actor, *cap, |_, cap| cap.rights.contains(Rights::GRANT)).0;
        }
        x[regs::T3] = self.deadline(wait);
        x[regs::T4] = reply.0;
        x
    }

    fn deadline(&self, wait: Wait) -> u64 {
        match wait {
            Wait::Ever => NO_DEADLINE,
            Wait::For(ticks) => self.model.now.saturating_add_signed(ticks),
        }
    }

    fn any(&self, actor: Pid, pick: Pick) -> u64 {
        self.pick(actor, pick, |_, _| true).0
    }

    fn target(&self, actor: Pid, pick: Pick) -> Handle {
        self.pick(actor, pick, |model, cap| matches!(model.kind(cap.what), Some(Kind::Process(_))))
    }

    fn named_target(&self, actor: Pid, process: Handle) -> Option<Named> {
        (process != Handle::NONE).then(|| self.model.named(actor, process))
    }

    /// A handle for a call of `actor`.
    fn pick(&self, actor: Pid, pick: Pick, fits: impl Fn(&Model, &Cap) -> bool) -> Handle {
        let own = |test: &dyn Fn(&Cap) -> bool, n: u8| {
            let caps = self.model.caps.values().filter(|cap| cap.is_held());
            let caps = caps.filter(|cap| cap.owner == actor && test(cap));
            choose(&caps.map(|cap| cap.handle).collect::<Vec<_>>(), n)
        };
        let (threads, zombie) = (&self.model.threads, CapState::Zombie);
        let begun = threads.values().any(|one| one.begun.is_some());
        let picked = match pick {
            Pick::Fit(n) if begun && n & NEAR != 0 => {
                let near = |cap: &Cap| self.model.is_near_a_step(cap, n % 2 == 0);
                own(&|cap| near(cap) && fits(&self.model, cap), n)
                    .or_else(|| own(&near, n))
                    .or_else(|| own(&|_| true, n))
            }
            Pick::Dead(n) if begun && n & NEAR != 0 => {
                let caps = self.model.caps.values().filter(|cap| cap.state == zombie);
                let caps = caps.filter(|cap| cap.owner == actor).map(|cap| cap.handle);
                choose(&caps.collect::<Vec<_>>(), n)
            }
            Pick::Fit(n) => own(&|cap| fits(&self.model, cap), n).or_else(|| own(&|_| true, n)),
            Pick::Own(n) if n.is_multiple_of(2) => {
                let weak = |cap: &Cap| !fits(&self.model, cap) && self.model.has_partner(cap);
                own(&weak, n / 2).or_else(|| own(&|_| true, n))
            }
            Pick::Own(n) => own(&|_| true, n),
            Pick::Any(n) => {
                let others = |ready: bool| -> Vec<Handle> {
                    let caps = self.model.caps.values().filter(|cap| cap.is_held());
                    let caps = caps.filter(|cap| cap.owner != actor);
                    let caps = caps.filter(|cap| !ready || self.model.has_partner(cap));
                    caps.map(|cap| cap.handle).collect()
                };
                prefer(n, others)
            }
            Pick::Dead(n) => {
                let dead = |ready: bool| -> Vec<Handle> {
                    let slots = self.slots_with_partner(actor, ready);
                    let dead = self.dead.iter();
                    dead.filter(|one| !ready || slots.contains(&one.slot())).copied().collect()
                };
                prefer(n, dead)
            }
            Pick::Bent(n, bits) => own(&|_| true, n).map(|handle| Handle(handle.0 ^ bits)),
            Pick::Nothing => Some(Handle::NONE),
        };
        picked.unwrap_or(Handle(77))
    }

    /// The slots of capabilities of `actor` by which a short way could go through.
    fn slots_with_partner(&self, actor: Pid, wanted: bool) -> HashSet<u32> {
        let caps = self.model.caps.values().filter(|cap| wanted && cap.owner == actor);
        caps.filter(|cap| self.model.has_partner(cap)).map(|cap| cap.handle.slot()).collect()
    }

    /// A reply handle.
    fn reply(&self, actor: Pid, pick: Pick) -> Handle {
        let open = |own: bool, n: u8| {
            let threads = self.model.threads.values().filter_map(|thread| match thread.doing {
                Doing::Awaiting { server, call } if server == actor || !own => {
                    Some(Handle::reply(thread.slot, call))
                }
                _ => None,
            });
            choose(&threads.collect::<Vec<_>>(), n)
        };
        let picked = match pick {
            Pick::Fit(n) | Pick::Own(n) => open(true, n),
            Pick::Any(n) => open(false, n),
            Pick::Dead(n) => choose(&self.replies, n),
            Pick::Bent(n, bits) => open(false, n).map(|handle| Handle(handle.0 ^ bits)),
            Pick::Nothing => Some(Handle::NONE),
        };
        picked.unwrap_or(Handle(Handle::REPLY_BIT | 77))
    }

    /// Often, no more than there is.
    fn rights_near(&self, named: Named, rights: u64) -> u64 {
        match named {
            Some(id) if rights & 1 == 1 => u64::from(self.model.caps[&id].rights.bits()) & rights,
            _ => rights,
        }
    }

    /// Where a mapping of the actor begins, if there is one near.
    fn mapped_at(&self, actor: Pid, va: u64) -> u64 {
        let own: Vec<u64> = self
            .model
            .mappings
            .iter()
            .filter(|one| one.process == actor)
            .map(|one| one.va)
            .collect();
        match va >> 12 & 3 {
            0..3 if !own.is_empty() => own[(va >> 12) as usize % own.len()],
            _ => va,
        }
    }
}

/// Of two choices one where a partner is ready, if there is any: there a short way of the kernel would
/// go through, but for what is wrong with the handle.
fn prefer(n: u8, from: impl Fn(bool) -> Vec<Handle>) -> Option<Handle> {
    let ready = if n.is_multiple_of(2) { choose(&from(true), n / 2) } else { None };
    ready.or_else(|| choose(&from(false), n))
}

fn choose(from: &[Handle], n: u8) -> Option<Handle> {
    from.get(usize::from(n) % from.len().max(1)).copied()
}
