//! Starting cargo and other programs.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::tree;

/// How fast the built program has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// What tests are built with, so nothing is compiled twice.
    Debug,
    /// What a newcomer runs.
    Release,
    /// What is shipped.
    Dist,
}

/// The cargo that started us, in the workspace's folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(tree::root());
    command
}

/// Runs a program to its end, its output on our terminal; a failure is an error that shows the command.
pub(crate) fn must(command: &mut Command) -> Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("`{shown}` did not start"))?;
    ensure!(status.success(), "`{shown}` failed ({status})");
    Ok(())
}

/// Builds a package of the workspace and returns its program: cargo says where that is, whatever target folder
/// is configured.
pub(crate) fn build(package: &str, profile: Profile) -> Result<PathBuf> {
    let mut command = cargo();
    command.args(["build", "--package", package, "--message-format", "json-render-diagnostics"]);
    let profile = match profile {
        Profile::Debug => "dev",
        Profile::Release => "release",
        Profile::Dist => "dist",
    };
    command.args(["--profile", profile]);
    let output = command.stderr(Stdio::inherit()).output().context("cargo did not start")?;
    ensure!(output.status.success(), "`{}` failed ({})", shown(&command), output.status);
    executable(&String::from_utf8_lossy(&output.stdout), package)
        .with_context(|| format!("cargo built no program from the package {package}"))
}

/// The program of this name among those that cargo's messages name; a package may have several.
fn executable(messages: &str, name: &str) -> Option<PathBuf> {
    let parsed = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut programs = parsed.filter_map(|message| message["executable"].as_str().map(PathBuf::from));
    programs.find(|program| program.file_stem().is_some_and(|stem| stem == name))
}

fn shown(command: &Command) -> String {
    let name = PathBuf::from(command.get_program());
    let name = name.file_name().unwrap_or(command.get_program()).to_string_lossy().into_owned();
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    std::iter::once(name).chain(arguments).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_the_one_that_cargo_names() {
        let messages = concat!(
            r#"{"reason":"compiler-artifact","executable":null}"#,
            "\n",
            r#"{"reason":"compiler-artifact","executable":"elsewhere/release/ficha"}"#,
            "\nnot JSON\n",
            r#"{"reason":"build-finished","success":true}"#,
        );
        assert_eq!(executable(messages, "ficha"), Some(PathBuf::from("elsewhere/release/ficha")));
        assert_eq!(executable(messages, "other"), None);
    }

    #[test]
    fn a_failing_program_is_named_with_its_arguments() {
        let error = must(Command::new("false").arg("--now")).unwrap_err();
        assert!(error.to_string().starts_with("`false --now` failed"), "{error}");
    }
}
