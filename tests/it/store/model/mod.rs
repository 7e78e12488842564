//! Random sequences of everything that can happen, against a plain model of the rules: after each step every row, run, hold, event and
//! account must be as the model says.
//!
//! The model ([`rules`], [`world`], [`small`], [`accounts`]) is written from the rules of a sync alone. [`desk`] keeps what is the workers'
//! business: claims and leases. [`driver`] and [`moves`] take both through the steps.

mod accounts;
mod compare;
mod desk;
mod driver;
mod moves;
mod regressions;
mod rules;
mod small;
mod steps;
mod world;

use std::hash::{BuildHasher as _, RandomState};
use std::io::Write as _;
use std::time::Instant;

use anyhow::{Context as _, Result};
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Runtime;

use self::driver::Drive;
use self::steps::Step;
use super::{Ledger, Raw};

/// As many as a test may take time for; `SEQUENCES` asks for more.
const CASES: u32 = 250;

/// Tables that sequences fill, those first that refer to others.
const TABLES: [&str; 10] = [
    "account_conflicts",
    "guild_members",
    "users",
    "sync_runs",
    "sync_batches",
    "held_departures",
    "member_events",
    "planned_changes",
    "idempotency_keys",
    "settings",
];

/// A ledger that is used for many sequences.
struct Field {
    runtime: Runtime,
    ledger: Ledger,
    raw: Raw,
    used: u32,
}

impl Field {
    fn new(open: impl AsyncFnOnce() -> Ledger) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let ledger = runtime.block_on(open());
        let raw = runtime.block_on(ledger.raw());
        Self { runtime, ledger, raw, used: 0 }
    }

    async fn clear(raw: &mut Raw, used: u32) {
        let statements = match raw {
            // Deleting is quicker, but leaves dead rows behind.
            Raw::Postgres(_) if used.is_multiple_of(100) => format!("TRUNCATE {} CASCADE", TABLES.join(", ")),
            _ => TABLES.map(|table| format!("DELETE FROM {table};")).concat(),
        };
        raw.execute(&statements).await;
    }

    /// Takes the ledger, emptied, and a new model through the steps.
    fn follow(&mut self, steps: &[Step]) -> Result<()> {
        let Self { runtime, ledger, raw, used } = self;
        *used += 1;
        runtime.block_on(async {
            Self::clear(raw, *used).await;
            let mut drive = Drive::new(ledger, raw);
            for (place, step) in steps.iter().enumerate() {
                let done = async {
                    drive.step(step).await?;
                    drive.compare().await
                };
                done.await.with_context(|| format!("step {place}, {step:?}"))?;
            }
            let done = async {
                drive.sweep().await?;
                drive.compare().await?;
                drive.compare_reading().await
            };
            done.await.context("in the end")
        })
    }
}

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number: {text}")))
}

fn check(name: &str, open: impl AsyncFnOnce() -> Ledger) {
    let long = number("SEQUENCES");
    let cases = long.map_or(CASES, |wanted| u32::try_from(wanted).unwrap());
    let seed = number("SEED").unwrap_or_else(|| RandomState::new().hash_one(0));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, max_shrink_iters: 2_000, failure_persistence: None, ..Config::default() };

    let start = Instant::now();
    let field = std::cell::RefCell::new(Field::new(open));
    let outcome = TestRunner::new_with_rng(config, rng).run(&steps::steps(), |steps| {
        field.borrow_mut().follow(&steps).map_err(|error| TestCaseError::fail(format!("{error:#}")))
    });
    if let Err(failure) = outcome {
        panic!("SEED={seed} {failure:#}");
    }
    if long.is_some() {
        // Said past the test harness, which keeps to itself what a test prints that passes.
        let taken = start.elapsed().as_secs();
        let _ = writeln!(std::io::stderr(), "{name}: {cases} sequences in {taken} s without a difference, SEED={seed}");
    }
}

#[test]
fn postgres_does_as_the_model_says() {
    check("postgres", Ledger::postgres);
}

#[test]
fn sqlite_does_as_the_model_says() {
    check("sqlite", Ledger::sqlite);
}
