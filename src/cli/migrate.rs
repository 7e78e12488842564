//! `guildsync migrate`: the schema.

use super::Outcome;
use crate::app;
use crate::config::Config;
use crate::store;

pub(super) async fn run(config: &Config) -> anyhow::Result<Outcome> {
    let stores = store::open(&app::connect(config)).await?;
    let applied = stores.upkeep.migrate().await?;
    let version = stores.upkeep.version().await?;
    match applied {
        0 => println!("The schema was up to date ({version})."),
        1 => println!("1 migration applied ({version})."),
        count => println!("{count} migrations applied ({version})."),
    }
    stores.upkeep.close().await?;
    Ok(Outcome::Done)
}
