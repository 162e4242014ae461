//! What went into the databases, as a hash: an import that would make the same again is not made.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::catalog;
use crate::failure::Failure;
use crate::tree::Tree;

/// How rows become SQL: who changes that makes other databases.
const HOW: [&str; 3] =
    [include_str!("catalog.rs"), include_str!("sql.rs"), include_str!("../../../catalog/src/demo/title.rs")];
/// Lines that decide what wrangler calls a file, and how it writes it.
const LINES: [(&str, &str); 2] = [("wrangler.toml", "database_id"), ("package.json", "\"wrangler\"")];

/// The hash of all that goes into the databases of a tree, in hexadecimal.
pub fn of(tree: &Tree) -> Result<String, Failure> {
    let mut digest = Sha256::new();
    // With its length before it, so that no two lists of parts are the same bytes.
    let mut part = |bytes: &[u8]| {
        digest.update((bytes.len() as u64).to_le_bytes());
        digest.update(bytes);
    };
    HOW.iter().for_each(|source| part(source.as_bytes()));
    let mut files = vec![tree.file(catalog::FILE)];
    files.extend(migrations(&tree.file("migrations"))?);
    for file in files {
        let name = file.strip_prefix(tree.path()).unwrap_or(&file);
        part(name.as_os_str().as_encoded_bytes());
        part(&fs::read(&file).map_err(|error| Tree::lacks(&file, &error))?);
    }
    for (file, word) in LINES {
        let text = tree.text(file)?;
        text.lines().filter(|line| line.contains(word)).for_each(|line| part(line.as_bytes()));
    }
    Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}

/// All files of SQL below a folder, in the order of their names.
fn migrations(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error| Tree::lacks(folder, &error);
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            found.extend(migrations(&path)?);
        } else if path.extension().is_some_and(|end| end == "sql") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_goes_in_changes_it_and_nothing_else_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            let file = folder.path().join(name);
            fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
            fs::write(file, text).expect("a file");
        };
        write(catalog::FILE, "rows");
        write("migrations/catalog/0001.sql", "CREATE");
        write("wrangler.toml", "database_id = \"1\"\nname = \"a\"\n");
        write("package.json", "{\n\"wrangler\": \"1\",\n\"esbuild\": \"1\"\n}");
        let of = || of(&Tree::find(Some(folder.path())).expect("it is named")).expect("all is there");
        let mut seen = vec![of()];
        assert_eq!(seen[0].len(), 64);
        write("wrangler.toml", "database_id = \"1\"\nname = \"b\"\n");
        write("package.json", "{\n\"wrangler\": \"1\",\n\"esbuild\": \"2\"\n}");
        write("migrations/README.md", "words");
        assert_eq!(of(), seen[0]);
        for (file, text) in [
            (catalog::FILE, "other rows"),
            ("migrations/catalog/0001.sql", "CREATE TABLE"),
            ("migrations/store/0001.sql", "CREATE"),
            ("wrangler.toml", "database_id = \"2\"\n"),
            ("package.json", "\"wrangler\": \"2\"\n"),
        ] {
            write(file, text);
            assert!(!seen.contains(&of()), "{file}");
            seen.push(of());
        }
    }
}
