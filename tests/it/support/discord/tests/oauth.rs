//! Login with Discord.

use std::time::Duration;

use reqwest::redirect::Policy;

use super::super::oauth::s256;
use super::*;

const REDIRECT: &str = "http://127.0.0.1:8080/accounts/discord/login/callback/";
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";

/// A browser that looks where it is sent, and does not go there.
struct Browser<'a> {
    fake: &'a Fake,
    http: reqwest::Client,
}

impl<'a> Browser<'a> {
    fn of(fake: &'a Fake) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).no_proxy().user_agent("DiscordBot (http://a, 1)");
        Self { fake, http: http.build().unwrap() }
    }

    /// The parameters of a good request, one of them changed.
    fn query(name: &str, value: &str) -> Vec<(String, String)> {
        let challenge = s256(VERIFIER);
        let mut query = vec![
            ("client_id", APPLICATION.to_string()),
            ("redirect_uri", REDIRECT.into()),
            ("response_type", "code".into()),
            ("scope", "identify email".into()),
            ("state", "the state".into()),
            ("code_challenge", challenge),
            ("code_challenge_method", "S256".into()),
        ];
        query.retain(|(key, _)| *key != name);
        query.push((name, value.into()));
        query.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    async fn authorize(&self, name: &str, value: &str) -> reqwest::Response {
        let mut url = url::Url::parse(&self.fake.url()).unwrap().join("/oauth2/authorize").unwrap();
        url.query_pairs_mut().extend_pairs(Self::query(name, value));
        self.http.get(url).send().await.unwrap()
    }

    /// Where a good request is sent back to, and with what.
    async fn sent_back(&self, scope: &str) -> HashMap<String, String> {
        let answer = self.authorize("scope", scope).await;
        assert_eq!(answer.status(), 302);
        let back = url::Url::parse(answer.headers()["location"].to_str().unwrap()).unwrap();
        assert!(back.as_str().starts_with(REDIRECT), "{back}");
        back.query_pairs().into_owned().collect()
    }

    /// Exchanges a code, one field changed.
    async fn exchange(&self, code: &str, name: &str, value: &str) -> (u16, Value) {
        let mut form = HashMap::from([
            ("grant_type", "authorization_code".to_owned()),
            ("code", code.into()),
            ("redirect_uri", REDIRECT.into()),
            ("code_verifier", VERIFIER.into()),
            ("client_id", APPLICATION.to_string()),
            ("client_secret", CLIENT_SECRET.into()),
        ]);
        form.insert(name, value.into());
        let answer = self.http.post(format!("{}/api/oauth2/token", self.fake.url())).form(&form).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    async fn me(&self, path: &str, token: &str) -> (u16, Value) {
        let answer = self.http.get(format!("{}{path}", self.fake.url())).bearer_auth(token).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }
}

async fn with_visitor() -> Fake {
    let fake = Fake::start().await;
    let person = Person::new(7).username("ada").global_name("Ada").with_user("avatar", "a_1");
    fake.world(|w| {
        w.oauth.redirects.push(REDIRECT.into());
        w.oauth.visitor = Some(Visitor { person, email: Some("ada@example.org".into()), verified: true });
    });
    fake
}

#[test]
fn the_challenge_is_that_of_the_standard() {
    assert_eq!(s256(VERIFIER), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
}

#[tokio::test]
async fn a_visitor_consents_and_is_known_by_the_token() {
    let fake = with_visitor().await;
    let browser = Browser::of(&fake);
    let back = browser.sent_back("identify email").await;
    assert_eq!((back["state"].as_str(), back.len()), ("the state", 2));
    let (status, token) = browser.exchange(&back["code"], "", "").await;
    assert_eq!((status, &token["token_type"], &token["scope"]), (200, &json!("Bearer"), &json!("identify email")));
    assert_eq!(shapes::faults("token", &token, "AccessTokenResponse"), [""; 0]);
    let token = token["access_token"].as_str().unwrap();
    for path in ["/api/users/@me", "/api/v10/users/@me"] {
        let (status, user) = browser.me(path, token).await;
        assert_eq!(shapes::faults("user", &user, "UserPIIResponse"), [""; 0]);
        assert_eq!((status, &user["id"], &user["username"], &user["avatar"]), (200, &json!("7"), &json!("ada"), &json!("a_1")));
        assert_eq!((&user["email"], &user["verified"]), (&json!("ada@example.org"), &json!(true)));
        assert_eq!((&user["global_name"], &user["discriminator"]), (&json!("Ada"), &json!("0")));
    }
    assert_eq!(browser.me("/api/users/@me", "other").await.0, 401);

    let back = browser.sent_back("identify").await;
    let token = browser.exchange(&back["code"], "", "").await.1;
    let user = browser.me("/api/users/@me", token["access_token"].as_str().unwrap()).await.1;
    assert_eq!((user.get("email"), user.get("verified")), (None, None), "nobody asked for it");

    fake.world(|w| w.oauth.visitor.as_mut().unwrap().email = None);
    let back = browser.sent_back("email identify").await;
    let token = browser.exchange(&back["code"], "", "").await.1;
    assert_eq!(browser.me("/api/users/@me", token["access_token"].as_str().unwrap()).await.1["email"], Value::Null);
}

#[tokio::test]
async fn a_visitor_may_cancel() {
    let fake = with_visitor().await;
    fake.world(|w| w.oauth.visitor = None);
    let back = Browser::of(&fake).sent_back("identify email").await;
    assert_eq!((back["error"].as_str(), back["state"].as_str(), back.get("code")), ("access_denied", "the state", None));
}

#[tokio::test]
async fn a_request_without_what_it_needs_is_sent_nowhere() {
    let fake = with_visitor().await;
    let browser = Browser::of(&fake);
    for (name, value) in [
        ("client_id", "1"),
        ("redirect_uri", "http://127.0.0.1:8080/elsewhere/"),
        ("response_type", "token"),
        ("scope", "identify guilds"),
        ("scope", "email"),
        ("state", ""),
        ("code_challenge", "short"),
        ("code_challenge_method", "plain"),
    ] {
        let answer = browser.authorize(name, value).await;
        assert_eq!((answer.status().as_u16(), answer.headers().get("location")), (400, None), "{name} {value}");
        assert!(answer.text().await.unwrap().contains(if name == "code_challenge_method" { "code_challenge" } else { name }));
    }
}

#[tokio::test]
async fn a_code_works_once_and_only_for_who_asked_for_it() {
    let fake = with_visitor().await;
    let browser = Browser::of(&fake);
    let refused = |error: &str| json!({ "error": error });
    for (name, value, status, error) in [
        ("client_secret", "other", 401, "invalid_client"),
        ("client_id", "1", 401, "invalid_client"),
        ("grant_type", "password", 400, "unsupported_grant_type"),
        ("code", "other", 400, "invalid_grant"),
        ("redirect_uri", "http://127.0.0.1:8080/elsewhere/", 400, "invalid_grant"),
        ("code_verifier", "other", 400, "invalid_grant"),
    ] {
        let code = browser.sent_back("identify").await["code"].clone();
        assert_eq!(browser.exchange(&code, name, value).await, (status, refused(error)), "{name}");
    }
    let code = browser.sent_back("identify").await["code"].clone();
    assert_eq!(browser.exchange(&code, "", "").await.0, 200);
    assert_eq!(browser.exchange(&code, "", "").await, (400, refused("invalid_grant")));
}

#[tokio::test]
async fn the_secret_may_come_in_the_head() {
    let fake = with_visitor().await;
    let browser = Browser::of(&fake);
    for (secret, expected) in [(CLIENT_SECRET, 200), ("other", 401)] {
        let code = browser.sent_back("identify").await["code"].clone();
        let form =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT), ("code_verifier", VERIFIER)];
        let secret: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let request = browser.http.post(format!("{}/api/oauth2/token", fake.url())).form(&form);
        assert_eq!(request.basic_auth(APPLICATION, Some(secret)).send().await.unwrap().status(), expected);
    }
}

#[tokio::test]
async fn the_exchange_may_be_in_trouble() {
    let fake = with_visitor().await;
    let browser = Browser::of(&fake);
    let url = format!("{}/api/oauth2/token", fake.url());
    fake.world(|w| w.trouble(Route::Token, When::Nth(1), Trouble::Edge(502, None)));
    let answer = browser.http.post(&url).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.text().await.unwrap().contains("<h1>")), (502, true));
    fake.world(|w| w.trouble(Route::Token, When::Nth(1), Trouble::Hang));
    assert!(browser.http.post(&url).timeout(Duration::from_millis(50)).send().await.is_err_and(|e| e.is_timeout()));
    let stranger = reqwest::Client::builder().no_proxy().build().unwrap();
    assert_eq!(stranger.post(&url).send().await.unwrap().status(), 400, "the API wants a User-Agent here too");
}
