//! Outputs that are copied, and who taps them.

use std::cell::RefCell;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use tokio::sync::oneshot;
use units::UnitName;

use super::{Early, RETRY, Writer};
use crate::log::copied::{Copied, Copying};
use crate::log::own::OwnLine;
use crate::log::{Stream, ring};
use crate::reason::reason;

impl Writer {
    /// What is known of a copied output, beginning with its spool where nothing is.
    pub(super) fn copy(
        &mut self,
        unit: &UnitName,
        stream: Stream,
        copying: Copying,
        memory: Option<OwnedFd>,
    ) -> Option<Rc<RefCell<Copied>>> {
        let key = (unit.clone(), stream);
        if let Some(copied) = self.copied.get(&key) {
            copied.borrow_mut().change(copying);
            return Some(Rc::clone(copied));
        }
        let opened = match memory {
            Some(memory) => Ok(memory),
            // The keeper holds none: it is gone when we are.
            None => ring::create(unit.as_str()),
        };
        let copied = match opened.and_then(|memory| Copied::open(memory, copying)) {
            Ok(copied) => Rc::new(RefCell::new(copied)),
            Err(error) => {
                let text = format!("cannot copy the output of {unit}: {}", reason(&error));
                self.out.say(OwnLine::warning(unit, text));
                return None;
            }
        };
        self.copied.insert(key, Rc::clone(&copied));
        let (now, later) = std::mem::take(&mut self.early)
            .into_iter()
            .partition(|early| early.unit == *unit && early.stream == stream);
        self.early = later;
        for early in now {
            self.tap(early);
        }
        Some(copied)
    }

    pub(super) fn tap(&mut self, wanted: Early) {
        let key = (wanted.unit.clone(), wanted.stream);
        match self.copied.get(&key).cloned() {
            Some(copied) => {
                copied.borrow_mut().tap(wanted.from, wanted.to);
                self.tell_taps(&copied);
            }
            None => {
                self.early.retain(|early| !early.to.is_closed());
                self.early.push(wanted);
            }
        }
    }

    /// Tells those who tap an output what is new, now and as they take it.
    pub(super) fn tell_taps(&mut self, copied: &Rc<RefCell<Copied>>) {
        if !copied.borrow_mut().tell_taps() {
            let known = Rc::downgrade(copied);
            if !self.behind.iter().any(|other| other.ptr_eq(&known)) {
                self.behind.push(known);
            }
            self.retry_at.get_or_insert(self.out.now + RETRY);
        }
    }

    /// Answers those whose unit has nothing left that was not read, and told.
    pub(super) fn answer_drains(&mut self) {
        let (sources, out, copied) = (&self.sources, &self.out, &self.copied);
        self.drains.retain_mut(|(unit, reply)| {
            let busy = out.sources(unit).iter().any(|token| {
                sources
                    .get(token)
                    .is_some_and(|source| source.queued || (source.has_more() && !source.holding))
            });
            let behind = copied
                .iter()
                .any(|((whose, _), copied)| whose == unit && !copied.borrow_mut().tell_taps());
            if busy || behind {
                return true;
            }
            let (nobody, _) = oneshot::channel();
            // Nobody waits any more: nobody is told.
            let _ = std::mem::replace(reply, nobody).send(());
            false
        });
        if !self.drains.is_empty() {
            self.retry_at.get_or_insert(self.out.now + RETRY);
        }
    }
}
