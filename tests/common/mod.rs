//! What the integration tests share: one runtime, one server over a real socket, a client that isn't its own stack.
#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a test says what went wrong by panicking")]

use std::{
    net::SocketAddr,
    sync::{LazyLock, OnceLock},
};

use python_executor::{
    Execution, Executor, Outcome, Report, Script,
    check::check,
    runtime::{Runtime, RuntimeOptions},
    server::{ServerOptions, serve},
};
use serde_json::Value;

/// The runtime, provisioned if it's missing: `cargo test` needs no step before it.
pub(crate) fn runtime() -> Runtime {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
        let options = RuntimeOptions::from_environment().expect("a cache folder");
        options.provision(&mut |progress| eprintln!("{progress}")).expect("a runtime")
    });
    RUNTIME.clone()
}

/// An async runtime that outlives each test.
pub(crate) fn tokio() -> &'static tokio::runtime::Runtime {
    static TOKIO: LazyLock<tokio::runtime::Runtime> =
        LazyLock::new(|| tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("tokio"));
    &TOKIO
}

/// An executor on the shared runtime.
pub(crate) fn executor() -> Executor {
    static EXECUTOR: LazyLock<Executor> = LazyLock::new(|| {
        let _guard = tokio().enter();
        Executor::new(runtime())
    });
    EXECUTOR.clone()
}

/// Runs `source` by the library, after whatever `change` does to its execution.
pub(crate) fn execute_with(source: &str, change: impl FnOnce(Execution) -> Execution) -> Report {
    let checked = check(Script::new(source).expect("within the bound")).expect("passes the check");
    tokio().block_on(executor().execute(change(Execution::new(checked)))).expect("a jail that works")
}

/// Runs `source` by the library.
pub(crate) fn execute(source: &str) -> Report {
    execute_with(source, |execution| execution)
}

/// The JSON that `source` returned; panics with the whole report if it did not.
pub(crate) fn returned(source: &str) -> Value {
    let report = execute(source);
    match &report.outcome {
        Outcome::Returned(json) => serde_json::from_str(json.get()).expect("JSON"),
        _ => panic!("{report:?}"),
    }
}

/// Starts a server over a real socket that lives as long as the test binary.
pub(crate) fn start_server(options: ServerOptions) -> SocketAddr {
    let listener = tokio().block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a port");
    let address = listener.local_addr().expect("an address");
    tokio().spawn(async move {
        serve(listener, executor(), options, std::future::pending()).await.expect("serves");
    });
    address
}

/// The address of a shared server with default options.
pub(crate) fn server() -> SocketAddr {
    static SERVER: OnceLock<SocketAddr> = OnceLock::new();
    *SERVER.get_or_init(|| start_server(ServerOptions::default()))
}

/// POSTs `body`, JSON text, to /execute. Status and text.
pub(crate) fn post_text(body: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent
        .post(format!("http://{}/execute", server()))
        .content_type("application/json")
        .send(body)
        .expect("an answer");
    let text = response.body_mut().with_config().limit(64 << 20).read_to_string().expect("a body");
    (response.status().as_u16(), text)
}

/// POSTs `body` as JSON to /execute. Status and body, whose numbers a test may take as doubles.
pub(crate) fn post(body: &Value) -> (u16, Value) {
    let (status, text) = post_text(&body.to_string());
    (status, serde_json::from_str(&text).unwrap_or_else(|_| panic!("JSON: {text}")))
}
