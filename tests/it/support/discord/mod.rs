//! A Discord of one test: REST, gateway and OAuth over real sockets around a [`World`] that the test reads and changes whenever it likes.
//!
//! Nothing is expected in advance: what the program asks is answered from the world as it stands, and is kept in its log. The
//! strictness is Discord's: token, `User-Agent`, the Server Members Intent, limits of pages, rate limits with their headers.
//! [`World::trouble`] scripts what goes wrong now and then.

mod calls;
mod channels;
mod events;
mod gateway;
mod guilds;
mod interactions;
mod limits;
mod oauth;
mod person;
mod reply;
mod request;
mod rest;
mod trouble;
mod world;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use poem::EndpointExt as _;
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use tokio::sync::watch;
use tokio::task::JoinSet;

use gateway::Gateway;

pub use calls::Call;
pub use gateway::GUILD_MEMBERS;
pub use limits::{Rate, Scope};
pub use oauth::{CLIENT_SECRET, Visitor};
pub use person::{Person, role};
pub use request::Route;
pub use trouble::{Trouble, When};
pub use world::{APPLICATION, GUILD, TOKEN, World};

use super::DEADLINE;

/// A running fake; it ends with this value.
pub struct Fake {
    shared: Arc<Shared>,
    address: SocketAddr,
    _serving: JoinSet<()>,
}

/// The world, and a bell that rings after each look at it.
struct Shared {
    world: Mutex<World>,
    touched: watch::Sender<()>,
}

impl Shared {
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        // A test that fails inside a look leaves the world as good as it was.
        let seen = look(&mut self.world.lock().unwrap_or_else(PoisonError::into_inner));
        self.touched.send_replace(());
        seen
    }
}

impl Fake {
    /// Starts one on a free port of 127.0.0.1, with an empty guild.
    pub async fn start() -> Self {
        let acceptor = TcpListener::bind("127.0.0.1:0").into_acceptor().await.expect("a free port");
        let address = *acceptor.local_addr()[0].as_socket_addr().expect("an address of TCP");
        let gateway = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let world = World::new(Gateway::at(gateway.local_addr().expect("an address of TCP")));
        let shared = Arc::new(Shared { world: Mutex::new(world), touched: watch::Sender::new(()) });

        let mut serving = JoinSet::new();
        serving.spawn(gateway::serve(gateway, shared.clone()));
        let endpoint = poem::endpoint::make(rest::answer).data(shared.clone());
        serving.spawn(
            async move { poem::Server::new_with_acceptor(acceptor).run(endpoint).await.expect("it serves until dropped") },
        );
        Self { shared, address, _serving: serving }
    }

    /// What `DISCORD_API_URL` is set to.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Looks at the world, or changes it.
    pub fn world<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        self.shared.with(look)
    }

    /// Waits until `look` finds what it looks for in the world. Panics after [`DEADLINE`], naming `what`.
    pub async fn until<T>(&self, what: &str, mut look: impl FnMut(&mut World) -> Option<T>) -> T {
        let mut touched = self.shared.touched.subscribe();
        let looking = async {
            loop {
                touched.mark_unchanged();
                // Past the bell: this look must not ring it.
                let found = look(&mut self.shared.world.lock().unwrap_or_else(PoisonError::into_inner));
                if let Some(found) = found {
                    return found;
                }
                touched.changed().await.expect("we hold the bell");
            }
        };
        let found = tokio::time::timeout(DEADLINE, looking).await;
        found.unwrap_or_else(|_| panic!("waited {} s in vain until {what}", DEADLINE.as_secs()))
    }
}

#[cfg(test)]
mod tests;
