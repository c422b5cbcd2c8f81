//! What a container makes before the others start.

use std::fs;

use glasshouse::provision;

const FOLDERS: [&str; 6] = [
    "postgres",
    "postgres-exporter",
    "todo-api",
    "chat-gateway",
    "event-worker",
    "alertmanager",
];

#[test]
fn secrets_fit_each_other_and_outlive_a_second_start() {
    let root = tempfile::tempdir().unwrap();
    for folder in FOLDERS {
        fs::create_dir(root.path().join(folder)).unwrap();
    }
    provision::secrets(root.path()).unwrap();
    let read = |name: &str| fs::read_to_string(root.path().join(name)).unwrap();

    let password = read("postgres/todo");
    let url = read("todo-api/database-url");
    assert_eq!(
        url,
        format!("postgres://todo:{password}@postgres:5432/todo")
    );
    let exporter = read("postgres/exporter");
    assert_eq!(read("postgres-exporter/password"), exporter);
    let token = read("chat-gateway/alert-token");
    assert_eq!(read("alertmanager/alert-token"), token);
    assert_ne!(password, read("postgres/chat"));
    // Who only verifies gets no key that signs.
    let public = read("todo-api/auth-public.pem");
    assert!(public.contains("PUBLIC KEY") && !public.contains("PRIVATE"));

    let private = read("chat-gateway/auth-private.pem");
    provision::secrets(root.path()).unwrap();
    assert_eq!(read("postgres/todo"), password);
    assert_eq!(read("chat-gateway/auth-private.pem"), private);
}

#[test]
fn a_folder_that_is_not_mounted_is_an_error() {
    let root = tempfile::tempdir().unwrap();
    let error = provision::secrets(root.path()).unwrap_err();
    assert!(format!("{error:#}").contains("postgres/admin"), "{error:#}");
}
