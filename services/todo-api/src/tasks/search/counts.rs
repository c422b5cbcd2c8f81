use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use utoipa::{IntoParams, ToSchema};

/// How much is counted.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct CountsQuery {
    /// Most tags that are told; 20 unless given.
    #[param(value_type = Option<u32>, minimum = 1, maximum = 100)]
    pub(super) top_tags: Option<String>,
}

/// What was counted, as the database says it.
#[derive(Debug, FromRow)]
pub(super) struct Counts {
    total: i64,
    completed: i64,
    overdue: i64,
    low: i64,
    normal: i64,
    high: i64,
    urgent: i64,
    tags: Vec<String>,
    tag_counts: Vec<i64>,
}

/// How many tasks there are, of those that pass the filters.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskCounts)]
pub(super) struct CountsBody {
    total: i64,
    by_status: StatusCounts,
    by_priority: PriorityCounts,
    /// Open ones that should be done already.
    overdue: i64,
    /// The tags most tasks have, most first.
    tags: Vec<TagCount>,
}

#[derive(Serialize, ToSchema)]
struct StatusCounts {
    open: i64,
    completed: i64,
}

#[derive(Serialize, ToSchema)]
struct PriorityCounts {
    low: i64,
    normal: i64,
    high: i64,
    urgent: i64,
}

#[derive(Serialize, ToSchema)]
struct TagCount {
    tag: String,
    count: i64,
}

impl From<Counts> for CountsBody {
    fn from(counts: Counts) -> Self {
        Self {
            total: counts.total,
            by_status: StatusCounts {
                open: counts.total - counts.completed,
                completed: counts.completed,
            },
            by_priority: PriorityCounts {
                low: counts.low,
                normal: counts.normal,
                high: counts.high,
                urgent: counts.urgent,
            },
            overdue: counts.overdue,
            tags: counts
                .tags
                .into_iter()
                .zip(counts.tag_counts)
                .map(|(tag, count)| TagCount { tag, count })
                .collect(),
        }
    }
}
