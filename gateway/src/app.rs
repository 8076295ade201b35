//! Wires a node: store, recorder, media threads, the switch's thread, and the way it ends.

use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    thread::JoinHandle,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use gateway_core::{
    config::Config,
    ids::ShardId,
    now::Now,
    switch::{AdminCommand, Input, Output, Switch},
};
use media::clip::ClipBook;
use rand_chacha::ChaCha20Rng;
use sd_notify::NotifyState;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use crate::{
    cli::{self, Plan},
    shell::{
        Answers, Arrival, Asks, Brain, Driver, Handle, Ledger, Mailbox, MediaThread, Plane, PortRange, Recorder, ShardTold, Snapshot,
        library::Shelf,
    },
    telemetry::{self, LogForm, Metrics},
    unplugged::{NoMedia, NoStore},
};

/// Serves until SIGTERM, SIGINT, or the fall of the switch's thread.
pub(crate) fn serve(plan: &Plan) -> anyhow::Result<()> {
    telemetry::log(if plan.json { LogForm::Json } else { LogForm::Lines });
    let metrics = Metrics::install().context("metrics")?;
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().context("the runtime")?;
    let served = runtime.block_on(run(plan, metrics));
    // Tasks that wait for a page or a far system have nothing more to say.
    runtime.shutdown_timeout(Duration::from_secs(1));
    served
}

async fn run(plan: &Plan, metrics: Metrics) -> anyhow::Result<()> {
    let begun = Instant::now();
    tokio::spawn(metrics.keep_up());
    let config = &plan.config;
    let shelf = Shelf::read(&config.ivr.dir);
    for fault in &shelf.faults {
        tracing::warn!(%fault, "left out");
    }
    let brain = Switch::new(rand::make_rng::<ChaCha20Rng>());
    let mut node = Node::start(config, &shelf.clips, brain, |_, _| NoMedia::default(), NoStore, NoStore)?;
    notify(NotifyState::Ready);
    announce(plan, &node, begun);

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = &mut node.ended => bail!("the switch's thread has fallen; its last words are in the log"),
    }
    notify(NotifyState::Stopping);
    drain(&node.handle, Duration::from_secs(config.node.drain_s.into())).await;
    node.stop().await;
    Ok(())
}

/// Threads that run, and the ways to them.
struct Node {
    handle: Handle,
    sip: Vec<SocketAddr>,
    switch: Mailbox<Arrival>,
    ended: oneshot::Receiver<()>,
    shards: Vec<(Mailbox<ShardTold>, JoinHandle<()>)>,
    recorder: Recorder,
}

impl Node {
    /// Binds every socket first, so that a port that is taken is told before anything runs.
    fn start<B: Brain, P: Plane, A: Answers, L: Ledger + 'static>(
        config: &Config,
        clips: &Arc<ClipBook>,
        brain: B,
        plane: impl Fn(ShardId, SocketAddr) -> P,
        answers: A,
        ledger: L,
    ) -> anyhow::Result<Self> {
        let listen: Vec<SocketAddr> = config.endpoints.iter().map(|endpoint| endpoint.listen).collect();
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
        let asks = Asks::new(Arc::new(answers), runtime::Handle::current(), switch.clone());
        let mailboxes = shards.iter().map(|(mailbox, _)| mailbox.clone()).collect();
        let ended = driver.spawn(brain, mailboxes, asks, ledger)?;
        Ok(Self { handle, sip, switch, ended, shards, recorder })
    }

    /// Ends the threads in the order in which they tell each other things: switch, shards, recorder.
    async fn stop(self) {
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

/// Refuses new calls and waits for the last one to end, but not for ever.
async fn drain(handle: &Handle, patience: Duration) {
    if handle.tell(AdminCommand::Drain).await.is_err() {
        return;
    }
    let last = tokio::time::timeout(patience, async {
        loop {
            let live = handle.snapshot();
            if live.draining && live.calls.is_empty() {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    });
    if last.await.is_err() {
        tracing::warn!(calls = handle.snapshot().calls.len(), "calls are cut off: they outlived `drain_s`");
    }
}

fn announce(plan: &Plan, node: &Node, begun: Instant) {
    let url = &plan.config.http.public_url;
    let ready_ms = begun.elapsed().as_millis();
    if plan.json {
        let ready = serde_json::json!({ "ready_ms": ready_ms as u64, "sip": node.sip, "url": url });
        cli::say(&ready.to_string());
    } else if plan.demo {
        let sip = node.sip.first().map_or_else(String::new, SocketAddr::to_string);
        let data = plan.config.node.data_dir.display();
        cli::say(&format!(
            "Tandem is ready ({ready_ms} ms). Data in {data}; Ctrl-C ends.\n\n  \
             Caller    {url}/call\n  Agent     {url}/agent     ada, password demo\n  Console   {url}/console\n  \
             Metrics   {url}/metrics\n  SIP       sip:demo@{sip}\n\nTry:  tandem dial sip:demo@{sip} --as +380501112233"
        ));
    } else {
        tracing::info!(ready_ms = ready_ms as u64, sip = ?node.sip, url, "ready");
    }
}

/// To systemd, where it started us.
fn notify(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::debug!(%error, "systemd was not told");
    }
}

impl Brain for Switch<ChaCha20Rng> {
    fn handle(&mut self, now: Now, input: Input<'_>) {
        Self::handle(self, now, input);
    }

    fn poll(&mut self) -> Option<Output> {
        Self::poll(self)
    }

    fn deadline(&self) -> Option<Instant> {
        Self::deadline(self)
    }

    fn live(&self) -> Snapshot {
        Snapshot::default()
    }
}

/// Threads end within a turn, and the recorder within a flush.
const STOP_MAX: Duration = Duration::from_secs(5);

/// While draining.
const LOOK_EVERY: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_node_drains_and_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.recording.dir = directory.path().join("recordings");
        config.endpoints[0].listen.set_port(0);
        let node = Node::start(&config, &Arc::default(), Idle::default(), |_, _| NoMedia::default(), NoStore, NoStore).unwrap();
        assert_ne!(node.sip[0].port(), 0);
        let handle = node.handle.clone();
        drain(&handle, Duration::from_secs(5)).await;
        assert!(handle.snapshot().draining);
        node.stop().await;
        assert!(handle.tell(AdminCommand::Drain).await.is_err());
    }

    /// Has no calls, and can be drained.
    #[derive(Default)]
    struct Idle {
        live: Snapshot,
    }

    impl Brain for Idle {
        fn handle(&mut self, _: Now, input: Input<'_>) {
            self.live.draining |= matches!(input, Input::Told(AdminCommand::Drain));
        }

        fn poll(&mut self) -> Option<Output> {
            None
        }

        fn deadline(&self) -> Option<Instant> {
            None
        }

        fn live(&self) -> Snapshot {
            self.live.clone()
        }
    }
}
