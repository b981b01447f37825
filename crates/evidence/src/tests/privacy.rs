//! Nothing on the disk says of whom, by whom or why.

use super::*;
use crate::tests::sim::SimDisk;
use std::{fs, path::Path};

/// All bytes below a folder, without the zeros that segments end with.
fn files(dir: &Path) -> Vec<u8> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: &Path| {
        // SQLite's own files go when the last connection closes, which may be now.
        let mut bytes = fs::read(path).unwrap_or_default();
        bytes.truncate(bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1));
        bytes
    };
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { read(&path) }).collect()
}

/// The texts of a consultation that must not be found, as they could stand in a file.
fn telling(consultation: &Consultation) -> Vec<Vec<u8>> {
    let cpf = consultation.cpf;
    vec![
        cpf.to_string().into_bytes(),
        cpf.as_u64().to_be_bytes().to_vec(),
        cpf.as_u64().to_le_bytes().to_vec(),
        // As SQLite keeps integers of this size.
        cpf.as_u64().to_be_bytes()[2..].to_vec(),
        consultation.client.as_bytes().to_vec(),
        consultation.subject.as_bytes().to_vec(),
        consultation.operation.as_bytes().to_vec(),
        consultation.id.as_bytes().to_vec(),
        consultation.answer_sha256.to_vec(),
    ]
}

fn assert_silent(bytes: &[u8], when: &str) {
    assert!(bytes.len() > 1000, "there is something to look at");
    for number in 1..4 {
        for text in telling(&consultation(number)) {
            let found = bytes.windows(text.len()).any(|window| window == text);
            assert!(!found, "{when}: {:?}", String::from_utf8_lossy(&text));
        }
    }
}

#[tokio::test]
async fn files_tell_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let service = open(dir.path()).await.unwrap();
    assert!(record(&service, 1..4).await);
    assert_silent(&files(dir.path()), "recorded");
    service.flush().await.unwrap();
    assert_eq!(service.figures().moved, 3);
    assert_silent(&files(dir.path()), "moved");
    let of_person = service.of_person(person(1), 9).await.unwrap();
    assert_eq!(format!("{of_person:?}"), format!("{:?}", [consultation(1)]), "it was all there");
    service.close().await.unwrap();
    drop(service);
    assert_silent(&files(dir.path()), "closed");
}

#[tokio::test]
async fn the_same_consultation_twice_does_not_look_the_same() {
    let (disk, store) = (SimDisk::default(), MemoryStore::default());
    let service = start(&disk, &store).await.unwrap();
    assert!(record(&service, [1]).await);
    assert!(record(&service, [1]).await);
    service.flush().await.unwrap();
    let kept = store.all();
    assert_ne!(kept[0].body, kept[1].body);
    assert_ne!(kept[0].hash, kept[1].hash);
    assert_silent(&disk.bytes(), "simulated");
}

#[tokio::test]
#[cfg(unix)]
async fn files_are_ours_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let service = open(dir.path()).await.unwrap();
    let spool = dir.path().join("spool");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&spool), 0o700);
    for entry in fs::read_dir(&spool).unwrap() {
        assert_eq!(mode(&entry.unwrap().path()), 0o600);
    }
    service.close().await.unwrap();
}
