// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! Plain WebSockets through an HTTP proxy: a tunnel by CONNECT (RFC 9110, 9.3.6), as RFC 6455, 4.1 wants it.
//! The shared HTTP client makes tunnels for https only, and many proxies drop the `upgrade` of a request that
//! they forward.

use std::io;
use std::sync::Arc;

use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{HOST, HeaderValue, PROXY_AUTHORIZATION};
use hyper::rt::{Read, Write};
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use reqwest::Body;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;
use url::Url;

use super::error::{Error, Kind, Stage};
use super::proxy::Proxy;
use super::tls;

/// Sends a request for an `http` address through a tunnel of the proxy.
///
/// # Errors
/// The proxy can't be reached, or refuses.
pub async fn send(
    proxy: &Proxy,
    address: &Uri,
    url: &Url,
    stage: Stage,
    request: reqwest::Request,
) -> Result<reqwest::Response, Error> {
    let failed = |unreached| {
        move |why: &dyn std::fmt::Display| Error {
            unreached,
            ..Error::new(
                Kind::Network,
                stage,
                format!(
                    "The connection through the proxy failed: {why} ({}).",
                    stage.name()
                ),
            )
        }
    };
    let connected = connect(proxy, address, url).await;
    let response = connected.map_err(|error| proxy.explain(failed(true)(&error)))?;
    match response.status() {
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => return Err(proxy.wants_password(stage)),
        status if !status.is_success() => {
            let why = format!("it answered with HTTP {}", status.as_u16());
            return Err(proxy.explain(failed(true)(&why)));
        }
        _ => {}
    }
    let tunnel = hyper::upgrade::on(response).await;
    let tunnel = tunnel.map_err(|error| proxy.explain(failed(true)(&error)))?;
    let response = async {
        let mut request = Request::<Body>::try_from(request).map_err(io::Error::other)?;
        *request.uri_mut() = url[url::Position::BeforePath..url::Position::AfterQuery]
            .parse()
            .map_err(io::Error::other)?;
        let host = HeaderValue::from_str(&authority(url)).map_err(io::Error::other)?;
        request.headers_mut().insert(HOST, host);
        exchange(tunnel, request).await
    };
    let response = response.await.map_err(|error| failed(false)(&error))?;
    Ok(response.map(Body::wrap).into())
}

/// The host and port, as CONNECT names them.
fn target(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or(80);
    format!("{}:{port}", url.host_str().unwrap_or_default())
}

/// The host, and the port unless it is the scheme's own.
fn authority(url: &Url) -> String {
    url[url::Position::BeforeHost..url::Position::AfterPort].to_owned()
}

/// The proxy's answer to CONNECT.
async fn connect(proxy: &Proxy, address: &Uri, url: &Url) -> io::Result<Response<Incoming>> {
    let target = target(url);
    let request = Request::builder()
        .method(Method::CONNECT)
        .uri(target.as_str())
        .header(HOST, target.as_str());
    let request = match proxy.authorization() {
        Some(authorization) => request.header(PROXY_AUTHORIZATION, authorization),
        None => request,
    };
    let request = request.body(Body::default()).map_err(io::Error::other)?;
    let is_tls = address.scheme_str() == Some("https");
    let host = address.host().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = address.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    if !is_tls {
        return exchange(TokioIo::new(stream), request).await;
    }
    let config = tls::config().map_err(io::Error::other)?;
    let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
    let connector = TlsConnector::from(Arc::new(config));
    let stream = connector.connect(name, stream).await?;
    exchange(TokioIo::new(stream), request).await
}

/// Sends one request on a connection. The response owns the connection.
async fn exchange(
    connection: impl Read + Write + Unpin + Send + 'static,
    request: Request<Body>,
) -> io::Result<Response<Incoming>> {
    let is_connect = request.method() == Method::CONNECT;
    let (mut sender, connection) = http1::handshake(connection)
        .await
        .map_err(io::Error::other)?;
    let driver = AbortOnDropHandle::new(tokio::spawn(async move {
        // Its failure is that of the request.
        let _ = connection.with_upgrades().await;
    }));
    let mut response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let status = response.status();
    if status == StatusCode::SWITCHING_PROTOCOLS || (is_connect && status.is_success()) {
        // Ends when the connection has been handed over.
        let _ = driver.await;
    } else {
        response.extensions_mut().insert(Arc::new(driver));
    }
    Ok(response)
}
