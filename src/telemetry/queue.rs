//! The queue between the gateway and the reader of its log, so that no request waits for a stalled
//! reader.

use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tracing_appender::non_blocking::{ErrorCounter, NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};

/// How long a process that ends waits for a slow reader. [`WorkerGuard`] waits
/// for 1 s more while the reader keeps reading.
const PATIENCE: Duration = Duration::from_secs(1);

/// The pause between two checks of a slow reader, and before another write to a full pipe that another
/// process has made non-blocking.
const PAUSE: Duration = Duration::from_millis(10);

/// How much is written at once, in bytes: as much as a pipe takes whole (`PIPE_BUF`), so that the
/// lines of other processes on it do not come in between.
const AT_ONCE: usize = 4_096;

/// The format of the lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Text,
}

/// Writes the queued lines when it is dropped, unless the reader has stalled.
#[must_use = "lines are lost unless it lives until the process ends"]
pub struct Flush {
    drops: Arc<Drops>,
    worker: Option<WorkerGuard>,
}

/// A queue of at most this many lines in front of `out`. Further lines are dropped; their number is
/// written as soon as `out` accepts lines again.
pub(super) fn queue<W: Write + Send + 'static>(
    out: W,
    format: Format,
    max_lines: usize,
) -> (NonBlocking, Flush) {
    let drops = Arc::<Drops>::default();
    let lines = Lines {
        out,
        format,
        drops: Arc::clone(&drops),
        gathered: Vec::with_capacity(AT_ONCE),
        count: 0,
        failed: 0,
    };
    let (queue, worker) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(max_lines)
        .thread_name("log")
        .finish(lines);
    drops.queue.get_or_init(|| queue.error_counter());
    let worker = Some(worker);
    (queue, Flush { drops, worker })
}

/// Counts the lines that the queue had no room for.
#[derive(Default)]
struct Drops {
    queue: OnceLock<ErrorCounter>,
    /// How many of them were reported to the reader.
    told: AtomicUsize,
    /// How many lines the reader did not take.
    unwritten: AtomicUsize,
}

/// The drops of this process's log.
static DROPS: OnceLock<Arc<Drops>> = OnceLock::new();

/// Makes this log the one that [`lines_dropped`] is about.
pub(super) fn report_drops_of(flush: &Flush) {
    DROPS.get_or_init(|| Arc::clone(&flush.drops));
}

/// How many lines of this process's log were lost so far.
#[must_use]
pub fn lines_dropped() -> usize {
    let lost = |drops: &Arc<Drops>| drops.all() + drops.unwritten.load(Ordering::Relaxed);
    DROPS.get().map_or(0, lost)
}

impl Drops {
    fn all(&self) -> usize {
        self.queue.get().map_or(0, ErrorCounter::dropped_lines)
    }

    fn told(&self) -> usize {
        self.told.load(Ordering::Acquire)
    }

    fn untold(&self) -> usize {
        self.all().saturating_sub(self.told())
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        let end = Instant::now() + PATIENCE;
        while self.drops.untold() > 0 && Instant::now() < end {
            thread::sleep(PAUSE);
        }
        let worker = self.worker.take();
        if self.drops.untold() > 0 {
            // The reader has stalled. Dropping the guard would wait once more, and print on standard
            // output that the queue is full.
            std::mem::forget(worker);
        }
    }
}

/// The consumer of the queue, on a separate thread. Each write is one or more whole lines: those
/// that the queue holds, because a write for each would cost more than the lines.
struct Lines<W> {
    out: W,
    format: Format,
    drops: Arc<Drops>,
    /// What is written next, and how many lines that is.
    gathered: Vec<u8>,
    count: usize,
    /// How many lines could not be written since the last report.
    failed: usize,
}

impl<W: Write> Lines<W> {
    /// Reports dropped lines. A line is dropped only when the queue is full, so another line always
    /// follows it here, and every drop is reported.
    fn tell(&mut self) -> io::Result<()> {
        // One reading: a line that is dropped between two would be reported twice.
        let all = self.drops.all();
        let dropped = all.saturating_sub(self.drops.told()) + self.failed;
        if dropped == 0 {
            return Ok(());
        }
        let line = self.format.dropped(dropped);
        self.put(line.as_bytes())?;
        self.drops.told.store(all, Ordering::Release);
        self.failed = 0;
        Ok(())
    }

    fn write_gathered(&mut self) {
        let gathered = std::mem::take(&mut self.gathered);
        let lines = std::mem::take(&mut self.count);
        if lines > 0 && self.put(&gathered).and_then(|()| self.tell()).is_err() {
            self.failed += lines;
            self.drops.unwritten.fetch_add(lines, Ordering::Relaxed);
        }
        self.gathered = gathered;
        self.gathered.clear();
    }

    /// Writes all of it, to blocking and non-blocking files alike.
    fn put(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match self.out.write(bytes) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.gathered.len() + line.len() > AT_ONCE {
            self.write_gathered();
        }
        self.gathered.extend_from_slice(line);
        self.count += 1;
        Ok(line.len())
    }

    /// Called when the queue is empty.
    fn flush(&mut self) -> io::Result<()> {
        self.write_gathered();
        self.out.flush()
    }
}

impl Format {
    fn dropped(self, lines: usize) -> String {
        const MESSAGE: &str = "log lines were dropped: standard error was not read fast enough";
        let mut time = String::new();
        // Writing to a string does not fail.
        let _ = SystemTime.format_time(&mut Writer::new(&mut time));
        match self {
            Self::Json => {
                let line = json!({
                    "timestamp": time,
                    "level": "WARN",
                    "message": MESSAGE,
                    "dropped": lines,
                    "target": module_path!(),
                });
                format!("{line}\n")
            }
            Self::Text => format!("{time}  WARN {MESSAGE} dropped={lines}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read};
    use std::sync::mpsc;

    use serde_json::Value;

    use super::*;

    const LINE: &[u8] = b"{\"message\":\"a line that is as long as many others are\"}\n";

    /// Runs it on a separate thread, so that a hanging test fails.
    fn soon<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || sender.send(work()));
        receiver.recv_timeout(Duration::from_secs(10)).expect(what)
    }

    fn write(mut queue: NonBlocking, lines: usize) -> NonBlocking {
        soon("writing does not wait for the reader", move || {
            for _ in 0..lines {
                queue.write_all(LINE).unwrap();
            }
            queue
        })
    }

    #[test]
    fn dropped_lines_are_counted_when_a_stalled_reader_resumes() {
        const LINES: usize = 5_000;
        let (reader, writer) = io::pipe().unwrap();
        let (queue, flush) = queue(writer, Format::Json, 10);
        let mut queue = write(queue, LINES);
        let mut reader = BufReader::new(reader).lines();
        let counted = soon("the number of lines that were dropped", move || {
            let mut seen = 0;
            let mut dropped = 0;
            while seen + dropped < LINES {
                let line: Value = serde_json::from_str(&reader.next().unwrap().unwrap()).unwrap();
                match line["dropped"].as_u64() {
                    Some(lines) => {
                        assert_eq!(line["level"], "WARN");
                        dropped += usize::try_from(lines).unwrap();
                    }
                    None => seen += 1,
                }
            }
            (seen, dropped, reader)
        });
        let (seen, dropped, mut reader) = counted;
        assert_eq!(seen + dropped, LINES);
        assert!(seen >= 10 && dropped > 0, "{seen} {dropped}");
        queue.write_all(LINE).unwrap();
        drop((queue, flush));
        let rest = soon("the rest", move || reader.next().unwrap().unwrap());
        assert_eq!(rest.as_bytes(), LINE.trim_ascii_end());
    }

    #[test]
    fn shutdown_writes_all_queued_lines() {
        let (mut reader, writer) = io::pipe().unwrap();
        let (queue, flush) = queue(writer, Format::Json, 1_000);
        drop((write(queue, 500), flush));
        let mut text = String::new();
        soon("the end of the log", move || {
            reader.read_to_string(&mut text).unwrap();
            assert_eq!(text.as_bytes(), LINE.repeat(500));
        });
    }

    #[test]
    fn shutdown_does_not_wait_forever_for_a_stalled_reader() {
        for lines in [2_000, 50_000] {
            let (_reader, writer) = io::pipe().unwrap();
            let (queue, flush) = queue(writer, Format::Text, 10_000);
            let queue = write(queue, lines);
            soon("the end", move || drop((queue, flush)));
        }
    }

    #[test]
    fn closed_reader_is_ignored() {
        let (reader, writer) = io::pipe().unwrap();
        drop(reader);
        let (queue, flush) = queue(writer, Format::Text, 10);
        let queue = write(queue, 1_000);
        soon("the end", move || drop((queue, flush)));
    }
}
