//! The bytes of one address: `GET`, from where the part ends by `Range: bytes={start}-`.
//!
//! | answer | then |
//! |---|---|
//! | 200 | from the start, whatever was asked for |
//! | 206 that starts where asked | goes on |
//! | 206 of another range, 416 | once more, from the start |
//! | any other | the next mirror |

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use ureq::http::{Response, header};
use ureq::{Agent, Body};

use super::{RemoteFile, progress};

/// How often a cut connection to one address is taken up again, as long as each brings something.
const TRIES: u32 = 10;

/// A server that says nothing for so long is given up; the part stays.
const STALL: Duration = Duration::from_secs(30);

/// Why an address did not give the file.
pub(super) enum Stop {
    /// Its own fault: try the next.
    Mirror(String),
    /// The disk's.
    Disk(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Stop::Disk(error)
    }
}

/// An agent with time limits, which returns answers of every status.
pub(super) fn agent() -> Agent {
    let config = Agent::config_builder()
        .timeout_resolve(Some(Duration::from_secs(10)))
        .timeout_connect(Some(Duration::from_secs(10)))
        .timeout_recv_response(Some(STALL))
        .timeout_per_read(Some(STALL))
        .http_status_as_error(false)
        .user_agent(concat!("dytb/", env!("CARGO_PKG_VERSION")));
    config.build().into()
}

/// Gets `part` to the size of `file`, over as many connections as it takes.
pub(super) fn complete(
    agent: &Agent,
    url: &str,
    file: &RemoteFile<'_>,
    part: &mut File,
) -> Result<(), Stop> {
    let mut cut = String::new();
    for again in 0..TRIES {
        let before = part.metadata()?.len();
        if before == file.bytes {
            return Ok(());
        }
        if before > file.bytes {
            part.set_len(0)?;
        }
        if again > 0 {
            std::thread::sleep(Duration::from_millis(100) * again);
        }
        let response = request(agent, url, file, part)?;
        cut = match receive(response, url, file, part)? {
            None => return Ok(()),
            Some(reason) => reason,
        };
        if part.metadata()?.len() <= before {
            break;
        }
    }
    Err(Stop::Mirror(cut))
}

/// Asks for what `part` lacks. After it, `part` is as long as the answer's first byte is far into
/// the file.
fn request(
    agent: &Agent,
    url: &str,
    file: &RemoteFile<'_>,
    part: &mut File,
) -> Result<Response<Body>, Stop> {
    let mut start = part.metadata()?.len();
    let mut response = get(agent, url, start)?;
    let status = response.status().as_u16();
    if start > 0 && (status == 416 || status == 206 && range_start(&response) != Some(start)) {
        start = 0;
        response = get(agent, url, start)?;
    }
    match response.status().as_u16() {
        200 => start = 0,
        206 if start > 0 => {}
        _ => return Err(Stop::Mirror(format!("HTTP {}", response.status()))),
    }
    // The page of a login, say, must not cost what is there of the file.
    if let Some(rest) = response.body().content_length()
        && start.checked_add(rest) != Some(file.bytes)
    {
        return Err(other_size(&start.saturating_add(rest).to_string(), file));
    }
    part.set_len(start)?;
    Ok(response)
}

fn get(agent: &Agent, url: &str, start: u64) -> Result<Response<Body>, Stop> {
    let mut request = agent.get(url);
    if start > 0 {
        request = request.header(header::RANGE, format!("bytes={start}-"));
    }
    if is_local(url) {
        request = request.config().proxy(None).build();
    }
    request.call().map_err(|error| Stop::Mirror(error.to_string()))
}

/// Whether `url` is on this machine, where a proxy could not reach it.
fn is_local(url: &str) -> bool {
    let host = url.split_once("://").map_or("", |(_, rest)| rest);
    ["localhost", "127.", "[::1]"].iter().any(|local| host.starts_with(local))
}

/// `start` of the header `Content-Range: bytes start-end/size`.
fn range_start(response: &Response<Body>) -> Option<u64> {
    let range = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    range.strip_prefix("bytes ")?.split('-').next()?.trim().parse().ok()
}

/// Appends the answer to `part`; `Some(reason)` where the connection broke before the end.
fn receive(
    mut response: Response<Body>,
    url: &str,
    file: &RemoteFile<'_>,
    part: &mut File,
) -> Result<Option<String>, Stop> {
    let mut done = part.seek(SeekFrom::End(0))?;
    let bar = progress::start(url, done, file.bytes);
    let mut body = response.body_mut().as_reader();
    let mut buffer = vec![0; 1 << 16];
    // To the answer's end: where a longer one is cut into reads is chance.
    loop {
        let count = match body.read(&mut buffer) {
            // The checksum tells whether it is right.
            Ok(0) | Err(_) if done == file.bytes => break,
            Ok(0) => return Ok(Some(format!("cut after {done} of {} bytes", file.bytes))),
            Ok(count) => count,
            Err(error) => {
                return Ok(Some(format!("cut after {done} of {} bytes: {error}", file.bytes)));
            }
        };
        done += count as u64;
        if done > file.bytes {
            part.set_len(0)?;
            return Err(other_size("more", file));
        }
        part.write_all(&buffer[..count])?;
        bar.set_position(done);
    }
    bar.finish_and_clear();
    Ok(None)
}

/// A file of another size is another file.
fn other_size(size: &str, file: &RemoteFile<'_>) -> Stop {
    Stop::Mirror(format!("has another file, of {size} bytes instead of {}", file.bytes))
}
