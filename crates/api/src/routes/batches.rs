//! `/batches`: the calls of `/operations`, for operations of kind `provision` alone and in the words that
//! callers of the original API know. The handlers are the same; their paths and descriptions are made here.

use utoipa::openapi::{Paths, RefOr};
use utoipa_axum::router::UtoipaMethodRouter;

/// What is said of operations, and what of batches. Each pair is replaced in what those before it have left.
const WORDS: [(&str, &str); 13] = [
    ("An operation", "A batch"),
    ("an operation", "a batch"),
    ("Operation", "Batch"),
    ("operations", "batches"),
    ("operation", "batch"),
    // A keyword of OpenAPI, and the one type of both ids.
    ("batchId", "operationId"),
    ("BatchId", "OperationId"),
    ("/{id}/items\"", "/{id}/results\""),
    ("ItemPage", "ResultPage"),
    ("items of a batch", "results of a batch"),
    ("list_items", "get_results"),
    ("undo_batch_item", "undo_item"),
    ("resolve_batch_item", "resolve_item"),
];

/// Filters of the list of operations that the list of batches does not have.
const FILTERS: [&str; 2] = ["kind", "state"];

/// A call on operations as a call on batches.
pub(super) fn respelt<S>(
    (schemas, paths, handler): UtoipaMethodRouter<S>,
) -> UtoipaMethodRouter<S> {
    let mut text = serde_json::to_string(&paths).expect("a description is JSON");
    for (operation, batch) in WORDS {
        text = text.replace(operation, batch);
    }
    let mut paths: Paths = serde_json::from_str(&text).expect("it has other words only");
    let calls = paths.paths.values_mut().filter_map(|path| path.get.as_mut());
    for parameters in calls.filter_map(|call| call.parameters.as_mut()) {
        parameters.retain(|it| !matches!(it, RefOr::T(it) if FILTERS.contains(&it.name.as_str())));
    }
    (schemas, paths, handler)
}
