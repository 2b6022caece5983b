//! Holds every UPDATE of a state, in every crate, to the legal moves of `domain`.
//!
//! A statement makes a move if its WHERE can hold of a row in the first state and its SET makes it
//! the second. What the WHERE does not say of the state, it allows. So a statement must name the
//! states it leaves, and those it sets if it takes the new one as a parameter.

mod moves;
mod pictures;
mod statements;

use std::{collections::BTreeSet, fs};

use domain::{ItemState, OperationState, TenantState};

use moves::{Move, moves_of};
use statements::the_statements;

/// Moves that no statement makes yet, of tenants that are archived and deleted, and of
/// an item that is undone without another claim.
const YET_TO_COME: &[(&str, &str, &[&str])] = &[
    ("tenants", "active", &["archived"]),
    ("tenants", "archived", &["active", "deleting"]),
    ("tenants", "deleting", &["archived"]),
    ("tenants", "suspended", &["archived"]),
    ("operation_items", "retrying", &["unwinding"]),
];

/// The legal moves of each table, by name.
fn legal() -> BTreeSet<Move> {
    macro_rules! of {
        ($table:literal, $state:ty) => {
            <$state>::ALL.iter().flat_map(|from| {
                let legal =
                    <$state>::ALL.iter().filter(move |to| from != *to && from.may_become(**to));
                legal.map(|to| Move::new($table, from.as_str(), to.as_str()))
            })
        };
    }
    let items = of!("operation_items", ItemState);
    items.chain(of!("operations", OperationState)).chain(of!("tenants", TenantState)).collect()
}

fn states(table: &str) -> Vec<&'static str> {
    match table {
        "operation_items" => ItemState::ALL.iter().map(|state| state.as_str()).collect(),
        "operations" => OperationState::ALL.iter().map(|state| state.as_str()).collect(),
        "tenants" => TenantState::ALL.iter().map(|state| state.as_str()).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_update_of_a_state_makes_legal_moves_only_and_every_legal_move_is_made() {
    let (legal, mut made, mut illegal) = (legal(), BTreeSet::new(), Vec::new());

    for statement in the_statements() {
        for made_here in moves_of(&statement.sql, states).unwrap() {
            if !legal.contains(&made_here) {
                illegal.push(format!("{made_here} in {}: {}", statement.place, statement.sql));
            }
            made.insert(made_here);
        }
    }

    assert!(illegal.is_empty(), "{}", illegal.join("\n"));
    let to_come: BTreeSet<Move> = YET_TO_COME
        .iter()
        .flat_map(|(table, from, to)| to.iter().map(|to| Move::new(table, from, to)))
        .collect();
    let unmade: BTreeSet<Move> = legal.difference(&made).cloned().collect();
    assert_eq!(unmade, to_come, "legal, and made by no statement");
}

#[test]
fn the_pictures_of_the_states_show_the_legal_moves() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/STATES.md");
    let again = ItemState::ALL.iter().filter(|state| state.may_become(**state));
    let again = again.map(|state| Move::new("operation_items", state.as_str(), state.as_str()));
    let legal: Vec<String> = legal().into_iter().chain(again).map(|it| it.to_string()).collect();

    let drawn = pictures::page(&legal).expect("every legal move has its reason, and no other");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(path, &drawn).expect("docs/STATES.md can be written");
    }

    let there = fs::read_to_string(path).expect("docs/STATES.md is there");
    assert!(
        there == drawn,
        "`UPDATE_DOCS=1 cargo test -p tests --test stories pictures` draws it anew"
    );
    let one_more = [legal, vec!["tenants: deleted -> active".to_owned()]].concat();
    assert_eq!(pictures::page(&one_more), Err(vec!["tenants: deleted -> active".to_owned()]));
    let fewer = pictures::page(&[]).expect_err("no move is legal then");
    assert!(fewer.contains(&"tenants: pending -> active".to_owned()), "{fewer:?}");
}

#[test]
fn a_statement_that_does_not_name_the_state_it_leaves_is_found() {
    let moves = |sql: &str| -> Vec<String> {
        moves_of(sql, states).unwrap().iter().map(ToString::to_string).collect()
    };
    let named =
        "with b as (select id from tenantry.operation_items where state = 'built' for update)
        update tenantry.operation_items i set state = case i.state when 'queued' then 'running'
            else 'retrying' end
        from b where i.id = b.id and (i.state || '' in ('queued') or i.state = 'running' and b.x)";
    let parameter = "with x as (update tenantry.tenants set state = $2, name = $1
        where id = $3 and state = 'pending' and $2 in ('active', 'released') returning id)
        insert into tenantry.audit_log (tenant_id) select id from x";

    assert_eq!(
        moves(named),
        ["operation_items: queued -> running", "operation_items: running -> retrying"]
    );
    assert_eq!(moves(parameter), ["tenants: pending -> active", "tenants: pending -> released"]);
    let all_but_itself = TenantState::ALL.len() - 1;
    assert_eq!(moves("update tenantry.tenants set state = 'active'").len(), all_but_itself);
    assert_eq!(
        moves("update tenantry.tenants set state = $2 where state = 'active'").len(),
        all_but_itself
    );
    let other = "update tenantry.tenants t set state = 'active' from x where x.state = 'pending'";
    assert_eq!(moves(other).len(), all_but_itself);
    assert_eq!(moves("update tenantry.tenants set name = $1"), [""; 0]);
    assert!(moves_of("update tenantry.tenants set state = lower($2)", states).is_err());
    assert!(moves_of("update tenantry.tenants sets state", states).is_err());
}
