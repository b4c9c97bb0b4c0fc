// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! HTTP calls to the service: one shared client, one cookie jar for each stream.

use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use reqwest::header::{
    AUTHORIZATION, CONTENT_ENCODING, COOKIE, HeaderName, HeaderValue, UPGRADE, USER_AGENT,
};
use reqwest::{Client, Method, Request, Response, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time;

use super::api_version::Api;
use super::cookies::Cookies;
use super::error::{Error, Kind, Stage};
use super::error_response::ErrorResponse;
use super::json;
use super::proxy::{self, Proxy};
use super::secret::Secret;
use super::{tls, tunnel};

use crate::lock::lock;

/// The largest body that is read; the service's have a few kilobytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Shared by all elements of the process: reading the system's certificates takes tens of
/// milliseconds. HTTP/1.1 only, as the results socket is an HTTP/1.1 upgrade on the same client. No
/// redirects: they would send the key to another host.
static CLIENT: LazyLock<Result<Client, String>> = LazyLock::new(|| {
    let client = Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .tls_backend_preconfigured(tls::config().map_err(|error| error.to_string())?);
    let client = match proxy::are_set() {
        true => client.proxy(reqwest::Proxy::custom(|url| {
            // Without a usable proxy, no request is sent.
            proxy::for_url(url).ok().flatten().map(Proxy::url)
        })),
        // Those of the system's settings, on systems that have such.
        false => client,
    };
    client.build().map_err(|error| error.to_string())
});

const USER_AGENT_NAME: &str = concat!("overshootsink/", env!("CARGO_PKG_VERSION"));

/// The limit for the body of an error.
const ERROR_BODY_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest name of a region.
const MAX_REGION_BYTES: usize = 64;
/// How many times a call is repeated in another region.
const MAX_REGION_CHANGES: u32 = 2;

/// Creates the shared client, unless it exists: that takes time, so it is best done before a call.
pub fn prepare() {
    LazyLock::force(&CLIENT);
}

/// Calls one API at one address, for one stream: requests carry the key and this stream's cookies.
/// Clones share the cookies.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    base: Url,
    authorization: HeaderValue,
    key: Secret,
    cookies: Arc<Cookies>,
    api: Api,
    /// See [`HttpClient::after_success`].
    worked: bool,
    /// The region that the service has named: in a response's header, or in the error about a wrong region.
    region: Arc<Mutex<Option<HeaderValue>>>,
}

/// The header of API v1 that names the region.
const REGION_HEADER: HeaderName = HeaderName::from_static("x-overshoot-region");

impl HttpClient {
    /// # Errors
    /// A settings error if the key can't be sent, or TLS can't be used.
    pub fn new(base: Url, key: &Secret, api: Api) -> Result<Self, Error> {
        let client = CLIENT.as_ref().map_err(|error| {
            Error::settings(format!(
                "TLS can't be set up on this system: {error}. If certificates are missing, install them (Debian: ca-certificates)."
            ))
        })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.reveal()))
            .map_err(|_| {
                Error::settings(
                    "api-key contains characters that no key has (perhaps a line break): copy it again.",
                )
            })?;
        authorization.set_sensitive(true);
        Ok(Self {
            client: client.clone(),
            base,
            authorization,
            key: key.clone(),
            cookies: Arc::default(),
            api,
            worked: false,
            region: Arc::default(),
        })
    }

    /// The same, for a key and an address that have created a stream in this run, if they have.
    #[must_use]
    pub fn after_success(self, worked: bool) -> Self {
        Self { worked, ..self }
    }

    /// The same host, without the API's path.
    pub fn without_path(&self) -> Self {
        let mut base = self.base.clone();
        base.set_path("");
        Self {
            base,
            ..self.clone()
        }
    }

    /// The address of an API call.
    pub fn url(&self, path: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        url
    }

    /// Sends an API call and parses its JSON response.
    ///
    /// # Errors
    /// A response that is not a success or not of this type, or none within `timeout`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        stage: Stage,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
        timeout: Duration,
    ) -> Result<T, Error> {
        let text = self.text(stage, method, path, body, timeout).await?;
        self.parse(stage, &text)
    }

    /// Parses the JSON of a response.
    ///
    /// # Errors
    /// It is not of this type.
    pub fn parse<T: DeserializeOwned>(&self, stage: Stage, text: &str) -> Result<T, Error> {
        json::parse(text).map_err(|error| {
            Error::new(
                Kind::Protocol,
                stage,
                format!(
                    "The service's answer can't be understood ({}): {error}. Check that api-url is the {} API.",
                    stage.name(),
                    self.api.name(),
                ),
            )
        })
    }

    /// Like [`HttpClient::call`], but returns the body as it is.
    pub async fn text(
        &self,
        stage: Stage,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
        timeout: Duration,
    ) -> Result<String, Error> {
        let response = self.send(stage, method, path, body, timeout).await?;
        read_body(stage, response).await
    }

    /// Like [`HttpClient::call`], but returns before the body has come. When API v1 names another region,
    /// this call is repeated there, and later ones go there, too.
    pub async fn send(
        &self,
        stage: Stage,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
        timeout: Duration,
    ) -> Result<Response, Error> {
        let mut region_changes = 0;
        loop {
            let request = self.client.request(method.clone(), self.url(path));
            let request = match body {
                Some(body) => request.json(body),
                // The service wants a content type even for an empty body.
                None => request.header("content-type", "application/json").body(""),
            };
            let request = request
                .timeout(timeout)
                .build()
                .map_err(|error| Error::from_request(stage, &error))?;
            let response = self.execute(stage, request).await?;
            if response.status().is_success() {
                return Ok(response);
            }
            let error = self.error_from(stage, path, response).await;
            let region = error.region.as_ref().filter(|_| self.api == Api::V1);
            match region {
                Some(region) if region_changes < MAX_REGION_CHANGES && self.set_region(region) => {
                    region_changes += 1
                }
                _ => return Err(error),
            }
        }
    }

    /// Sends further calls to this region; `false` if that can't be a region's name.
    fn set_region(&self, region: &str) -> bool {
        if region.is_empty() || region.len() > MAX_REGION_BYTES {
            return false;
        }
        let Ok(region) = HeaderValue::from_str(region) else {
            return false;
        };
        *lock(&self.region) = Some(region);
        true
    }

    /// Sends further calls to the region that served this one, so that none goes to the wrong region: to the first
    /// one that is named, and then to the one that has created the stream.
    fn learn_region(&self, stage: Stage, response: &Response) {
        // A wrong region names itself, and the right one in the body.
        if self.api != Api::V1 || response.status() == StatusCode::CONFLICT {
            return;
        }
        let is_known = lock(&self.region).is_some();
        let has_created = stage == Stage::Create && response.status().is_success();
        let region = response.headers().get(REGION_HEADER);
        if let Some(region) = region.and_then(|region| region.to_str().ok())
            && (!is_known || has_created)
        {
            self.set_region(region);
        }
    }

    /// The error in the response of this call.
    pub async fn error_from(&self, stage: Stage, path: &[&str], response: Response) -> Error {
        let response = self.error_response(stage, response).await;
        let error = Error::from_response(self.api, stage, &response, self.worked);
        // Whoever says it: gateways answer like this for a stream that they can't find.
        match self.cookies.explain(&self.url(path)) {
            Some(why) if response.status == 404 => error.followed_by(&why),
            _ => error,
        }
    }

    /// What is known about a response that is not a success. A body that can't be read counts as an empty one:
    /// the status says enough.
    pub async fn error_response(&self, stage: Stage, response: Response) -> ErrorResponse {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = time::timeout(ERROR_BODY_TIMEOUT, read_body(stage, response)).await;
        let body = body.ok().and_then(Result::ok).unwrap_or_default();
        ErrorResponse::new(status, &headers, &body, self.key.reveal())
    }

    /// Sends a WebSocket handshake to an API path, with the same key, cookies, proxy and certificates as any
    /// other call. Stores the response's cookies; the caller checks its status.
    pub async fn upgrade(
        &self,
        stage: Stage,
        path: &[&str],
        handshake: &[(&'static str, &str)],
    ) -> Result<Response, Error> {
        let mut request = self.client.get(self.url(path));
        for (name, value) in handshake {
            request = request.header(*name, *value);
        }
        let request = request
            .build()
            .map_err(|error| Error::from_request(stage, &error))?;
        self.execute(stage, request).await
    }

    async fn execute(&self, stage: Stage, mut request: Request) -> Result<Response, Error> {
        let url = request.url().clone();
        let proxy = proxy::for_url(&url)?;
        let headers = request.headers_mut();
        headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_NAME));
        headers.insert(AUTHORIZATION, self.authorization.clone());
        if let Some(region) = &*lock(&self.region) {
            headers.insert(REGION_HEADER, region.clone());
        }
        if let Some(cookies) = self.cookies.header(&url) {
            headers.insert(COOKIE, cookies);
        }
        let needs_tunnel = headers.contains_key(UPGRADE) && url.scheme() == "http";
        let tunnel = proxy.filter(|_| needs_tunnel);
        let response = match tunnel.and_then(|proxy| Some((proxy, proxy.http()?))) {
            Some((proxy, address)) => tunnel::send(proxy, address, &url, stage, request).await?,
            None => {
                let sent = self.client.execute(request).await;
                sent.map_err(|error| {
                    let error = Error::from_request(stage, &error);
                    match proxy {
                        Some(proxy) if error.unreached || error.kind == Kind::Timeout => {
                            proxy.explain(error)
                        }
                        _ => error,
                    }
                })?
            }
        };
        if response.status() == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            return Err(match proxy {
                Some(proxy) => proxy.wants_password(stage),
                None => proxy::unknown_proxy_wants_password(stage),
            });
        }
        self.cookies.store(response.headers(), &url);
        self.learn_region(stage, &response);
        Ok(response)
    }
}

/// The body as text.
///
/// # Errors
/// A body of more than [`MAX_BODY_BYTES`], one that breaks off, or one in an encoding that was not accepted.
pub async fn read_body(stage: Stage, response: Response) -> Result<String, Error> {
    let (text, outcome) = read_what_comes(stage, response).await;
    outcome.map(|()| text)
}

/// Like [`read_body`], but with what came before an error.
pub async fn read_what_comes(stage: Stage, mut response: Response) -> (String, Result<(), Error>) {
    let mut body = Vec::new();
    let outcome = loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_BODY_BYTES => {
                break Err(Error::new(
                    Kind::Protocol,
                    stage,
                    format!(
                        "The service's answer is larger than {MAX_BODY_BYTES} bytes ({}): check api-url.",
                        stage.name()
                    ),
                ));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => break check_encoding(stage, &response),
            Err(error) => break Err(Error::from_request(stage, &error)),
        }
    };
    (String::from_utf8_lossy(&body).into_owned(), outcome)
}

/// The client decodes what it accepts, and removes the header then.
fn check_encoding(stage: Stage, response: &Response) -> Result<(), Error> {
    let encoding = response.headers().get(CONTENT_ENCODING);
    let encoding = encoding.map(|value| String::from_utf8_lossy(value.as_bytes()));
    match encoding {
        Some(encoding) if !matches!(encoding.trim(), "" | "identity") => Err(Error::new(
            Kind::Protocol,
            stage,
            format!(
                "The service's answer is encoded as {encoding:?} ({}), which was not accepted: check that no proxy on the way compresses answers in its own way.",
                stage.name()
            ),
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[path = "http_tests.rs"]
mod tests;
