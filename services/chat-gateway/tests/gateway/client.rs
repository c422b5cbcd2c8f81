//! Running gateways, and users of them.

use reqwest::Method;
use serde_json::{Value, json};
use testkit::{Service, Socket, SystemBuilder, unique};
use uuid::Uuid;

pub(crate) const PASSWORD: &str = "correct horse battery staple";

/// One gateway or several, with one database, Redis and Kafka.
pub(crate) struct Gateway {
    pub(crate) parts: SystemBuilder,
    pub(crate) service: Service,
    http: reqwest::Client,
}

/// Somebody with an account.
#[derive(Clone, Debug)]
pub(crate) struct Person {
    pub(crate) id: Uuid,
    pub(crate) email: String,
    pub(crate) token: String,
    pub(crate) refresh: String,
}

/// Status and body of an answer.
pub(crate) type Answer = (u16, Value);

impl Gateway {
    pub(crate) async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With more in its environment.
    pub(crate) async fn start_with(variables: &[(&str, &str)]) -> Self {
        Self::start_on(SystemBuilder::new().await, variables).await
    }

    /// On a database that is there already.
    pub(crate) async fn start_on(parts: SystemBuilder, variables: &[(&str, &str)]) -> Self {
        let service = Self::launch(&parts, variables).await;
        Self {
            parts,
            service,
            http: reqwest::Client::new(),
        }
    }

    /// Another process of the same system.
    pub(crate) async fn another(&self) -> Service {
        Self::launch(&self.parts, &[]).await
    }

    async fn launch(parts: &SystemBuilder, variables: &[(&str, &str)]) -> Service {
        // Nothing here asks todo-api.
        let mut builder = parts.chat_gateway("http://127.0.0.1:9");
        for (name, value) in variables {
            builder = builder.env(name, *value);
        }
        builder.start().await
    }

    pub(crate) async fn call(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self.http.request(method, self.service.url(path));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    pub(crate) async fn get(&self, path: &str, who: &Person) -> Answer {
        self.call(Method::GET, path, Some(&who.token), None).await
    }

    pub(crate) async fn post(&self, path: &str, who: &Person, body: &Value) -> Answer {
        self.call(Method::POST, path, Some(&who.token), Some(body))
            .await
    }

    /// A request to `/api/auth/…`.
    pub(crate) async fn auth(&self, action: &str, body: &Value) -> Answer {
        let path = format!("/api/auth/{action}");
        self.call(Method::POST, &path, None, Some(body)).await
    }

    pub(crate) async fn login(&self, email: &str, password: &str) -> Answer {
        let body = json!({"email": email, "password": password});
        self.auth("login", &body).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Answer {
        self.auth("refresh", &json!({"refresh_token": token})).await
    }

    /// Somebody new.
    pub(crate) async fn register(&self, name: &str) -> Person {
        let email = format!("{}@example.com", unique("user").replace('_', "."));
        let account = json!({"email": email, "password": PASSWORD, "name": name});
        let (status, answer) = self.auth("register", &account).await;
        assert_eq!(status, 201, "{answer}");
        assert_eq!(answer["user"]["name"], name);
        Person {
            id: answer["user"]["id"]
                .as_str()
                .expect("an id")
                .parse()
                .expect("a UUID"),
            email,
            token: token(&answer, "access_token"),
            refresh: token(&answer, "refresh_token"),
        }
    }

    /// A new room of theirs: its id.
    pub(crate) async fn room(&self, owner: &Person, name: &str, private: bool) -> String {
        let body = json!({"name": name, "private": private});
        let (status, room) = self.post("/api/rooms", owner, &body).await;
        assert_eq!(status, 201, "{room}");
        token(&room, "id")
    }

    pub(crate) async fn socket(&self, who: &Person) -> Socket {
        socket(&self.service, who).await
    }
}

/// A socket of this very process, ready.
pub(crate) async fn socket(service: &Service, who: &Person) -> Socket {
    let connected = Socket::connect(&service.url("/ws"), &who.token).await;
    let mut socket = connected.expect("a WebSocket");
    let ready = socket.expect("ready").await;
    assert_eq!(ready["user"]["id"], json!(who.id));
    socket
}

pub(crate) async fn join(socket: &mut Socket, room: &str) -> Value {
    socket.send(json!({"type": "join", "room": room})).await;
    socket.expect("joined").await
}

pub(crate) fn token(answer: &Value, name: &str) -> String {
    let token = answer[name].as_str();
    token
        .unwrap_or_else(|| panic!("no {name} in {answer}"))
        .to_owned()
}
