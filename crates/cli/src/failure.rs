//! How a command ends: what failed in one line, what to do in another, and the exit code.

use std::{fmt, process::ExitCode};

use crate::show;

/// How a command that ran to its end went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// All succeeded: exit code 0.
    Well,
    /// It ran, and something in it failed: exit code 1.
    WithFailures,
}

impl Done {
    /// `Well` if `ok`.
    pub(crate) fn well_if(ok: bool) -> Self {
        if ok { Self::Well } else { Self::WithFailures }
    }
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> Self {
        match done {
            Done::Well => Self::SUCCESS,
            Done::WithFailures => Self::from(1),
        }
    }
}

/// A failure that knows what its reader can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    code: u8,
}

impl Failure {
    /// Something failed: exit code 1.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: 1 }
    }

    /// The command was called wrongly: exit code 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: 2 }
    }

    /// Adds what to do about it, as a sentence without "try".
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Tells people on standard error and gives the exit code.
    pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
        let known = error.downcast_ref::<Self>();
        let what = telemetry::chain(error.as_ref());
        show::note(format!("error: {}", show::plain(&what)));
        if let Some(advice) = known.and_then(|f| f.advice.as_deref()) {
            show::note(format!("  try: {advice}"));
        }
        ExitCode::from(known.map_or(1, |f| f.code))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn keeps_its_advice_and_code_through_added_context() {
        let failed: anyhow::Result<()> =
            Err(Failure::usage("no such column").advise("look at the header").into());

        let error = failed.context("could not read tenants.csv").unwrap_err();

        let known = error.downcast_ref::<Failure>().unwrap();
        assert_eq!((known.code, known.advice.as_deref()), (2, Some("look at the header")));
        assert_eq!(format!("{error:#}"), "could not read tenants.csv: no such column");
    }
}
