//! `passwd`: the line that gives a server of supervisord's configuration its password, without the
//! password.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use argon2::{Algorithm, Argon2, Params, Version};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use xmlrpc::base64;

use crate::cli::PasswdArgs;
use crate::exit::Exit;
use crate::failure::{Failure, Outcome};
use crate::terminal::Terminal;

/// The longest password that is taken, in bytes.
const LONGEST: u64 = 1024;

/// Memory of one verification, in KiB: the daemon that verifies is small.
const MEMORY: u32 = 8 * 1024;

/// How often that memory is gone over.
const PASSES: u32 = 3;

/// Bytes of the salt, and of the hash.
const SALT: usize = 16;
const HASH: usize = 32;

/// `passwd`
pub(super) fn passwd(args: &PasswdArgs, terminal: &mut Terminal) -> Outcome {
    let password = read()?;
    let value = if args.sha1 {
        sha1(&password)
    } else {
        let mut salt = [0; SALT];
        fill(&mut salt)?;
        argon2id(&password, &salt)?
    };
    if terminal.json() {
        terminal.value(&serde_json::json!({ "password": value }))?;
    } else {
        terminal.line(&format!("password={value}"))?;
    }
    Ok(Exit::Done)
}

/// The way of supervisord: a bare SHA-1, in hexadecimal.
fn sha1(password: &str) -> String {
    format!("{{SHA}}{}", sha1_smol::Sha1::from(password).digest())
}

/// Ours: argon2id in the form in which everybody writes it. It has none of the characters that mean
/// something in the file.
fn argon2id(password: &str, salt: &[u8]) -> Result<String, Failure> {
    let failed = |error: argon2::Error| Failure::because(format!("cannot hash it: {error}"));
    let parameters = Params::new(MEMORY, PASSES, 1, Some(HASH)).map_err(failed)?;
    let mut hash = [0; HASH];
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(password.as_bytes(), salt, &mut hash)
        .map_err(failed)?;
    let unpadded = |bytes: &[u8]| base64::encode(bytes).trim_end_matches('=').to_owned();
    let (salt, hash) = (unpadded(salt), unpadded(&hash));
    Ok(format!(
        "{{ARGON2ID}}$argon2id$v=19$m={MEMORY},t={PASSES},p=1${salt}${hash}"
    ))
}

/// Fills `bytes` from the kernel's generator.
fn fill(bytes: &mut [u8]) -> Result<(), Failure> {
    let mut filled = 0;
    while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match rustix::rand::getrandom(rest, rustix::rand::GetRandomFlags::empty()) {
            Ok(some) => filled += some,
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => {
                return Err(Failure::because(format!(
                    "cannot get random bytes: {}",
                    io::Error::from(error)
                )));
            }
        }
    }
    Ok(())
}

/// The password: twice from a terminal, that shows nothing of it; otherwise the first line of
/// standard input.
fn read() -> Result<String, Failure> {
    let password = if io::stdin().is_terminal() {
        let password = ask("Password: ")?;
        if ask("Again: ")? != password {
            return Err(Failure::because("the two are not the same"));
        }
        password
    } else {
        line(&mut io::stdin().lock())?
    };
    if password.is_empty() {
        return Err(Failure::new(Exit::Usage, "an empty password is none")
            .with_hint("leave out username and password for a server that needs none"));
    }
    if password.chars().any(char::is_control) {
        return Err(Failure::new(
            Exit::Usage,
            "a password with control characters cannot be typed by everybody",
        ));
    }
    Ok(password)
}

/// One line, without its end.
fn line(from: &mut impl BufRead) -> Result<String, Failure> {
    let mut bytes = Vec::new();
    from.take(LONGEST + 2)
        .read_until(b'\n', &mut bytes)
        .map_err(|error| Failure::because(format!("cannot read the password: {error}")))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::new(Exit::Usage, "the password is not UTF-8"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.len() as u64 > LONGEST {
        return Err(Failure::new(
            Exit::Usage,
            format!("a password has at most {LONGEST} bytes"),
        ));
    }
    Ok(text.to_owned())
}

/// A terminal that does not show what is typed, until it is dropped.
struct Unseen {
    input: io::Stdin,
    before: Termios,
}

impl Unseen {
    fn new() -> io::Result<Unseen> {
        let input = io::stdin();
        let before = tcgetattr(&input)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(&input, OptionalActions::Flush, &silent)?;
        Ok(Unseen { input, before })
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.input, OptionalActions::Flush, &self.before);
    }
}

/// Asks a person. The question goes to the terminal, so that standard output has the line alone.
fn ask(question: &str) -> Result<String, Failure> {
    let cannot = |error: io::Error| Failure::because(format!("cannot ask for it: {error}"));
    let unseen = Unseen::new().map_err(cannot)?;
    let mut terminal = File::options()
        .write(true)
        .open("/dev/tty")
        .map_err(cannot)?;
    write!(terminal, "{question}").map_err(cannot)?;
    let answer = line(&mut unseen.input.lock());
    writeln!(terminal).map_err(cannot)?;
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_of_supervisord() {
        assert_eq!(
            sha1("thepassword"),
            "{SHA}82ab876d1387bfafe46cc1c8a2ef074eae50cb1d"
        );
    }

    #[test]
    fn the_daemon_takes_what_is_made_here() {
        let value = argon2id("pässword", &[7; SALT]).unwrap();
        let hash = value.strip_prefix("{ARGON2ID}").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8192,t=3,p=1$BwcHBwcHBwcHBwcHBwcHBw$"));
        let hash = argon2::PasswordHash::new(hash).unwrap();
        use argon2::PasswordVerifier;
        let verifier = Argon2::default();
        assert!(
            verifier
                .verify_password("pässword".as_bytes(), &hash)
                .is_ok()
        );
        assert!(verifier.verify_password(b"password", &hash).is_err());
        // What would end the value, or be expanded in it.
        assert!(!value.contains(['%', ';', '#', ' ']));
    }

    #[test]
    fn one_line_and_not_too_long() {
        assert_eq!(line(&mut &b"word\r\nmore"[..]).unwrap(), "word");
        assert_eq!(line(&mut &b"word"[..]).unwrap(), "word");
        let long = vec![b'x'; 2000];
        assert!(line(&mut &long[..]).is_err());
    }
}
