//! Login with Discord: the page where a person consents, the exchange of the code, and who the token speaks for.

use std::collections::HashMap;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use url::form_urlencoded;

use super::person::Person;
use super::reply::Answer;
use super::request::Request;
use super::world::{APPLICATION, World};

/// The application's secret.
pub const CLIENT_SECRET: &str = "not-a-secret-but-the-fake's";
/// Seconds that a token is good for.
const EXPIRES_IN: u32 = 604_800;

/// Somebody with a Discord account, in front of a browser.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Who.
    pub person: Person,
    /// Their address, if they have one.
    pub email: Option<String>,
    /// Whether they have shown it to be theirs.
    pub verified: bool,
}

#[derive(Debug)]
struct Code {
    redirect_uri: String,
    challenge: String,
    grant: Grant,
}

/// What a visitor consented to.
#[derive(Debug, Clone)]
struct Grant {
    visitor: Visitor,
    scope: String,
}

/// The OAuth part of the world.
pub struct OAuth {
    /// The application's secret.
    pub client_secret: String,
    /// Redirects entered in the developer portal; no other is followed.
    pub redirects: Vec<String>,
    /// Who opens the page of consent, and consents. Nobody: the visitor cancels.
    pub visitor: Option<Visitor>,
    codes: HashMap<String, Code>,
    tokens: HashMap<String, Grant>,
}

impl OAuth {
    pub(super) fn new() -> Self {
        Self {
            client_secret: CLIENT_SECRET.into(),
            redirects: Vec::new(),
            visitor: None,
            codes: HashMap::new(),
            tokens: HashMap::new(),
        }
    }

    fn is_client(&self, id: &str, secret: &str) -> bool {
        id == APPLICATION.to_string() && secret == self.client_secret
    }
}

/// `GET /oauth2/authorize`. What Discord would show the visitor as an error is a 400 here.
pub(super) fn authorize(world: &mut World, asked: &Request) -> Answer {
    let param = |name: &str| asked.param(name).unwrap_or_default();
    let refuse = |what: &str| Answer::invalid(what, "This field is missing or wrong.");
    let (redirect_uri, state, scope, challenge) =
        (param("redirect_uri"), param("state"), param("scope"), param("code_challenge"));
    if param("client_id") != APPLICATION.to_string() {
        return refuse("client_id");
    }
    if !world.oauth.redirects.contains(&redirect_uri) {
        return refuse("redirect_uri");
    }
    if param("response_type") != "code" {
        return refuse("response_type");
    }
    if !scope.split(' ').all(|scope| ["identify", "email"].contains(&scope)) || !scope.contains("identify") {
        return refuse("scope");
    }
    if state.is_empty() {
        return refuse("state");
    }
    // A SHA-256 in base64.
    if param("code_challenge_method") != "S256" || challenge.len() != 43 {
        return refuse("code_challenge");
    }

    let mut back = url::Url::parse(&redirect_uri).expect("a test entered an address");
    if let Some(visitor) = world.oauth.visitor.clone() {
        let code = format!("code-{}", world.new_id());
        back.query_pairs_mut().append_pair("code", &code).append_pair("state", &state);
        world.oauth.codes.insert(code, Code { redirect_uri, challenge, grant: Grant { visitor, scope } });
    } else {
        let why = "The resource owner or authorization server denied the request";
        let mut query = back.query_pairs_mut();
        query.append_pair("error", "access_denied").append_pair("error_description", why).append_pair("state", &state);
    }
    Answer { status: 302, ..Answer::text(String::new()) }.header("location", back)
}

/// `POST /api/oauth2/token`
pub(super) fn token(world: &mut World, asked: &Request) -> Answer {
    let refuse = |status, error: &str| Answer { status, ..Answer::json(&json!({ "error": error })) };
    let form: HashMap<String, String> = form_urlencoded::parse(asked.text.as_bytes()).into_owned().collect();
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let known = match &asked.basic {
        Some((id, secret)) => world.oauth.is_client(id, secret),
        None => world.oauth.is_client(field("client_id"), field("client_secret")),
    };
    if !known {
        return refuse(401, "invalid_client");
    }
    if field("grant_type") != "authorization_code" {
        return refuse(400, "unsupported_grant_type");
    }
    // Whoever brings it first: a code works once.
    let Some(code) = world.oauth.codes.remove(field("code")) else { return refuse(400, "invalid_grant") };
    if field("redirect_uri") != code.redirect_uri || s256(field("code_verifier")) != code.challenge {
        return refuse(400, "invalid_grant");
    }
    let id = world.new_id();
    let (token, scope) = (format!("access-{id}"), code.grant.scope.clone());
    world.oauth.tokens.insert(token.clone(), code.grant);
    Answer::json(&json!({
        "token_type": "Bearer",
        "access_token": token,
        "expires_in": EXPIRES_IN,
        "refresh_token": format!("refresh-{id}"),
        "scope": scope,
    }))
}

/// `GET /users/@me` for the holder of a token; none if it is nobody's.
pub(super) fn me(world: &World, token: &str) -> Option<Answer> {
    let Grant { visitor, scope } = world.oauth.tokens.get(token)?;
    let mut user = visitor.person.itself();
    if scope.contains("email") {
        user["email"] = visitor.email.clone().into();
        user["verified"] = visitor.verified.into();
    } else if let Some(fields) = user.as_object_mut() {
        fields.retain(|field, _| field != "email" && field != "verified");
    }
    Some(Answer::json(&user))
}

/// The challenge that belongs to a verifier (RFC 7636, 4.2).
pub(super) fn s256(verifier: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digest = Sha256::digest(verifier.as_bytes());
    let digits = digest.chunks(3).flat_map(|bytes| {
        let bits = (0..3).fold(0, |bits, at| bits << 8 | usize::from(bytes.get(at).copied().unwrap_or(0)));
        (0..=bytes.len()).map(move |at| char::from(DIGITS[bits >> (18 - 6 * at) & 63]))
    });
    digits.collect()
}
