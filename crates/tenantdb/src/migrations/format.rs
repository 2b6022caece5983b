//! The tools whose folders of migrations are understood.

use std::fmt;
use std::str::FromStr;

use super::folder::File;
use super::sections;

/// How a folder of migrations is named, ordered and divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// `20250102_000001_name.sql`; the version is both numbers.
    Dated,
    /// sqlx: `<number>_<words>.sql`, or pairs of `.up.sql` and `.down.sql`.
    Sqlx,
    /// golang-migrate: pairs of `<number>_<words>.up.sql` and `.down.sql`.
    GolangMigrate,
    /// dbmate: `<number>….sql` with sections `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// goose: `<number>_<words>.sql` with sections `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// sql-migrate: any name, with sections `-- +migrate Up` and `-- +migrate Down`.
    SqlMigrate,
    /// Flyway: `V<version>__<words>.sql`, and a baseline `B<version>__<words>.sql`.
    Flyway,
    /// diesel: folders `<version>_<words>` with `up.sql` and `down.sql`.
    Diesel,
    /// Prisma: folders with `migration.sql`, in the order of their names.
    Prisma,
    /// Any names, in their order; pairs of `.up.sql` and `.down.sql` too.
    ByName,
}

const NAMES: [(Format, &str); 10] = [
    (Format::Dated, "dated"),
    (Format::Sqlx, "sqlx"),
    (Format::GolangMigrate, "golang-migrate"),
    (Format::Dbmate, "dbmate"),
    (Format::Goose, "goose"),
    (Format::SqlMigrate, "sql-migrate"),
    (Format::Flyway, "flyway"),
    (Format::Diesel, "diesel"),
    (Format::Prisma, "prisma"),
    (Format::ByName, "by-name"),
];

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(format, _)| format == self).map_or("", |(_, name)| name);
        f.write_str(name)
    }
}

/// The text names no format.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is not a format of migrations")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = NAMES.iter().find(|(_, name)| *name == text);
        found.map(|(format, _)| *format).ok_or_else(|| UnknownFormat(text.to_owned()))
    }
}

impl Format {
    /// Whether each migration is a folder.
    pub(super) fn has_folders(self) -> bool {
        matches!(self, Self::Diesel | Self::Prisma)
    }

    /// The format that the files have, by their places, their sections and their names.
    pub(super) fn recognise(files: &[File]) -> Self {
        let all = |holds: fn(&File) -> bool| files.iter().all(holds);
        if let Some(format) = files.iter().find_map(|file| sections::format(&file.text)) {
            return format;
        }
        if files.iter().all(|file| file.folder.is_some()) && !files.is_empty() {
            let prisma = all(|file| file.name == "migration.sql");
            return if prisma { Self::Prisma } else { Self::Diesel };
        }
        if files.iter().any(|file| is_flyway(&file.name)) {
            return Self::Flyway;
        }
        if all(|file| is_dated(&file.name)) {
            return Self::Dated;
        }
        // numbers and names mixed have no order that is obvious: the setting has to say
        if all(|file| file.name.starts_with(|c: char| c.is_ascii_alphabetic())) {
            return Self::ByName;
        }
        Self::Sqlx
    }
}

fn is_flyway(name: &str) -> bool {
    let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    let versioned = name.strip_prefix(['V', 'B', 'U']).is_some_and(digit);
    name.contains("__") && (versioned || name.starts_with("R__"))
}

/// Eight digits, six digits, words.
pub(super) fn is_dated(name: &str) -> bool {
    let mut parts = name.splitn(3, '_');
    let mut digits = |many: usize| {
        parts.next().is_some_and(|p| p.len() == many && p.bytes().all(|b| b.is_ascii_digit()))
    };
    digits(8) && digits(6) && parts.next().is_some()
}
