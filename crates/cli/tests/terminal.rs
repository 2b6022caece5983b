//! What people see on a terminal, at several widths.

mod support;

use support::{
    tenantry,
    terminal::{OnTerminal, without_colour},
};

fn config_check(columns: u16, env: &[(&str, &str)]) -> String {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let (code, shown) = OnTerminal::start(dir.path(), columns, &["config", "check"], env).end();
    assert_eq!(code, 0, "{shown}");
    without_colour(&shown)
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

#[test]
fn a_table_is_no_wider_than_the_terminal() {
    for columns in [60, 80, 120] {
        let shown = config_check(columns, &[]);

        assert!(widest(&shown) <= usize::from(columns), "{shown}");
        assert!(
            shown.contains("available_features") && shown.contains("advanced_security"),
            "{shown}"
        );
    }
}

#[test]
fn a_narrow_terminal_gets_blocks_and_a_wide_one_a_frame() {
    assert!(!config_check(60, &[]).contains('│'));
    assert!(config_check(80, &[]).contains('│'));
    assert!(!config_check(120, &[("COLUMNS", "60")]).contains('│'));
}

#[test]
fn there_is_colour_unless_it_is_unwanted() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let shown = |env: &[(&str, &str)]| {
        OnTerminal::start(dir.path(), 100, &["config", "check"], env).end().1
    };

    assert!(shown(&[]).contains("\u{1b}["));
    assert!(!shown(&[("NO_COLOR", "1")]).contains("\u{1b}["));
    assert!(!shown(&[("TERM", "dumb")]).contains("\u{1b}["));
}

#[test]
fn a_pipe_gets_tabs_one_header_line_and_all_of_every_cell() {
    let dir = tempfile::tempdir().expect("a directory can be made");
    let folder =
        "/a/folder/with/a/rather/long/name/that/no/terminal/of/eighty/columns/has/room/for";
    let env = [("TENANT_MIGRATIONS_DIR", folder), ("COLUMNS", "40")];

    let ran = tenantry(dir.path(), &["config", "check"], &env);

    assert_eq!(ran.code, 0, "{}", ran.err);
    assert_eq!(ran.out.lines().next(), Some("key\tvalue\tfrom"));
    assert!(ran.out.lines().all(|line| line.matches('\t').count() == 2), "{}", ran.out);
    assert!(ran.out.contains(&format!("\t{folder}\tenv ")), "{}", ran.out);
    assert!(!ran.out.contains(['│', '…', '–']), "{}", ran.out);
}
