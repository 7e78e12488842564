//! `guildsync demo`: everything at work on an invented guild.

mod past;

use std::io::{BufWriter, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::signal::unix::{SignalKind, signal};

use super::Outcome;
use crate::app::{self, Carrier, Role, Running};
use crate::config::{Config, Environment, Flags};
use crate::discord::{Churn, InventedGuild, write_roster};
use crate::domain::{Clock as _, Member, Run, Source, SystemClock};
use crate::intake::Wish;
use crate::store::{Claim, ImportRow, NewStaff};
use past::Past;

/// How long one of the demo's own syncs may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Show everything working on an invented guild, in one process, with nothing installed
///
/// Uses a fresh folder and an embedded database; both are removed at the end. Stop it with Ctrl-C.
#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Address and port to listen on; a free port if this one is taken
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "ADDRESS:PORT")]
    bind: std::net::SocketAddr,

    /// Members of the invented guild
    #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    members: u32,

    /// Seconds between changes of the guild
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u64).range(1..=3_600))]
    every: u64,

    /// What the guild is invented from; the same number gives the same guild
    #[arg(long)]
    seed: Option<u64>,
}

/// The environment without the plain variables: the demo never touches what they point at, nor minds what is wrong with them.
pub(super) fn apart(environment: &Environment) -> Environment {
    let mut apart = environment.clone();
    for (name, _) in crate::config::PLAIN_VARIABLES {
        apart.remove(name);
    }
    apart
}

/// The demo's fresh folder; goes when the demo ends.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left behind lies in the system's folder for such things.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A password or key that can be typed: 24 hexadecimal digits.
fn secret() -> String {
    format!("{:024x}", rand::random::<u128>() >> 32)
}

impl Demo {
    pub async fn run(self, environment: &Environment, file: Option<PathBuf>) -> anyhow::Result<Outcome> {
        let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
        let folder = Folder(std::env::temp_dir().join(format!("guildsync-demo-{}", &secret()[..12])));
        std::fs::DirBuilder::new()
            .mode(0o700)
            .create(&folder.0)
            .with_context(|| format!("cannot make the folder {}", folder.0.display()))?;
        let mut guild = self.guild(&folder.0);
        let (key, password) = (secret(), secret());
        let config = self.settings(environment, file, &folder.0, &guild.invented, &key)?;
        let past = tokio::select! {
            past = past::live(&config, &mut guild, self.days()) => past?,
            _ = interrupt.recv() => return Ok(Outcome::Done),
            _ = terminate.recv() => return Ok(Outcome::Done),
        };
        let running = app::start(&config, &[Role::Http, Role::Worker], Carrier::Local).await?;
        let shown = tokio::select! {
            shown = self.show(&mut guild, &running, &config, &past, &key, &password) => shown,
            _ = interrupt.recv() => Ok(()),
            _ = terminate.recv() => Ok(()),
        };
        if let Err(error) = shown {
            running.stop().await;
            return Err(error);
        }
        // Only reached on a signal: the demo goes on until then.
        eprintln!("\nStopping; the demo's folder is removed.");
        running.stop().await;
        Ok(Outcome::Done)
    }

    /// How many days the guild has behind it.
    fn days(&self) -> i32 {
        past::days(self.members as usize)
    }

    fn guild(&self, folder: &Path) -> Guild {
        let founded = SystemClock.now() - TimeDelta::days(self.days().into());
        let invented = InventedGuild::new(self.seed.unwrap_or_else(rand::random), self.members as usize, founded);
        Guild { invented, roster: folder.join("roster.json"), accounts: self.members as usize * 3 / 10 }
    }

    fn settings(
        &self,
        environment: &Environment,
        file: Option<PathBuf>,
        folder: &Path,
        guild: &InventedGuild,
        key: &str,
    ) -> anyhow::Result<Config> {
        // Taken: any free port will do for a demo. Port 0 asks for one, and the printed address must name it.
        let listener = std::net::TcpListener::bind(self.bind).or_else(|_| std::net::TcpListener::bind((self.bind.ip(), 0)))?;
        let bind = listener.local_addr()?;
        drop(listener);
        let values = vec![
            ("guild.id", guild.id().to_string()),
            ("api.key", key.to_owned()),
            ("database.url", format!("sqlite://{}", folder.join("guildsync.db").display())),
            ("redis.url", String::new()),
            ("http.bind", bind.to_string()),
            ("http.public_url", format!("http://{bind}")),
        ];
        Ok(Config::load(environment, &Flags { file, values })?)
    }

    async fn show(
        &self,
        guild: &mut Guild,
        running: &Running,
        config: &Config,
        past: &Past,
        key: &str,
        password: &str,
    ) -> anyhow::Result<()> {
        let staff =
            NewStaff { username: "demo".into(), password_hash: super::staff::hash(&password.into())?, is_superuser: true };
        running.stores.accounts.create_staff(&staff, SystemClock.now()).await?;
        println!("guildsync demo: an invented guild of {} members\n", self.members);
        println!("First sync: {} members created in {} ms.", past.first.counts.created, past.took.as_millis());
        println!(
            "Since then: {} days of joining and leaving, synced once a day; one list came in short, and marked nobody.",
            past.days
        );
        println!("Accounts:   {} of the invented website, {} belong to members.\n", past.accounts.0, past.accounts.1);
        print_addresses(config, &guild.roster, key, password);
        loop {
            tokio::time::sleep(Duration::from_secs(self.every)).await;
            let churn = guild.invented.churn(SystemClock.now());
            let run = guild.sync(running).await?;
            println!("{}", line(&churn, &run));
        }
    }
}

fn print_addresses(config: &Config, roster: &Path, key: &str, password: &str) {
    let url = config.public_url();
    println!("  Pages    {url}/admin/");
    println!("  Login    demo");
    println!("  Password {password}\n");
    println!("Send the guild's list yourself; bots do it like this:\n");
    println!("  curl {url}/api/dbot/sync_guild_members -H 'Content-Type: application/json' \\");
    println!("    -H 'X-API-Key: {key}' -H 'X-Guild-Id: {}' \\", config.guild.id);
    println!("    --data-binary @{}\n", roster.display());
    println!("A list that comes in short marks nobody as left; see for yourself with  -d '{{\"members\":[]}}'\n");
    println!("The guild keeps changing. Stop with Ctrl-C.\n");
}

/// What changed in the guild, and what the sync made of it.
fn line(churn: &Churn, run: &Run) -> String {
    let counts = &run.counts;
    format!(
        "{}  {} joined, {} left, {} returned, {} changed  ->  created {}, marked left {}, rejoined {}, unchanged {}",
        SystemClock.now().format("%H:%M:%S"),
        churn.joined,
        churn.left,
        churn.returned,
        churn.changed,
        counts.created,
        counts.marked_left,
        counts.rejoined,
        counts.unchanged,
    )
}

/// The invented guild, and where its lists are.
struct Guild {
    invented: InventedGuild,
    /// The file with its list as it is now.
    roster: PathBuf,
    /// Accounts that its website has.
    accounts: usize,
}

impl Guild {
    /// Writes the guild's list and files it, as a bot would.
    async fn sync(&self, running: &Running) -> anyhow::Result<Run> {
        let beside = self.roster.with_extension("new");
        write(self.invented.roster(), &beside)?;
        // Whoever reads the list meanwhile gets the old one whole.
        std::fs::rename(&beside, &self.roster)?;
        file(&self.roster, running).await
    }

    /// Files a list that broke off half-way, as a bot might.
    async fn sync_half(&self, running: &Running) -> anyhow::Result<Run> {
        let broken = self.roster.with_extension("half");
        let members = self.invented.roster();
        write(&members[..members.len() / 2], &broken)?;
        file(&broken, running).await
    }

    /// Imports the accounts of its website; answers how many there are and how many belong to members.
    async fn import(&self, running: &Running, now: DateTime<Utc>) -> anyhow::Result<(i64, i64)> {
        let rows: Vec<_> = self
            .invented
            .accounts(self.accounts)
            .into_iter()
            .map(|account| ImportRow {
                username: account.username,
                email: account.email,
                discord_id: Claim::Id(account.discord_id),
            })
            .collect();
        let imported = running.stores.accounts.import(&rows, now).await?;
        anyhow::ensure!(imported.conflicts == 0, "the invented accounts contradict each other");
        Ok((imported.created, imported.linked))
    }
}

fn write(members: &[Member], path: &Path) -> anyhow::Result<()> {
    let mut file = BufWriter::new(std::fs::File::create(path)?);
    write_roster(members, &mut file)?;
    Ok(file.flush()?)
}

async fn file(roster: &Path, running: &Running) -> anyhow::Result<Run> {
    let intake = running.intake.as_ref().context("the demo has no guild")?;
    let run = intake.file_roster(tokio::fs::File::open(roster).await?, Wish::new(Source::Push)).await?;
    Ok(running.follow.to_end(run, PATIENCE, |_| {}).await?)
}
