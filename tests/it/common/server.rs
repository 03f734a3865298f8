//! An HTTP server on 127.0.0.1 for one file, which gives the answers that a test asks for.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What to do with a request.
#[derive(Clone, Copy)]
pub enum Answer {
    /// The file, or the range that was asked for.
    Whole,
    /// So many bytes of it, then the connection ends.
    Cut(usize),
    /// The whole file, whatever was asked for.
    IgnoreRange,
    /// A range, though not the one that was asked for.
    OtherRange,
    /// The file again and again, of no announced length.
    Endless,
    /// No file.
    Status(u16),
}

/// Ends with the test's process.
pub struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    /// Gives `content` with these answers in turn; refuses further requests with 500.
    pub fn start(content: Vec<u8>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = requests.clone();
        thread::spawn(move || {
            let mut answers = answers.into_iter();
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                let range = read_request(&stream);
                seen.lock().unwrap().push(range);
                // A client that hangs up, as that of an endless answer does, is no failure.
                let _ = answer(stream, &content, range, answers.next());
            }
        });
        Self { port, requests }
    }

    /// The file's address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/file.gz", self.port)
    }

    /// Where the ranges that were asked for start, `None` for the whole file.
    pub fn requests(&self) -> Vec<Option<usize>> {
        self.requests.lock().unwrap().clone()
    }
}

/// An address where nobody listens.
pub fn closed_url() -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    format!("http://{}/file.gz", listener.local_addr().unwrap())
}

/// Reads to the empty line; the start of the range, if there is one.
fn read_request(stream: &TcpStream) -> Option<usize> {
    let lines = BufReader::new(stream).lines().map(|line| line.unwrap());
    let header: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let range = header.iter().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("range").then_some(value)
    })?;
    Some(range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().unwrap())
}

fn answer(
    mut stream: TcpStream,
    content: &[u8],
    range: Option<usize>,
    answer: Option<Answer>,
) -> std::io::Result<()> {
    let size = content.len();
    let partial = |start: usize| {
        format!("206 Partial Content\r\nContent-Range: bytes {start}-{}/{size}", size - 1)
    };
    let ranged = || range.map_or(("200 OK".to_owned(), 0), |start| (partial(start), start));
    let ((status, start), count) = match answer.unwrap_or(Answer::Status(500)) {
        Answer::Whole => (ranged(), size),
        Answer::Cut(count) => (ranged(), count),
        Answer::IgnoreRange => (("200 OK".into(), 0), size),
        Answer::OtherRange => ((partial(1), 1), size),
        Answer::Status(status) => ((format!("{status} No"), size), 0),
        Answer::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            for _ in 0..100 {
                stream.write_all(content)?;
            }
            return Ok(());
        }
    };
    let length = size - start;
    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(&content[start..][..count.min(length)])
}
