//! From where the end can be reached.
//!
//! The checker's own `eventually` takes a way that joins one it knows for a way that goes on, and
//! its terminal states say nothing of a protocol that goes round in a circle. That the end can be
//! reached from everywhere says both: nothing gets stuck, and nothing goes round for ever unless
//! a step that could be taken all the time never is.

use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
};

use model::{Protocol, State, representative};
use stateright::Model;

/// Every state that can be reached, and the ways back over what the protocol does by itself.
#[derive(Default)]
pub(crate) struct Graph {
    numbers: HashMap<u64, usize>,
    /// Whether a worker runs in it, and the operation is not paused.
    live: Vec<bool>,
    ended: Vec<usize>,
    back: Vec<Vec<usize>>,
}

impl Graph {
    /// The whole of it.
    pub(crate) fn of(protocol: &Protocol) -> Self {
        let mut graph = Self::default();
        let mut open: Vec<_> = protocol.init_states();
        for init in &open {
            graph.number(init);
        }
        while let Some(state) = open.pop() {
            let (here, _) = graph.number(&state);
            for (action, next) in protocol.next_steps(&state) {
                let (there, is_new) = graph.number(&next);
                if action.is_own() {
                    graph.back[there].push(here);
                }
                if is_new {
                    open.push(next);
                }
            }
        }
        graph
    }

    /// The number of a state, and whether it is met for the first time. States that differ in
    /// names only have one.
    fn number(&mut self, state: &State) -> (usize, bool) {
        let mut hasher = DefaultHasher::new();
        representative(state).hash(&mut hasher);
        let fresh = self.live.len();
        let number = *self.numbers.entry(hasher.finish()).or_insert(fresh);
        if number == fresh {
            self.live.push(state.may_go_on());
            self.back.push(Vec::new());
            if state.has_ended() {
                self.ended.push(number);
            }
        }
        (number, number == fresh)
    }

    /// How many states with a live worker cannot come to the end by what the protocol does.
    pub(crate) fn hopeless(&self) -> usize {
        let mut hopeless = self.live.clone();
        let mut open = self.ended.clone();
        while let Some(here) = open.pop() {
            if std::mem::take(&mut hopeless[here]) {
                open.extend(&self.back[here]);
            }
        }
        hopeless.into_iter().filter(|it| *it).count()
    }

    /// Whether any way leads to the end at all.
    pub(crate) fn comes_to_an_end(&self) -> bool {
        !self.ended.is_empty()
    }

    /// How many states there are.
    pub(crate) fn size(&self) -> usize {
        self.live.len()
    }
}
