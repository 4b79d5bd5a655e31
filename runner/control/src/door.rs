//! The channel between front ends and the manager.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use engine::ticket::RequestId;
use engine::{Change, Refusal};
use tokio::sync::{mpsc, oneshot};

use crate::access::{self, Action, Policy, Standing};
use crate::caller::Caller;
use crate::reply::Reply;
use crate::request::Request;

/// How many changes a subscriber may be behind before it is dropped: more than the start of a
/// thousand units publishes at once, and no more memory than a subscriber that sleeps can cost us.
const LONGEST_BACKLOG: usize = 16_384;

/// Makes both ends.
#[must_use]
pub fn open(policy: Policy) -> (Handle, Door) {
    let (knocks, door) = mpsc::unbounded_channel();
    let shared = Arc::new(Shared {
        policy,
        next: AtomicU64::new(1),
        subscribers: Mutex::new(Vec::new()),
    });
    (
        Handle {
            knocks,
            shared: shared.clone(),
        },
        Door {
            knocks: door,
            shared,
        },
    )
}

#[derive(Debug)]
struct Shared {
    policy: Policy,
    next: AtomicU64,
    subscribers: Mutex<Vec<mpsc::Sender<Arc<Change>>>>,
}

impl Shared {
    fn subscribers(&self) -> MutexGuard<'_, Vec<mpsc::Sender<Arc<Change>>>> {
        // A list of senders is whole at every moment, so a panic elsewhere cannot have broken it.
        self.subscribers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A front end's end; cheap to clone.
///
/// The queue behind it is not bounded: front ends bound what their clients may have outstanding.
#[derive(Debug, Clone)]
pub struct Handle {
    knocks: mpsc::UnboundedSender<Knock>,
    shared: Arc<Shared>,
}

impl Handle {
    /// Asks, and waits for the answer as long as it takes. Dropping the future takes the request
    /// back as far as its reply goes; what it caused stays.
    ///
    /// # Errors
    /// The manager's refusal, or that of [`access::may`]; [`Refusal::ShuttingDown`] once the
    /// manager is gone.
    pub async fn ask(&self, caller: Caller, request: Request) -> Result<Reply, Refusal> {
        self.ask_permitted(caller, request, None).await
    }

    /// As [`Handle::ask`], for a caller whom the system's authority has permitted something.
    ///
    /// # Errors
    /// As [`Handle::ask`].
    pub async fn ask_permitted(
        &self,
        caller: Caller,
        request: Request,
        permitted: Option<Action>,
    ) -> Result<Reply, Refusal> {
        let policy = &self.shared.policy;
        if let Err(refusal) = access::may_with(&caller, &request, policy, permitted) {
            // The manager hears of it for its audit record; nobody waits for that.
            let _ = self.knocks.send(Knock::Denied { caller, request });
            return Err(refusal);
        }
        let id = RequestId(self.shared.next.fetch_add(1, Ordering::Relaxed));
        let (answer, answered) = oneshot::channel();
        let knock = Knock::Asked {
            id,
            caller,
            request,
            answerer: Answerer { answer },
        };
        self.knocks.send(knock).map_err(|_| Refusal::ShuttingDown)?;
        let mut guard = Leaving {
            knocks: &self.knocks,
            id: Some(id),
        };
        let answer = answered.await;
        guard.id = None;
        answer.unwrap_or(Err(Refusal::ShuttingDown))
    }

    /// Whether the manager is gone: every question is refused from now on.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.knocks.is_closed()
    }

    /// What the caller would have to be permitted by the system's authority to ask `request`; `None`
    /// where it may already, and where nobody is permitted that.
    #[must_use]
    pub fn lacks(&self, caller: &Caller, request: &Request) -> Option<Action> {
        match access::may(caller, request, &self.shared.policy) {
            Ok(()) => None,
            Err(_) => access::action(request),
        }
    }

    /// What this caller is to us: front ends leave out what it may not see.
    #[must_use]
    pub fn standing(&self, caller: &Caller) -> Standing {
        access::standing(caller, &self.shared.policy)
    }

    /// Every change from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let (sender, changes) = mpsc::channel(LONGEST_BACKLOG);
        self.shared.subscribers().push(sender);
        Subscription { changes }
    }
}

/// Says that the asker left, unless the answer came first.
struct Leaving<'a> {
    knocks: &'a mpsc::UnboundedSender<Knock>,
    id: Option<RequestId>,
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.id {
            // No manager, nobody to tell.
            let _ = self.knocks.send(Knock::Gone(id));
        }
    }
}

/// A stream of changes.
#[derive(Debug)]
pub struct Subscription {
    changes: mpsc::Receiver<Arc<Change>>,
}

impl Subscription {
    /// The next change. `None` after the last one: the manager is gone, or this subscriber fell so
    /// far behind that it was dropped, and has to subscribe and look at everything afresh.
    pub async fn next(&mut self) -> Option<Arc<Change>> {
        self.changes.recv().await
    }

    /// As [`Subscription::next`], for loops that wait for several things at once.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Arc<Change>>> {
        self.changes.poll_recv(context)
    }
}

/// The manager's end.
#[derive(Debug)]
pub struct Door {
    knocks: mpsc::UnboundedReceiver<Knock>,
    shared: Arc<Shared>,
}

/// What comes to the door.
#[derive(Debug)]
pub enum Knock {
    /// Somebody who may asks for something.
    Asked {
        /// Names the request; never used twice by this manager.
        id: RequestId,
        /// Who.
        caller: Caller,
        /// What.
        request: Request,
        /// Where the answer goes; dropping it answers that we are shutting down.
        answerer: Answerer,
    },
    /// Somebody asked who may not. It has been answered; this is for the audit record.
    Denied {
        /// Who.
        caller: Caller,
        /// What.
        request: Request,
    },
    /// Who asked this does not wait for the answer any more.
    Gone(RequestId),
}

impl Door {
    /// The next knock, in order; `None` once every handle is gone. May be cancelled without loss.
    pub async fn next(&mut self) -> Option<Knock> {
        self.knocks.recv().await
    }

    /// The next knock if there is one already.
    pub fn try_next(&mut self) -> Option<Knock> {
        self.knocks.try_recv().ok()
    }

    /// Tells every subscriber. Who is too far behind is dropped. Costs nothing without subscribers.
    pub fn publish(&self, change: Change) {
        let mut subscribers = self.shared.subscribers();
        if subscribers.is_empty() {
            return;
        }
        let change = Arc::new(change);
        subscribers.retain(|subscriber| subscriber.try_send(Arc::clone(&change)).is_ok());
    }
}

/// The way back to one asker.
#[derive(Debug)]
pub struct Answerer {
    answer: oneshot::Sender<Result<Reply, Refusal>>,
}

impl Answerer {
    /// Answers. An asker that left misses nothing.
    pub fn answer(self, answer: Result<Reply, Refusal>) {
        let _ = self.answer.send(answer);
    }

    /// Whether the asker left.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.answer.is_closed()
    }
}

#[cfg(test)]
mod tests {
    use engine::command::Answer;
    use engine::{Command, Refusal};

    use super::*;
    use crate::Via;

    fn caller(uid: u32) -> Caller {
        Caller {
            uid,
            gid: None,
            groups: Vec::new(),
            pid: None,
            via: Via::Private,
        }
    }

    fn pair() -> (Handle, Door) {
        open(Policy {
            own_uid: 1000,
            admin_gid: None,
        })
    }

    #[tokio::test]
    async fn an_answer_finds_its_question() {
        let (handle, mut door) = pair();
        let one = tokio::spawn({
            let handle = handle.clone();
            async move { handle.ask(caller(1000), Request::Reexec).await }
        });
        let Some(Knock::Asked {
            request: Request::Reexec,
            answerer,
            ..
        }) = door.next().await
        else {
            panic!("nobody asked")
        };
        answerer.answer(Ok(Reply::Answer(Answer::Done)));
        assert!(matches!(
            one.await.unwrap(),
            Ok(Reply::Answer(Answer::Done))
        ));
        // An answered question is not reported as left.
        assert!(door.try_next().is_none());
    }

    #[tokio::test]
    async fn who_leaves_is_reported() {
        let (handle, mut door) = pair();
        let asking = tokio::spawn(async move { handle.ask(caller(0), Request::Jobs).await });
        let Some(Knock::Asked { id, answerer, .. }) = door.next().await else {
            panic!("nobody asked")
        };
        asking.abort();
        assert!(asking.await.unwrap_err().is_cancelled());
        assert!(answerer.is_gone());
        assert!(matches!(door.next().await, Some(Knock::Gone(gone)) if gone == id));
    }

    #[tokio::test]
    async fn who_may_not_is_refused_and_reported() {
        let (handle, mut door) = pair();
        let request = Request::Command(Command::Shutdown { status: 0 });
        let refusal = handle.ask(caller(7), request).await;
        assert!(matches!(refusal, Err(Refusal::AccessDenied(_))));
        assert!(matches!(door.next().await, Some(Knock::Denied { caller, .. }) if caller.uid == 7));
    }

    #[tokio::test]
    async fn without_a_manager_everything_is_refused() {
        let (handle, door) = pair();
        drop(door);
        let answer = handle.ask(caller(0), Request::Jobs).await;
        assert!(matches!(answer, Err(Refusal::ShuttingDown)));
    }

    #[tokio::test]
    async fn a_subscriber_too_far_behind_is_dropped() {
        let (handle, door) = pair();
        let mut slow = handle.subscribe();
        let mut quick = handle.subscribe();
        for _ in 0..=LONGEST_BACKLOG {
            door.publish(Change::StartupFinished);
            assert!(quick.next().await.is_some());
        }
        for _ in 0..LONGEST_BACKLOG {
            assert!(slow.next().await.is_some());
        }
        assert!(slow.next().await.is_none());
        door.publish(Change::StartupFinished);
        assert!(quick.next().await.is_some());
    }
}
