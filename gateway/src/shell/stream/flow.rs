//! Bytes of one stream, both ways.

use std::{sync::Arc, time::Duration};

use gateway_core::ids::ConnId;
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    sync::mpsc,
    time::timeout,
};

use super::{Shared, StreamTold};

/// Anything that can be read and written: a TCP socket, or TLS over one.
pub(in crate::shell) trait Duplex: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Duplex for S {}

/// Until either side has had enough.
pub(super) async fn carry(stream: Box<dyn Duplex>, conn: ConnId, shared: &Shared, mut outbox: mpsc::Receiver<Arc<[u8]>>) {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let reading = async {
        let mut buffer = vec![0; READ_MAX];
        while let Ok(length @ 1..) = reader.read(&mut buffer).await {
            if shared.tell(conn, StreamTold::Bytes(buffer[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async {
        while let Some(bytes) = outbox.recv().await {
            let written = timeout(WRITE_MAX, async {
                writer.write_all(&bytes).await?;
                writer.flush().await
            });
            if !matches!(written.await, Ok(Ok(()))) {
                return;
            }
        }
        // What was queued is on its way; the rest is politeness.
        let _ = timeout(WRITE_MAX, writer.shutdown()).await;
    };
    tokio::select! {
        () = reading => {}
        () = writing => {}
    }
}

/// A peer that takes none of a message for so long is gone or hostile.
pub(super) const WRITE_MAX: Duration = Duration::from_secs(10);

/// A turn of reading: a large INVITE, or a burst of small messages.
const READ_MAX: usize = 16_384;
