use std::convert::Infallible;

use axum::body::Body;
use chrono::{DateTime, Utc};
use futures_util::stream;
use rand::{RngExt, SeedableRng, rngs::StdRng};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::{
    super::{
        domain::{Description, Tag, TimeZone, Title},
        reminders::{Reminder, When},
        task::{Draft, Priority, Task},
    },
    lines::Lines,
};
use super::{BEGIN, Calendar, END, write};

fn random() -> StdRng {
    let seed: u64 = match std::env::var("SEED") {
        Ok(seed) => seed.parse().unwrap(),
        Err(_) => rand::random(),
    };
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

/// What each to-do says: its fields, or the codes of what is wrong.
async fn read(file: impl Into<Vec<u8>>) -> Vec<Result<Value, Vec<(String, &'static str)>>> {
    let chunk = [Ok::<_, Infallible>(file.into())];
    let mut calendar = Calendar::new(Lines::new(Body::from_stream(stream::iter(chunk))));
    let mut found = Vec::new();
    while let Some(todo) = calendar.next().await.unwrap() {
        let wrong = |errors: Vec<service::problem::FieldError>| {
            errors
                .into_iter()
                .map(|error| (error.field, error.code))
                .collect()
        };
        found.push(todo.fields.map(Value::Object).map_err(wrong));
    }
    found
}

fn todo(lines: &str) -> String {
    let lines = lines.replace('\n', "\r\n");
    format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VTODO\r\n{lines}\r\nEND:VTODO\r\nEND:VCALENDAR\r\n"
    )
}

fn text(random: &mut StdRng, length: usize, more: &[char]) -> String {
    const CHARS: [char; 16] = [
        'a',
        'Z',
        ' ',
        ',',
        ';',
        ':',
        '\\',
        '"',
        'n',
        'N',
        'ü',
        '\u{1f600}',
        '=',
        '^',
        '字',
        '\u{a0}',
    ];
    let chars: Vec<char> = CHARS.iter().chain(more).copied().collect();
    (0..length)
        .map(|_| chars[random.random_range(0..chars.len())])
        .collect()
}

#[tokio::test]
async fn what_is_written_is_read_again_whatever_the_texts() {
    let mut random = random();
    let due_at: DateTime<Utc> = "2031-01-02T03:04:05Z".parse().unwrap();
    let mut file = BEGIN.to_vec();
    let mut tasks = Vec::new();
    for number in 0..300 {
        let length = random.random_range(1..200);
        let title = format!("x{}", text(&mut random, length, &[]));
        let length = random.random_range(1..1000);
        let draft = Draft {
            title: Title::parse(title.trim()).unwrap(),
            description: Some(
                Description::parse(&text(&mut random, length, &['\n', '\t'])).unwrap(),
            ),
            priority: Some(Priority::High),
            tags: vec![Tag::parse("home-2").unwrap(), Tag::parse("b").unwrap()],
            due_at: Some(due_at),
            reminders: vec![
                Reminder::new(When::At(due_at), None, due_at).unwrap(),
                Reminder::new(When::MinutesBeforeDue(0), Some(due_at), due_at).unwrap(),
            ],
            time_zone: Some(TimeZone::parse("Europe/Berlin").unwrap()),
            recurrence: None,
        };
        let mut task = Task::new(Uuid::now_v7(), draft, due_at);
        task.completed_at = (number % 2 == 0).then_some(due_at);
        write(&task, &mut file);
        tasks.push(task);
    }
    file.extend_from_slice(END);
    let shown = String::from_utf8(file.clone()).unwrap();
    for line in shown.split("\r\n") {
        assert!(line.len() <= 75, "{line}");
        assert!(!line.contains(['\r', '\n']), "{line}");
    }
    let read = read(file).await;
    assert_eq!(read.len(), tasks.len());
    for (fields, task) in read.into_iter().zip(tasks) {
        let mut expected = json!({
            "id": task.id.to_string(),
            "title": task.title.as_str(),
            "description": task.description.as_ref().map(|text| text.as_str()),
            "priority": "high",
            "tags": ["home-2", "b"],
            "due_at": "2031-01-02T03:04:05Z",
            "reminders": [{"at": "2031-01-02T03:04:05Z"}, {"minutes_before_due": 0}],
            "created_at": "2031-01-02T03:04:05Z",
            "time_zone": "Europe/Berlin",
            "status": "open",
        });
        if task.completed_at.is_some() {
            expected["status"] = json!("completed");
            expected["completed_at"] = json!("2031-01-02T03:04:05Z");
        }
        assert_eq!(fields, Ok(expected));
    }
}

#[tokio::test]
async fn calendars_of_others_are_understood() {
    let file = todo(
        "uid:20070313T123432Z-456553@example.com\n\
         DTSTAMP:20070313T123432Z\n\
         SUMMARY;LANGUAGE=en;ALTREP=\"cid:x;y@z\":Submit\\, at last\n \\; the  \n\t tax\\nreturn\n\
         DUE;TZID=America/New_York:20310309T023000\n\
         CATEGORIES:Family,FINANCE & Tax\n\
         CATEGORIES:Ärger,---\n\
         PRIORITY:2\n\
         STATUS:IN-PROCESS\n\
         X-OTHER:thing\n\
         BEGIN:VALARM\n\
         ACTION:AUDIO\n\
         TRIGGER;RELATED=END:-PT15M\n\
         END:VALARM",
    );
    let expected = json!({
        "id": "20070313T123432Z-456553@example.com",
        "title": "Submit, at last; the   tax return",
        // It does not exist there on that day, and so moves forward.
        "due_at": "2031-03-09T07:30:00Z",
        "time_zone": "America/New_York",
        "tags": ["family", "finance---tax", "rger"],
        "priority": "high",
        "status": "open",
        "reminders": [{"minutes_before_due": 15}],
    });
    assert_eq!(read(file).await, [Ok(expected)]);

    let due = async |lines: &str| {
        let read = read(todo(lines)).await.remove(0);
        read.map(|fields| fields["due_at"].as_str().unwrap_or_default().to_owned())
    };
    let is = |text: &str| Ok(text.to_owned());
    assert_eq!(
        due("DUE;VALUE=DATE:20310102").await,
        is("2031-01-02T00:00:00Z")
    );
    assert_eq!(due("DUE:20310102T030405").await, is("2031-01-02T03:04:05Z"));
    assert_eq!(
        due("DUE:20310702T030405\nX-GLASSHOUSE-TIME-ZONE:Europe/Berlin").await,
        is("2031-07-02T01:04:05Z")
    );
    let wrong = |field: &str, code| Err(vec![(field.to_owned(), code)]);
    assert_eq!(due("DUE:tomorrow").await, wrong("DUE", "malformed"));
    assert_eq!(
        due("DUE;TZID=Nowhere:20310102T030405").await,
        wrong("DUE", "malformed")
    );
    assert_eq!(due("PRIORITY:ten").await, wrong("PRIORITY", "malformed"));
    assert_eq!(
        due("RDATE:20310102T030405Z").await,
        wrong("RDATE", "not_supported")
    );
}

#[tokio::test]
async fn other_components_are_passed_over_and_broken_ones_told() {
    let event = "BEGIN:VEVENT\r\nSUMMARY:party\r\nBEGIN:VALARM\r\nEND:VALARM\r\nEND:VEVENT\r\n";
    let one = "BEGIN:VTODO\r\nSUMMARY:one\r\nEND:VTODO\r\n";
    let whole = |inner: &str| format!("BEGIN:VCALENDAR\r\n{inner}END:VCALENDAR\r\n");
    let wrong = |code| Err(vec![(String::new(), code)]);
    let fine = Ok(json!({"title": "one", "tags": []}));
    let only = read(whole(&format!("{event}{one}{event}"))).await;
    assert_eq!(only.as_slice(), std::slice::from_ref(&fine));
    assert_eq!(
        read(format!("\r\n{}\r\n{}", whole(one), whole(one))).await,
        [fine.clone(), fine.clone()]
    );
    assert_eq!(read(whole("")).await, []);
    for (file, expected) in [
        (String::new(), vec![wrong("malformed")]),
        ("{\"title\": \"x\"}\n".to_owned(), vec![wrong("malformed")]),
        (one.to_owned(), vec![wrong("malformed")]),
        (
            format!("BEGIN:VCALENDAR\r\n{one}"),
            vec![fine.clone(), wrong("cut_off")],
        ),
        (
            "BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\nSUMMARY:x".to_owned(),
            vec![wrong("cut_off")],
        ),
        (
            whole("BEGIN:VTODO\r\nEND:VEVENT\r\n"),
            vec![wrong("malformed")],
        ),
        (
            whole(&"BEGIN:VTODO\r\n".repeat(100_000)),
            vec![wrong("malformed")],
        ),
        (
            whole(&format!(
                "BEGIN:VTODO\r\nSUMMARY:{}\r\nEND:VTODO\r\n{one}",
                "x".repeat(70_000)
            )),
            vec![wrong("too_long"), fine.clone()],
        ),
        (
            whole(&format!(
                "BEGIN:VTODO\r\n{}END:VTODO\r\n{one}",
                "X-A:0123456789\r\n".repeat(20_000)
            )),
            vec![wrong("too_long"), fine],
        ),
    ] {
        let start: String = file.chars().take(60).collect();
        assert_eq!(read(file).await, expected, "{start}");
    }
}

#[tokio::test]
async fn nothing_makes_it_stumble() {
    const PIECES: [&str; 24] = [
        "BEGIN:VCALENDAR",
        "END:VCALENDAR",
        "BEGIN:VTODO",
        "END:VTODO",
        "BEGIN:VALARM",
        "END:VALARM",
        "BEGIN:",
        "END:",
        "BEGIN",
        "SUMMARY",
        ":",
        ";",
        "=",
        "\"",
        "\\",
        "\r\n",
        "\n",
        "\r\n ",
        "\n\t",
        "DUE;VALUE=DATE:",
        "TRIGGER:-P9999999999W",
        "DUE:99991231T235960Z",
        "ü",
        "\0",
    ];
    let mut random = random();
    for _ in 0..3_000 {
        let length = random.random_range(0..60);
        let mut file: Vec<u8> = b"BEGIN:VCALENDAR\r\nBEGIN:VTODO\r\n".to_vec();
        for _ in 0..length {
            let piece = PIECES[random.random_range(0..PIECES.len())];
            file.extend_from_slice(piece.as_bytes());
            if random.random_bool(0.02) {
                file.push(random.random());
            }
        }
        assert!(read(file).await.len() <= length + 2);
    }
}
