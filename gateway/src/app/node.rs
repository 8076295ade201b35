//! The threads of a node, and the ways to them.

use std::{io, net::SocketAddr, sync::Arc, thread::JoinHandle, time::Duration};

use anyhow::Context;
use gateway_core::{config::Config, ids::ShardId};
use media::clip::ClipBook;
use tokio::{runtime, sync::oneshot};

use crate::shell::{
    Answers, Arrival, Asks, Brain, Driver, Handle, Ledger, Mailbox, MediaThread, Names, Plane, PortRange, Recorder, ShardTold, Streams,
    Tls, Verifier,
};

/// Threads that run, and the ways to them.
pub(super) struct Node {
    pub(super) handle: Handle,
    pub(super) sip: Vec<SocketAddr>,
    switch: Mailbox<Arrival>,
    pub(super) ended: oneshot::Receiver<()>,
    shards: Vec<(Mailbox<ShardTold>, JoinHandle<()>)>,
    recorder: Recorder,
}

impl Node {
    /// Binds every socket first, so that a port that is taken is told before anything runs.
    pub(super) fn start<B: Brain, P: Plane, A: Answers, L: Ledger + 'static>(
        config: &Config,
        clips: &Arc<ClipBook>,
        brain: B,
        plane: impl Fn(ShardId, SocketAddr) -> P,
        answers: A,
        ledger: L,
    ) -> anyhow::Result<Self> {
        let listen: Vec<_> = config.endpoints.iter().map(|endpoint| (endpoint.transport, endpoint.listen)).collect();
        let tls = Tls::read(config)?;
        let driver = Driver::bind(&listen)?;
        let sip = driver.local_addresses()?;
        let threads = bind_shards(config)?;
        let recorder =
            Recorder::start(&config.recording.dir).with_context(|| format!("recordings in {}", config.recording.dir.display()))?;

        let switch = driver.mailbox();
        let handle = driver.handle();
        let mut shards = Vec::with_capacity(threads.len());
        for (number, thread) in threads.into_iter().enumerate() {
            let mailbox = thread.mailbox();
            let plane = plane(ShardId(number as u64), thread.web_address()?);
            let joined = thread.spawn(plane, switch.clone(), recorder.tape(mailbox.clone()))?;
            // The queue is new and empty: the first word fits.
            let _ = mailbox.try_send(ShardTold::Clips(clips.clone()));
            shards.push((mailbox, joined));
        }
        let verifier = Verifier::of(&config.stir)?;
        let asks =
            Asks::new(Arc::new(answers), Names::new(config.dns.server), runtime::Handle::current(), switch.clone()).proving(verifier);
        let mailboxes = shards.iter().map(|(mailbox, _)| mailbox.clone()).collect();
        let streams = Streams::new(runtime::Handle::current(), switch.clone(), tls, config);
        let ended = driver.spawn(brain, mailboxes, asks, streams, ledger)?;
        Ok(Self { handle, sip, switch, ended, shards, recorder })
    }

    /// Ends the threads in the order in which they tell each other things: switch, shards, recorder.
    pub(super) async fn stop(self) {
        // A thread that is gone needs no word.
        let _ = self.switch.send(Arrival::Stop).await;
        let _ = tokio::time::timeout(STOP_MAX, self.ended).await;
        for (mailbox, _) in &self.shards {
            let _ = mailbox.send(ShardTold::Stop).await;
        }
        let (shards, recorder) = (self.shards, self.recorder);
        let stopped = tokio::task::spawn_blocking(move || {
            for (mailbox, joined) in shards {
                drop(mailbox);
                let _ = joined.join();
            }
            recorder.stop();
        });
        let _ = tokio::time::timeout(STOP_MAX, stopped).await;
    }
}

fn bind_shards(config: &Config) -> io::Result<Vec<MediaThread>> {
    let media = &config.media;
    let range = PortRange { listen: media.listen, first: media.ports.0, last: media.ports.1 };
    let place = |number: u16| SocketAddr::new(media.listen, if media.web_port == 0 { 0 } else { media.web_port.saturating_add(number) });
    let pieces = range.split(media.shards).into_iter().zip(0..);
    pieces.map(|(ports, number)| MediaThread::bind(ShardId(number.into()), place(number), ports)).collect()
}

/// Threads end within a turn, and the recorder within a flush.
const STOP_MAX: Duration = Duration::from_secs(5);
