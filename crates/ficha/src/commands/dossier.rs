//! `ficha dossier CPF`: one dossier in the terminal.
//!
//! Whoever holds the data folder and its keys is its operator: a token for him is made here, and the dossier is asked
//! for like any other: of the server that serves the folder, or, where none does, of the same routes in this process.
//! Either way it is recorded.

use super::view;
use crate::{cli, config::Config, folder::Folder, local, roles::Role, wiring::App};
use anyhow::{Context, Result, bail};
use axum::{
    body::{Body, to_bytes},
    http::Request,
};
use ficha_domain::{Cpf, World};
use serde_json::Value;
use tower::ServiceExt;

/// Prints the dossier; `false` when nobody of that CPF is known.
pub async fn run(args: &cli::Dossier, config: &Config, world: &World) -> Result<bool> {
    let cpf = args.cpf;
    // A token for the operator is the issuer's to make.
    config.demand(Role::Dossier)?;
    config.demand(Role::Identity)?;
    let folder = Folder::existing(&config.dir)?;
    let (status, body) = match folder.lock()? {
        Some(_lock) => ask_here(cpf, args, config, &folder, world).await?,
        None => ask_server(cpf, args, config, &folder, world).await?,
    };
    let dossier: Value = serde_json::from_slice(&body).context("the answer is not JSON")?;
    match status {
        200 if args.json => println!("{}", String::from_utf8_lossy(&body)),
        200 => print!("{}", view::render(&dossier)),
        404 => eprintln!("Nobody of this CPF is known. That it was asked has been recorded."),
        _ => bail!(
            "{}: {}",
            dossier["title"].as_str().unwrap_or("refused"),
            dossier["detail"].as_str().unwrap_or("")
        ),
    }
    Ok(status == 200)
}

async fn ask_here(
    cpf: Cpf,
    args: &cli::Dossier,
    config: &Config,
    folder: &Folder,
    world: &World,
) -> Result<(u16, Vec<u8>)> {
    let app = App::open(config, folder, world).await?;
    let identity = app.identity.as_ref().context("the issuer is elsewhere")?;
    let token = super::client::operator_token(identity).await?;
    let request = Request::get(format!("/dossie/{cpf}"))
        .header("host", "localhost")
        .header("authorization", format!("Bearer {token}"))
        .header("ficha-purpose", args.purpose.as_str())
        .body(Body::empty())?;
    let answer = app.common().oneshot(request).await?;
    let status = answer.status().as_u16();
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    app.close().await?;
    Ok((status, body.to_vec()))
}

async fn ask_server(
    cpf: Cpf,
    args: &cli::Dossier,
    config: &Config,
    folder: &Folder,
    world: &World,
) -> Result<(u16, Vec<u8>)> {
    let serving = folder.serving()?;
    let identity = super::client::identity(config, folder, world, &serving.issuer).await?;
    let token = super::client::operator_token(&identity).await?;
    let (bearer, purpose) = (format!("Bearer {token}"), args.purpose.as_str());
    let headers = [("authorization", bearer.as_str()), ("ficha-purpose", purpose)];
    // The error of a client would name the URL, and with it the person.
    let answer = local::get(config, &format!("{}/dossie/{cpf}", serving.url), &headers).await;
    let (status, body) =
        answer.map_err(|_| anyhow::anyhow!("the server at {} does not answer", serving.url))?;
    Ok((status.as_u16(), body.to_vec()))
}
