//! What takes long is made once and kept outside the tree.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::{folder, user};

/// The folder of this name: kept from an earlier run, or filled now. Two who fill it at once do not meet: each fills
/// its own, and the first is taken.
pub(crate) fn folder(name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    folder_in(&place()?, name, fill)
}

/// Root's servers run as nobody, who may not pass root's home: for root it is the system's place.
fn place() -> Result<PathBuf> {
    if user::id()? == 0 {
        return Ok("/var/cache/ficha/engines".into());
    }
    let given = env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|given| given.is_absolute());
    let cache = given.or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache")));
    Ok(cache.context("neither HOME nor XDG_CACHE_HOME is set")?.join("ficha/engines"))
}

fn folder_in(place: &Path, name: &str, fill: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let whole = place.join(name);
    if whole.exists() {
        return Ok(whole);
    }
    let part = folder::make(&place.join("part"))?;
    fill(part.path())?;
    match fs::rename(part.path(), &whole) {
        Err(_) if whole.exists() => {}
        renamed => {
            renamed.with_context(|| format!("making {}", whole.display()))?;
            eprintln!("kept for the next time: {}", whole.display());
        }
    }
    Ok(whole)
}

#[cfg(test)]
mod tests {
    use anyhow::bail;

    use super::*;

    #[test]
    fn a_folder_is_filled_once_and_never_half() {
        let place = tempfile::tempdir().unwrap();
        let failed = folder_in(place.path(), "a", |part| {
            fs::write(part.join("half"), "")?;
            bail!("no more")
        });
        assert!(failed.is_err() && !place.path().join("a").exists());

        let filled = folder_in(place.path(), "a", |part| Ok(fs::write(part.join("whole"), "")?)).unwrap();
        assert!(filled.join("whole").exists() && !filled.join("half").exists());
        assert_eq!(folder_in(place.path(), "a", |_| bail!("again")).unwrap(), filled);
    }

    #[test]
    fn of_two_who_fill_it_at_once_one_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let inner = |part: &Path| Ok(fs::write(part.join("inner"), "")?);
        let outer = folder_in(place.path(), "a", |part| {
            folder_in(place.path(), "a", inner)?;
            Ok(fs::write(part.join("outer"), "")?)
        });
        let taken = outer.unwrap();
        assert!(taken.join("inner").exists() && !taken.join("outer").exists());
        assert_eq!(fs::read_dir(place.path().join("part")).unwrap().count(), 0);
    }
}
