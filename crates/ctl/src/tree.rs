//! The project's folder: the catalog, the migrations, the secrets of this machine.

use std::path::{Path, PathBuf};

use crate::failure::{Failure, Kind};

/// The project's folder.
pub struct Tree(PathBuf);

impl Tree {
    /// The one that is named, else `EVERCART_ROOT`, which `tools/evercart` sets, else the one around this folder.
    pub fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let set = std::env::var_os("EVERCART_ROOT").filter(|set| !set.is_empty()).map(PathBuf::from);
        if let Some(named) = named.map(Path::to_owned).or(set) {
            let whole = named.canonicalize().map_err(|error| Failure::io(named.display(), &error))?;
            return Ok(Self(whole));
        }
        let here = std::env::current_dir().map_err(|error| Failure::io("this folder", &error))?;
        let around = here.ancestors().find(|folder| folder.join("wrangler.toml").is_file());
        around.map(|folder| Self(folder.to_owned())).ok_or_else(|| {
            Failure::new(Kind::Usage, "this is not the project's folder")
                .next("go there, or name it: --tree DIR")
        })
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file of it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of a file of it.
    pub fn text(&self, name: &str) -> Result<String, Failure> {
        let file = self.file(name);
        std::fs::read_to_string(&file).map_err(|error| Self::lacks(&file, &error))
    }

    /// A file of it that cannot be read.
    pub fn lacks(file: &Path, error: &std::io::Error) -> Failure {
        Failure::io(file.display(), error)
            .next("is this the project's folder, with all its files? Name it: --tree DIR")
    }

    /// A secret of `.dev.vars`, if it is there.
    pub fn secret(&self, name: &str) -> Result<Option<String>, Failure> {
        if !self.file(".dev.vars").is_file() {
            return Ok(None);
        }
        let text = self.text(".dev.vars")?;
        let found = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        Ok(found.map(|secret| secret.trim().to_owned()).filter(|secret| !secret.is_empty()))
    }
}
