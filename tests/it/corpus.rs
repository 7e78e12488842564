//! Every body that fuzzing found worth keeping, and those that were written by hand, held to what the fuzz target asks of them.

#[path = "../fuzz/properties/mod.rs"]
mod properties;

use std::path::Path;

#[test]
fn every_kept_body_is_judged_by_the_rules() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus/roster");
    let files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 150, "only {} bodies in {}", files.len(), folder.display());
    let broken: Vec<_> = files
        .iter()
        .filter(|file| {
            let body = std::fs::read(file).unwrap();
            std::panic::catch_unwind(|| properties::hold(&body)).is_err()
        })
        .collect();
    assert!(broken.is_empty(), "what goes wrong is told above; it is of {broken:#?}");
}
