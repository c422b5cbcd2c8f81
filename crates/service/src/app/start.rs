use std::{io::Write, process::ExitCode, time::Duration};

use telemetry::Telemetry;
use tokio::net::TcpListener;

use super::{App, BoxError, Command, Runtime, migrate::migrated};
use crate::{
    Health, KafkaProbe, Settings, Shutdown,
    admin::{Admin, AdminThread},
    database::{self, Pinger},
    metrics,
};

/// A receiver that is down must not hold up the exit.
const FLUSH: Duration = Duration::from_secs(1);

/// Starts telemetry, works, and flushes telemetry whatever became of the work.
pub(super) fn start<C: Send + 'static>(
    app: App<C>,
    command: Command,
    config: C,
    settings: Settings,
    telemetry: telemetry::Settings,
) -> ExitCode {
    let catalogues: Vec<_> = [metrics::CATALOGUE]
        .into_iter()
        .chain(app.catalogues.iter().copied())
        .collect();
    let telemetry = match Telemetry::init(telemetry, &catalogues) {
        Ok(telemetry) => telemetry,
        Err(error) => {
            // Nowhere else to say so yet; nothing is left to do if this fails.
            let _ = writeln!(
                std::io::stderr(),
                "{}: telemetry cannot start: {error}",
                app.name
            );
            return ExitCode::FAILURE;
        }
    };
    for query in app.queries.iter().copied().flatten() {
        query.register();
    }
    let outcome = work(app, command, config, settings, &telemetry);
    let code = match outcome {
        Ok(()) => {
            tracing::info!("service_stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            telemetry::critical!(error = %error, "service_failed");
            ExitCode::FAILURE
        }
    };
    // Both runtimes are gone: flushing blocks this thread, and nothing it waits
    // for runs on it.
    telemetry.flush(FLUSH);
    code
}

fn work<C: Send + 'static>(
    app: App<C>,
    command: Command,
    config: C,
    settings: Settings,
    telemetry: &Telemetry,
) -> Result<(), BoxError> {
    let admin = AdminThread::start()?;
    let workers = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.worker_threads)
        .thread_name("worker")
        .enable_all()
        .build()?;
    let outcome = workers.block_on(async {
        telemetry.observe_runtime();
        match command {
            Command::Migrate => {
                let pool = database::pool(&settings.database_url, 1)?;
                tokio::time::timeout(Duration::from_secs(30), migrated(&app, &pool)).await?
            }
            _ => serve(app, config, settings, telemetry.clone(), &admin).await,
        }
    });
    // What still runs was told to stop, and had its time.
    workers.shutdown_timeout(Duration::from_secs(1));
    drop(admin);
    outcome
}

async fn serve<C: Send + 'static>(
    app: App<C>,
    config: C,
    settings: Settings,
    telemetry: Telemetry,
    admin: &AdminThread,
) -> Result<(), BoxError> {
    let health = Health::new(app.version, admin.handle().clone());
    health.beat_on(&tokio::runtime::Handle::current());
    let kafka = watch_dependencies(&app, &settings, &health)?;
    let shutdown = Shutdown::new();
    let conductor = shutdown.clone().conduct(health.clone(), settings.clone());
    admin.handle().spawn(async {
        if let Err(error) = conductor.await {
            telemetry::critical!(error = %error, "signals_not_watched");
        }
    });

    let server = Admin {
        health: health.clone(),
        kafka: kafka.clone(),
        telemetry,
    };
    let admin_address = admin
        .handle()
        .spawn(server.serve(settings.admin_address))
        .await??;
    let listener = match settings.listen_address {
        Some(address) => {
            let listener = TcpListener::bind(address)
                .await
                .map_err(|error| format!("cannot listen on {address} (LISTEN_ADDRESS): {error}"))?;
            Some(listener)
        }
        None => None,
    };
    let address = match &listener {
        Some(listener) => listener.local_addr()?.to_string(),
        None => String::new(),
    };
    tracing::info!(address = %address, admin_address = %admin_address, "service_started");

    let pool = database::main_pool(&settings)?;
    database::report(&pool);
    let runtime = Runtime {
        listener,
        shutdown: shutdown.clone(),
        health,
        pool,
        kafka,
        settings,
    };
    let Some(()) = super::migrate::prepare(&app, &runtime).await? else {
        return Ok(());
    };
    if runtime.listener.is_none() {
        runtime.health.started();
    }
    // On a worker, not on this thread, which the others would have to wake.
    let service = tokio::spawn((app.run)(config, runtime));
    finish(&shutdown, service).await
}

fn watch_dependencies<C>(
    app: &App<C>,
    settings: &Settings,
    health: &Health,
) -> Result<KafkaProbe, BoxError> {
    let options = database::options(&settings.database_url, "glasshouse-health")?;
    let pinger = Pinger::new(options);
    health.check("database", app.database, move || pinger.clone().ping());
    let kafka = KafkaProbe::start(&settings.kafka_brokers, &settings.topic_prefix);
    let probe = kafka.clone();
    health.check("kafka", app.kafka, move || {
        let probe = probe.clone();
        async move { probe.reached().await }
    });
    Ok(kafka)
}

/// Waits for the service's own end, and then for the tasks it left behind.
async fn finish(
    shutdown: &Shutdown,
    service: tokio::task::JoinHandle<Result<(), BoxError>>,
) -> Result<(), BoxError> {
    let Some(ended) = shutdown.hard().run_until_cancelled(service).await else {
        return Err("the shutdown was cut short".into());
    };
    match ended {
        Ok(Ok(())) => shutdown.begin(),
        Ok(Err(error)) => shutdown.fail(error),
        Err(panic) => shutdown.fail(panic.into()),
    }
    shutdown.tracker().close();
    let waited = shutdown.step("end_tasks", shutdown.tracker().wait()).await;
    match (shutdown.failure(), waited) {
        (Some(error), _) => Err(error),
        (None, None) => Err("the shutdown was cut short".into()),
        (None, Some(())) => Ok(()),
    }
}
