//! A TCP client that counts what happens to its connections.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// One HTTP/1.0 request; the whole answer.
pub fn get(address: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    stream.write_all(b"GET / HTTP/1.0\r\nHost: test\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

/// What a [`Client`] saw.
#[derive(Debug, Default)]
pub struct Tally {
    /// Requests answered with 200.
    pub answered: u64,
    /// Everything else, in words.
    pub failed: Vec<String>,
    /// The slowest answer.
    pub slowest: Duration,
}

/// Sends requests at a steady rate until told to stop.
pub struct Client {
    stop: Arc<AtomicBool>,
    workers: Vec<std::thread::JoinHandle<Tally>>,
}

impl Client {
    /// Starts: `per_second` requests in all, from four connections' worth of threads.
    pub fn start(address: &str, per_second: u32) -> Client {
        const WORKERS: u32 = 4;
        let stop = Arc::new(AtomicBool::new(false));
        let pace = Duration::from_secs(WORKERS.into()) / per_second;
        let workers = (0..WORKERS)
            .map(|_| {
                let (stop, address) = (stop.clone(), address.to_owned());
                std::thread::spawn(move || work(&address, pace, &stop))
            })
            .collect();
        Client { stop, workers }
    }

    /// Stops and adds up.
    pub fn stop(self) -> Tally {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Tally::default();
        for worker in self.workers {
            let part = worker.join().expect("a client thread");
            all.answered += part.answered;
            all.failed.extend(part.failed);
            all.slowest = all.slowest.max(part.slowest);
        }
        all
    }
}

fn work(address: &str, pace: Duration, stop: &AtomicBool) -> Tally {
    let mut tally = Tally::default();
    let start = Instant::now();
    let mut turn = 0u32;
    while !stop.load(Ordering::Relaxed) {
        let sent = Instant::now();
        match get(address) {
            Ok(answer) if answer.contains(" 200 ") => tally.answered += 1,
            Ok(answer) => tally.failed.push(format!("answer {answer:?}")),
            Err(error) => tally.failed.push(error.to_string()),
        }
        tally.slowest = tally.slowest.max(sent.elapsed());
        turn += 1;
        // The rate is the test's load: sleeping keeps it, it waits for nothing.
        if let Some(left) = (pace * turn).checked_sub(start.elapsed()) {
            std::thread::sleep(left);
        }
    }
    tally
}
