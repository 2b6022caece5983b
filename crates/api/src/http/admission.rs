//! How many calls are worked on at a time. One too many is told to come back, at once: waiting in
//! line would only make all of them late.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{
    extract::{FromRequestParts, Request, State},
    http::request::Parts,
    middleware::Next,
    response::Response,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError};

use crate::{context::Context, http::problem::Problem};

/// Marks a request on a connection that was one too many: it is answered and not worked on, unless
/// it asks for the health of the process.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneTooMany;

/// The place of a call among those that are worked on: in the process, and in its caller's share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Place(Arc<Mutex<Vec<Held>>>);

#[derive(Debug)]
struct Held {
    room: Arc<Semaphore>,
    /// `None` while the call waits.
    permit: Option<OwnedSemaphorePermit>,
}

impl Place {
    /// Takes a place in `room` too.
    ///
    /// # Errors
    /// When all of them are taken.
    pub(crate) fn enter(&self, room: Arc<Semaphore>) -> Result<(), TryAcquireError> {
        let permit = Some(Arc::clone(&room).try_acquire_owned()?);
        self.held().push(Held { room, permit });
        Ok(())
    }

    /// What `waiting` becomes. The place is free meanwhile. Afterwards the call takes one again,
    /// before calls that come later.
    pub(crate) async fn without<T>(&self, waiting: impl Future<Output = T>) -> T {
        let rooms: Vec<Arc<Semaphore>> = self
            .held()
            .iter_mut()
            .map(|held| {
                held.permit = None;
                Arc::clone(&held.room)
            })
            .collect();
        let done = waiting.await;
        // The caller's own share first: a call that waits there keeps no place from others.
        for (at, room) in rooms.into_iter().enumerate().rev() {
            let permit = room.acquire_owned().await.ok();
            self.held()[at].permit = permit;
        }
        done
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Vec<Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromRequestParts<Context> for Place {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &Context) -> Result<Self, Problem> {
        Ok(parts.extensions.get::<Self>().cloned().unwrap_or_default())
    }
}

/// Lets a request through if there is room for it, and holds the room until its answer begins.
///
/// # Errors
/// 503 when no place is free, or the control schema is older than this program.
pub(crate) async fn admit(
    State(cx): State<Context>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if request.extensions().get::<OneTooMany>().is_some() {
        return Err(Problem::overloaded());
    }
    if cx.is_not_migrated() {
        return Err(Problem::not_migrated());
    }
    let place = Place::default();
    place.enter(Arc::clone(&cx.in_flight)).map_err(|_| Problem::overloaded())?;
    request.extensions_mut().insert(place.clone());
    let response = next.run(request).await;
    drop(place);
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_call_that_waits_gives_its_places_up_and_takes_them_again() {
        let (process, share) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
        let place = Place::default();
        place.enter(Arc::clone(&process)).unwrap();
        place.enter(Arc::clone(&share)).unwrap();
        let free = || (process.available_permits(), share.available_permits());

        let (before, meanwhile) = (free(), place.without(async { free() }).await);

        assert_eq!((before, meanwhile, free()), ((0, 0), (1, 1), (0, 0)));
        drop(place);
        assert_eq!(free(), (1, 1));
    }

    #[test]
    fn a_place_that_is_not_to_be_had_leaves_the_others_as_they_are() {
        let (process, share) = (Arc::new(Semaphore::new(2)), Arc::new(Semaphore::new(0)));
        let place = Place::default();
        place.enter(Arc::clone(&process)).unwrap();

        assert!(place.enter(share).is_err());
        assert_eq!(process.available_permits(), 1);
    }
}
