//! What a finger is to hit on a phone is large enough for one (WCAG 2.2, 2.5.8), and what is used most is larger.

use super::{ADMIN, MEMBERS, ROOT, RUNS, Site};
use crate::support::chromium::PHONE;

/// Links and controls of the page that are smaller than they must be: 44 px where a row is opened and where something is sent or chosen, 24 px
/// all others, but for links in a sentence. A box is as large as its label.
const SMALL: &str = r"
const main = 'a[data-open], .bar nav a, button:not(.plain), .button, select, input:not([type=checkbox])';
const isInSentence = (one) => one.matches('p a, figcaption a') && [...one.parentElement.childNodes].some(
  (node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim() !== '');
const rect = (one) => (one.closest('label') ?? one).getBoundingClientRect();
const all = [...document.querySelectorAll('a[href], button, select, input:not([type=hidden]), summary')];
const shown = all.filter((one) => !one.closest('.skip') && one.checkVisibility({ visibilityProperty: true }) && rect(one).width > 1);
return shown.filter((one) => !isInSentence(one)).filter((one) => {
  const least = one.matches(main) ? 44 : 24;
  // A pixel's part is lost where letters are measured. How wide a name is, whoever has it has chosen.
  return rect(one).height < least - 0.5 || rect(one).width < 23.5;
}).map((one) => `${Math.round(rect(one).width)}x${Math.round(rect(one).height)} ${one.cloneNode().outerHTML} ${one.innerText ?? ''}`)";

#[tokio::test]
async fn what_a_finger_is_to_hit_is_large_enough() {
    let (site, history) = Site::start().await.with_history().await;
    let browser = site.browser(PHONE, ROOT, ADMIN).await;
    let held = format!("{RUNS}{}/", history.held);
    let mut found = Vec::new();
    for path in [
        ADMIN,
        MEMBERS,
        &format!("{MEMBERS}?page_size=25&q=user"),
        &format!("{MEMBERS}comparison/"),
        "/admin/accounts/user/",
        RUNS,
        &held,
        "/admin/workers/",
        "/admin/log/",
    ] {
        browser.open(&site.at(path)).await;
        let small: Vec<String> = serde_json::from_value(browser.run(SMALL, vec![]).await).unwrap();
        found.extend(small.into_iter().map(|small| format!("{path}: {small}")));
    }
    assert!(found.is_empty(), "{} are too small:\n{}", found.len(), found.join("\n"));
}
