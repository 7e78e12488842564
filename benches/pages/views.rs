//! The views that are asked for.

use guildsync::discord::InventedGuild;

const LIST: &str = "/admin/accounts/guildmember/";
const ACCOUNTS: &str = "/admin/accounts/user/";
const COMPARISON: &str = "/admin/accounts/guildmember/comparison/";

/// Each view with its address.
pub fn views(guild: &InventedGuild) -> Vec<(String, String)> {
    let role = |name: &str| guild.guild_roles().into_iter().find(|role| role.name == name).expect("the guild has it").id;
    let rare = guild.roster().iter().find(|member| member.username.len() > 12 && member.username.contains("ing"));
    let somebody = &guild.roster()[guild.roster().len() / 2];
    let list = [
        ("list", String::new()),
        ("list by -joined_at", "sort=-joined_at".into()),
        ("list by -date_left", "sort=-date_left".into()),
        ("status=present", "status=present".into()),
        ("status=left", "status=left".into()),
        ("status=left by joined_at", "status=left&sort=joined_at".into()),
        ("linked=yes", "linked=yes".into()),
        ("linked=no", "linked=no".into()),
        ("bot=yes", "bot=yes".into()),
        ("bot=no", "bot=no".into()),
        ("role of most", format!("role={}", role("Member"))),
        ("role of few", format!("role={}", role("Moderator"))),
        ("role of nobody", "role=1234567".into()),
        ("joined within a day", "joined_from=2024-03-05&joined_to=2024-03-05".into()),
        ("joined within a month", "joined_from=2024-03-01&joined_to=2024-03-31".into()),
        ("joined since 2024", "joined_from=2024-01-01".into()),
        ("left within a day", "left_from=2024-03-05&left_to=2024-03-05".into()),
        ("left since 2024", "left_from=2024-01-01".into()),
        ("search, common", "q=an".into()),
        ("search, common (three letters)", "q=ing".into()),
        ("search, common by -joined_at", "q=ing&sort=-joined_at".into()),
        ("search, middling", "q=anna".into()),
        ("search, middling with a filter", "q=anna&status=left".into()),
        ("search, rare", format!("q={}", url::form_urlencoded::byte_serialize(somebody.username.as_bytes()).collect::<String>())),
        ("search, none", "q=qqzzqq".into()),
        ("search, beginning of an id", format!("q={}", &somebody.id.to_string()[..8])),
        ("search, an account", "q=away19999".into()),
        ("search, two common words", "q=ing+the".into()),
        ("search, two common words by -joined_at", "q=ing+the&sort=-joined_at".into()),
        ("search, a common and a rare word", format!("q=ing+{}", rare.expect("somebody is called so").username)),
        ("search, a common and a short word", "q=ing+a".into()),
        ("search, a common word by -date_left", "q=ing&sort=-date_left".into()),
        ("deep, list", String::new()),
        ("deep, by -joined_at", "sort=-joined_at".into()),
        ("deep, status=left", "status=left".into()),
        ("deep, search", "q=ing".into()),
    ];
    let comparison = ["guild_only", "linked", "left", "no_guild"].map(|status| (status, format!("status={status}")));
    let searched = ["guild_only", "linked", "left", "no_guild"].map(|status| (status, format!("status={status}&q=anna")));
    let list = list.into_iter().map(|(view, query)| (view.to_owned(), address(LIST, &query)));
    let tabs = comparison.into_iter().map(|(tab, query)| (format!("comparison, {tab}"), address(COMPARISON, &query)));
    let searched = searched.into_iter().map(|(tab, query)| (format!("comparison, {tab}, search"), address(COMPARISON, &query)));
    let accounts = [
        ("accounts", String::new()),
        ("accounts by -last_login", "sort=-last_login".into()),
        ("accounts, part of most e-mails", "q=most.ex".into()),
        ("accounts, part of most e-mails by -date_joined", "q=most.ex&sort=-date_joined".into()),
        ("accounts, part of few e-mails", "q=few.ex".into()),
        ("accounts, part of no e-mail", "q=qqzzqq".into()),
        ("accounts, beginning of a name", "q=away19".into()),
        ("accounts, beginning of an id", format!("q={}", &somebody.id.to_string()[..8])),
    ];
    let accounts = accounts.into_iter().map(|(view, query)| (view.to_owned(), address(ACCOUNTS, &query)));
    list.chain(tabs).chain(searched).chain(accounts).collect()
}

fn address(path: &str, query: &str) -> String {
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Where the link to the next page leads.
pub fn next_page(page: &str) -> Option<String> {
    let before = page.split_once("\" rel=\"next\">")?.0;
    Some(before.rsplit_once("href=\"")?.1.replace("&#38;", "&"))
}
