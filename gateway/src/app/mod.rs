//! Wires a node: store, recorder, media threads, the switch's thread, the API, and the way it ends.

mod joints;
mod node;

use std::{
    collections::BTreeSet,
    net::{SocketAddr, TcpListener},
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Context, bail};
use gateway_core::{
    config::Config,
    context::identity,
    ids::ShardId,
    ivr::Library,
    plane::{Shard, ShardConfig, WebSocketAddress},
    switch::{AdminCommand, Setup, Switch},
};
use rand_chacha::ChaCha20Rng;
use sd_notify::NotifyState;
use tokio::{
    runtime,
    signal::unix::{SignalKind, signal},
    sync::oneshot,
};

use self::node::Node;
use crate::{
    api,
    archive::Archive,
    cli::{self, Plan},
    shell::{Handle, clips, library::Shelf},
    store::{self, Store},
    telemetry::{self, LogForm, Metrics},
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

/// The test phone, on a runtime of its own.
pub(crate) fn dial(dial: cli::Dial) -> ExitCode {
    match runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(cli::dial(dial)),
        Err(_) => ExitCode::FAILURE,
    }
}

async fn run(plan: &Plan, metrics: Metrics) -> anyhow::Result<()> {
    let begun = Instant::now();
    tokio::spawn(metrics.clone().keep_up());
    let config = &plan.config;
    let home: BTreeSet<String> = config.trunks.iter().filter_map(|trunk| trunk.default_region.clone()).collect();
    let plans = tokio::task::spawn_blocking(move || {
        identity::read_plans();
        home.iter().for_each(|region| identity::compile_plan(region));
    });
    let prompts = config.ivr.dir.join("prompts");
    let tones = config.media.tones;
    let clips = tokio::task::spawn_blocking(move || {
        let (mut book, faults) = clips::load(&prompts);
        tones.add_to(&mut book);
        (book, faults)
    });
    let shelf = Shelf::read(&config.ivr.dir);
    for fault in &shelf.faults {
        tracing::warn!(%fault, "left out");
    }
    let store = Store::open(&config.node.data_dir).await.context("the store")?;
    if let Some(script) = shelf.scripts.get(MAIN) {
        store.set_lessons(store::Lessons { rules: script.rules().clone(), weights: script.weights() });
    }
    if plan.demo {
        store::demo::seed(&store).await.context("the demo's customers")?;
    }
    let secret = api::secret(&config.node.data_dir, config.http.session_secret.as_ref())?;
    let library = Library { scripts: shelf.scripts, prompts: shelf.prompts };
    let setup = Setup {
        config: Arc::new(config.clone()),
        library: library.clone(),
        secret: secret.0.clone().into_bytes(),
        shards: (0..u64::from(config.media.shards)).map(ShardId).collect(),
    };
    let brain = Switch::new(rand::make_rng::<ChaCha20Rng>(), setup);
    let advertised = config.media.advertised;
    let media_lost_after = Duration::from_secs(config.media.timeout_s.into());
    let plane = |_, local| {
        let web = Some(WebSocketAddress { local, advertised });
        let config = ShardConfig { web, media_lost_after, guard: true };
        Shard::new(config, rand::make_rng::<ChaCha20Rng>())
    };
    let (clips, _) = clips.await.context("the clips")?;
    let archive = Archive::new(store.clone(), &config.recording)?;
    let mut node = Node::start(config, &Arc::new(clips), brain, plane, store.clone(), store.clone())?;
    let api = api::Api::new(
        store.clone(),
        node.handle.clone(),
        api::Settings {
            data: config.node.data_dir.clone(),
            secret: Some(secret),
            archive: archive.clone(),
            agents: config.agents.clone(),
            api_keys: Vec::new(),
            origins: Vec::new(),
            metrics: Arc::new(move || metrics.render()),
            script: {
                let library = library.clone();
                Arc::new(move || Some((library.scripts.get(MAIN)?.clone(), library.prompts.clone())))
            },
            scripts: Arc::new(move |name| Some((library.scripts.get(name)?.clone(), library.prompts.clone()))),
            config: Arc::new(config.clone()),
        },
    )?;
    // The recorder has mended by now what a crash cut off.
    tokio::spawn(archive.run());
    let key = api.key().map(|key| key.0.clone());
    let (stop, stopped) = oneshot::channel::<()>();
    let web = tokio::spawn(api::serve(api, listeners(config)?, async {
        // Dropped or said: the node stops either way.
        let _ = stopped.await;
    }));
    plans.await.context("the numbering plans")?;
    lines_open(&node.handle, config).await?;
    notify(NotifyState::Ready);
    announce(plan, &node, key.as_deref(), begun);
    tokio::task::spawn_blocking(compile_plans);

    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
        _ = &mut node.ended => bail!("the switch's thread has fallen; its last words are in the log"),
    }
    notify(NotifyState::Stopping);
    drain(&node.handle, Duration::from_secs(config.node.drain_s.into())).await;
    let _ = stop.send(());
    let served = web.await;
    node.stop().await;
    store.close().await;
    served.context("the web server's task")?.context("the web server")
}

/// Callers from other countries than the trunks' own come soon, but need not be waited for.
fn compile_plans() {
    for region in identity::COMMON {
        identity::compile_plan(region);
        std::thread::sleep(PLAN_REST);
    }
}

/// Binds before anything runs, so that a port that is taken is told at once.
fn listeners(config: &Config) -> anyhow::Result<api::Listeners> {
    let bind = |at: SocketAddr| TcpListener::bind(at).with_context(|| format!("HTTP on {at}"));
    let https = config.http.tls.as_ref().map(|tls| anyhow::Ok((bind(tls.listen)?, tls.certificate.clone()))).transpose()?;
    Ok(api::Listeners { http: bind(config.http.listen)?, https, advertised: config.media.advertised })
}

/// Whoever is told that the node is ready may call at once: its media threads have bound their first ports by then.
async fn lines_open(handle: &Handle, config: &Config) -> anyhow::Result<()> {
    let (first, last) = config.media.ports;
    let opened = tokio::time::timeout(PORTS_MAX, handle.until(|live| live.idle_ports > 0)).await;
    opened.with_context(|| {
        format!("no RTP port from {first} to {last} is free on {}; name others in [media] ports", config.media.listen)
    })??;
    Ok(())
}

/// Refuses new calls and waits for the last one to end, but not for ever.
async fn drain(handle: &Handle, patience: Duration) {
    if handle.tell(AdminCommand::Drain).await.is_err() {
        return;
    }
    let last = handle.until(|live| live.draining && live.calls.is_empty() && !live.leaving);
    if tokio::time::timeout(patience, last).await.is_err() {
        tracing::warn!(calls = handle.snapshot().calls.len(), "calls are cut off: they outlived `drain_s`");
    }
}

fn announce(plan: &Plan, node: &Node, key: Option<&str>, begun: Instant) {
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
             Caller    {url}/call\n  Agent     {url}/agent     ada, password demo\n  \
             API       {url}/api/openapi.json   key {}\n  \
             Metrics   {url}/metrics\n  SIP       sip:demo@{sip}\n\nTry:  tandem dial sip:demo@{sip} --as +380501112233",
            key.unwrap_or("in api.key"),
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

/// Between two countries: a call that comes meanwhile waits for the pattern at work, not for the whole list.
const PLAN_REST: Duration = Duration::from_millis(10);

/// Binding a batch of ports takes milliseconds; on a machine that is busy with other things, longer.
const PORTS_MAX: Duration = Duration::from_secs(10);

/// The script that the pages and the API speak of.
const MAIN: &str = "main";

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rand::SeedableRng;

    use super::*;

    #[tokio::test]
    async fn a_node_drains_and_ends() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.recording.dir = directory.path().join("recordings");
        config.endpoints[0].listen.set_port(0);
        let store = Store::open(directory.path()).await.unwrap();
        let library = Library { scripts: BTreeMap::new(), prompts: Arc::default() };
        let setup = Setup { config: Arc::new(config.clone()), library, secret: vec![7; 32], shards: vec![ShardId(0)] };
        let brain = Switch::new(ChaCha20Rng::seed_from_u64(1), setup);
        let plane = |_, _| {
            let config = ShardConfig { web: None, media_lost_after: Duration::from_secs(30), guard: true };
            Shard::new(config, ChaCha20Rng::seed_from_u64(2))
        };
        let node = Node::start(&config, &Arc::default(), brain, plane, store.clone(), store).unwrap();
        assert_ne!(node.sip[0].port(), 0);
        let handle = node.handle.clone();
        drain(&handle, Duration::from_secs(5)).await;
        assert!(handle.snapshot().draining);
        node.stop().await;
        assert!(handle.tell(AdminCommand::Drain).await.is_err());
    }
}
