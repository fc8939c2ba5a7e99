//! The server over real sockets, with an executor that needs no jail.

mod answers;
mod bad_input;
mod lifecycle;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use serde_json::{Value, value::RawValue};
use tokio::sync::oneshot;

use super::{ServerOptions, api::Execute, serve_with, wire::RuntimeBody};
use crate::{Captured, ExecuteError, Execution, Fault, Outcome, Report, Usage, jail::JailError};

/// Does what the script's text says: `panic`, `break`, `sleep`, `raise`, `ignore args`; else returns `args`.
#[derive(Clone, Default)]
struct FakeExecutor {
    running: Arc<AtomicUsize>,
}

/// Counts an execution for as long as it isn't dropped.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::SeqCst);
        Self(counter.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Execute for FakeExecutor {
    fn runtime(&self) -> RuntimeBody {
        let packages = [("numpy".into(), "2.4.0".into())].into();
        RuntimeBody { python: "3.13.1".into(), packages }
    }

    async fn last_word(
        &self,
        _script: crate::Script,
        error: crate::check::CheckError,
    ) -> Result<Report, ExecuteError> {
        let crate::check::CheckError::MissingMain(fault) = error;
        Ok(Report::not_started(Outcome::MissingMain(fault)))
    }

    async fn execute(&self, execution: Execution) -> Result<Report, ExecuteError> {
        let _counted = Counted::new(&self.running);
        let text = format!("{execution:?}");
        let outcome = if text.contains("panic") {
            panic!("a secret");
        } else if text.contains("break") {
            return Err(ExecuteError::Jail(JailError::Broke {
                status: "a secret".into(),
                log: "a secret".into(),
            }));
        } else if text.contains("sleep forever") {
            std::future::pending().await
        } else if text.contains("sleep") {
            tokio::time::sleep(Duration::from_millis(500)).await;
            Outcome::Returned(raw("null"))
        } else if text.contains("raise") {
            Outcome::Raised(Fault {
                message: "ValueError: no".into(),
                line: Some(2),
                column: Some(5),
                traceback: Some("Traceback…".into()),
            })
        } else if text.contains("deep") {
            Outcome::Returned(raw(&format!("{}{}", "[".repeat(10_000), "]".repeat(10_000))))
        } else {
            Outcome::Returned(raw("[12345678901234567890123456789, 1.0, 1e-7, -0.0]"))
        };
        let stdout = Captured { text: "so far\n".into(), truncated: true };
        let usage = Usage {
            wall: Duration::from_micros(1500),
            cpu: Duration::from_micros(1499),
            memory_bytes: 9_437_184,
        };
        Ok(Report { outcome, stdout, stderr: Captured::default(), usage })
    }
}

fn raw(json: &str) -> Box<RawValue> {
    RawValue::from_string(json.to_owned()).unwrap()
}

/// A server on a free port, until it is dropped.
struct TestServer {
    address: SocketAddr,
    executor: FakeExecutor,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl TestServer {
    fn start() -> Self {
        Self::with(ServerOptions::default())
    }

    fn with(options: ServerOptions) -> Self {
        let executor = FakeExecutor::default();
        let (stop, stopped) = oneshot::channel();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let served = executor.clone();
        let thread = std::thread::spawn(move || {
            let shutdown = async {
                let _ = stopped.await;
            };
            runtime.block_on(serve_with(listener, served, options, shutdown)).unwrap();
        });
        Self { address, executor, stop: Some(stop), thread: Some(thread) }
    }

    fn begin_to_stop(&mut self) {
        drop(self.stop.take());
    }

    fn join(&mut self) {
        self.begin_to_stop();
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Sends `request` as it is and reads until the server closes.
    fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        stream.write_all(request).unwrap();
        Answer::read(&mut stream)
    }

    fn request(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n"
        );
        self.raw(&[head.as_bytes(), body].concat())
    }

    fn get(&self, path: &str) -> Answer {
        self.request("GET", path, "", b"")
    }

    fn post(&self, body: impl AsRef<[u8]>) -> Answer {
        self.request("POST", "/execute", "Content-Type: application/json\r\n", body.as_ref())
    }

    fn running(&self) -> usize {
        self.executor.running.load(Ordering::SeqCst)
    }

    fn wait_until_running(&self, count: usize) {
        for _ in 0..500 {
            if self.running() == count {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        panic!("{} executions are running, not {count}", self.running());
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.begin_to_stop();
    }
}

/// A whole HTTP answer.
struct Answer {
    status: u16,
    head: String,
    body: String,
}

impl Answer {
    fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        Self { status, head: head.to_owned(), body: body.to_owned() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(given, _)| given.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The kind and message of an answer in the error shape.
    fn error(&self) -> (String, String) {
        let json = self.json();
        assert_eq!(self.header("content-type"), Some("application/json"));
        assert!(self.header("x-request-id").is_some());
        for field in ["stdout", "stderr"] {
            assert!(json[field].is_string(), "{json}");
        }
        for field in ["stdout_truncated", "stderr_truncated"] {
            assert!(json[field].is_boolean(), "{json}");
        }
        let text = |field: &str| json["error"][field].as_str().unwrap_or_else(|| panic!("{json}")).to_owned();
        (text("kind"), text("message"))
    }

    /// Asserts an error's status and kind, and gives its message.
    #[track_caller]
    fn refused(&self, status: u16, kind: &str) -> String {
        let (got, message) = self.error();
        assert_eq!((self.status, got.as_str()), (status, kind), "{message}");
        message
    }
}
