//! All devices, and what is asked about them.

use alloc::vec::Vec;

use nexus_abi::{Handle, KindCode, Message, Sender};
use nexus_proto::bus::{Prepare, REGISTERS, Release, Request, Take};
use nexus_proto::log::NO_DEVICE;
use nexus_proto::{Operation, ServiceError, decode_with_caps, encode_error};
use nexus_sysdesc::Description;
use nexus_sysdesc::layout::Layout;
use nexus_sysdesc::sealed::is_owners;

use crate::Kernel;
use crate::slot::{Answer, Job, Plan, Slot, State, TAKEN};

type Given<R> = Result<(Slot<R>, Job), ServiceError>;
type Begun<'a, R> = Result<(&'a mut Slot<R>, Job), ServiceError>;

/// Every device that busd was given.
pub struct Bus<R> {
    system: Description,
    slots: Vec<Slot<R>>,
}

impl<R> Bus<R> {
    /// Sets devices up by the rules of `system`.
    #[must_use]
    pub const fn new(system: Description) -> Bus<R> {
        Bus { system, slots: Vec::new() }
    }

    /// True while a device is being reset: then [`Bus::tick`] is to be called a millisecond later.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.slots.iter().any(Slot::is_waiting)
    }

    /// Looks at the devices that are being reset.
    pub fn tick<K: Kernel<Reply = R>>(&mut self, kernel: &mut K) {
        for slot in &mut self.slots {
            let done = slot.poll(kernel);
            answer(kernel, done);
        }
    }

    /// Answers a request, now or when its device is reset.
    pub fn request<K: Kernel<Reply = R>>(
        &mut self,
        sender: Sender,
        request: &Request,
        reply: R,
        kernel: &mut K,
    ) {
        let found = match request {
            _ if sender.service_id != self.system.init => Err(ServiceError::Denied),
            // It carries nothing.
            Request::Take(_) => Err(ServiceError::Malformed),
            Request::Prepare(ask) => self.prepare(ask),
            Request::Release(ask) => self.release(ask),
        };
        let done = match found {
            Ok((slot, job)) => slot.begin(job, reply, kernel),
            Err(error) => Some((reply, encode_error(error))),
        };
        answer(kernel, done);
    }

    /// Answers a message that carries capabilities: those that are not taken are given up.
    pub fn carried<K: Kernel<Reply = R>>(
        &mut self,
        sender: Sender,
        message: &Message,
        reply: R,
        kernel: &mut K,
    ) {
        let done = match self.to_take(sender, message, kernel) {
            Ok((mut slot, job)) => {
                let done = slot.begin(job, reply, kernel);
                self.slots.push(slot);
                done
            }
            Err(error) => {
                message.caps().for_each(|cap| kernel.give_up(cap));
                Some((reply, encode_error(error)))
            }
        };
        answer(kernel, done);
    }

    /// The device that a message gives. One of which nobody can tell which it is may be a disk that is known
    /// by its serial number.
    fn to_take<K: Kernel>(&self, sender: Sender, message: &Message, kernel: &mut K) -> Given<R> {
        if sender.service_id != self.system.init {
            return Err(ServiceError::Denied);
        }
        let decoded = decode_with_caps::<Take, 1>(message);
        let (take, [window]) = match decoded {
            Ok(decoded) if message.tag.label() == Take::LABEL => decoded,
            _ => return Err(ServiceError::Malformed),
        };
        let asked = self.system.asked_layout().filter(|_| take.device == NO_DEVICE);
        if take.device != NO_DEVICE {
            let device = self.system.device(take.device).filter(|device| device.dma);
            device.ok_or(ServiceError::NoSuchDevice)?;
            if self.slots.iter().any(|slot| slot.number == take.device) {
                return Err(ServiceError::BadState);
            }
        }
        let len = whole_window(window, kernel).ok_or(ServiceError::OutOfRange)?;
        Ok((Slot::new(take.device, window, len), asked.map_or(Job::Take, Job::Ask)))
    }

    fn prepare(&mut self, ask: &Prepare) -> Begun<'_, R> {
        self.slot(ask.device)?;
        let system = &self.system;
        let rule = system.rule_for(ask.service, ask.device).ok_or(ServiceError::NotFound)?;
        let id = system.device(ask.device).and_then(|device| device.virtio_id);
        let id = id.ok_or(ServiceError::NotFound)?;
        let registers = rule.registers.filter(|mask| is_owners(*mask));
        let registers = registers.ok_or(ServiceError::OutOfRange)?;
        let layout = Layout::of(&rule.queues).ok_or(ServiceError::OutOfRange)?;
        let plan = Plan { nonce: ask.nonce, id, rights: rule.rights(), registers, layout };
        let slot = self.slot(ask.device)?;
        slot.is_in(State::Reset)?;
        let fits = slot.memory.fits(&plan.layout);
        fits.then_some((slot, Job::Prepare(plan))).ok_or(ServiceError::BadState)
    }

    fn release(&mut self, ask: &Release) -> Begun<'_, R> {
        let slot = self.slot(ask.device)?;
        slot.is_in(State::Prepared)?;
        Ok((slot, Job::Release))
    }

    /// The device with this number. Two that tell its serial number are none.
    fn slot(&mut self, number: u16) -> Result<&mut Slot<R>, ServiceError> {
        let device = self.system.device(number).ok_or(ServiceError::NoSuchDevice)?;
        let mut meant = self.slots.iter_mut().filter(|slot| slot.is(device));
        let first = meant.next().ok_or(ServiceError::NoSuchDevice)?;
        meant.next().is_none().then_some(first).ok_or(ServiceError::NoSuchDevice)
    }
}

/// Answers, if there is something to say, and gives up what the answer carried: who was asked has it.
fn answer<K: Kernel>(kernel: &mut K, done: Answer<K::Reply>) {
    if let Some((reply, message)) = done {
        kernel.answer(reply, &message);
        message.caps().for_each(|cap| kernel.give_up(cap));
    }
}

/// Bytes of a window that has what busd needs, and no more: none of its registers takes an address.
fn whole_window<K: Kernel>(window: Handle, kernel: &mut K) -> Option<u64> {
    let info = kernel.query(window).ok()?;
    let is_one = info.kind == KindCode::DeviceMmio && info.rights.contains(TAKEN);
    (is_one && info.registers == Some(REGISTERS)).then_some(info.len)
}
