//! Who gets in: Basic authentication, as supervisord's, without its comparisons that take longer
//! the more of a password is right.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use argon2::{Argon2, PasswordVerifier};
use subtle::ConstantTimeEq;
use tokio::sync::Semaphore;
use xmlrpc::base64;

use crate::config::{Auth, Endpoint};
use crate::places::Peer;

/// How many credentials that were found right with effort are remembered.
const MOST_REMEMBERED: usize = 64;

/// How many may wait for their turn to be found right with effort.
const MOST_WAITING: usize = 16;

/// How many failures are answered at once, before each costs its source [`DELAY`].
const FREE_FAILURES: u32 = 5;

/// What a further failure costs.
const DELAY: Duration = Duration::from_secs(1);

/// After this long without a failure all is forgiven.
const FORGIVEN: Duration = Duration::from_secs(60);

/// Of how many sources failures are counted.
const MOST_SOURCES: usize = 1_024;

/// What became of a request's credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// They are right, or none are asked for.
    Admitted,
    /// There are none, or they are wrong. To be answered after this time.
    Refused(Duration),
    /// They cannot be read.
    Malformed,
    /// Too many others are being looked at.
    Busy,
}

/// Looks at credentials, and remembers.
#[derive(Debug)]
pub(crate) struct Doorkeeper {
    /// What remembered credentials are hashed with: keyed, so that nobody can look for another one
    /// with the same hash.
    key: RandomState,
    remembered: Mutex<VecDeque<u64>>,
    failures: Mutex<HashMap<Peer, (u32, Instant)>>,
    /// One at a time: argon2 is meant to take memory.
    turn: Semaphore,
    waiting: Semaphore,
}

impl Default for Doorkeeper {
    fn default() -> Doorkeeper {
        Doorkeeper {
            key: RandomState::new(),
            remembered: Mutex::default(),
            failures: Mutex::default(),
            turn: Semaphore::new(1),
            waiting: Semaphore::new(MOST_WAITING),
        }
    }
}

impl Doorkeeper {
    /// Looks at the value of a request's `Authorization` header.
    pub(crate) async fn admit(
        &self,
        endpoint: &Endpoint,
        header: Option<&str>,
        peer: Peer,
    ) -> Verdict {
        let Some(auth) = &endpoint.auth else {
            return Verdict::Admitted;
        };
        // Asked for the first time, a browser has none: no failure.
        let Some(header) = header else {
            return Verdict::Refused(Duration::ZERO);
        };
        let (scheme, coded) = header.split_once(' ').unwrap_or((header, ""));
        if !scheme.eq_ignore_ascii_case("basic") {
            return Verdict::Refused(Duration::ZERO);
        }
        let given = base64::decode(coded.trim()).and_then(|bytes| String::from_utf8(bytes).ok());
        let Some((username, password)) = given.as_deref().and_then(|given| given.split_once(':'))
        else {
            return Verdict::Malformed;
        };
        // Both are always looked at: the time must not tell a wrong user from a wrong password.
        let user_is_right = same(username, &auth.username);
        let password_is_right = match self.verify(endpoint, auth, username, password).await {
            Some(right) => right,
            None => return Verdict::Busy,
        };
        if user_is_right & password_is_right {
            return Verdict::Admitted;
        }
        Verdict::Refused(self.failed(peer))
    }

    /// Whether the password is right; `None` when too many others wait to have theirs looked at.
    async fn verify(
        &self,
        endpoint: &Endpoint,
        auth: &Auth,
        username: &str,
        password: &str,
    ) -> Option<bool> {
        if let Some(digest) = auth.password.strip_prefix("{SHA}") {
            let given = sha1_smol::Sha1::from(password).digest().to_string();
            return Some(same(&given, digest));
        }
        let Some(hash) = auth.password.strip_prefix("{ARGON2ID}") else {
            return Some(same(password, &auth.password));
        };
        let remembered = self.key.hash_one((
            &endpoint.name,
            &auth.username,
            &auth.password,
            username,
            password,
        ));
        if self.remembered().contains(&remembered) {
            return Some(true);
        }
        let _waiting = self.waiting.try_acquire().ok()?;
        let turn = self.turn.acquire().await.ok()?;
        let (hash, given) = (hash.to_owned(), password.to_owned());
        // Milliseconds of work: not for the loop's thread.
        let right = tokio::task::spawn_blocking(move || {
            let verifier: &dyn PasswordVerifier<str> = &Argon2::default();
            verifier.verify_password(given.as_bytes(), &hash).is_ok()
        })
        .await
        .unwrap_or(false);
        drop(turn);
        if right {
            let mut known = self.remembered();
            if known.len() == MOST_REMEMBERED {
                known.pop_front();
            }
            known.push_back(remembered);
        }
        Some(right)
    }

    /// Counts a failure; how long it is to be answered with.
    fn failed(&self, peer: Peer) -> Duration {
        let now = Instant::now();
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.len() >= MOST_SOURCES {
            failures.retain(|_, (_, last)| now.duration_since(*last) < FORGIVEN);
            if failures.len() >= MOST_SOURCES {
                // Somebody has very many addresses. Forgetting is cheaper than room for all.
                failures.clear();
            }
        }
        let (count, last) = failures.entry(peer).or_insert((0, now));
        if now.duration_since(*last) >= FORGIVEN {
            *count = 0;
        }
        *count = count.saturating_add(1);
        *last = now;
        if *count > FREE_FAILURES {
            DELAY
        } else {
            Duration::ZERO
        }
    }

    fn remembered(&self) -> MutexGuard<'_, VecDeque<u64>> {
        // A list of numbers is whole at every moment.
        self.remembered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether two texts are the same, in a time that says only how long they are.
fn same(given: &str, known: &str) -> bool {
    given.as_bytes().ct_eq(known.as_bytes()).into()
}

/// What is wrong with a password as it is written in a configuration, if anything.
pub(crate) fn problem(auth: &Auth) -> Option<String> {
    let hash = auth.password.strip_prefix("{ARGON2ID}")?;
    let refused = argon2::PasswordHash::new(hash).err()?;
    Some(format!("the password is no argon2 hash: {refused}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of `thepassword`, with parameters that take no time.
    const ARGON2: &str = "{ARGON2ID}$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21l$";

    fn endpoint(password: &str) -> Endpoint {
        Endpoint {
            name: "inet_http_server".to_owned(),
            address: "127.0.0.1:9001".to_owned(),
            auth: Some(Auth {
                username: "user".to_owned(),
                password: password.to_owned(),
            }),
            hosts: Vec::new(),
        }
    }

    fn header(text: &str) -> String {
        format!("Basic {}", base64::encode(text.as_bytes()))
    }

    fn peer(number: u32) -> Peer {
        Peer::Uid(number)
    }

    fn argon2_of(password: &str) -> String {
        let mut out = [0; 32];
        let parameters = argon2::Params::new(64, 1, 1, Some(32)).unwrap();
        Argon2::new(
            argon2::Algorithm::Argon2id,
            argon2::Version::V0x13,
            parameters,
        )
        .hash_password_into(password.as_bytes(), b"somesaltsome", &mut out)
        .unwrap();
        let coded = base64::encode(&out);
        format!("{ARGON2}{}", coded.trim_end_matches('='))
    }

    #[tokio::test]
    async fn every_kind_of_password() {
        let doorkeeper = Doorkeeper::default();
        let argon2 = argon2_of("thepassword");
        for (number, stored) in [
            "thepassword",
            "{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d",
            &argon2,
        ]
        .into_iter()
        .enumerate()
        {
            let endpoint = endpoint(stored);
            let peer = peer(u32::try_from(number).unwrap());
            for (given, expected) in [
                ("user:thepassword", true),
                ("user:thepassworD", false),
                ("user:", false),
                ("User:thepassword", false),
                (":thepassword", false),
                // Twice, since what was right is remembered.
                ("user:thepassword", true),
                ("user:thepassword2", false),
            ] {
                let verdict = doorkeeper
                    .admit(&endpoint, Some(&header(given)), peer)
                    .await;
                assert_eq!(verdict == Verdict::Admitted, expected, "{given} {stored}");
            }
        }
        assert_eq!(problem(endpoint(&argon2).auth.as_ref().unwrap()), None);
        assert!(problem(endpoint("{ARGON2ID}x").auth.as_ref().unwrap()).is_some());
    }

    #[tokio::test]
    async fn the_digest_is_compared_as_it_is_written() {
        let endpoint = endpoint("{SHA}82AB876D1387BFAFE46CC1C8A2EF074EAE50CB1D");
        let given = header("user:thepassword");
        let verdict = Doorkeeper::default()
            .admit(&endpoint, Some(&given), peer(1))
            .await;
        assert!(matches!(verdict, Verdict::Refused(_)));
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_malformed() {
        let (doorkeeper, endpoint) = (Doorkeeper::default(), endpoint("x"));
        for (given, verdict) in [
            (None, Verdict::Refused(Duration::ZERO)),
            (Some("Digest abc"), Verdict::Refused(Duration::ZERO)),
            (Some("Basic Z"), Verdict::Malformed),
            (Some("Basic"), Verdict::Malformed),
            (Some("Basic bm9jb2xvbg=="), Verdict::Malformed),
        ] {
            assert_eq!(doorkeeper.admit(&endpoint, given, peer(1)).await, verdict);
        }
    }

    #[tokio::test]
    async fn b23_failures_cost_their_source_time() {
        let (doorkeeper, endpoint) = (Doorkeeper::default(), endpoint("x"));
        let wrong = header("user:y");
        for failure in 1..10 {
            let verdict = doorkeeper.admit(&endpoint, Some(&wrong), peer(1)).await;
            let delay = if failure > FREE_FAILURES {
                DELAY
            } else {
                Duration::ZERO
            };
            assert_eq!(verdict, Verdict::Refused(delay), "failure {failure}");
        }
        // Nobody else, and not who knows better.
        let other = doorkeeper.admit(&endpoint, Some(&wrong), peer(2)).await;
        assert_eq!(other, Verdict::Refused(Duration::ZERO));
        let right = header("user:x");
        let verdict = doorkeeper.admit(&endpoint, Some(&right), peer(1)).await;
        assert_eq!(verdict, Verdict::Admitted);
    }
}
