use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::super::{domain::Invalid, fields::Fields};

/// What a list is ordered by. Tasks that are equal in it are ordered by id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Sort {
    Created,
    Updated,
    Due,
    Priority,
    Title,
    Rank,
}

impl Sort {
    fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "created" => Ok(Self::Created),
            "updated" => Ok(Self::Updated),
            "due" => Ok(Self::Due),
            "priority" => Ok(Self::Priority),
            "title" => Ok(Self::Title),
            "rank" => Ok(Self::Rank),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be created, updated, due, priority, title or rank".to_owned(),
            }),
        }
    }
}

/// Which way it goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum Direction {
    Asc,
    Desc,
}

impl Direction {
    fn parse(text: &str) -> Result<Self, Invalid> {
        match text {
            "asc" => Ok(Self::Asc),
            "desc" => Ok(Self::Desc),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be asc or desc".to_owned(),
            }),
        }
    }
}

/// In which order, and how much of it.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PageQuery {
    /// What to order by: `rank` (the best match first) if `q` is given, else
    /// `created`. Titles are compared without regard to case; without `q`, every
    /// rank is the same.
    #[param(value_type = Option<Sort>, inline)]
    pub(super) sort: Option<String>,
    /// Which way: `asc` for `due` and `title`, else `desc`, unless given. Tasks
    /// that are never due come last either way.
    #[param(value_type = Option<Direction>, inline)]
    order: Option<String>,
    /// Most tasks on the page; 50 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// Where to go on: `next_cursor` of the page before, with the same filters
    /// and the same order, else 400. It stays valid while tasks come, change and go.
    #[param(min_length = 1)]
    pub(super) cursor: Option<String>,
}

/// In which order, and how much of it, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in super::super) struct Order {
    pub(super) sort: Sort,
    pub(super) direction: Direction,
}

impl Order {
    /// As they came.
    pub(in super::super) const OLDEST_FIRST: Self = Self {
        sort: Sort::Created,
        direction: Direction::Asc,
    };
}

impl PageQuery {
    /// The order and the size of a page.
    pub(super) fn read(&self, searching: bool, fields: &mut Fields) -> (Order, u32) {
        let sort = fields.optional("sort", self.sort.as_deref(), Sort::parse);
        let sort = sort.unwrap_or(if searching { Sort::Rank } else { Sort::Created });
        let direction = fields.optional("order", self.order.as_deref(), Direction::parse);
        let direction = direction.unwrap_or(match sort {
            Sort::Due | Sort::Title => Direction::Asc,
            _ => Direction::Desc,
        });
        let limit = fields.optional("limit", self.limit.as_deref(), parse_limit);
        (Order { sort, direction }, limit.unwrap_or(50))
    }
}

/// How many are shown: 1 to 100.
pub(super) fn parse_limit(text: &str) -> Result<u32, Invalid> {
    text.parse()
        .ok()
        .filter(|limit| (1..=100).contains(limit))
        .ok_or_else(|| Invalid {
            code: "out_of_range",
            message: "must be a number from 1 to 100".to_owned(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_match_is_first_when_there_is_something_to_match() {
        let read = |searching| PageQuery::default().read(searching, &mut Fields::default());
        let order = |sort| Order {
            sort,
            direction: Direction::Desc,
        };
        assert_eq!(read(true), (order(Sort::Rank), 50));
        assert_eq!(read(false), (order(Sort::Created), 50));
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once() {
        let wrong = |text: &str| Some(text.to_owned());
        let query = PageQuery {
            sort: wrong("id"),
            order: wrong("up"),
            limit: wrong("101"),
            cursor: None,
        };
        let mut fields = Fields::default();
        query.read(false, &mut fields);
        let Err(crate::Error::Invalid(errors)) = fields.finish() else {
            panic!("was accepted")
        };
        assert_eq!(errors.len(), 3);
    }
}
