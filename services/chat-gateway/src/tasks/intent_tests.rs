use super::*;

/// 10:00 UTC, noon in the writer's zone.
fn moment() -> Moment {
    Moment {
        now: "2026-11-21T10:00:00Z".parse().expect("a date"),
        offset: FixedOffset::east_opt(2 * 3600).expect("an offset"),
    }
}

fn draft(text: &str) -> Draft {
    parse(text, moment()).unwrap_or_else(|| panic!("{text:?} asks for a task"))
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    Some(text.parse().expect("a date"))
}

#[test]
fn openings() {
    for text in [
        "add a task buy milk",
        "Add a task: buy milk",
        "add task buy milk",
        "please add a new task to buy milk",
        "create todo - buy milk",
        "  new   task   buy   milk ",
        "ADD A TO-DO buy milk",
    ] {
        assert_eq!(draft(text).title, "buy milk", "{text}");
    }
}

#[test]
fn ordinary_talk_is_left_alone() {
    for text in [
        "",
        "add",
        "add a",
        "hello",
        "I should add a task",
        "add taskforce x",
        "remind me in 1 second",
    ] {
        assert_eq!(parse(text, moment()), None, "{text}");
    }
}

#[test]
fn a_task_without_a_title_says_so_by_an_empty_title() {
    assert_eq!(draft("add a task").title, "");
    assert_eq!(draft("add a task: #home !high tomorrow").title, "");
}

#[test]
fn reminders() {
    let second = draft("add a task buy milk remind me in 1 second");
    assert_eq!(
        (second.title.as_str(), second.remind_at),
        ("buy milk", time("2026-11-21T10:00:01Z"))
    );
    assert_eq!(second.due_at, None);
    assert_eq!(
        serde_json::to_value(&second).expect("JSON"),
        serde_json::json!({
            "title": "buy milk", "priority": "normal", "tags": [],
            "reminders": [{ "at": "2026-11-21T10:00:01Z" }],
        })
    );
    assert_eq!(
        draft("add a task x, remind me in 30 seconds.").remind_at,
        time("2026-11-21T10:00:30Z")
    );
    assert_eq!(
        draft("add a task x and remind me in 5 minutes").remind_at,
        time("2026-11-21T10:05:00Z")
    );
    assert_eq!(draft("add a task x and remind me in 5 minutes").title, "x");
    assert_eq!(
        draft("add a task x remind me in an hour").remind_at,
        time("2026-11-21T11:00:00Z")
    );
    assert_eq!(
        draft("add a task x remind me tomorrow").remind_at,
        time("2026-11-22T07:00:00Z")
    );
    assert_eq!(
        draft("add a task x remind me tomorrow at 5pm").remind_at,
        time("2026-11-22T15:00:00Z")
    );
}

#[test]
fn due_dates() {
    assert_eq!(
        draft("add a task x in 20 minutes").due_at,
        time("2026-11-21T10:20:00Z")
    );
    assert_eq!(
        draft("add a task x tomorrow").due_at,
        time("2026-11-22T21:59:00Z")
    );
    assert_eq!(
        draft("add a task x by tomorrow at 08:30").due_at,
        time("2026-11-22T06:30:00Z")
    );
    assert_eq!(draft("add a task x by tomorrow at 08:30").title, "x");
}

#[test]
fn everything_at_once_in_any_order() {
    let all =
        draft("add a task: water the plants tomorrow #home !high #garden remind me in 2 hours");
    assert_eq!(all.title, "water the plants");
    assert_eq!(all.priority, "high");
    assert_eq!(all.tags, ["home", "garden"]);
    assert_eq!(all.due_at, time("2026-11-22T21:59:00Z"));
    assert_eq!(all.remind_at, time("2026-11-21T12:00:00Z"));
}

#[test]
fn clauses_in_the_middle_and_nonsense_stay_in_the_title() {
    for title in [
        "read in 5 minutes what I wrote",
        "count to #1 today's list",
        "x in 999999 weeks",
        "x in 0 seconds",
        "x in -5 minutes",
        "meet at tomorrow at 25:00",
        "shout !loud",
        "buy\u{a0}milk 🥛",
    ] {
        let found = draft(&format!("add a task {title}"));
        assert_eq!(
            (found.title, found.due_at, found.remind_at),
            (title.replace('\u{a0}', " "), None, None)
        );
    }
    assert_eq!(draft("add a task x tomorrow tomorrow").title, "x tomorrow");
}

#[test]
fn no_input_panics() {
    let pieces = [
        "add a task",
        "in",
        "5",
        "minutes",
        "remind me",
        "tomorrow",
        "at",
        "9am",
        "#",
        "!",
        ",",
        "🥛",
        "\0",
    ];
    let mut seed = 7u64;
    for _ in 0..20_000 {
        let text: Vec<&str> = (0..8)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                pieces[(seed >> 33) as usize % pieces.len()]
            })
            .collect();
        let _ = parse(&text.join(" "), moment());
    }
}
