//! A page of a list of members, from its start or from either side of a place.
//!
//! Enters: a list and a place in it. Leaves: the members of the page, in the order of the list.
//!
//! The ledger reads a list in one direction. The way back is that of the list turned round, but for one thing: those without the time
//! that it is sorted by come last in either, so that on the way back they must come before all others.

use crate::http::pages::App;
use crate::http::pages::query::Place;
use crate::store::{MemberOrder, MemberPlace, MemberView, MembersFound, SortBy, StoreError};

/// The page of the list that `view` is of at `place`.
pub(super) async fn find(app: &App, view: MemberView, place: Place<MemberPlace>) -> Result<MembersFound, StoreError> {
    match place {
        Place::Start => app.state.member_lists.list_members(&view).await,
        Place::After(place) => app.state.member_lists.list_members(&MemberView { after: Some(place), ..view }).await,
        Place::Before(place) => before(app, view, place).await,
    }
}

async fn before(app: &App, view: MemberView, place: MemberPlace) -> Result<MembersFound, StoreError> {
    let room = usize::try_from(view.limit).unwrap_or(usize::MAX);
    let order = MemberOrder { is_descending: !view.order.is_descending, ..view.order };
    // One more than is shown says whether there is another page, whoever it is that the ledger knows of behind them.
    let turned = MemberView { order, after: Some(place), limit: view.limit + 1, ..view };
    let mut found = app.state.member_lists.list_members(&turned).await?;
    if order.by != SortBy::Id && place.at.is_some() {
        keep_timed(&mut found, order);
    } else if order.by != SortBy::Id && found.rows.len() <= room {
        // Before the first of those without the time stands the last of those with it.
        let rest = i64::try_from(room - found.rows.len()).unwrap_or(i64::MAX);
        let mut timed = app.state.member_lists.list_members(&MemberView { after: None, limit: rest + 1, ..turned }).await?;
        keep_timed(&mut timed, order);
        found.rows.append(&mut timed.rows);
    }
    found.has_more = found.rows.len() > room;
    found.rows.truncate(room);
    found.rows.reverse();
    Ok(found)
}

/// Leaves those who have the time that the list is sorted by.
fn keep_timed(found: &mut MembersFound, order: MemberOrder) {
    found.rows.retain(|row| MemberPlace::of(row, order).at.is_some());
}
