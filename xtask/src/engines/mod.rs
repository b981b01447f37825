//! The servers that tests need: `cargo xtask test` starts each once for all test programs; `cargo xtask engines up`
//! keeps them for a `cargo test` by hand.

mod kept;

use std::env;
use std::process::{Command, ExitCode};
use std::thread;

use anyhow::{Context, Result, anyhow};
use ficha_engines::{Durability, Running, mongo, opensearch, postgres, redis};

/// What follows `engines`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(clap::Subcommand)]
enum What {
    /// Starts them and prints what to put into the shell: `eval "$(cargo xtask engines up)"`.
    Up,
    /// Ends them.
    Down,
    /// Says which run.
    Status,
    /// What `up` leaves behind: it holds them until it is ended.
    #[command(hide = true)]
    Hold,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    match args.what {
        What::Up => kept::up(),
        What::Down => kept::down(),
        What::Status => kept::status(),
        What::Hold => kept::hold(),
    }
    .map(|()| ExitCode::SUCCESS)
}

/// An engine that tests need.
struct Kind {
    name: &'static str,
    /// Tests that need it are in modules of this name; only these are left out without it.
    module: &'static str,
    variable: &'static str,
    start: fn() -> Result<Running>,
}

/// All, in the order of the report.
const ENGINES: [Kind; 4] = [
    Kind {
        name: "PostgreSQL",
        module: "postgres",
        variable: postgres::URL,
        start: || postgres::obtain()?.start(Durability::Unsynced),
    },
    Kind {
        name: "MongoDB",
        module: "mongo",
        variable: mongo::URL,
        start: || mongo::obtain()?.start(Durability::Unsynced),
    },
    Kind { name: "Redis", module: "redis", variable: redis::URL, start: || redis::obtain()?.start() },
    Kind {
        name: "OpenSearch",
        module: "opensearch",
        variable: opensearch::URL,
        start: || opensearch::obtain()?.start(),
    },
];

/// What became of each engine.
pub(crate) struct Engines(Vec<Engine>);

struct Engine {
    kind: &'static Kind,
    had: Had,
}

enum Had {
    /// The environment names one already, which the tests inherit.
    Given,
    Started(Box<Running>),
    Missing(anyhow::Error),
}

impl Engines {
    /// Those of the environment, the others started. One that cannot be had is an error if all are needed.
    pub(crate) fn for_tests(needed: bool) -> Result<Self> {
        // At once: each takes its time, and mostly waits.
        thread::scope(|scope| {
            let finds: Vec<_> =
                ENGINES.iter().map(|kind| scope.spawn(move || Engine::find(kind, needed))).collect();
            let found = finds.into_iter().map(|find| find.join().map_err(|_| anyhow!("a panic"))?);
            Ok(Self(found.collect::<Result<_>>()?))
        })
    }

    /// Tells a run of `cargo test` where they are, and to leave out what needs a missing one.
    pub(crate) fn hand_over(&self, command: &mut Command) {
        for (variable, url) in self.started() {
            command.env(variable, url);
        }
        let missing = self.0.iter().filter(|engine| matches!(engine.had, Had::Missing(_)));
        let left_out: Vec<String> = missing.map(|engine| format!("{}::", engine.kind.module)).collect();
        if !left_out.is_empty() && !command.get_args().any(|arg| arg == "--") {
            command.arg("--");
        }
        command.args(left_out.iter().flat_map(|module| ["--skip", module]));
    }

    fn started(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().filter_map(|engine| match &engine.had {
            Had::Started(running) => Some((engine.kind.variable, running.url())),
            Had::Given | Had::Missing(_) => None,
        })
    }

    /// One line for each, after the tests' own.
    pub(crate) fn tell(&self) {
        for Engine { kind: Kind { name, module, variable, .. }, had } in &self.0 {
            match had {
                Had::Given => println!("engines: {name}, given by {variable}"),
                Had::Started(running) => println!("engines: {}", running.name()),
                Had::Missing(error) => println!(
                    "engines: {name} NOT RUN, nor any test in a module `{module}`: {error:#} (or set {variable})"
                ),
            }
        }
    }
}

impl Engine {
    fn find(kind: &'static Kind, needed: bool) -> Result<Self> {
        let Kind { name, variable, start, .. } = kind;
        let given = env::var_os(variable).is_some_and(|url| !url.is_empty());
        let had = if given { Ok(Had::Given) } else { start().map(|running| Had::Started(Box::new(running))) };
        let had = match had {
            Err(error) if !needed => Had::Missing(error),
            had => {
                had.with_context(|| format!("{name} cannot be had (set {variable} if one runs elsewhere)"))?
            }
        };
        Ok(Self { kind, had })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MISSING: Kind = Kind {
        name: "PostgreSQL",
        module: "postgres",
        variable: "NO_SUCH_URL",
        start: || Err(anyhow!("no Maven")),
    };

    fn missing(needed: bool) -> Result<Engine> {
        Engine::find(&MISSING, needed)
    }

    fn arguments(engine: Engine, given: &[&str]) -> String {
        let mut command = Command::new("cargo");
        Engines(vec![engine]).hand_over(command.args(given));
        command.get_args().map(|arg| arg.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn tests_of_a_missing_engine_are_left_out() {
        let missing = || missing(false).unwrap();
        assert_eq!(arguments(missing(), &["test"]), "test -- --skip postgres::");
        assert_eq!(arguments(missing(), &["test", "--", "--exact"]), "test -- --exact --skip postgres::");
    }

    #[test]
    fn one_that_the_environment_names_is_not_started() {
        const GIVEN: Kind = Kind { variable: "PATH", ..MISSING };
        let given = Engine::find(&GIVEN, true).unwrap();
        assert!(matches!(given.had, Had::Given));
        assert_eq!(arguments(given, &["test"]), "test");
    }

    #[test]
    fn each_engine_has_a_module_and_an_address_of_its_own() {
        let engines = ENGINES.map(|kind| (kind.module, kind.variable));
        let expected = [
            ("postgres", "FICHA_TEST_POSTGRES_URL"),
            ("mongo", "FICHA_TEST_MONGODB_URL"),
            ("redis", "FICHA_TEST_REDIS_URL"),
            ("opensearch", "FICHA_TEST_OPENSEARCH_URL"),
        ];
        assert_eq!(engines, expected);
    }

    #[test]
    fn a_missing_engine_is_an_error_where_all_are_needed() {
        let error = missing(true).err().map(|error| format!("{error:#}"));
        let expected = "PostgreSQL cannot be had (set NO_SUCH_URL if one runs elsewhere): no Maven";
        assert_eq!(error.as_deref(), Some(expected));
    }
}
