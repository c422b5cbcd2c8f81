//! A private PostgreSQL: one server, one database and one role for each service.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row};

use super::cluster;
use super::{Place, Port, Ports, programs};
use crate::supervise::{Account, Process, Ready, Spec};

/// The role that owns the server.
const ADMIN: &str = "glasshouse";
/// The path of a Unix socket, its name included, may be this long on Linux.
const LONGEST_SOCKET_PATH: usize = 107;

/// How the server is to be.
#[derive(Clone, Debug)]
pub struct PostgresOptions {
    /// One database, and a role of the same name, for each of these.
    pub databases: Vec<String>,
    /// Whether committed data must survive a crash of the machine. Tests need
    /// not pay for that.
    pub durable: bool,
}

/// A running private server. Clones are the same server.
#[derive(Clone)]
pub struct Postgres {
    process: Process,
    port: Port,
    version: String,
    socket: Option<PathBuf>,
    admin_password: String,
    passwords: BTreeMap<String, String>,
}

impl Postgres {
    /// Starts it, creating whatever of its data, databases and roles is missing.
    ///
    /// # Errors
    /// When there is no PostgreSQL on this machine or it does not start.
    pub async fn start(place: &Place, ports: &Ports, options: &PostgresOptions) -> Result<Self> {
        let account = Account::unprivileged("postgres")?;
        let folder = place.folder_for("postgres", account.as_ref())?;
        let data = folder.join("data");
        let bin = cluster::programs_for(&data)?;
        let secret = place.secrets().join("postgres-admin");
        ensure!(
            secret.exists() || !data.exists(),
            "the password of {} is gone ({}): remove that folder to begin anew",
            data.display(),
            secret.display(),
        );
        let admin_password = place.secret("postgres-admin")?;
        cluster::create(&bin, &folder, account.as_ref(), ADMIN, &admin_password).await?;

        let port = ports.pick(15432)?;
        let socket = socket_folder(&folder, port.number);
        let mut passwords = BTreeMap::new();
        for database in &options.databases {
            passwords.insert(
                database.clone(),
                place.secret(&format!("postgres-{database}"))?,
            );
        }
        let spec = Spec {
            name: "postgres".into(),
            program: bin.join("postgres"),
            arguments: arguments(&data, port, socket.as_deref(), options.durable),
            environment: BTreeMap::new(),
            directory: folder,
            account,
            // Fast shutdown: roll back what is open, do not wait for clients.
            stop_signal: Signal::SIGINT,
            ready: Ready::Postgres(url(ADMIN, &admin_password, port, "postgres")),
            ready_within: Duration::from_secs(30),
        };
        let process = place.start(spec).await?;
        let version = programs::version(&bin.join("postgres"), "--version").unwrap_or_default();
        let server = Self {
            process,
            port,
            version,
            socket,
            admin_password,
            passwords,
        };
        server.create_databases().await?;
        Ok(server)
    }

    /// The address of a service's own database, with its own role.
    ///
    /// # Errors
    /// When the server was not started with that database.
    pub fn url(&self, database: &str) -> Result<String> {
        let password = self.passwords.get(database);
        let password = password.with_context(|| format!("no database {database}"))?;
        Ok(url(database, password, self.port, database))
    }

    /// The address of the maintenance database, as the role that may do anything.
    pub fn admin_url(&self) -> String {
        url(ADMIN, &self.admin_password, self.port, "postgres")
    }

    /// Sees to a role that may read statistics, and nothing else. Its password is
    /// one of our own: see [`Place::secret`].
    ///
    /// # Errors
    /// When the server refuses.
    pub async fn monitor(&self, role: &str, password: &str) -> Result<()> {
        let mut admin = PgConnection::connect(&self.admin_url()).await?;
        let known = sqlx::query("SELECT FROM pg_roles WHERE rolname = $1").bind(role);
        let known = known.fetch_optional(&mut admin).await?.is_some();
        let create = (!known).then(|| format!("CREATE ROLE {role} LOGIN"));
        let grants = [
            format!("GRANT pg_monitor TO {role}"),
            format!("GRANT CONNECT ON DATABASE postgres TO {role}"),
            format!("ALTER ROLE {role} PASSWORD '{password}'"),
        ];
        for statement in create.into_iter().chain(grants) {
            sqlx::query(AssertSqlSafe(statement))
                .execute(&mut admin)
                .await?;
        }
        admin.close().await?;
        Ok(())
    }

    /// Where it listens.
    pub fn port(&self) -> Port {
        self.port
    }

    /// The folder of its Unix socket, unless that path would be too long.
    pub fn socket(&self) -> Option<&Path> {
        self.socket.as_deref()
    }

    /// Its version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// Stops it; its data stays.
    pub async fn stop(&self) {
        self.process.stop(Duration::from_secs(5)).await;
    }

    /// Starts it again after [`Postgres::stop`], on the same port and data.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn resume(&self) -> Result<()> {
        self.process.start().await
    }

    async fn create_databases(&self) -> Result<()> {
        let mut admin = PgConnection::connect(&self.admin_url()).await?;
        let mut known = Vec::new();
        for row in sqlx::query("SELECT datname::text FROM pg_database")
            .fetch_all(&mut admin)
            .await?
        {
            known.push(row.try_get::<String, _>(0)?);
        }
        for (name, password) in &self.passwords {
            let word = name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
            ensure!(word, "{name:?} is no name for a database");
            if !known.contains(name) {
                // Statements of their own: CREATE DATABASE refuses a transaction.
                for statement in creation_of(name) {
                    sqlx::query(AssertSqlSafe(statement))
                        .execute(&mut admin)
                        .await?;
                }
            }
            // Each time, so that a lost secret is simply replaced. Our own
            // passwords are hexadecimal: nothing to escape.
            let set = format!("ALTER ROLE {name} PASSWORD '{password}'");
            sqlx::query(AssertSqlSafe(set)).execute(&mut admin).await?;
        }
        // Or every role could look into these two.
        let shut = "REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC";
        sqlx::query(shut).execute(&mut admin).await?;
        admin.close().await?;
        Ok(())
    }
}

/// A service's role can connect to its own database and to no other.
fn creation_of(name: &str) -> [String; 4] {
    [
        format!("DROP ROLE IF EXISTS {name}"),
        format!("CREATE ROLE {name} LOGIN"),
        format!("CREATE DATABASE {name} OWNER {name}"),
        format!("REVOKE CONNECT, TEMPORARY ON DATABASE {name} FROM PUBLIC"),
    ]
}

fn url(role: &str, password: &str, port: Port, database: &str) -> String {
    format!("postgres://{role}:{password}@{}/{database}", port.address())
}

fn arguments(data: &Path, port: Port, socket: Option<&Path>, durable: bool) -> Vec<String> {
    let socket = socket
        .map(|folder| folder.display().to_string())
        .unwrap_or_default();
    let mut arguments = vec!["-D".to_owned(), data.display().to_string()];
    let mut set = |setting: String| arguments.extend(["-c".to_owned(), setting]);
    set("listen_addresses=127.0.0.1".into());
    set(format!("port={}", port.number));
    set(format!("unix_socket_directories={socket}"));
    set("max_connections=300".into());
    set("log_timezone=UTC".into());
    if !durable {
        for off in [
            "fsync",
            "synchronous_commit",
            "full_page_writes",
            "autovacuum",
        ] {
            set(format!("{off}=off"));
        }
    }
    arguments
}

/// Beside the data; nothing where the
/// system would not take so long a path.
fn socket_folder(folder: &Path, port: u16) -> Option<PathBuf> {
    let socket = folder.join(format!(".s.PGSQL.{port}"));
    let length = socket.as_os_str().len();
    (length <= LONGEST_SOCKET_PATH).then(|| folder.to_owned())
}
