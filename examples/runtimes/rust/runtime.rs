//! A handler runtime in one file of Rust: it serves a function to a sidecar over the Unix socket that
//! runtime/PROTOCOL.md describes, in both versions. A thread for each connection is all there is to
//! concurrency; a handler that may be cancelled asks its call from time to time.

use crate::json;
use std::collections::HashMap;
use std::fs;
use std::io::{Error, ErrorKind, Read, Result, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

const MAGIC: &[u8; 8] = b"ASYA/2\r\n";
const MAX_MESSAGE: usize = 1 << 30;
const MAX_DETAIL: usize = 16_000;
const EXIT_STUCK: i32 = 75;
const TICK: Duration = Duration::from_millis(20);

const HELLO: u8 = 0x01;
const CALL: u8 = 0x02;
const CANCEL: u8 = 0x03;
const DRAIN: u8 = 0x04;
const PING: u8 = 0x05;
const WELCOME: u8 = 0x81;
const FRAME: u8 = 0x82;
const PARTIAL: u8 = 0x83;
const END: u8 = 0x84;
const ERROR: u8 = 0x85;
const PONG: u8 = 0x86;
const LOADING: u8 = 0x87;

/// What a handler gets, and how it answers; a call that it answers with nothing has no frame.
pub struct Call<'a> {
    /// JSON.
    pub payload: &'a str,
    /// The envelope without its payload: JSON of an object.
    pub envelope: &'a str,
    answers: Vec<(Option<String>, String)>,
    metrics: Vec<String>,
    partial: &'a mut dyn FnMut(&str),
    running: &'a Running,
}

impl Call<'_> {
    /// Adds a frame: JSON, sent as it is.
    pub fn answer(&mut self, payload: impl Into<String>) {
        self.answers.push((None, payload.into()));
    }

    /// Adds a frame in envelope mode: the envelope without its payload, and the payload.
    pub fn answer_envelope(&mut self, envelope: impl Into<String>, payload: impl Into<String>) {
        self.answers.push((Some(envelope.into()), payload.into()));
    }

    /// Sends a partial result at once.
    pub fn partial(&mut self, body: &str) {
        (self.partial)(body);
    }

    /// Reports a metric.
    pub fn metric(&mut self, name: &str, value: f64, labels: &[(&str, &str)]) {
        let labels: Vec<_> = labels.iter().map(|(k, v)| (k, json::quote(v))).collect();
        self.metrics.push(format!(
            "{{\"name\":{},\"value\":{value},\"labels\":{}}}",
            json::quote(name),
            json::object(&labels)
        ));
    }

    /// Waits so long; an error as soon as nobody wants the answer any more.
    pub fn wait(&self, time: Duration) -> std::result::Result<(), String> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            if self.running.cancelled.lock().unwrap().is_some() {
                return Err("cancelled while it waited".into());
            }
            thread::sleep(TICK.min(end - Instant::now().min(end)));
        }
        Ok(())
    }
}

/// Answers a call; the error is its message.
pub type Handler = Box<dyn Fn(&mut Call) -> std::result::Result<(), String> + Send + Sync>;

/// Frames (in envelope mode with their envelope) and metrics of a call that ended well.
type Done = (Vec<(Option<String>, String)>, Vec<String>);

struct Failure {
    code: &'static str,
    kind: &'static str,
    message: String,
}

fn refuse(code: &'static str, message: impl Into<String>) -> Failure {
    Failure {
        code,
        kind: "ProtocolError",
        message: message.into(),
    }
}

impl Failure {
    fn json(&self) -> String {
        let details = json::object(&[
            ("message", json::quote(&cut(&self.message))),
            ("type", json::quote(self.kind)),
            ("traceback", json::quote("")),
        ]);
        json::object(&[("error", json::quote(self.code)), ("details", details)])
    }
}

fn cut(text: &str) -> String {
    if text.len() <= MAX_DETAIL {
        return text.to_string();
    }
    text.chars()
        .take(MAX_DETAIL / 4)
        .chain(" ... cut".chars())
        .collect()
}

// --- settings

struct Settings {
    handler: String,
    envelope_mode: bool,
    validate: bool,
    folder: String,
    socket: String,
    chmod: Option<u32>,
    concurrency: usize,
    shutdown_grace: Duration,
    cancel_grace: Duration,
}

fn read_settings() -> std::result::Result<Settings, Vec<String>> {
    let mut problems = Vec::new();
    fn read<T>(
        problems: &mut Vec<String>,
        name: &str,
        default: &str,
        expected: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = std::env::var(name).unwrap_or(default.to_string());
        let value = parse(text.trim());
        if value.is_none() {
            problems.push(format!("{name}={text:?}: expected {expected}"));
        }
        value
    }
    let p = &mut problems;
    let name = |text: &str| (!text.is_empty()).then(|| text.to_string());
    let or = |name: &str, default: &str| {
        std::env::var(name)
            .ok()
            .filter(|text| !text.is_empty())
            .unwrap_or(default.to_string())
    };
    let handler = read(p, "ASYA_HANDLER", "", "the name of a handler", name);
    let envelope_mode = read(
        p,
        "ASYA_HANDLER_MODE",
        "payload",
        "payload or envelope",
        |text| {
            ["payload", "envelope"]
                .iter()
                .position(|one| one.eq_ignore_ascii_case(text))
                .map(|at| at == 1)
        },
    );
    let validate = read(
        p,
        "ASYA_ENABLE_VALIDATION",
        "true",
        "true or false",
        |text| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Some(true),
            "false" | "0" | "no" | "off" | "" => Some(false),
            _ => None,
        },
    );
    let chmod = read(
        p,
        "ASYA_SOCKET_CHMOD",
        "0o666",
        "an octal mode or nothing",
        |text| {
            let digits = text.trim_start_matches("0o");
            if digits.is_empty() {
                Some(None)
            } else {
                u32::from_str_radix(digits, 8).ok().map(Some)
            }
        },
    );
    let concurrency = read(p, "ASYA_CONCURRENCY", "1", "a number above 0", |text| {
        text.parse().ok().filter(|count| *count > 0)
    });
    let grace = "a duration like 30s";
    let shutdown_grace = read(p, "ASYA_SHUTDOWN_GRACE", "30s", grace, parse_duration);
    let cancel_grace = read(p, "ASYA_CANCEL_GRACE", "5s", grace, parse_duration);
    let folder = or("ASYA_SOCKET_DIR", "/var/run/asya");
    let socket = format!("{folder}/{}", or("ASYA_SOCKET_NAME", "asya-runtime.sock"));
    let read_all = || {
        Some(Settings {
            handler: handler?,
            envelope_mode: envelope_mode?,
            validate: validate?,
            folder,
            socket,
            chmod: chmod?,
            concurrency: concurrency?,
            shutdown_grace: shutdown_grace?,
            cancel_grace: cancel_grace?,
        })
    };
    read_all().ok_or(problems)
}

/// A duration as Go writes it: 1m30s, 250ms, 0.
fn parse_duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text;
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let split = rest.find(|c: char| c != '.' && !c.is_ascii_digit())?;
        let value: f64 = rest[..split].parse().ok()?;
        rest = &rest[split..];
        let units = [
            ("ms", 1e-3),
            ("us", 1e-6),
            ("ns", 1e-9),
            ("h", 3600.0),
            ("m", 60.0),
            ("s", 1.0),
        ];
        let (unit, factor) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        rest = &rest[unit.len()..];
        seconds += value * factor;
    }
    (!text.is_empty()).then(|| Duration::from_secs_f64(seconds))
}

// --- the process

struct Running {
    number: u32,
    started: Instant,
    limit: Instant,
    cancelled: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    calls: HashMap<u64, Arc<Running>>,
    last: u64,
    running: usize,
    connected: usize,
    saw_v1: bool,
    saw_v2: bool,
    draining: Option<Instant>,
    leaving: bool,
    files: Vec<(String, u64)>,
}

struct Server {
    settings: Settings,
    handler: OnceLock<Handler>,
    state: Mutex<State>,
    slot_free: Condvar,
    old: Mutex<()>,
}

static SIGNALLED: AtomicBool = AtomicBool::new(false);

extern "C" fn on_signal(_: i32) {
    SIGNALLED.store(true, Ordering::Relaxed);
}

extern "C" {
    fn signal(number: i32, handler: extern "C" fn(i32)) -> usize;
}

/// Loads the handler that ASYA_HANDLER names and serves it until the process has to leave.
pub fn serve(load: impl Fn(&str) -> std::result::Result<Handler, String>) -> ! {
    let settings = read_settings().unwrap_or_else(|problems| {
        problems.iter().for_each(|problem| eprintln!("{problem}"));
        std::process::exit(1)
    });
    // SAFETY: what the handler does, storing into an atomic, is allowed in a signal handler.
    unsafe {
        signal(15, on_signal);
        signal(2, on_signal);
    }
    let (state, slot_free, old) = (Mutex::default(), Condvar::new(), Mutex::new(()));
    let server = Server {
        settings,
        handler: OnceLock::new(),
        state,
        slot_free,
        old,
    };
    let server: &'static Server = Box::leak(Box::new(server));
    let listener = server.listen().unwrap_or_else(|error| {
        eprintln!(
            "cannot listen on {}: {error}; set ASYA_SOCKET_DIR",
            server.settings.socket
        );
        std::process::exit(1)
    });
    thread::spawn(move || server.watch());
    thread::spawn(move || {
        for stream in listener.incoming() {
            match stream {
                Ok(stream) => drop(thread::spawn(move || server.converse(stream))),
                Err(_) => thread::sleep(TICK),
            }
        }
    });
    let name = &server.settings.handler;
    let loaded = load(name).and_then(|handler| {
        let _ = server.handler.set(handler);
        server.write_ready().map_err(|error| error.to_string())
    });
    if let Err(reason) = loaded {
        server.remove_files();
        eprintln!("cannot load ASYA_HANDLER={name:?}: {reason}");
        std::process::exit(1);
    }
    loop {
        thread::park();
    }
}

impl Server {
    fn file(&self, name: &str) -> String {
        format!("{}/{name}", self.settings.folder)
    }

    fn listen(&self) -> Result<UnixListener> {
        let socket = &self.settings.socket;
        fs::create_dir_all(&self.settings.folder)?;
        for path in [
            socket,
            &self.file("runtime-ready"),
            &self.file("sidecar-done"),
        ] {
            let _ = fs::remove_file(path); // mostly it is not there
        }
        let listener = UnixListener::bind(socket)?;
        if let Some(mode) = self.settings.chmod {
            fs::set_permissions(socket, fs::Permissions::from_mode(mode))?;
        }
        self.own(socket)?;
        Ok(listener)
    }

    fn own(&self, path: &str) -> Result<()> {
        let inode = fs::metadata(path)?.ino();
        self.state
            .lock()
            .unwrap()
            .files
            .push((path.to_string(), inode));
        Ok(())
    }

    fn mode(&self) -> &'static str {
        if self.settings.envelope_mode {
            "envelope"
        } else {
            "payload"
        }
    }

    fn write_ready(&self) -> Result<()> {
        let (count, mode) = (self.settings.concurrency, self.mode());
        let path = self.file("runtime-ready");
        let temporary = format!("{path}.{}", std::process::id());
        fs::write(
            &temporary,
            format!("{{\"protocol\":2,\"concurrency\":{count},\"mode\":\"{mode}\"}}"),
        )?;
        fs::rename(&temporary, &path)?;
        self.own(&path)
    }

    fn remove_files(&self) {
        for (path, inode) in &self.state.lock().unwrap().files {
            if fs::metadata(path).is_ok_and(|found| found.ino() == *inode) {
                let _ = fs::remove_file(path);
            }
        }
    }

    fn exit(&self, code: i32, reason: &str) -> ! {
        eprintln!("{reason}");
        self.remove_files();
        std::process::exit(code)
    }

    fn drain(&self) {
        self.state
            .lock()
            .unwrap()
            .draining
            .get_or_insert(Instant::now());
    }

    /// Ends the process when a cancelled call goes on, and when a drain is over.
    fn watch(&self) {
        loop {
            thread::sleep(TICK);
            if SIGNALLED.load(Ordering::Relaxed) {
                self.drain();
            }
            if self.stuck() {
                self.exit(EXIT_STUCK, "a cancelled call did not end");
            }
            if self.may_leave() {
                self.exit(0, "drained");
            }
        }
    }

    fn stuck(&self) -> bool {
        let grace = self.settings.cancel_grace;
        let now = Instant::now();
        let state = self.state.lock().unwrap();
        let when = |call: &Arc<Running>| *call.cancelled.lock().unwrap();
        let Some(first) = state.calls.values().filter_map(when).min() else {
            return false;
        };
        let deadline = first + grace;
        now >= deadline
            && state.calls.values().all(|call| {
                let limit = when(call).unwrap_or(call.limit);
                call.started >= deadline || now >= limit + grace
            })
    }

    fn may_leave(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let Some(since) = state.draining else {
            return false;
        };
        let (now, last) = (Instant::now(), since + self.settings.shutdown_grace);
        let alone = state.connected == 0 && (state.saw_v2 || !state.saw_v1);
        let done = fs::exists(self.file("sidecar-done")).unwrap_or(false);
        state.leaving |= self.handler.get().is_none() || done || alone || now >= last;
        state.leaving && (state.calls.is_empty() || now >= last + self.settings.cancel_grace)
    }

    // --- connections

    fn converse(&self, mut stream: UnixStream) {
        let mut start = [0; 8];
        if stream.read_exact(&mut start[..4]).is_err() {
            let cut = refuse("connection_error", "Connection closed while reading");
            let _ = write_old(&mut stream, &[cut.json()]); // whoever only looks is gone by now
        } else if start[..4] != MAGIC[..4] {
            let size = u32::from_be_bytes(start[..4].try_into().unwrap()) as usize;
            let _ = self.converse_old(&mut stream, size);
        } else if stream.read_exact(&mut start[4..]).is_ok() {
            let talk = if start == *MAGIC {
                self.greet(&mut stream)
            } else {
                Err(protocol(format!("unknown protocol {start:?}")))
            };
            if let Err(error) = talk {
                if error.kind() == ErrorKind::InvalidData {
                    let failure = refuse("msg_parsing_error", error.to_string());
                    let _ = send(&mut stream, ERROR, 0, &failure.json(), b"");
                }
            }
        }
    }

    fn greet(&self, stream: &mut UnixStream) -> Result<()> {
        let first = receive(stream)?;
        let hello = json::check(&first.head).unwrap_or("");
        let role = json::member(hello, "role")
            .and_then(json::text)
            .unwrap_or_default();
        if first.kind != HELLO || (role != "call" && role != "control") {
            return Err(protocol("expected HELLO with role call or control"));
        }
        let max = json::number(json::member(hello, "max_frame"));
        let max_frame = max.filter(|max| *max >= 1.0).unwrap_or(MAX_MESSAGE as f64) as usize;
        let _ = fs::remove_file(self.file("sidecar-done")); // a sidecar's earlier life
        self.state.lock().unwrap().saw_v2 = true;
        if role == "control" {
            return self.control(stream);
        }
        self.state.lock().unwrap().connected += 1;
        let talk = self.call_connection(stream, max_frame);
        self.state.lock().unwrap().connected -= 1;
        talk
    }

    fn welcome(&self, stream: &mut UnixStream) -> Result<()> {
        let mut said: Option<Instant> = None;
        while self.handler.get().is_none() {
            if said.is_none_or(|when| when.elapsed() >= Duration::from_secs(1)) {
                send(
                    stream,
                    LOADING,
                    0,
                    "{\"message\":\"loading the handler\"}",
                    b"",
                )?;
                said = Some(Instant::now());
            }
            thread::sleep(TICK);
        }
        let (mode, count, pid) = (self.mode(), self.settings.concurrency, std::process::id());
        let welcome = format!(
            "{{\"version\":2,\"mode\":\"{mode}\",\"concurrency\":{count},\"cancel\":true,\
             \"stream\":true,\"pid\":{pid}}}"
        );
        send(stream, WELCOME, 0, &welcome, b"")
    }

    fn control(&self, stream: &mut UnixStream) -> Result<()> {
        self.welcome(stream)?;
        loop {
            let frame = receive(stream)?;
            match frame.kind {
                PING => send(stream, PONG, frame.call, "{}", b"")?,
                DRAIN => self.drain(),
                CANCEL if frame.call != 0 => {
                    for call in self.state.lock().unwrap().calls.values() {
                        if call.number == frame.call {
                            call.cancelled.lock().unwrap().get_or_insert(Instant::now());
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn call_connection(&self, stream: &mut UnixStream, max_frame: usize) -> Result<()> {
        self.welcome(stream)?;
        loop {
            let frame = receive(stream)?;
            if frame.kind == CALL {
                self.answer(stream, &frame, max_frame)?;
            }
        }
    }

    // --- calls

    fn answer(&self, stream: &mut UnixStream, frame: &Frame, max_frame: usize) -> Result<()> {
        let mut seq = 0;
        let mut writer = stream.try_clone()?;
        let mut partial = |body: &str| {
            let head = format!("{{\"seq\":{seq}}}");
            seq += 1;
            // That the sidecar has gone is seen when the answer is written.
            let _ = send(&mut writer, PARTIAL, frame.call, &head, body.as_bytes());
        };
        let Some(id) = self.take_slot(frame) else {
            return Ok(());
        };
        let running = self.state.lock().unwrap().calls[&id].clone();
        let outcome = self.frames_of(frame, max_frame, &mut partial, &running);
        self.state.lock().unwrap().running -= 1;
        self.slot_free.notify_one();
        let written = match outcome {
            Ok(bytes) => stream.write_all(&bytes),
            Err(failure) => send(stream, ERROR, frame.call, &failure.json(), b""),
        };
        self.state.lock().unwrap().calls.remove(&id);
        written
    }

    /// Waits for its turn; none when the process leaves first.
    fn take_slot(&self, frame: &Frame) -> Option<u64> {
        let mut state = self.state.lock().unwrap();
        while state.running >= self.settings.concurrency {
            state = self.slot_free.wait(state).unwrap();
        }
        if state.leaving {
            return None;
        }
        state.running += 1;
        let head = json::check(&frame.head).unwrap_or("");
        let asya = json::member(head, "asya").unwrap_or("");
        let remaining = json::number(json::member(asya, "remaining_ms"))
            .map_or(self.settings.shutdown_grace, |ms| {
                Duration::from_secs_f64(ms.max(0.0) / 1e3)
            });
        Some(self.begin(&mut state, frame.call, remaining))
    }

    fn begin(&self, state: &mut State, number: u32, remaining: Duration) -> u64 {
        let started = Instant::now();
        let cancelled = Mutex::new(None);
        let running = Running {
            number,
            started,
            limit: started + remaining,
            cancelled,
        };
        state.last += 1;
        state.calls.insert(state.last, Arc::new(running));
        state.last
    }

    fn frames_of(
        &self,
        frame: &Frame,
        max_frame: usize,
        partial: &mut dyn FnMut(&str),
        running: &Running,
    ) -> std::result::Result<Vec<u8>, Failure> {
        let bad = |reason| refuse("msg_parsing_error", reason);
        json::check(&frame.body).map_err(bad)?;
        let payload = std::str::from_utf8(&frame.body).unwrap_or("");
        let head = json::check(&frame.head).map_err(bad)?;
        let members = json::members(head).ok_or_else(|| bad("the head is no object".into()))?;
        let kept: Vec<_> = members
            .into_iter()
            .filter(|(name, _)| name != "asya")
            .collect();
        let envelope = json::object(&kept);
        if self.settings.envelope_mode && self.settings.validate {
            check_envelope(&envelope).map_err(bad)?;
        }
        let (answers, metrics) = self.perform(payload, &envelope, partial, running)?;
        let mut out = Vec::new();
        for (head, payload) in &answers {
            let head = if self.settings.envelope_mode {
                head.as_deref()
            } else {
                Some("{}")
            };
            let head = self.checked(&envelope, head, payload)?;
            let size = 16 + head.len() + payload.len();
            if size > max_frame {
                let text = format!("a frame of {size} bytes is above the limit of {max_frame}");
                return Err(refuse("resource_limit", text));
            }
            pack(&mut out, FRAME, frame.call, &head, payload.as_bytes());
        }
        let mut end = vec![("frames", answers.len().to_string())];
        if !metrics.is_empty() {
            end.push(("metrics", format!("[{}]", metrics.join(","))));
        }
        pack(&mut out, END, frame.call, &json::object(&end), b"");
        Ok(out)
    }

    fn perform(
        &self,
        payload: &str,
        envelope: &str,
        partial: &mut dyn FnMut(&str),
        running: &Running,
    ) -> std::result::Result<Done, Failure> {
        let (answers, metrics) = (Vec::new(), Vec::new());
        let mut call = Call {
            payload,
            envelope,
            answers,
            metrics,
            partial,
            running,
        };
        let handler = self.handler.get().expect("a call comes after WELCOME");
        let outcome = catch_unwind(AssertUnwindSafe(|| handler(&mut call)));
        let (kind, message) = match outcome {
            Ok(Ok(())) => return Ok((call.answers, call.metrics)),
            Ok(Err(message)) => ("HandlerError", message),
            Err(panic) => {
                let text = panic.downcast_ref::<String>().cloned();
                let text =
                    text.or_else(|| panic.downcast_ref::<&str>().map(|text| text.to_string()));
                (
                    "Panic",
                    text.unwrap_or_else(|| "the handler panicked".into()),
                )
            }
        };
        let cancelled = running.cancelled.lock().unwrap().is_some();
        let code = if cancelled {
            "cancelled"
        } else {
            "processing_error"
        };
        Err(Failure {
            code,
            kind,
            message,
        })
    }

    /// An answer's head, once the answer has been found to be one.
    fn checked(
        &self,
        before: &str,
        head: Option<&str>,
        payload: &str,
    ) -> std::result::Result<String, Failure> {
        let bad = |reason: String| refuse("processing_error", format!("Invalid answer: {reason}"));
        json::check(payload.as_bytes()).map_err(bad)?;
        let head = head.ok_or_else(|| bad("no envelope".into()))?;
        json::check(head.as_bytes()).map_err(bad)?;
        if self.settings.envelope_mode && self.settings.validate {
            let (actors, current) = check_envelope(before).map_err(bad)?;
            let (after, _) = check_envelope(head).map_err(bad)?;
            let passed = actors.len().min(current + 1);
            if after.get(..passed) != Some(&actors[..passed]) {
                return Err(bad("the actors up to current must stay".into()));
            }
        }
        Ok(head.to_string())
    }

    // --- version 1

    fn converse_old(&self, stream: &mut UnixStream, size: usize) -> Result<()> {
        if size >= MAX_MESSAGE {
            let failure = refuse("msg_parsing_error", format!("a message of {size} bytes"));
            return write_old(stream, &[failure.json()]);
        }
        let mut message = vec![0; size];
        if stream.read_exact(&mut message).is_err() {
            let cut = refuse("connection_error", "Connection closed while reading");
            return write_old(stream, &[cut.json()]);
        }
        self.state.lock().unwrap().saw_v1 = true;
        while self.handler.get().is_none() {
            thread::sleep(TICK);
        }
        let _one_by_one = self.old.lock().unwrap();
        let id = {
            let mut state = self.state.lock().unwrap();
            if state.leaving {
                return Ok(());
            }
            self.begin(&mut state, 0, self.settings.shutdown_grace)
        };
        let running = self.state.lock().unwrap().calls[&id].clone();
        let frames = self
            .frames_old(&message, &running)
            .unwrap_or_else(|failure| vec![failure.json()]);
        let written = write_old(stream, &frames);
        self.state.lock().unwrap().calls.remove(&id);
        written
    }

    fn frames_old(
        &self,
        message: &[u8],
        running: &Running,
    ) -> std::result::Result<Vec<String>, Failure> {
        let bad = |reason| refuse("msg_parsing_error", reason);
        let text = json::check(message).map_err(bad)?;
        let members =
            json::members(text).ok_or_else(|| bad("Missing required field 'payload'".into()))?;
        for (at, (name, _)) in members.iter().enumerate() {
            if members[..at].iter().any(|(other, _)| other == name) {
                return Err(bad(format!("Duplicate field {name:?} in envelope")));
            }
        }
        let code = if self.settings.validate {
            "msg_parsing_error"
        } else {
            "processing_error"
        };
        let payload = json::member(text, "payload")
            .ok_or_else(|| refuse(code, "Missing required field 'payload' in envelope"))?;
        let kept: Vec<_> = members
            .into_iter()
            .filter(|(name, _)| name != "payload")
            .collect();
        let envelope = json::object(&kept);
        if self.settings.validate {
            check_envelope(&envelope).map_err(bad)?;
        }
        let next =
            next_route(&envelope).ok_or_else(|| refuse(code, "Missing required field 'route'"))?;
        let (answers, _) = self.perform(payload, &envelope, &mut |_| {}, running)?;
        let mut frames = Vec::new();
        for (head, payload) in &answers {
            let head = if self.settings.envelope_mode {
                head.as_deref()
            } else {
                Some("{}")
            };
            let mut out = owned(&self.checked(&envelope, head, payload)?);
            if !self.settings.envelope_mode {
                out.push(("route".to_string(), next.clone()));
                if let Some(headers) = json::member(&envelope, "headers") {
                    out.push(("headers".into(), headers.into()));
                }
            }
            json::set(&mut out, "payload", payload.clone());
            frames.push(json::object(&out));
        }
        Ok(frames)
    }
}

/// The members of an object as text.
pub fn owned(object: &str) -> Vec<(String, String)> {
    let found = json::members(object).unwrap_or_default();
    found
        .into_iter()
        .map(|(name, value)| (name, value.to_string()))
        .collect()
}

/// Actors and current of an envelope.
fn check_envelope(envelope: &str) -> std::result::Result<(Vec<String>, usize), String> {
    let route =
        json::member(envelope, "route").ok_or("Missing required field 'route' in envelope")?;
    json::members(route).ok_or("Field 'route' must be a dict")?;
    let actors = json::member(route, "actors").or_else(|| json::member(route, "steps"));
    let actors = actors
        .and_then(json::elements)
        .ok_or("Field 'route.actors' must be a list")?;
    let names: Option<Vec<String>> = actors.into_iter().map(json::text).collect();
    let names = names.ok_or("Field 'route.actors' must hold names")?;
    let current = json::member(route, "current").unwrap_or("0");
    let current: i64 = current
        .parse()
        .map_err(|_| "Field 'route.current' must be an integer")?;
    if names.is_empty() {
        return Err("Field 'route.actors' cannot be empty".into());
    }
    let within = usize::try_from(current)
        .ok()
        .filter(|at| *at <= names.len());
    let current = within.ok_or(format!("Invalid route.current={current}: out of bounds"))?;
    if json::member(envelope, "headers").is_some_and(|headers| json::members(headers).is_none()) {
        return Err("Field 'headers' must be a dict".into());
    }
    if json::member(envelope, "id").is_some_and(|id| json::text(id).is_none()) {
        return Err("Field 'id' must be a string".into());
    }
    Ok((names, current))
}

/// The route with `current` advanced and `steps` under its newer name.
fn next_route(envelope: &str) -> Option<String> {
    let mut route = owned(json::member(envelope, "route")?);
    let current =
        json::number(json::member(json::member(envelope, "route")?, "current")).unwrap_or(0.0);
    for (name, _) in &mut route {
        if name == "steps" {
            *name = "actors".into();
        }
    }
    json::set(&mut route, "current", format!("{}", current as i64 + 1));
    Some(json::object(&route))
}

// --- bytes

struct Frame {
    kind: u8,
    call: u32,
    head: Vec<u8>,
    body: Vec<u8>,
}

/// An error that the peer is told about.
fn protocol(text: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidData, text.into())
}

fn receive(stream: &mut UnixStream) -> Result<Frame> {
    let mut header = [0; 16];
    stream.read_exact(&mut header)?;
    let word = |at: usize| u32::from_be_bytes(header[at..at + 4].try_into().unwrap());
    let (rest, head_length) = (word(0) as usize, word(12) as usize);
    if header[5..8] != [0; 3] {
        return Err(protocol("unknown flags"));
    }
    if rest >= MAX_MESSAGE || rest < 12 || rest - 12 < head_length {
        return Err(protocol(format!(
            "a frame of {rest} bytes with a head of {head_length}"
        )));
    }
    let mut head = vec![0; head_length];
    stream.read_exact(&mut head)?;
    let mut body = vec![0; rest - 12 - head_length];
    stream.read_exact(&mut body)?;
    Ok(Frame {
        kind: header[4],
        call: word(8),
        head,
        body,
    })
}

fn pack(out: &mut Vec<u8>, kind: u8, call: u32, head: &str, body: &[u8]) {
    out.extend_from_slice(&((12 + head.len() + body.len()) as u32).to_be_bytes());
    out.extend_from_slice(&[kind, 0, 0, 0]);
    out.extend_from_slice(&call.to_be_bytes());
    out.extend_from_slice(&(head.len() as u32).to_be_bytes());
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(body);
}

fn send(stream: &mut UnixStream, kind: u8, call: u32, head: &str, body: &[u8]) -> Result<()> {
    let mut out = Vec::with_capacity(16 + head.len() + body.len());
    pack(&mut out, kind, call, head, body);
    stream.write_all(&out)
}

fn write_old(stream: &mut UnixStream, frames: &[String]) -> Result<()> {
    let body = format!("[{}]", frames.join(","));
    stream.write_all(&(body.len() as u32).to_be_bytes())?;
    stream.write_all(body.as_bytes())
}
