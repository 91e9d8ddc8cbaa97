//! A stand-in for the Anthropic Messages API on the loopback interface, scripted by the test.
//!
//! A script is a function from what was asked to a [`Reply`]; [`in_turn`] makes one of a list. Every
//! request is kept and can be asked for afterwards. Small on purpose: HTTP/1.1 with keep-alive, fixed
//! and chunked bodies, and the event stream of one message; nothing else is needed by the clients.
//!
//! Reading order: [`ModelServer`], [`Asked`], [`Reply`], then the wire.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};

/// No request of a test is larger; a larger one is a bug of the client.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Decides about a request.
type Script = Box<dyn FnMut(&Asked) -> Reply + Send>;

/// A running server. It stops hanging and serving when it is dropped.
pub struct ModelServer {
    port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    script: Mutex<Script>,
    log: Mutex<Vec<Asked>>,
    /// Whether the server goes away; a client that hangs is waked.
    closing: (Mutex<bool>, Condvar),
}

impl ModelServer {
    /// Starts a server on a free port.
    pub fn start(script: impl FnMut(&Asked) -> Reply + Send + 'static) -> ModelServer {
        ModelServer::start_on(0, script).expect("a free loopback port can be bound")
    }

    /// Starts a server on a port.
    pub fn start_on(
        port: u16,
        script: impl FnMut(&Asked) -> Reply + Send + 'static,
    ) -> io::Result<ModelServer> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            log: Mutex::default(),
            closing: (Mutex::new(false), Condvar::new()),
        });
        let server = ModelServer { port, shared: Arc::clone(&shared) };
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if *lock(&shared.closing.0) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that went away is no error of a server.
                std::thread::spawn(move || drop(serve(stream, &shared)));
            }
        });
        Ok(server)
    }

    /// Returns the base URL for clients.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Returns every request for a message so far.
    pub fn asked(&self) -> Vec<Asked> {
        lock(&self.shared.log).clone()
    }

    /// Returns the models that were asked for, in order.
    pub fn models(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.model).collect()
    }
}

impl Drop for ModelServer {
    fn drop(&mut self) {
        *lock(&self.shared.closing.0) = true;
        self.shared.closing.1.notify_all();
        // Wakes the listener, so that its thread ends.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
    }
}

/// A test that failed while it held a lock must not hide its own message behind another.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One request for a message.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Its position among all, from 0.
    pub index: usize,
    /// The model that is asked for.
    pub model: String,
    /// The headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// How long the body was.
    pub byte_count: usize,
    /// The body.
    pub body: Value,
}

impl Asked {
    /// Returns the text blocks of the newest message that a person or a tool said, joined by line breaks.
    pub fn last_text(&self) -> String {
        let messages = self.messages();
        let last = messages.iter().rev().find(|message| message["role"] == "user");
        last.map(|message| text_of(&message["content"])).unwrap_or_default()
    }

    /// Returns the texts of the messages since the last answer, block by block.
    pub fn last_blocks(&self) -> Vec<String> {
        let since = self.messages().iter().rev().take_while(|message| message["role"] != "assistant");
        let content = since.map(|message| &message["content"]);
        let texts = content.flat_map(|content| match content {
            Value::Array(blocks) => blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
            other => other.as_str().into_iter().collect::<Vec<_>>(),
        });
        texts.map(str::to_owned).collect()
    }

    /// Returns every text of the conversation, one after the other.
    pub fn conversation(&self) -> String {
        self.messages().iter().map(|message| text_of(&message["content"])).collect::<Vec<_>>().join("\n")
    }

    /// Returns what stands outside the conversation: the system prompt and system messages.
    pub fn system(&self) -> String {
        let inside = self.messages().iter().filter(|message| message["role"] == "system");
        let inside = inside.map(|message| text_of(&message["content"]));
        std::iter::once(text_of(&self.body["system"])).chain(inside).collect::<Vec<_>>().join("\n")
    }

    /// Tells whether a subagent asks.
    pub fn of_subagent(&self) -> bool {
        self.headers.contains_key("x-claude-code-agent-id")
    }

    /// Counts the answers that the conversation already has.
    pub fn answer_count(&self) -> usize {
        self.messages().iter().filter(|message| message["role"] == "assistant").count()
    }

    fn messages(&self) -> &[Value] {
        self.body["messages"].as_array().map_or(&[], Vec::as_slice)
    }
}

fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let of_block = |block: &Value| match block["type"].as_str() {
                Some("text") => block["text"].as_str().map(str::to_owned),
                Some("tool_result") => Some(text_of(&block["content"])),
                Some(_) | None => None,
            };
            blocks.iter().filter_map(of_block).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

/// What the server answers.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    blocks: Vec<Value>,
    as_model: Option<String>,
    usage: Option<Value>,
    error: Option<(u16, String)>,
    headers: Vec<(String, String)>,
    delay: Duration,
    fault: Option<Fault>,
    stop: Option<String>,
}

/// How a reply goes wrong on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is ever answered.
    HangBeforeHead,
    /// The stream falls silent after its first words.
    HangMidStream,
    /// The connection is closed without an answer.
    Drop,
}

impl Reply {
    /// Answers with a text.
    pub fn text(text: impl Into<String>) -> Reply {
        Reply::default().and_text(text)
    }

    /// Calls a tool.
    pub fn tool(name: &str, input: Value) -> Reply {
        Reply::default().and_tool(name, input)
    }

    /// Fails with an HTTP status.
    pub fn error(status: u16) -> Reply {
        Reply { error: Some((status, format!("the model server says {status}"))), ..Reply::default() }
    }

    /// Fails with an HTTP status and these words.
    pub fn refusal(status: u16, words: &str) -> Reply {
        Reply { error: Some((status, words.to_owned())), ..Reply::default() }
    }

    /// Stops for this reason.
    pub fn stopping(mut self, reason: &str) -> Reply {
        self.stop = Some(reason.to_owned());
        self
    }

    /// Turns the request away because a subscription's window is used up until then (seconds since 1970).
    pub fn quota(resets_at: i64) -> Reply {
        let reset = resets_at.to_string();
        let mut reply = Reply::error(429);
        for (name, value) in [
            ("status", "rejected"),
            ("reset", &reset),
            ("representative-claim", "five_hour"),
            ("5h-status", "rejected"),
            ("5h-utilization", "1.0"),
            ("5h-reset", &reset),
        ] {
            reply = reply.header(&format!("anthropic-ratelimit-unified-{name}"), value);
        }
        reply
    }

    /// Goes wrong on the wire.
    pub fn fault(fault: Fault) -> Reply {
        Reply { fault: Some(fault), ..Reply::text("I was about to say") }
    }

    /// Says a text after what is there.
    pub fn and_text(mut self, text: impl Into<String>) -> Reply {
        self.blocks.push(json!({"type": "text", "text": text.into()}));
        self
    }

    /// Thinks after what is there.
    pub fn and_thinking(mut self, text: &str) -> Reply {
        self.blocks.push(json!({"type": "thinking", "thinking": text, "signature": "c2lnbmVk"}));
        self
    }

    /// Calls a tool after what is there.
    pub fn and_tool(mut self, name: &str, input: Value) -> Reply {
        self.blocks.push(json!({"type": "tool_use", "name": name, "input": input}));
        self
    }

    /// Answers in another model's name.
    pub fn named(mut self, model: &str) -> Reply {
        self.as_model = Some(model.to_owned());
        self
    }

    /// Bills this.
    pub fn usage(mut self, input: u64, output: u64) -> Reply {
        self.usage = Some(json!({"input_tokens": input, "output_tokens": output}));
        self
    }

    /// Adds a response header.
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits before it answers.
    pub fn after(mut self, delay: Duration) -> Reply {
        self.delay = delay;
        self
    }

    /// Returns the whole message.
    fn message(&self, asked: &Asked) -> Value {
        let number = asked.index;
        let mut blocks = self.blocks.clone();
        let mut stop = "end_turn";
        for (at, block) in blocks.iter_mut().enumerate().filter(|(_, block)| block["type"] == "tool_use") {
            block["id"] = json!(format!("toolu_{number}_{at}"));
            stop = "tool_use";
        }
        let model = self.as_model.as_deref().unwrap_or(&asked.model);
        let stop = self.stop.as_deref().unwrap_or(stop);
        let usage = self.usage.clone().unwrap_or_else(|| json!({"input_tokens": 100, "output_tokens": 10}));
        json!({"id": format!("msg_{number}"), "type": "message", "role": "assistant", "model": model,
            "content": blocks, "stop_reason": stop, "stop_sequence": null, "usage": usage})
    }
}

/// Makes a script of replies that are given one after the other; the last one is repeated.
pub fn in_turn(replies: impl Into<Vec<Reply>>) -> impl FnMut(&Asked) -> Reply + Send + 'static {
    let replies: Vec<Reply> = replies.into();
    let mut next = 0;
    move |_| {
        let reply = replies.get(next).or(replies.last()).cloned().unwrap_or_default();
        next += 1;
        reply
    }
}

struct Head {
    method: String,
    path: String,
    headers: BTreeMap<String, String>,
}

/// Serves one connection until either side has enough.
fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut wire = stream;
    while let Some(head) = read_head(&mut reader)? {
        let body = read_body(&mut reader, &mut wire, &head)?;
        let path = head.path.split('?').next().unwrap_or("");
        match (head.method.as_str(), path) {
            ("POST", "/v1/messages") => {
                let asked = note(head, &body, shared);
                let reply = (lock(&shared.script))(&asked);
                if !answer(&mut wire, &asked, &reply, shared)? {
                    return Ok(());
                }
            }
            ("POST", _) => {
                let count = json!({"input_tokens": body.len() / 4});
                respond(&mut wire, 200, &[], count.to_string().as_bytes())?;
            }
            ("HEAD", _) => respond(&mut wire, 200, &[], b"")?,
            (_, _) => respond(&mut wire, 404, &[], b"{}")?,
        }
    }
    Ok(())
}

fn note(head: Head, body: &[u8], shared: &Shared) -> Asked {
    let value: Value = serde_json::from_slice(body).unwrap_or_default();
    let mut log = lock(&shared.log);
    let model = value["model"].as_str().unwrap_or_default().to_owned();
    let asked = Asked { index: log.len(), model, headers: head.headers, byte_count: body.len(), body: value };
    log.push(asked.clone());
    asked
}

/// Reads a request's head; `None` where the client closed the connection.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut line = String::new();
    if reader.read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (Some(method), Some(path)) = (words.next(), words.next()) else { return Ok(None) };
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Ok(Some(Head { method, path, headers }))
}

fn read_body(reader: &mut impl BufRead, wire: &mut TcpStream, head: &Head) -> io::Result<Vec<u8>> {
    if head.headers.get("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        wire.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    let mut body = vec![];
    if head.headers.get("transfer-encoding").is_some_and(|value| value.eq_ignore_ascii_case("chunked")) {
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            let size = usize::from_str_radix(line.trim().split(';').next().unwrap_or(""), 16)
                .map_err(io::Error::other)?;
            take(reader, &mut body, size)?;
            line.clear();
            reader.read_line(&mut line)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = head.headers.get("content-length").and_then(|value| value.parse().ok()).unwrap_or(0);
    take(reader, &mut body, length)?;
    Ok(body)
}

fn take(reader: &mut impl BufRead, body: &mut Vec<u8>, count: usize) -> io::Result<()> {
    if body.len().saturating_add(count) > BODY_BYTES_MAX {
        return Err(io::Error::other("the request is too large"));
    }
    let from = body.len();
    body.resize(from + count, 0);
    reader.read_exact(&mut body[from..])
}

/// Answers a request; returns whether the connection can go on.
fn answer(wire: &mut TcpStream, asked: &Asked, reply: &Reply, shared: &Shared) -> io::Result<bool> {
    if !reply.delay.is_zero() {
        wait(shared, Some(reply.delay));
    }
    match reply.fault {
        Some(Fault::Drop) => return Ok(false),
        Some(Fault::HangBeforeHead) => {
            wait(shared, None);
            return Ok(false);
        }
        Some(Fault::HangMidStream) | None => {}
    }
    if let Some((status, message)) = &reply.error {
        let kind = error_kind(*status);
        let body = json!({"type": "error", "error": {"type": kind, "message": message}});
        respond(wire, *status, &reply.headers, body.to_string().as_bytes())?;
    } else if asked.body["stream"] == true {
        stream_message(wire, reply, &reply.message(asked), shared)?;
    } else {
        respond(wire, 200, &reply.headers, reply.message(asked).to_string().as_bytes())?;
    }
    Ok(reply.fault.is_none())
}

/// Waits until the server goes away, or for a time.
fn wait(shared: &Shared, limit: Option<Duration>) {
    let (closing, waked) = &shared.closing;
    let limit = limit.unwrap_or(Duration::from_secs(3600));
    drop(waked.wait_timeout_while(lock(closing), limit, |closing| !*closing));
}

fn error_kind(status: u16) -> &'static str {
    match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        529 => "overloaded_error",
        _ => "api_error",
    }
}

fn respond(wire: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) -> io::Result<()> {
    let mut out = head(status, headers, "application/json", &format!("content-length: {}", body.len()));
    out.extend_from_slice(body);
    wire.write_all(&out)
}

fn head(status: u16, headers: &[(String, String)], kind: &str, framing: &str) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\n{framing}\r\n");
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("request-id: req_scripted\r\n\r\n");
    text.into_bytes()
}

/// Streams a message as the API does: start, blocks in pieces, delta, stop.
fn stream_message(wire: &mut TcpStream, reply: &Reply, message: &Value, shared: &Shared) -> io::Result<()> {
    wire.write_all(&head(200, &reply.headers, "text/event-stream", "transfer-encoding: chunked"))?;
    let mut start = message.clone();
    start["content"] = json!([]);
    start["stop_reason"] = Value::Null;
    start["usage"]["output_tokens"] = json!(1);
    event(wire, json!({"type": "message_start", "message": start}))?;
    for (index, block) in message["content"].as_array().into_iter().flatten().enumerate() {
        let (empty, deltas) = pieces(block);
        event(wire, json!({"type": "content_block_start", "index": index, "content_block": empty}))?;
        for delta in deltas {
            event(wire, json!({"type": "content_block_delta", "index": index, "delta": delta}))?;
            if reply.fault == Some(Fault::HangMidStream) {
                wait(shared, None);
                return Ok(());
            }
        }
        event(wire, json!({"type": "content_block_stop", "index": index}))?;
    }
    let stop = json!({"stop_reason": message["stop_reason"], "stop_sequence": null});
    event(wire, json!({"type": "message_delta", "delta": stop, "usage": message["usage"]}))?;
    event(wire, json!({"type": "message_stop"}))?;
    wire.write_all(b"0\r\n\r\n")
}

/// Splits a block into what begins it and what fills it.
fn pieces(block: &Value) -> (Value, Vec<Value>) {
    match block["type"].as_str() {
        Some("tool_use") => {
            let empty = json!({"type": "tool_use", "id": block["id"], "name": block["name"], "input": {}});
            let input = block["input"].to_string();
            (empty, vec![json!({"type": "input_json_delta", "partial_json": input})])
        }
        Some("thinking") => {
            let empty = json!({"type": "thinking", "thinking": "", "signature": ""});
            let thought = json!({"type": "thinking_delta", "thinking": block["thinking"]});
            (empty, vec![thought, json!({"type": "signature_delta", "signature": block["signature"]})])
        }
        Some(_) | None => {
            let text = block["text"].as_str().unwrap_or_default();
            let words = text.split_inclusive(' ');
            let deltas = words.map(|word| json!({"type": "text_delta", "text": word})).collect();
            (json!({"type": "text", "text": ""}), deltas)
        }
    }
}

fn event(wire: &mut TcpStream, data: Value) -> io::Result<()> {
    let name = data["type"].as_str().unwrap_or_default();
    let text = format!("event: {name}\ndata: {data}\n\n");
    wire.write_all(format!("{:x}\r\n{text}\r\n", text.len()).as_bytes())
}
