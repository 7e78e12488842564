use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Churn, InventedAccount, InventedGuild, snowflake, write_roster};
use crate::domain::{DiscordId, Guard, MAX_ROLE_LEN, MAX_ROLES, MAX_TEXT, Member, Verdict};

type Tested = Result<(), Box<dyn std::error::Error>>;

/// The summer of 2026.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp_nanos(1_782_900_000_123_456_789)
}

fn guild(members: usize) -> InventedGuild {
    InventedGuild::new(7, members, now())
}

/// Everything that holds of a guild at any time.
fn assert_sound(guild: &InventedGuild, now: DateTime<Utc>) {
    let roster = guild.roster();
    assert!(roster.is_sorted_by(|one, next| one.id < next.id), "ascending, and no id twice");
    let names: HashSet<&str> = roster.iter().map(|member| member.username.as_str()).collect();
    assert_eq!(names.len(), roster.len(), "no username twice");
    let guild_made = snowflake::time(snowflake::made_at(guild.id()));
    for member in roster {
        assert_member(member);
        let made = snowflake::time(snowflake::made_at(member.id));
        assert!(member.joined_at > made && member.joined_at > guild_made && member.joined_at <= Some(now), "{member:?}");
    }
}

/// The rules of Discord, which are stricter than those of the domain.
fn assert_member(member: &Member) {
    assert!(is_username(&member.username, member.is_bot), "{member:?}");
    for text in [&member.username, &member.display_name, &member.nickname] {
        assert!(text.chars().count() <= 32 && text.chars().count() <= MAX_TEXT, "{member:?}");
        assert!(text.trim() == text && !text.contains(char::is_control), "{member:?}");
    }
    let hash = member.avatar_hash.strip_prefix("a_").unwrap_or(&member.avatar_hash);
    let is_hash = hash.len() == 32 && hash.chars().all(|c| matches!(c, '0'..='9' | 'a'..='f'));
    assert!(member.avatar_hash.is_empty() || is_hash, "{member:?}");
    let roles = member.roles.to_vec();
    assert!(roles.len() <= MAX_ROLES && roles.iter().all(|role| role.len() <= MAX_ROLE_LEN && role.parse::<DiscordId>().is_ok()));
    assert_eq!(roles.iter().collect::<HashSet<_>>().len(), roles.len(), "no role twice: {member:?}");
}

fn is_username(name: &str, is_bot: bool) -> bool {
    if is_bot {
        return name.split_once('#').is_some_and(|(name, number)| {
            !name.is_empty() && number.len() == 4 && number != "0000" && number.chars().all(|c| c.is_ascii_digit())
        });
    }
    let allowed = |c: char| matches!(c, 'a'..='z' | '0'..='9' | '_' | '.');
    (2..=32).contains(&name.len()) && name.chars().all(allowed) && !name.contains("..")
}

#[test]
fn the_same_seed_gives_the_same_guild_and_another_seed_another() {
    let (mut one, mut twin, other) = (guild(500), guild(500), InventedGuild::new(8, 500, now()));
    let later = now() + TimeDelta::minutes(10);
    assert_eq!((one.id(), one.churn(later)), (twin.id(), twin.churn(later)));
    assert_eq!(one.roster(), twin.roster());
    assert_eq!(one.accounts(100), twin.accounts(100));
    assert_ne!(one.id(), other.id());
    assert_ne!(guild(500).roster(), other.roster());
}

#[test]
fn a_guild_has_the_asked_size_and_keeps_all_rules() {
    for members in [0, 1, 2, 99, 20_000] {
        let guild = guild(members);
        assert_eq!(guild.roster().len(), members);
        assert_sound(&guild, now());
    }
}

#[test]
fn a_clock_outside_discords_years_still_makes_a_guild() {
    for time in [DateTime::<Utc>::UNIX_EPOCH, DateTime::<Utc>::MAX_UTC] {
        let mut guild = InventedGuild::new(1, 300, time);
        guild.churn(time);
        let within = snowflake::time(snowflake::millis(time));
        assert!(guild.roster().iter().all(|member| member.joined_at <= within));
        assert_eq!(guild.accounts(50).len(), 50);
    }
}

#[test]
fn the_shares_are_those_of_a_real_guild() {
    let guild = guild(40_000);
    let per_mille = |of: &dyn Fn(&Member) -> bool| guild.roster().iter().filter(|member| of(member)).count() / 40;
    let shares: [(&str, usize, usize, usize); 8] = [
        ("display name", 600, 15, per_mille(&|m| !m.display_name.is_empty())),
        ("nickname", 250, 15, per_mille(&|m| !m.nickname.is_empty())),
        ("avatar", 700, 15, per_mille(&|m| !m.avatar_hash.is_empty())),
        ("moving avatar", 56, 6, per_mille(&|m| m.avatar_hash.starts_with("a_"))),
        ("bot", 15, 3, per_mille(&|m| m.is_bot)),
        ("no role", 79, 10, per_mille(&|m| m.roles.to_vec().is_empty())),
        ("shown beyond plain Latin", 350, 50, per_mille(&|m| m.shown_name().chars().any(|c| c > '\u{24f}'))),
        // Seven emoji of 25 are joined ones; about an eighth of the shown names have an emoji.
        ("joined emoji", 34, 5, per_mille(&|m| m.shown_name().contains('\u{200d}'))),
    ];
    for (what, wanted, tolerance, found) in shares {
        assert!(found.abs_diff(wanted) <= tolerance, "{what}: {found} in 1,000, wanted {wanted}");
    }
    let roles: HashSet<String> = guild.roster().iter().flat_map(|member| member.roles.to_vec()).collect();
    assert_eq!(roles.len(), 12);
    for odd in ["<b>bold</b>", "=SUM(A1)"] {
        assert!(guild.roster().iter().any(|m| m.display_name == odd || m.nickname == odd), "{odd}");
    }
    for letters in
        ['א'..='ת', 'ء'..='ي', 'अ'..='ह', 'α'..='ω', 'а'..='я', 'ぁ'..='ヿ', '가'..='힣', 'ก'..='ฮ', '一'..='鿿', '𝐀'..='𝟿']
    {
        let found = guild.roster().iter().any(|m| m.display_name.chars().any(|c| letters.contains(&c)));
        assert!(found, "{letters:?}");
    }
}

#[test]
fn guild_and_accounts_grow_over_the_years() {
    let guild = guild(20_000);
    let half = snowflake::millis(now()) / 2;
    let early = guild.roster().iter().filter(|member| snowflake::made_at(member.id) < half).count();
    assert!((4_500..5_500).contains(&early), "a quarter in the first half of the years: {early}");
}

#[test]
fn churn_keeps_all_rules_over_many_steps() {
    let guard = Guard { floor: 25, share: 0.0 };
    let mut guild = guild(5_000);
    let mut time = now();
    let mut total = Churn::default();
    for step in 0..400 {
        let before = guild.clone();
        time += TimeDelta::minutes(5);
        let churn = guild.churn(time);
        assert_eq!(churn, difference(&before, &guild), "step {step}");
        let (listed, active) = (guild.roster().len() as u64, before.roster().len() as u64);
        assert_eq!(guard.judge(listed, active, churn.left as u64), Verdict::Believed, "step {step}");
        assert!((4_700..5_300).contains(&guild.roster().len()), "step {step}: {}", guild.roster().len());
        if step % 40 == 0 {
            assert_sound(&guild, time);
        }
        total.joined += churn.joined;
        total.left += churn.left;
        total.returned += churn.returned;
        total.changed += churn.changed;
    }
    assert_sound(&guild, time);
    assert!([total.joined, total.left, total.returned, total.changed].iter().all(|count| *count > 200), "{total:?}");
    assert!(guild.away.len() <= 1_000 && !guild.away.is_empty());
}

/// What a sync would say of two rosters; `before` knows who left earlier.
fn difference(before: &InventedGuild, after: &InventedGuild) -> Churn {
    let find = |guild: &InventedGuild, id| {
        let place = guild.roster().binary_search_by_key(&id, |member: &Member| member.id).ok()?;
        Some(guild.roster()[place].clone())
    };
    let mut seen = Churn::default();
    for member in after.roster() {
        match find(before, member.id) {
            Some(old) => seen.changed += usize::from(old != *member),
            None if before.away.iter().any(|gone| gone.id == member.id) => seen.returned += 1,
            None => seen.joined += 1,
        }
    }
    seen.left = before.roster().iter().filter(|member| find(after, member.id).is_none()).count();
    seen
}

#[test]
fn a_long_pause_and_a_clock_set_back_do_no_harm() {
    let mut guild = guild(1_000);
    let later = now() + TimeDelta::days(400);
    for time in [later, now(), later] {
        guild.churn(time);
        assert_sound(&guild, later);
    }
}

#[test]
fn tiny_guilds_never_empty() {
    for size in [1, 2, 10] {
        let mut guild = guild(size);
        for minutes in 1..200 {
            guild.churn(now() + TimeDelta::minutes(minutes));
            assert!((1..=size + 2).contains(&guild.roster().len()), "{size}: {}", guild.roster().len());
        }
    }
}

#[test]
fn the_memory_of_those_who_left_is_bounded() {
    let mut guild = guild(6_000);
    for minutes in 1..600 {
        guild.churn(now() + TimeDelta::minutes(minutes));
        assert!(guild.away.len() <= 1_000);
    }
    let known = guild.present.len() + guild.away.len() + guild.strangers.len();
    assert_eq!(guild.inventor.taken.len(), known, "forgotten names are free again");
}

fn assert_accounts(accounts: &[InventedAccount]) {
    let distinct = |of: &dyn Fn(&InventedAccount) -> String| accounts.iter().map(of).collect::<HashSet<_>>().len();
    assert_eq!(distinct(&|account| account.username.to_lowercase()), accounts.len());
    assert_eq!(distinct(&|account| account.email.to_lowercase()), accounts.len());
    assert_eq!(distinct(&|account| account.discord_id.to_string()), accounts.len());
    for account in accounts {
        let local = account.email.strip_suffix("@example.org").unwrap_or_default();
        assert!(!local.is_empty() && local.len() <= 64 && !local.starts_with('.') && !local.ends_with('.'), "{account:?}");
        assert!(!account.username.is_empty() && !account.username.contains(|c: char| !c.is_ascii_graphic()), "{account:?}");
        assert!(account.username.len() <= 40, "{account:?}");
    }
}

#[test]
fn most_accounts_belong_to_people_present_and_some_to_strangers() {
    let guild = guild(5_000);
    let people: HashSet<_> = guild.roster().iter().filter(|member| !member.is_bot).map(|member| member.id).collect();
    for (count, inside) in [(0, 0), (1, 1), (3_000, 2_625), (8_000, people.len())] {
        let accounts = guild.accounts(count);
        assert_eq!(accounts.len(), count);
        assert_accounts(&accounts);
        assert_eq!(accounts.iter().filter(|account| people.contains(&account.discord_id)).count(), inside);
        assert!(accounts.iter().all(|a| people.contains(&a.discord_id) || guild.roster().iter().all(|m| m.id != a.discord_id)));
    }
}

#[test]
fn some_who_have_an_account_join_later() {
    let mut guild = guild(5_000);
    let here: HashSet<_> = guild.roster().iter().map(|member| member.id).collect();
    let waiting: HashSet<_> =
        guild.accounts(3_000).into_iter().map(|account| account.discord_id).filter(|id| !here.contains(id)).collect();
    for minutes in 1..50 {
        guild.churn(now() + TimeDelta::minutes(minutes));
    }
    assert!(guild.roster().iter().any(|member| waiting.contains(&member.id)));
}

#[test]
fn the_written_roster_has_the_documented_shape() -> Tested {
    let guild = guild(2_000);
    let mut body = Vec::new();
    write_roster(guild.roster(), &mut body)?;
    let body: Value = serde_json::from_slice(&body)?;
    let listed = body["members"].as_array().ok_or("no list")?;
    assert_eq!(listed.len(), 2_000);
    for (member, entry) in guild.roster().iter().zip(listed) {
        let entry = entry.as_object().ok_or("no object")?;
        let keys: Vec<&str> = entry.keys().map(String::as_str).collect();
        assert_eq!(keys, ["avatar", "display_name", "id", "is_bot", "joined_at", "nickname", "roles", "username"]);
        let text = |key: &str| match &entry[key] {
            Value::Null => Some(""),
            Value::String(text) if text.is_empty() => None,
            other => other.as_str(),
        };
        let joined = text("joined_at").map(DateTime::parse_from_rfc3339).transpose()?;
        let roles: Vec<String> = serde_json::from_value(entry["roles"].clone())?;
        let read = Member {
            id: text("id").ok_or("an id is a string")?.parse()?,
            username: text("username").ok_or("a name is filled")?.to_owned(),
            display_name: text("display_name").ok_or("filled or null")?.to_owned(),
            nickname: text("nickname").ok_or("filled or null")?.to_owned(),
            avatar_hash: text("avatar").ok_or("filled or null")?.to_owned(),
            guild_avatar_hash: None,
            roles: roles.iter().collect(),
            joined_at: joined.map(|time| time.to_utc()),
            is_bot: entry["is_bot"].as_bool().ok_or("a bool")?,
        };
        assert_eq!(&read, member);
    }
    Ok(())
}

#[test]
fn an_empty_roster_is_an_empty_list() -> Tested {
    let mut body = Vec::new();
    write_roster([], &mut body)?;
    assert_eq!(body, br#"{"members":[]}"#);
    Ok(())
}

#[test]
fn a_hundred_thousand_members_are_no_trouble() {
    let mut guild = guild(100_000);
    assert_sound(&guild, now());
    let churn = guild.churn(now() + TimeDelta::minutes(1));
    assert_eq!(guild.roster().len(), 100_000 + churn.joined + churn.returned - churn.left);
    assert_accounts(&guild.accounts(60_000));
}

#[test]
fn every_role_that_somebody_holds_has_a_name() {
    let guild = guild(2_000);
    let names: std::collections::HashSet<String> = guild.guild_roles().iter().map(|role| role.id.to_string()).collect();
    assert_eq!(names.len(), 12);
    assert!(guild.roster().iter().flat_map(|member| member.roles.to_vec()).all(|role| names.contains(&role)));
}
