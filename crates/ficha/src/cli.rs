//! The command line.

use crate::roles::{Role, Roles};
use clap::{Args, Parser, Subcommand, ValueEnum};
use ficha_domain::{Cpf, CpfValidation, Purpose};
use std::path::PathBuf;

/// The dossier of a CPF: debts, score and latest events from three bases, authenticated, recorded, fast.
#[derive(Debug, Parser)]
#[command(name = "ficha", version, max_term_width = 100)]
pub struct Cli {
    /// Settings, a TOML file; every key is also an environment variable (FICHA_LISTEN, FICHA_DEBTS__LISTEN).
    #[arg(long, global = true, env = "FICHA_CONFIG")]
    pub config: Option<PathBuf>,
    /// The data folder [default: ./ficha-data].
    #[arg(long, global = true)]
    pub dir: Option<PathBuf>,
    /// Roles of this process, separated by commas: debts,score,events,dossier,identity [default: as in the settings].
    #[arg(long = "role", global = true, value_name = "ROLES")]
    pub roles: Option<Roles>,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a synthetic population and a client, serve everything, print a ready `curl`.
    Demo(Demo),
    /// Serve the roles.
    Serve,
    /// Write the synthetic population as files.
    Generate(Generate),
    /// Bulk load: CSV (with a header), NDJSON or JSON arrays, beside a running server or without one.
    Import(Import),
    /// Print one dossier; it is recorded like any other.
    Dossier(Dossier),
    /// Clients of the API.
    #[command(subcommand)]
    Client(Client),
    /// The keys that sign tokens, and the root key.
    #[command(subcommand)]
    Key(Key),
    /// Print the public key by which other processes know this one.
    PeerKey,
    /// The index of base C's movements, where there is one (`search.url`).
    #[command(subcommand)]
    Search(Search),
    /// Bring the files of the data folder, and the stores that several processes share, up to this version.
    Migrate,
    /// What processes recorded and have not moved to the store yet.
    #[command(subcommand)]
    Spool(Spool),
    /// Say what is wrong with an installation and what to do.
    Doctor,
    /// Write the OpenAPI documents, one for each role.
    Openapi {
        /// The folder to write into.
        #[arg(long, default_value = "openapi")]
        out: PathBuf,
    },
    /// Exit with 0 when the server of this folder is ready, and says so within two seconds.
    Healthcheck,
}

#[derive(Debug, Args)]
pub struct Demo {
    /// How many people.
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=ficha_population::Population::CAPACITY))]
    pub people: u64,
    /// Port to serve on; 0 takes a free one [default: as in the settings].
    #[arg(long)]
    pub port: Option<u16>,
    /// Print one line of JSON for programs when ready, instead of the text for people.
    #[arg(long)]
    pub print_json: bool,
}

#[derive(Debug, Args)]
pub struct Generate {
    /// How many people.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=ficha_population::Population::CAPACITY))]
    pub people: u64,
    /// Another seed makes other people.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The folder to write into.
    #[arg(long)]
    pub out: PathBuf,
    /// The form of the files.
    #[arg(long, value_enum, default_value_t = Form::Ndjson)]
    pub format: Form,
    /// The day that ages and dates are counted from [default: today].
    #[arg(long)]
    pub today: Option<jiff::civil::Date>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Form {
    /// A JSON object a line.
    Ndjson,
    /// Comma-separated, with a header line.
    Csv,
}

/// What `ficha import --help` says below its options.
const IMPORT: &str = "\
What a file says is added: people and movements that are there are brought up to date, nothing is removed, and a
file that is imported again changes nothing. So after any interruption: run the same command again.

Amounts are read as 1234.56, 1.234,56 or R$ 1.234,56; days as 2026-11-22 or 22/11/2026; CPFs with or without
punctuation; MongoDB's Extended JSON as it comes out of mongoexport. CSV is separated by , or ; and has a header:

  debts   cpf,name,address[,debt_id][,value,date]
  score   cpf,name,address,date_birth,kind,value,description   (kind: patrimony, income or empty)
  events  cpf[,id],description,value,date,type,payment_type

Rows that cannot be taken go to a quarantine file with their line, field and reason; mend them there and import
that file. They are counted in the summary and are no failure: the exit code is 0 when the file was read to its
end, 1 when it was not, 2 for wrong usage.";

#[derive(Debug, Args)]
#[command(after_long_help = IMPORT)]
pub struct Import {
    /// Which base.
    #[arg(value_enum)]
    pub base: Base,
    /// The files; `-` is the standard input.
    #[arg(required = true)]
    pub files: Vec<PathBuf>,
    /// How the files are encoded; UTF-8 with or without a byte order mark.
    #[arg(long, value_enum, default_value_t = Encoding::Utf8)]
    pub encoding: Encoding,
    /// CPFs of fewer than 11 digits have lost their leading zeros; check digits must hold then.
    #[arg(long)]
    pub pad_cpf: bool,
    /// How CPFs are checked [default: the base's cpf_validation].
    #[arg(long, value_enum)]
    pub cpf_validation: Option<Validation>,
    /// Take a collection of last purchases as movements; by itself it is passed over, since the last purchase is found
    /// among the movements.
    #[arg(long)]
    pub as_movements: bool,
    /// Where rows go that cannot be taken; for one file [default: FILE's name and .quarantine, beside the data folder].
    #[arg(long)]
    pub quarantine: Option<PathBuf>,
    /// People or movements in a transaction [default: 2000 and 20000, a tenth of it beside a server].
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub batch: Option<u32>,
    /// Megabytes of rows that are sorted at once.
    #[arg(long, default_value_t = 192, value_parser = clap::value_parser!(u64).range(1..=3072))]
    pub memory: u64,
    /// Print one line of JSON for each file instead of the summary for people.
    #[arg(long)]
    pub json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Base {
    /// Base A: name, address, debts.
    Debts,
    /// Base B: birth, address, assets, income.
    Score,
    /// Base C: movements.
    Events,
}

impl Base {
    /// The role that keeps it.
    pub fn role(self) -> Role {
        match self {
            Self::Debts => Role::Debts,
            Self::Score => Role::Score,
            Self::Events => Role::Events,
        }
    }

    /// As its store and its settings are called.
    pub fn name(self) -> &'static str {
        self.role().as_str()
    }
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Encoding {
    Utf8,
    /// ISO 8859-1, as Windows has it.
    Latin1,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Validation {
    /// Check digits hold.
    Strict,
    /// Eleven digits.
    Format,
}

#[derive(Debug, Args)]
pub struct Dossier {
    /// Eleven digits, with or without punctuation.
    #[arg(value_parser = cpf)]
    pub cpf: Cpf,
    /// Why the person is looked at.
    #[arg(long, default_value = "risk_analysis", value_parser = purpose)]
    pub purpose: Purpose,
    /// Print the answer as it is.
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Subcommand)]
pub enum Client {
    /// Register a client; its secret is shown once.
    Add {
        /// A name for people.
        name: String,
        /// What it may do, separated by blanks: "debts:read dossier:read"; `read` means all reads.
        #[arg(long)]
        scope: String,
        /// The purpose of its requests that name none.
        #[arg(long, value_parser = purpose)]
        purpose: Option<Purpose>,
        /// Requests a minute, or `none` for no limit [default: limits.requests_per_minute].
        #[arg(long)]
        rate: Option<String>,
        /// A JWK Set: the client proves itself by private_key_jwt and has no secret.
        #[arg(long)]
        jwks: Option<PathBuf>,
        /// Print JSON: client_id, client_secret.
        #[arg(long)]
        json: bool,
    },
    /// List the clients.
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Revoke a client: its tokens die within 5 seconds.
    Revoke {
        /// The client's id.
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub enum Key {
    /// Make a new signing key: published at once, signing after identity.key_lead_s.
    Rotate,
    /// Make the file of the first root key, for processes that share it (keys.file); one that is there stays.
    New {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Spool {
    /// Move what a process left that will not start again to the store that all share (evidence.url).
    Ship {
        /// The data folder of that process.
        #[arg(value_name = "DIR")]
        folder: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum Search {
    /// Make it anew from the store, beside the one that is asked meanwhile; after a restore of either, and when it is to
    /// be cut otherwise.
    Rebuild,
}

fn cpf(text: &str) -> Result<Cpf, String> {
    Cpf::parse(text, CpfValidation::Format).map_err(|error| error.to_string())
}

fn purpose(text: &str) -> Result<Purpose, String> {
    let all = Purpose::ALL.map(Purpose::as_str).join(", ");
    text.parse().map_err(|()| format!("takes one of {all}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
