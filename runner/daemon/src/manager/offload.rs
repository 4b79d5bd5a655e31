//! Work that may block on a file system, done away from the loop.
//!
//! Reading unit files, binding listeners and reading pid files touch disks that may be slow or
//! dead. One thread does them in order; each result comes back to the loop as a value.

use std::sync::mpsc;
use std::thread;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

type Job<T> = Box<dyn FnOnce() -> T + Send>;

/// The thread and its two queues. The thread is started with the first piece of work.
pub(super) struct Offload<T> {
    jobs: Option<mpsc::Sender<Job<T>>>,
    results: UnboundedReceiver<T>,
    done: UnboundedSender<T>,
}

impl<T: Send + 'static> Offload<T> {
    /// No thread yet.
    pub(super) fn new() -> Offload<T> {
        let (done, results) = unbounded_channel();
        Offload {
            jobs: None,
            results,
            done,
        }
    }

    /// Queues one piece of work. Where no thread can be had it is done at once: late beats never.
    pub(super) fn submit(&mut self, job: impl FnOnce() -> T + Send + 'static) {
        if self.jobs.is_none() {
            let (sender, receiver) = mpsc::channel::<Job<T>>();
            let done = self.done.clone();
            let started = thread::Builder::new()
                .name("files".into())
                .stack_size(256 * 1024)
                .spawn(move || {
                    while let Ok(job) = receiver.recv() {
                        if done.send(job()).is_err() {
                            break;
                        }
                    }
                });
            if started.is_ok() {
                self.jobs = Some(sender);
            }
        }
        let job: Job<T> = Box::new(job);
        let refused = match &self.jobs {
            Some(jobs) => jobs.send(job).err().map(|error| error.0),
            None => Some(job),
        };
        if let Some(job) = refused {
            self.jobs = None;
            let _ = self.done.send(job());
        }
    }

    /// The next result. Cancel-safe.
    pub(super) async fn next(&mut self) -> T {
        match self.results.recv().await {
            Some(result) => result,
            // Never: we hold a sender ourselves.
            None => std::future::pending().await,
        }
    }
}
