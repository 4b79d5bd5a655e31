//! Requests a browser makes because a stranger's page told it to. Pure.
//!
//! supervisord executes whatever reaches it. Here, of what is evidently a browser, only that is let
//! through which a page of ours, or the person at the keyboard, has caused.

use std::net::IpAddr;

use crate::config::Endpoint;
use crate::http::{Head, Method};

/// Why a request is refused with 403: for the log, and for the person.
pub(crate) type Foreign = &'static str;

/// Whether a request was caused by ourselves, a person, or a program that is no browser.
///
/// `machine` is the name of this machine.
pub(crate) fn verdict(head: &Head, endpoint: &Endpoint, machine: &str) -> Result<(), Foreign> {
    let (site, origin) = (head.header("sec-fetch-site"), head.header("origin"));
    let host = head.header("host").unwrap_or_default();
    let is_browser = site.is_some()
        || origin.is_some()
        || head
            .header("user-agent")
            .is_some_and(|agent| agent.starts_with("Mozilla/"));
    if !is_browser {
        return Ok(());
    }
    // A page of a stranger whose name has just been pointed at this machine is "the same origin" to
    // the browser, but its name is not ours. With a password that does it no good.
    if endpoint.auth.is_none() && !is_ours(host, endpoint, machine) {
        return Err(
            "this server has no password, so it answers browsers only under its address, \
             localhost or the name of its machine",
        );
    }
    if head.method == Method::Get || head.method == Method::Head {
        return Ok(());
    }
    match (site, origin) {
        // The browser says itself who caused it, whatever proxies make of the host.
        (Some("same-origin" | "none"), _) => {}
        (Some(_), _) => return Err("a page of another site caused this request"),
        (None, Some(origin)) => {
            let of_origin = origin
                .strip_prefix("http://")
                .or_else(|| origin.strip_prefix("https://"));
            if of_origin != Some(host) {
                return Err("a page of another site caused this request");
            }
        }
        (None, None) => {}
    }
    if head.path.starts_with("/RPC2") {
        let kind = head.header("content-type").unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !["text/xml", "application/xml"]
            .iter()
            .any(|known| kind.eq_ignore_ascii_case(known))
        {
            return Err("a browser calls methods with Content-Type text/xml");
        }
    }
    Ok(())
}

/// Whether the name in a `Host` header is one nobody else can own.
fn is_ours(host: &str, endpoint: &Endpoint, machine: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let first_label = |text: &str| {
        text.split('.')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase()
    };
    name.is_empty()
        || name.parse::<IpAddr>().is_ok()
        || name == "localhost"
        || name.ends_with(".localhost")
        || name.eq_ignore_ascii_case(machine)
        || name == first_label(machine)
        || endpoint
            .hosts
            .iter()
            .any(|known| known.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Auth, Limits};
    use crate::http::head::{Search, parse};

    fn asked(request: &str, has_password: bool) -> bool {
        let text = format!("{}\r\n\r\n", request.replace('\n', "\r\n"));
        let mut bytes = text.into_bytes();
        let limits = Limits::default();
        Search::default().end(&mut bytes, &limits).unwrap().unwrap();
        let head = parse(&bytes, &limits).unwrap();
        let endpoint = Endpoint {
            name: "inet_http_server".to_owned(),
            address: "127.0.0.1:9001".to_owned(),
            auth: has_password.then(|| Auth {
                username: "a".to_owned(),
                password: "b".to_owned(),
            }),
            hosts: vec!["shop.example".to_owned()],
        };
        verdict(&head, &endpoint, "box.lan").is_ok()
    }

    #[test]
    fn programs_are_let_through() {
        for request in [
            "POST /RPC2 HTTP/1.1\nContent-Length: 1\nHost: evil.example",
            "POST /RPC2 HTTP/1.1\nContent-Length: 1\nContent-Type: application/x-www-form-urlencoded\nUser-Agent: curl/7.88.1",
            "POST /RPC2 HTTP/1.1\nContent-Length: 1\nContent-Type: text/xml\nUser-Agent: Python-xmlrpc/3.11\nHost: localhost",
            "GET /logtail/x HTTP/1.1\nHost: \nUser-agent: Supervisor HTTP Client",
        ] {
            assert!(asked(request, false), "{request}");
            assert!(asked(request, true), "{request}");
        }
    }

    #[test]
    fn b19_what_a_strangers_page_causes_is_refused() {
        let call = "POST /RPC2 HTTP/1.1\nContent-Length: 1\nHost: 127.0.0.1:9001\n";
        let xml = "Content-Type: text/xml\n";
        for (more, expected) in [
            ("Origin: http://127.0.0.1:9001", true),
            ("Origin: https://127.0.0.1:9001", true),
            ("Origin: http://evil.example", false),
            ("Origin: http://127.0.0.1:80", false),
            ("Origin: null", false),
            ("Sec-Fetch-Site: same-origin", true),
            ("Sec-Fetch-Site: none", true),
            (
                "Sec-Fetch-Site: same-origin\nOrigin: http://proxy.example",
                true,
            ),
            ("Sec-Fetch-Site: cross-site", false),
            ("Sec-Fetch-Site: same-site", false),
            ("Sec-Fetch-Site: x\nOrigin: http://127.0.0.1:9001", false),
        ] {
            assert_eq!(
                asked(&format!("{call}{xml}{more}"), true),
                expected,
                "{more}"
            );
        }
        let plain = "Origin: http://127.0.0.1:9001\nContent-Type: text/plain";
        assert!(!asked(&format!("{call}{plain}"), true));
        assert!(!asked(
            &format!("{call}Origin: http://127.0.0.1:9001"),
            true
        ));
    }

    #[test]
    fn b19_a_name_that_is_not_ours_is_refused_without_password() {
        for (host, expected) in [
            ("127.0.0.1:9001", true),
            ("[::1]:9001", true),
            ("localhost:9001", true),
            ("a.localhost", true),
            ("box.lan:9001", true),
            ("BOX:9001", true),
            ("shop.example", true),
            ("evil.example:9001", false),
            ("box.evil.example", false),
            ("localhost.evil.example", false),
        ] {
            let request = format!("GET /logtail/x HTTP/1.1\nHost: {host}\nUser-Agent: Mozilla/5.0");
            assert_eq!(asked(&request, false), expected, "{host}");
            assert!(asked(&request, true), "{host}");
        }
    }
}
