use events::contracts::Change;
use serde::{Deserialize, Serialize};
use service::problem::FieldError;
use utoipa::ToSchema;

use super::super::{
    Operation,
    domain::{Invalid, Tag, now},
    task::Task,
};
use crate::Error;

/// What is done to each task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
        let mut after = task.clone();
        match self {
            Self::Complete => return Ok(task.completed(now())),
            Self::Reopen => return Ok(task.reopened()),
            Self::Delete => {}
            Self::AddTag(tag) if task.tags.contains(tag) => {}
            Self::AddTag(_) if task.tags.len() >= Tag::MOST => {
                let message = "the task has 20 tags already";
                return Err(Error::Invalid(vec![FieldError::new(
                    "tag", "too_many", message,
                )]));
            }
            Self::AddTag(tag) => after.tags.push(tag.clone()),
            Self::RemoveTag(tag) => after.tags.retain(|other| other != tag),
        }
        Ok(after)
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
