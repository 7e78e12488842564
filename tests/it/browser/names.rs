//! Names that hide something are shown whole where there is room for them, and marked.

use serde_json::json;

use super::{ANNA, MEMBERS, Site, assert_fits};
use crate::support::chromium::{DESK, PHONE};

#[tokio::test]
async fn a_name_of_isolates_is_not_cut_off_where_there_is_room() {
    let site = Site::start().await;
    let names = ["\u{2066}\u{2067}nelly\u{2069}\u{2069}", "\u{2068}\u{5d0}\u{5d1}\u{2069} ben", "a\u{200b}nna"];
    let members =
        names.iter().zip(1..).map(|(name, id): (_, u64)| json!({ "id": id.to_string(), "username": "u", "nickname": name }));
    site.ended(&site.file(members.collect()).await, "succeeded").await;
    let browser = site.browser(DESK, ANNA, MEMBERS).await;
    for width in [DESK, PHONE] {
        browser.resize(width).await;
        assert_eq!(browser.all_shown(".who .veiled").await.len(), 3);
        let cut = "return [...document.querySelectorAll('.who bdi')].filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.title)";
        assert_eq!(browser.run(cut, vec![]).await, json!([]), "at {width}");
        assert_fits(&browser).await;
    }
    // One without end is cut off before its mark.
    browser.run("document.querySelector('.who bdi').textContent += 'W'.repeat(300)", vec![]).await;
    assert_fits(&browser).await;
    browser.resize(DESK).await;
    let mark = "
        const [name, cell] = ['.who .veiled', '.who'].map((css) => document.querySelector(css).getBoundingClientRect());
        return name.width > 0 && name.right <= cell.right";
    assert_eq!(browser.run(mark, vec![]).await, true);
}
