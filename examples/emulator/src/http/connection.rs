// Copyright (C) 2026 the overshootsink authors
// SPDX-License-Identifier: MPL-2.0

//! TCP connections that any handler can reset.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// The pause after the listener failed: most often it is out of file descriptors.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// A listener whose connections can be reset.
pub(crate) struct ResettableListener {
    pub listener: TcpListener,
    /// Resets every connection.
    pub cut: CancellationToken,
}

/// Resets the connection of the request that a handler serves.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(CancellationToken);

impl ConnectionHandle {
    /// Drops the connection with a TCP reset.
    pub(crate) fn reset(&self) {
        self.0.cancel();
    }

    /// Waits until the connection is reset: by a fault, or because the emulator stops.
    pub(crate) async fn until_reset(&self) {
        self.0.cancelled().await;
    }
}

/// One connection.
pub(crate) struct ResettableStream {
    stream: TcpStream,
    token: CancellationToken,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Listener for ResettableListener {
    type Io = ResettableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ResettableStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    // Answers are small and urgent. If this fails, they are only late.
                    let _ = stream.set_nodelay(true);
                    let token = self.cut.child_token();
                    let cut = Box::pin(token.clone().cancelled_owned());
                    return (ResettableStream { stream, token, cut }, peer);
                }
                Err(_) => tokio::time::sleep(AFTER_ERROR).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, ResettableListener>> for ConnectionHandle {
    fn connect_info(stream: IncomingStream<'_, ResettableListener>) -> Self {
        ConnectionHandle(stream.io().token.clone())
    }
}

impl ResettableStream {
    fn check(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        if self.cut.as_mut().poll(cx).is_pending() {
            return Ok(());
        }
        // With a linger time of 0, closing sends RST.
        let _ = self.stream.set_zero_linger();
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for ResettableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for ResettableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(cx)?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
