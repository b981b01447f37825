//! `cargo xtask image`: the container image, built and tried on a machine without a container engine.
//!
//! buildah builds what `docker build` would build. Where no registry can be reached the base image is made here, under
//! the name that the Dockerfile uses. `podman run` needs more than a sandbox gives, so the image is tried in a namespace
//! of our own (`container`), with the image's user, variables, command and healthcheck, on a root that is read-only.

mod container;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use crate::cargo::{self, Profile};
use crate::checks::{self, Client, Others, emptied, said};
use crate::{sbom, tree};
use container::Container;

/// What the Dockerfile begins with, and the release that debootstrap makes it of.
const BASE: &str = "docker.io/library/debian:bookworm-slim";
const RELEASE: &str = "bookworm";
/// The tag of this version.
const IMAGE: &str = concat!("ficha:", env!("CARGO_PKG_VERSION"));
/// Beside these: what every Linux has.
const TOOLS: [&str; 3] = ["buildah", "podman", "debootstrap"];
/// A valid CPF of nobody.
const CPF: &str = "52998224725";

/// What follows `image`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only make the folder for `docker build`: the binary and its bill of materials.
    #[arg(long)]
    context: bool,
    /// Take the binary of the tests: large and slow, but it is there.
    #[arg(long)]
    debug: bool,
    /// Write the image into this file, for `docker load`.
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let context = context(if args.debug { Profile::Debug } else { Profile::Dist })?;
    if args.context {
        println!("docker build -t {IMAGE} -f deploy/Dockerfile {}", context.display());
        return Ok(ExitCode::SUCCESS);
    }
    for tool in TOOLS {
        if !checks::is_there(tool) {
            bail!("{tool} is missing (Debian: `apt-get install {}`)", TOOLS.join(" "));
        }
    }
    let store = Store::open()?;
    store.build(&context)?;
    try_out(&store)?;
    if let Some(file) = &args.save {
        cargo::must(
            store.buildah().args(["push", IMAGE]).arg(format!("docker-archive:{}:{IMAGE}", file.display())),
        )?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The share of a change's checks: the same with the binary that the tests have built.
pub(crate) fn ci() -> Result<()> {
    if !checks::may_install("image", &TOOLS)? {
        return Ok(());
    }
    run(&Args { context: false, debug: true, save: None }).map(drop)
}

/// Where everything lies that is made here.
fn place() -> PathBuf {
    tree::root().join("target/image")
}

/// The folder that the image is built in.
fn context(profile: Profile) -> Result<PathBuf> {
    let ficha = cargo::build("ficha", profile)?;
    let folder = emptied("image/context")?;
    fs::copy(&ficha, folder.join("ficha")).context("copying the binary")?;
    let bill = folder.join("ficha.cdx.json");
    sbom::write(&ficha, &bill)?;
    match Others::obtain()? {
        Some(others) => others.check("sbom", &bill).map(drop)?,
        None => println!("image: without Go the bill of materials was not held against its schema"),
    }
    Ok(folder)
}

/// Images and containers of ours, apart from those of the machine.
struct Store(PathBuf);

impl Store {
    fn open() -> Result<Self> {
        ensure!(
            checks::is_root(),
            "only root can make an image here: it mounts, and makes files of other users"
        );
        let store = Self(place().join("store"));
        said(store.buildah().args(["rm", "--all"]))?;
        if !store.buildah().args(["pull", "--quiet", BASE]).status().is_ok_and(|status| status.success()) {
            store.make_base()?;
        }
        Ok(store)
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.args(["--storage-driver", "vfs", "--root"]).arg(self.0.join("images"));
        command.arg("--runroot").arg(self.0.join("run"));
        command
    }

    fn buildah(&self) -> Command {
        self.command("buildah")
    }

    /// Where no registry can be reached: a Debian of the same release, under the same name, once.
    fn make_base(&self) -> Result<()> {
        if said(self.buildah().args(["images", "--quiet", BASE])).is_ok() {
            return Ok(());
        }
        println!("image: {BASE} cannot be pulled: debootstrap makes it (about a minute, once)");
        let (folder, archive) = (emptied("image/base")?, place().join("base.tar"));
        cargo::must(Command::new("debootstrap").args(["--variant=minbase", RELEASE]).arg(&folder))?;
        cargo::must(Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&archive).arg("."))?;
        cargo::must(self.command("podman").arg("import").arg(&archive).arg(BASE))?;
        fs::remove_dir_all(&folder).and_then(|()| fs::remove_file(&archive)).context("clearing up")
    }

    fn build(&self, context: &Path) -> Result<()> {
        // An image of the other format knows no healthcheck.
        let mut build = self.buildah();
        build.args(["bud", "--isolation", "chroot", "--format", "docker", "--tag", IMAGE]);
        cargo::must(build.arg("--file").arg(tree::root().join("deploy/Dockerfile")).arg(context))?;
        println!(
            "image: {IMAGE}, {}",
            said(self.buildah().args(["images", "--format", "{{.Size}}", IMAGE]))?
        );
        Ok(())
    }
}

/// It serves, is healthy, gives a token, answers a look-up, and stops when told.
fn try_out(store: &Store) -> Result<()> {
    let container = Container::start(store, emptied("image/data")?)?;
    container.is_shut_in()?;
    container.healthcheck()?;
    container.ficha(&["doctor"])?;
    let client = container.ficha(&["client", "add", "try", "--scope", "read write", "--json"])?;
    let client = Client::of(&container.url, &client)?;
    let debts = json!({ "name": "Ana", "address": "Rua A, 1", "debts": [{ "value": "10.00", "date": "2026-01-02" }] });
    client.send("PUT", &format!("{}/divida/{CPF}", container.url), &debts)?;
    let dossier = client.get(&format!("{}/dossie/{CPF}", container.url))?;
    ensure!(dossier["sections"]["debts"]["status"] == "fresh", "a dossier without its debts: {dossier}");
    container.stop()?;
    println!(
        "image: served, was healthy, answered a dossier and stopped, not as root, on a root that is read-only"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_base_is_the_one_that_the_dockerfile_names() {
        let dockerfile = fs::read_to_string(tree::root().join("deploy/Dockerfile")).unwrap();
        let first = dockerfile.lines().find_map(|line| line.strip_prefix("FROM ")).unwrap();
        assert_eq!(
            Some(first),
            BASE.strip_prefix("docker.io/library/").map(|base| format!("{base} AS files")).as_deref()
        );
        assert!(BASE.contains(RELEASE));
    }

    #[test]
    fn everybody_names_the_image_of_this_version() {
        for name in ["deploy/Dockerfile", "deploy/prepare", "docs/deploy.md"] {
            let text = fs::read_to_string(tree::root().join(name)).unwrap();
            let others =
                text.split("ficha:").skip(1).filter(|rest| rest.starts_with(|at: char| at.is_ascii_digit()));
            let version = IMAGE.trim_start_matches("ficha:");
            assert!(
                others.clone().count() > 0 && others.clone().all(|rest| rest.starts_with(version)),
                "{name}"
            );
        }
    }
}
