//! Forms as they stand in a page, and the one that logs in.

use reqwest::header::{COOKIE, SET_COOKIE};
use reqwest::{Client, RequestBuilder};

/// What the form of a page sends along without being asked: the hidden fields of its last form.
pub fn hidden(page: &str) -> Vec<(String, String)> {
    let form = page.rsplit_once("<form").map_or("", |(_, form)| form);
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let field = |field: &str| {
        let (name, rest) = field.split_once("\" value=\"")?;
        let value = rest.split('"').next()?;
        Some((name.to_owned(), value.replace("&#60;", "<").replace("&#62;", ">").replace("&#38;", "&")))
    };
    fields.filter_map(field).collect()
}

/// A login form as a browser gets it: a word in the page and the same in a cookie.
#[derive(Clone)]
pub struct LoginForm {
    client: Client,
    address: String,
    cookie: String,
    word: String,
}

impl LoginForm {
    /// Asks for the form of the site at `base`. The client must not follow redirects if the login's own answer is wanted.
    pub async fn ask(client: &Client, base: &str) -> Self {
        let address = format!("{base}/admin/login/");
        let answer = client.get(&address).send().await.unwrap();
        let cookie = cookie(&answer);
        let page = answer.text().await.unwrap();
        let (_, word) = hidden(&page).into_iter().find(|(name, _)| name == "form_word").expect("the page has a login form");
        Self { client: client.clone(), address, cookie, word }
    }

    /// The form, filled in and about to be sent.
    pub fn filled(&self, name: &str, password: &str) -> RequestBuilder {
        let fields = [("form_word", self.word.as_str()), ("name", name), ("password", password)];
        self.client.post(&self.address).header(COOKIE, &self.cookie).form(&fields)
    }

    /// Logs in; answers the cookie of the session.
    pub async fn log_in(&self, name: &str, password: &str) -> String {
        let answer = self.filled(name, password).header("Sec-Fetch-Site", "same-origin").send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 303, "the login is taken");
        cookie(&answer)
    }
}

/// The cookie that came with an answer, as a browser sends it back.
fn cookie(answer: &reqwest::Response) -> String {
    let set = answer.headers().get(SET_COOKIE).expect("a cookie comes along").to_str().unwrap();
    set.split(';').next().unwrap_or_default().to_owned()
}
