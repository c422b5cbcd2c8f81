//! What people entrust to the services shows up in none of their signals:
//! random strings are planted wherever a secret or personal text can stand, at
//! log level debug and with every threshold for "slow" at zero, and then looked
//! for in standard output and error, in the raw OTLP exports and in `/metrics`.
//!
//! The strings follow from a seed, which is printed; `CANARY_SEED` repeats it.

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use testkit::{Service, Socket, SystemBuilder, eventually};
use tokio_tungstenite::tungstenite::Message;

const CANARIES: usize = 500;
/// Tasks with a reminder that the assistant is asked for.
const REMINDED: usize = 10;

/// The planted strings: what each is, and where it was put.
struct Nest {
    seed: String,
    planted: Vec<(String, &'static str)>,
    /// Real tokens: not random strings of ours, and just as secret.
    tokens: Vec<String>,
}

impl Nest {
    fn new() -> Self {
        let seed = std::env::var("CANARY_SEED").unwrap_or_else(|_| testkit::unique("seed"));
        Self {
            seed,
            planted: Vec::new(),
            tokens: Vec::new(),
        }
    }

    /// A new one: lower case, so that an e-mail address keeps it as it is.
    fn plant(&mut self, place: &'static str) -> String {
        let digest = Sha256::digest(format!("{}:{}", self.seed, self.planted.len()));
        let hex: String = digest
            .iter()
            .take(10)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let canary = format!("canary{hex}");
        self.planted.push((canary.clone(), place));
        canary
    }

    /// Access and refresh token of a sign-in, and what each is made of.
    fn keep_tokens(&mut self, answer: &Value) -> String {
        let access = answer["access_token"].as_str().expect("access_token");
        let refresh = answer["refresh_token"].as_str().expect("refresh_token");
        // The signature alone completes a token that was guessed otherwise.
        let signature = access.rsplit('.').next().expect("a signature");
        self.tokens
            .extend([access, refresh, signature].map(str::to_owned));
        access.to_owned()
    }
}

/// Keeps every export as it came: nothing in it escapes the search.
#[derive(Clone, Default)]
struct Exports(Arc<Mutex<Vec<Bytes>>>);

impl Exports {
    async fn listen(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("a port");
        let address = listener.local_addr().expect("its address");
        let keep = |State(exports): State<Self>, body: Bytes| async move {
            exports.lock().push(body);
        };
        let router = Router::new().fallback(keep).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        format!("http://{address}")
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Bytes>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn text(&self) -> String {
        let exports = self.lock();
        let texts = exports.iter().map(|body| String::from_utf8_lossy(body));
        texts.collect::<Vec<_>>().join("\n")
    }
}

struct Farm {
    nest: Nest,
    http: reqwest::Client,
    todo: Service,
    gateway: Service,
    worker: Service,
}

impl Farm {
    async fn start(exports: &Exports) -> Self {
        let endpoint = exports.listen().await;
        let parts = SystemBuilder::new().await;
        let loud = |builder: testkit::ServiceBuilder| {
            builder
                .env("LOG_LEVEL", "debug")
                .env("SLOW_REQUEST_SECONDS", "0")
                .env("SLOW_QUERY_SECONDS", "0")
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        };
        let todo = loud(parts.todo_api()).start().await;
        let worker = loud(parts.event_worker()).start().await;
        let gateway = loud(parts.chat_gateway(&todo.url(""))).start().await;
        Self {
            nest: Nest::new(),
            http: reqwest::Client::new(),
            todo,
            gateway,
            worker,
        }
    }

    fn todo(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.todo.url(path))
    }

    fn gateway(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, self.gateway.url(path))
    }

    async fn post(&self, path: &str, body: &Value) -> (u16, Value) {
        let request = self.gateway(Method::POST, path).json(body);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    /// Accounts: passwords, addresses, names and refresh tokens.
    async fn accounts(&mut self) -> Vec<String> {
        let mut access = Vec::new();
        for _ in 0..10 {
            let email = format!("{}@example.com", self.nest.plant("e-mail address"));
            let password = self.nest.plant("password");
            let account =
                json!({"email": email, "password": password, "name": self.nest.plant("name")});
            let (status, answer) = self.post("/api/auth/register", &account).await;
            assert_eq!(status, 201, "{answer}");
            self.nest.keep_tokens(&answer);
            let taken = json!({"email": email, "password": self.nest.plant("password"), "name": self.nest.plant("name")});
            assert_eq!(self.post("/api/auth/register", &taken).await.0, 409);
            let wrong = json!({"email": email, "password": self.nest.plant("wrong password")});
            assert_eq!(self.post("/api/auth/login", &wrong).await.0, 401);
            let (status, answer) = self.post("/api/auth/login", &account).await;
            assert_eq!(status, 200, "{answer}");
            self.nest.keep_tokens(&answer);

            let refresh = json!({"refresh_token": answer["refresh_token"]});
            let (status, answer) = self.post("/api/auth/refresh", &refresh).await;
            assert_eq!(status, 200, "{answer}");
            access.push(self.nest.keep_tokens(&answer));
        }
        // Used up tokens, and one that is real but ends here.
        let leaver = json!({
            "email": format!("{}@example.com", self.nest.plant("e-mail address")),
            "password": self.nest.plant("password"), "name": "Leaver",
        });
        let (_, answer) = self.post("/api/auth/register", &leaver).await;
        self.nest.keep_tokens(&answer);
        let token = json!({"refresh_token": answer["refresh_token"]});
        assert_eq!(self.post("/api/auth/logout", &token).await.0, 204);
        assert_eq!(self.post("/api/auth/refresh", &token).await.0, 401);

        for _ in 0..10 {
            let unknown = json!({
                "email": format!("{}@example.com", self.nest.plant("unknown e-mail address")),
                "password": self.nest.plant("password"),
            });
            assert_eq!(self.post("/api/auth/login", &unknown).await.0, 401);
            let malformed = json!({
                "email": self.nest.plant("malformed e-mail address"),
                "password": self.nest.plant("password"),
                "name": self.nest.plant("name").repeat(5),
            });
            assert_eq!(self.post("/api/auth/register", &malformed).await.0, 422);
            for path in ["/api/auth/refresh", "/api/auth/logout"] {
                let token = json!({"refresh_token": self.nest.plant("refresh token")});
                assert!([204, 401].contains(&self.post(path, &token).await.0));
            }
        }
        access
    }

    /// Tasks: titles, descriptions and what else stands in bodies and queries.
    async fn tasks(&mut self, token: &str) {
        let mut task = String::new();
        for number in 0..40 {
            let mut body = json!({
                "title": format!("buy {}", self.nest.plant("task title")),
                "description": self.nest.plant("task description"),
            });
            if number % 10 == 0 {
                body["reminders"] = json!([{ "at": chrono::Utc::now() }]);
            }
            let created = self
                .todo(Method::POST, "/v1/tasks")
                .bearer_auth(token)
                .header("x-debug", "true");
            let created = created.json(&body).send().await.expect("an answer");
            assert_eq!(created.status(), 201);
            let created: Value = created.json().await.expect("a task");
            task = format!("/v1/tasks/{}", created["id"].as_str().expect("an id"));
        }
        for _ in 0..10 {
            for body in [
                json!({"title": format!("{}\u{0}", self.nest.plant("refused title"))}),
                json!({"title": "x", "description": format!("\u{0}{}", self.nest.plant("refused description"))}),
                json!({"title": "x", "priority": self.nest.plant("refused priority")}),
                json!({"title": "x", "tags": [format!("NOT {}", self.nest.plant("refused tag"))]}),
                json!({"title": "x", "due_at": self.nest.plant("refused date")}),
                json!({"title": "x", self.nest.plant("unknown field"): 1}),
            ] {
                let request = self
                    .todo(Method::POST, "/v1/tasks")
                    .bearer_auth(token)
                    .json(&body);
                assert_eq!(
                    request.send().await.expect("an answer").status(),
                    422,
                    "{body}"
                );
            }
            let patch = json!({"title": self.nest.plant("changed title")});
            let request = self
                .todo(Method::PATCH, &task)
                .bearer_auth(token)
                .json(&patch);
            assert_eq!(request.send().await.expect("an answer").status(), 200);
            let query = format!("/v1/tasks?cursor={}", self.nest.plant("query"));
            let request = self.todo(Method::GET, &query).bearer_auth(token);
            assert_eq!(request.send().await.expect("an answer").status(), 400);
        }
    }

    /// Tokens that are none, at both ports and both doors of the socket.
    async fn tokens(&mut self) {
        for _ in 0..10 {
            let request = self
                .todo(Method::GET, "/v1/tasks")
                .bearer_auth(self.nest.plant("access token"));
            assert_eq!(request.send().await.expect("an answer").status(), 401);
            let request = self
                .gateway(Method::GET, "/api/rooms")
                .bearer_auth(self.nest.plant("access token"));
            assert_eq!(request.send().await.expect("an answer").status(), 401);
        }
        let url = self.gateway.url("/ws");
        for _ in 0..5 {
            let mut socket = Socket::connect(&url, &self.nest.plant("subprotocol"))
                .await
                .expect("a socket");
            assert_eq!(socket.closed().await, 4401);
            let mut socket = Socket::anonymous(&url).await.expect("a socket");
            let token = self.nest.plant("first frame");
            socket
                .send(json!({"type": "authenticate", "token": token}))
                .await;
            assert_eq!(socket.closed().await, 4401);
        }
    }

    /// What is said in rooms, and to the assistant in them.
    async fn messages(&mut self, token: &str) {
        let mut socket = Socket::connect(&self.gateway.url("/ws"), token)
            .await
            .expect("a socket");
        socket.expect("ready").await;
        for _ in 0..40 {
            let text = self.nest.plant("message");
            socket
                .send(json!({"type": "message", "room": "general", "text": text}))
                .await;
            socket.expect("message").await;
        }
        let mut told = 0;
        for _ in 0..REMINDED {
            let text = format!(
                "add a task feed the {}, remind me in 1 second",
                self.nest.plant("command")
            );
            socket
                .send(json!({"type": "message", "room": "general", "text": text}))
                .await;
            expect(&mut socket, "task", &mut told).await;
            let room = self.nest.plant("unknown room");
            let text = self.nest.plant("refused message");
            socket
                .send(json!({"type": "message", "room": room, "text": text}))
                .await;
            expect(&mut socket, "error", &mut told).await;
            let long = self.nest.plant("long message").repeat(200);
            socket
                .send(json!({"type": "message", "room": "general", "text": long}))
                .await;
            expect(&mut socket, "error", &mut told).await;
            socket
                .send(json!({"type": self.nest.plant("unknown frame")}))
                .await;
            expect(&mut socket, "error", &mut told).await;
            let broken = format!(
                "{{\"type\": \"message\", {}",
                self.nest.plant("broken frame")
            );
            socket.send_raw(Message::text(broken)).await;
            expect(&mut socket, "error", &mut told).await;
        }
        // Titles come back from the worker by way of Kafka.
        while told < REMINDED {
            expect(&mut socket, "notification", &mut told).await;
        }
    }

    /// Headers of every kind, at both ports.
    async fn headers(&mut self, token: &str) {
        let names = [
            "cookie",
            "x-api-key",
            "x-custom",
            "user-agent",
            "referer",
            "origin",
            "if-match",
            "accept-language",
            "traceparent",
            "tracestate",
            "baggage",
            "x-forwarded-for",
            "forwarded",
            "x-debug",
            "proxy-authorization",
        ];
        for name in names {
            let value = self.nest.plant("header");
            let request = self
                .todo(Method::GET, "/v1/tasks")
                .bearer_auth(token)
                .header(name, value);
            assert!(request.send().await.is_ok());
            let value = self.nest.plant("header");
            let request = self
                .gateway(Method::GET, "/api/rooms")
                .bearer_auth(token)
                .header(name, value);
            assert!(request.send().await.is_ok());
        }
        // A request id is kept if it is one. This is none.
        for _ in 0..5 {
            let id = format!("not an id: {}", self.nest.plant("request id"));
            let request = self
                .todo(Method::GET, "/v1/tasks")
                .bearer_auth(token)
                .header("x-request-id", id);
            assert_eq!(request.send().await.expect("an answer").status(), 200);
        }
    }

    /// Bodies that are not JSON, or not of the right shape, for all the rest.
    async fn bodies(&mut self, token: &str) {
        while self.nest.planted.len() < CANARIES {
            let number = self.nest.planted.len();
            let canary = self.nest.plant("bad body");
            let body = match number % 4 {
                0 => format!(r#"{{"title": "{canary}"#),
                1 => format!(r#"{{"title": {{"{canary}": 1}}}}"#),
                2 => canary,
                _ => format!(r#"{{"email": "{canary}", "password": 7}}"#),
            };
            let request = if number % 8 < 4 {
                self.todo(Method::POST, "/v1/tasks").bearer_auth(token)
            } else {
                self.gateway(Method::POST, "/api/auth/login")
            };
            let request = request
                .header("content-type", "application/json")
                .body(body);
            let status = request.send().await.expect("an answer").status().as_u16();
            assert!([400, 422].contains(&status), "{status}");
        }
    }
}

/// The next frame of this type. Reminders come when they do, and are counted.
async fn expect(socket: &mut Socket, kind: &str, told: &mut usize) {
    loop {
        let frame = socket.next().await.expect("an open socket");
        *told += usize::from(frame["type"] == "notification");
        if frame["type"] == kind {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn none_of_500_canaries_is_found_in_any_signal() {
    let exports = Exports::default();
    let mut farm = Farm::start(&exports).await;
    println!("CANARY_SEED={}", farm.nest.seed);
    let access = farm.accounts().await;
    farm.tasks(&access[0]).await;
    farm.tokens().await;
    farm.messages(&access[1]).await;
    farm.headers(&access[2]).await;
    farm.bodies(&access[3]).await;
    assert_eq!(farm.nest.planted.len(), CANARIES);

    let mut signals = Vec::new();
    let Farm {
        nest,
        http,
        todo,
        gateway,
        worker,
    } = farm;
    for mut service in [gateway, todo, worker] {
        let name = service
            .program()
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        let metrics = http.get(service.admin("/metrics")).send().await;
        let metrics = metrics.expect("/metrics").text().await.expect("text");
        // The end flushes what is still on its way.
        assert!(service.stop().await.success(), "{name}");
        service.log("service_stopped").await;
        signals.push((format!("{name}: /metrics"), metrics));
        signals.push((format!("{name}: stdout"), service.output().join("\n")));
        signals.push((format!("{name}: stderr"), service.errors().join("\n")));
    }
    let exported = eventually("the last export", || async {
        let text = exports.text();
        (text.matches("service_stopped").count() >= 3).then_some(text)
    })
    .await;
    signals.push(("OTLP".to_owned(), exported));

    // The search would find what is there.
    let text = |wanted: &str| {
        &signals
            .iter()
            .find(|(name, _)| name == wanted)
            .expect("a signal")
            .1
    };
    for event in [
        "task_creation_failed",
        "\"DEBUG\"",
        "slow_request",
        "slow_query",
        "request_completed",
    ] {
        assert!(text("todo-api: stdout").contains(event), "{event}");
    }
    for event in [
        "login_failed",
        "login_successful",
        "message_sent",
        "message_refused",
        "websocket_refused",
    ] {
        assert!(text("chat-gateway: stdout").contains(event), "{event}");
        assert!(text("OTLP").contains(event), "{event}");
    }
    assert!(text("event-worker: stdout").contains("reminders_planned"));
    for span in [
        "POST /v1/tasks",
        "reminder.fire",
        "websocket.receive",
        "db.task_insert",
    ] {
        assert!(text("OTLP").contains(span), "{span}");
    }

    let mut found = Vec::new();
    for (name, text) in &signals {
        let tokens = nest.tokens.iter().map(|token| (token, &"real token"));
        let planted = nest.planted.iter().map(|(canary, place)| (canary, place));
        for (canary, place) in planted.chain(tokens) {
            if let Some(at) = text.find(canary.as_str()) {
                let around: String = text[..at].chars().rev().take(200).collect();
                let around: String = around.chars().rev().collect();
                found.push(format!("{place} in {name}: …{around}[here]"));
            }
        }
    }
    assert!(
        found.is_empty(),
        "{} found:\n{}",
        found.len(),
        found.join("\n")
    );
}
