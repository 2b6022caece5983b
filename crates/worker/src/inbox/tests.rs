use std::time::Duration;

use super::*;

const FLEET: usize = 2;

/// Eight of those that are made, three of those that are there.
fn room(class: Class) -> usize {
    if class == Class::Fleet { 3 } else { 8 }
}

type Told = Vec<oneshot::Receiver<Handled>>;

fn put(inbox: &Inbox, class: Class, items: std::ops::Range<i64>) -> Told {
    items.filter_map(|item| inbox.put(ItemId::new(item), class)).collect()
}

fn items(taken: &Taken<'_>) -> Vec<i64> {
    taken.waiting.iter().map(|waiting| waiting.item.get()).collect()
}

#[tokio::test]
async fn a_lane_alone_takes_the_oldest_up_to_its_most() {
    let inbox = Inbox::new(Class::NewTenants, FLEET);
    let _told = put(&inbox, Class::NewTenants, 0..5);

    let taken = inbox.take(|_| 3, || FLEET).await.unwrap();

    assert_eq!(items(&taken), [0, 1, 2]);
    assert_eq!(inbox.take(|_| 3, || FLEET).await.unwrap().waiting.len(), 2);
}

#[tokio::test]
async fn new_tenants_come_first_however_much_else_came_before() {
    let inbox = Inbox::new(Class::NewTenants, FLEET);
    let _fleet = put(&inbox, Class::Fleet, 0..100);
    let _new = put(&inbox, Class::NewTenants, 100..102);

    let first = inbox.take(room, || FLEET).await.unwrap();

    assert_eq!(items(&first), [100, 101]);
    assert_eq!(items(&inbox.take(room, || FLEET).await.unwrap()), [0, 1, 2], "a few at once");
}

#[tokio::test]
async fn no_more_lanes_than_allowed_work_on_tenants_that_are_there() {
    let inbox = Inbox::new(Class::NewTenants, FLEET);
    let _fleet = put(&inbox, Class::Fleet, 0..100);
    let first = inbox.take(room, || FLEET).await.unwrap();
    let _second = inbox.take(room, || FLEET).await.unwrap();
    let mut third = std::pin::pin!(inbox.take(room, || FLEET));
    assert!(futures::poll!(third.as_mut()).is_pending(), "two lanes are at it");

    let _new = put(&inbox, Class::NewTenants, 100..101);
    assert_eq!(items(&third.await.unwrap()), [100]);
    let mut fourth = std::pin::pin!(inbox.take(room, || FLEET));
    assert!(futures::poll!(fourth.as_mut()).is_pending());
    drop(first);

    assert_eq!(items(&fourth.await.unwrap()), [6, 7, 8], "the place of the first is free");
}

#[tokio::test]
async fn all_that_was_put_is_taken_once() {
    let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let inbox = Arc::clone(&inbox);
            tokio::spawn(async move {
                let mut took = Vec::new();
                while let Some(taken) = inbox.take(room, || FLEET).await {
                    took.extend(items(&taken));
                    tokio::task::yield_now().await;
                    for waiting in taken.waiting {
                        waiting.reply.send(Handled::Done).unwrap();
                    }
                }
                took
            })
        })
        .collect();

    let fleet = put(&inbox, Class::Fleet, 0..500);
    let new = put(&inbox, Class::NewTenants, 500..1000);
    for told in fleet.into_iter().chain(new) {
        assert_eq!(told.await, Ok(Handled::Done));
    }
    inbox.close();

    let mut all = Vec::new();
    for lane in lanes {
        all.extend(lane.await.unwrap());
    }
    all.sort_unstable();
    assert_eq!(all, (0..1000).collect::<Vec<_>>());
}

#[tokio::test]
async fn idle_lanes_share_what_comes() {
    let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
    let lanes: Vec<_> = (0..4)
        .map(|_| {
            let inbox = Arc::clone(&inbox);
            tokio::spawn(async move { inbox.take(room, || FLEET).await.unwrap().waiting.len() })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(20)).await;

    let _told = put(&inbox, Class::NewTenants, 0..8);

    let mut shares = Vec::new();
    for lane in lanes {
        shares.push(lane.await.unwrap());
    }
    assert_eq!(shares.iter().sum::<usize>(), 8);
    assert!(shares.iter().all(|share| *share <= 4), "{shares:?}");
}

#[tokio::test]
async fn closed_it_lets_everybody_go() {
    let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
    let lane = tokio::spawn({
        let inbox = Arc::clone(&inbox);
        async move { inbox.take(|_| 1, || FLEET).await.is_none() }
    });
    tokio::time::sleep(Duration::from_millis(20)).await;
    inbox.close();
    assert!(lane.await.unwrap());

    assert!(inbox.put(ItemId::new(1), Class::NewTenants).is_none());
    assert!(inbox.take(|_| 1, || FLEET).await.is_none());
}

#[tokio::test]
async fn items_let_go_were_not_begun() {
    let inbox = Inbox::new(Class::NewTenants, FLEET);
    let told =
        [Class::NewTenants, Class::Fleet].map(|class| inbox.put(ItemId::new(1), class).unwrap());

    inbox.close();

    for told in told {
        assert!(told.await.is_err());
    }
}

#[tokio::test]
async fn a_life_that_is_given_up_lets_everybody_go() {
    let inbox = Arc::new(Inbox::new(Class::NewTenants, FLEET));
    let told = inbox.put(ItemId::new(1), Class::Fleet).unwrap();
    let life = tokio::spawn({
        let closer = Closer(Arc::clone(&inbox));
        async move {
            let _closer = closer;
            std::future::pending::<()>().await;
        }
    });

    life.abort();

    let waited = tokio::time::timeout(Duration::from_secs(10), told).await;
    assert!(waited.expect("the item is let go").is_err());
    assert!(inbox.put(ItemId::new(2), Class::Fleet).is_none());
}

#[tokio::test]
async fn a_lane_whose_work_takes_long_keeps_none_of_the_quick_ones_from_theirs() {
    let inbox = Inbox::new(Class::NewTenants, FLEET);
    let _fleet = put(&inbox, Class::Fleet, 0..100);
    let mut long = inbox.take(room, || 1).await.unwrap();
    let mut second = std::pin::pin!(inbox.take(room, || 1));
    assert!(futures::poll!(second.as_mut()).is_pending(), "one lane is at it");

    long.place.as_mut().unwrap().step_aside();
    let quick = second.await.unwrap();
    assert_eq!(items(&quick), [3, 4, 5]);
    drop(quick);
    let _quick = inbox.take(room, || 1).await.unwrap();

    let mut third = std::pin::pin!(inbox.take(room, || FLEET));
    assert!(futures::poll!(third.as_mut()).is_pending(), "with the long one they are two");
    drop(long);
    assert_eq!(items(&third.await.unwrap()), [9, 10, 11]);
}
