//! The downloader against a server on this machine that misbehaves as told.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::path::Path;

use crate::common::server;
use crate::common::server::{Answer, Server};
use dytb::data::download::{Error, RemoteFile, fetch};
use dytb::data::files::obtain;
use dytb::util::hex::hex;
use dytb::{Exit, Failure};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

/// More than one buffer of the downloader.
fn content() -> Vec<u8> {
    (0..300_000u32).map(|i| (i.wrapping_mul(i) >> 9) as u8).collect()
}

fn fetch_from(urls: &[&str], folder: &Path) -> Result<Vec<u8>, Error> {
    let content = content();
    let sha256 = hex(&Sha256::digest(&content));
    let file = RemoteFile { name: "file.gz", urls, bytes: content.len() as u64, sha256: &sha256 };
    fetch(&file, folder).map(|path| fs::read(path).unwrap())
}

/// What is in the folder besides the lock file, which stays.
fn names(folder: &TempDir) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "file.gz.lock")
        .collect();
    names.sort();
    names
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// The reasons of the mirrors.
fn reasons(result: Result<Vec<u8>, Error>) -> Vec<String> {
    match result {
        Err(Error::Mirrors(mirrors)) => mirrors.into_iter().map(|(_, why)| why).collect(),
        other => panic!("no failure of all mirrors: {other:?}"),
    }
}

#[test]
fn whole() {
    let (server, folder) = (Server::start(content(), vec![Answer::Whole]), folder());
    let below = folder.path().join("made/on/the/way");
    assert_eq!(fetch_from(&[&server.url()], &below).unwrap(), content());
    assert_eq!(server.requests(), [None]);
    // It is there now: no second request.
    assert_eq!(fetch_from(&[&server.url()], &below).unwrap(), content());
    assert_eq!(server.requests(), [None]);
}

#[test]
fn cut_connections_are_resumed() {
    let answers = vec![Answer::Cut(100_000), Answer::Cut(50_000), Answer::Whole];
    let (server, folder) = (Server::start(content(), answers), folder());
    assert_eq!(fetch_from(&[&server.url()], folder.path()).unwrap(), content());
    assert_eq!(server.requests(), [None, Some(100_000), Some(150_000)]);
    assert_eq!(names(&folder), ["file.gz"]);
}

#[test]
fn the_next_run_resumes_what_one_left() {
    let (server, folder) = (
        Server::start(content(), vec![Answer::Cut(1000), Answer::Cut(0), Answer::Whole]),
        folder(),
    );
    let why = reasons(fetch_from(&[&server.url()], folder.path()));
    assert!(why[0].contains("cut after 1000 of 300000 bytes"), "{why:?}");
    assert_eq!(names(&folder), ["file.gz.part"]);
    assert_eq!(fetch_from(&[&server.url()], folder.path()).unwrap(), content());
    assert_eq!(server.requests(), [None, Some(1000), Some(1000)]);
}

#[test]
fn another_mirror_resumes_too() {
    let cut = Server::start(content(), vec![Answer::Cut(1000), Answer::Status(503)]);
    let (good, folder) = (Server::start(content(), vec![Answer::Whole]), folder());
    assert_eq!(fetch_from(&[&cut.url(), &good.url()], folder.path()).unwrap(), content());
    assert_eq!(good.requests(), [Some(1000)]);
}

#[test]
fn a_server_that_ignores_range_starts_over() {
    let answers = vec![Answer::Cut(100_000), Answer::IgnoreRange];
    let (server, folder) = (Server::start(content(), answers), folder());
    assert_eq!(fetch_from(&[&server.url()], folder.path()).unwrap(), content());
    assert_eq!(server.requests(), [None, Some(100_000)]);
}

#[test]
fn a_range_that_is_refused_or_another_one_starts_over() {
    for answer in [Answer::Status(416), Answer::OtherRange] {
        let answers = vec![Answer::Cut(100_000), answer, Answer::Whole];
        let (server, folder) = (Server::start(content(), answers), folder());
        assert_eq!(fetch_from(&[&server.url()], folder.path()).unwrap(), content());
        assert_eq!(server.requests(), [None, Some(100_000), None]);
    }
}

#[test]
fn a_missing_file_is_taken_from_the_next_mirror() {
    let missing = Server::start(content(), vec![Answer::Status(404)]);
    let (good, folder) = (Server::start(content(), vec![Answer::Whole]), folder());
    assert_eq!(fetch_from(&[&missing.url(), &good.url()], folder.path()).unwrap(), content());
    assert_eq!(missing.requests().len(), 1);
}

#[test]
fn another_content_or_size_is_taken_from_the_next_mirror() {
    let mut other = content();
    other[7] ^= 1;
    let mut longer = content();
    longer.push(0);
    for wrong in [other, longer, b"<html>Sign in".to_vec()] {
        let wrong = Server::start(wrong, vec![Answer::Whole, Answer::Whole]);
        let good = Server::start(content(), vec![Answer::Whole]);
        let folder = folder();
        let why = reasons(fetch_from(&[&wrong.url()], folder.path()));
        assert!(why[0].contains("has another file"), "{why:?}");
        assert_eq!(names(&folder), [""; 0], "a wrong part must go");
        assert_eq!(fetch_from(&[&wrong.url(), &good.url()], folder.path()).unwrap(), content());
        assert_eq!(good.requests(), [None], "nothing of the wrong file may be kept");
    }
}

#[test]
fn a_page_instead_of_the_file_costs_nothing() {
    let page = Server::start(b"<html>Sign in".to_vec(), vec![Answer::IgnoreRange]);
    let (good, folder) = (Server::start(content(), vec![Answer::Whole]), folder());
    fs::write(folder.path().join("file.gz.part"), &content()[..5000]).unwrap();
    assert_eq!(fetch_from(&[&page.url(), &good.url()], folder.path()).unwrap(), content());
    assert_eq!(good.requests(), [Some(5000)]);
}

#[test]
fn a_wrong_part_of_an_earlier_run_is_fetched_anew() {
    let (server, folder) = (Server::start(content(), vec![Answer::Whole, Answer::Whole]), folder());
    fs::write(folder.path().join("file.gz.part"), [9; 5000]).unwrap();
    assert_eq!(fetch_from(&[&server.url()], folder.path()).unwrap(), content());
    assert_eq!(server.requests(), [Some(5000), None]);
}

#[test]
fn a_part_longer_than_the_file_is_fetched_anew() {
    let (server, folder) = (Server::start(content(), vec![Answer::Whole]), folder());
    fs::write(folder.path().join("file.gz.part"), [9; 300_001]).unwrap();
    assert_eq!(fetch_from(&[&server.url()], folder.path()).unwrap(), content());
    assert_eq!(server.requests(), [None]);
}

#[test]
fn an_endless_answer_is_stopped() {
    let (server, folder) = (Server::start(content(), vec![Answer::Endless]), folder());
    let why = reasons(fetch_from(&[&server.url()], folder.path()));
    assert!(why[0].contains("of more bytes instead of 300000"), "{why:?}");
    assert_eq!(names(&folder), [""; 0]);
}

#[test]
fn two_at_once_share_one_download() {
    let (server, folder) = (Server::start(content(), vec![Answer::Whole, Answer::Whole]), folder());
    let url = server.url();
    std::thread::scope(|scope| {
        let tasks: Vec<_> =
            (0..4).map(|_| scope.spawn(|| fetch_from(&[&url], folder.path()).unwrap())).collect();
        for task in tasks {
            assert_eq!(task.join().unwrap(), content());
        }
    });
    assert_eq!(server.requests(), [None]);
    assert_eq!(names(&folder), ["file.gz"]);
}

/// The failure of a data set `Set` whose only file is at `urls`.
fn failure(urls: &[&str], folder: &Path, offline: bool) -> Failure {
    let file = RemoteFile { name: "file.gz", urls, bytes: 3, sha256: "ba7816bf8f01cfea" };
    obtain("Set", folder, &[file], offline).unwrap_err()
}

#[test]
fn no_network_tells_addresses_checksum_and_folder() {
    let folder = folder();
    let closed = server::closed_url();
    let failure = failure(&[&closed, "http://127.0.0.1:1/b"], folder.path(), false);
    assert_eq!(failure.exit, Exit::Unavailable);
    let text = failure.to_string();
    for part in [&closed, "127.0.0.1:1/b: ", "ba7816bf8f01cfea", &folder.path().to_string_lossy()] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
}

#[test]
fn https_greets_by_tls() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/file.gz", listener.local_addr().unwrap());
    let first_byte = std::thread::spawn(move || {
        let mut byte = [0];
        listener.accept().unwrap().0.read_exact(&mut byte).unwrap();
        byte[0]
    });
    assert_eq!(reasons(fetch_from(&[&url], folder().path())).len(), 1);
    // The record type of a TLS handshake.
    assert_eq!(first_byte.join().unwrap(), 22);
}

#[test]
fn offline_asks_no_server() {
    let (server, folder) = (Server::start(content(), vec![Answer::Whole]), folder());
    let failure = failure(&[&server.url()], folder.path(), true);
    assert_eq!(failure.exit, Exit::Unavailable);
    assert!(failure.to_string().contains(&server.url()));
    assert_eq!(server.requests(), []);
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let folder = folder();
    let file = folder.path().join("a_file");
    fs::write(&file, "").unwrap();
    let failure = failure(&["http://127.0.0.1:1/"], &file.join("below"), false);
    assert_eq!(failure.exit, Exit::Failed);
    assert!(failure.to_string().contains("a_file"), "{failure}");
}
