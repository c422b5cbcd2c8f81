use events::contracts::Change;
use service::problem::FieldError;
use utoipa::ToSchema;

use super::super::{
    Operation,
    domain::{Invalid, Tag, now},
    task::{Patch, Task},
};
use crate::Error;

/// What is done to each task, and needs no tag.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum PlainAction {
    Complete,
    Reopen,
    Delete,
}

/// What is done to each task with a tag.
#[derive(ToSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "only its schema is used")]
pub(super) enum TagAction {
    AddTag,
    RemoveTag,
}

/// What is done to each task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Complete,
    Reopen,
    Delete,
    AddTag,
    RemoveTag,
}

impl Kind {
    pub(super) fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "complete" => Ok(Self::Complete),
            "reopen" => Ok(Self::Reopen),
            "delete" => Ok(Self::Delete),
            "add_tag" => Ok(Self::AddTag),
            "remove_tag" => Ok(Self::RemoveTag),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be complete, reopen, delete, add_tag or remove_tag".to_owned(),
            }),
        }
    }

    /// Whether it is about a tag.
    pub(super) fn names_a_tag(self) -> bool {
        matches!(self, Self::AddTag | Self::RemoveTag)
    }
}

/// What is done to each task, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    Complete,
    Reopen,
    Delete,
    AddTag(Tag),
    RemoveTag(Tag),
}

impl Action {
    pub(super) fn operation(&self) -> Operation {
        match self {
            Self::Complete => Operation::Complete,
            Self::Reopen => Operation::Reopen,
            Self::Delete => Operation::Delete,
            Self::AddTag(_) | Self::RemoveTag(_) => Operation::Update,
        }
    }

    pub(super) fn change(&self) -> Change {
        match self {
            Self::Complete => Change::Completed,
            Self::Reopen => Change::Reopened,
            Self::Delete => Change::Deleted,
            Self::AddTag(_) | Self::RemoveTag(_) => Change::Updated,
        }
    }

    /// What becomes of a task.
    pub(super) fn apply(&self, task: &Task) -> Result<Task, Error> {
        let mut tags = task.tags.clone();
        match self {
            Self::Complete => return Ok(task.completed(now())),
            Self::Reopen => return Ok(task.reopened()),
            Self::Delete => return Ok(task.clone()),
            Self::AddTag(tag) if tags.contains(tag) => {}
            Self::AddTag(_) if tags.len() >= Tag::MOST => {
                let message = "the task has 20 tags already";
                return Err(Error::Invalid(vec![FieldError::new(
                    "tag", "no_room", message,
                )]));
            }
            Self::AddTag(tag) => tags.push(tag.clone()),
            Self::RemoveTag(tag) => tags.retain(|other| other != tag),
        }
        // As by itself: of a series, this one is changed.
        let patch = Patch {
            tags: Some(tags),
            ..Patch::default()
        };
        task.patched(&patch, now())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::super::task::tests::draft;
    use super::*;

    #[test]
    fn a_tag_comes_once_and_goes_and_there_is_room_for_twenty() {
        let mut task = Task::new(Uuid::nil(), draft(), now());
        let home = Tag::parse("home").unwrap();
        for _ in 0..2 {
            task = Action::AddTag(home.clone()).apply(&task).unwrap();
            assert_eq!(task.tags.as_slice(), std::slice::from_ref(&home));
        }
        let without = Action::RemoveTag(home.clone()).apply(&task).unwrap();
        assert!(without.tags.is_empty());
        for number in 1..20 {
            let tag = Tag::parse(&format!("t{number}")).unwrap();
            task = Action::AddTag(tag).apply(&task).unwrap();
        }
        let one_more = Action::AddTag(Tag::parse("t20").unwrap());
        assert!(one_more.apply(&task).is_err());
        assert_eq!(Action::AddTag(home).apply(&task).unwrap(), task);
    }
}
