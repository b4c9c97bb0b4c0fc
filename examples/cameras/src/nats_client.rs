// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! A connection to a NATS server, for the deliveries and for the work queue. It reconnects by itself.

use std::sync::Arc;

use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;

use crate::config::{Broker, ConfigError};
use crate::log::Log;

/// A client, and whether it is connected.
pub struct Connection {
    pub client: Client,
    pub connected: watch::Receiver<bool>,
}

/// The login, and whether to use TLS.
pub fn connect_options(broker: &Broker) -> Result<ConnectOptions, ConfigError> {
    let options = ConnectOptions::new()
        .name("overshoot-cameras")
        .require_tls(broker.url.scheme() == "tls");
    let user = broker.url.username().to_owned();
    Ok(match broker.password("deliver.nats.password-env")? {
        Some(password) => options.user_and_password(user, password),
        // In NATS a user without a password is a token.
        None if !user.is_empty() => options.token(user),
        None => options,
    })
}

/// With `wait` the client also retries until the first connection succeeds.
pub async fn connect(
    broker: &Broker,
    options: ConnectOptions,
    log: Arc<Log>,
    wait: bool,
) -> Result<Connection, async_nats::ConnectError> {
    let host = broker.url.host_str().unwrap_or_default();
    let port = broker.url.port().unwrap_or(4222);
    let (sender, connected) = watch::channel(false);
    let sender = Arc::new(sender);
    let options = options.event_callback(move |event| {
        let (sender, log) = (sender.clone(), log.clone());
        async move {
            match event {
                Event::Connected => drop(sender.send_replace(true)),
                Event::Disconnected => {
                    sender.send_replace(false);
                    log.line("nats: the connection is lost; connecting again");
                }
                // This is posted for each failed attempt.
                Event::ClientError(_) => {}
                event => log.line(format_args!("nats: {event}")),
            }
        }
    });
    let options = match wait {
        true => options.retry_on_initial_connect(),
        false => options,
    };
    let client = options.connect(format!("nats://{host}:{port}")).await?;
    Ok(Connection { client, connected })
}
