//! `ficha demo`: from nothing to a dossier.

use super::serve;
use crate::{
    cli,
    config::Config,
    folder::{Folder, taken},
    load::{self, Feeds},
    progress,
    roles::Role,
    stores,
    wiring::App,
};
use anyhow::{Context, Result, bail};
use ficha_contract::RateLimit;
use ficha_domain::{Purpose, World};
use ficha_http::Listening;
use ficha_identity::NewClient;
use ficha_population::{Person, Population};
use serde::{Deserialize, Serialize};
use std::fs;

/// The demo's people are those of this seed.
const SEED: u64 = 1;
/// So many CPFs are given to programs that measure.
const CPFS: u64 = 10_000;

/// What the demo made, kept beside it: the second start makes nothing again.
#[derive(Serialize, Deserialize)]
struct Made {
    synthetic: bool,
    people: u64,
    seed: u64,
    today: jiff::civil::Date,
    client_id: String,
    client_secret: String,
}

impl Made {
    fn population(&self) -> Population {
        Population::new(self.seed, self.today)
    }
}

/// Makes what is missing, then serves until told to stop.
pub async fn run(args: &cli::Demo, mut config: Config, world: &World) -> Result<()> {
    if let Some(port) = args.port {
        config.listen.set_port(port);
    }
    Role::ALL.into_iter().try_for_each(|role| config.demand(role))?;
    let folder = Folder::open(&config.dir)?;
    let _lock = folder.lock()?.ok_or_else(|| taken(&folder))?;
    folder.forget_serving()?;
    refuse_foreign(&config, &folder, world).await?;
    let listeners = serve::bind(&mut config)?;
    let app = App::open(&config, &folder, world).await?;
    let made = make(args, &folder, &app, world).await?;
    say(args, &config, &made, &listeners)?;
    serve::serve(&config, &folder, &app, listeners).await
}

/// Real people are never overwritten by invented ones: the demo takes an empty folder and stores that nobody has made
/// yet, or those that it began itself.
async fn refuse_foreign(config: &Config, folder: &Folder, world: &World) -> Result<()> {
    let began = folder.path.join("demo.started");
    let holds_people = folder.path.join("debts.sqlite").exists();
    if holds_people && !began.exists() {
        bail!("{} holds data that the demo did not make; take another --dir", folder.path.display());
    }
    if config.shared().next().is_some() {
        let made = stores::first_made(config, &folder.keys(config, world)?, world).await?;
        if let Some(store) = made.filter(|_| !began.exists()) {
            bail!("{store}.url names a store that the demo did not make; take another database");
        }
        stores::migrate(config).await?;
    }
    folder.write_private("demo.started", b"synthetic people only\n")
}

async fn make(args: &cli::Demo, folder: &Folder, app: &App, world: &World) -> Result<Made> {
    let known = folder.path.join("demo.json");
    if known.exists() {
        let made: Made = serde_json::from_slice(&fs::read(&known)?).context("demo.json cannot be read")?;
        if made.people != args.people {
            eprintln!("This folder holds {} people; another --dir holds another number.", made.people);
        }
        return Ok(made);
    }
    eprintln!("Making {} synthetic people in {} …", args.people, folder.path.display());
    let today = progress::today(world);
    let (Some(debts), Some(score), Some(events), Some(identity)) =
        (&app.debts, &app.score, &app.events, &app.identity)
    else {
        bail!("the demo is everything in one process; leave `roles` as it is");
    };
    let feeds = Feeds { debts, score, events: &**events };
    load::run(Population::new(SEED, today), args.people, feeds).await?;
    let (client, secret) = identity.add_client(demo_client()?).await?;
    let client_secret = secret.map(|secret| secret.reveal().to_owned()).unwrap_or_default();
    let made = Made {
        synthetic: true,
        people: args.people,
        seed: SEED,
        today,
        client_id: client.id.to_string(),
        client_secret,
    };
    folder.write_private("demo.json", &serde_json::to_vec_pretty(&made)?)?;
    Ok(made)
}

/// Reads and writes everything, so that every route can be tried, and measured without a limit.
fn demo_client() -> Result<NewClient> {
    Ok(NewClient {
        name: "demo".to_owned(),
        scopes: "read write".parse()?,
        default_purpose: Some(Purpose::RiskAnalysis),
        rate_limit: RateLimit::Unlimited,
        jwks: None,
    })
}

/// Somebody whom all three bases know, with debts and a purchase by card.
fn example(made: &Made) -> Person {
    let population = made.population();
    let whole = |person: &Person| {
        let by_card = person.movements.iter().any(|movement| movement.payment_type.as_str() == "CreditCard");
        let known = person.in_debts && person.in_score && person.in_events;
        known
            && by_card
            && !person.debts.is_empty()
            && !person.sources_income.is_empty()
            && !person.patrimonies.is_empty()
    };
    let found = (0..made.people).map(|number| population.person(number)).find(whole);
    found.unwrap_or_else(|| population.person(0))
}

fn say(args: &cli::Demo, config: &Config, made: &Made, listeners: &serve::Listeners) -> Result<()> {
    let url = listeners.url();
    if args.print_json {
        println!("{}", ready(&url, made, listeners));
        return Ok(());
    }
    let cpf = example(made).cpf;
    let (id, secret) = (&made.client_id, &made.client_secret);
    let dir = shell_quoted(&fs::canonicalize(&config.dir)?.display().to_string());
    println!(
        "\nficha serves {people} synthetic people at {url}   (Ctrl-C stops it)\n\n\
         API in the browser   {url}/docs\n\
         client id            {id}\n\
         client secret        {secret}\n\n\
         A dossier, from another terminal:\n\n\
         curl -s {url}/dossie/{cpf} -H \"Authorization: Bearer $(curl -s -u {id}:{secret} \
         -d grant_type=client_credentials {url}/oauth/token | sed -E 's/.*\"access_token\":\"([^\"]+)\".*/\\1/')\"\n\n\
         The same as a page of text:\n\n\
         {program} dossier {cpf} --dir {dir}\n",
        people = made.people,
        program = program(),
    );
    Ok(())
}

/// What a program has to know.
fn ready(url: &str, made: &Made, listeners: &serve::Listeners) -> serde_json::Value {
    let population = made.population();
    // Known to all three bases: whoever measures a route asks for what is there.
    let people = (0..made.people.min(CPFS)).map(|at| population.person(at * spread(made.people)));
    let known = people.filter(|person| person.in_debts && person.in_score && person.in_events);
    let cpfs: Vec<_> = known.map(|person| person.cpf).collect();
    let role = |(role, listening): &(&str, Listening)| ((*role).to_owned(), listening.url().into());
    let roles: serde_json::Map<_, _> = listeners.roles.iter().map(role).collect();
    let (client_id, client_secret) = (&made.client_id, &made.client_secret);
    serde_json::json!({ "url": url, "roles": roles, "client_id": client_id, "client_secret": client_secret, "cpfs": cpfs })
}

/// The CPFs that are given out lie all over the base, so that no cache flatters a measurement.
fn spread(people: u64) -> u64 {
    (people / CPFS).max(1)
}

/// How this program was called, for lines to be pasted.
fn program() -> String {
    shell_quoted(&std::env::args().next().unwrap_or_else(|| "ficha".to_owned()))
}

/// A text as one word of a shell.
fn shell_quoted(text: &str) -> String {
    let plain = text.chars().all(|at| at.is_ascii_alphanumeric() || "/._-+".contains(at));
    if plain { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}
