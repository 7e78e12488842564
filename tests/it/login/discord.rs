//! Discord's side of a login, over a real socket: the page where people agree, the token endpoint, and `/users/@me`.
//!
//! As strict as Discord: the application's credentials, its registered redirect, PKCE, and codes and tokens that are good for one person
//! and, in the case of a code, for one time.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use oauth2::{PkceCodeChallenge, PkceCodeVerifier};
use poem::endpoint::make;
use poem::http::{StatusCode, header};
use poem::listener::TcpAcceptor;
use poem::{Request, Response};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use url::Url;

pub const CLIENT_ID: &str = "300000000000000001";
pub const CLIENT_SECRET: &str = "secret-of-the-tests";
/// Both of them, as they are sent.
const CREDENTIALS: &str = "Basic MzAwMDAwMDAwMDAwMDAwMDAxOnNlY3JldC1vZi10aGUtdGVzdHM=";

/// A code that was handed out.
struct Code {
    person: Value,
    challenge: String,
    redirect: String,
}

/// What is true there.
#[derive(Default)]
struct World {
    /// Who sits before the browser; nobody agrees to anything unless somebody does.
    person: Option<Value>,
    codes: HashMap<String, Code>,
    /// How many codes there ever were.
    handed_out: usize,
    tokens: HashMap<String, Value>,
    /// What the token endpoint answers instead of what it should.
    trouble: Option<u16>,
    /// How often each path was asked.
    asked: BTreeMap<String, usize>,
}

/// A running one; it ends with this value.
pub struct Discord {
    address: String,
    world: Arc<Mutex<World>>,
    _serving: JoinSet<()>,
}

impl Discord {
    /// Starts one where the redirect of `public_url` is registered.
    pub async fn start(public_url: &str) -> Self {
        let world = Arc::new(Mutex::new(World::default()));
        let (seen, registered) = (world.clone(), format!("{public_url}/accounts/discord/login/callback/"));
        let endpoint = make(move |mut request: Request| {
            let (world, registered) = (seen.clone(), registered.clone());
            async move {
                let form = request.take_body().into_vec().await.unwrap();
                Ok::<_, poem::Error>(world.lock().unwrap().answer(&request, &form, &registered))
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let server = poem::Server::new_with_acceptor(TcpAcceptor::from_tokio(listener).unwrap());
        let mut serving = JoinSet::new();
        serving.spawn(async move { server.run(endpoint).await.unwrap() });
        Self { address, world, _serving: serving }
    }

    /// What `DISCORD_API_URL` is set to.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// From here on this person sits before the browser and agrees.
    pub fn sits(&self, person: &Value) {
        self.world.lock().unwrap().person = Some(person.clone());
    }

    /// From here on whoever sits there says no.
    pub fn cancels(&self) {
        self.world.lock().unwrap().person = None;
    }

    /// From here on the token endpoint answers this, or what it should.
    pub fn trouble(&self, status: Option<u16>) {
        self.world.lock().unwrap().trouble = status;
    }

    /// How often the token endpoint was asked.
    pub fn exchanges(&self) -> usize {
        self.world.lock().unwrap().asked.get("/api/oauth2/token").copied().unwrap_or_default()
    }
}

/// A person with a verified address.
pub fn person(id: u64, username: &str) -> Value {
    json!({
        "id": id.to_string(),
        "username": username,
        "discriminator": "0",
        "global_name": null,
        "avatar": null,
        "email": format!("{username}@example.org"),
        "verified": true,
        "mfa_enabled": false,
        "locale": "en-US",
        "flags": 0,
        "public_flags": 0,
    })
}

impl World {
    fn answer(&mut self, request: &Request, form: &[u8], registered: &str) -> Response {
        let path = request.uri().path();
        *self.asked.entry(path.to_owned()).or_default() += 1;
        let fields = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<HashMap<String, String>>();
        match (request.method().as_str(), path) {
            ("GET", "/oauth2/authorize") => self.agree(&fields(request.uri().query().unwrap_or_default().as_bytes()), registered),
            ("POST", "/api/oauth2/token") => self.exchange(request.header("authorization"), &fields(form)),
            ("GET", "/api/v10/users/@me") => self.me(request.header("authorization")),
            _ => error(404, "unknown"),
        }
    }

    /// The page where people agree, as if they had pressed the button.
    fn agree(&mut self, asked: &HashMap<String, String>, registered: &str) -> Response {
        let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
        let is_known = of("client_id") == CLIENT_ID && of("redirect_uri") == registered;
        let is_whole = of("response_type") == "code" && of("scope") == "identify email" && of("code_challenge_method") == "S256";
        if !is_known || !is_whole || of("state").len() < 32 || of("code_challenge").len() != 43 {
            return error(400, "invalid_request");
        }
        let (brought, value) = match &self.person {
            None => ("error", "access_denied".to_owned()),
            Some(person) => {
                self.handed_out += 1;
                let code = format!("code{}", self.handed_out);
                let known = Code { person: person.clone(), challenge: of("code_challenge"), redirect: of("redirect_uri") };
                self.codes.insert(code.clone(), known);
                ("code", code)
            }
        };
        let back = Url::parse_with_params(registered, [(brought, value), ("state", of("state"))]).unwrap();
        Response::builder().status(StatusCode::FOUND).header(header::LOCATION, back.as_str()).finish()
    }

    fn exchange(&mut self, credentials: Option<&str>, asked: &HashMap<String, String>) -> Response {
        if let Some(status) = self.trouble {
            return error(status, if status == 401 { "invalid_client" } else { "server_error" });
        }
        if credentials != Some(CREDENTIALS) {
            return error(401, "invalid_client");
        }
        let of = |name: &str| asked.get(name).cloned().unwrap_or_default();
        if of("grant_type") != "authorization_code" {
            return error(400, "unsupported_grant_type");
        }
        // Whatever comes of it, a code works once.
        let proof = PkceCodeChallenge::from_code_verifier_sha256(&PkceCodeVerifier::new(of("code_verifier")));
        let known = self.codes.remove(&of("code"));
        let Some(code) = known.filter(|code| code.challenge == proof.as_str() && code.redirect == of("redirect_uri")) else {
            return error(400, "invalid_grant");
        };
        let token = format!("token-{}", self.tokens.len());
        self.tokens.insert(token.clone(), code.person);
        let answer = json!({
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": 604_800,
            "refresh_token": "refresh",
            "scope": "identify email",
        });
        Response::builder().content_type("application/json").body(answer.to_string())
    }

    fn me(&self, bearer: Option<&str>) -> Response {
        let token = bearer.and_then(|bearer| bearer.strip_prefix("Bearer "));
        match token.and_then(|token| self.tokens.get(token)) {
            Some(person) => Response::builder().content_type("application/json").body(person.to_string()),
            None => error(401, "unauthorized"),
        }
    }
}

fn error(status: u16, word: &str) -> Response {
    let status = StatusCode::from_u16(status).unwrap();
    Response::builder().status(status).content_type("application/json").body(json!({ "error": word }).to_string())
}
