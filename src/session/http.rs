//! HTTP with the service: one shared client, one cookie jar a stream.

use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::{AUTHORIZATION, COOKIE, HeaderName, HeaderValue, RETRY_AFTER, SET_COOKIE};
use reqwest::{Client, Method, Request, Response, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::api_version::Api;
use super::error::{Error, Kind, Stage};
use super::secret::Secret;
use super::tls;

/// Largest answer that is read; the service's are a few kilobytes.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Shared by all elements of the process: reading the system's certificates takes tens of
/// milliseconds. HTTP/1.1 only, as the results socket is an HTTP/1.1 upgrade on the same client;
/// no redirects, which would carry the key elsewhere.
static CLIENT: LazyLock<Result<Client, String>> = LazyLock::new(|| {
    Client::builder()
        .user_agent(concat!("overshootsink/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .http1_only()
        .tcp_nodelay(true)
        .tls_backend_preconfigured(tls::config().map_err(|error| error.to_string())?)
        .build()
        .map_err(|error| error.to_string())
});

/// A longer `retry-after` is taken for this: times that far ahead can't all be reckoned with, and by
/// then things may have changed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3600);

/// Regions that a call is sent on to.
const MAX_REGIONS: u32 = 2;

/// Makes the shared client, if there is none yet: best before it is needed.
pub fn prepare() {
    LazyLock::force(&CLIENT);
}

/// The service at one address, for one stream: requests carry the key and this stream's cookies.
/// Clones share the cookies.
#[derive(Clone)]
pub struct HttpClient {
    client: Client,
    base: Url,
    authorization: HeaderValue,
    key: Secret,
    cookies: Arc<Jar>,
    api: Api,
    /// The region that serves, once the service has named it.
    region: Arc<Mutex<Option<HeaderValue>>>,
}

/// How API v1 is told which region to ask.
const REGION: HeaderName = HeaderName::from_static("x-overshoot-region");

impl HttpClient {
    /// # Errors
    /// A settings error where the address or the key can't be used.
    pub fn new(base: Url, key: &Secret, api: Api) -> Result<Self, Error> {
        let client = CLIENT.as_ref().map_err(|error| {
            Error::settings(format!("TLS can't be set up on this system: {error}"))
        })?;
        let mut authorization = HeaderValue::from_str(&format!("Bearer {}", key.reveal()))
            .map_err(|_| {
                Error::settings(
                    "api-key holds characters that no key has (a line break, perhaps): copy it again.",
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
            region: Arc::default(),
        })
    }

    /// The same service, without the API's path.
    pub fn at_host(&self) -> Self {
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

    /// Sends an API call and reads its answer.
    ///
    /// # Errors
    /// Any answer that is not a success, and none within `timeout`.
    pub async fn call<T: DeserializeOwned>(
        &self,
        stage: Stage,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
        timeout: Duration,
    ) -> Result<T, Error> {
        let text = self.text(stage, method, path, body, timeout).await?;
        serde_json::from_str(&text).map_err(|error| {
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

    /// Like [`HttpClient::call`], for an answer whose text nobody needs to understand.
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

    /// Like [`HttpClient::call`], for an answer that is read as it comes. Where API v1 names another region,
    /// it is asked there, from then on.
    pub async fn send(
        &self,
        stage: Stage,
        method: Method,
        path: &[&str],
        body: Option<&(impl Serialize + Sync)>,
        timeout: Duration,
    ) -> Result<Response, Error> {
        let mut regions = 0;
        loop {
            let request = self.client.request(method.clone(), self.url(path));
            let request = match body {
                Some(body) => request.json(body),
                // The service wants the type named even where nothing is sent.
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
            let error = self.refusal(stage, response).await;
            let region = error.region.as_ref().filter(|_| self.api == Api::V1);
            match region {
                Some(region) if regions < MAX_REGIONS && self.serves(region) => regions += 1,
                _ => return Err(error),
            }
        }
    }

    /// Remembers the region that serves; `false` where that can't be its name.
    fn serves(&self, region: &str) -> bool {
        let Ok(region) = HeaderValue::from_str(region) else {
            return false;
        };
        *self.region.lock().unwrap_or_else(PoisonError::into_inner) = Some(region);
        true
    }

    /// The error that an answer tells, which may repeat what was sent: the key is taken out.
    pub async fn refusal(&self, stage: Stage, response: Response) -> Error {
        let status = response.status().as_u16();
        let retry_after = retry_after(&response);
        match read_body(stage, response).await {
            Ok(body) => {
                let body = body.replace(self.key.reveal(), "…");
                Error::from_response(self.api, stage, status, &body, retry_after)
            }
            Err(error) => error,
        }
    }

    /// Opens a WebSocket on an API path: the same key, cookies, proxy and certificates as for any
    /// other call. The answer has the cookies taken, and its status is the caller's to check.
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
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, self.authorization.clone());
        if let Some(region) = &*self.region.lock().unwrap_or_else(PoisonError::into_inner) {
            headers.insert(REGION, region.clone());
        }
        if let Some(cookies) = self.cookies.cookies(&url) {
            headers.insert(COOKIE, cookies);
        }
        let response = self
            .client
            .execute(request)
            .await
            .map_err(|error| Error::from_request(stage, &error))?;
        let mut set = response.headers().get_all(SET_COOKIE).iter().peekable();
        if set.peek().is_some() {
            self.cookies.set_cookies(&mut set, &url);
        }
        Ok(response)
    }
}

/// The answer's text, up to [`MAX_BODY_BYTES`].
pub async fn read_body(stage: Stage, mut response: Response) -> Result<String, Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response
        .chunk()
        .await
        .map_err(|error| Error::from_request(stage, &error))?
    {
        if body.len() + chunk.len() > MAX_BODY_BYTES {
            return Err(Error::new(
                Kind::Protocol,
                stage,
                format!(
                    "The service's answer is larger than {MAX_BODY_BYTES} bytes ({}): check api-url.",
                    stage.name()
                ),
            ));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// `retry-after` in seconds (RFC 9110, 10.2.3; the service does not use the date form).
fn retry_after(response: &Response) -> Option<Duration> {
    let seconds = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    let pause = seconds.trim().parse().ok().map(Duration::from_secs)?;
    Some(pause.min(LONGEST_RETRY_AFTER))
}
