//! `ficha serve`: the roles of this process, until it is told to stop.

use crate::{
    config::Config,
    folder::{Folder, Serving, taken},
    wiring::App,
};
use anyhow::{Context, Result};
use axum::Router;
use ficha_domain::World;
use ficha_http::{Limits, Listening, server_tls};
use std::sync::Arc;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
};

/// Serves the folder until SIGTERM or SIGINT; then finishes what was accepted.
pub async fn run(mut config: Config, world: &World) -> Result<()> {
    let folder = Folder::open(&config.dir)?;
    let _lock = folder.lock()?.ok_or_else(|| taken(&folder))?;
    folder.forget_serving()?;
    let listeners = bind(&mut config)?;
    let app = App::open(&config, &folder, world).await?;
    serve(&config, &folder, &app, listeners).await
}

/// Ports that are taken, and not served yet.
pub struct Listeners {
    common: Listening,
    /// Those of roles that have one of their own.
    pub roles: Vec<(&'static str, Listening)>,
    /// What other processes ask.
    peers: Option<Listening>,
}

impl Listeners {
    /// The common origin.
    pub fn url(&self) -> String {
        self.common.url()
    }
}

/// Takes the ports, so that the issuer's name is known before the first token.
pub fn bind(config: &mut Config) -> Result<Listeners> {
    let common = Listening::bind(config.listen).with_context(|| {
        format!("{} cannot be listened on; take another with FICHA_LISTEN or `listen`", config.listen)
    })?;
    config.listen = common.address;
    let tls = config.tls.files()?.map(server_tls).transpose()?.map(Arc::new);
    let common = common.over(tls.clone());
    let bind = |(role, address)| {
        let listening = Listening::bind(address);
        let listening =
            listening.with_context(|| format!("{role}.listen: {address} cannot be listened on"))?;
        Ok((role, listening.over(tls.clone())))
    };
    let roles = config.role_listeners()?.into_iter().map(bind).collect::<Result<_>>()?;
    let peers = config.peers.address()?.map(|address| {
        Listening::bind(address).with_context(|| format!("peers.listen: {address} cannot be listened on"))
    });
    let tls = config.peers.files()?.map(server_tls).transpose()?.map(Arc::new);
    Ok(Listeners { common, roles, peers: peers.transpose()?.map(|peers| peers.over(tls)) })
}

/// Serves an application that is open.
pub async fn serve(config: &Config, folder: &Folder, app: &App, listeners: Listeners) -> Result<()> {
    let Listeners { common, roles, peers } = listeners;
    let told = told_to_stop()?;
    let (stop, stopped) = watch::channel(false);
    let mut servers = JoinSet::new();
    let (address, url) = (common.address, common.url());
    servers.spawn(listen(common, app.common(), config.limits.clone(), stopped.clone()));
    for (role, listening) in roles {
        tracing::info!(role, address = %listening.address, "serving a role");
        servers.spawn(listen(listening, app.single(role), config.limits.clone(), stopped.clone()));
    }
    if let Some((listening, desks)) = peers.zip(app.desks()?) {
        tracing::info!(address = %listening.address, "serving other processes");
        servers.spawn(listen(listening, desks, config.limits.clone(), stopped.clone()));
    }
    if let Some(index) = app.events.as_ref().and_then(|events| events.index()).cloned() {
        let mut stopped = stopped.clone();
        servers.spawn(async move {
            index.keep(async move { drop(stopped.wait_for(|stopped| *stopped).await) }).await;
            Ok(())
        });
    }
    folder.announce(&Serving { url, issuer: config.issuer(), pid: std::process::id() })?;
    tracing::info!(%address, "serving");
    let ended = tokio::select! {
        () = told => Ok(()),
        Some(ended) = servers.join_next() => ended.context("a listener panicked").and_then(|result| result),
    };
    // Nobody is left who would have to be told, when every listener has ended by itself.
    let _ = stop.send(true);
    while let Some(server) = servers.join_next().await {
        server.context("a listener panicked")??;
    }
    folder.forget_serving()?;
    app.close().await?;
    folder.settle(config)?;
    ended
}

async fn listen(
    listening: Listening,
    app: Router,
    limits: Limits,
    mut stopped: watch::Receiver<bool>,
) -> Result<()> {
    let stop = async move {
        // An error means that the sender is gone, which is a stop too.
        let _ = stopped.wait_for(|stopped| *stopped).await;
    };
    ficha_http::serve(listening, app, &limits, stop).await.context("a listener failed")
}

/// Resolves at SIGTERM or SIGINT; from the call on, neither ends the process.
fn told_to_stop() -> Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate()).context("SIGTERM cannot be waited for")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("SIGINT cannot be waited for")?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("stopping: finishing what was accepted");
    })
}
