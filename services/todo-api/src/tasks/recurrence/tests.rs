use chrono::{LocalResult, NaiveDateTime, Offset, TimeDelta, TimeZone as _};
use jiff::{
    SignedDuration,
    tz::{AmbiguousOffset, TimeZoneDatabase},
};
use rand::{RngExt, SeedableRng, rngs::StdRng, seq::IndexedRandom};

use super::super::task::tests::draft;
use super::*;

/// Random, but the same again with `SEED`.
fn random() -> StdRng {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(rand::random);
    println!("SEED={seed}");
    StdRng::seed_from_u64(seed)
}

fn moment(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn repeating(rule: &str, due: &str, zone: &str, exdates: &[&str]) -> Result<Task, FieldError> {
    let new = NewRecurrence {
        rule: Rule::parse(rule).unwrap(),
        exdates: exdates.iter().map(|text| moment(text)).collect(),
    };
    let zone = TimeZone::parse(zone).unwrap();
    let due_at = Some(moment(due));
    let mut task = Task::new(Uuid::nil(), draft(), moment(due));
    task.recurrence = Some(Recurrence::begin(new, due_at, Some(&zone))?);
    (task.due_at, task.time_zone) = (due_at, Some(zone));
    Ok(task)
}

/// When the first `count` occurrences are due.
fn dues(rule: &str, due: &str, zone: &str, exdates: &[&str], count: usize) -> Vec<String> {
    let mut task = repeating(rule, due, zone, exdates).unwrap();
    let mut dues = vec![due.to_owned()];
    while dues.len() < count
        && let Some(next) = task.hand_on(task.updated_at)
    {
        dues.push(next.due_at.unwrap().format("%FT%TZ").to_string());
        task = next;
    }
    dues
}

#[test]
fn the_hour_on_the_wall_stays_when_clocks_change() {
    let berlin = |rule, due, count| dues(rule, due, "Europe/Berlin", &[], count);
    assert_eq!(
        berlin("FREQ=DAILY", "2026-03-28T08:00:00Z", 3),
        [
            "2026-03-28T08:00:00Z",
            "2026-03-29T07:00:00Z",
            "2026-03-30T07:00:00Z"
        ]
    );
    // 02:30 does not exist on the 29th: 03:30. On the next day it is 02:30 again.
    assert_eq!(
        berlin("FREQ=DAILY", "2026-03-28T01:30:00Z", 3),
        [
            "2026-03-28T01:30:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-30T00:30:00Z"
        ]
    );
    // 02:30 happens twice on the 25th: the first.
    assert_eq!(
        berlin("FREQ=DAILY", "2026-10-24T00:30:00Z", 3),
        [
            "2026-10-24T00:30:00Z",
            "2026-10-25T00:30:00Z",
            "2026-10-26T01:30:00Z"
        ]
    );
    // Hourly: the hour that is skipped and the one it moves to are one.
    assert_eq!(
        berlin("FREQ=HOURLY", "2026-03-29T00:30:00Z", 3),
        [
            "2026-03-29T00:30:00Z",
            "2026-03-29T01:30:00Z",
            "2026-03-29T02:30:00Z"
        ]
    );
}

#[test]
fn rules_end_and_have_exceptions() {
    let utc = |rule, exdates| dues(rule, "2026-01-01T09:00:00Z", "UTC", exdates, 9);
    let days = |days: &[u8]| -> Vec<String> {
        days.iter()
            .map(|day| format!("2026-01-{day:02}T09:00:00Z"))
            .collect()
    };
    assert_eq!(utc("FREQ=DAILY;COUNT=3", &[]), days(&[1, 2, 3]));
    // An exception counts.
    let second = ["2026-01-02T09:00:00Z"];
    assert_eq!(utc("FREQ=DAILY;COUNT=3", &second), days(&[1, 3]));
    assert_eq!(
        utc("FREQ=DAILY;UNTIL=20260103T090000Z", &[]),
        days(&[1, 2, 3])
    );
    assert_eq!(utc("FREQ=DAILY;UNTIL=20260103T085959Z", &[]), days(&[1, 2]));
    assert_eq!(utc("FREQ=DAILY;UNTIL=20260103", &[]), days(&[1, 2, 3]));
    assert_eq!(
        utc("rrule:freq=daily;interval=3;count=3", &[]),
        days(&[1, 4, 7])
    );
    // The first is the due date, whatever the rule.
    assert_eq!(
        utc("FREQ=WEEKLY;BYDAY=MO,WE;COUNT=4", &[]),
        days(&[1, 5, 7, 12])
    );
    assert_eq!(
        dues(
            "FREQ=MONTHLY;BYMONTHDAY=31",
            "2026-01-31T09:00:00Z",
            "UTC",
            &[],
            3
        ),
        [
            "2026-01-31T09:00:00Z",
            "2026-03-31T09:00:00Z",
            "2026-05-31T09:00:00Z"
        ]
    );
    // The last of its kind in the year 9999.
    let last = dues("FREQ=YEARLY", "9998-01-01T09:00:00Z", "UTC", &[], 9);
    assert_eq!(last, ["9998-01-01T09:00:00Z", "9999-01-01T09:00:00Z"]);
}

#[test]
fn what_is_no_rule_or_too_much_is_refused() {
    let code = |text: &str| Rule::parse(text).err().map(|invalid| invalid.code);
    let minutes: Vec<_> = (0..60).map(|minute| minute.to_string()).collect();
    let often = format!("FREQ=DAILY;BYHOUR=1,2;BYMINUTE={}", minutes.join(","));
    for (text, expected) in [
        ("", "malformed"),
        ("FREQ", "malformed"),
        ("FREQ=DAILY;FREQ=WEEKLY", "malformed"),
        ("FREQ=FORTNIGHTLY", "malformed"),
        ("FREQ=DAILY;BYDAY=XX", "malformed"),
        ("FREQ=DAILY;COLOUR=RED", "malformed"),
        ("FREQ=DAILY\nEXDATE:20260101", "malformed"),
        ("FREQ=DAILY;UNTIL=20260230", "malformed"),
        ("FREQ=DAILY;COUNT=2;UNTIL=20260101", "malformed"),
        ("FREQ=DAILY;COUNT=0", "out_of_range"),
        ("FREQ=DAILY;COUNT=-1", "out_of_range"),
        ("FREQ=DAILY;INTERVAL=0", "out_of_range"),
        ("FREQ=SECONDLY", "unsupported_frequency"),
        ("FREQ=MINUTELY;INTERVAL=90", "unsupported_frequency"),
        ("FREQ=DAILY;BYSECOND=1,2", "unsupported_part"),
        (often.as_str(), "too_many"),
        (&"X".repeat(501), "too_long"),
    ] {
        assert_eq!(code(text), Some(expected), "{text}");
    }
    assert_eq!(code("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29"), None);
}

#[test]
fn a_rule_that_never_comes_true_is_refused_after_bounded_work() {
    for rule in [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=WEEKLY;BYMONTH=6;BYDAY=MO;BYSETPOS=300",
        "FREQ=HOURLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=HOURLY;INTERVAL=2;BYHOUR=1",
        "FREQ=HOURLY;INTERVAL=65535;BYMONTH=2;BYMONTHDAY=30;BYHOUR=1",
        "FREQ=YEARLY;BYWEEKNO=53;BYMONTH=6",
        "FREQ=YEARLY;BYYEARDAY=366;BYMONTH=1",
        "FREQ=YEARLY;INTERVAL=65535",
        "FREQ=DAILY;COUNT=1",
        "FREQ=DAILY;UNTIL=20200101",
    ] {
        let start = std::time::Instant::now();
        let refused = repeating(rule, "2026-01-01T00:00:00Z", "UTC", &[]).map(drop);
        let code = refused.map_err(|error| error.code);
        println!("{rule}: {:?}", start.elapsed());
        assert_eq!(code, Err("never_repeats"), "{rule}");
    }
}

#[test]
fn no_rule_panics() {
    let mut random = random();
    let names = [
        "FREQ",
        "INTERVAL",
        "COUNT",
        "UNTIL",
        "WKST",
        "BYDAY",
        "BYMONTH",
        "BYMONTHDAY",
        "BYYEARDAY",
        "BYWEEKNO",
        "BYSETPOS",
        "BYHOUR",
        "BYMINUTE",
        "BYEASTER",
        "",
    ];
    let values = [
        "HOURLY",
        "DAILY",
        "WEEKLY",
        "MONTHLY",
        "YEARLY",
        "0",
        "1",
        "2",
        "-1",
        "5",
        "13",
        "29",
        "31",
        "53",
        "366",
        "-366",
        "65535",
        "65536",
        "99999999999",
        "MO",
        "-1FR",
        "53SU",
        "99MO",
        "",
        "20260101",
        "20260101T000000Z",
        "1,2,3",
        "1,,2",
        "MO,TU",
        "é",
        "=",
    ];
    let mut tried = 0;
    for _ in 0..3_000 {
        let mut parts = vec![format!("FREQ={}", values[..5].choose(&mut random).unwrap())];
        for _ in 0..random.random_range(0..4) {
            let (name, value) = (names.choose(&mut random), values.choose(&mut random));
            parts.push(format!("{}={}", name.unwrap(), value.unwrap()));
        }
        let Ok(rule) = Rule::parse(&parts.join(";")) else {
            continue;
        };
        tried += 1;
        let new = NewRecurrence {
            rule,
            exdates: Vec::new(),
        };
        let due = moment("2026-01-31T10:30:00Z");
        if let Ok(begun) = Recurrence::begin(new, Some(due), None) {
            let step = begun.following().unwrap();
            assert!(step.due_at > due, "{parts:?}");
        }
    }
    println!("{tried} rules tried");
    assert!(tried > 100);
}

#[test]
fn each_step_from_the_last_occurrence_is_the_step_from_the_first() {
    let mut random = random();
    let rules = [
        "FREQ=DAILY;INTERVAL=3",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=SU",
        "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SU;WKST=MO",
        "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-1",
        "FREQ=MONTHLY;INTERVAL=5;BYDAY=1MO,-1FR",
        "FREQ=YEARLY;INTERVAL=2;BYMONTH=1,5;BYMONTHDAY=-1,13",
        "FREQ=YEARLY;BYWEEKNO=1,20;BYDAY=MO",
        "FREQ=YEARLY;BYYEARDAY=1,100,366",
        "FREQ=HOURLY;INTERVAL=5",
        "FREQ=DAILY;BYHOUR=8,20;BYMINUTE=0,30",
    ];
    for rule in rules {
        let start = DateTime::from_timestamp(random.random_range(1_600_000_000..1_700_000_000), 0);
        let start = start.unwrap().naive_utc().and_utc();
        // The first that the rule itself names.
        let set: rrule::RRuleSet =
            format!("DTSTART:{}\nRRULE:{rule}", start.format("%Y%m%dT%H%M%SZ"))
                .parse()
                .unwrap();
        let all: Vec<_> = set
            .all(60)
            .dates
            .into_iter()
            .map(|at| at.timestamp())
            .collect();
        let first = DateTime::from_timestamp(all[0], 0).unwrap();
        let new = NewRecurrence {
            rule: Rule::parse(rule).unwrap(),
            exdates: Vec::new(),
        };
        let mut series = Recurrence::begin(new, Some(first), None).unwrap();
        let mut walked = vec![first.timestamp()];
        while walked.len() < all.len() {
            let step = series.following().unwrap();
            walked.push(step.due_at.timestamp());
            (series.nominal, series.number) = (step.nominal, step.number);
        }
        assert_eq!(walked, all, "{rule} from {start}");
    }
}

/// A zone of the other library and its answer for a local time.
fn other_answer(zone: &str, local: NaiveDateTime) -> Option<DateTime<Utc>> {
    let zone: rrule::Tz = zone.parse::<chrono_tz::Tz>().ok()?.into();
    Some(match zone.from_local_datetime(&local) {
        LocalResult::Single(moment) => moment.to_utc(),
        LocalResult::Ambiguous(first, second) => first.to_utc().min(second.to_utc()),
        // With the offset of before the gap, it is as much later as is skipped.
        LocalResult::None => {
            let before = zone
                .offset_from_utc_datetime(&(local - TimeDelta::hours(26)))
                .fix();
            (local - before).and_utc()
        }
    })
}

#[test]
fn local_times_around_every_change_of_clocks_mean_what_another_library_says() {
    let mut random = random();
    let (mut gaps, mut folds, mut differing) = (0, 0, 0);
    let zones = TimeZoneDatabase::bundled();
    let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
    // Zones that skip or repeat a whole day, or change twice within one.
    for name in names.iter().filter(|name| name.contains('/')) {
        let rules = zones.get(name).unwrap();
        let zone = TimeZone::stored(name.clone());
        let from: jiff::Timestamp = "1990-01-01T00:00:00Z".parse().unwrap();
        let until: jiff::Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let changes: Vec<_> = rules
            .following(from)
            .map(|change| change.timestamp())
            .take_while(|at| *at < until)
            .collect();
        let Some(change) = changes.choose(&mut random) else {
            continue;
        };
        // The two libraries carry databases of different releases.
        let theirs: Option<chrono_tz::Tz> = name.parse().ok();
        let agree = |seconds: i64| {
            let at = change
                .checked_add(SignedDuration::from_secs(seconds))
                .unwrap();
            let utc = DateTime::from_timestamp(at.as_second(), 0)
                .unwrap()
                .naive_utc();
            let theirs = theirs.map(|zone| zone.offset_from_utc_datetime(&utc).fix());
            theirs.is_some_and(|offset| offset.local_minus_utc() == rules.to_offset(at).seconds())
        };
        if ![-26 * 3600, -1, 0, 4 * 3600].into_iter().all(agree) {
            differing += 1;
            continue;
        }
        for _ in 0..20 {
            let shift = SignedDuration::from_secs(random.random_range(-7200..7200));
            let local = rules.to_datetime(*change).checked_add(shift).unwrap();
            let local = local.with().subsec_nanosecond(0).build().unwrap();
            let naive: NaiveDateTime = local.to_string().parse().unwrap();
            let ours = zone::moment(local, &zone).unwrap();
            let Some(theirs) = other_answer(name, naive) else {
                continue;
            };
            assert_eq!(ours, theirs, "{local} in {name}");
            let ambiguous = rules.to_ambiguous_timestamp(local).offset();
            let is_gap = matches!(ambiguous, AmbiguousOffset::Gap { .. });
            gaps += i32::from(is_gap);
            folds += i32::from(matches!(ambiguous, AmbiguousOffset::Fold { .. }));
            if !is_gap {
                assert_eq!(zone::local(ours, &zone), Some(local), "{name}");
            }
        }
    }
    println!("{gaps} times that did not exist, {folds} that existed twice");
    println!("{differing} of {} zones have other data there", names.len());
    assert!(gaps > 100 && folds > 100 && differing < 30);
}

#[test]
fn a_daily_task_happens_once_each_day_in_every_zone() {
    let mut random = random();
    let zones = TimeZoneDatabase::bundled();
    let names: Vec<String> = zones.available().map(|name| name.to_string()).collect();
    for _ in 0..40 {
        let zone = TimeZone::stored(names.choose(&mut random).unwrap().clone());
        let start = DateTime::from_timestamp(random.random_range(1_500_000_000..1_800_000_000), 0);
        let new = NewRecurrence {
            rule: Rule::parse("FREQ=DAILY").unwrap(),
            exdates: Vec::new(),
        };
        let mut series = Recurrence::begin(new, start, Some(&zone)).unwrap();
        let mut last = start.unwrap();
        for day in 1..200 {
            let step = series.following().unwrap();
            let nominal = series.nominal.tomorrow().unwrap();
            assert_eq!(step.nominal, nominal, "{zone:?} day {day}");
            assert!(step.due_at > last);
            let shown = zone::local(step.due_at, &zone).unwrap();
            // Later by what clocks skip, never earlier; the same otherwise.
            let late = shown.duration_since(nominal);
            assert!(
                late >= SignedDuration::ZERO && late <= SignedDuration::from_hours(24),
                "{zone:?}"
            );
            last = step.due_at;
            (series.nominal, series.number) = (step.nominal, step.number);
        }
    }
}

#[test]
fn this_one_or_this_and_following() {
    use super::super::task::Patch;
    let task = repeating("FREQ=DAILY", "2026-01-01T09:00:00Z", "UTC", &[]).unwrap();
    let patch = |title: &str, scope| Patch {
        title: Some(Title::parse(title).unwrap()),
        scope,
        ..Patch::default()
    };
    let now = task.updated_at;
    let mut once = task.patched(&patch("Other", Scope::This), now).unwrap();
    assert_eq!(once.title.as_str(), "Other");
    let next = once.hand_on(now).unwrap();
    assert_eq!(next.title.as_str(), "Buy milk");
    // Back to what the others are like: nothing is special about it any more.
    let back = task.patched(&patch("Other", Scope::This), now).unwrap();
    let back = back.patched(&patch("Buy milk", Scope::This), now).unwrap();
    assert_eq!(back, task);

    let mut all = task
        .patched(&patch("Other", Scope::Following), now)
        .unwrap();
    assert_eq!(all.hand_on(now).unwrap().title.as_str(), "Other");
    assert_eq!(all.hand_on(now), None, "only once");
    let late = all.patched(&patch("Late", Scope::Following), now);
    assert!(matches!(late, Err(crate::Error::Invalid(errors)) if errors[0].code == "not_the_last"));

    let moved = |scope| {
        let later = Patch {
            due_at: Some(Some(moment("2026-01-01T15:00:00Z"))),
            scope,
            ..Patch::default()
        };
        let mut task = task.patched(&later, now).unwrap();
        task.hand_on(now).unwrap().due_at.unwrap()
    };
    assert_eq!(moved(Scope::This), moment("2026-01-02T09:00:00Z"));
    assert_eq!(moved(Scope::Following), moment("2026-01-02T15:00:00Z"));
}
