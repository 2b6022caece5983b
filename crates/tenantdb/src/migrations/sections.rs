//! Divides a file into the way forward and the way back.
//!
//! Lines of the other half are left empty, so that each half's lines have the numbers of the file.

use super::folder::File;
use super::format::Format;
use super::load::LoadError;
use super::marks::{self, Marks, comment};

#[derive(Debug, Default)]
pub(super) struct Halves {
    pub(super) up: Half,
    pub(super) down: Option<Half>,
}

#[derive(Debug, Default)]
pub(super) struct Half {
    pub(super) text: String,
    pub(super) marks: Marks,
}

/// A line that a tool reads.
#[derive(Debug, PartialEq, Eq)]
enum Mark {
    /// The way forward begins; whether outside any transaction.
    Up(bool),
    /// The way back begins; whether outside any transaction.
    Down(bool),
    /// Both ways run outside any transaction.
    NoTransaction,
    /// Means nothing where a text runs as a whole.
    Passed,
    Refused(&'static str),
}

/// Ways back of tools that are not understood: they would run forward.
const FOREIGN: &[&str] = &["rambler down", "+micrate down", "//@undo", "@undo", "-- create above"];

/// The format whose sections the text has.
pub(super) fn format(text: &str) -> Option<Format> {
    let of = |comment: &str| {
        let known = [
            ("migrate:up", Format::Dbmate),
            ("migrate:down", Format::Dbmate),
            ("+goose ", Format::Goose),
            ("+migrate ", Format::SqlMigrate),
        ];
        known.into_iter().find(|(start, _)| comment.starts_with(start)).map(|(_, format)| format)
    };
    text.lines().filter_map(comment).find_map(|comment| of(&comment))
}

fn mark(format: Format, line: &str) -> Option<Mark> {
    let comment = comment(line)?;
    let start = match format {
        Format::Dbmate => "migrate:",
        Format::Goose => "+goose ",
        Format::SqlMigrate => "+migrate ",
        _ => return None,
    };
    let (word, rest) = split_word(comment.strip_prefix(start)?.trim());
    Some(match word {
        "up" => Mark::Up(asks_for_no_transaction(format, rest)),
        "down" => Mark::Down(asks_for_no_transaction(format, rest)),
        "statementbegin" | "statementend" => Mark::Passed,
        "no" if rest == "transaction" => Mark::NoTransaction,
        "envsub" if rest == "off" => Mark::Passed,
        "envsub" => Mark::Refused("asks to put environment variables in, which is not done"),
        _ => Mark::Refused("has an instruction that is not understood"),
    })
}

/// What follows the word of a section.
fn asks_for_no_transaction(format: Format, options: &str) -> bool {
    let wanted = if format == Format::Dbmate { "transaction:false" } else { "notransaction" };
    options.split_whitespace().any(|option| option == wanted)
}

fn split_word(text: &str) -> (&str, &str) {
    text.split_once(char::is_whitespace).map_or((text, ""), |(word, rest)| (word, rest.trim()))
}

/// Divides a text with equal line ends.
///
/// # Errors
/// At the first line that cannot be placed.
pub(super) fn split(format: Format, file: &File, text: &str) -> Result<Halves, LoadError> {
    let sectioned = matches!(format, Format::Dbmate | Format::Goose | Format::SqlMigrate);
    let down = if sectioned { None } else { Some(false) };
    let halves = Halves::default();
    let no_transaction = file.no_transaction;
    let mut reader = Reader { format, file, halves, down, has_up: false, no_transaction };
    for (at, line) in (1..).zip(text.split_inclusive('\n')) {
        reader.line(at, line)?;
    }
    if !sectioned {
        // byte for byte, as its checksum says
        text.clone_into(&mut reader.halves.up.text);
    } else if !reader.has_up {
        let message = format!("has no section for the way forward, which {format} asks for");
        return Err(LoadError::new(&file.path, "no_section", message));
    }
    let mut halves = reader.halves;
    for half in halves.down.iter_mut().chain([&mut halves.up]) {
        let own = marks::read(&half.text, &file.path)?;
        half.marks.no_transaction |= reader.no_transaction || own.no_transaction;
        half.marks = Marks { no_transaction: half.marks.no_transaction, ..own };
    }
    Ok(halves)
}

struct Reader<'a> {
    format: Format,
    file: &'a File,
    halves: Halves,
    /// The half we are in; `None` before the first mark.
    down: Option<bool>,
    has_up: bool,
    /// Whether both halves run outside any transaction.
    no_transaction: bool,
}

impl Reader<'_> {
    fn refusal(&self, at: u32, code: &'static str, message: impl Into<String>) -> LoadError {
        LoadError::new(&self.file.path, code, message).at(at)
    }

    fn line(&mut self, at: u32, line: &str) -> Result<(), LoadError> {
        match mark(self.format, line) {
            Some(Mark::Up(no_transaction)) => {
                (self.down, self.has_up) = (Some(false), true);
                self.halves.up.marks.no_transaction |= no_transaction;
            }
            Some(Mark::Down(no_transaction)) => {
                self.down = Some(true);
                self.halves.down.get_or_insert_default().marks.no_transaction |= no_transaction;
            }
            Some(Mark::NoTransaction) => self.no_transaction = true,
            Some(Mark::Refused(message)) => {
                return Err(self.refusal(at, "instruction", message));
            }
            Some(Mark::Passed) | None => self.text(at, line)?,
        }
        Ok(())
    }

    fn text(&mut self, at: u32, line: &str) -> Result<(), LoadError> {
        let said = comment(line);
        let foreign = |said: &String| FOREIGN.iter().any(|start| said.starts_with(start));
        let other = said.is_some() && format(line).is_some_and(|format| format != self.format);
        if said.as_ref().is_some_and(foreign) || other {
            let message = "has a section of another tool, which would run as part of the file; make \
                           it a pair of .up.sql and .down.sql";
            return Err(self.refusal(at, "foreign_section", message));
        }
        let half = match self.down {
            Some(false) => &mut self.halves.up.text,
            Some(true) => &mut self.halves.down.get_or_insert_default().text,
            None if said.is_some() || line.trim().is_empty() => return Ok(()),
            None => {
                let message = "has a statement before its first section";
                return Err(self.refusal(at, "no_section", message));
            }
        };
        // the lines that belong to the other half
        let have = half.matches('\n').count();
        half.extend(std::iter::repeat_n('\n', (at as usize - 1).saturating_sub(have)));
        half.push_str(line);
        Ok(())
    }
}
