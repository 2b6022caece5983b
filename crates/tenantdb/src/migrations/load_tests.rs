//! What is taken, and what is refused by name.

use std::fs;

use super::*;
use crate::migrations::Target;

fn loaded(files: &[(&str, &str)]) -> Loaded {
    from_files(files.iter().map(|(f, s)| ((*f).to_owned(), (*s).to_owned())))
}

fn set(files: &[(&str, &str)]) -> Result<MigrationSet, LoadError> {
    loaded(files).into_result()
}

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn code(files: &[(&str, &str)]) -> &'static str {
    set(files).unwrap_err().code
}

fn versions(set: &MigrationSet) -> Vec<&str> {
    set.iter().map(|m| m.version().as_str()).collect()
}

#[test]
fn the_embedded_migrations_load() {
    let set = MigrationSet::embedded();

    assert_eq!(versions(&set), ["0001", "0002"]);
    assert!(set.iter().all(Migration::is_reversible));
}

#[test]
fn numbers_sort_as_numbers_and_are_spelled_as_the_files_spell_them() {
    let set =
        set(&[("10_c.sql", ""), ("9_b_b.up.sql", ""), ("9_b_b.down.sql", ""), ("0000_a.sql", "")]);

    let set = set.unwrap();
    assert_eq!(versions(&set), ["0000", "9", "10"]);
    assert_eq!(set.iter().map(Migration::description).collect::<Vec<_>>(), ["a", "b b", "c"]);
    assert_eq!(set.iter().map(Migration::is_reversible).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_version_twice_is_refused() {
    assert_eq!(code(&[("1_a.sql", ""), ("01_b.up.sql", "")]), "duplicate_version");
    assert_eq!(
        code(&[("1_a.sql", ""), ("1_a.down.sql", ""), ("01_b.down.sql", "")]),
        "duplicate_version"
    );
    assert_eq!(code(&[("V1.0__a.sql", ""), ("V1__b.sql", "")]), "duplicate_version");
}

#[test]
fn a_name_without_version_among_numbers_is_refused_and_not_passed_over() {
    for name in ["person.sql", "-1_x.sql", "+1_x.sql", "1.sql", "99999999999999999999_x.sql"] {
        assert_eq!(code(&[("0001_a.sql", ""), (name, "")]), "bad_name", "{name}");
    }
    assert_eq!(code(&[("1_a.down.sql", "")]), "down_without_up");
}

#[test]
fn names_without_any_number_are_taken_in_their_order() {
    let set = set(&[("b.sql", ""), ("a.up.sql", ""), ("a.down.sql", "")]).unwrap();

    assert_eq!(versions(&set), ["a", "b"]);
}

#[test]
fn down_scripts_are_checked_too() {
    let refused = set(&[("1_a.up.sql", ""), ("1_a.down.sql", "\n\ncommit;")]).unwrap_err();

    assert_eq!((refused.code, refused.line), ("transaction_control", 3));
    assert!(refused.to_string().starts_with("1_a.down.sql:3: "), "{refused}");
}

#[test]
fn a_change_of_a_text_changes_checksum_and_hash_and_line_ends_or_a_bom_do_not() {
    let one = set(&[("1_a.sql", "select 1;\nselect 2")]).unwrap();
    let two = set(&[("1_a.sql", "select 1;\nselect 2 ")]).unwrap();
    let same = set(&[("1_a.sql", "\u{feff}select 1;\r\nselect 2")]).unwrap();

    assert_ne!(one.hash(), two.hash());
    assert_eq!(one.hash(), same.hash());
    let recorded = checksum("select 1;\r\nselect 2");
    assert!(one.iter().all(|m| m.has_checksum(&recorded)), "what was recorded before stays good");
}

#[test]
fn a_folder_is_read_and_other_files_are_left_aside() {
    let folder = folder(&[("1_a.sql", "select 1"), ("README.md", "words")]);

    let loaded = MigrationSet::load(folder.path()).unwrap();
    assert_eq!(loaded.head(), Some(&"1".into()));
    let gone = MigrationSet::load(&folder.path().join("gone")).unwrap_err();
    assert_eq!(gone.code, "unreadable");
    assert!(gone.source.is_some());
}

#[test]
fn an_empty_folder_is_refused_unless_it_may_be_empty() {
    let folder = tempfile::tempdir().unwrap();

    assert_eq!(MigrationSet::load(folder.path()).unwrap_err().code, "empty_set");
    let reading = Reading { may_be_empty: true, ..Reading::default() };
    assert_eq!(MigrationSet::load_as(folder.path(), reading).unwrap().head(), None);
}

#[test]
fn files_that_look_like_migrations_and_are_not_taken_are_refused_by_name() {
    for name in ["2_b.SQL", "2_b.txt", "V2__b.java", "0002_b.go", "more/b.sql"] {
        let folder = folder(&[("1_a.sql", "select 1"), (name, "select 1")]);

        let refused = MigrationSet::load(folder.path()).unwrap_err();

        assert_eq!(refused.code, "not_taken", "{name}");
        assert!(refused.file.ends_with(name), "{refused}");
    }
}

#[test]
fn repeatable_and_undo_migrations_of_flyway_are_refused_by_name() {
    for name in ["R__view.sql", "U1__a.sql"] {
        assert_eq!(code(&[("V1__a.sql", ""), (name, "")]), "not_taken", "{name}");
    }
    assert_eq!(code(&[("V1__a.sql", "create table ${name} ()")]), "instruction");
}

#[test]
fn flyway_versions_are_compared_part_by_part() {
    let set =
        set(&[("V13__c.sql", ""), ("V13_1__d.sql", ""), ("V2__a.sql", ""), ("V2.10__b.sql", "")]);

    assert_eq!(versions(&set.unwrap()), ["2", "2.10", "13", "13.1"]);
}

#[test]
fn a_baseline_of_flyway_takes_the_place_of_what_is_older() {
    let set =
        set(&[("V1__a.sql", "a"), ("V2__b.sql", "b"), ("B2__all.sql", "c"), ("V3__d.sql", "d")]);

    let set = set.unwrap();
    let old = [("1", "a"), ("2", "b"), ("3", "d")].map(|(v, text)| (v.into(), checksum(text)));
    assert_eq!(versions(&set), ["2", "3"]);
    assert!(set.compare(old.iter().map(|(v, text)| (v, text))).is_current());
}

#[test]
fn whoever_has_a_part_of_what_a_baseline_stands_for_gets_the_rest_and_not_the_baseline() {
    let set = set(&[
        ("V1__a.sql", "a"),
        ("V2__b.sql", "b"),
        ("V3__c.sql", "c"),
        ("B3__all.sql", "all"),
        ("V4__d.sql", "d"),
    ]);

    let set = set.unwrap();
    let missing = |had: &[(&str, &str)]| {
        let had: Vec<(Version, String)> =
            had.iter().map(|(version, text)| (Version::new(*version), checksum(text))).collect();
        let standing = set.compare(had.iter().map(|(version, sum)| (version, sum)));
        let files = standing.missing.iter().map(|m| m.file().to_owned()).collect::<Vec<_>>();
        (files, cut(&standing.segments(&set)))
    };
    assert_eq!(missing(&[]).0, ["B3__all.sql", "V4__d.sql"]);
    assert_eq!(missing(&[("1", "a")]).0, ["V2__b.sql", "V3__c.sql", "V4__d.sql"]);
    assert_eq!(missing(&[("1", "a")]).1, ["2 3 4"]);
    assert_eq!(missing(&[("1", "a"), ("2", "b"), ("3", "c")]).0, ["V4__d.sql"]);
    let had = [(Version::new("1"), checksum("a"))];
    let part = set.without(&set.compare(had.iter().map(|(version, sum)| (version, sum))).missing);
    assert_eq!(versions(&part), ["1"]);
}

#[test]
fn the_settings_name_a_baseline_where_the_files_do_not() {
    let folder = folder(&[
        ("0001_a.up.sql", "a"),
        ("0001_a.down.sql", "not a"),
        ("0002_b.up.sql", "b"),
        ("0003_all.up.sql", "all"),
        ("0004_d.up.sql", "d"),
    ]);
    let beginning_at = |version: &str| {
        let baseline = Some(Version::new(version));
        MigrationSet::load_as(folder.path(), Reading { baseline, ..Reading::default() })
    };

    let set = beginning_at("3").unwrap();

    assert_eq!(versions(&set), ["0003", "0004"]);
    let had = [(Version::new("0001"), checksum("a"))];
    let standing = set.compare(had.iter().map(|(version, sum)| (version, sum)));
    let files: Vec<&str> = standing.missing.iter().map(|m| m.file()).collect();
    assert_eq!(files, ["0002_b.up.sql", "0004_d.up.sql"]);
    assert_eq!(beginning_at("7").unwrap_err().code, "unknown_baseline");
}

#[test]
fn a_baseline_to_which_the_older_files_do_not_lead_is_refused() {
    assert_eq!(code(&[("V1__a.sql", "a"), ("B3__all.sql", "b")]), "baseline_gap");
}

#[test]
fn sql_migrate_sorts_by_the_number_and_then_by_the_name() {
    let up = "-- +migrate Up\nselect 1;";
    let set = set(&[("10-b.sql", up), ("9-a.sql", up), ("words.sql", up)]).unwrap();

    assert_eq!(versions(&set), ["9-a", "10-b", "words"]);
}

#[test]
fn a_section_of_another_tool_and_an_unknown_instruction_are_refused() {
    for (text, expected) in [
        ("-- rambler up\nselect 1;\n-- rambler down\nselect 2;", "foreign_section"),
        ("select 1;\n---- create above / drop below ----\nselect 2;", "foreign_section"),
        ("-- +goose Up\n-- +goose ENVSUB ON\nselect 1;", "instruction"),
        ("-- +goose Down\nselect 1;", "no_section"),
        ("select 1;\n-- +goose Up\nselect 1;", "no_section"),
    ] {
        assert_eq!(code(&[("1_a.sql", text)]), expected, "{text}");
    }
}

#[test]
fn sections_keep_the_lines_of_the_file() {
    let text = "-- migrate:up\nselect 1;\n\n-- migrate:down\ncommit;\n";

    let refused = set(&[("1_a.sql", text)]).unwrap_err();

    assert_eq!((refused.code, refused.line), ("transaction_control", 5));
}

#[test]
fn what_a_release_before_recorded_is_found_again_under_the_new_version() {
    let set = set(&[("20240101_000001_a.sql", "a"), ("20240101_000002_b.sql", "b")]).unwrap();
    let recorded = [("20240101".into(), checksum("a"))];

    let standing = set.compare(recorded.iter().map(|(v, text)| (v, text)));

    assert_eq!(versions(&set), ["20240101_000001", "20240101_000002"]);
    assert!(standing.unknown.is_empty() && standing.edited.is_empty(), "{standing:?}");
    assert_eq!(standing.missing.len(), 1);
}

#[test]
fn all_findings_of_a_folder_are_there_at_once() {
    let found = loaded(&[
        ("1_a.sql", "commit;\nset role x;"),
        ("2_b.sql", "select * from public.a;\nvacuum;"),
        ("c.sql", ""),
    ]);

    let codes: Vec<_> = found.findings.iter().map(|f| f.code).collect();
    assert_eq!(codes.len(), 5, "{codes:?}");
}

#[test]
fn rights_go_to_no_role_that_the_settings_do_not_name() {
    let text = "create table a ();\ngrant select on a to reporting, stranger;
        do $$ begin grant select on a to other; end $$;";
    let folder = folder(&[("1_a.sql", text)]);
    let granted_roles = Some(vec!["reporting".to_owned()]);

    let any = MigrationSet::lint(folder.path(), Reading::default());
    let some = MigrationSet::lint(folder.path(), Reading { granted_roles, ..Reading::default() });

    let found: Vec<_> = some.iter().map(|f| (f.code, f.line)).collect();
    assert!(any.is_empty(), "{any:?}");
    assert_eq!(found, [("unknown_role", 2), ("unknown_role", 3)]);
}

/// The versions of each segment; those outside any transaction in brackets.
fn cut(segments: &[crate::migrations::Segment<'_>]) -> Vec<String> {
    let spell = |segment: &crate::migrations::Segment<'_>| {
        let versions: Vec<_> = segment.files().map(|m| m.version().as_str()).collect();
        let versions = versions.join(" ");
        if segment.is_in_transaction() { versions } else { format!("[{versions}]") }
    };
    segments.iter().map(spell).collect()
}

#[test]
fn a_file_marked_for_no_transaction_is_a_segment_of_its_own_in_each_format() {
    let index = "create index concurrently i on a (id);";
    for (name, text, back) in [
        ("2_b.up.sql", format!("-- words\n\n-- No-Transaction\n{index}"), "3 2 1"),
        (
            "2_b.sql",
            format!("-- migrate:up transaction:false\n{index}\n-- migrate:down\n"),
            "3 2 1",
        ),
        (
            "2_b.sql",
            format!("-- +goose NO TRANSACTION\n-- +goose Up\n{index}\n-- +goose Down\n"),
            "3 [2] 1",
        ),
        ("2_b.sql", format!("-- +migrate Up notransaction\n{index}\n-- +migrate Down\n"), "3 2 1"),
        (
            "2_b.sql",
            format!("-- +migrate Up\n-- no-transaction\n{index}\n-- +migrate Down notransaction\n"),
            "3 [2] 1",
        ),
    ] {
        let mark = text.lines().find(|line| line.contains(['+', ':'])).unwrap_or_default();
        let up = match mark {
            mark if mark.contains("goose") => "-- +goose Up\n-- +goose Down",
            mark if mark.contains("migrate:") => "-- migrate:up\n-- migrate:down",
            mark if mark.contains("+migrate") => "-- +migrate Up\n-- +migrate Down",
            _ => "",
        };
        let set = set(&[("1_a.sql", up), (name, &text), ("3_c.sql", up)]).unwrap();

        assert_eq!(cut(&set.segments()).len(), 3, "{text}");
        assert_eq!(cut(&set.segments())[1].trim_matches(['[', ']']), set.older()[1].as_str());
        let ways: Vec<_> = cut(&set.segments_back(&Target::Start).unwrap());
        assert_eq!(ways.join(" ").contains('['), back.contains('['), "{text}: {ways:?}");
    }
}

#[test]
fn a_mark_after_a_statement_is_none_and_concurrently_is_refused_with_the_mark_to_put() {
    let refused = set(&[("1_a.sql", "select 1;\n-- no-transaction\ndrop index concurrently i")]);

    let refused = refused.unwrap_err();
    assert_eq!((refused.code, refused.line), ("needs_no_transaction", 3));
    assert!(refused.to_string().contains("`-- no-transaction`"), "{refused}");
}

#[test]
fn a_mark_put_before_an_applied_file_is_no_edit() {
    let without = set(&[("1_a.sql", "-- words\ncreate table a ();")]).unwrap();
    let marked = set(&[("1_a.sql", "-- words\n-- no-transaction\ncreate table a ();")]).unwrap();
    let edited = set(&[("1_a.sql", "-- words\n-- no-transaction\ncreate table b ();")]).unwrap();
    let had: Vec<_> = without.iter().map(|m| (m.version(), m.checksum())).collect();

    assert!(marked.compare(had.iter().copied()).is_current());
    assert!(!edited.compare(had).is_current());
}

#[test]
fn settings_beside_a_file_say_that_it_runs_outside_any_transaction() {
    let flyway = folder(&[
        ("V1__a.sql", "create table a ();"),
        ("V2__b.sql", "drop index concurrently i;"),
        ("V2__b.sql.conf", "executeInTransaction=false\n"),
    ]);
    let diesel = folder(&[
        ("01_a/up.sql", "create table a ();"),
        ("02_b/up.sql", "drop index concurrently i;"),
        ("02_b/metadata.toml", "run_in_transaction = false\n"),
    ]);

    assert_eq!(cut(&MigrationSet::load(flyway.path()).unwrap().segments()), ["1", "[2]"]);
    assert_eq!(cut(&MigrationSet::load(diesel.path()).unwrap().segments()), ["01", "[02]"]);
}

#[test]
fn segments_end_at_files_outside_and_at_learnt_boundaries() {
    let outside = "-- no-transaction\ndrop index concurrently i;";
    let files = [("1_a.sql", ""), ("2_b.sql", ""), ("3_c.sql", outside), ("4_d.sql", "")];
    let set = set(&[&files[..], &[("5_e.sql", ""), ("6_f.sql", "")]].concat()).unwrap();

    assert_eq!(cut(&set.segments()), ["1 2", "[3]", "4 5 6"]);
    assert_eq!(cut(&set.segments_back(&Target::Version("1".into())).unwrap()), ["6 5 4 3 2"]);
    let set = set.cut_before(&["2".into(), "6".into()]);
    assert_eq!(cut(&set.segments()), ["1", "2", "[3]", "4 5", "6"]);
    let had: Vec<_> = set.iter().filter(|m| ["1", "4"].contains(&m.version().as_str())).collect();
    let standing = set.compare(had.iter().map(|m| (m.version(), m.checksum())));
    assert_eq!(cut(&standing.segments(&set)), ["2", "[3]", "5", "6"]);
    let notes = standing.out_of_order_notes(&set);
    assert_eq!(notes.len(), 2, "{notes:?}");
    assert_eq!(notes[0], "2 is older than what the tenant has (4); it is applied after it");
}
