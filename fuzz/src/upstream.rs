//! A server on loopback that answers every request as the target says.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What a request gets: a status, a media type and a body.
pub(crate) type Answer = (u16, &'static str, Vec<u8>);

/// A request: its first line, and its body as text.
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) body: String,
}

/// Starts the server and returns its URL. It ends with the process.
pub(crate) fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let answer = Arc::new(answer);
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let answer = Arc::clone(&answer);
            thread::spawn(move || serve(stream, &*answer));
        }
    });
    url
}

/// The same with the answer of the moment, whatever the request.
pub(crate) fn saying(media_type: &'static str) -> (String, Arc<Mutex<Vec<u8>>>) {
    let body = Arc::new(Mutex::new(Vec::new()));
    let said = Arc::clone(&body);
    (
        start(move |_| (200, media_type, said.lock().unwrap().clone())),
        body,
    )
}

/// Answers the requests of one connection, until it ends.
fn serve(mut stream: TcpStream, answer: &dyn Fn(&Request) -> Answer) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut read = Vec::new();
    loop {
        let end = loop {
            match read.windows(4).position(|at| at == b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => fill(&mut stream, &mut read).ok()?,
            }
        };
        let head = String::from_utf8_lossy(&read[..end]).into_owned();
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let value = value.trim().parse::<usize>().ok();
            value.filter(|_| name.eq_ignore_ascii_case("content-length"))
        });
        let end_of_body = end + length.unwrap_or(0);
        while read.len() < end_of_body {
            fill(&mut stream, &mut read).ok()?;
        }
        let request = Request {
            line: head.lines().next().unwrap_or_default().to_owned(),
            body: String::from_utf8_lossy(&read[end..end_of_body]).into_owned(),
        };
        read.drain(..end_of_body);
        let (status, media_type, body) = answer(&request);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status} Fine\r\ncontent-type: {media_type}\r\ncontent-length: {length}\r\n\r\n"
        );
        let body = if request.line.starts_with("HEAD ") {
            Vec::new()
        } else {
            body
        };
        stream.write_all(&[head.into_bytes(), body].concat()).ok()?;
    }
}

fn fill(stream: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<()> {
    let mut chunk = [0; 16 * 1024];
    match stream.read(&mut chunk)? {
        0 => Err(io::ErrorKind::UnexpectedEof.into()),
        length => {
            read.extend_from_slice(&chunk[..length]);
            Ok(())
        }
    }
}
