//! The inputs of the fuzz targets, those that once broke something among them, read again with every run of the tests.
//! `cargo xtask fuzz` looks for new ones.

#[path = "../../../../fuzz/src/lib.rs"]
mod targets;

use std::{fs, path::PathBuf};

#[test]
fn every_input_of_every_corpus_is_read_without_a_broken_promise() {
    let corpora = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, target) in targets::TARGETS {
        let inputs: Vec<PathBuf> =
            fs::read_dir(corpora.join(name)).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert!(!inputs.is_empty(), "{name} has no corpus");
        for input in inputs {
            println!("{}", input.display());
            target(&fs::read(&input).unwrap());
        }
    }
}
