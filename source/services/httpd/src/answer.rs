//! From a request that picoserve has read to its answer.

use picoserve::ResponseSent;
use picoserve::io::{Read, Write};
use picoserve::request::{Path, Request, RequestParts};
use picoserve::response::{Content, IntoResponse, Response, ResponseWriter, StatusCode};
use picoserve::routing::PathRouterService;

use crate::facts::Facts;
use crate::site::{Asked, Site, Text};

/// What every answer says: nothing of it is run, shown or kept elsewhere. The two hashes are those of the style and
/// the script of the page (`build.rs`); who writes another script into it writes text.
pub const HEADERS: [(&str, &str); 5] = [
    ("Content-Security-Policy", CSP),
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cache-Control", "no-store"),
];

/// What a browser may do with the page (Content Security Policy 3).
pub const CSP: &str = concat!(
    "default-src 'none'; style-src ",
    include_str!(concat!(env!("OUT_DIR"), "/style.sha256")),
    "; script-src ",
    include_str!(concat!(env!("OUT_DIR"), "/script.sha256")),
    "; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// The host is not one of ours.
const OTHER_HOST: &str = "Misdirected Request: this is not served under that name.\n";
/// There is no such thing.
const NO_PATH: &str = "Not Found: there are /, /api, /api/schema, /metrics and /alive.\n";

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Its status.
    pub status: u16,
    /// What its body is.
    pub content_type: &'static str,
    /// Its body.
    pub body: Text,
    /// Only what stands before the body is asked for.
    pub bare: bool,
}

/// Answers for a site.
pub struct App<'a, F>(pub &'a Site<F>);

impl<F: Facts> App<'_, F> {
    /// The answer. That it asks to read was seen before (`head.rs`).
    fn reply(&self, parts: &RequestParts<'_>) -> Reply {
        let bare = parts.method() == "HEAD";
        let plain = |status, text| Reply {
            status,
            content_type: Asked::Alive.content_type(),
            body: Text::Fixed(text),
            bare,
        };
        let host = parts.headers().get("host").and_then(|host| host.as_str().ok());
        if !host.is_some_and(|host| self.0.hosts().has(host)) {
            return plain(421, OTHER_HOST);
        }
        let Some(asked) = Asked::of(parts.path().encoded()) else { return plain(404, NO_PATH) };
        let (content_type, body) = (asked.content_type(), self.0.answer(asked));
        Reply { status: 200, content_type, body, bare }
    }
}

impl<F: Facts> PathRouterService for App<'_, F> {
    async fn call_path_router_service<R: Read, W: ResponseWriter<Error = R::Error>>(
        &self,
        (): &(),
        (): (),
        _path: Path<'_>,
        request: Request<'_, R>,
        writer: W,
    ) -> Result<ResponseSent, W::Error> {
        let reply = self.reply(&request.parts);
        let connection = request.body_connection.finalize().await?;
        let response = Response::new(StatusCode::new(reply.status), reply);
        response.with_headers(HEADERS).write_to(connection, writer).await
    }
}

impl Content for Reply {
    fn content_type(&self) -> &'static str {
        self.content_type
    }

    fn content_length(&self) -> usize {
        self.body.as_str().len()
    }

    async fn write_content<W: Write>(self, mut writer: W) -> Result<(), W::Error> {
        let body = if self.bare { "" } else { self.body.as_str() };
        writer.write_all(body.as_bytes()).await
    }
}
