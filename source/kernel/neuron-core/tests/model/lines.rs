//! The model of interrupt lines and of the controller before them.

use nexus_abi::{Error, Handle, IrqInfo, LineState, NO_DEADLINE, Rights};

use crate::calls::{Call, Named, refuse_if};
use crate::model::{Cap, Cid, Model, Oid, Pid, What};
use crate::steps::Seen;

/// Who receives a line.
#[derive(Clone, Copy, Debug)]
pub struct Receiver {
    pub by: Cid,
    pub with: Cid,
    pub notification: Oid,
    pub bits: u64,
    /// The window and the physical address of the register that an acknowledgement writes.
    pub register: Option<(Cid, u64)>,
    /// When it is armed again, while it is held back.
    pub due: u64,
    /// It was delivered, and is claimed.
    pub claimed: bool,
}

/// One line, by its number.
#[derive(Clone, Copy, Debug, Default)]
pub struct Line {
    pub receiver: Option<Receiver>,
    pub delivered: u64,
    pub held_back: u64,
    pub last: u64,
    /// The device asks; and the controller has noted that.
    level: bool,
    pending: bool,
}

impl Receiver {
    /// Whether it lasts as long as this capability.
    pub fn rests_on(self, cap: Cid) -> bool {
        self.capabilities().any(|one| one == cap)
    }

    /// What it was made with.
    pub fn capabilities(self) -> impl Iterator<Item = Cid> {
        [self.by, self.with].into_iter().chain(self.register.map(|(window, _)| window))
    }
}

impl Line {
    pub fn state(&self) -> LineState {
        match self.receiver {
            None => LineState::Free,
            Some(Receiver { claimed: false, .. }) => LineState::Armed,
            Some(Receiver { due: NO_DEADLINE, .. }) => LineState::Delivered,
            Some(_) => LineState::Held,
        }
    }

    /// It is claimed no more: the controller looks at the level again.
    fn complete(&mut self) {
        self.pending |= self.level;
    }
}

/// First of some lines, how many, and the interval.
type Lines = (u64, u64, u64);

fn lines(cap: &Cap) -> Call<Lines> {
    match cap.what {
        What::Lines { first, count, interval } => Ok((first, count, interval)),
        _ => Err(Error::WrongKind),
    }
}

impl Model {
    fn line(&mut self, number: u64) -> &mut Line {
        self.lines.get_mut(&number).unwrap()
    }

    fn lines_with(&self, named: Named, rights: Rights) -> Call<(Cid, Cap, Lines)> {
        let (id, cap) = self.cap(named)?;
        let lines = lines(&cap)?;
        refuse_if(!cap.rights.contains(rights), Error::Denied)?;
        Ok((id, cap, lines))
    }

    /// Lines that were delivered and not acknowledged.
    pub fn delivered(&self) -> usize {
        self.lines.values().filter(|line| line.state() == LineState::Delivered).count()
    }

    /// Whether a line was bound by this capability, to it or to the window of a register.
    pub fn receives_by(&self, cap: Cid) -> bool {
        let mine =
            |one: Receiver| one.by == cap || one.register.is_some_and(|(window, _)| window == cap);
        self.lines.values().any(|line| line.receiver.is_some_and(mine))
    }

    pub fn irq_bind(
        &mut self,
        actor: Pid,
        irq: Named,
        [signals, bits, window, offset]: [u64; 4],
    ) -> Call<()> {
        let (by, cap, (first, count, _)) = self.lines_with(irq, Rights::RECV)?;
        refuse_if(cap.rights.contains(Rights::DERIVE), Error::Denied)?;
        let (notification, with) = self.notification(actor, Handle(signals), Rights::SEND)?;
        refuse_if(bits == 0 || window == 0 && offset != 0, Error::BadArgument)?;
        let register = match window {
            0 => None,
            window => {
                let named = self.named(actor, Handle(window));
                let (window, address, _) = self.register(named, offset, 0)?;
                Some((window, address))
            }
        };
        refuse_if(count != 1, Error::OutOfRange)?;
        let bound = self.lines[&first].receiver.is_some();
        let named = register.is_some_and(|(window, _)| self.receives_by(window));
        refuse_if(bound || named || !self.children(by).is_empty(), Error::Busy)?;
        let due = NO_DEADLINE;
        let receiver = Receiver { by, with, notification, bits, register, due, claimed: false };
        self.line(first).receiver = Some(receiver);
        Ok(())
    }

    pub fn irq_ack(&mut self, irq: Named, value: u64) -> Call<()> {
        let line = self.to_acknowledge(irq)?;
        let (number, _) = line.ok_or(Error::BadState)?;
        if value != u64::MAX {
            let receiver = self.lines[&number].receiver.unwrap();
            let (_, address) = receiver.register.ok_or(Error::BadArgument)?;
            let value = u32::try_from(value).map_err(|_| Error::BadArgument)?;
            self.stores.push((address, value));
        }
        self.acknowledge(line);
        Ok(())
    }

    /// The line that is acknowledged by a capability, and its interval, if it was delivered.
    pub fn to_acknowledge(&self, irq: Named) -> Call<Option<(u64, u64)>> {
        let (by, _, (first, _, interval)) = self.lines_with(irq, Rights::RECV)?;
        let mine = |line: &Line| line.receiver.is_some_and(|one| one.by == by);
        let line = self.lines.get(&first).filter(|line| mine(line));
        let delivered = line.is_some_and(|line| line.state() == LineState::Delivered);
        Ok(delivered.then_some((first, interval)))
    }

    pub fn acknowledge(&mut self, line: Option<(u64, u64)>) {
        let Some((number, interval)) = line else { return };
        let now = self.now;
        let line = self.line(number);
        let due = line.last + interval;
        let receiver = line.receiver.as_mut().unwrap();
        if due > now {
            receiver.due = due;
            line.held_back += 1;
        } else {
            receiver.claimed = false;
            line.complete();
        }
    }

    pub fn irq_stat(&self, irq: Named) -> Call<IrqInfo> {
        let (_, _, (first, count, interval)) = self.lines_with(irq, Rights::MANAGE)?;
        refuse_if(count != 1, Error::OutOfRange)?;
        let line = &self.lines[&first];
        let Line { delivered, held_back, last, .. } = *line;
        let (state, strays) = (line.state(), 0);
        Ok(IrqInfo { line: first, state, interval, delivered, held_back, last, strays })
    }

    pub fn limit_lines(&mut self, named: Named, limit: u64) -> Call<()> {
        let (id, _, (first, count, interval)) = self.lines_with(named, Rights::MANAGE)?;
        refuse_if(limit < interval || limit > u64::from(u32::MAX), Error::OutOfRange)?;
        refuse_if(!self.children(id).is_empty() || self.receives_by(id), Error::Busy)?;
        self.caps.get_mut(&id).unwrap().what = What::Lines { first, count, interval: limit };
        Ok(())
    }

    /// A device raises or lowers its level, and all interrupts that wait are delivered.
    pub fn set_level(&mut self, number: u64, level: bool) {
        let line = self.line(number);
        line.level = level;
        if !line.receiver.is_some_and(|one| one.claimed) {
            line.pending |= level;
        }
        let now = self.now;
        for number in self.lines.keys().copied().collect::<Vec<u64>>() {
            let line = self.line(number);
            if line.state() == LineState::Armed && std::mem::take(&mut line.pending) {
                (line.delivered, line.last) = (line.delivered + 1, now);
                let receiver = line.receiver.as_mut().unwrap();
                receiver.claimed = true;
                let (notification, bits) = (receiver.notification, receiver.bits);
                self.signal_object(notification, bits);
            }
        }
    }

    /// Lines that were held back until now are armed.
    pub fn let_lines_go(&mut self) {
        let now = self.now;
        for line in self.lines.values_mut() {
            if let Some(receiver) = line.receiver.as_mut().filter(|one| one.due <= now) {
                (receiver.due, receiver.claimed) = (NO_DEADLINE, false);
                line.complete();
            }
        }
    }

    /// The bindings of lines end that this is so of.
    pub fn end_lines(&mut self, which: impl Fn(&Receiver) -> bool) -> usize {
        let mut ended = 0;
        for line in self.lines.values_mut() {
            if let Some(receiver) = line.receiver.take_if(|receiver| which(receiver)) {
                ended += 1;
                if receiver.claimed {
                    line.complete();
                }
            }
        }
        ended
    }

    /// Of a process that has ended, its lines end before all else. True when some have not yet.
    pub fn end_lines_of(&mut self, process: Pid, seen: &Seen<'_>) -> bool {
        let free = |number: u64| {
            let found = seen.0.lines.iter().find(|(line, _)| u64::from(*line) == number);
            found.is_some_and(|(_, line)| line.state == LineState::Free)
        };
        let lines = self.lines.iter().filter_map(|(at, line)| Some((*at, line.receiver?.by)));
        let own = lines.filter(|(_, by)| self.caps[by].owner == process);
        let (gone, left): (Vec<_>, Vec<_>) = own.partition(|(at, _)| free(*at));
        self.end_lines(|receiver| gone.iter().any(|(_, by)| *by == receiver.by));
        !left.is_empty()
    }
}
