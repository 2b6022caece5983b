//! Reads a statement and says which moves it can make.

use std::{collections::BTreeSet, fmt};

use sqlparser::{
    ast::{
        AssignmentTarget, BinaryOperator, CaseWhen, Expr, InTarget, Query, SetExpr, Statement,
        TableFactor, UnaryOperator, Update, Value,
    },
    dialect::PostgreSqlDialect,
    parser::Parser,
};

use super::statements::updates;

/// One row's way from a state to another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Move {
    table: String,
    from: String,
    to: String,
}

impl Move {
    pub(super) fn new(table: &str, from: &str, to: &str) -> Self {
        Self { table: table.to_owned(), from: from.to_owned(), to: to.to_owned() }
    }
}

impl fmt::Display for Move {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} -> {}", self.table, self.from, self.to)
    }
}

/// The moves that `sql` can make, given the states of each table that has some.
pub(super) fn moves_of(
    sql: &str,
    states: fn(&str) -> Vec<&'static str>,
) -> Result<BTreeSet<Move>, String> {
    let parsed = Parser::parse_sql(&PostgreSqlDialect {}, sql)
        .map_err(|error| format!("{error} in {sql}"))?;
    let mut found = Vec::new();
    for statement in &parsed {
        in_statement(statement, &mut found);
    }
    if found.len() != updates(sql) {
        return Err(format!("{} of {} UPDATEs were read in {sql}", found.len(), updates(sql)));
    }
    let mut moves = BTreeSet::new();
    for update in found {
        moves.extend(moves_of_update(update, states)?);
    }
    Ok(moves)
}

fn in_statement<'a>(statement: &'a Statement, found: &mut Vec<&'a Update>) {
    match statement {
        Statement::Update(update) => found.push(update),
        Statement::Query(query) => in_query(query, found),
        Statement::Insert(insert) => {
            if let Some(source) = &insert.source {
                in_query(source, found);
            }
        }
        _ => {}
    }
}

fn in_query<'a>(query: &'a Query, found: &mut Vec<&'a Update>) {
    for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
        in_query(&cte.query, found);
    }
    match &*query.body {
        SetExpr::Update(statement) | SetExpr::Insert(statement) | SetExpr::Delete(statement) => {
            in_statement(statement, found);
        }
        SetExpr::Query(inner) => in_query(inner, found),
        _ => {}
    }
}

fn moves_of_update(
    update: &Update,
    states: fn(&str) -> Vec<&'static str>,
) -> Result<Vec<Move>, String> {
    let TableFactor::Table { name, alias, .. } = &update.table.relation else {
        return Err(format!("no table is named in {update}"));
    };
    let name = name.to_string();
    let table = name.trim_start_matches("tenantry.").to_owned();
    let sets_state = update.assignments.iter().find(|assignment| {
        matches!(&assignment.target, AssignmentTarget::ColumnName(it) if it.to_string() == "state")
    });
    let Some(set) = sets_state.filter(|_| !states(&table).is_empty()) else {
        return Ok(Vec::new());
    };
    let alias = alias.as_ref().map_or(table.clone(), |alias| alias.name.value.clone());
    let mut moves = Vec::new();
    for from in states(&table) {
        for to in states(&table).into_iter().filter(|to| *to != from) {
            let row = Row { alias: &alias, from, given: placeholder(&set.value), to };
            let becomes = row.text(&set.value);
            let becomes = becomes
                .ok_or_else(|| format!("it cannot be said what {update} makes of a state"))?;
            let may_hold = update.selection.as_ref().is_none_or(|it| row.holds(it) != Some(false));
            if may_hold && becomes.contains(to) {
                moves.push(Move::new(&table, from, to));
            }
        }
    }
    Ok(moves)
}

fn placeholder(expr: &Expr) -> Option<&str> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Placeholder(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

/// A row of the updated table, and the state that the statement is given, if it takes it as a
/// parameter. Of everything else nothing is known.
#[derive(Debug, Clone, Copy)]
struct Row<'a> {
    alias: &'a str,
    from: &'a str,
    given: Option<&'a str>,
    to: &'a str,
}

impl Row<'_> {
    /// What `expr` can be; `None` = anything.
    fn text(self, expr: &Expr) -> Option<BTreeSet<String>> {
        let one = |text: &str| Some(BTreeSet::from([text.to_owned()]));
        match expr {
            Expr::Nested(inner) | Expr::Cast { expr: inner, .. } => self.text(inner),
            Expr::Identifier(column) if column.value == "state" => one(self.from),
            Expr::CompoundIdentifier(path) => {
                let names: Vec<&str> = path.iter().map(|part| part.value.as_str()).collect();
                if names == [self.alias, "state"] { one(self.from) } else { None }
            }
            Expr::Value(value) => match &value.value {
                Value::SingleQuotedString(text) => one(text),
                Value::Placeholder(name) if self.given == Some(name) => one(self.to),
                _ => None,
            },
            Expr::BinaryOp { left, op: BinaryOperator::StringConcat, right } => {
                let (left, right) = (self.text(left)?, self.text(right)?);
                Some(
                    left.iter()
                        .flat_map(|l| right.iter().map(move |r| format!("{l}{r}")))
                        .collect(),
                )
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let mut all = BTreeSet::new();
                for result in self.branches(operand.as_deref(), conditions, else_result.as_deref())
                {
                    all.extend(self.text(result)?);
                }
                Some(all)
            }
            _ => None,
        }
    }

    /// Whether `expr` holds; `None` = it may.
    fn holds(self, expr: &Expr) -> Option<bool> {
        match expr {
            Expr::Nested(inner) => self.holds(inner),
            Expr::UnaryOp { op: UnaryOperator::Not, expr } => self.holds(expr).map(|it| !it),
            Expr::BinaryOp { left, op: BinaryOperator::And, right } => {
                match (self.holds(left), self.holds(right)) {
                    (Some(false), _) | (_, Some(false)) => Some(false),
                    (Some(true), Some(true)) => Some(true),
                    _ => None,
                }
            }
            Expr::BinaryOp { left, op: BinaryOperator::Or, right } => {
                match (self.holds(left), self.holds(right)) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (Some(false), Some(false)) => Some(false),
                    _ => None,
                }
            }
            Expr::BinaryOp { left, op: BinaryOperator::Eq, right } => self.equal(left, right),
            Expr::BinaryOp { left, op: BinaryOperator::NotEq, right } => {
                self.equal(left, right).map(|it| !it)
            }
            Expr::In { expr, target: InTarget::List(list), negated, .. } => {
                let each: Vec<_> = list.iter().map(|item| self.equal(expr, item)).collect();
                let any = if each.contains(&Some(true)) {
                    Some(true)
                } else {
                    each.iter().all(|it| *it == Some(false)).then_some(false)
                };
                any.map(|it| it != *negated)
            }
            Expr::Case { operand, conditions, else_result, .. } => {
                let branches =
                    self.branches(operand.as_deref(), conditions, else_result.as_deref());
                let each: BTreeSet<_> = branches.into_iter().map(|it| self.holds(it)).collect();
                if each.len() == 1 { each.into_iter().next().flatten() } else { None }
            }
            Expr::Value(value) => match value.value {
                Value::Boolean(it) => Some(it),
                _ => None,
            },
            _ => None,
        }
    }

    fn equal(self, left: &Expr, right: &Expr) -> Option<bool> {
        let (left, right) = (self.text(left)?, self.text(right)?);
        match (left.len(), right.len()) {
            (1, 1) => Some(left == right),
            _ => left.is_disjoint(&right).then_some(false),
        }
    }

    /// The results that a CASE can have. Without an ELSE it can be NULL too, which no state is.
    fn branches<'e>(
        self,
        operand: Option<&Expr>,
        conditions: &'e [CaseWhen],
        otherwise: Option<&'e Expr>,
    ) -> Vec<&'e Expr> {
        let mut results = Vec::new();
        for CaseWhen { condition, result } in conditions {
            let taken = match operand {
                Some(operand) => self.equal(operand, condition),
                None => self.holds(condition),
            };
            if taken != Some(false) {
                results.push(result);
            }
            if taken == Some(true) {
                return results;
            }
        }
        results.extend(otherwise);
        results
    }
}
