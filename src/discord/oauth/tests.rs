//! Against a Discord of a few lines that says what a test wants it to say.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use poem::http::StatusCode;
use poem::http::header::{AUTHORIZATION, LOCATION};
use poem::listener::TcpAcceptor;
use poem::{IntoEndpoint as _, Request, Response, Server, endpoint::make};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;

/// What it was asked: path, credentials and form.
type Asked = Arc<Mutex<Vec<(String, String, HashMap<String, String>)>>>;

/// What it answers at the token endpoint and about the person.
#[derive(Clone)]
struct Answers {
    token: (u16, String),
    me: (u16, String),
}

impl Answers {
    fn of_person(me: &Value) -> Self {
        let token = json!({ "access_token": "token-of-the-test", "token_type": "Bearer", "expires_in": 604_800, "scope": "identify email" });
        Self { token: (200, token.to_string()), me: (200, me.to_string()) }
    }

    fn refusing(status: u16, answer: &str) -> Self {
        Self { token: (status, answer.to_owned()), ..Self::of_person(&nelly()) }
    }
}

fn nelly() -> Value {
    json!({ "id": "80351110224678912", "username": "nelly", "discriminator": "0", "email": "nelly@example.org", "verified": true })
}

async fn discord(answers: Answers) -> (String, Asked) {
    let asked = Asked::default();
    let seen = asked.clone();
    let endpoint = make(move |mut request: Request| {
        let (answers, seen) = (answers.clone(), seen.clone());
        async move {
            let form = request.take_body().into_vec().await.unwrap();
            let form = url::form_urlencoded::parse(&form).into_owned().collect();
            let path = request.uri().path().to_owned();
            let (status, body) = if path == "/api/oauth2/token" { answers.token } else { answers.me };
            seen.lock().unwrap().push((path, request.header(AUTHORIZATION).unwrap_or_default().to_owned(), form));
            let status = StatusCode::from_u16(status).unwrap();
            let mut response = Response::builder().status(status);
            if status.is_redirection() {
                response = response.header(LOCATION, &body);
            }
            Ok::<_, poem::Error>(response.body(body))
        }
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let server = Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
    tokio::spawn(async move { server.run(endpoint.into_endpoint()).await });
    (address, asked)
}

fn oauth(api_url: &str) -> OAuth {
    let options = OAuthOptions {
        api_url: api_url.to_owned(),
        client_id: "4711".parse().unwrap(),
        client_secret: "geheim".into(),
        redirect_url: "https://members.example.org/accounts/discord/login/callback/".into(),
    };
    OAuth::new(options).unwrap()
}

fn random() -> Random {
    let drawn = std::sync::atomic::AtomicU8::new(1);
    Arc::new(move || [drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed); 32])
}

/// What comes of a login with these answers.
async fn log_in(answers: Answers) -> Result<DiscordUser, OAuthError> {
    let (address, _) = discord(answers).await;
    oauth(&address).log_in("code", &"verifier".into()).await
}

#[test]
fn a_login_begins_with_all_that_keeps_it_safe() {
    let begun = oauth("https://discord.example").authorize(&random());
    assert_eq!(begun.url.as_str().split('?').next(), Some("https://discord.example/oauth2/authorize"));
    let asked: HashMap<_, _> = begun.url.query_pairs().into_owned().collect();
    let expected = [
        ("response_type", "code"),
        ("client_id", "4711"),
        ("redirect_uri", "https://members.example.org/accounts/discord/login/callback/"),
        ("scope", "identify email"),
        ("state", begun.state.as_str()),
        ("code_challenge_method", "S256"),
        // The SHA-256 of the verifier, in base64url.
        ("code_challenge", "WLrdm0VRRbSHrSTH8lnMQ3zE_9B4RxaEUkkyH7WWHPw"),
    ];
    assert_eq!(asked, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    assert_eq!((begun.state, begun.verifier.expose_secret()), ("02".repeat(32), "01".repeat(32).as_str()));
}

#[tokio::test]
async fn the_code_is_exchanged_once_and_the_token_used_once() {
    let (address, asked) = discord(Answers::of_person(&nelly())).await;
    let user = oauth(&address).log_in("the code", &"the verifier".into()).await.unwrap();
    let expected = DiscordUser {
        id: "80351110224678912".parse().unwrap(),
        username: "nelly".into(),
        email: Some("nelly@example.org".into()),
    };
    assert_eq!(user, expected);
    let asked = asked.lock().unwrap();
    let [(token, basic, form), (me, bearer, _)] = &asked[..] else { panic!("two requests: {asked:?}") };
    assert_eq!((token.as_str(), me.as_str()), ("/api/oauth2/token", "/api/v10/users/@me"));
    assert_eq!((basic.as_str(), bearer.as_str()), ("Basic NDcxMTpnZWhlaW0=", "Bearer token-of-the-test"));
    let expected = [
        ("grant_type", "authorization_code"),
        ("code", "the code"),
        ("code_verifier", "the verifier"),
        ("redirect_uri", "https://members.example.org/accounts/discord/login/callback/"),
    ];
    assert_eq!(*form, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
}

#[tokio::test]
async fn only_an_address_that_discord_has_verified_is_carried_on() {
    for (verified, email) in [
        (json!(false), json!("nelly@example.org")),
        (Value::Null, json!("nelly@example.org")),
        (json!(true), Value::Null),
        (json!(true), json!("")),
        (json!(true), json!("a\u{0}b")),
        (json!(true), json!("x".repeat(255))),
    ] {
        let mut me = nelly();
        me["verified"] = verified.clone();
        me["email"] = email.clone();
        assert_eq!(log_in(Answers::of_person(&me)).await.unwrap().email, None, "{verified} {email}");
    }
    let bare = json!({ "id": "1", "username": "n" });
    assert_eq!(log_in(Answers::of_person(&bare)).await.unwrap().email, None);
}

#[tokio::test]
async fn a_name_is_discords_with_its_number_where_it_has_one() {
    for (discriminator, expected) in [(json!("0"), "nelly"), (Value::Null, "nelly"), (json!("1337"), "nelly#1337")] {
        let mut me = nelly();
        me["discriminator"] = discriminator;
        assert_eq!(log_in(Answers::of_person(&me)).await.unwrap().username, expected);
    }
    for odd in ["", "a\u{0}b", &"x".repeat(101)] {
        let mut me = nelly();
        me["username"] = json!(odd);
        assert!(matches!(log_in(Answers::of_person(&me)).await, Err(OAuthError::Unreadable(_))), "{odd}");
    }
}

#[tokio::test]
async fn what_the_token_endpoint_says_is_understood() {
    let said = |status, error: &str| Answers::refusing(status, &json!({ "error": error, "error_description": "x" }).to_string());
    assert!(matches!(log_in(said(400, "invalid_grant")).await, Err(OAuthError::Code)));
    for (status, word) in [(401, "invalid_client"), (400, "invalid_request"), (400, "unauthorized_client"), (400, "new_word")] {
        let error = log_in(said(status, word)).await.unwrap_err();
        assert!(matches!(&error, OAuthError::Application(said) if said == word), "{error}");
        assert!(error.to_string().contains("DISCORD_CLIENT_SECRET"), "{error}");
        assert!(error.to_string().contains("{PUBLIC_URL}/accounts/discord/login/callback/"), "{error}");
    }
    let odd = log_in(said(400, &format!("<b>\n{}", "x".repeat(500)))).await.unwrap_err();
    assert!(matches!(&odd, OAuthError::Application(said) if said.len() == 40 && !said.contains('\n')), "{odd}");
    for status in [500, 502, 503, 429] {
        let error = log_in(Answers::refusing(status, "<html>")).await.unwrap_err();
        assert!(matches!(error, OAuthError::Busy(said) if said == status), "{error}");
    }
    for (status, answer) in [(200, ""), (200, "{}"), (200, "<html>"), (404, ""), (400, r#"{"code":10002}"#)] {
        assert!(matches!(log_in(Answers::refusing(status, answer)).await, Err(OAuthError::Unreadable(_))), "{status} {answer}");
    }
}

#[tokio::test]
async fn a_person_is_nobody_until_discord_says_who() {
    for (status, me) in [(401, "{}".to_owned()), (200, "{}".to_owned()), (200, nelly().to_string().replace("8035", "-8035"))] {
        let answers = Answers { me: (status, me), ..Answers::of_person(&nelly()) };
        assert!(matches!(log_in(answers).await, Err(OAuthError::Unreadable(_))), "{status}");
    }
    let answers = Answers { me: (500, String::new()), ..Answers::of_person(&nelly()) };
    assert!(matches!(log_in(answers).await, Err(OAuthError::Busy(500))));
}

#[tokio::test]
async fn nothing_is_sent_to_another_host_and_no_answer_is_read_without_end() {
    let (other, asked) = discord(Answers::of_person(&nelly())).await;
    for status in [301, 302, 307, 308] {
        let answers = Answers::refusing(status, &format!("{other}/api/oauth2/token"));
        assert!(matches!(log_in(answers).await, Err(OAuthError::Unreadable(_))), "{status}");
        let answers = Answers { me: (status, format!("{other}/api/v10/users/@me")), ..Answers::of_person(&nelly()) };
        assert!(matches!(log_in(answers).await, Err(OAuthError::Unreadable(_))), "{status}");
    }
    assert!(asked.lock().unwrap().is_empty());
    let mut me = nelly();
    me["more"] = json!("x".repeat(70_000));
    assert!(matches!(log_in(Answers::of_person(&me)).await, Err(OAuthError::Unreadable("it is too long"))));
}

#[tokio::test]
async fn without_a_connection_discord_is_away() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let error = oauth(&format!("http://{free}")).log_in("code", &"verifier".into()).await.unwrap_err();
    assert!(matches!(error, OAuthError::Away("there is no connection to it")), "{error}");
}

#[test]
fn no_secret_shows_in_what_is_logged() {
    let oauth = oauth("https://discord.example");
    let begun = oauth.authorize(&random());
    for shown in [format!("{oauth:?}"), format!("{begun:?}")] {
        assert!(!shown.contains("geheim") && !shown.contains(&"01".repeat(32)), "{shown}");
    }
    let bad = OAuthOptions {
        api_url: "no address".into(),
        client_id: "1".parse().unwrap(),
        client_secret: "geheim".into(),
        redirect_url: "https://x".into(),
    };
    assert!(OAuth::new(bad).unwrap_err().to_string().contains("DISCORD_API_URL"));
}
