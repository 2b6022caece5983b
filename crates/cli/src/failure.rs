//! How a command ends: what failed in one line, what to do in another, and the exit code.

use std::{fmt, process::ExitCode};

use serde_json::{Value, json};

use crate::show;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
    /// All succeeded: exit code 0.
    Well,
    /// It ran, and something in it failed: exit code 1.
    WithFailures,
    /// Its user stopped it: the exit code that a shell gives a program that this signal ended.
    Stopped(Stop),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Interrupt,
    Terminate,
}

impl Done {
    pub(crate) fn well_if(ok: bool) -> Self {
        if ok { Self::Well } else { Self::WithFailures }
    }
}

impl From<Done> for ExitCode {
    fn from(done: Done) -> Self {
        match done {
            Done::Well => Self::SUCCESS,
            Done::WithFailures => Self::from(1),
            Done::Stopped(Stop::Interrupt) => Self::from(130),
            Done::Stopped(Stop::Terminate) => Self::from(143),
        }
    }
}

/// A failure that knows what its reader can do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    code: u8,
    problem: Option<Value>,
}

impl Failure {
    /// Something failed: exit code 1.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, code: 1, problem: None }
    }

    /// The command was called wrongly: exit code 2.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { code: 2, ..Self::new(what) }
    }

    /// Adds what to do about it, as a sentence without "try".
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Adds the problem document that the API answered with.
    pub(crate) fn with_problem(mut self, problem: Value) -> Self {
        self.problem = Some(problem);
        self
    }

    /// The API's name for the problem, if it was the API that refused.
    pub(crate) fn problem_code(&self) -> Option<&str> {
        self.problem.as_ref()?.get("code")?.as_str()
    }

    /// Tells `error` on standard error, as JSON if programs read it, and gives the exit code.
    pub(crate) fn report(error: &anyhow::Error, json: bool) -> ExitCode {
        let known = error.downcast_ref::<Self>();
        let what = telemetry::chain(error.as_ref());
        let code = known.map_or(1, |f| f.code);
        if json {
            show::note(document(&what, known, code));
            return ExitCode::from(code);
        }
        show::note(format!("error: {}", show::plain(&what)));
        if let Some(advice) = known.and_then(|f| f.advice.as_deref()) {
            show::note(format!("  try: {advice}"));
        }
        ExitCode::from(code)
    }
}

/// A problem document (RFC 9457) in one line: what the API sent, over what we can say.
fn document(what: &str, known: Option<&Failure>, exit_code: u8) -> Value {
    let code = if exit_code == 2 { "wrong_usage" } else { "command_failed" };
    let title = if exit_code == 2 { "Wrong usage" } else { "The command failed" };
    let mut told = json!({ "type": format!("urn:tenantry:problem:{code}"), "title": title,
        "code": code, "detail": what, "exit_code": exit_code });
    if let Some(advice) = known.and_then(|failure| failure.advice.as_deref()) {
        told["advice"] = advice.into();
    }
    if let Some(Value::Object(sent)) = known.and_then(|failure| failure.problem.as_ref()) {
        for (name, value) in sent {
            told[name] = value.clone();
        }
    }
    told
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

    #[test]
    fn programs_get_the_apis_own_document_and_what_to_do() {
        let sent = json!({ "title": "Not Found", "status": 404, "code": "batch_not_found" });
        let failure = Failure::new("no such batch").with_problem(sent).advise("look at the list");

        let told = document("no such batch", Some(&failure), 1);

        assert_eq!((&told["status"], &told["code"]), (&json!(404), &json!("batch_not_found")));
        assert_eq!((&told["exit_code"], &told["advice"]), (&json!(1), &json!("look at the list")));
        assert_eq!(document("no such file", None, 2)["code"], "wrong_usage");
        let odd = Failure::new("a proxy's text").with_problem(json!("oops"));
        assert_eq!(document("a proxy's text", Some(&odd), 1)["detail"], "a proxy's text");
    }
}
