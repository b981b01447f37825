//! `ficha client` and `ficha key`: who may ask, what signs, and what everything is sealed with.

use crate::{cli, config::Config, folder::Folder, roles::Role, wiring};
use anyhow::{Context, Result, bail};
use ficha_contract::RateLimit;
use ficha_domain::{Purpose, World};
use ficha_identity::{Identity, NewClient, Secret};
use ficha_seal::FileKeys;
use std::{fs, path::Path};

/// The client in whose name the operator of a data folder reads from the terminal.
const OPERATOR: &str = "operator";
const OPERATOR_TOKEN_S: u32 = 60;

/// Opens the issuer's store beside whoever serves the folder.
pub async fn identity(config: &Config, folder: &Folder, world: &World, issuer: &str) -> Result<Identity> {
    config.demand(Role::Identity)?;
    let keyring = folder.keys(config, world)?;
    let config = Config { public_url: issuer.to_owned(), ..config.clone() };
    wiring::open_identity(&config, &folder.path, &keyring, world).await
}

/// A token for the operator, good for one command.
pub async fn operator_token(identity: &Identity) -> Result<String> {
    let scopes = "read".parse()?;
    let minted = identity.mint_local(OPERATOR, scopes, Some(Purpose::RiskAnalysis), OPERATOR_TOKEN_S).await?;
    Ok(minted.token.reveal().to_owned())
}

/// Carries a client command out.
pub async fn run(command: &cli::Client, config: &Config, world: &World) -> Result<()> {
    // The first client may come before the first start; to list or revoke there has to be something.
    let folder = match command {
        cli::Client::Add { .. } => Folder::open(&config.dir)?,
        _ => Folder::existing(&config.dir)?,
    };
    let identity = identity(config, &folder, world, &config.issuer()).await?;
    match command {
        cli::Client::Add { name, scope, purpose, rate, jwks, json } => {
            let new = NewClient {
                name: name.clone(),
                scopes: scope.parse()?,
                default_purpose: *purpose,
                rate_limit: rate_limit(rate.as_deref())?,
                jwks: jwks
                    .as_ref()
                    .map(fs::read_to_string)
                    .transpose()
                    .context("the JWK Set cannot be read")?,
            };
            add(&identity, new, *json).await
        }
        cli::Client::List { json } => list(&identity, *json).await,
        cli::Client::Revoke { id } => {
            identity.revoke_client(id).await.with_context(|| format!("{id} cannot be revoked"))?;
            println!("{id} is revoked; its tokens die within 5 seconds.");
            Ok(())
        }
    }
}

fn rate_limit(rate: Option<&str>) -> Result<RateLimit> {
    match rate {
        None => Ok(RateLimit::Default),
        Some("none") => Ok(RateLimit::Unlimited),
        Some(number) => match number.parse() {
            Ok(per_minute) if per_minute > 0 => Ok(RateLimit::PerMinute(per_minute)),
            _ => bail!("--rate takes requests a minute, at least 1, or `none`"),
        },
    }
}

async fn add(identity: &Identity, new: NewClient, json: bool) -> Result<()> {
    if new.scopes.is_empty() {
        bail!("--scope takes at least one scope");
    }
    let (client, secret) = identity.add_client(new).await?;
    let secret = secret.as_ref().map(Secret::reveal);
    if json {
        let answer = serde_json::json!({ "client_id": client.id, "client_secret": secret });
        println!("{answer}");
        return Ok(());
    }
    println!("client_id      {}", client.id);
    match secret {
        Some(secret) => println!("client_secret  {secret}\n\nThe secret is not kept and not shown again."),
        None => println!("It proves itself by private_key_jwt with a key of its JWK Set."),
    }
    Ok(())
}

async fn list(identity: &Identity, json: bool) -> Result<()> {
    for client in identity.list_clients().await? {
        let state = if client.revoked_at.is_some() { "revoked" } else { "active" };
        let purpose = client.default_purpose.map_or("-", Purpose::as_str);
        if json {
            let (id, name, scope) = (&client.id, &client.name, client.scopes.to_string());
            println!(
                "{}",
                serde_json::json!({ "client_id": id, "name": name, "scope": scope, "purpose": purpose, "state": state })
            );
        } else {
            println!("{}  {state:<8}{:<24}{purpose:<18}{}", client.id, client.name, client.scopes);
        }
    }
    Ok(())
}

/// Makes the first root key of an installation. It is nobody's in particular: no folder is looked at.
pub fn new_root_key(file: &Path, world: &World) -> Result<()> {
    FileKeys::at(file).create(world)?;
    eprintln!(
        "{} is made. Keep a copy apart from the data: without it what is sealed is lost.",
        file.display()
    );
    Ok(())
}

/// Makes a new signing key.
pub async fn rotate(config: &Config, world: &World) -> Result<()> {
    let folder = Folder::existing(&config.dir)?;
    let identity = identity(config, &folder, world, &config.issuer()).await?;
    identity.rotate_key().await?;
    println!("A new signing key is published; it signs in {} seconds.", config.identity.key_lead_s);
    Ok(())
}
