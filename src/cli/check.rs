//! `guildsync check`: a doctor. Says what is right, what is not, and how to mend it.

use secrecy::ExposeSecret as _;

use super::Outcome;
use super::check_discord::check_discord;
use crate::app;
use crate::config::Config;
use crate::domain::{Clock as _, SystemClock};
use crate::queue;
use crate::store::{self, Backend, GONE_AFTER, ServingLock, Stores};

/// Shortest API key that is not a risk, in characters.
const SHORT_KEY: usize = 16;

/// What the doctor found.
#[derive(Default)]
pub(super) struct Findings {
    problems: usize,
}

impl Findings {
    /// Sums up.
    fn told(&self) -> Outcome {
        match self.problems {
            0 => println!("\nAll is well."),
            1 => println!("\n1 problem."),
            count => println!("\n{count} problems."),
        }
        if self.problems == 0 { Outcome::Done } else { Outcome::Problems }
    }

    pub(super) fn problem(&mut self, what: &str, remedy: &str) {
        self.problems += 1;
        println!("PROBLEM  {what}\n         -> {remedy}");
    }
}

pub(super) fn fine(what: &str) {
    println!("ok       {what}");
}

/// Tells something that a person may want to know and that is no problem.
pub(super) fn note(what: &str) {
    println!("note     {what}");
}

pub(super) async fn run(config: &Config) -> anyhow::Result<Outcome> {
    let mut findings = Findings::default();
    fine("the settings can be read");
    check_api(config, &mut findings);
    check_addresses(config, &mut findings);
    if let Some(file) = store::missing_file(&app::connect(config)) {
        findings.problem(
            &format!("there is no database yet: the file {} of database.url (DATABASE_URL) does not exist", file.display()),
            "start `guildsync serve` or run `guildsync migrate`, in the folder where the file is to be",
        );
        check_redis(config, &mut findings).await;
        check_discord(config, config.guild_id()?, &mut findings).await;
        return Ok(findings.told());
    }
    let mut guild = config.guild_id()?;
    match store::open(&app::connect(config)).await {
        Ok(stores) => {
            // As the service does: it serves the guild that the database belongs to.
            guild = guild.or(stores.upkeep.guild().await.unwrap_or_default());
            if let Err(error) = check_ledger(config, &stores, &mut findings).await {
                findings.problem(&format!("the database answers with an error: {error}"), "look into the database's own log");
            }
            stores.upkeep.close().await?;
        }
        Err(error) => {
            findings.problem(&format!("database: {error}"), "check DATABASE_URL, and that the server runs and lets this user in");
        }
    }
    check_redis(config, &mut findings).await;
    check_discord(config, guild, &mut findings).await;
    Ok(findings.told())
}

fn check_api(config: &Config, findings: &mut Findings) {
    let keys = config.api.keys();
    if keys.is_empty() {
        findings.problem(
            "DBOT_AUTH_KEY is not set, so the bot API answers 503",
            "set it to a long random text, the same in your bot: head -c 32 /dev/urandom | base64",
        );
    } else if keys.iter().any(|key| key.expose_secret().chars().count() < SHORT_KEY) {
        findings.problem("DBOT_AUTH_KEY is short enough to be guessed", "use at least 16 random characters");
    } else {
        fine(&format!("the bot API has {} key(s)", keys.len()));
    }
}

fn check_addresses(config: &Config, findings: &mut Findings) {
    let public = config.public_url();
    let url = url::Url::parse(public).ok();
    // The host alone: a name may well begin with "localhost".
    let local = url.as_ref().and_then(url::Url::host_str).is_some_and(|host| ["127.0.0.1", "localhost", "[::1]"].contains(&host));
    if public.starts_with("http://") && !local {
        findings.problem(
            &format!("the pages are reached under {public}, without encryption: passwords can be read on the way"),
            "put a proxy with a certificate in front and set PUBLIC_URL=https://…",
        );
    } else {
        fine(&format!("the pages are reached under {public}"));
    }
}

async fn check_ledger(config: &Config, stores: &Stores, findings: &mut Findings) -> anyhow::Result<()> {
    let version = stores.upkeep.version().await?;
    let number = version.split([' ', '.']).nth(1).and_then(|major| major.parse::<u32>().ok());
    let postgres = Backend::of(config.database.url.expose_secret()) == Some(Backend::Postgres);
    match number {
        Some(major) if postgres && major < 15 => {
            findings.problem(&format!("the database is {version}"), "use PostgreSQL 15 or later");
        }
        _ => fine(&format!("the database answers ({version})")),
    }
    let pending = stores.upkeep.pending_migrations().await?;
    if pending > 0 {
        let what = format!("the schema lacks {pending} migration(s)");
        findings.problem(&what, "run `guildsync migrate`; `guildsync serve` does it by itself at its start");
        // The tables asked for next may not be there.
        return Ok(());
    }
    fine("the schema is up to date");
    if !stores.upkeep.has_name_index().await? {
        note(
            "names are searched without an index, which is slow in a large guild: pg_trgm was missing, or this user may not add it. Have \
             someone who may do so run CREATE EXTENSION pg_trgm, then the last statements of migrations/postgres/0006_lists.sql",
        );
    }
    check_guild(config, stores, findings).await?;
    for problem in stores.read.problems().await? {
        findings.problem(&format!("since {}: {}", problem.noted_at.format("%Y-%m-%d %H:%M UTC"), problem.message), "see there");
    }
    check_people(config, stores, findings).await
}

async fn check_guild(config: &Config, stores: &Stores, findings: &mut Findings) -> anyhow::Result<()> {
    match (config.guild_id()?, stores.upkeep.guild().await?) {
        (None, None) => findings.problem("GUILD_ID is not set", "in Discord, right-click the server's name, then Copy Server ID"),
        (Some(wanted), Some(bound)) if wanted != bound => findings.problem(
            &format!("GUILD_ID is {wanted}, but the database belongs to guild {bound}"),
            "set the guild it belongs to, or give the other guild a database of its own",
        ),
        (Some(guild), _) | (None, Some(guild)) => fine(&format!("the guild is {guild}")),
    }
    Ok(())
}

async fn check_people(config: &Config, stores: &Stores, findings: &mut Findings) -> anyhow::Result<()> {
    if stores.accounts.staff().await?.is_empty() {
        findings.problem("there is no staff account, so nobody can enter the pages", "run `guildsync staff create NAME`");
    } else {
        fine("there are staff accounts");
    }
    let alive = stores.read.processes(SystemClock.now() - GONE_AFTER).await?;
    let served = ServingLock::is_taken(&app::connect(config))?.unwrap_or(!alive.is_empty());
    if served {
        for process in alive {
            let seen = (SystemClock.now() - process.seen_at).num_seconds().max(0);
            fine(&format!("process {} runs as {}, version {}, seen {seen} s ago", process.id, process.roles, process.version));
        }
    } else {
        note("no service runs on this database just now; start one with `guildsync serve`");
    }
    Ok(())
}

async fn check_redis(config: &Config, findings: &mut Findings) {
    let Some(options) = app::redis_options(config) else {
        note("Redis is not used: jobs stay in the serving process");
        return;
    };
    match queue::inspect(&options).await {
        Ok(facts) => {
            fine(&format!("Redis answers (version {}, {} jobs wait)", facts.version, facts.waiting));
            if facts.maxmemory_policy == "noeviction" {
                fine("Redis keeps what it is given (maxmemory-policy noeviction)");
            } else {
                findings.problem(
                    &format!("Redis may throw jobs away (maxmemory-policy {})", facts.maxmemory_policy),
                    "set maxmemory-policy noeviction; runs are safe in the database, but start late",
                );
            }
        }
        Err(error) => findings.problem(&format!("{error}"), "check REDIS_URL, and that the server runs and lets this user in"),
    }
}
