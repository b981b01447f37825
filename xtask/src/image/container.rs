//! A container by hand: a process in a mount namespace of its own, in the image's files and as the image's user.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::{IMAGE, Store};
use crate::checks::said;
use crate::server::{Server, line_where};

/// Its root is read-only, its volume is not; then it is who it is.
const ENTER: &str = r#"mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && mount --bind "$1" "$0$2" &&
user=$3 && root=$0 && shift 3 && exec chroot --userspec="$user" --groups= "$root" "$@""#;
const SYSTEM_PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// What the image says of itself.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Image {
    user: String,
    env: Vec<String>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
    volumes: BTreeMap<String, serde_json::Value>,
    healthcheck: Healthcheck,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Healthcheck {
    test: Vec<String>,
}

/// A running one.
pub(super) struct Container {
    image: Image,
    server: Server,
    data: PathBuf,
    /// Where it answers.
    pub(super) url: String,
}

impl Container {
    pub(super) fn start(store: &Store, data: PathBuf) -> Result<Self> {
        let about = said(store.buildah().args(["inspect", "--type", "image", IMAGE]))?;
        let mut about: serde_json::Value =
            serde_json::from_str(&about).context("what buildah says of the image")?;
        let image: Image =
            serde_json::from_value(about["Docker"]["config"].take()).context("the image's settings")?;
        let container = said(store.buildah().args(["from", IMAGE]))?;
        let root = said(store.buildah().args(["mount", &container]))?;
        let volume = image.volumes.keys().next().context("the image has no volume")?;
        as_the_image_has_it(Path::new(&format!("{root}{volume}")), &data).context("an empty volume")?;
        let mut enter = Command::new("unshare");
        enter.args(["--mount", "sh", "-c", ENTER, &root]).arg(&data).args([volume, &image.user]);
        enter.args(image.entrypoint.iter().chain(&image.cmd));
        // The loopback is the machine's: a port of its own.
        enter.env_clear().envs(image.env()).env("PATH", SYSTEM_PATH).env("FICHA_LISTEN", "127.0.0.1:0");
        enter.stdin(Stdio::null()).stderr(Stdio::piped());
        let (server, log) = Server::start(&mut enter, |child| child.stderr.take())?;
        let line = line_where(log, |line| line.contains(r#""message":"serving","#))?;
        let line: serde_json::Value = serde_json::from_str(&line).context("its log")?;
        let address = line["fields"]["address"].as_str().context("it serves nowhere")?;
        Ok(Self { image, server, data, url: format!("http://{address}") })
    }

    /// Neither root, nor able to become it, nor to write anywhere but into its volume.
    pub(super) fn is_shut_in(&self) -> Result<()> {
        let status =
            fs::read_to_string(format!("/proc/{}/status", self.server.id())).context("its status")?;
        let words = |key: &str| {
            status.lines().find_map(|line| line.strip_prefix(key)).unwrap_or_default().split_whitespace()
        };
        let (user, _) = self.image.ids()?;
        ensure!(
            user != 0 && words("Uid:").all(|id| id == user.to_string()),
            "it runs as another user: {status}"
        );
        ensure!(words("CapEff:").eq(["0000000000000000"]), "it has privileges: {status}");
        let elsewhere =
            self.inside(&self.image.entrypoint).args(["--dir", "/elsewhere", "serve"]).output()?;
        let said = String::from_utf8_lossy(&elsewhere.stderr);
        ensure!(said.contains("Read-only file system"), "it can write beside its volume: {said}");
        Ok(())
    }

    /// What an engine would run.
    pub(super) fn healthcheck(&self) -> Result<()> {
        let test = self.image.healthcheck.test.strip_prefix(&["CMD".to_owned()]).context("no healthcheck")?;
        said(&mut self.inside(test)).context("it is not healthy").map(drop)
    }

    /// Another `ficha` command beside it.
    pub(super) fn ficha(&self, args: &[&str]) -> Result<String> {
        said(self.inside(&self.image.entrypoint).args(args))
    }

    fn inside(&self, command: &[String]) -> Command {
        let (user, group) = self.image.ids().unwrap_or_default();
        let mut inside = Command::new("nsenter");
        inside.args(["--mount", "--root", "--target", &self.server.id().to_string()]);
        inside.args(["--setuid", &user.to_string(), "--setgid", &group.to_string(), "--"]).args(command);
        inside.env_clear().envs(self.image.env()).env("PATH", SYSTEM_PATH);
        inside
    }

    /// SIGTERM, as an engine says it.
    pub(super) fn stop(self) -> Result<()> {
        let status = self.server.stop()?;
        ensure!(status.success(), "it did not stop as it should: {status}");
        ensure!(
            !left(&self.data, "serving.json") && left(&self.data, "root.key"),
            "its volume is not as a server leaves it"
        );
        Ok(())
    }
}

/// An engine gives an empty volume to the owner whom the image's folder has, and with its mode.
fn as_the_image_has_it(folder: &Path, volume: &Path) -> Result<()> {
    let there = fs::metadata(folder)?;
    fs::set_permissions(volume, there.permissions())?;
    Ok(chown(volume, Some(there.uid()), Some(there.gid()))?)
}

fn left(data: &Path, name: &str) -> bool {
    data.join(name).exists()
}

impl Image {
    fn ids(&self) -> Result<(u32, u32)> {
        let (user, group) = self.user.split_once(':').context("the image's user is no pair of numbers")?;
        Ok((user.parse()?, group.parse()?))
    }

    fn env(&self) -> impl Iterator<Item = (&str, &str)> {
        self.env.iter().filter_map(|entry| entry.split_once('='))
    }
}
