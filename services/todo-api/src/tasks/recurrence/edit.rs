//! Changes of a task that repeats: of this one, or of this and following.

use serde::Deserialize;
use service::problem::FieldError;
use utoipa::{IntoParams, ToSchema};

use super::{
    super::{
        domain::{Description, Invalid, Tag, TimeZone},
        fields::Fields,
        task::{Patch, Task},
    },
    NewRecurrence, Recurrence, Template, no_due_at,
};
use crate::Error;

/// Which occurrences of a series a change is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(in super::super) enum Scope {
    /// This one.
    #[default]
    This,
    /// This one and all that follow.
    Following,
}

/// Which occurrences to change.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(in super::super) struct ScopeQuery {
    /// Of a task that repeats: this one only, or this and all that follow; `this`
    /// unless given. 409 if it is not the last of its series, or a rule is given
    /// for this one only.
    #[param(value_type = Option<Scope>, inline)]
    scope: Option<String>,
}

impl ScopeQuery {
    pub(in super::super) fn into_scope(self) -> Result<Scope, Error> {
        let mut fields = Fields::default();
        let scope = fields.optional("scope", self.scope, |text| match text.as_str() {
            "this" => Ok(Scope::This),
            "following" => Ok(Scope::Following),
            _ => Err(Invalid {
                code: "unknown_value",
                message: "must be this or following".to_owned(),
            }),
        });
        fields.finish()?;
        Ok(scope.unwrap_or_default())
    }
}

fn refused(field: &str, code: &'static str, message: &'static str) -> Error {
    Error::Invalid(vec![FieldError::new(field, code, message)])
}

impl Recurrence {
    /// Only the last occurrence speaks for those that follow.
    fn check_last(&self) -> Result<(), Error> {
        if self.next.is_some() {
            return Err(refused(
                "scope",
                "not_the_last",
                "there is a later occurrence already: change that one",
            ));
        }
        Ok(())
    }
}

impl Task {
    /// What becomes of the series when `self` becomes `task` by `patch`. Called
    /// once the other fields are set.
    pub(in super::super) fn patch_series(
        &self,
        task: &mut Self,
        patch: &Patch,
    ) -> Result<(), Error> {
        let following = patch.scope == Scope::Following;
        match (&self.recurrence, &patch.recurrence) {
            (None, None) => {}
            (None, Some(None)) => {}
            (None, Some(Some(new))) => task.recurrence = Some(task.begun(new)?),
            (Some(_), Some(_)) if !following => {
                return Err(refused(
                    "scope",
                    "must_be_following",
                    "the rule is that of all that follow: give scope=following",
                ));
            }
            (Some(old), Some(None)) => {
                old.check_last()?;
                task.recurrence = None;
            }
            (Some(old), Some(Some(new))) => {
                old.check_last()?;
                task.recurrence = Some(old.replaced(self, task, new)?);
            }
            (Some(old), None) if following => {
                old.check_last()?;
                task.recurrence = Some(old.followed(self, task, patch)?);
            }
            (Some(old), None) => {
                let mut kept = old.clone();
                let template = old.template.clone().unwrap_or_else(|| Template::of(self));
                kept.template = Some(template).filter(|template| *template != Template::of(task));
                task.recurrence = Some(kept);
            }
        }
        if task.recurrence.is_some() && task.due_at.is_none() {
            return Err(Error::Invalid(vec![no_due_at()]));
        }
        Ok(())
    }

    /// The series that it begins.
    fn begun(&self, new: &NewRecurrence) -> Result<Recurrence, Error> {
        Recurrence::begin(new.clone(), self.due_at, self.time_zone.as_ref())
            .map_err(|error| Error::Invalid(vec![error]))
    }

    /// Ends the series with this task.
    pub(in super::super) fn without_following(&self) -> Result<Self, Error> {
        if let Some(recurrence) = &self.recurrence {
            recurrence.check_last()?;
        }
        Ok(Self {
            recurrence: None,
            ..self.clone()
        })
    }
}

impl Recurrence {
    /// The same series with another rule, or other exceptions.
    fn replaced(&self, before: &Task, task: &Task, new: &NewRecurrence) -> Result<Self, Error> {
        let moved = before.due_at != task.due_at || before.time_zone != task.time_zone;
        if !moved && new.rule == self.rule {
            return Ok(Self {
                exdates: new.exdates.clone(),
                template: None,
                ..self.clone()
            });
        }
        Ok(Self {
            series_id: self.series_id,
            ..task.begun(new)?
        })
    }

    /// The series with other values for this and all that follow.
    fn followed(&self, before: &Task, task: &Task, patch: &Patch) -> Result<Self, Error> {
        let mut series = self.clone();
        if let Some(template) = &mut series.template {
            template.patch(patch);
        }
        let moved = before.due_at != task.due_at || before.time_zone != task.time_zone;
        if let Some(due_at) = task.due_at.filter(|_| moved)
            && series.anchor(due_at, task.time_zone.as_ref()).is_none()
        {
            return Err(refused(
                "due_at",
                "never_repeats",
                "leaves no time for another occurrence",
            ));
        }
        Ok(series)
    }
}

impl Template {
    fn patch(&mut self, patch: &Patch) {
        if let Some(title) = &patch.title {
            self.title = title.as_str().to_owned();
        }
        if let Some(description) = &patch.description {
            self.description = description
                .as_ref()
                .map(Description::as_str)
                .map(Into::into);
        }
        if let Some(priority) = patch.priority {
            self.priority = priority.number();
        }
        if let Some(tags) = &patch.tags {
            self.tags = tags.iter().map(Tag::as_str).map(Into::into).collect();
        }
        if let Some(zone) = &patch.time_zone {
            self.time_zone = zone.as_ref().map(TimeZone::as_str).map(Into::into);
        }
    }
}
