//! What every page has around it, and the headers it is sent with.

use super::markup::Markup;
use crate::http::Response;

/// What a page says at its top, after an action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Message {
    /// As it came in the address: text of anybody who made the link, and shown as nothing else.
    pub(super) text: String,
}

/// A whole page.
pub(super) struct Frame<'a> {
    /// Its title.
    pub(super) title: &'a str,
    /// Below the title: how it is altogether.
    pub(super) summary: &'a str,
    /// Whether there is a way back to the list.
    pub(super) below_list: bool,
    /// What has been done.
    pub(super) message: Option<&'a Message>,
    /// What the daemon is called.
    pub(super) identifier: &'a str,
    /// Seconds since 1970, for scripts on machines whose clock is wrong.
    pub(super) now: u64,
}

impl Frame<'_> {
    /// The page around `body`.
    pub(super) fn around(&self, body: &Markup) -> Response {
        let mut page = Markup::default();
        page.raw(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>",
        )
        .text(self.title)
        .raw(" · ")
        .text(self.identifier)
        .raw(
            "</title>\n<link rel=\"stylesheet\" href=\"stylesheets/supervisor.css\">\n\
             <link rel=\"icon\" href=\"data:,\">\n<script src=\"live.js\" defer></script>\n\
             </head>\n<body data-now=\"",
        )
        .text(&self.now.to_string())
        .raw("\">\n<header>\n<h1>")
        .text(self.title)
        .raw("</h1>\n<p data-live=\"summary\">")
        .text(self.summary)
        .raw("</p>\n");
        if self.below_list {
            page.raw("<p><a href=\"./\">All processes</a></p>\n");
        }
        page.raw("</header>\n<main>\n");
        if let Some(message) = self.message {
            let class = if message.text.starts_with("ERROR") {
                "<p class=\"message error\" role=\"alert\">"
            } else {
                "<p class=\"message\" role=\"status\">"
            };
            page.raw(class).text(&message.text).raw("</p>\n");
        }
        page.part(body)
            .raw("</main>\n<footer>")
            .text(self.identifier)
            .raw(", runnerd ")
            .text(env!("CARGO_PKG_VERSION"))
            .raw("</footer>\n</body>\n</html>\n");
        Response::ok("text/html; charset=utf-8", page.finish())
            .with("Cache-Control", "no-store")
            // Nothing of anybody else is loaded, framed, or sent anything.
            .with(
                "Content-Security-Policy",
                "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                 img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
            )
            .with("Referrer-Policy", "same-origin")
            .with("X-Content-Type-Options", "nosniff")
    }
}
