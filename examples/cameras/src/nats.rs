//! A connection to a NATS server, which the client keeps up by itself.

use std::sync::Arc;

use async_nats::{Client, ConnectOptions, Event};
use tokio::sync::watch;

use crate::config::{Broker, Wrong};
use crate::log::Log;

/// A client, and whether it is connected now.
pub struct Connection {
    pub client: Client,
    pub connected: watch::Receiver<bool>,
}

/// Login and whether to encrypt.
pub fn options(broker: &Broker) -> Result<ConnectOptions, Wrong> {
    let options = ConnectOptions::new()
        .name("overshoot-cameras")
        .require_tls(broker.url.scheme() == "tls");
    let user = broker.url.username().to_owned();
    Ok(match broker.password("deliver.nats.password-env")? {
        Some(password) => options.user_and_password(user, password),
        // As NATS has it: what stands alone is a token.
        None if !user.is_empty() => options.token(user),
        None => options,
    })
}

/// `wait`: also until there is a server for the first time.
pub async fn connect(
    broker: &Broker,
    options: ConnectOptions,
    log: Arc<Log>,
    wait: bool,
) -> Result<Connection, async_nats::ConnectError> {
    let host = broker.url.host_str().unwrap_or_default();
    let port = broker.url.port().unwrap_or(4222);
    let (tell, connected) = watch::channel(false);
    let tell = Arc::new(tell);
    let options = options.event_callback(move |event| {
        let (tell, log) = (tell.clone(), log.clone());
        async move {
            match event {
                Event::Connected => drop(tell.send_replace(true)),
                Event::Disconnected => {
                    tell.send_replace(false);
                    log.say("nats: the connection is lost, and is made again");
                }
                // One for each try.
                Event::ClientError(_) => {}
                event => log.say(format_args!("nats: {event}")),
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
